"""A netlist as a system of charges: what global placement computes on.

Dimension letters, used in ``placer.analytical``:
    B  bodies: the netlist's N nodes in their order, then fillers
    K  blocks: bodies that are much larger than a bin; their overlap with the bins is exact
    S  pieces: all other bodies, cut so that each is at most two bins wide
    M, D  nets of one class of degree, and their ends (padded)
    X, Y  bins in x and in y
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from placer.netlist import BoolArray, FloatArray, IntArray, Netlist, NodeKind, Placement

WIDENED = 2.0**0.5
"""A piece smaller than this many bins is widened to it, its charge kept (ePlace, ACM TODAES 20(2), 2015)."""

TIGHTEST = 1.02
"""The target density is at least this many times the density that cells have where they spread evenly."""

FEWEST_BINS, MOST_BINS = 64, 1024
"""Bins along the longer side."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=(
        "ends", "offsets", "real", "weights", "movable", "half", "charge", "pins", "owner", "shift", "piece_half",
        "piece_weight", "block", "block_half", "block_weight", "span", "target",
    ),
    meta_fields=("columns", "rows", "real_pieces"),
)  # fmt: skip
@dataclass(frozen=True)
class System:
    """The arrays of global placement, a pytree."""

    ends: tuple[Array, ...]  # per class [D, M] body of each end, padded with the net's first
    offsets: tuple[Array, ...]  # per class [D, M, 2] um from the body's centre, as it is turned
    real: tuple[Array, ...]  # per class [D, M] 1 for an end, 0 for padding
    weights: tuple[Array, ...]  # per class [M]
    movable: Array  # [B] bool
    half: Array  # [B, 2] um, half of the size with its halo; what must stay inside the canvas
    charge: Array  # [B] um2, area
    pins: Array  # [B] summed weights of the nets at the body
    owner: Array  # [S] body of each piece; the fillers' come last
    shift: Array  # [S] um in x from the body's centre
    piece_half: Array  # [S, 2] um, widened
    piece_weight: Array  # [S] density inside the widened piece
    block: Array  # [K] body of each block
    block_half: Array  # [K, 2] um
    block_weight: Array  # [K] density inside a block
    span: Array  # [2] um, the canvas
    target: Array  # [] target density
    columns: int  # X
    rows: int  # Y
    real_pieces: int  # pieces that are not fillers

    @property
    def cell(self) -> Array:
        """Width and height of a bin in um, [2]."""
        return self.span / jnp.array([self.columns, self.rows], self.span.dtype)


def system_of(
    netlist: Netlist,
    placement: Placement,
    frozen: BoolArray,
    target: float,
    halo: float = 0.0,
    bins: tuple[int, int] | None = None,
    seed: int = 0,
) -> tuple[System, FloatArray]:
    """The system of a netlist.

    Args:
        netlist: what is placed.
        placement: fixed nodes' places and all orientations.
        frozen: [N] nodes that stay, beside fixed ones and ports.
        target: density up to which bins may be filled; raised where the bodies need more.
        halo: um added on each side of a hard macro.
        bins: in x and in y, powers of two; None: about one per movable node, at the target density.
        seed: of the fillers' places.

    Returns:
        The system, and the fillers' places [B - N, 2] um.
    """
    canvas = np.array([netlist.canvas.width, netlist.canvas.height])
    kind, count = netlist.node_kind, len(netlist.node_kind)
    hard = kind == NodeKind.HARD
    movable = ~(netlist.node_fixed | frozen | (kind == NodeKind.PORT))
    size = netlist.node_size + 2 * halo * hard[:, None]
    size = np.minimum(size, canvas)
    area = size.prod(1)
    needed = area[movable & ~hard].sum() / max(canvas.prod() - area[hard | ~movable].sum(), 1e-9)
    target = float(np.clip(TIGHTEST * needed, target, max(target, 1.0)))

    # Fillers take what room bodies leave of the target; their size is the mean of the middle cells.
    small = np.flatnonzero(movable & ~hard & (area > 0))
    if not len(small):
        small = np.flatnonzero(movable & (area > 0))
    ordered = small[np.argsort(area[small], kind="stable")]
    middle = ordered[len(ordered) // 20 : max(len(ordered) - len(ordered) // 20, 1)]
    side = size[middle].mean(0) if len(middle) else canvas / 100
    spare = target * (canvas.prod() - area[~movable & (area > 0)].sum())
    spare -= (area * np.where(hard, target, 1.0))[movable].sum()
    fillers = round(float(np.clip(spare / side.prod(), 0, 4 * count + 1000)))
    if fillers:
        side = side * np.sqrt(max(spare, 0.0) / (fillers * side.prod()))
    room = float(area[small].mean()) / target if len(small) else canvas.prod() / 1e4  # that a body takes when spread
    columns, rows = bins or bins_of(canvas, room)
    cell = canvas / (columns, rows)

    bodies_size = np.concatenate([size, np.tile(side, (fillers, 1))])
    bodies_area = bodies_size.prod(1)
    block = np.flatnonzero((area > 0) & ((size > (8 * cell[0], 2 * cell[1])).any(1) | (hard & (size > cell).any(1))))
    scale = np.where(hard, target, 1.0)  # a hard macro fills its bins to the target and no more
    is_block = np.zeros(len(bodies_size), np.bool_)
    is_block[block] = True
    whole = np.flatnonzero(~is_block & (bodies_area > 0))
    parts = np.maximum(np.ceil(bodies_size[whole, 0] / (2 * cell[0])), 1).astype(np.int64)
    owner = np.repeat(whole, parts)
    ordinal = np.arange(len(owner)) - np.repeat(np.cumsum(parts) - parts, parts)
    width = (bodies_size[whole, 0] / parts).repeat(parts)
    shift = (ordinal + 0.5) * width - bodies_size[owner, 0] / 2
    true_size = np.stack([width, bodies_size[owner, 1]], 1)
    wide = np.maximum(true_size, WIDENED * cell)
    weight = true_size.prod(1) / wide.prod(1)
    weight *= np.where(owner < count, scale[np.minimum(owner, count - 1)], 1.0)
    ends, offsets, real, weights, pins = _nets(netlist, placement)

    def array(values: FloatArray) -> Array:
        return jnp.asarray(values, jnp.float32)

    system = System(
        ends=tuple(jnp.asarray(e) for e in ends),
        offsets=tuple(array(o) for o in offsets),
        real=tuple(array(r) for r in real),
        weights=tuple(array(w) for w in weights),
        movable=jnp.asarray(np.concatenate([movable, np.ones(fillers, np.bool_)])),
        half=array(bodies_size / 2),
        charge=array(bodies_area),
        pins=array(np.concatenate([pins, np.zeros(fillers)])),
        owner=jnp.asarray(owner.astype(np.int32)),
        shift=array(shift),
        piece_half=array(wide / 2),
        piece_weight=array(weight),
        block=jnp.asarray(block.astype(np.int32)),
        block_half=array(size[block] / 2),
        block_weight=array(scale[block]),
        span=array(canvas),
        target=jnp.asarray(target, jnp.float32),
        columns=columns,
        rows=rows,
        real_pieces=int((owner < count).sum()),
    )
    places = np.random.default_rng(seed).random((fillers, 2)) * (canvas - side) + side / 2
    return system, places


def bins_of(canvas: FloatArray, area: float) -> tuple[int, int]:
    """Bins in x and y, powers of two: as many as bodies of the mean ``area`` would fill the canvas, or fewer."""
    ideal = canvas.prod() / area
    longer = 2 ** int(np.clip(np.floor(np.log2(max(ideal, 1.0)) / 2), np.log2(FEWEST_BINS), np.log2(MOST_BINS)))
    ratio = canvas / canvas.max()
    sides = np.maximum(2 ** np.round(np.log2(longer * ratio)), 8).astype(int)
    return int(sides[0]), int(sides[1])


def turned_offsets(netlist: Netlist, placement: Placement) -> FloatArray:
    """The pins' offsets from their nodes' centres as the nodes are turned, [P, 2] um."""
    turned = placement.orientation[netlist.pin_node]
    sign = np.stack([np.where(turned % 2 == 1, -1.0, 1.0), np.where(turned >= 2, -1.0, 1.0)], axis=1)
    return np.asarray(netlist.pin_offset * sign)


def half_perimeter(netlist: Netlist, placement: Placement) -> float:
    """Summed half-perimeter wirelength of all nets, weighted, in um."""
    at = (placement.position[netlist.pin_node] + turned_offsets(netlist, placement))[netlist.net_pins]
    some = np.diff(netlist.net_start) > 0
    begin = netlist.net_start[:-1][some]
    if not len(begin):
        return 0.0
    extent = np.maximum.reduceat(at, begin) - np.minimum.reduceat(at, begin)
    return float((extent.sum(1) * netlist.net_weight[some]).sum())


def _nets(
    netlist: Netlist, placement: Placement
) -> tuple[list[IntArray], list[FloatArray], list[FloatArray], list[FloatArray], FloatArray]:
    """Tables of ends per class of degree, and the summed net weights at each node [N]."""
    degree = np.diff(netlist.net_start)
    offset = turned_offsets(netlist, placement)
    pins = np.zeros(len(netlist.node_kind))
    ends, offsets, real, weights = [], [], [], []
    lower, largest = 1, int(degree.max(initial=0))
    width = 2
    while lower < largest:
        chosen = np.flatnonzero((degree > lower) & (degree <= width))
        lower, width = width, width + 1 if width < 4 else 2 * width
        if not len(chosen):
            continue
        column = np.arange(lower)[:, None]
        used = column < degree[chosen]
        pin = netlist.net_pins[netlist.net_start[chosen] + np.where(used, column, 0)]
        ends.append(netlist.pin_node[pin])
        offsets.append(offset[pin])
        real.append(used.astype(np.float64))
        weights.append(netlist.net_weight[chosen])
        np.add.at(pins, netlist.pin_node[pin], used * netlist.net_weight[chosen])
    return ends, offsets, real, weights, pins
