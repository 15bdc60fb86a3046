"""``--method auto``: several ways to search, and time for those that pay on this netlist.

Three phases share the budget. *Race*: every start is annealed briefly, and the best goes on. *Annealing*: one long
cooling. *Refinement*: short runs of coordinate descent, large neighbourhood search and reheated annealing, each from
the best placement so far; a bandit (UCB1: P. Auer, N. Cesa-Bianchi, P. Fischer, "Finite-time analysis of the
multiarmed bandit problem", 2002) gives the next run to the way that has gained most for its time. Nothing in it knows
a design.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from placer.analytical import place_macros
from placer.baselines.force_directed import force_directed
from placer.baselines.random_legal import random_legal
from placer.netlist import Netlist, Placement
from placer.search import Budget, Chain, Found, Progress, Rules

RACE_SHARE, COOLING_SHARE = 0.04, 0.94
"""Shares of the budget that the race's annealing takes, and that are spent when the long cooling ends."""

ANALYTICAL_FROM_S, ANALYTICAL_FROM_MOVES = 120.0, 3_000_000
"""Budgets from which an analytical start is worth the time that it takes itself."""

REFINEMENTS = 10
"""Runs that the rest is cut into."""

HOT, COLD = 1.5e-4, 1e-6
"""Temperatures of the long cooling."""

CURIOSITY = 0.5
"""Weight of UCB1's term for what has been tried little, relative to the largest gain so far."""

Way = Callable[[Chain, Budget, float], None]

WAYS: dict[str, Way] = {
    "reheat": lambda chain, budget, until: chain.anneal(budget, until, 2e-5, COLD),
    "warm": lambda chain, budget, until: chain.anneal(budget, until, 5e-6, COLD),
    "descent": lambda chain, budget, until: chain.descend(budget, until),
    "pairs": lambda chain, budget, until: chain.neighbourhoods(budget, until, 2, COLD),
    "neighbourhoods": lambda chain, budget, until: chain.neighbourhoods(budget, until, 6, COLD),
}
"""Ways to refine: each goes on from a chain's placement until a share of the budget is spent."""


@dataclass(frozen=True)
class Portfolio:
    """What a portfolio found, and how.

    Attributes:
        found: the best placement.
        race: name of each start to the cost that it reached in the race.
        gains: way to what its runs gained in all, of the chain that won.
        runs: way to how many runs it was given.
    """

    found: Found
    race: dict[str, float]
    gains: dict[str, float]
    runs: dict[str, int]


def place_auto(
    netlist: Netlist,
    initial: Placement,
    seconds: float = 60.0,
    seed: int = 0,
    callback: Callable[[Progress], None] | None = None,
    moves: int | None = None,
    chains: int = 1,
    rules: Rules | None = None,
    weights: tuple[float, float, float] = (1.0, 0.5, 0.5),
    starts: Sequence[tuple[str, Placement]] = (),
) -> Portfolio:
    """Place a clustered netlist as well as the time allows.

    Args:
        netlist: hard and soft macros and ports.
        initial: where ports and fixed nodes are; nothing else of it is used.
        seconds: the budget, when ``moves`` is not given.
        seed: with ``moves``, the same seed gives the same result bit for bit.
        callback: called about every second with where the first chain stands.
        moves: the budget as evaluations per chain.
        chains: independent searches side by side after the race; the best wins.
        rules: of legality.
        weights: of wirelength, density and congestion.
        starts: more placements to start from, by name, legal or not.

    Raises:
        Infeasible: no legal placement was found.
    """
    rules = rules or Rules()
    drawn = random_legal(netlist, initial, seed, rules.halo)
    searches = [
        Chain(netlist, rules.legal(netlist, drawn), seed + k, rules, weights, callback=callback if k == 0 else None)
        for k in range(chains)
    ]
    for chain in searches:
        chain.prepare()
    budget = Budget(seconds, moves)
    entrants: dict[str, Callable[[], Placement]] = {
        "random": lambda: force_directed(netlist, searches[0].best_placement),
        **{name: lambda p=p: rules.legal(netlist, p) for name, p in starts},  # type: ignore[misc]
    }
    if seconds >= ANALYTICAL_FROM_S or (moves or 0) >= ANALYTICAL_FROM_MOVES:
        entrants["analytical"] = lambda: rules.legal(netlist, place_macros(netlist, initial, seed, rules.halo))
    race = _race(searches[0], entrants, budget)
    leader, raced = searches[0].best_placement, searches[0].moves

    def search(chain: Chain) -> tuple[dict[str, float], dict[str, int]]:
        chain.restart(leader)
        chain.moves = raced
        chain.anneal(budget, COOLING_SHARE, HOT, COLD)
        found = _refine(chain, budget)
        chain.finish(budget)
        return found

    with ThreadPoolExecutor(chains) as pool:
        outcomes = list(pool.map(search, searches))
    winner = min(range(chains), key=lambda k: searches[k].best)
    made = raced + sum(chain.moves - raced for chain in searches)
    return Portfolio(searches[winner].found(made), race, *outcomes[winner])


def _race(chain: Chain, entrants: Mapping[str, Callable[[], Placement]], budget: Budget) -> dict[str, float]:
    """Anneal each start for as long, one after the other; the chain's best placement is the winner's."""
    reached: dict[str, float] = {}
    for name, start in entrants.items():
        chain.restart(start())
        chain.anneal(budget, budget.spent(chain) + RACE_SHARE / len(entrants), HOT / 2, HOT / 10)
        reached[name] = chain.current
    return reached


def _refine(chain: Chain, budget: Budget) -> tuple[dict[str, float], dict[str, int]]:
    """Give short runs to the ways that pay; what each gained in all, and how many runs it had."""
    gains, runs = dict.fromkeys(WAYS, 0.0), dict.fromkeys(WAYS, 0)
    for k in range(REFINEMENTS):
        until = COOLING_SHARE + (1 - COOLING_SHARE) * (k + 1) / REFINEMENTS
        way = _choose(gains, runs, k)
        before = chain.best
        chain.restart(chain.best_placement)
        WAYS[way](chain, budget, until)
        gains[way] += before - chain.best
        runs[way] += 1
    return gains, runs


def _choose(gains: dict[str, float], runs: dict[str, int], done: int) -> str:
    """UCB1 on the gain per run; ways that had no run come first, in order."""
    for way, count in runs.items():
        if count == 0:
            return way
    largest = max(gains[way] / runs[way] for way in runs)

    def promise(way: str) -> float:
        return gains[way] / runs[way] + CURIOSITY * largest * math.sqrt(math.log(done) / runs[way])

    return max(runs, key=promise)
