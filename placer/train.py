"""Train a policy on a netlist, and place with a policy: what the loop calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from placer import env
from placer.checkpoint import Curve, fingerprint, read_checkpoint, write_checkpoint
from placer.netlist import FloatArray, IntArray, Netlist, NodeKind, Placement
from placer.policy import Params
from placer.ppo import Metrics, TrainConfig, initial_state, play, update
from placer.problem import Problem, problem_of

CHECKPOINT = "checkpoint.msgpack"

FINAL_SOFT_FACTOR = 8
"""The final placement's soft macros get this many times the iterations that an episode's get in training."""


@dataclass(frozen=True)
class Progress:
    """What a callback hears after each update.

    Attributes:
        update: updates done.
        done: part of the budget that is spent, 0 to 1.
        cost, best: mean cost of the update's episodes, and the least cost so far.
        entropy, kl: nats per step.
        seconds: of work so far.
        episodes_per_s: so far.
        seconds_left: until the budget is spent, at that rate.
    """

    update: int
    done: float
    cost: float
    best: float
    entropy: float
    kl: float
    seconds: float
    episodes_per_s: float
    seconds_left: float


@dataclass(frozen=True)
class TrainResult:
    """A trained policy and how it came about.

    Attributes:
        params: of the network.
        curve_step: number of each update, from 1.
        curve_cost: mean proxy cost of its episodes.
        curve_best: least proxy cost so far.
        curve_seconds: of work until then.
        best: the best placement met in training, legal; None when no update was made.
        best_cost: its proxy cost; infinite then.
        reason: why training ended, a sentence.
    """

    params: Params
    curve_step: IntArray  # [U]
    curve_cost: FloatArray  # [U]
    curve_best: FloatArray  # [U]
    curve_seconds: FloatArray  # [U]
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
) -> TrainResult:
    """Train a policy on one netlist, until the budget is spent or a plateau is reached.

    Args:
        netlist: clustered, with its canvas.
        initial: positions of ports and fixed nodes.
        config: budget and the rest.
        params: of a parent policy to start from (same ``config.policy``).
        seed: of everything random.
        out_dir: where ``checkpoint.msgpack`` goes, at intervals and at the end; None writes nothing.
        resume: continue from the checkpoint in ``out_dir`` if there is one; the result equals that of an undisturbed
            run.
        progress: called after each update.

    Raises:
        CheckpointError: the checkpoint is damaged or belongs to another run.
        Infeasible: there is no legal placement, or none was found.
    """
    problem = problem_for(netlist, initial, config)
    state = initial_state(problem, config, seed, params)
    curve = Curve(np.zeros(0), np.zeros(0), np.zeros(0))
    run = fingerprint(problem, config, seed)
    path = out_dir / CHECKPOINT if out_dir else None
    if resume and path and path.exists():
        state, curve = read_checkpoint(path, run, state)
    key = jax.random.key(seed)
    began = time.monotonic() - _last(curve.seconds)
    reason = ended(curve, config)
    while reason is None:
        state, metrics = _update(state, problem, key, config.compiled, spent(curve, config))
        row = (float(metrics.cost), float(state.best_cost), time.monotonic() - began)
        curve = Curve(
            *(np.append(old, new) for old, new in zip((curve.cost, curve.best, curve.seconds), row, strict=True))
        )
        reason = ended(curve, config)
        if path and (reason is not None or len(curve.cost) % config.checkpoint_updates == 0):
            write_checkpoint(path, run, state, curve)
        if progress:
            progress(_progress(metrics, curve, config))
    cost = float(state.best_cost)
    best = _placement(netlist, initial, state.best_position, state.best_orientation) if np.isfinite(cost) else None
    steps = np.arange(1, len(curve.cost) + 1, dtype=np.int32)
    return TrainResult(state.params, steps, curve.cost, curve.best, curve.seconds, best, cost, reason)


def _last(values: FloatArray) -> float:
    return float(values[-1]) if len(values) else 0.0


def spent(curve: Curve, config: TrainConfig) -> float:
    """Part of the budget that is spent, 0 to 1: of the updates or of the seconds, whichever is nearer to its end."""
    parts = [0.0]
    if config.updates is not None:
        parts.append(len(curve.cost) / max(1, config.updates))
    if config.seconds is not None:
        parts.append(_last(curve.seconds) / config.seconds)
    return min(1.0, max(parts))


def ended(curve: Curve, config: TrainConfig) -> str | None:
    """Why training is over, or None when it is not."""
    done, window = len(curve.cost), config.plateau_updates
    if config.updates is not None and done >= config.updates:
        return f"the budget of {config.updates} updates is spent"
    if config.seconds is not None and _last(curve.seconds) >= config.seconds:
        return f"the budget of {config.seconds:g} s is spent after {done} updates"
    if window and done >= 2 * window:
        late, early = curve.cost[-window:].mean(), curve.cost[-2 * window : -window].mean()
        gain = (early - late) / abs(early)
        if gain < config.plateau_gain and curve.best[-1] >= curve.best[-window - 1]:
            return (
                f"plateau after {done} updates: over the last {window} the mean cost improved by {gain:.2%} "
                f"(least worth going on: {config.plateau_gain:.2%}) and no better placement was found"
            )
    return None


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
    return _placement(netlist, initial, outcome.position[best], outcome.orientation[best])


def settle(netlist: Netlist, initial: Placement, placement: Placement, config: TrainConfig) -> Placement:
    """Keep the hard macros where a placement has them; soft macros and flips as after an episode's end in ``place``.

    So what a policy does with hard macros can be compared with what another method does, all else being equal.
    """
    problem = problem_for(netlist, initial, config)
    hard = problem.hard_size.shape[0]
    position = jnp.asarray(placement.position[np.asarray(problem.slot_node[:hard])], jnp.float32)
    outcome = _finish(problem, position, config.soft_iterations * FINAL_SOFT_FACTOR)
    settled = _placement(netlist, initial, outcome.position, outcome.orientation)
    movers = netlist.nodes(NodeKind.HARD)
    settled.position[movers] = placement.position[movers]  # single precision does not move them
    return settled


def training_step_example(
    netlist: Netlist, initial: Placement, config: TrainConfig
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """One update as a pure function and its arguments, to be traced: episodes, their costs, the learning from them."""
    problem = problem_for(netlist, initial, config)
    return partial(update, config=config.compiled), (initial_state(problem, config, 0), problem, jax.random.key(0))


def problem_for(netlist: Netlist, initial: Placement, config: TrainConfig) -> Problem:
    """The netlist as the environment of this configuration sees it."""
    return problem_of(netlist, initial, config.policy.grid, config.fine, config.weights, config.halo)


_finish = jax.jit(env.finish, static_argnums=2)
_update = partial(jax.jit, static_argnames=("config", "score"))(update)


@partial(jax.jit, static_argnames=("config", "samples"))
def _sample(problem: Problem, params: Params, key: jax.Array, config: TrainConfig, samples: int) -> env.Outcome:
    temperature = jnp.linspace(0.05, 1.0, samples)[:, None]
    final, _ = play(problem, params, config, jax.random.split(key, samples), temperature)
    return jax.vmap(env.finish, (None, 0, None))(problem, final.position, config.soft_iterations * FINAL_SOFT_FACTOR)


def _placement(netlist: Netlist, initial: Placement, position: jax.Array, orientation: jax.Array) -> Placement:
    """In doubles; what does not move stays exactly where it was."""
    still = netlist.node_fixed | (netlist.node_kind == NodeKind.PORT)
    moved = np.where(still[:, None], initial.position, np.asarray(position, np.float64))
    turned = np.where(still, initial.orientation, np.asarray(orientation)).astype(np.int8)
    return Placement(moved, turned)


def _progress(metrics: Metrics, curve: Curve, config: TrainConfig) -> Progress:
    done, seconds = spent(curve, config), _last(curve.seconds)
    return Progress(
        update=len(curve.cost),
        done=done,
        cost=_last(curve.cost),
        best=_last(curve.best),
        entropy=float(metrics.entropy),
        kl=float(metrics.kl),
        seconds=seconds,
        episodes_per_s=config.episodes * len(curve.cost) / seconds,
        seconds_left=seconds * (1 / done - 1),
    )
