"""What detailed placement works on: legal cells on sites, nets with the places of their pins, what lies on each site.

Dimension letters: C movable cells, E nets, Q pins of nets (in the nets' order), R rows, X sites of a row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from placer.analytical.rows import Int64Array, Rows
from placer.analytical.system import turned_offsets
from placer.netlist import BoolArray, FloatArray, IntArray, Netlist, Placement

Float64Array = NDArray[np.float64]

FREE, BLOCKED = -1, -2
LONG_NET = 64
"""Nets with more pins do not pull on cells: their extent hardly depends on one of them."""


class Detail(NamedTuple):
    """A legal placement of cells, changed in place by the moves."""

    row: Int64Array  # [C]
    x: Int64Array  # [C] first site
    width: Int64Array  # [C] sites
    on_site: NDArray[np.int32]  # [R, X] cell, FREE or BLOCKED
    corner_y: Float64Array  # [R] um, lower edges of the rows
    flipped: BoolArray  # [R] whether cells lie there upside down
    height: float  # um, of the rows
    scale: Float64Array  # [2] um, x of site 0, width of a site
    pin_x: Float64Array  # [Q] um
    pin_y: Float64Array  # [Q] um
    offset: Float64Array  # [Q, 2] um from the upright cell's lower left corner; 0 for pins that do not move
    net_of: IntArray  # [Q] net of each pin
    net_first: IntArray  # [E + 1] first pin of each net
    net_weight: Float64Array  # [E]
    length: Float64Array  # [E] um, weighted half-perimeter
    cell_first: IntArray  # [C + 1] into cell_pins
    cell_pins: IntArray  # pins of each cell
    stamp: Int64Array  # [E + 1] marks of nets already counted; the last is the present mark


def detail_of(
    netlist: Netlist,
    placement: Placement,
    cells: IntArray,
    rows: Rows,
    segment: Int64Array,
    x: Int64Array,
    sites: Int64Array,
) -> Detail:
    """The state of a legal placement.

    Args:
        netlist: what is placed.
        placement: of all nodes; movable cells where ``segment`` and ``x`` say, turned as their rows are.
        cells: [C] nodes of the movable cells.
        rows: their rows.
        segment, x, sites: [C] segment, first site and width of each cell.
    """
    low, high = int(rows.low.min()), int(rows.high.max())
    on_site = np.full((len(rows.bottom), high - low), BLOCKED, np.int32)
    for row, begin, end in zip(rows.segment_row.tolist(), rows.low.tolist(), rows.high.tolist(), strict=True):
        on_site[row, begin - low : end - low] = FREE
    row = rows.segment_row[segment]
    _occupy(on_site, row, x - low, sites)
    pins = netlist.net_pins
    node = netlist.pin_node[pins]
    offset = turned_offsets(netlist, placement)[pins]
    at = placement.position[node] + offset
    local = np.full(len(netlist.node_kind), -1, np.int32)
    local[cells] = np.arange(len(cells), dtype=np.int32)
    owner = local[node]
    upright = np.where((placement.orientation[node] >= 2)[:, None], offset * [1, -1], offset)
    from_corner = np.where(owner[:, None] >= 0, upright + netlist.node_size[node] / 2, 0.0)
    degree = np.diff(netlist.net_start)
    net_of = np.repeat(np.arange(len(degree), dtype=np.int32), degree)
    used = np.flatnonzero((owner >= 0) & (degree[net_of] <= LONG_NET) & (degree[net_of] > 1))
    used = used[np.argsort(owner[used], kind="stable")]
    first = np.searchsorted(owner[used], np.arange(len(cells) + 1)).astype(np.int32)
    state = Detail(
        row=row.copy(),
        x=x - low,
        width=sites.copy(),
        on_site=on_site,
        corner_y=rows.bottom.copy(),
        flipped=rows.flipped.copy(),
        height=rows.height,
        scale=np.array([rows.origin + low * rows.site, rows.site]),
        pin_x=at[:, 0].copy(),
        pin_y=at[:, 1].copy(),
        offset=from_corner,
        net_of=net_of,
        net_first=netlist.net_start.astype(np.int32),
        net_weight=netlist.net_weight.astype(np.float64),
        length=np.zeros(len(degree)),
        cell_first=first,
        cell_pins=used.astype(np.int32),
        stamp=np.zeros(len(degree) + 1, np.int64),
    )
    measure(state)
    return state


def corners(state: Detail) -> FloatArray:
    """Lower left corners of the cells, [C, 2] um."""
    return np.stack([state.scale[0] + state.x * state.scale[1], state.corner_y[state.row]], axis=1)


@njit(cache=True)
def _occupy(on_site: NDArray[np.int32], row: Int64Array, x: Int64Array, width: Int64Array) -> None:
    for cell in range(len(row)):
        for site in range(x[cell], x[cell] + width[cell]):
            if on_site[row[cell], site] != FREE:
                raise ValueError("cells overlap, or lie outside of the rows")
            on_site[row[cell], site] = cell


@njit(cache=True)
def joined(state: Detail, a: int, b: int) -> bool:
    """Whether two neighbours of a row have nothing but free sites between them."""
    site = state.x[a] + state.width[a]
    while site < state.x[b] and state.on_site[state.row[a], site] == FREE:
        site += 1
    return site >= state.x[b]


@njit(cache=True)
def measure(state: Detail) -> float:
    """Count all nets anew; their summed length in um."""
    total = 0.0
    for net in range(len(state.net_weight)):
        state.length[net] = net_length(state, net)
        total += state.length[net]
    return total


@njit(cache=True)
def net_length(state: Detail, net: int) -> float:
    """Weighted half-perimeter of a net in um."""
    first, last = state.net_first[net], state.net_first[net + 1]
    if last - first < 2:
        return 0.0
    x1 = x2 = state.pin_x[first]
    y1 = y2 = state.pin_y[first]
    for k in range(first + 1, last):
        px, py = state.pin_x[k], state.pin_y[k]
        x1, x2 = min(x1, px), max(x2, px)
        y1, y2 = min(y1, py), max(y2, py)
    return state.net_weight[net] * (x2 - x1 + y2 - y1)


@njit(cache=True)
def shift_pins(state: Detail, cell: int, row: int, x: int) -> None:
    """Bring a cell's pins to where they are with the cell at a row and site; the cell itself stays."""
    left, bottom = state.scale[0] + x * state.scale[1], state.corner_y[row]
    for k in range(state.cell_first[cell], state.cell_first[cell + 1]):
        pin = state.cell_pins[k]
        state.pin_x[pin] = left + state.offset[pin, 0]
        rise = state.offset[pin, 1]
        state.pin_y[pin] = bottom + (state.height - rise if state.flipped[row] else rise)


@njit(cache=True)
def change_of(state: Detail, chosen: Int64Array, count: int, rows: Int64Array, xs: Int64Array) -> float:
    """By how much wirelength would change in um, were cells at other places; nothing moves.

    Args:
        chosen: cells, ``count`` of them.
        rows, xs: their rows and sites.
    """
    for i in range(count):
        shift_pins(state, chosen[i], rows[i], xs[i])
    state.stamp[-1] += 1
    mark = state.stamp[-1]
    change = 0.0
    for i in range(count):
        cell = chosen[i]
        for k in range(state.cell_first[cell], state.cell_first[cell + 1]):
            net = state.net_of[state.cell_pins[k]]
            if state.stamp[net] != mark:
                state.stamp[net] = mark
                change += net_length(state, net) - state.length[net]
    for i in range(count):
        shift_pins(state, chosen[i], state.row[chosen[i]], state.x[chosen[i]])
    return change


@njit(cache=True)
def move_cells(state: Detail, chosen: Int64Array, count: int, rows: Int64Array, xs: Int64Array) -> None:
    """Move cells and count their nets anew; their new sites must be free, or taken by one another."""
    for i in range(count):
        cell = chosen[i]
        for site in range(state.x[cell], state.x[cell] + state.width[cell]):
            state.on_site[state.row[cell], site] = FREE
    for i in range(count):
        cell = chosen[i]
        state.row[cell], state.x[cell] = rows[i], xs[i]
        for site in range(xs[i], xs[i] + state.width[cell]):
            state.on_site[rows[i], site] = cell
        shift_pins(state, cell, rows[i], xs[i])
    for i in range(count):
        cell = chosen[i]
        for k in range(state.cell_first[cell], state.cell_first[cell + 1]):
            net = state.net_of[state.cell_pins[k]]
            state.length[net] = net_length(state, net)
