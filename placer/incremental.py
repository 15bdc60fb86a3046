"""The proxy cost kept up to date while macros move, swap and turn, on the CPU.

For optimisers written in Python there is ``IncrementalCost``. A compiled one (a numba function) takes
``IncrementalCost.state`` and calls ``apply_move``, ``commit`` and ``undo`` of
``cost_kernels``, and ``cost`` and ``parts`` of ``cost_terms``, in its own loop; these are also exported here.
"""

from __future__ import annotations

import numpy as np

from placer.cost import GridMaps, ProxyCost, grid_maps, load
from placer.cost_kernels import apply_move, commit, rebuild, undo
from placer.cost_state import CostState, build_state
from placer.cost_terms import cost, parts
from placer.netlist import Netlist, Placement

__all__ = ["CostState", "IncrementalCost", "apply_move", "commit", "cost", "parts", "rebuild", "undo"]


class IncrementalCost:
    """A placement that can be changed node by node, and its exact cost.

    Changes since the last ``commit`` or ``undo`` form one transaction. The cost has the same bits as that of
    ``CostModel`` for the same placement, however many moves led there (all sums are of whole numbers, ``cost_state``).
    Nodes may go anywhere near the canvas: legality is the caller's. Not to be shared between threads.
    """

    def __init__(
        self, netlist: Netlist, placement: Placement, weights: tuple[float, float, float] = (1.0, 0.5, 0.5)
    ) -> None:
        """Start from a placement; weights are of wirelength, density and congestion in ``cost``."""
        self.netlist = netlist
        self.state: CostState = build_state(netlist, weights)
        load(self.state, netlist, placement)

    def reset(self, placement: Placement) -> None:
        """Start again from another placement; raises InputError where a position is not a place near the canvas."""
        load(self.state, self.netlist, placement)

    def move(self, node: int, x: float, y: float) -> None:
        """Put the centre of a node at (x, y) um."""
        self._check(node)
        apply_move(self.state, node, float(x), float(y), int(self.state.orientation[node]))

    def swap(self, a: int, b: int) -> None:
        """Exchange the centres of two nodes; each keeps its orientation."""
        xa, ya = self.state.position[a].tolist()
        xb, yb = self.state.position[b].tolist()
        self.move(a, xb, yb)
        self.move(b, xa, ya)

    def flip(self, node: int, orientation: int) -> None:
        """Turn a node to an orientation (``netlist.Orientation``)."""
        self._check(node)
        if not 0 <= orientation <= 3:
            raise ValueError(f"orientation must be 0 to 3, not {orientation}")
        x, y = self.state.position[node].tolist()
        apply_move(self.state, node, x, y, int(orientation))

    def commit(self) -> None:
        """Keep the changes made since the last ``commit`` or ``undo``."""
        commit(self.state)

    def undo(self) -> None:
        """Take back the changes made since the last ``commit`` or ``undo``, to the last bit."""
        undo(self.state)

    @property
    def cost(self) -> float:
        """The weighted cost of the placement as it is now."""
        return float(cost(self.state))

    @property
    def parts(self) -> ProxyCost:
        """The parts of the cost of the placement as it is now."""
        return ProxyCost(*parts(self.state))

    @property
    def maps(self) -> GridMaps:
        """Density and congestion per grid cell of the placement as it is now."""
        return grid_maps(self.state)

    @property
    def placement(self) -> Placement:
        """A copy of the placement as it is now."""
        return Placement(np.copy(self.state.position), np.copy(self.state.orientation))

    def _check(self, node: int) -> None:
        if not 0 <= node < len(self.state.position):
            raise IndexError(f"node {node} is not one of {len(self.state.position)}")
