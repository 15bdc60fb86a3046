"""DEF 5.8: reading a design (LEF/DEF 5.8 Language Reference, Cadence, Si2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from placer.formats.def_design import (
    Box,
    DefBlockage,
    DefComponent,
    DefDesign,
    DefGroup,
    DefNet,
    DefPin,
    DefPort,
    DefRegion,
    DefRow,
    DefTracks,
)
from placer.formats.def_writer import write_def
from placer.formats.lef_geometry import MOST_POINTS, polygon_boxes
from placer.formats.orientation import ORIENTATIONS
from placer.formats.tokens import Tokens

__all__ = ["read_def", "write_def"]

VERBATIM = ("VIAS", "STYLES", "NONDEFAULTRULES", "PINPROPERTIES", "SLOTS", "FILLS", "SPECIALNETS", "SCANCHAINS")
"""Sections that are kept word by word."""
_STATEMENTS = ("TECHNOLOGY", "HISTORY", "GCELLGRID", "COMPONENTMASKSHIFT")  # kept word by word
_IGNORED = ("VERSION", "NAMESCASESENSITIVE")
_DIRECTIONS = ("INPUT", "OUTPUT", "INOUT", "FEEDTHRU")
_T = TypeVar("_T")


def read_def(path: str | Path) -> DefDesign:
    """Read a DEF file (also ``.def.gz``).

    Raises:
        InputError: the file cannot be read or breaks the syntax; the message gives file and line.
    """
    return _Reader(Path(path)).design()


class _Reader:
    """One pass over a file; lengths are divided by the database units of the UNITS statement."""

    def __init__(self, path: Path) -> None:
        self.tokens = Tokens(path)
        self.dbu = 100  # what the standard says where UNITS is missing

    def design(self) -> DefDesign:
        tokens = self.tokens
        design = DefDesign("", dbu=self.dbu)
        rows: list[DefRow] = []
        tracks: list[DefTracks] = []
        statements: list[str] = []
        sections: dict[str, tuple[str, ...]] = {}
        while True:
            word = tokens.take("END DESIGN").upper()
            if word == "END":
                tokens.expect("DESIGN")
                break
            if word == "DESIGN":
                design = replace(design, name=" ".join(tokens.statement("the design's name")))
            elif word == "UNITS":
                design = replace(design, dbu=self.units())
            elif word == "DIVIDERCHAR":
                design = replace(design, divider=self.quoted())
            elif word == "BUSBITCHARS":
                design = replace(design, bus_bits=self.quoted())
            elif word == "DIEAREA":
                points, rest = self.points(tokens.statement("the die's corners"))
                if rest or not 2 <= len(points) <= MOST_POINTS:
                    tokens.fail("two or more corners of the die")
                design = replace(design, die=tuple(points))
            elif word == "ROW":
                rows.append(self.row(tokens.statement("a row")))
            elif word == "TRACKS":
                tracks.append(self.tracks(tokens.statement("tracks")))
            elif word == "COMPONENTS":
                design = replace(design, components=self.section(word, self.component))
            elif word == "PINS":
                design = replace(design, pins=self.section(word, self.pin))
            elif word == "NETS":
                design = replace(design, nets=self.section(word, self.net))
            elif word == "BLOCKAGES":
                design = replace(design, blockages=self.section(word, self.blockage))
            elif word == "REGIONS":
                design = replace(design, regions=self.section(word, self.region))
            elif word == "GROUPS":
                design = replace(design, groups=self.section(word, self.group))
            elif word in VERBATIM:
                sections[word] = self.section(word, " ".join)
            elif word == "PROPERTYDEFINITIONS":
                sections[word] = tuple(self.property_definitions())
            elif word == "BEGINEXT":
                tokens.skip_past("ENDEXT")
            elif word in _STATEMENTS:
                statements.append(" ".join([word, *tokens.statement(word)]))
            elif word in _IGNORED:
                tokens.statement(word)
            else:
                tokens.fail("a DEF statement such as DESIGN, ROW, COMPONENTS or NETS", word)
        if not design.name:
            tokens.fail("a DESIGN statement with the design's name before END DESIGN")
        return replace(design, rows=tuple(rows), tracks=tuple(tracks), statements=tuple(statements), sections=sections)

    def section(self, keyword: str, parse: Callable[[list[str]], _T]) -> tuple[_T, ...]:
        """The items of ``KEYWORD n ; - item ; ... END KEYWORD``. The count is advice; it is not relied on."""
        self.tokens.integer(" ".join(self.tokens.statement(f"the count of {keyword}")))
        return tuple(parse(words) for words in self.items(keyword))

    def items(self, keyword: str) -> Iterator[list[str]]:
        while True:
            word = self.tokens.take(f"END {keyword}")
            if word.upper() == "END":
                self.tokens.expect(keyword)
                return
            if word != "-":
                self.tokens.fail(f"'-' before the next item, or END {keyword}", word)
            words = self.tokens.statement(f"an item of {keyword}")
            if not words:
                self.tokens.fail(f"an item of {keyword}", ";")
            yield words

    def property_definitions(self) -> Iterator[str]:
        while True:
            if self.tokens.peek().upper() == "END":
                self.tokens.take("END")
                self.tokens.expect("PROPERTYDEFINITIONS")
                return
            yield " ".join(self.tokens.statement("a property's definition"))

    def units(self) -> int:
        words = self.tokens.statement("UNITS DISTANCE MICRONS")
        if [word.upper() for word in words[:2]] != ["DISTANCE", "MICRONS"] or len(words) != 3:
            self.tokens.fail("DISTANCE MICRONS and a number", " ".join(words))
        self.dbu = self.tokens.integer(words[2])
        if not 0 < self.dbu <= 1_000_000:
            self.tokens.fail("between 1 and 1,000,000 database units per micron", words[2])
        return self.dbu

    def quoted(self) -> str:
        words = self.tokens.statement("characters in double quotes")
        if len(words) != 1 or not words[0].startswith('"'):
            self.tokens.fail("characters in double quotes", " ".join(words))
        return words[0].strip('"')

    def length(self, word: str) -> float:
        """Micrometres of a length that a file gives in database units."""
        return self.tokens.integer(word) / self.dbu

    def orient(self, word: str) -> str:
        if word not in ORIENTATIONS:
            self.tokens.fail(f"an orientation ({', '.join(ORIENTATIONS)})", word)
        return word

    def point(self, words: list[str], what: str) -> tuple[float, float]:
        if len(words) != 4 or words[0] != "(" or words[3] != ")":
            self.tokens.fail(f"{what} as ( x y )", " ".join(words))
        return self.length(words[1]), self.length(words[2])

    def points(self, words: list[str]) -> tuple[list[tuple[float, float]], list[str]]:
        """The points that a list of words begins with, and the words after them."""
        found, where = [], 0
        while where < len(words) and words[where] == "(":
            found.append(self.point(words[where : where + 4], "a point"))
            where += 4
        return found, words[where:]

    def boxes(self, words: list[str]) -> tuple[Box, ...]:
        """Boxes of pairs of points and of ``RECT ( ) ( )`` and ``POLYGON ( ) ( ) ( ) ...``."""
        boxes: list[Box] = []
        while words:
            keyword = words[0].upper()
            points, rest = self.points(words[1:] if keyword in ("RECT", "POLYGON") else words)
            if keyword == "POLYGON" and 3 <= len(points) <= MOST_POINTS:
                boxes += polygon_boxes(points)
            elif keyword in ("RECT", "(") and points and len(points) % 2 == 0:
                for (x1, y1), (x2, y2) in zip(points[::2], points[1::2], strict=True):
                    boxes.append((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)))
            else:
                self.tokens.fail("RECT with two points or POLYGON with three or more", " ".join(words))
            words = rest
        return tuple(boxes)

    def row(self, words: list[str]) -> DefRow:
        if len(words) < 5:
            self.tokens.fail("ROW name site x y orientation", " ".join(words))
        name, site, x, y, orient = words[:5]
        row = DefRow(name, site, self.length(x), self.length(y), self.orient(orient))
        rest = words[5:]
        if "+" in rest:
            rest = rest[: rest.index("+")]
        if rest:
            upper = [word.upper() for word in rest]
            if len(rest) not in (4, 7) or upper[0] != "DO" or upper[2] != "BY" or upper[4:5] not in ([], ["STEP"]):
                self.tokens.fail("DO columns BY rows STEP dx dy", " ".join(rest))
            columns, count = self.tokens.integer(rest[1]), self.tokens.integer(rest[3])
            if columns < 0 or count < 0:
                self.tokens.fail("counts that are not negative", " ".join(rest))
            row = replace(row, columns=columns, rows=count)
            if len(rest) == 7:
                row = replace(row, step_x=self.length(rest[5]), step_y=self.length(rest[6]))
        return row

    def tracks(self, words: list[str]) -> DefTracks:
        upper = [word.upper() for word in words]
        if len(words) < 6 or upper[0] not in ("X", "Y") or upper[2] != "DO" or upper[4] != "STEP":
            self.tokens.fail("TRACKS X|Y start DO count STEP step LAYER names", " ".join(words))
        count = self.tokens.integer(words[3])
        if count < 0:
            self.tokens.fail("a count that is not negative", words[3])
        layers = tuple(words[upper.index("LAYER") + 1 :]) if "LAYER" in upper else ()
        return DefTracks(upper[0], self.length(words[1]), count, self.length(words[5]), layers)

    def component(self, words: list[str]) -> DefComponent:
        head, *options = split_options(words)
        if len(head) != 2:
            self.tokens.fail("a component: - name master", " ".join(head))
        x, y, orient, status = 0.0, 0.0, "N", "UNPLACED"
        halo: Box | None = None
        kept: list[list[str]] = []
        for option in options:
            keyword = option[0].upper()
            if keyword in ("PLACED", "FIXED", "COVER"):
                x, y, orient = self.place(option)
                status = keyword
            elif keyword == "HALO" and option[1:2] != ["SOFT"]:
                sides = self.tokens.numbers(option[1:], 4, "HALO")
                halo = (sides[0] / self.dbu, sides[1] / self.dbu, sides[2] / self.dbu, sides[3] / self.dbu)
            elif keyword != "UNPLACED":
                kept.append(option)
        return DefComponent(head[0], head[1], x, y, orient, status, halo, join_options(kept))

    def place(self, option: list[str]) -> tuple[float, float, str]:
        """Position and orientation of ``PLACED ( x y ) orientation`` and its like."""
        if len(option) != 6:
            self.tokens.fail(f"{option[0]} ( x y ) orientation", " ".join(option))
        return *self.point(option[1:5], "a position"), self.orient(option[5])

    def pin(self, words: list[str]) -> DefPin:
        head, *options = split_options(words)
        if len(head) != 1:
            self.tokens.fail("a pin: - name + NET net", " ".join(head))
        net, direction, use = "", "", ""
        ports: list[DefPort] = []
        kept: list[list[str]] = []
        for option in options:
            keyword = option[0].upper()
            if keyword in ("NET", "DIRECTION", "USE"):
                if len(option) != 2:
                    self.tokens.fail(f"{keyword} and one word", " ".join(option))
                if keyword == "NET":
                    net = option[1]
                elif keyword == "USE":
                    use = option[1].upper()
                else:
                    direction = option[1].upper()
                    if direction not in _DIRECTIONS:
                        self.tokens.fail(f"a direction ({', '.join(_DIRECTIONS)})", option[1])
            elif keyword == "PORT":
                ports.append(DefPort())
            elif keyword in ("LAYER", "POLYGON", "PLACED", "FIXED", "COVER"):
                ports[-1:] = [self.port(ports[-1] if ports else DefPort(), keyword, option)]
            else:
                kept.append(option)
        return DefPin(head[0], net, direction, use, tuple(ports), join_options(kept))

    def port(self, port: DefPort, keyword: str, option: list[str]) -> DefPort:
        """A port with one more shape, or with its position."""
        if keyword in ("LAYER", "POLYGON"):
            if len(option) < 2:
                self.tokens.fail(f"{keyword} with a layer and points", " ".join(option))
            start = option.index("(") if "(" in option else len(option)
            shapes = self.boxes((["POLYGON"] if keyword == "POLYGON" else []) + option[start:])
            return replace(port, rects=port.rects + tuple((option[1], *box) for box in shapes))
        x, y, orient = self.place(option)
        return replace(port, x=x, y=y, orient=orient, status=keyword)

    def net(self, words: list[str]) -> DefNet:
        pins: list[tuple[str, str]] = []
        where = 1
        while where < len(words) and words[where] == "(":
            try:
                end = words.index(")", where)
            except ValueError:
                self.tokens.fail("a closing parenthesis after a pin", " ".join(words[where : where + 4]))
            if end - where < 3:
                self.tokens.fail("( component pin )", " ".join(words[where : end + 1]))
            pins.append((words[where + 1], words[where + 2]))
            where = end + 1
        head, *options = split_options(words[where:])
        if head:
            self.tokens.fail(f"'( component pin )', '+' or ';' in net {words[0]}", " ".join(head))
        use, weight = "", None
        kept: list[list[str]] = []
        for option in options:
            keyword = option[0].upper()
            if keyword == "USE" and len(option) == 2:
                use = option[1].upper()
            elif keyword == "WEIGHT":
                weight = self.tokens.numbers(option[1:], 1, "a weight")[0]
                if weight < 0:
                    self.tokens.fail("a weight that is not negative", option[1])
            else:
                kept.append(option)
        return DefNet(words[0], tuple(pins), use, weight, join_options(kept))

    def blockage(self, words: list[str]) -> DefBlockage:
        keyword = words[0].upper()
        if keyword not in ("LAYER", "PLACEMENT") or (keyword == "LAYER" and len(words) < 2):
            self.tokens.fail("LAYER name or PLACEMENT", " ".join(words))
        skip = 2 if keyword == "LAYER" else 1
        upper = [word.upper() for word in words]
        shapes = next((i for i in range(skip, len(words)) if upper[i] in ("RECT", "POLYGON")), len(words))
        boxes = self.boxes(words[shapes:])
        return DefBlockage(words[1] if keyword == "LAYER" else "", boxes, " ".join(words[skip:shapes]))

    def region(self, words: list[str]) -> DefRegion:
        head, *options = split_options(words)
        if not head:
            self.tokens.fail("a region's name", "+")
        return DefRegion(head[0], self.boxes(head[1:]), join_options(options))

    def group(self, words: list[str]) -> DefGroup:
        head, *options = split_options(words)
        if not head:
            self.tokens.fail("a group's name", "+")
        regions = [option[1] for option in options if option[0].upper() == "REGION" and len(option) == 2]
        kept = [option for option in options if option[0].upper() != "REGION"]
        return DefGroup(head[0], tuple(head[1:]), regions[0] if regions else "", join_options(kept))


def split_options(words: list[str]) -> list[list[str]]:
    """Words cut at each ``+``: those before the first, then each option's, which are never empty."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == "+":
            parts.append([])
        else:
            parts[-1].append(word)
    return [parts[0], *(part for part in parts[1:] if part)]


def join_options(options: list[list[str]]) -> str:
    """The text of options as split_options() cut them."""
    return " ".join(" ".join(["+", *option]) for option in options)
