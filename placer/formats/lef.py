"""LEF: layers and sites of a technology; outlines, pins and obstructions of its macros and cells.

Follows the LEF/DEF 5.8 Language Reference (Cadence, Si2). What placement has no use for (vias, via rules, antenna,
design rules beyond width and spacing) is stepped over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from placer.formats.lef_geometry import Rect, read_geometry
from placer.formats.tokens import Tokens

_DIRECTIONS = ("INPUT", "OUTPUT", "INOUT", "FEEDTHRU")
_USES = ("SIGNAL", "ANALOG", "POWER", "GROUND", "CLOCK", "RESET", "SCAN", "TIEOFF")
_LAYER_TYPES = ("ROUTING", "CUT", "MASTERSLICE", "OVERLAP", "IMPLANT")
_CLASSES = ("BLOCK", "CORE", "PAD", "COVER", "RING", "ENDCAP")
# Stepped over: statements up to their semicolon, blocks up to END name, sections up to END keyword.
_STATEMENTS = (
    "VERSION",
    "BUSBITCHARS",
    "DIVIDERCHAR",
    "NAMESCASESENSITIVE",
    "USEMINSPACING",
    "CLEARANCEMEASURE",
    "FIXEDMASK",
    "MAXVIASTACK",
    "NOWIREEXTENSIONATPIN",
    "MINFEATURE",
    "DIELECTRIC",
    "UNIVERSALNOISEMARGIN",
    "EDGERATETHRESHOLD1",
    "EDGERATETHRESHOLD2",
    "EDGERATESCALEFACTOR",
    "ANTENNAINPUTGATEAREA",
    "ANTENNAINOUTDIFFAREA",
    "ANTENNAOUTPUTDIFFAREA",
    "OUTPUTPINANTENNASIZE",
    "INPUTPINANTENNASIZE",
    "INOUTPINANTENNASIZE",
)
_BLOCKS = ("VIA", "VIARULE", "NONDEFAULTRULE", "ARRAY", "NOISETABLE", "CORRECTIONTABLE")
_SECTIONS = ("PROPERTYDEFINITIONS", "SPACING", "IRDROP")


@dataclass(frozen=True)
class LefLayer:
    """A layer. Lengths in um; what a file does not give is None."""

    name: str
    type: str  # ROUTING, CUT, MASTERSLICE, OVERLAP or IMPLANT
    direction: str | None = None  # HORIZONTAL, VERTICAL, DIAG45 or DIAG135
    pitch: tuple[float, float] | None = None  # um, between vertical (x) and between horizontal (y) tracks
    offset: tuple[float, float] | None = None  # um, of the first vertical (x) and horizontal (y) track
    width: float | None = None  # um
    spacing: float | None = None  # um, the first value given
    resistance: float | None = None  # routing: ohm per square; cut: ohm per via
    capacitance: float | None = None  # pF per um2
    edge_capacitance: float | None = None  # pF per um


@dataclass(frozen=True)
class LefSite:
    """A placement site."""

    name: str
    cls: str  # CORE or PAD
    width: float  # um
    height: float  # um
    symmetry: tuple[str, ...] = ()  # of X, Y, R90


@dataclass(frozen=True)
class LefPin:
    """A pin of a macro and its shapes."""

    name: str
    direction: str  # INPUT, OUTPUT, INOUT or FEEDTHRU
    use: str  # SIGNAL, POWER, GROUND, CLOCK, ...
    rects: tuple[Rect, ...]  # (layer, x1, y1, x2, y2), um from the macro's lower left corner

    @property
    def centre(self) -> tuple[float, float]:
        """Centre of the bounding box of the shapes, um from the macro's lower left; (0, 0) without shapes."""
        if not self.rects:
            return 0.0, 0.0
        _, x1, y1, x2, y2 = zip(*self.rects, strict=True)
        return (min(x1) + max(x2)) / 2, (min(y1) + max(y2)) / 2


@dataclass(frozen=True)
class LefMacro:
    """A macro or standard cell, its lower left corner at (0, 0)."""

    name: str
    cls: str  # BLOCK, CORE, PAD, COVER, RING or ENDCAP
    subclass: str  # such as TIEHIGH, SPACER, BLACKBOX; mostly empty
    width: float  # um
    height: float  # um
    site: str  # empty where none is named
    symmetry: tuple[str, ...]  # of X, Y, R90
    pins: dict[str, LefPin]
    obs: tuple[Rect, ...]  # (layer, x1, y1, x2, y2), um from the macro's lower left corner


@dataclass(frozen=True)
class LefLibrary:
    """All that a set of LEF files defines, in file order."""

    macros: dict[str, LefMacro] = field(default_factory=dict)
    sites: dict[str, LefSite] = field(default_factory=dict)
    layers: dict[str, LefLayer] = field(default_factory=dict)
    dbu_per_micron: int = 1000
    manufacturing_grid: float | None = None  # um


def read_lef(*paths: str | Path) -> LefLibrary:
    """Read LEF files (also ``.lef.gz``) into one library, the technology first when there are several.

    A macro, site or layer that several files define is taken from the last.

    Raises:
        InputError: a file cannot be read or breaks the syntax; the message gives file and line.
    """
    macros: dict[str, LefMacro] = {}
    sites: dict[str, LefSite] = {}
    layers: dict[str, LefLayer] = {}
    units, grid = 1000, None
    for path in paths:
        tokens = Tokens(Path(path))
        while not tokens.done:
            word = tokens.take("a LEF statement")
            keyword = word.upper()
            if keyword == "MACRO":
                macro = _macro(tokens, layers)
                macros[macro.name] = macro
            elif keyword == "LAYER":
                layer = _layer(tokens)
                layers[layer.name] = layer
            elif keyword == "SITE":
                site = _site(tokens)
                sites[site.name] = site
            elif keyword == "UNITS":
                units = _units(tokens, units)
            elif keyword == "MANUFACTURINGGRID":
                grid = tokens.numbers(tokens.statement("the grid"), 1, "the manufacturing grid")[0]
                if grid <= 0:
                    tokens.fail("a manufacturing grid above 0 um")
            elif keyword == "END":
                tokens.expect("LIBRARY")
                break
            else:
                _skip(tokens, word)
    return LefLibrary(macros, sites, layers, units, grid)


def _skip(tokens: Tokens, word: str) -> None:
    """Step over a statement or block that placement has no use for."""
    keyword = word.upper()
    if keyword in _STATEMENTS:
        tokens.statement(keyword)
    elif keyword in _BLOCKS:
        tokens.skip_past("END", tokens.take(f"the name of the {keyword}"))
    elif keyword in _SECTIONS:
        tokens.skip_past("END", word)
    elif keyword == "BEGINEXT":
        tokens.skip_past("ENDEXT")
    else:
        tokens.fail("a LEF statement such as LAYER, SITE or MACRO", word)


def _units(tokens: Tokens, units: int) -> int:
    while True:
        word = tokens.take("END UNITS").upper()
        if word == "END":
            tokens.expect("UNITS")
            return units
        words = tokens.statement("a unit")
        if word == "DATABASE":
            if len(words) != 2 or words[0].upper() != "MICRONS":
                tokens.fail("MICRONS and a number", " ".join(words))
            units = tokens.integer(words[1])
            if not 0 < units <= 1_000_000:
                tokens.fail("between 1 and 1,000,000 database units per micron", words[1])


def _one_of(tokens: Tokens, words: list[str], choices: tuple[str, ...], what: str) -> str:
    word = words[0].upper() if words else ""
    if word not in choices:
        tokens.fail(f"{what}: one of {', '.join(choices)}", " ".join(words))
    return word


def _size(tokens: Tokens, words: list[str]) -> tuple[float, float]:
    if len(words) != 3 or words[1].upper() != "BY":
        tokens.fail("a size such as 0.19 BY 1.4", " ".join(words))
    width, height = tokens.number(words[0]), tokens.number(words[2])
    if width < 0 or height < 0:
        tokens.fail("a size that is not negative", " ".join(words))
    return width, height


def _symmetry(tokens: Tokens, words: list[str]) -> tuple[str, ...]:
    return tuple(_one_of(tokens, [word], ("X", "Y", "R90"), "symmetry") for word in words)


def _pair(tokens: Tokens, words: list[str], what: str) -> tuple[float, float]:
    if len(words) not in (1, 2):
        tokens.fail(f"{what}: one or two numbers", " ".join(words))
    return tokens.number(words[0]), tokens.number(words[-1])


def _site(tokens: Tokens) -> LefSite:
    name = tokens.take("the site's name")
    cls, size = "CORE", None
    symmetry: tuple[str, ...] = ()
    while True:
        word = tokens.take(f"END {name}").upper()
        if word == "END":
            tokens.expect(name)
            if size is None:
                tokens.fail(f"a SIZE in site {name}")
            return LefSite(name, cls, size[0], size[1], symmetry)
        words = tokens.statement(f"the statement {word}")
        if word == "CLASS":
            cls = _one_of(tokens, words, ("CORE", "PAD"), "class of a site")
        elif word == "SIZE":
            size = _size(tokens, words)
        elif word == "SYMMETRY":
            symmetry = _symmetry(tokens, words)
        elif word != "ROWPATTERN":
            tokens.fail("CLASS, SIZE, SYMMETRY, ROWPATTERN or END in a site", word)


def _layer(tokens: Tokens) -> LefLayer:
    name = tokens.take("the layer's name")
    kind, direction, width, spacing = "", None, None, None
    pitch: tuple[float, float] | None = None
    offset: tuple[float, float] | None = None
    electrical: dict[str, float] = {}
    while True:
        word = tokens.take(f"END {name}").upper()
        if word == "END":
            tokens.expect(name)
            if not kind:
                tokens.fail(f"a TYPE in layer {name}")
            return LefLayer(name, kind, direction, pitch, offset, width, spacing, **electrical)
        words = tokens.statement(f"the statement {word}")
        if word == "TYPE":
            kind = _one_of(tokens, words, _LAYER_TYPES, "type of a layer")
        elif word == "DIRECTION":
            choices = ("HORIZONTAL", "VERTICAL", "DIAG45", "DIAG135")
            direction = _one_of(tokens, words, choices, "direction")
        elif word == "PITCH":
            pitch = _pair(tokens, words, "pitch")
        elif word == "OFFSET":
            offset = _pair(tokens, words, "offset")
        elif word == "WIDTH":
            width = tokens.numbers(words, 1, "width")[0]
        elif word == "SPACING" and words and spacing is None:
            spacing = tokens.number(words[0])
        elif word == "SPACINGTABLE" and spacing is None:
            spacing = _table_spacing(tokens, words)
        elif word == "RESISTANCE" and words:
            electrical["resistance"] = tokens.number(words[-1])
        elif word == "CAPACITANCE" and words:
            electrical["capacitance"] = tokens.number(words[-1])
        elif word == "EDGECAPACITANCE":
            electrical["edge_capacitance"] = tokens.numbers(words, 1, "edge capacitance")[0]


def _table_spacing(tokens: Tokens, words: list[str]) -> float | None:
    """The least spacing of a SPACINGTABLE: that of the narrowest width and the shortest parallel run."""
    upper = [word.upper() for word in words]
    if "WIDTH" not in upper:
        return None
    first = upper.index("WIDTH") + 2
    return tokens.number(words[first]) if first < len(words) else tokens.fail("a spacing after WIDTH")


def _macro(tokens: Tokens, layers: dict[str, LefLayer]) -> LefMacro:
    name = tokens.take("the macro's name")
    cls, subclass, site = "CORE", "", ""
    size: tuple[float, float] | None = None
    origin = (0.0, 0.0)
    symmetry: tuple[str, ...] = ()
    pins: dict[str, LefPin] = {}
    obs: list[Rect] = []
    widths = {layer.name: layer.width or 0.0 for layer in layers.values()}
    while True:
        word = tokens.take(f"END {name}").upper()
        if word == "END":
            tokens.expect(name)
            break
        if word == "PIN":
            pin = _pin(tokens, widths)
            if pin.name in pins:
                tokens.fail(f"one pin {pin.name} in macro {name}, found a second")
            pins[pin.name] = pin
        elif word == "OBS":
            obs += read_geometry(tokens, widths)
        elif word in ("DENSITY", "TIMING"):
            tokens.skip_past("END")
            if word == "TIMING":
                tokens.expect("TIMING")
        else:
            words = tokens.statement(f"the statement {word}")
            if word == "CLASS":
                cls = _one_of(tokens, words, _CLASSES, "class of a macro")
                subclass = " ".join(words[1:]).upper()
            elif word == "SIZE":
                size = _size(tokens, words)
            elif word == "ORIGIN":
                x, y = tokens.numbers(words, 2, "origin")
                origin = x, y
            elif word == "SYMMETRY":
                symmetry = _symmetry(tokens, words)
            elif word == "SITE":
                site = words[0] if words else tokens.fail("a site's name")
    if size is None:
        tokens.fail(f"a SIZE in macro {name}")
    pins = {p.name: LefPin(p.name, p.direction, p.use, _shift(p.rects, origin)) for p in pins.values()}
    return LefMacro(name, cls, subclass, *size, site, symmetry, pins, _shift(tuple(obs), origin))


def _shift(rects: tuple[Rect, ...], origin: tuple[float, float]) -> tuple[Rect, ...]:
    """Shapes relative to the lower left corner, which LEF's ORIGIN adds to the shapes' own coordinates."""
    dx, dy = origin
    if dx == 0 and dy == 0:
        return rects
    return tuple((layer, x1 + dx, y1 + dy, x2 + dx, y2 + dy) for layer, x1, y1, x2, y2 in rects)


def _pin(tokens: Tokens, widths: dict[str, float]) -> LefPin:
    name = tokens.take("the pin's name")
    direction, use = "INPUT", "SIGNAL"
    rects: list[Rect] = []
    while True:
        word = tokens.take(f"END {name}").upper()
        if word == "END":
            tokens.expect(name)
            return LefPin(name, direction, use, tuple(rects))
        if word == "PORT":
            rects += read_geometry(tokens, widths)
            continue
        words = tokens.statement(f"the statement {word}")
        if word == "DIRECTION":
            direction = _one_of(tokens, words, _DIRECTIONS, "direction of a pin")
        elif word == "USE":
            use = _one_of(tokens, words, _USES, "use of a pin")
