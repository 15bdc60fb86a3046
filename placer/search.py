"""One search on the exact cost: a legal placement, the compiled moves that change it, and the best that was seen.

``placer.baselines.annealing`` and ``placer.portfolio`` are made of this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from placer.cost import ProxyCost
from placer.incremental import IncrementalCost
from placer.legalise import legalise
from placer.legality import Rect, violations
from placer.netlist import Netlist, NodeKind, Placement
from placer.proposals import Moves
from placer.refine_kernels import descend, search_neighbourhoods
from placer.walk_kernels import ACTIONS, HARD_SHIFT, SOFT_SHIFT, walk

CHUNK = 1000
"""Evaluations between two looks at the clock."""

MIX = (0.30, 0.14, 0.22, 0.06, 0.01, 0.08, 0.04, 0.02, 0.07, 0.03, 0.03)
"""How often each of ``ACTIONS`` is proposed."""

ADAPT_CHUNKS = 20
"""Chunks between two adaptations of how far shifts go."""

SHIFTS_ACCEPTED = 0.25
"""Share of shifts that should be accepted."""


@dataclass(frozen=True)
class Rules:
    """What a legal placement keeps, as in ``placer.legalise.legalise``."""

    halo: float = 0.0  # um
    grid: float | None = None  # um
    blockages: Sequence[Rect] = ()
    fences: Mapping[str, Rect] | None = None

    def legal(self, netlist: Netlist, placement: Placement) -> Placement:
        """The legal placement nearest to a placement; raises Infeasible where none is found."""
        return legalise(netlist, placement, self.halo, self.grid, self.blockages, self.fences)


@dataclass(frozen=True)
class Progress:
    """Where a search stands."""

    seconds: float
    moves: int  # evaluations of the cost
    cost: float  # of the current placement
    best: float
    parts: ProxyCost  # of the current placement
    temperature: float


@dataclass
class Budget:
    """Seconds of wall-clock time, or a number of evaluations, which makes a search reproducible bit for bit.

    Attributes:
        seconds: from ``began``; not looked at when ``moves`` is given.
        moves: evaluations of the cost.
    """

    seconds: float
    moves: int | None = None
    began: float = field(default_factory=time.monotonic)

    def spent(self, chain: Chain) -> float:
        """Share of the budget that a chain has used."""
        if self.moves is not None:
            return chain.moves / max(self.moves, 1)
        return (time.monotonic() - self.began) / max(self.seconds, 1e-9)


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        placement: the best placement seen; legal.
        cost: its weighted proxy cost.
        parts: its parts.
        moves: evaluations of the cost, by all chains.
        curve: where the chain that won stood over time.
        acceptance: action to the share of its proposals that was accepted, of the chain that won.
    """

    placement: Placement
    cost: float
    parts: ProxyCost
    moves: int
    curve: tuple[Progress, ...]
    acceptance: Mapping[str, float]


class Chain:
    """A search in progress. Not to be shared between threads; several may run side by side.

    Attributes:
        current: cost of the placement as it is.
        best, best_placement: the least cost seen at the end of a chunk, and its placement.
        moves: evaluations so far.
        curve: where the search stood, about every second.
    """

    def __init__(
        self,
        netlist: Netlist,
        start: Placement,
        seed: int,
        rules: Rules | None = None,
        weights: tuple[float, float, float] = (1.0, 0.5, 0.5),
        mix: Mapping[str, float] | None = None,
        callback: Callable[[Progress], None] | None = None,
    ) -> None:
        """Start from a legal placement; ``mix`` is the relative frequency of each of ``ACTIONS``."""
        self.netlist = netlist
        self.rules = rules or Rules()
        self.cost = IncrementalCost(netlist, start, weights)
        self.allowed = _moves(netlist, self.rules, mix or dict(zip(ACTIONS, MIX, strict=True)), seed)
        self.callback = callback
        self.current = self.best = self.cost.cost
        self.best_placement = start
        self.moves = 0
        self.curve: list[Progress] = []
        canvas = netlist.canvas
        self._reach = (
            0.05 * min(canvas.width / canvas.columns, canvas.height / canvas.rows),
            0.5 * max(canvas.width, canvas.height),
        )
        self._adapted_at = 0
        self._tried, self._accepted = self.allowed.tried.copy(), self.allowed.accepted.copy()
        walk(self.cost.state, self.allowed, self.current, 0.0, 0)  # compiles, so that no budget pays for it

    def prepare(self) -> None:
        """Compile what refines, so that no budget pays for it."""
        descend(self.cost.state, self.allowed, self.current, 0, 0)
        search_neighbourhoods(self.cost.state, self.allowed, self.current, 0.0, 1, 0, 0, 0.0)

    @property
    def movable(self) -> bool:
        """Whether there is anything to move."""
        return bool(self.allowed.mix[-1] > 0)

    @property
    def acceptance(self) -> dict[str, float]:
        """Action to the share of its proposals that was accepted."""
        tried, accepted = self.allowed.tried, self.allowed.accepted
        return {name: float(accepted[k] / tried[k]) for k, name in enumerate(ACTIONS) if tried[k]}

    def restart(self, placement: Placement) -> None:
        """Go on from another legal placement."""
        self.cost.reset(placement)
        self.current = self.cost.cost
        self._keep()

    def anneal(self, budget: Budget, until: float, hot: float, cold: float) -> None:
        """Metropolis moves while the temperature falls geometrically from ``hot`` to ``cold``, in units of the cost.

        Ends when the share ``until`` of the budget is spent.
        """
        began = share = budget.spent(self)
        while self.movable and share < until:
            temperature = hot * (cold / hot) ** ((share - began) / (until - began))
            count = CHUNK if budget.moves is None else min(CHUNK, round(until * budget.moves) - self.moves)
            if count <= 0:
                break
            self.current = float(walk(self.cost.state, self.allowed, self.current, temperature, count))
            self.moves += count
            self._adapt()
            self._note(budget, temperature)
            share = budget.spent(self)

    def descend(self, budget: Budget, until: float, tries: int = 16) -> None:
        """Coordinate descent until that share of the budget is spent."""
        count = max(1, CHUNK // tries)
        while self.movable and budget.spent(self) < until:
            self.current = float(descend(self.cost.state, self.allowed, self.current, tries, count))
            self.moves += count * tries
            self._note(budget, 0.0)

    def neighbourhoods(
        self, budget: Budget, until: float, size: int, temperature: float = 0.0, tries: int = 12
    ) -> None:
        """Large neighbourhood search until that share of the budget is spent."""
        count = max(1, CHUNK // (size * tries))
        while self.movable and budget.spent(self) < until:
            self.current = float(
                search_neighbourhoods(
                    self.cost.state, self.allowed, self.current, temperature, size, tries, count, hard_share=0.2
                )
            )
            self.moves += count * size * tries
            self._note(budget, temperature)

    def finish(self, budget: Budget) -> None:
        """Return to the best placement, and note where the search ended."""
        self.restart(self.best_placement)
        self.curve.append(self._progress(budget, 0.0))
        if self.callback is not None:
            self.callback(self.curve[-1])

    def found(self, moves: int) -> Found:
        """The best placement, and the ``moves`` that all chains made.

        Raises:
            AssertionError: it is not legal, which is a fault of the program.
        """
        r = self.rules
        wrong = violations(self.netlist, self.best_placement, r.halo, r.grid, r.blockages, r.fences)
        if wrong:
            raise AssertionError(f"the search left the legal placements: {wrong[0]}")
        self.cost.reset(self.best_placement)
        return Found(self.best_placement, self.best, self.cost.parts, moves, tuple(self.curve), self.acceptance)

    def _keep(self) -> None:
        if self.current < self.best:
            self.best, self.best_placement = self.current, self.cost.placement

    def _progress(self, budget: Budget, temperature: float) -> Progress:
        seconds = time.monotonic() - budget.began
        return Progress(seconds, self.moves, self.current, self.best, self.cost.parts, temperature)

    def _note(self, budget: Budget, temperature: float) -> None:
        self._keep()
        if not self.curve or time.monotonic() - budget.began - self.curve[-1].seconds >= 1.0:
            self.curve.append(self._progress(budget, temperature))
            if self.callback is not None:
                self.callback(self.curve[-1])

    def _adapt(self) -> None:
        """Shift further where most shifts are accepted, and less far where few are."""
        if self.moves - self._adapted_at < ADAPT_CHUNKS * CHUNK:
            return
        self._adapted_at = self.moves
        m = self.allowed
        for action in (SOFT_SHIFT, HARD_SHIFT):
            new = m.tried[action] - self._tried[action]
            rate = (m.accepted[action] - self._accepted[action]) / max(new, 1)
            m.reach[action] *= np.exp(0.3 * (rate - SHIFTS_ACCEPTED)) if new > 50 else 1.0
            m.reach[action] = min(max(m.reach[action], self._reach[0]), self._reach[1])
        self._tried, self._accepted = m.tried.copy(), m.accepted.copy()


def _moves(netlist: Netlist, rules: Rules, mix: Mapping[str, float], seed: int) -> Moves:
    """What may move where, for the compiled loops."""
    canvas = netlist.canvas
    area = np.tile([0.0, 0.0, canvas.width, canvas.height], (len(netlist.node_kind), 1))
    for node in netlist.nodes(NodeKind.HARD):
        if rules.fences and netlist.node_names[node] in rules.fences:
            fence = np.array(rules.fences[netlist.node_names[node]])
            area[node, :2] = np.maximum(area[node, :2], fence[:2])
            area[node, 2:] = np.minimum(area[node, 2:], fence[2:])
    soft, hard = netlist.nodes(NodeKind.SOFT), netlist.nodes(NodeKind.HARD)
    soft = soft[~netlist.node_fixed[soft]]
    free = hard[~netlist.node_fixed[hard]]
    share = np.array([mix.get(name, 0.0) for name in ACTIONS])
    kinds = np.array([len(soft) if name.startswith("soft") else len(free) for name in ACTIONS])
    share[kinds == 0] = 0.0
    reach = np.zeros(len(ACTIONS))
    reach[[SOFT_SHIFT, HARD_SHIFT]] = min(canvas.width, canvas.height) / 4
    return Moves(
        soft=soft.astype(np.int64),
        hard=free.astype(np.int64),
        solid=hard.astype(np.int64),
        area=area,
        blockages=np.array(rules.blockages, np.float64).reshape(-1, 4),
        rules=np.array([rules.halo, rules.grid or 0.0]),
        mix=np.cumsum(share) / max(share.sum(), 1e-300),
        reach=reach,
        tried=np.zeros(len(ACTIONS), np.int64),
        accepted=np.zeros(len(ACTIONS), np.int64),
        random=np.array([seed * 0x9E3779B97F4A7C15 % 2**64], np.uint64),
    )
