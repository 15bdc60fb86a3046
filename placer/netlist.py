"""The netlist and the placement of it: what every part of the placer exchanges.

Dimension letters, used in all of ``placer``:
    N  nodes (hard macros, soft macros, ports, standard cells), in file order
    P  pins
    E  nets
Units: micrometres. A position is the centre of a node. The origin is the lower left corner of the canvas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
ByteArray = NDArray[np.int8]
BoolArray = NDArray[np.bool_]


class InputError(ValueError):
    """The user's input is at fault; the message names file, line and remedy. The command line exits with 2."""

    exit_code = 2


class NodeKind(IntEnum):
    """What a node of a netlist is."""

    HARD = 0  # a hard macro
    SOFT = 1  # a soft macro: a cluster of standard cells
    PORT = 2  # a port of the design, a point
    CELL = 3  # a standard cell, in flat netlists only


class Orientation(IntEnum):
    """LEF/DEF orientations without 90-degree rotation: FN and S negate x, FS and S negate y of a pin's offset."""

    N = 0
    FN = 1
    FS = 2
    S = 3


@dataclass(frozen=True)
class Canvas:
    """The area to place on, its grid and its routing resources.

    Attributes:
        width, height: size in um.
        columns, rows: the grid that density and congestion are counted on.
        h_routes_per_um, v_routes_per_um: horizontal and vertical routing tracks per um.
        h_macro_routes_per_um, v_macro_routes_per_um: tracks per um that a hard macro uses of those below it.
        smooth_range: range of the congestion's smoothing, in grid cells.
    """

    width: float
    height: float
    columns: int
    rows: int
    h_routes_per_um: float = 57.031
    v_routes_per_um: float = 56.818
    h_macro_routes_per_um: float = 39.583
    v_macro_routes_per_um: float = 30.303
    smooth_range: int = 2


@dataclass(frozen=True)
class Netlist:
    """A hypergraph of placeable nodes. A net is a driver pin, then its sinks.

    ``net_pins[net_start[e]:net_start[e + 1]]`` are the pins of net ``e``, the driver first.
    """

    name: str
    canvas: Canvas
    node_names: tuple[str, ...]  # [N]
    node_kind: ByteArray  # [N] NodeKind
    node_size: FloatArray  # [N, 2] um, width and height in orientation N; 0 for ports
    node_fixed: BoolArray  # [N] true: the node must stay where the initial placement has it
    pin_names: tuple[str, ...]  # [P] full name, "node/pin"; a port's pin has the port's name
    pin_node: IntArray  # [P] node of the pin
    pin_offset: FloatArray  # [P, 2] um from the node's centre, orientation N; 0 for ports, soft macros
    net_start: IntArray  # [E + 1] CSR offsets into net_pins
    net_pins: IntArray  # [sum of net degrees] pin numbers, driver first
    net_weight: FloatArray  # [E]
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Node name to what a file said of it beyond the fields above (kept for round trips)."""
    node_index: IntArray | None = None
    """[N] number of each node in the file it came from, which counts nodes and macro pins alike, as ``.plc`` files do;
    macro pins fill the gaps in their order. None: nodes come first, then macro pins."""

    def nodes(self, kind: NodeKind) -> IntArray:
        """Numbers of all nodes of one kind, in file order, shape [number of them]."""
        return np.flatnonzero(self.node_kind == kind).astype(np.int32)


@dataclass(frozen=True)
class Placement:
    """Where each node of a netlist lies and how it is turned."""

    position: FloatArray  # [N, 2] um, centres
    orientation: ByteArray  # [N] Orientation
