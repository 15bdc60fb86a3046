"""Pre-training: one policy on many netlists, so that it does well on netlists that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import zip_longest

import jax
import numpy as np

from placer.baselines.random_legal import random_legal
from placer.cost_jax import CostSizes
from placer.legalise import Infeasible
from placer.netlist import Canvas, FloatArray, IntArray, Netlist, NodeKind, Placement
from placer.policy import Params
from placer.ppo import TrainConfig, TrainState, episode_keys, initial_state
from placer.problem import Problem, Sizes, bucket, problem_of, sizes_of
from placer.train import collect_here, learn_here, same_network

RATE = 7e-4
"""Of Adam: a third of what is best on one netlist, else the policy is one of the last few netlists."""

ENTROPY_BONUS, ENTROPY_ENOUGH = 0.05, 1.0
"""Weight of the entropy bonus, and nats per step beyond which there is none: a policy that is surer than that does not
find its way on a new netlist, one that is less sure takes long."""

LEAST_SIZE, MOST_SIZE = 0.6, 1.3
"""Of a hard macro's width and height in a variant, relative to before."""

OBLONG = 0.8
"""Least scale of a side in a variant, relative to that of all macros."""

MOST_HARD = 0.5
"""Share of the canvas that a variant's hard macros take at most, unless they took more before."""

FILLED = (0.55, 0.92)
"""Share of the canvas that a variant's macros, hard and soft, take."""

LEAST_SOFT = 0.08
"""Share of the canvas that a variant's soft macros take at least."""

SOFT_SPREAD, WEIGHT_SPREAD = 0.2, 0.2
"""Standard deviations of the logarithms of soft macros' areas and nets' weights in a variant, relative to before."""

PORT_SHIFT = 0.25
"""By how much of a side a variant's ports move along the outline at most."""


@dataclass(frozen=True)
class Pretrained:
    """A policy and how it came about; U updates.

    Attributes:
        params: of the network.
        design: number of the netlist that each update played.
        cost: mean cost of each update's episodes, played before the policy learnt from them.
        states: of each netlist, with the best placement that was met.
    """

    params: Params
    design: IntArray  # [U]
    cost: FloatArray  # [U]
    states: list[TrainState]


def pretraining(config: TrainConfig, again: bool = False) -> TrainConfig:
    """A configuration for one netlist with the rates of learning on many.

    Args:
        config: for one netlist.
        again: to go on from a pre-trained policy, on other variants: at half the rate.
    """
    return replace(
        config,
        learning_rate=RATE / 2 if again else RATE,
        entropy_start=ENTROPY_BONUS,
        entropy_end=ENTROPY_BONUS,
        entropy_enough=ENTROPY_ENOUGH,
    )


def problems_of(designs: Sequence[tuple[Netlist, Placement]], config: TrainConfig) -> list[Problem]:
    """The netlists as the environment sees them.

    Those of about as many hard macros get the same sizes, so share the compiled code that learns; those of the same
    grid, too, share the code that plays.

    Raises:
        Infeasible: the hard macros of one do not fit, or no way was found in which they do.
    """
    needs = [sizes_of(*design) for design in designs]
    groups = [bucket(need).hard for need in needs]
    rooms = {group: bucket(common([n for n, g in zip(needs, groups, strict=True) if g == group])) for group in groups}
    return [
        problem_of(*design, config.policy.grid, config.fine, config.weights, config.halo, rooms[group])
        for design, group in zip(designs, groups, strict=True)
    ]


def varied(
    netlist: Netlist, initial: Placement, seed: int, grids: Sequence[int] | None = None, halo: float = 0.0
) -> tuple[Netlist, Placement]:
    """A design like another one, so that a policy learns what holds for more than the few netlists there are.

    Hard macros shrink or grow, those of one size alike, but fill no more than half of the canvas and fit. Soft macros
    fill the canvas to 55 to 92% with them, ports move along the outline by a quarter of a side at most, and the
    weights of nets change by 20%. The wires stay.

    Args:
        netlist: clustered; what is fixed keeps its size.
        initial: positions of ports and fixed nodes.
        seed: of the draw.
        grids: numbers of columns and rows of the cost's grid, of which one is drawn; None: the netlist's own.
        halo: um around each hard macro, with which they fit.
    """
    random = np.random.default_rng(seed)
    canvas, size = netlist.canvas, netlist.node_size
    scale = np.ones_like(size)
    hard, soft, ports = (netlist.nodes(kind) for kind in (NodeKind.HARD, NodeKind.SOFT, NodeKind.PORT))
    hard, soft = (nodes[~netlist.node_fixed[nodes]] for nodes in (hard, soft))
    kinds, kind = np.unique(size[hard].round(2), axis=0, return_inverse=True)
    drawn = random.uniform(OBLONG, 1.0, (len(kinds), 2)) * random.uniform(LEAST_SIZE / OBLONG, MOST_SIZE)
    scale[hard] = _with_room(netlist, initial, hard, drawn[kind.reshape(-1)], halo)
    taken = np.delete(size * scale, soft, 0).prod(1).sum() / (canvas.width * canvas.height)
    filled = random.uniform(max(FILLED[0], taken + LEAST_SOFT), max(FILLED[1], taken + LEAST_SOFT))
    area = size[soft].prod(1) * random.lognormal(0.0, SOFT_SPREAD, len(soft))
    total = (filled - taken) * canvas.width * canvas.height
    scale[soft] = np.sqrt(area * total / (np.maximum(area.sum(), 1e-9) * np.maximum(size[soft].prod(1), 1e-9)))[:, None]

    position = initial.position.copy()
    position[ports] = _along_the_outline(position[ports], canvas, random.uniform(-PORT_SHIFT, PORT_SHIFT))
    cells = int(random.choice(grids)) if grids else None
    return replace(
        netlist,
        canvas=replace(canvas, columns=cells or canvas.columns, rows=cells or canvas.rows),
        node_size=size * scale,
        pin_offset=netlist.pin_offset * scale[netlist.pin_node],
        net_weight=netlist.net_weight * random.lognormal(0.0, WEIGHT_SPREAD, len(netlist.net_weight)),
    ), replace(initial, position=position)


def _with_room(netlist: Netlist, initial: Placement, hard: IntArray, scale: FloatArray, halo: float) -> FloatArray:
    """Scales [H, 2] of hard macros, smaller than those given where else they do not fit."""
    if not len(hard):
        return scale
    area = netlist.node_size[hard].prod(1)
    total = netlist.canvas.width * netlist.canvas.height
    share = (area * scale.prod(1)).sum() / total
    scale = scale * min(1.0, np.sqrt(max(MOST_HARD, area.sum() / total) / share))
    while (scale > 1).any():
        size = netlist.node_size.copy()
        size[hard] *= scale
        with suppress(Infeasible):
            random_legal(replace(netlist, node_size=size), initial, 0, halo)
            return scale
        scale = np.where(scale > 1, np.maximum(scale * 0.95, 1.0), scale)
    return scale


def _along_the_outline(position: FloatArray, canvas: Canvas, sides: float) -> FloatArray:
    """Points [Q, 2] in um moved to the nearest side of the canvas, and along its outline by a number of sides."""
    x, y = (position / (canvas.width, canvas.height)).T
    side = np.argmin([y, 1 - x, 1 - y, x], 0)  # counter-clockwise from the lower one
    along = (side + np.choose(side, [x, y, 1 - x, 1 - y]) + sides) % 4
    side, share = along.astype(np.int64), along % 1
    zero, one = np.zeros_like(share), np.ones_like(share)
    there = [np.choose(side, [share, one, 1 - share, zero]), np.choose(side, [zero, share, one, 1 - share])]
    return np.stack(there, 1) * (canvas.width, canvas.height)


def common(sizes: Sequence[Sizes]) -> Sizes:
    """The least sizes that hold each of some netlists."""

    def most(field: str) -> int:
        return max(getattr(s, field) for s in sizes)

    def most_cost(field: str) -> int:
        return max(getattr(s.cost, field) for s in sizes)

    nets = tuple(max(counts) for counts in zip_longest(*(s.cost.nets for s in sizes), fillvalue=0))
    return Sizes(
        most("hard"),
        most("soft"),
        most("ports"),
        most("connections"),
        most("graph_edges"),
        CostSizes(most_cost("nodes"), most_cost("hard"), most_cost("points"), nets),
    )


def pretrain(
    problems: Sequence[Problem],
    config: TrainConfig,
    params: Params | None = None,
    seed: int = 0,
    progress: Callable[[int, int, float, Params], None] | None = None,
) -> Pretrained:
    """Train one policy on netlists by turns, in a new random order in each round.

    Moments of the returns are each netlist's own, those of the gradients are shared. With one problem this is the
    training of ``placer.train``, without checkpoints.

    Args:
        problems: to learn on.
        config: ``updates`` is the budget, over all of them.
        params: to begin with; None: new ones.
        seed: of everything random.
        progress: called after each update with its number, the netlist's, the mean cost and the policy by then.

    Raises:
        InputError: ``params`` are of another network.
        ValueError: the configuration has no budget in updates.
    """
    if config.updates is None:
        raise ValueError("pre-training has its budget in updates")
    if params is not None:
        same_network(params, problems[0], config)
    inherited = params is not None
    states = [initial_state(problem, config, seed, params) for problem in problems]
    params, moments = states[0].params, states[0].optimizer
    random = np.random.default_rng(seed)
    order: list[int] = []
    while len(order) < config.updates:
        order += [int(turn) for turn in random.permutation(len(problems))]
    costs = []
    for number, turn in enumerate(order[: config.updates]):
        problem, state = problems[turn], replace(states[turn], params=params, optimizer=moments)
        key = jax.random.key(seed + turn)
        episodes = collect_here(problem, params, config.compiled, episode_keys(key, int(state.update), config))
        rates = config.rates(number / config.updates, number if inherited else None)
        state, metrics = learn_here(state, problem.graph, key, config.compiled, episodes, rates)
        states[turn], params, moments = state, state.params, state.optimizer
        costs.append(float(metrics.cost))
        if progress:
            progress(number, turn, costs[-1], params)
    return Pretrained(params, np.array(order[: config.updates], np.int32), np.array(costs), states)
