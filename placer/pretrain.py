"""Pre-training: one policy on many netlists, so that it does well on netlists that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import jax
import numpy as np

from placer.cost_jax import CostSizes
from placer.netlist import FloatArray, IntArray, Netlist, Placement
from placer.policy import Params
from placer.ppo import TrainConfig, TrainState, episode_keys, initial_state
from placer.problem import Problem, Sizes, bucket, problem_of, sizes_of
from placer.train import collect_here, learn_here, same_network


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


def problems_of(designs: Sequence[tuple[Netlist, Placement]], config: TrainConfig) -> list[Problem]:
    """The netlists as the environment sees them.

    Those of the same grid and of about as many hard macros get the same sizes, so share compiled code.
    """
    needs = [sizes_of(*design) for design in designs]
    groups = [
        (netlist.canvas.columns, netlist.canvas.rows, bucket(need).hard)
        for (netlist, _), need in zip(designs, needs, strict=True)
    ]
    rooms = {group: bucket(common([n for n, g in zip(needs, groups, strict=True) if g == group])) for group in groups}
    return [
        problem_of(*design, config.policy.grid, config.fine, config.weights, config.halo, rooms[group])
        for design, group in zip(designs, groups, strict=True)
    ]


def mirrored(netlist: Netlist, initial: Placement, x: bool, y: bool) -> tuple[Netlist, Placement]:
    """A design seen in a mirror: its coordinates and pin offsets change sides on the axes that are named.

    The cost of a placement is that of its mirror image, so this is one more design to learn on.
    """
    turn = np.array([x, y])
    canvas = np.array([netlist.canvas.width, netlist.canvas.height])
    position = np.where(turn, canvas - initial.position, initial.position)
    return replace(netlist, pin_offset=np.where(turn, -netlist.pin_offset, netlist.pin_offset)), replace(
        initial, position=position
    )


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
        params: to begin with, as ``config.kept`` says; None: new ones.
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
        state, metrics = learn_here(state, problem, key, config.compiled, episodes, number / config.updates)
        states[turn], params, moments = state, state.params, state.optimizer
        costs.append(float(metrics.cost))
        if progress:
            progress(number, turn, costs[-1], params)
    return Pretrained(params, np.array(order[: config.updates], np.int32), np.array(costs), states)
