"""Hard macros placed by global placement and made legal, soft macros placed around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from placer.analytical.global_placement import global_place
from placer.cost import CostModel
from placer.legalise import legalise
from placer.legality import Rect
from placer.netlist import Netlist, NodeKind, Placement

TARGET = 0.75
"""Density up to which soft macros may fill the canvas: room for routing."""

CHANNEL = 0.3
"""Room that global placement keeps around each hard macro, in grid cells: channels for routing."""

MOST_SPARE = 0.5
"""Share of the canvas's free area that channels may take; they are narrowed where it would be more."""


def place_macros(
    netlist: Netlist,
    placement: Placement,
    seed: int = 0,
    halo: float = 0.0,
    grid: float | None = None,
    blockages: Sequence[Rect] = (),
    fences: Mapping[str, Rect] | None = None,
    target: float = TARGET,
    channel: float = CHANNEL,
) -> Placement:
    """Place hard and soft macros; the hard ones end legal. A start for refinement on the exact cost.

    Hard and soft macros are placed together with channels around the hard ones; the hard ones are made legal in the
    order that this gives them; then the soft macros are placed anew, and stay so where the proxy cost is less.

    Args:
        netlist: what is placed.
        placement: where fixed nodes are, and how all are turned; other positions are not used.
        seed: of the start.
        halo, grid, blockages, fences: rules of legality as in ``placer.legalise.legalise``.
        target: density up to which soft macros may fill the canvas, where they fit.
        channel: room around each hard macro in grid cells, where there is so much.

    Raises:
        InputError: the nodes need more than the canvas has.
        Infeasible: no legal placement of the hard macros was found.
    """
    together = global_place(netlist, placement, seed, target, halo + _channel(netlist, channel))
    legal = legalise(netlist, together.placement, halo, grid, blockages, fences)
    again = global_place(netlist, legal, seed, target, frozen=netlist.node_kind == NodeKind.HARD).placement
    model = CostModel(netlist)
    return min(legal, again, key=lambda placed: model.evaluate(placed).total())


def _channel(netlist: Netlist, wanted: float) -> float:
    """Room around each hard macro in um."""
    canvas = netlist.canvas
    hard = netlist.nodes(NodeKind.HARD)
    spare = MOST_SPARE * (canvas.width * canvas.height - float(netlist.node_size.prod(1).sum()))
    around = float(2 * netlist.node_size[hard].sum())
    cell = 0.5 * (canvas.width / canvas.columns + canvas.height / canvas.rows)
    return float(np.clip(spare / around, 0.0, wanted * cell)) if around else 0.0
