"""What a DEF file says of a design. Lengths and positions are in um, relative to the file's own origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from placer.formats.lef_geometry import Rect
from placer.formats.orientation import turn

STATUSES = ("PLACED", "FIXED", "COVER", "UNPLACED")
Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in um with x1 <= x2 and y1 <= y2."""


@dataclass(frozen=True)
class DefRow:
    """A row of sites."""

    name: str
    site: str
    x: float  # um, lower left
    y: float  # um
    orient: str  # one of ORIENTATIONS
    columns: int = 1
    rows: int = 1
    step_x: float = 0.0  # um
    step_y: float = 0.0  # um


@dataclass(frozen=True)
class DefTracks:
    """Routing tracks: ``axis`` X are vertical lines, each at an x; Y are horizontal ones."""

    axis: str  # X or Y
    start: float  # um
    count: int
    step: float  # um
    layers: tuple[str, ...]


@dataclass(frozen=True)
class DefComponent:
    """An instance of a macro or cell; x and y are the lower left corner of its outline as it is turned."""

    name: str
    master: str
    x: float = 0.0  # um
    y: float = 0.0  # um
    orient: str = "N"  # one of ORIENTATIONS
    status: str = "UNPLACED"  # one of STATUSES
    halo: Box | None = None  # um kept free to the left, bottom, right and top
    options: str = ""  # what else the file says, as "+ SOURCE DIST"


@dataclass(frozen=True)
class DefPort:
    """A place where a pin of the design can be reached."""

    rects: tuple[Rect, ...] = ()  # (layer, x1, y1, x2, y2), um from (x, y) before turning
    x: float = 0.0  # um
    y: float = 0.0  # um
    orient: str = "N"
    status: str = "UNPLACED"

    @property
    def centre(self) -> tuple[float, float]:
        """Centre of the bounding box of the turned shapes, um; (x, y) without shapes."""
        if not self.rects:
            return self.x, self.y
        _, x1, y1, x2, y2 = zip(*self.rects, strict=True)
        dx, dy = turn((min(x1) + max(x2)) / 2, (min(y1) + max(y2)) / 2, self.orient)
        return self.x + dx, self.y + dy


@dataclass(frozen=True)
class DefPin:
    """A pin of the design itself."""

    name: str
    net: str
    direction: str = ""  # INPUT, OUTPUT, INOUT, FEEDTHRU or not given
    use: str = ""  # SIGNAL, CLOCK, POWER, ... or not given
    ports: tuple[DefPort, ...] = ()
    options: str = ""


@dataclass(frozen=True)
class DefNet:
    """A net: pairs of component (or ``PIN`` for the design's own) and pin."""

    name: str
    pins: tuple[tuple[str, str], ...]
    use: str = ""  # SIGNAL, CLOCK, POWER, ... or not given
    weight: float | None = None
    options: str = ""  # what else the file says, such as the routing


@dataclass(frozen=True)
class DefBlockage:
    """An area without components (``layer`` empty) or without wires of a layer."""

    layer: str
    boxes: tuple[Box, ...]  # um
    options: str = ""  # such as "+ SOFT"


@dataclass(frozen=True)
class DefRegion:
    """A named area that groups of components may be bound to."""

    name: str
    boxes: tuple[Box, ...]  # um
    options: str = ""  # such as "+ TYPE FENCE"


@dataclass(frozen=True)
class DefGroup:
    """Components, by name or pattern, that belong together, mostly in a region."""

    name: str
    components: tuple[str, ...]
    region: str = ""
    options: str = ""


@dataclass(frozen=True)
class DefDesign:
    """A design. Sections that placement does not read (vias, special nets, fills, ...) are kept word by word."""

    name: str
    dbu: int = 1000  # database units per um
    die: tuple[tuple[float, float], ...] = ()  # um, two corners or the points of a polygon
    rows: tuple[DefRow, ...] = ()
    tracks: tuple[DefTracks, ...] = ()
    components: tuple[DefComponent, ...] = ()
    pins: tuple[DefPin, ...] = ()
    nets: tuple[DefNet, ...] = ()
    blockages: tuple[DefBlockage, ...] = ()
    regions: tuple[DefRegion, ...] = ()
    groups: tuple[DefGroup, ...] = ()
    divider: str = "/"
    bus_bits: str = "[]"
    statements: tuple[str, ...] = ()  # such as "GCELLGRID X 0 DO 16 STEP 4200"
    sections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # keyword to its statements

    @property
    def bounds(self) -> Box:
        """Bounding box of the die in um; zeros where the file gives no DIEAREA."""
        if not self.die:
            return 0.0, 0.0, 0.0, 0.0
        xs, ys = zip(*self.die, strict=True)
        return min(xs), min(ys), max(xs), max(ys)
