"""Words of LEF, DEF and Bookshelf files, each with the line that it stands in."""

from __future__ import annotations

import gzip
import re
import zlib
from array import array
from collections.abc import Iterator
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import NoReturn

from placer.netlist import InputError

LARGEST = 1e12
"""Numbers beyond this in magnitude are refused: no measure of a chip, in any unit used, is that large."""

LARGEST_FILE = 4 << 30
"""Bytes of text, unpacked, beyond which a file is refused."""

_WORD = re.compile(r'"[^"]*"|[^\s"]+')
_PART = 1 << 22  # bytes read at once
_SPECIAL = re.compile(r'["#]|\S;')
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line of a text file; a name that ends in ``.gz`` is unpacked on the way.

    Raises:
        InputError: the file cannot be read, is not text, is not a sound gzip file, or is larger than LARGEST_FILE.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            data = bytearray()
            while len(data) <= LARGEST_FILE and (part := file.read(_PART)):
                data += part
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    if len(data) > LARGEST_FILE:
        raise InputError(f"{path}: expected at most {LARGEST_FILE} bytes of text, found more")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: expected UTF-8 text, found the byte 0x{data[error.start]:02x}") from None
    return enumerate(StringIO(text), 1)


def parse_number(word: str) -> float | None:
    """The value of a decimal number, None for anything else (``nan``, ``1_0``, ``0x1``, beyond LARGEST)."""
    if not _NUMBER.fullmatch(word):
        return None
    value = float(word)
    return value if isfinite(value) and abs(value) <= LARGEST else None


class Tokens:
    """A cursor over the words of a LEF or DEF file.

    Words are separated by white space; ``#`` at the start of a word begins a comment; a string in double
    quotes, which may span lines, is one word and keeps its quotes; a semicolon that ends a word is a word of
    its own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        self.words: list[str] = []
        self._lines = array("i")  # line of each word
        self._read()

    def _read(self) -> None:
        pending, first = "", 0  # a string in quotes that goes on in the next line, and where it began
        for number, line in read_lines(self.path):
            if pending:
                pending += line
                if '"' not in line:
                    continue
                line, pending = pending, ""
            else:
                first = number
            if _SPECIAL.search(line):
                words, pending = _split(line)
            else:
                words = line.split()
            self.words.extend(words)
            self._lines.extend([first] * len(words))
        if pending:
            raise InputError(f"{self.path}:{first}: expected a closing double quote, found the end of the file")

    @property
    def line(self) -> int:
        """Line of the word that was taken last (of the first word, before any was)."""
        if not self._lines:
            return 1
        return self._lines[min(max(self.position - 1, 0), len(self._lines) - 1)]

    def fail(self, expected: str, found: str | None = None) -> NoReturn:
        """Raise InputError: file and line of the last word taken, what was expected, what was found."""
        shown = "" if found is None else f", found {found[:60]!r}"
        raise InputError(f"{self.path}:{self.line}: expected {' '.join(expected.split())[:120]}{shown}")

    @property
    def done(self) -> bool:
        """Whether all words are taken."""
        return self.position >= len(self.words)

    def peek(self) -> str:
        """The next word, not taken; empty at the end of the file."""
        return self.words[self.position] if self.position < len(self.words) else ""

    def take(self, expected: str) -> str:
        """The next word."""
        if self.position >= len(self.words):
            self.fail(expected, "the end of the file")
        self.position += 1
        return self.words[self.position - 1]

    def expect(self, word: str) -> None:
        """Take one given word (keywords are compared without regard to case)."""
        found = self.take(word)
        if found.upper() != word.upper():
            self.fail(f"{word!r}", found)

    def statement(self, expected: str) -> list[str]:
        """The words up to the next semicolon, which is taken too but not returned."""
        try:
            end = self.words.index(";", self.position)
        except ValueError:
            self.fail(f"{expected} and a semicolon", "the end of the file")
        words = self.words[self.position : end]
        self.position = end + 1
        return words

    def skip_past(self, *words: str) -> None:
        """Take everything up to and with a sequence of words, such as ``END``, name."""
        where = self.position
        while True:
            try:
                where = self.words.index(words[0], where)
            except ValueError:
                self.fail(" ".join(words), "the end of the file")
            if self.words[where : where + len(words)] == list(words):
                self.position = where + len(words)
                return
            where += 1

    def number(self, word: str) -> float:
        """The value of a word that must be a finite decimal number."""
        value = parse_number(word)
        if value is None:
            self.fail("a number", word)
        return value

    def integer(self, word: str) -> int:
        """The value of a word that must be a whole number."""
        if len(word) <= 12 and word.isascii() and word.removeprefix("-").isdecimal():
            return int(word)
        value = self.number(word)
        if value != int(value):
            self.fail("a whole number", word)
        return int(value)

    def numbers(self, words: list[str], count: int, what: str) -> list[float]:
        """The values of exactly ``count`` words."""
        if len(words) != count:
            self.fail(f"{what}: {count} numbers", " ".join(words))
        return [self.number(word) for word in words]


def _split(line: str) -> tuple[list[str], str]:
    """Words of a line with quotes, comments or attached semicolons; its rest from an open quote on."""
    words: list[str] = []
    where = 0
    while True:
        while where < len(line) and line[where].isspace():
            where += 1
        if where >= len(line) or line[where] == "#":
            return words, ""
        match = _WORD.match(line, where)
        if match is None:
            return words, line[where:]
        word = match.group()
        where = match.end()
        if len(word) > 1 and word[-1] == ";":
            words += [word[:-1], ";"]
        else:
            words.append(word)
