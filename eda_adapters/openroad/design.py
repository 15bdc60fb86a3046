"""What OpenROAD is given: a netlist, constraints, a die, and where macros and ports go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from eda_adapters.floorplan import Core
from eda_adapters.gates import GateNetlist
from eda_adapters.layout import port_box
from eda_adapters.technology import Pdk
from placer.formats.lef import LefLibrary
from placer.netlist import Netlist, NodeKind, Orientation, Placement

Box = tuple[float, float, float, float]
"""Left, lower, right and upper edge in um."""

ORIENTATIONS = {"N": "R0", "S": "R180", "FN": "MY", "FS": "MX", "W": "R90", "E": "R270", "FW": "MXR90", "FE": "MYR90"}
"""Orientation in DEF to the name that OpenROAD's commands use."""


@dataclass(frozen=True)
class PlacedMacro:
    """Where a macro goes."""

    name: str
    x: float  # um, lower left corner of its outline as it is turned
    y: float
    orient: str  # as in DEF, a key of ORIENTATIONS


@dataclass(frozen=True)
class PlacedPort:
    """A port and its shape, a rectangle of one layer."""

    name: str
    layer: str
    box: Box


@dataclass(frozen=True)
class PhysicalDesign:
    """A design for OpenROAD."""

    top: str
    verilog: Path  # mapped netlist
    sdc: Path
    lefs: tuple[Path, ...]  # of the technology first, then cells, then macros
    liberty: tuple[Path, ...]
    die: Box
    core: Box
    macros: tuple[PlacedMacro, ...]  # all of them; empty: OpenROAD places what there is
    ports: tuple[PlacedPort, ...]  # all of them; empty: OpenROAD places them
    activity: Path | None = None  # Tcl that sets the switching activity of pins; None: OpenROAD's default


def core_box(core: Core) -> Box:
    """The rows' area."""
    return core.x, core.y, core.x + core.columns * core.site_width, core.y + core.rows * core.row_height


def placed_macros(netlist: Netlist, placement: Placement) -> tuple[PlacedMacro, ...]:
    """The hard macros of a placement."""
    found = []
    for node in netlist.nodes(NodeKind.HARD).tolist():
        x, y = (placement.position[node] - netlist.node_size[node] / 2).tolist()
        orient = Orientation(int(placement.orientation[node])).name
        found.append(PlacedMacro(netlist.node_names[node], x, y, orient))
    return tuple(found)


def placed_ports(
    gates: GateNetlist, netlist: Netlist, placement: Placement, library: LefLibrary, pdk: Pdk
) -> tuple[PlacedPort, ...]:
    """The ports of a placement, each a stub of the port layer from the die's edge inwards."""
    canvas = netlist.canvas
    ports = []
    for q, name in enumerate(gates.port_names):
        x, y = placement.position[len(gates.instance_names) + q].tolist()
        layer, box = port_box(x, y, canvas.width, canvas.height, library, pdk)
        ports.append(PlacedPort(name, layer, (x + box[0], y + box[1], x + box[2], y + box[3])))
    return tuple(ports)
