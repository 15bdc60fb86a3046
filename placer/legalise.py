"""Any placement of hard macros to a legal one, with little movement; or the word that there is none.

The work is done on an integer grid: the manufacturing grid when there is one, else 2^-20 um, on which macro
edges are exact doubles, so that "no overlap" holds to the last bit. Four ways are combined: keep the relative
order of the given placement (repaired where it has no room); insert macros one by one at the nearest free
position, in several orders; pack from corners in orders that learn from failure; and for few macros search
all relative orders. Every packing is then improved by taking macros out and putting them back nearer, and by the
linear programme of least movement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from placer.legality import Rect, is_legal, violations
from placer.netlist import FloatArray, InputError, IntArray, Netlist, NodeKind, Placement
from placer.packing import Int64Array, Packing, reinsert, search_orders
from placer.relations import boxes_of, compact, exact_search

FINE_UM = 2.0**-20
"""The grid where no manufacturing grid is given."""

EXACT_NODES = 200_000
"""Nodes of the exact search; up to about six macros this proves that a case is infeasible."""

EXACT_MACROS = 12
"""Up to this many movable macros the exact search is tried."""


REPAIR_WORK = 200_000_000
"""Pairs to look at in the repair of the given order: a bound on its time for very many macros."""


IMPROVED = 2
"""How many of the packings found, those of least movement, are improved further."""


class Infeasible(InputError):
    """There is no legal placement, or none was found; the message says which."""


@dataclass(frozen=True)
class Scale:
    """The integer grid: unit in um, whether it is a manufacturing grid, and the halo in units."""

    unit: float
    manufacturing: bool
    halo: int

    def up(self, value: FloatArray) -> Int64Array:
        """Least grid value not below ``value``; leaves room for rounding unless it is on the grid exactly."""
        return self._round(value, 1.0)

    def down(self, value: FloatArray) -> Int64Array:
        """Greatest grid value that is not above, likewise."""
        return self._round(value, -1.0)

    def _round(self, value: FloatArray, sign: float) -> Int64Array:
        steps = np.asarray(value, np.float64) / self.unit
        tolerance = 1e-6 if self.manufacturing else 0.0
        nearest = np.round(steps)
        on_grid = np.abs(steps - nearest) <= tolerance
        # Off the fine grid, 1/64 of a unit (1.5e-8 um) is kept between macros, far above a double's rounding.
        beyond = np.ceil(sign * steps + (0.0 if self.manufacturing else 1 / 64)) * sign
        return np.where(on_grid, nearest, beyond).astype(np.int64)


def legalise(
    netlist: Netlist,
    placement: Placement,
    halo: float = 0.0,
    grid: float | None = None,
    blockages: Sequence[Rect] = (),
    fences: Mapping[str, Rect] | None = None,
    edge_halo: bool = False,
    seed: int = 0,
    effort: int = 300,
) -> Placement:
    """A legal placement of the hard macros near the given one; a legal one is returned as it is.

    Args:
        netlist: what is placed. Fixed macros stay; soft macros, ports and orientations are left alone.
        placement: where the macros would like to be; overlaps and positions outside the canvas are allowed.
        halo: um by which each hard macro is inflated on each side against other hard macros.
        grid: manufacturing grid in um for the lower left corners of the macros.
        blockages: areas that no movable macro may overlap (its halo may).
        fences: node name to the area that the macro must stay in.
        edge_halo: whether the halo must lie inside the canvas too.
        seed: of the orders that are tried; the same seed gives the same result.
        effort: orders to try per corner when the macros are hard to pack.

    Raises:
        Infeasible: no legal placement exists, or none was found.
        InputError: a fence names an unknown macro, or a position is not a number.
    """
    rules = {"halo": halo, "blockages": tuple(blockages), "fences": fences, "edge_halo": edge_halo}
    hard = netlist.nodes(NodeKind.HARD)
    _check_input(netlist, placement, hard, fences)
    if is_legal(netlist, placement, grid=grid, **rules):  # type: ignore[arg-type]
        return placement
    movable = hard[~netlist.node_fixed[hard]]
    result = placement
    for extra in (0, 1):  # on a manufacturing grid, doubles may not allow abutment: then keep one unit apart
        scale = Scale(grid or FINE_UM, grid is not None, 0)
        scale = replace(scale, halo=int(scale.up(np.array(halo))))
        packing = packing_of(netlist, placement, movable, scale, blockages, fences, edge_halo, extra)
        corner = _solve(packing, seed, effort)
        position = placement.position.copy()
        position[movable] = centres_of(netlist, movable, packing, corner, scale)
        if grid is not None:
            position = settle(netlist, position, hard, halo, edge_halo)
        result = Placement(position, placement.orientation)
        left = violations(netlist, result, grid=grid, **rules)  # type: ignore[arg-type]
        if not left:
            return result
    raise Infeasible(f"{netlist.name}: macros cannot be placed legally: {left[0]}")


def _check_input(netlist: Netlist, placement: Placement, hard: IntArray, fences: Mapping[str, Rect] | None) -> None:
    """Refuse what no movement can repair."""
    if not np.isfinite(placement.position[hard]).all():
        bad = hard[~np.isfinite(placement.position[hard]).all(1)][0]
        raise InputError(f"{netlist.name}: the position of {netlist.node_names[bad]} is not a number")
    known = {netlist.node_names[n] for n in hard}
    for name in fences or {}:
        if name not in known:
            raise InputError(f"{netlist.name}: the fence of {name!r} is for no hard macro of the netlist")
    check_fixed(netlist, placement)


def check_fixed(netlist: Netlist, placement: Placement) -> None:
    """Raise Infeasible where fixed hard macros overlap or leave the canvas: no movement of others repairs that."""
    stuck = replace(netlist, node_kind=np.where(netlist.node_fixed, netlist.node_kind, NodeKind.PORT))
    if broken := violations(stuck, placement):
        raise Infeasible(f"{netlist.name}: fixed macros violate each other or the canvas: {broken[0]}; move it")


def packing_of(
    netlist: Netlist,
    placement: Placement,
    movable: IntArray,
    scale: Scale,
    blockages: Sequence[Rect],
    fences: Mapping[str, Rect] | None,
    edge_halo: bool,
    extra: int,
) -> Packing:
    """The problem on the integer grid: macros with their halos; fixed macros and blockages as obstacles."""
    halo = scale.halo
    real = netlist.node_size[movable]  # [M, 2] um
    size = scale.up(real) + 2 * halo + extra
    canvas = np.array([netlist.canvas.width, netlist.canvas.height])
    floor = np.zeros_like(real)  # [M, 2] um
    ceiling = np.tile(canvas, (len(movable), 1))  # [M, 2] um
    for i, node in enumerate(movable):
        if fences and netlist.node_names[node] in fences:
            x1, y1, x2, y2 = fences[netlist.node_names[node]]
            floor[i] = np.maximum(floor[i], (x1, y1))
            ceiling[i] = np.minimum(ceiling[i], (x2, y2))
    reach = 0 if edge_halo else halo
    low = scale.up(floor) - reach + extra * (floor > 0)
    high = scale.down(ceiling) + reach - (size - extra) - extra * (ceiling < canvas)
    hard = netlist.nodes(NodeKind.HARD)
    fixed = hard[netlist.node_fixed[hard]]
    centre, half = placement.position[fixed], netlist.node_size[fixed] / 2
    blocks = [np.concatenate([scale.down(centre - half) - halo, scale.up(centre + half) + halo], 1)]
    areas: FloatArray = np.array(blockages, np.float64).reshape(-1, 4)
    blocks.append(np.concatenate([scale.down(areas[:, :2]) + halo, scale.up(areas[:, 2:]) - halo], 1))
    obstacles = np.concatenate(blocks) + np.array([-1, -1, 1, 1]) * extra
    wanted = (placement.position[movable] - real / 2) / scale.unit
    target = np.round(wanted).astype(np.int64) - halo
    bad = np.flatnonzero((low > high).any(1))
    if len(bad):
        name = netlist.node_names[movable[bad[0]]]
        raise Infeasible(f"{netlist.name}: {name} is larger than the area that it must lie in")
    return Packing(size, low, high, np.clip(target, low, high), obstacles)


def centres_of(netlist: Netlist, movable: IntArray, packing: Packing, corner: Int64Array, scale: Scale) -> FloatArray:
    """Corners on the integer grid to centres in um, [M, 2]."""
    half: FloatArray = netlist.node_size[movable] / 2
    if scale.manufacturing:
        return np.asarray((corner + scale.halo) * scale.unit + half, np.float64)
    return np.asarray((2 * corner + packing.size) * (scale.unit / 2), np.float64)  # exact: a power of two


def settle(netlist: Netlist, position: FloatArray, hard: IntArray, halo: float, edge_halo: bool) -> FloatArray:
    """Move macros that abut on a manufacturing grid by last bits until doubles see no overlap, in a copy."""
    position = position.copy()
    margin = halo if edge_halo else 0.0
    limit = (netlist.canvas.width, netlist.canvas.height)
    half = netlist.node_size / 2
    for sign in (1.0, -1.0):
        for d in range(2):
            # Seen from this side, centres increase: keep each macro above the upper edges of earlier ones.
            at = sign * position[hard, d]
            order = np.argsort(at, kind="stable")
            edge = sign * (0.0 if sign > 0 else limit[d])
            for k, i in enumerate(order):
                node = hard[i]
                if netlist.node_fixed[node]:
                    continue
                while at[i] - half[node, d] < edge + margin:
                    at[i] = np.nextafter(at[i], np.inf)
                before = order[:k]
                others = hard[before]
                here, there = position[node, 1 - d], position[others, 1 - d]  # a corner may touch by last bits too
                beside = ((here + half[node, 1 - d]) + halo > (there - half[others, 1 - d]) - halo) & (
                    (there + half[others, 1 - d]) + halo > (here - half[node, 1 - d]) - halo
                )
                upper = (at[before] + half[others, d]) + halo
                depth = upper - (at[i] - half[node, d] - halo)
                for top in upper[beside & (depth > 0) & (depth < 1e-9)]:
                    while top > (at[i] - half[node, d]) - halo:
                        at[i] = np.nextafter(at[i], np.inf)
            position[hard, d] = sign * at
    return position


def _distance(packing: Packing, corner: Int64Array) -> float:
    """Summed movement in units."""
    return float(np.abs(corner - packing.target).sum())


def _solve(packing: Packing, seed: int, effort: int) -> Int64Array:
    """Lower left corners of a packing with little movement, [M, 2].

    Raises:
        Infeasible: none exists (area, or all relative orders searched), or none was found.
    """
    _check_area(packing)
    size = packing.size.astype(np.float64)
    kept_order = compact(packing, packing.target, min(10 * len(size), REPAIR_WORK // len(size) ** 2))
    found = [] if kept_order is None else [kept_order]
    orders = _orders(packing)
    ones = np.ones_like(size)
    for order in {order.tobytes(): order for order in orders}.values():
        corner, complete = _search(packing, packing.target, ones, order, 4 if found else 40, seed)
        if complete:
            found.append(corner)
    if not found:
        found = [pack(packing, seed, effort)]
    distinct = {c.tobytes(): c for c in sorted(found, key=lambda c: _distance(packing, c))}
    best = [_improve(packing, c) for c in list(distinct.values())[:IMPROVED]]
    return min(best, key=lambda c: _distance(packing, c))


def _check_area(packing: Packing) -> None:
    room = (packing.high + packing.size).max(0) - packing.low.min(0)
    share = float(packing.size.astype(np.float64).prod(1).sum() / room.astype(np.float64).prod())
    if share > 1:
        raise Infeasible(f"the macros need {share:.3f} times the area that there is; enlarge it or shrink the halo")


def _orders(packing: Packing) -> list[Int64Array]:
    """Orders of insertion: by area, longer side, height and width, largest first."""
    size = packing.size.astype(np.float64)
    keys = (size.prod(1), size.max(1), size[:, 1], size[:, 0])
    return [np.argsort(-key, kind="stable").astype(np.int64) for key in keys]


def _search(
    p: Packing, goal: Int64Array, cost: NDArray[np.float64], order: Int64Array, rounds: int, seed: int
) -> tuple[Int64Array, bool]:
    """``search_orders`` on the fields of a packing."""
    return search_orders(p.size, p.low, p.high, goal, cost, p.blocks, order, rounds, seed)


def pack(packing: Packing, seed: int = 0, effort: int = 300) -> Int64Array:
    """Any packing: exact search when macros are few, else from the corners in many orders.

    Returns:
        lower left corners, [M, 2].

    Raises:
        Infeasible: none exists (area, or all relative orders searched), or none was found.
    """
    _check_area(packing)
    orders = _orders(packing)
    if len(packing.size) <= EXACT_MACROS:
        _, size, low, high = boxes_of(packing, packing.target)
        verdict, corner = exact_search(size, low, high, len(packing.size), EXACT_NODES)
        if verdict == 1:
            return corner[: len(packing.size)]
        if verdict == 0:
            raise Infeasible("no legal placement exists: all relative orders of the macros were searched")
    for attempt in range(4):
        for x in (packing.low[:, 0], packing.high[:, 0]):
            for y in (packing.low[:, 1], packing.high[:, 1]):
                for weight in (1e-3, 1.0, 1e3):
                    goal = np.stack([x, y], 1)
                    cost = np.tile([1.0, weight], (len(x), 1))
                    order = orders[attempt]
                    corner, complete = _search(packing, goal, cost, order, effort, seed + attempt)
                    if complete:
                        return corner
    raise Infeasible("no legal placement was found; there may be one, or the macros need more room")


def _improve(packing: Packing, corner: Int64Array) -> Int64Array:
    """Less movement: rounds of reinsertion and of the linear programme, until neither gains."""
    best = corner.copy()
    for _ in range(4):
        before = _distance(packing, best)
        moved = best.copy()
        order = np.argsort(-np.abs(moved - packing.target).sum(1), kind="stable").astype(np.int64)
        reinsert(packing.size, packing.low, packing.high, packing.target, packing.blocks, moved, order)
        compacted = compact(packing, moved)
        for candidate in (moved, compacted):
            if candidate is not None and _distance(packing, candidate) < _distance(packing, best):
                best = candidate
        if _distance(packing, best) >= before:
            break
    return best
