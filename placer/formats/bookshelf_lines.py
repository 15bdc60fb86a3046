"""Lines of Bookshelf files as words, with errors that give file and line; rows of ``.scl`` files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from placer.formats.orientation import SPLIT
from placer.formats.tokens import parse_number, read_lines
from placer.netlist import InputError


@dataclass(frozen=True)
class Row:
    """A row of sites, as ``.scl`` has it."""

    y: float  # um, lower edge
    height: float  # um
    site_width: float  # um
    site_spacing: float  # um from site to site
    orient: str  # one of the eight, N where not given
    symmetry: str  # as the file has it
    subrows: tuple[tuple[float, int], ...]  # um, x of the first site; number of sites


class Lines:
    """Iterates over the lines of a file as lists of words, without comments, blank lines and the UCLA header."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 1
        self._words = self._read()

    def _read(self) -> Iterator[list[str]]:
        for number, text in read_lines(self.path):
            if ":" in text:
                text = text.replace(":", " : ")
            words = text.split()
            if not words or words[0][0] == "#":
                continue
            self.line = number
            if words[0] != "UCLA":
                yield words

    def __iter__(self) -> Iterator[list[str]]:
        return self._words

    def fail(self, expected: str, found: list[str] | None) -> NoReturn:
        """Raise InputError: file, line, what was expected, and the words found (None: the end of the file)."""
        shown = "the end of the file" if found is None else repr(" ".join(found)[:60])
        raise InputError(f"{self.path}:{self.line}: expected {expected}, found {shown}")

    def take(self, expected: str) -> list[str]:
        """The next line."""
        words = next(self._words, None)
        return self.fail(expected, None) if words is None else words

    def count(self, keyword: str) -> int:
        """The number of a line ``keyword : number``."""
        words = self.take(f"{keyword} : number")
        if len(words) != 3 or words[0].lower() != keyword.lower() or words[1] != ":":
            self.fail(f"{keyword} : number", words)
        return self.integer(words[2])

    def check(self, what: str, found: int, expected: int) -> None:
        """Fail if the file has another number of something than its head says."""
        if found != expected:
            self.fail(f"{expected} {what} as the file's head says", [str(found)])

    def number(self, word: str) -> float:
        """The value of a finite decimal number."""
        value = parse_number(word)
        return self.fail("a number", [word]) if value is None else value

    def integer(self, word: str) -> int:
        """The value of a whole number."""
        value = self.number(word)
        return int(value) if value == int(value) else self.fail("a whole number", [word])


def read_rows(lines: Lines) -> tuple[Row, ...]:
    """The rows of a ``.scl`` file."""
    count = lines.count("NumRows")
    rows = []
    for words in lines:
        if [word.lower() for word in words] != ["corerow", "horizontal"]:
            lines.fail("CoreRow Horizontal", words)
        rows.append(_row(lines))
    lines.check("rows", len(rows), count)
    return tuple(rows)


def _row(lines: Lines) -> Row:
    values = {
        "coordinate": "",
        "height": "",
        "sitewidth": "1",
        "sitespacing": "",
        "siteorient": "N",
        "sitesymmetry": "Y",
    }
    subrows: list[tuple[float, int]] = []
    while True:
        words = lines.take("End of a row")
        key = words[0].lower()
        if key == "end":
            break
        if key == "subroworigin" and len(words) == 6 and words[1] == words[4] == ":":
            subrows.append((lines.number(words[2]), lines.integer(words[5])))
        elif key in values and len(words) >= 2 and words[1] == ":":
            values[key] = " ".join(words[2:])
        else:
            lines.fail("a row's Coordinate, Height, Sitewidth, ..., SubrowOrigin or End", words)
    # Older files number orientation and symmetry; 0 and 1 stand for N and Y.
    orient = {"0": "N", "1": "N"}.get(values["siteorient"], values["siteorient"])
    if orient not in SPLIT:
        lines.fail("an orientation of the row's sites", [orient])
    width = lines.number(values["sitewidth"])
    spacing = lines.number(values["sitespacing"] or values["sitewidth"])
    row = Row(
        lines.number(values["coordinate"]), lines.number(values["height"]), width, spacing, orient,
        values["sitesymmetry"], tuple(subrows),
    )  # fmt: skip
    if row.height <= 0 or width < 0 or spacing < 0 or any(sites < 0 for _, sites in subrows):
        lines.fail("a row of positive height and sites that are not negative", ["End"])
    return row
