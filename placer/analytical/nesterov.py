"""Nesterov's method on wirelength plus weighted density, the step predicted from the gradient's Lipschitz constant.

J. Lu et al., "ePlace", ACM TODAES 20(2), 2015, algorithms 1 and 2; the schedule of the density's weight is that of
C.-K. Cheng et al., "RePlAce", IEEE TCAD 38(9), 2019, with the reference change of wirelength relative to wirelength.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from placer.analytical.electrostatics import density_gradient
from placer.analytical.system import System
from placer.analytical.wirelength import wirelength

MOST_BACKTRACKS = 10
FIRST_MOVE = 0.1  # of a bin: the first step is short, later ones are predicted
FIRST_WEIGHT = 4e-3  # of the density, where the two gradients' norms would be equal at 1


class Schedule(NamedTuple):
    """When to stop and how fast the density's weight grows."""

    overflow: float | Array = 0.07  # stop below it
    fewest: int | Array = 0  # iterations before that
    iterations: int | Array = 1500  # stop after them
    least: float | Array = 0.95  # factors on the density's weight per iteration
    most: float | Array = 1.05
    reference: float | Array = 0.005  # relative growth of wirelength at which the weight stays


PATIENCE = 300
"""Iterations without less overflow after which it is not going to be reached, if only by divergence."""


class Best(NamedTuple):
    """Where the overflow was least, of those after the schedule's fewest iterations; fields as of ``State``."""

    position: Array
    length: Array
    overflow: Array
    iteration: Array


class State(NamedTuple):
    """Where the optimiser stands."""

    position: Array  # [B, 2] um, the solution u
    ahead: Array  # [B, 2] um, the reference solution v at which gradients are taken
    pull: Array  # [B, 2] gradient of wirelength at ``ahead``
    push: Array  # [B, 2] gradient of the energy at ``ahead``
    momentum: Array  # [] a
    step: Array  # [] to try next
    tries: Array  # [] steps that were too long since the last accepted one
    weight: Array  # [] of the density
    length: Array  # [] half-perimeter wirelength at ``ahead``
    overflow: Array  # []
    iteration: Array  # [] accepted steps; -1 before the first evaluation
    best: Best


def smoothing(system: System, overflow: Array) -> Array:
    """The wirelength's gamma in um: wide while bodies overlap, narrow at the end."""
    return 4.0 * (system.cell[0] + system.cell[1]) * 10.0 ** (jnp.minimum(overflow, 1.0) * 20.0 / 9.0 - 11.0 / 9.0)


def gradients(system: System, position: Array, gamma: Array) -> tuple[Array, Array, Array, Array]:
    """Gradients of wirelength and energy [B, 2], the exact wirelength in um, the overflow."""
    pull, length = wirelength(system, position, gamma)
    push, overflow = density_gradient(system, position)
    still = system.movable[:, None]
    return jnp.where(still, pull, 0.0), jnp.where(still, push, 0.0), length, overflow


def begin(system: System, position: Array, share: float = FIRST_WEIGHT, overflow: float = 1.0) -> State:
    """The state before the first evaluation of the gradients.

    Args:
        system: what is placed.
        position: [B, 2] um.
        share: the density's weight, where 1 makes the two gradients equally large.
        overflow: about that of ``position``.
    """
    still, zero, none = jnp.zeros_like(position), jnp.zeros(()), jnp.zeros((), jnp.int32)
    weight, crowd = jnp.asarray(share, position.dtype), jnp.asarray(overflow, position.dtype)
    best = Best(position, zero, zero + jnp.inf, none)
    return State(position, position, still, still, zero + 1, zero, none, weight, zero, crowd, none - 1, best)


@jax.jit
def run(system: System, state: State, schedule: Schedule) -> State:
    """Iterate until the overflow is below the schedule's; where it does not get there, to where it was least."""

    def unfinished(state: State) -> Array:
        healthy = jnp.isfinite(state.length) & (state.iteration <= state.best.iteration + PATIENCE)
        crowded = (state.overflow > schedule.overflow) | (state.iteration < jnp.maximum(schedule.fewest, 0))
        return crowded & (state.iteration < schedule.iterations) & healthy

    end = lax.while_loop(unfinished, partial(_attempt, system, schedule), state)
    there = end.overflow <= schedule.overflow
    kept = [
        jnp.where(there, now, best)
        for now, best in zip((end.position, end.length, end.overflow), end.best, strict=False)
    ]
    return end._replace(position=kept[0], length=kept[1], overflow=kept[2])


def _attempt(system: System, schedule: Schedule, state: State) -> State:
    """One evaluation of the gradients: an iteration where the step turns out short enough, else a shorter step."""
    slope = _direction(system, state.pull, state.push, state.weight)
    momentum = (1 + jnp.sqrt(4 * state.momentum**2 + 1)) / 2
    carry = (state.momentum - 1) / momentum
    position = _inside(system, state.ahead, state.ahead - state.step * slope)
    ahead = _inside(system, state.ahead, position + carry * (position - state.position))
    pull, push, length, overflow = gradients(system, ahead, smoothing(system, state.overflow))
    moved, change = ahead - state.ahead, _direction(system, pull, push, state.weight) - slope
    step = _lipschitz_step(moved, change)
    if len(system.block):  # few among many bodies, but stiffer: a step that suits the others makes them swing
        theirs = _lipschitz_step(moved[system.block], change[system.block])
        step = jnp.minimum(step, jnp.where(theirs > 0, theirs, jnp.inf))  # 0 where they are all fixed
    growth = (length - state.length) / (schedule.reference * state.length + 1e-20)
    weight = state.weight * jnp.clip(schedule.most ** (1.0 - growth), schedule.least, schedule.most)

    # The first evaluation moves nothing; it turns the weight from a share into what it is.
    first = state.iteration < 0
    balance = jnp.sum(jnp.abs(pull)) / jnp.maximum(jnp.sum(jnp.abs(push)), 1e-20)
    steepest = jnp.abs(_direction(system, pull, push, state.weight * balance)).max()
    weight = jnp.where(first, state.weight * balance, weight)
    next_step = jnp.where(first, FIRST_MOVE * system.cell.min() / jnp.maximum(steepest, 1e-20), step)

    none, one = jnp.zeros((), jnp.int32), jnp.ones((), jnp.int32)
    iteration = state.iteration + one
    better = (overflow < state.best.overflow) | (iteration <= schedule.fewest)
    best = jax.tree.map(partial(jnp.where, better), Best(position, length, overflow, iteration), state.best)
    done = State(
        position, ahead, pull, push, jnp.where(first, 1.0, momentum), next_step, none, weight, length, overflow,
        iteration, best,
    )  # fmt: skip
    shorter = state._replace(step=step, tries=state.tries + one)
    accepted = first | (step >= 0.95 * state.step) | (state.tries >= MOST_BACKTRACKS)
    return jax.tree.map(partial(jnp.where, accepted), done, shorter)


def _direction(system: System, pull: Array, push: Array, weight: Array) -> Array:
    """The preconditioned gradient: over pins plus weighted charge, at least 1."""
    return (pull + weight * push) / jnp.maximum(system.pins + weight * system.charge, 1.0)[:, None]


def _inside(system: System, still: Array, position: Array) -> Array:
    """Movable bodies inside the canvas; others where they were."""
    return jnp.where(system.movable[:, None], jnp.clip(position, system.half, system.span - system.half), still)


def _lipschitz_step(moved: Array, change: Array) -> Array:
    """The inverse of the gradient's Lipschitz constant, from one move and the change of the gradient by it."""
    return jnp.sqrt(jnp.sum(moved**2) / jnp.maximum(jnp.sum(change**2), 1e-30))
