"""The proxy cost of Circuit Training: wirelength, density and congestion of a placement, exactly.

Google's paper is A. Mirhoseini et al., "A graph placement methodology for fast chip design", Nature 594 (2021); what
its binary computes was established by TILOS MacroPlacement (``Docs/ProxyCost/README.md`` there).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placer import cost_kernels, cost_terms
from placer.cost_state import AREA_SCALE, CELL_H, CELL_W, COLUMNS, DENSITY, ROWS, CostState, build_state
from placer.netlist import InputError, Netlist, Placement

REACH = 16.0  # how far outside a position may lie, in half-perimeters of the canvas


@dataclass(frozen=True)
class ProxyCost:
    """The three parts of the proxy cost, without unit."""

    wirelength: float
    density: float
    congestion: float

    def total(self, w: float = 1.0, d: float = 0.5, c: float = 0.5) -> float:
        """The weighted sum."""
        return w * self.wirelength + d * self.density + c * self.congestion


@dataclass(frozen=True)
class GridMaps:
    """What is counted per grid cell, row 0 at the bottom."""

    density: NDArray[np.float64]  # [rows, columns] covered area / area
    horizontal: NDArray[np.float64]  # [rows, columns] demand / supply of horizontal routes
    vertical: NDArray[np.float64]  # [rows, columns] demand / supply of vertical routes


class CostModel:
    """Evaluates placements of one netlist. Not to be shared between threads."""

    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        self._state: CostState = build_state(netlist)

    def evaluate(self, placement: Placement) -> ProxyCost:
        """The cost of a placement, legal or not; raises InputError where a position is not a place near the canvas."""
        load(self._state, self.netlist, placement)
        return ProxyCost(*cost_terms.parts(self._state))

    def maps(self, placement: Placement) -> GridMaps:
        """The density and congestion of each grid cell; raises InputError as ``evaluate`` does."""
        load(self._state, self.netlist, placement)
        return grid_maps(self._state)


def load(state: CostState, netlist: Netlist, placement: Placement) -> None:
    """Bring a state to a placement; raises InputError where a position is not a place near the canvas."""
    limit = REACH * (netlist.canvas.width + netlist.canvas.height)
    if placement.position.shape != state.position.shape:
        raise InputError(
            f"{netlist.name}: expected positions of {len(state.position)} nodes, found shape {placement.position.shape}"
        )
    if not np.abs(placement.position).max(initial=0.0) <= limit:
        node = int(np.argmin((np.abs(placement.position) <= limit).all(axis=1)))
        raise InputError(
            f"{netlist.name}: expected {netlist.node_names[node]!r} at a place within {limit:g} um of the origin"
        )
    state.position[:] = placement.position
    state.orientation[:] = placement.orientation
    cost_kernels.rebuild(state)


def grid_maps(state: Any) -> GridMaps:
    """The maps of a state's placement."""
    rows, columns = int(state.counters[ROWS]), int(state.counters[COLUMNS])
    cost_terms.congestion_maps(state)
    cells = rows * columns
    cell_area = state.scalars[AREA_SCALE] * state.scalars[CELL_W] * state.scalars[CELL_H]
    density = state.maps[DENSITY] / cell_area
    return GridMaps(
        density=density.reshape(rows, columns),
        horizontal=state.values[:cells].reshape(rows, columns).copy(),
        vertical=state.values[cells : 2 * cells].reshape(columns, rows).T.copy(),
    )
