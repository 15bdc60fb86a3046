"""The placement environment: hard macros one by one on a grid, then soft macros; pure functions of pytrees.

    state, observation = reset(problem)
    state, observation = step(problem, state, action)        # until observation.active is false
    outcome = finish(problem, state, iterations)             # soft macros, flips, cost

All may be jitted and vmapped, over states and over problems of the same sizes. An action is a cell of the policy's
grid, column * G + row. Within its cell the macro takes the feasible fine position that touches most (other macros'
halos, the canvas's edge), the nearest to the cell's middle among equals: so macros abut, and few gaps are left that fit
nothing. A cell is feasible when it has such a position, by exact rectangles; so a state is always legal. Where no cell
is feasible, the episode is truncated (``State.dead``) and its cost is a penalty above that of any complete placement
seen. Letters as in ``placer.problem``; V: scalar features.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from placer.cost_jax import proxy_cost
from placer.problem import Problem
from placer.soft_step import overlap, place_soft

MAPS = 6
"""Occupied, feasible, wire (relative to the least and the greatest), touching, and the cell's column and row."""

SCALARS = 10

DEAD_COST = 2.0
"""Cost of a truncated episode, plus twice the share of macros that were left over."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """An episode in progress."""

    position: Array  # [H, 2] um; meaningful where placed
    placed: Array  # [H] bool
    turn: Array  # [] slot of the macro to place next
    dead: Array  # [] bool: the macro to place next fits nowhere
    choice: Array  # [G * G] fine position, column * F + row, that an action leads to


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Observation:
    """What the policy sees at a step.

    Attributes:
        maps: features of the cells: MAPS says which.
        scalars: share of macros placed, of the canvas occupied, the macro's size and target, its stiffness, and the
            share of cells feasible.
        mask: feasible cells; all true when the episode is over, so that a distribution exists.
        turn: slot of the macro to place.
        active: false once the episode is over; later actions do nothing.
    """

    maps: Array  # [G, G, MAPS]
    scalars: Array  # [SCALARS]
    mask: Array  # [G * G] bool
    turn: Array  # []
    active: Array  # [] bool


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Outcome:
    """An episode's end.

    Attributes:
        cost: the weighted proxy cost, or a penalty when the episode was truncated.
        terms: wirelength, density and congestion.
        position, orientation: of all nodes of the netlist.
        complete: every macro is placed.
    """

    cost: Array  # []
    terms: Array  # [3]
    position: Array  # [N, 2] um
    orientation: Array  # [N]
    complete: Array  # [] bool


def reset(problem: Problem) -> tuple[State, Observation]:
    """The start of an episode: fixed macros are placed, the first movable one is next."""
    hard = problem.hard_size.shape[0]
    position = jnp.where(problem.hard_fixed[:, None], problem.start[:hard], 0.0)
    return _observe(problem, position, problem.hard_fixed, jnp.int32(0))


def step(problem: Problem, state: State, action: Array) -> tuple[State, Observation]:
    """Place the next macro in cell ``action``; nothing happens once the episode is over."""
    fine = problem.fine_x.shape[0]
    chosen = state.choice[action]
    centre = jnp.stack([problem.fine_x[chosen // fine], problem.fine_y[chosen % fine]])
    active = _active(problem, state)
    here = (jnp.arange(state.placed.shape[0]) == state.turn) & active
    position = jnp.where(here[:, None], centre, state.position)
    return _observe(problem, position, state.placed | here, state.turn + active)


def _active(problem: Problem, state: State) -> Array:
    return (state.turn < problem.hard_count) & ~state.dead


def feasible_positions(problem: Problem, position: Array, placed: Array, turn: Array) -> Array:
    """[F, F] bool: fine positions where macro ``turn`` keeps clear of all placed ones and the canvas's edges."""
    size = problem.hard_size[turn]

    def clear(axis: int, lines: Array) -> tuple[Array, Array]:
        reach = (problem.hard_size[:, axis] + size[axis]) / 2 + problem.halo
        clash = (jnp.abs(lines[:, None] - position[None, :, axis]) < reach) & placed  # [F, H]
        margin = problem.canvas[axis] * 1e-6
        inside = (lines - size[axis] / 2 >= margin) & (lines + size[axis] / 2 <= problem.canvas[axis] - margin)
        return clash.astype(jnp.float32), inside

    clash_x, inside_x = clear(0, problem.fine_x)
    clash_y, inside_y = clear(1, problem.fine_y)
    return (clash_x @ clash_y.T < 0.5) & inside_x[:, None] & inside_y[None, :]


def _choose(feasible: Array, grid: int) -> tuple[Array, Array]:
    """The best fine position of each cell [G * G], and how many of its four sides touch, -1 where none is feasible."""
    lines = feasible.shape[0]
    fine = lines // grid
    wall = ~jnp.pad(feasible, 1)
    touching = wall[:-2, 1:-1].astype(jnp.float32) + wall[2:, 1:-1] + wall[1:-1, :-2] + wall[1:-1, 2:]  # [F, F]
    off = jnp.abs(jnp.arange(fine) - (fine - 1) / 2) / (fine + 1)
    nearness = -0.4 * (off[:, None] + off[None, :])  # above -1, so that it only decides between equals
    blocks = jnp.where(feasible, touching, -jnp.inf).reshape(grid, fine, grid, fine).transpose(0, 2, 1, 3)
    blocks = (blocks + nearness).reshape(grid * grid, fine * fine)
    best = jnp.argmax(blocks, 1)
    cell = jnp.arange(grid * grid)
    column, row = cell // grid * fine + best // fine, cell % grid * fine + best % fine
    touch = jnp.where(feasible[column, row], touching[column, row], -1.0)
    return (column * lines + row).astype(jnp.int32), touch


def _observe(problem: Problem, position: Array, placed: Array, turn: Array) -> tuple[State, Observation]:
    quadratic = problem.quadratic
    grid = quadratic.edge_x.shape[1]
    turn = turn.astype(jnp.int32)
    current = jnp.minimum(turn, problem.hard_size.shape[0] - 1)
    choice, touch = _choose(feasible_positions(problem, position, placed, current), grid)
    mask = touch >= 0
    more = turn < problem.hard_count
    dead = more & ~mask.any()

    lines = (jnp.arange(grid) + 0.5)[:, None] * (problem.canvas / problem.grid)  # [G, 2] um
    pull = quadratic.pull[current]
    away = [jnp.abs(lines[:, a, None] - position[None, :, a]) @ pull for a in range(2)]
    wire = (quadratic.edge_x[current] + away[0])[:, None] + (quadratic.edge_y[current] + away[1])[None, :]
    cells = jnp.arange(grid)
    used = (cells[:, None] < problem.grid[0]) & (cells[None, :] < problem.grid[1])
    least = jnp.min(jnp.where(used, wire, jnp.inf))
    most = jnp.max(jnp.where(used, wire, -jnp.inf))
    wire = jnp.where(used, (wire - least) / jnp.maximum(most - least, 1e-6), 1.0)

    pitch = problem.canvas / problem.grid
    cover = [overlap(position[:, a] / pitch[a], problem.hard_size[:, a] / pitch[a], grid) for a in range(2)]
    occupied = jnp.where(used, (cover[0] * placed[:, None]).T @ cover[1], 1.0)
    along = (cells + 0.5)[:, None] / problem.grid * 2 - 1  # [G, 2]
    maps = jnp.stack(
        [
            occupied,
            mask.reshape(grid, grid).astype(jnp.float32),
            wire,
            jnp.maximum(touch, 0.0).reshape(grid, grid) / 4,
            jnp.broadcast_to(along[:, 0, None], (grid, grid)),
            jnp.broadcast_to(along[None, :, 1], (grid, grid)),
        ],
        -1,
    )
    area = problem.hard_size.prod(1)
    count = problem.hard_count
    slots = jnp.arange(problem.hard_size.shape[0])
    target = (quadratic.base[current] + pull @ position) / problem.canvas
    total = problem.canvas.prod()
    scalars = jnp.concatenate(
        [
            jnp.stack([turn / jnp.maximum(count, 1), (area * placed).sum() / total]),
            jnp.stack([(area * (~placed & (slots < count))).sum() / total, mask.mean()]),
            problem.hard_size[current] / problem.canvas * 4,
            target * 2 - 1,
            jnp.stack([quadratic.stiffness[current], pull.sum()]),
        ]
    )
    state = State(position, placed, turn, dead, choice)
    return state, Observation(maps, scalars, mask | ~mask.any(), current, more & ~dead)


def finish(problem: Problem, state: State, iterations: int) -> Outcome:
    """Close an episode: place soft macros, flip hard ones, and count the cost.

    Args:
        problem: of the episode.
        state: at its end.
        iterations: of the soft macros' gradient descent.
    """
    hard, soft = problem.hard_size.shape[0], problem.soft_size.shape[0]
    quadratic = problem.quadratic
    soft_position = quadratic.soft_base + quadratic.soft_pull @ state.position
    position = jnp.concatenate([state.position, soft_position, problem.start[hard + soft :]])
    signs, position = place_soft(
        problem.smooth,
        problem.connections,
        problem.weights,
        problem.canvas,
        position,
        problem.hard_size,
        state.placed,
        problem.hard_signs,
        problem.soft_size,
        problem.soft_movable,
        iterations,
    )
    negative = (signs < 0).astype(jnp.int32)
    flipped = jnp.array([[0, 2], [1, 3]])[negative[:, 0], negative[:, 1]]  # N, FS; FN, S
    nodes = problem.slot_node
    orientation = problem.base_orientation.at[nodes[:hard]].set(flipped, mode="drop")
    everywhere = problem.base_position.at[nodes].set(position, mode="drop")
    terms = jnp.stack(proxy_cost(problem.cost, everywhere, orientation))
    left = 1 - jnp.minimum(state.turn, problem.hard_count) / jnp.maximum(problem.hard_count, 1)
    complete = state.turn >= problem.hard_count
    cost = jnp.where(complete, problem.weights @ terms, DEAD_COST + 2 * left)
    return Outcome(cost, terms, everywhere, orientation, complete)
