"""Train a policy on a netlist, and place with a policy: what the loop calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from placer import env
from placer.checkpoint import Checkpoints, fingerprint
from placer.curve import Curve, Progress, ended, progress_of, spent
from placer.devices import all_local_devices, everywhere
from placer.event_log import EventLog
from placer.graph import Graph
from placer.netlist import InputError, Netlist, NodeKind, Placement
from placer.policy import Params
from placer.ppo import (
    Episodes,
    Metrics,
    Rates,
    TrainConfig,
    TrainState,
    collect,
    episode_keys,
    initial_state,
    learn,
    play,
    update,
)
from placer.problem import Problem, problem_of

CHECKPOINTS, EVENTS = "checkpoints", "tensorboard"
"""Folders of a run's training states and of its TensorBoard log."""

FINAL_SOFT_FACTOR = 8
"""The final placement's soft macros get this many times the iterations that an episode's get in training."""


Collector = Callable[[Problem, Params, TrainConfig, jax.Array], Episodes]
"""Plays one episode per key [T]: ``placer.ppo.collect``, wherever it runs."""


@dataclass(frozen=True)
class TrainResult:
    """A trained policy and how it came about.

    Attributes:
        params: of the network.
        curve: what each update gave.
        best: the best placement met in training, legal; None when no update was made.
        best_cost: its proxy cost; infinite then.
        reason: why training ended, a sentence.
    """

    params: Params
    curve: Curve
    best: Placement | None
    best_cost: float
    reason: str


def train(
    netlist: Netlist,
    initial: Placement,
    config: TrainConfig,
    params: Params | None = None,
    seed: int = 0,
    out_dir: Path | None = None,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
    collector: Collector | None = None,
) -> TrainResult:
    """Train a policy on one netlist, until the budget is spent or a plateau is reached; on all local accelerators.

    Args:
        netlist: clustered, with its canvas.
        initial: positions of ports and fixed nodes.
        config: budget and the rest.
        params: of a parent policy to start from (same ``config.policy``); None: new ones.
        seed: of everything random.
        out_dir: where ``checkpoints/`` (at intervals and at the end) and ``tensorboard/`` go; None writes nothing.
        resume: continue from the last checkpoint in ``out_dir`` if there is one; with a budget of updates the result
            equals that of an undisturbed run, bit for bit on one machine.
        progress: called after each update.
        collector: plays the episodes; by default this process does.

    Raises:
        CheckpointError: the checkpoint is damaged or belongs to another run.
        InputError: ``params`` are of another network.
        Infeasible: there is no legal placement, or none was found.
    """
    problem = problem_for(netlist, initial, config)
    curve = Curve.empty()
    if params is not None:
        same_network(params, problem, config)
    with ExitStack() as resources:
        resources.enter_context(all_local_devices(config.episodes))
        problem = everywhere(problem)
        state = everywhere(initial_state(problem, config, seed, params))
        checkpoints, log = None, None
        if out_dir:
            run = fingerprint(problem, config, seed, params)
            checkpoints = resources.enter_context(Checkpoints(out_dir / CHECKPOINTS, run, resume))
            state, curve = checkpoints.latest(state) or (state, curve)
            log = resources.enter_context(EventLog(out_dir / EVENTS, curve, config.episodes))
        key = jax.random.key(seed)
        began = time.monotonic() - curve.elapsed
        reason = ended(curve, config)
        while reason is None:
            keys = episode_keys(key, curve.updates, config)
            episodes = (collector or collect_here)(problem, state.params, config.compiled, keys)
            rates = config.rates(spent(curve, config), None if params is None else curve.updates)
            state, metrics = learn_here(state, problem.graph, key, config.compiled, episodes, rates)
            curve = curve.extended(metrics, float(state.best_cost), time.monotonic() - began)
            reason = ended(curve, config)
            if log:
                log.add(curve, curve.updates)
            if checkpoints and (reason is not None or curve.updates % config.checkpoint_updates == 0):
                checkpoints.save(state, curve)
            if progress:
                progress(progress_of(curve, config))
    cost = float(state.best_cost)
    best = placement_of(netlist, initial, state.best_position, state.best_orientation) if np.isfinite(cost) else None
    return TrainResult(state.params, curve, best, cost, reason)


def same_network(params: Params, problem: Problem, config: TrainConfig) -> None:
    """Raise an InputError where parameters do not fit the network of a configuration."""
    wanted, given = (
        {jax.tree_util.keystr(path): np.shape(leaf) for path, leaf in jax.tree.leaves_with_path(tree)}
        for tree in (jax.eval_shape(lambda: initial_state(problem, config, 0).params), params)
    )
    wrong = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
    if wrong:
        raise InputError(
            f"the policy is of another network: {wrong[0]} is {given.get(wrong[0])} and should be "
            f"{wanted.get(wrong[0])}; train one with this version"
        )


def place(
    netlist: Netlist,
    initial: Placement,
    params: Params,
    seed: int = 0,
    samples: int = 32,
    config: TrainConfig | None = None,
) -> Placement:
    """The best of ``samples`` placements by a policy, the first of them nearly greedy; legal, halos kept.

    Args:
        netlist: clustered, with its canvas.
        initial: positions of ports and fixed nodes.
        params: of the policy.
        seed: of the samples.
        samples: how many episodes are played.
        config: with which the policy was trained; by default ``TrainConfig()``.

    Raises:
        Infeasible: there is no legal placement, or none was found.
    """
    config = config or TrainConfig()
    problem = problem_for(netlist, initial, config)
    outcome = _sample(problem, params, jax.random.key(seed), config, samples)
    best = int(jnp.argmin(outcome.cost))
    return placement_of(netlist, initial, outcome.position[best], outcome.orientation[best])


def settle(netlist: Netlist, initial: Placement, placement: Placement, config: TrainConfig) -> Placement:
    """Keep the hard macros where a placement has them; soft macros and flips as after an episode's end in ``place``.

    So what a policy does with hard macros can be compared with what another method does, all else being equal.
    """
    problem = problem_for(netlist, initial, config)
    hard = problem.hard_size.shape[0]
    nodes = np.asarray(problem.slot_node[:hard])
    there = np.append(placement.position, [[0.0, 0.0]], 0)[np.minimum(nodes, len(placement.position))]
    position = jnp.asarray(there, jnp.float32)
    outcome = _finish(problem, position, config.soft_iterations * FINAL_SOFT_FACTOR)
    settled = placement_of(netlist, initial, outcome.position, outcome.orientation)
    movers = netlist.nodes(NodeKind.HARD)
    settled.position[movers] = placement.position[movers]  # single precision does not move them
    return settled


def training_step_example(
    netlist: Netlist, initial: Placement, config: TrainConfig
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """One update as a pure function and its arguments, to be traced: episodes, their costs, the learning from them."""
    problem = problem_for(netlist, initial, config)
    step = partial(update, config=config.compiled, rates=config.rates())
    return step, (initial_state(problem, config, 0), problem, jax.random.key(0))


def problem_for(netlist: Netlist, initial: Placement, config: TrainConfig) -> Problem:
    """The netlist as the environment of this configuration sees it."""
    return problem_of(netlist, initial, config.policy.grid, config.fine, config.weights, config.halo)


_finish = jax.jit(env.finish, static_argnums=2)
collect_here: Collector = partial(jax.jit, static_argnames="config")(collect)
"""Episodes played by this process."""


@partial(jax.jit, static_argnames="config")
def learn_here(
    state: TrainState, graph: Graph, key: jax.Array, config: TrainConfig, episodes: Episodes, rates: Rates
) -> tuple[TrainState, Metrics]:
    """As ``placer.ppo.learn``, by this process; parameters stay on all devices in use."""
    return everywhere(learn(state, graph, key, config, episodes, rates))


@partial(jax.jit, static_argnames=("config", "samples"))
def _sample(problem: Problem, params: Params, key: jax.Array, config: TrainConfig, samples: int) -> env.Outcome:
    temperature = jnp.linspace(0.05, 1.0, samples)[:, None]
    final, _ = play(problem, params, config, jax.random.split(key, samples), temperature)
    return jax.vmap(env.finish, (None, 0, None))(problem, final.position, config.soft_iterations * FINAL_SOFT_FACTOR)


def placement_of(netlist: Netlist, initial: Placement, position: jax.Array, orientation: jax.Array) -> Placement:
    """In doubles, without padding; what does not move stays exactly where it was."""
    count = len(netlist.node_names)
    position, orientation = position[:count], orientation[:count]
    still = netlist.node_fixed | (netlist.node_kind == NodeKind.PORT)
    moved = np.where(still[:, None], initial.position, np.asarray(position, np.float64))
    turned = np.where(still, initial.orientation, np.asarray(orientation)).astype(np.int8)
    return Placement(moved, turned)
