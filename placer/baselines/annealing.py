"""Simulated annealing on the exact proxy cost: hard and soft macros, legal at every step.

The temperature falls geometrically over the budget, which is a time or a number of moves. With a number of moves a
run is reproducible bit for bit; with a time the number of moves depends on the machine's speed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from placer.baselines.force_directed import force_directed
from placer.netlist import Netlist, Placement
from placer.search import MIX, Budget, Chain, Found, Progress, Rules
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


def anneal(
    netlist: Netlist,
    initial: Placement,
    seconds: float = 60.0,
    seed: int = 0,
    callback: Callable[[Progress], None] | None = None,
    moves: int | None = None,
    chains: int = 1,
    rules: Rules | None = None,
    weights: tuple[float, float, float] = (1.0, 0.5, 0.5),
    schedule: Schedule | None = None,
) -> Found:
    """Improve a placement; the result never costs more than the legalised start.

    Args:
        netlist: what is placed.
        initial: the start; made legal first where it is not.
        seconds: the budget, when ``moves`` is not given.
        seed: with ``moves``, the same seed gives the same result bit for bit.
        callback: called about every second with where the first chain stands.
        moves: the budget as a number of proposals per chain.
        chains: independent runs side by side, seeds ``seed``, ``seed + 1``...; the best wins.
        rules: of legality.
        weights: of wirelength, density and congestion.
        schedule: temperatures and mix of actions.

    Raises:
        Infeasible: the start cannot be made legal.
    """
    rules, plan = rules or Rules(), schedule or Schedule()
    start = rules.legal(netlist, initial)
    relaxed = force_directed(netlist, start)

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
        searches = list(pool.map(run, range(chains)))
    return min(searches, key=lambda chain: chain.best).found(sum(chain.moves for chain in searches))
