"""Electrostatic global placement of a netlist: hard macros, soft macros and standard cells together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from placer.analytical.nesterov import Schedule, State, begin, run
from placer.analytical.system import System, system_of
from placer.netlist import BoolArray, FloatArray, InputError, Netlist, Placement

FIRST_SPREAD = 0.001
"""Deviation of the start around the canvas's centre, in canvas sides."""

WARM_WEIGHT, WARM_OVERFLOW = 0.1, 0.2
"""Where a global placement goes on: the density's weight at the start, and about the overflow there."""


@dataclass(frozen=True)
class Spread:
    """A global placement: bodies overlap a little.

    Attributes:
        placement: of all nodes; fixed ones and orientations as they were given.
        fillers: [B - N, 2] um, where the fillers came to lie.
        length: half-perimeter wirelength in um.
        overflow: share of the movable area above the target density.
        iterations: of Nesterov's method.
    """

    placement: Placement
    fillers: FloatArray
    length: float
    overflow: float
    iterations: int


def global_place(
    netlist: Netlist,
    placement: Placement,
    seed: int = 0,
    target: float = 1.0,
    halo: float = 0.0,
    frozen: BoolArray | None = None,
    schedule: Schedule | None = None,
) -> Spread:
    """Place all movable nodes from the middle of the canvas; one start of ``global_place_all``."""
    return global_place_all(netlist, placement, (seed,), target, halo, frozen, schedule)[0]


def global_place_all(
    netlist: Netlist,
    placement: Placement,
    seeds: Sequence[int],
    target: float = 1.0,
    halo: float = 0.0,
    frozen: BoolArray | None = None,
    schedule: Schedule | None = None,
) -> tuple[Spread, ...]:
    """Place all movable nodes from the middle of the canvas, one start per seed, in one batch.

    Args:
        netlist: what is placed.
        placement: where fixed nodes are, and how all are turned; other positions are not used.
        seeds: of the starts.
        target: density up to which the canvas may be filled; raised where the nodes need more.
        halo: um kept free around hard macros.
        frozen: [N] nodes that stay where they are, beside fixed ones and ports.
        schedule: stop and growth of the density's weight.

    Raises:
        InputError: the nodes need more than the canvas has.
    """
    system, fillers = _system(netlist, placement, frozen, target, halo, seeds[0])
    starts = [_start(system, placement, fillers, seed) for seed in seeds]
    positions = jnp.asarray(np.stack(starts), jnp.float32)
    plan = schedule or Schedule()
    if len(seeds) == 1:
        states = jax.tree.map(lambda a: a[None], run(system, begin(system, positions[0]), plan))
    else:
        firsts = jax.vmap(begin, in_axes=(None, 0))(system, positions)
        states = jax.vmap(run, in_axes=(None, 0, None))(system, firsts, plan)
    return tuple(
        _result(netlist, placement, system, jax.tree.map(lambda a, i=i: a[i], states)) for i in range(len(seeds))
    )


def respread(
    netlist: Netlist,
    before: Spread,
    placement: Placement,
    frozen: BoolArray,
    target: float = 1.0,
    share: float = WARM_WEIGHT,
    schedule: Schedule | None = None,
) -> Spread:
    """Place the other nodes anew around ``frozen`` ones, from where a global placement had them.

    Args:
        netlist: what is placed.
        before: the global placement; its fillers go on from where they were.
        placement: of all nodes, frozen ones at their new places.
        frozen: [N] nodes that stay where they are, beside fixed ones and ports.
        target: as it was before.
        share: the density's weight at the start, where 1 balances wirelength and density.
        schedule: stop and growth of the density's weight.
    """
    system, fillers = _system(netlist, placement, frozen, target, 0.0, 0)
    kept = min(len(fillers), len(before.fillers))
    fillers[:kept] = before.fillers[:kept]
    position = jnp.asarray(np.concatenate([placement.position, fillers]), jnp.float32)
    state = run(system, begin(system, position, share, WARM_OVERFLOW), schedule or Schedule())
    return _result(netlist, placement, system, state)


def _system(
    netlist: Netlist, placement: Placement, frozen: BoolArray | None, target: float, halo: float, seed: int
) -> tuple[System, FloatArray]:
    """The system and its fillers' places; refuses bodies that the canvas cannot hold."""
    frozen = np.zeros(len(netlist.node_kind), np.bool_) if frozen is None else frozen
    system, fillers = system_of(netlist, placement, frozen, target, halo, seed=seed)
    real = np.asarray(system.charge, np.float64)[: len(netlist.node_kind)]
    share = float(real.sum() / np.asarray(system.span, np.float64).prod())
    if share > 1:
        raise InputError(f"{netlist.name}: its nodes need {share:.3f} times the canvas; enlarge it")
    return system, fillers


def _start(system: System, placement: Placement, fillers: FloatArray, seed: int) -> FloatArray:
    """Movable nodes near the middle, fillers anywhere, [B, 2] um."""
    span = np.asarray(system.span, np.float64)
    noise = np.random.default_rng(seed).normal(size=placement.position.shape) * FIRST_SPREAD * span
    movable = np.asarray(system.movable)[: len(noise), None]
    return np.concatenate([np.where(movable, span / 2 + noise, placement.position), fillers])


def _result(netlist: Netlist, placement: Placement, system: System, state: State) -> Spread:
    if not np.isfinite(float(state.length)):
        raise FloatingPointError(f"{netlist.name}: global placement diverged")
    bodies = np.asarray(state.position, np.float64)
    count = len(placement.position)
    movable = np.asarray(system.movable)[:count, None]
    placed = replace(placement, position=np.where(movable, bodies[:count], placement.position))
    return Spread(placed, bodies[count:], float(state.length), float(state.overflow), int(state.iteration))
