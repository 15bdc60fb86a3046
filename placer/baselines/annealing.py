"""Simulated annealing on the exact proxy cost: hard and soft macros, legal at every step.

The temperature falls geometrically over the budget, which is a time or a number of moves. With a number of moves a
run is reproducible bit for bit; with a time the number of moves depends on the machine's speed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from placer.baselines.force_directed import force_directed
from placer.cost import ProxyCost
from placer.legalise import legalise
from placer.legality import Rect, violations
from placer.netlist import Netlist, Placement
from placer.search import MIX, Budget, Chain, Progress, Rules
from placer.walk_kernels import ACTIONS


@dataclass(frozen=True)
class Schedule:
    """Temperatures and the mix of actions.

    Attributes:
        start, end: temperatures in units of the cost.
        mix: relative frequency of each of ``ACTIONS``.
    """

    start: float = 2e-4
    end: float = 2e-6
    mix: Mapping[str, float] = field(default_factory=lambda: dict(zip(ACTIONS, MIX, strict=True)))


@dataclass(frozen=True)
class AnnealResult:
    """What a run found.

    Attributes:
        placement: the best placement seen; legal.
        cost: its weighted proxy cost.
        parts: its parts.
        moves: proposals made, by all chains.
        curve: where the best chain stood over time.
        acceptance: action to the share of its proposals that was accepted, of the best chain.
    """

    placement: Placement
    cost: float
    parts: ProxyCost
    moves: int
    curve: tuple[Progress, ...]
    acceptance: Mapping[str, float]


def anneal(
    netlist: Netlist,
    initial: Placement,
    seconds: float = 60.0,
    seed: int = 0,
    callback: Callable[[Progress], None] | None = None,
    moves: int | None = None,
    chains: int = 1,
    halo: float = 0.0,
    grid: float | None = None,
    blockages: Sequence[Rect] = (),
    fences: Mapping[str, Rect] | None = None,
    weights: tuple[float, float, float] = (1.0, 0.5, 0.5),
    schedule: Schedule | None = None,
) -> AnnealResult:
    """Improve a placement; the result never costs more than the legalised start.

    Args:
        netlist: what is placed.
        initial: the start; made legal first where it is not.
        seconds: the budget, when ``moves`` is not given.
        seed: with ``moves``, the same seed gives the same result bit for bit.
        callback: called about every second with where the first chain stands.
        moves: the budget as a number of proposals per chain.
        chains: independent runs side by side, seeds ``seed``, ``seed + 1``...; the best wins.
        halo, grid, blockages, fences: rules of legality as in ``placer.legalise.legalise``.
        weights: of wirelength, density and congestion.
        schedule: temperatures and mix of actions.

    Raises:
        Infeasible: the start cannot be made legal.
    """
    rules = Rules(halo, grid, blockages, fences)
    start = legalise(netlist, initial, halo, grid, blockages, fences)
    relaxed = force_directed(netlist, start)
    plan = schedule or Schedule()

    def run(number: int) -> Chain:
        report = callback if number == 0 else None
        chain = Chain(netlist, start, seed + number, rules, weights, plan.mix, report)
        chain.restart(relaxed)
        chain.restart(chain.best_placement)
        budget = Budget(seconds, moves)
        chain.anneal(budget, 1.0, plan.start, plan.end)
        chain.finish(budget)
        return chain

    with ThreadPoolExecutor(chains) as pool:
        results = list(pool.map(run, range(chains)))
    best = min(results, key=lambda chain: chain.best)
    found = violations(netlist, best.best_placement, halo, grid, blockages, fences)
    if found:
        raise AssertionError(f"annealing left the legal placements: {found[0]}")
    return AnnealResult(
        best.best_placement, best.best, best.cost.parts, sum(c.moves for c in results), tuple(best.curve),
        best.acceptance,
    )  # fmt: skip
