"""Simulated annealing on the exact proxy cost: hard and soft macros, legal at every step.

The temperature falls geometrically over the budget, which is a time or a number of moves. With a number of moves a
run is reproducible bit for bit; with a time the number of moves depends on the machine's speed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from placer.baselines.annealing_kernels import ACTIONS, HARD_SHIFT, SOFT_SHIFT, Moves, run_moves
from placer.baselines.force_directed import force_directed
from placer.cost import ProxyCost
from placer.incremental import IncrementalCost
from placer.legalise import legalise
from placer.legality import Rect, violations
from placer.netlist import Netlist, NodeKind, Placement

CHUNK = 1000
"""Moves between two looks at the clock."""

MIX = (0.30, 0.14, 0.22, 0.06, 0.01, 0.08, 0.04, 0.02, 0.07, 0.03, 0.03)
"""How often each of ``ACTIONS`` is proposed."""


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
class Progress:
    """Where a run stands."""

    seconds: float
    moves: int
    cost: float  # of the current placement
    best: float
    parts: ProxyCost  # of the current placement
    temperature: float


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
    start = legalise(netlist, initial, halo, grid, blockages, fences)
    plan = schedule or Schedule()

    def chain(number: int) -> AnnealResult:
        cost = IncrementalCost(netlist, start, weights)
        allowed = _moves(netlist, cost, halo, grid, blockages, fences, plan, seed + number)
        report = callback if number == 0 else None
        return _chain(netlist, start, cost, allowed, plan, seconds, moves, report)

    if chains == 1:
        results = [chain(0)]
    else:
        with ThreadPoolExecutor(chains) as pool:
            results = list(pool.map(chain, range(chains)))
    best = min(results, key=lambda r: r.cost)
    found = violations(netlist, best.placement, halo, grid, blockages, fences)
    if found:
        raise AssertionError(f"annealing left the legal placements: {found[0]}")
    return AnnealResult(
        best.placement, best.cost, best.parts, sum(r.moves for r in results), best.curve, best.acceptance
    )


def _moves(
    netlist: Netlist,
    cost: IncrementalCost,
    halo: float,
    grid: float | None,
    blockages: Sequence[Rect],
    fences: Mapping[str, Rect] | None,
    plan: Schedule,
    seed: int,
) -> Moves:
    """What may move where, for the compiled loop."""
    canvas = netlist.canvas
    area = np.tile([0.0, 0.0, canvas.width, canvas.height], (len(netlist.node_kind), 1))
    for node in netlist.nodes(NodeKind.HARD):
        if fences and netlist.node_names[node] in fences:
            fence = np.array(fences[netlist.node_names[node]])
            area[node, :2] = np.maximum(area[node, :2], fence[:2])
            area[node, 2:] = np.minimum(area[node, 2:], fence[2:])
    soft, hard = netlist.nodes(NodeKind.SOFT), netlist.nodes(NodeKind.HARD)
    soft = soft[~netlist.node_fixed[soft]]
    free = hard[~netlist.node_fixed[hard]]
    mix = np.array([plan.mix.get(name, 0.0) for name in ACTIONS])
    kinds = np.array([len(soft) if name.startswith("soft") else len(free) for name in ACTIONS])
    mix[kinds == 0] = 0.0
    reach = np.zeros(len(ACTIONS))
    reach[[SOFT_SHIFT, HARD_SHIFT]] = min(canvas.width, canvas.height) / 4
    return Moves(
        soft=soft.astype(np.int64),
        hard=free.astype(np.int64),
        solid=hard.astype(np.int64),
        area=area,
        blockages=np.array(blockages, np.float64).reshape(-1, 4),
        rules=np.array([halo, grid or 0.0]),
        mix=np.cumsum(mix) / max(mix.sum(), 1e-300),
        reach=reach,
        tried=np.zeros(len(ACTIONS), np.int64),
        accepted=np.zeros(len(ACTIONS), np.int64),
        random=np.array([seed * 0x9E3779B97F4A7C15 % 2**64], np.uint64),
    )


def _chain(
    netlist: Netlist,
    start: Placement,
    state: IncrementalCost,
    allowed: Moves,
    plan: Schedule,
    seconds: float,
    moves: int | None,
    callback: Callable[[Progress], None] | None,
) -> AnnealResult:
    """One run of the compiled loop in chunks; the best placement seen at the end of a chunk."""
    best_placement, best = start, state.cost
    relaxed = force_directed(netlist, start)
    state.reset(relaxed)
    if state.cost < best:
        best_placement, best = relaxed, state.cost
    else:
        state.reset(start)
    canvas = netlist.canvas
    reach_low = 0.05 * min(canvas.width / canvas.columns, canvas.height / canvas.rows)
    reach_high = 0.5 * max(canvas.width, canvas.height)
    current, done = best, 0
    curve: list[Progress] = []
    run_moves(state.state, allowed, current, plan.start, 0)  # compiles, before the clock starts
    began = last = time.monotonic()
    movable = allowed.mix[-1] > 0
    tried, accepted = allowed.tried.copy(), allowed.accepted.copy()
    while movable:
        now = time.monotonic()
        share = done / moves if moves is not None else (now - began) / seconds
        if share >= 1.0:
            break
        temperature = plan.start * (plan.end / plan.start) ** share
        count = CHUNK if moves is None else min(CHUNK, moves - done)
        current = float(run_moves(state.state, allowed, current, temperature, count))
        done += count
        if current < best:
            best, best_placement = current, state.placement
        if done % (20 * CHUNK) == 0:
            for action in (SOFT_SHIFT, HARD_SHIFT):
                new = allowed.tried[action] - tried[action]
                rate = (allowed.accepted[action] - accepted[action]) / max(new, 1)
                allowed.reach[action] *= np.exp(0.3 * (rate - 0.25)) if new > 50 else 1.0
                allowed.reach[action] = min(max(allowed.reach[action], reach_low), reach_high)
            tried, accepted = allowed.tried.copy(), allowed.accepted.copy()
        if now - last >= 1.0 or not curve:
            last = now
            curve.append(Progress(now - began, done, current, best, state.parts, temperature))
            if callback is not None:
                callback(curve[-1])
    state.reset(best_placement)
    curve.append(Progress(time.monotonic() - began, done, best, best, state.parts, plan.end))
    if callback is not None:
        callback(curve[-1])
    rates = {name: float(allowed.accepted[k] / allowed.tried[k]) for k, name in enumerate(ACTIONS) if allowed.tried[k]}
    return AnnealResult(best_placement, state.cost, state.parts, done, tuple(curve), rates)
