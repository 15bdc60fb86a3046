"""Is a placement legal? Strict, to the last bit: an overlap by any positive amount is a violation.

A macro's edges are computed as the cost does, ``centre - size / 2`` and ``centre + size / 2`` in doubles.
Dimension letters: H hard macros, B blockages; see ``placer.netlist`` for N.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from placer.netlist import FloatArray, Netlist, NodeKind, Placement

Rect = tuple[float, float, float, float]
"""Lower x, lower y, upper x, upper y in um."""

GRID_TOLERANCE_UM = 1e-9
"""A corner this close to a line of the manufacturing grid is on it: the lines are not exact doubles."""


@dataclass(frozen=True)
class Violation:
    """One thing that makes a placement illegal.

    Attributes:
        kind: what is violated.
        nodes: names of the macros concerned.
        amount: by how much, in um (an overlap's smaller side, the distance outside or from the grid).
    """

    kind: Literal["overlap", "outside", "blockage", "fence", "grid", "not-a-number"]
    nodes: tuple[str, ...]
    amount: float

    def __str__(self) -> str:
        return f"{self.kind}: {', '.join(self.nodes)} by {self.amount:.6g} um"


def violations(
    netlist: Netlist,
    placement: Placement,
    halo: float = 0.0,
    grid: float | None = None,
    blockages: Sequence[Rect] = (),
    fences: Mapping[str, Rect] | None = None,
    edge_halo: bool = False,
) -> list[Violation]:
    """All violations among the hard macros of a placement, an empty list when it is legal.

    Args:
        netlist: what is placed.
        placement: where its nodes are.
        halo: um by which each hard macro is inflated on each side against other hard macros. Two fixed macros
            may share their halos, but not overlap.
        grid: manufacturing grid in um that the lower left corners of movable macros must lie on.
        blockages: areas that no movable macro may overlap (its halo may).
        fences: node name to the area that the macro must stay in.
        edge_halo: whether the halo must lie inside the canvas too.
    """
    hard = netlist.nodes(NodeKind.HARD)
    names = netlist.node_names
    fixed = netlist.node_fixed[hard]  # [H]
    size = netlist.node_size[hard]  # [H, 2] um
    centre = placement.position[hard]  # [H, 2] um
    found = [Violation("not-a-number", (names[n],), 0.0) for n in hard[~np.isfinite(centre).all(1)]]
    low: FloatArray = centre - size / 2  # [H, 2] um
    high: FloatArray = centre + size / 2  # [H, 2] um
    margin = halo if edge_halo else 0.0
    limit = np.array([netlist.canvas.width, netlist.canvas.height])
    outside = np.maximum(margin - low, high + margin - limit).max(1)  # [H] um
    found += [Violation("outside", (names[hard[i]],), float(outside[i])) for i in np.flatnonzero(outside > 0)]
    for i in range(len(hard) - 1):
        reach = np.where(fixed[i] & fixed[i + 1 :], 0.0, halo)[:, None]  # [H - i - 1, 1] um
        # The sums are formed for each macro by itself, so that the verdict does not depend on the order.
        up, down = high[i] + reach, low[i] - reach
        depth = np.minimum(up - (low[i + 1 :] - reach), (high[i + 1 :] + reach) - down)
        clash = ((up > low[i + 1 :] - reach) & (high[i + 1 :] + reach > down)).all(1)
        for j in np.flatnonzero(clash):
            pair = (names[hard[i]], names[hard[i + 1 + j]])
            found.append(Violation("overlap", pair, float(depth[j].min())))
    for x1, y1, x2, y2 in blockages:
        depth = np.minimum(high - (x1, y1), (x2, y2) - low)  # [H, 2] um
        for k in np.flatnonzero((depth > 0).all(1) & ~fixed):
            found.append(Violation("blockage", (names[hard[k]],), float(depth[k].min())))
    for m, node in enumerate(hard):
        if fences and names[node] in fences and not fixed[m]:
            x1, y1, x2, y2 = fences[names[node]]
            beyond = float(np.maximum((x1, y1) - low[m], high[m] - (x2, y2)).max())
            if beyond > 0:
                found.append(Violation("fence", (names[node],), beyond))
    if grid is not None:
        off = np.abs(low - np.round(low / grid) * grid).max(1)  # [H] um
        for k in np.flatnonzero((off > GRID_TOLERANCE_UM) & ~fixed):
            found.append(Violation("grid", (names[hard[k]],), float(off[k])))
    return found


def is_legal(
    netlist: Netlist,
    placement: Placement,
    halo: float = 0.0,
    grid: float | None = None,
    blockages: Sequence[Rect] = (),
    fences: Mapping[str, Rect] | None = None,
    edge_halo: bool = False,
) -> bool:
    """Whether a placement has no ``violations``; the arguments are the same."""
    return not violations(netlist, placement, halo, grid, blockages, fences, edge_halo)
