"""The placement environment: hard macros one by one on a grid, then soft macros; pure functions of pytrees.

    state, observation = reset(problem)
    state, observation = step(problem, state, action)        # until observation.active is false
    outcome = finish(problem, state.position, iterations)    # soft macros, flips, cost

All may be jitted and vmapped, over states and over problems of the same sizes. An action is a cell of the policy's
grid, column * G + row. Within its cell the macro takes the admissible position that kills the fewest berths, among
these the one that touches most (other macros' halos, the canvas's edge), the nearest to the cell's middle among equals:
so macros abut, and few gaps are left that fit nothing. Candidates are fine positions and the places of berths. A
position is admissible when it is legal, by exact rectangles, and when what is still to come can be placed after it
(``placer.berths``); so each episode ends legally, and the mask is never empty. Letters as in ``placer.problem`` and
``placer.berths``; V: scalar features.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from placer.berths import Claims, admissible, first_claims, killed, settle
from placer.cost_jax import proxy_cost
from placer.expectation import expected_load, first_expectation, mean_below, next_expectation
from placer.problem import Problem
from placer.soft_step import overlap, place_soft

MAPS = 9
"""Occupied, feasible, wire (relative to the least and the greatest), touching, the cell's column and row, how far it is
from the canvas's edge, and what the macro would cover there: density of soft macros, share of the tracks in use."""

SCALARS = 12

KILL_WEIGHT = 8.0
"""What a killed berth weighs against sides that touch: more than all four, so that fewest kills come first."""

BERTH_SCORE = 2.0 - KILL_WEIGHT
"""Of a berth, which kills only itself; as if it touched on two sides."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """An episode in progress."""

    position: Array  # [H, 2] um; meaningful where placed
    placed: Array  # [H] bool
    turn: Array  # [] slot of the macro to place next
    claims: Claims
    expected: Array  # [H, 2] um, with those that are not placed where the wires pull them
    choice: Array  # [G * G, 2] um, where an action leads to


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Observation:
    """What the policy sees at a step.

    Attributes:
        maps: features of the cells: MAPS says which.
        scalars: shares of macros placed, of the canvas occupied and still to be occupied, and of cells feasible; the
            macro's size, target, stiffness, and how much of its pull is by hard macros; root mean squares of what the
            last two maps are of.
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
        cost: the weighted proxy cost.
        terms: wirelength, density and congestion.
        position, orientation: of all nodes of the netlist.
    """

    cost: Array  # []
    terms: Array  # [3]
    position: Array  # [N, 2] um
    orientation: Array  # [N]


def reset(problem: Problem) -> tuple[State, Observation]:
    """The start of an episode: fixed macros are placed, the first movable one is next."""
    hard = problem.hard_size.shape[0]
    position = jnp.where(problem.hard_fixed[:, None], problem.start[:hard], 0.0)
    expected = first_expectation(problem, position)
    return _observe(problem, position, problem.hard_fixed, jnp.int32(0), first_claims(problem.berths), expected)


def step(problem: Problem, state: State, action: Array) -> tuple[State, Observation]:
    """Place the next macro in cell ``action``, one of the mask's; nothing happens once the episode is over."""
    centre = state.choice[action]
    active = state.turn < problem.hard_count
    slots = jnp.arange(state.placed.shape[0])
    here = (slots == state.turn) & active
    position = jnp.where(here[:, None], centre, state.position)
    # A little less than the mask's reach, so that rounding cannot kill more than the mask allowed for.
    turn = jnp.minimum(state.turn, len(slots) - 1)
    size = problem.hard_size[turn]
    reach = (problem.berths.size + size) / 2 + problem.gap - problem.spacing / 4
    hit = (jnp.abs(problem.berths.centre - centre) < reach).all(-1) & active
    waiting = (slots > state.turn) & (slots < problem.hard_count)
    claims = settle(problem.berths, state.claims, waiting, hit)
    expected = jnp.where(active, next_expectation(problem, state.expected, turn, centre), state.expected)
    return _observe(problem, position, state.placed | here, state.turn + active, claims, expected)


def feasible_positions(problem: Problem, position: Array, placed: Array, turn: Array) -> Array:
    """[F, F] bool: fine positions where macro ``turn`` keeps clear of all placed ones and the canvas's edges."""
    size = problem.hard_size[turn]

    def clear(axis: int, lines: Array) -> tuple[Array, Array]:
        reach = (problem.hard_size[:, axis] + size[axis]) / 2 + problem.gap
        clash = (jnp.abs(lines[:, None] - position[None, :, axis]) < reach) & placed  # [F, H]
        margin = problem.canvas[axis] * 1e-6
        inside = (lines - size[axis] / 2 >= margin) & (lines + size[axis] / 2 <= problem.canvas[axis] - margin)
        return clash.astype(jnp.float32), inside

    clash_x, inside_x = clear(0, problem.fine_x)
    clash_y, inside_y = clear(1, problem.fine_y)
    return (clash_x @ clash_y.T < 0.5) & inside_x[:, None] & inside_y[None, :]


def _choose(problem: Problem, position: Array, placed: Array, turn: Array, claims: Claims) -> tuple[Array, Array]:
    """The best position of each cell: where [G * G, 2] um, and its touching sides [G * G], -1 if there is none."""
    lines = (problem.fine_x, problem.fine_y)
    size, grid = problem.hard_size[turn], problem.quadratic.edge_x.shape[1]
    slots = jnp.arange(placed.shape[0])
    waiting = (slots > turn) & (slots < problem.hard_count)
    legal = feasible_positions(problem, position, placed, turn)
    clash = killed(problem.berths, claims, lines, size, problem.gap)
    kills, allowed, open_berth = admissible(problem.berths, claims, waiting, clash)

    count = lines[0].shape[0]
    fine = count // grid
    wall = ~jnp.pad(legal, 1)
    touching = wall[:-2, 1:-1].astype(jnp.float32) + wall[2:, 1:-1] + wall[1:-1, :-2] + wall[1:-1, 2:]  # [F, F]
    off = jnp.abs(jnp.arange(fine) - (fine - 1) / 2) / (fine + 1)
    nearness = -0.4 * (off[:, None] + off[None, :])  # above -1, so that it only decides between equals
    score = jnp.where(legal & allowed, touching - KILL_WEIGHT * kills, -jnp.inf)
    blocks = score.reshape(grid, fine, grid, fine).transpose(0, 2, 1, 3)
    blocks = (blocks + nearness).reshape(grid * grid, fine * fine)
    best = jnp.argmax(blocks, 1)
    cell = jnp.arange(grid * grid)
    column, row = cell // grid * fine + best // fine, cell % grid * fine + best % fine
    where = jnp.stack([lines[0][column], lines[1][row]], 1)
    fine_score = jnp.max(blocks, 1)

    # Berths that the macro fits into: in its middle, the macro kills that berth only.
    centre = problem.berths.centre  # [P, 2]
    at = jnp.clip(jnp.floor(centre / problem.pitch).astype(jnp.int32), 0, problem.grid - 1)
    at = jnp.where(open_berth & (problem.berths.fits[turn] > 0), at[:, 0] * grid + at[:, 1], grid * grid)
    berth = jnp.full(grid * grid, -1).at[at].max(jnp.arange(len(at)), mode="drop")  # [G * G]
    take = (berth >= 0) & (fine_score < BERTH_SCORE)
    chosen = jnp.where(take[:, None], centre[berth], where)
    feasible = take | (fine_score > -jnp.inf)
    touch = jnp.where(take, 2.0, touching[column, row])
    return chosen, jnp.where(feasible, touch, -1.0)


def _observe(
    problem: Problem, position: Array, placed: Array, turn: Array, claims: Claims, expected: Array
) -> tuple[State, Observation]:
    quadratic = problem.quadratic
    grid = quadratic.edge_x.shape[1]
    turn = turn.astype(jnp.int32)
    current = jnp.minimum(turn, problem.hard_size.shape[0] - 1)
    choice, touch = _choose(problem, position, placed, current, claims)
    active = turn < problem.hard_count
    mask = (touch >= 0) | ~active

    lines = (jnp.arange(grid) + 0.5)[:, None] * problem.pitch  # [G, 2] um
    pull = quadratic.pull[current]
    away = [jnp.abs(lines[:, a, None] - position[None, :, a]) @ pull for a in range(2)]
    wire = (quadratic.edge_x[current] + away[0])[:, None] + (quadratic.edge_y[current] + away[1])[None, :]
    cells = jnp.arange(grid)
    used = (cells[:, None] < problem.grid[0]) & (cells[None, :] < problem.grid[1])
    least = jnp.min(jnp.where(used, wire, jnp.inf))
    most = jnp.max(jnp.where(used, wire, -jnp.inf))
    wire = jnp.where(used, (wire - least) / jnp.maximum(most - least, 1e-6), 1.0)

    pitch = problem.pitch
    cover = [overlap(position[:, a] / pitch[a], problem.hard_size[:, a] / pitch[a], grid) for a in range(2)]
    occupied = jnp.where(used, (cover[0] * placed[:, None]).T @ cover[1], 1.0)
    along = lines / problem.canvas * 2 - 1  # [G, 2]
    to_edge = 1 - jnp.maximum(jnp.abs(along[:, 0, None]), jnp.abs(along[None, :, 1]))
    size = problem.hard_size[current]
    loads = [jnp.where(used, load, 0.0) for load in expected_load(problem, expected, occupied)]
    maps = jnp.stack(
        [
            occupied,
            mask.reshape(grid, grid).astype(jnp.float32),
            wire,
            jnp.maximum(touch, 0.0).reshape(grid, grid) / 4,
            jnp.broadcast_to(along[:, 0, None], (grid, grid)),
            jnp.broadcast_to(along[None, :, 1], (grid, grid)),
            jnp.maximum(to_edge, 0.0),
            *(mean_below(load, size / pitch) for load in loads),
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
            size / problem.canvas * 4,
            target * 2 - 1,
            jnp.stack([quadratic.stiffness[current], pull.sum()]),
            jnp.stack([jnp.sqrt((load**2).sum() / used.sum()) for load in loads]),
        ]
    )
    state = State(position, placed, turn, claims, expected, choice)
    return state, Observation(maps, scalars, mask, current, active)


def finish(problem: Problem, hard_position: Array, iterations: int) -> Outcome:
    """Close an episode: place soft macros, flip hard ones, and count the cost.

    Args:
        problem: of the episode.
        hard_position: [H, 2] um of the hard macros, all of them placed.
        iterations: of the soft macros' gradient descent.
    """
    hard, soft = problem.hard_size.shape[0], problem.soft_size.shape[0]
    quadratic = problem.quadratic
    soft_position = quadratic.soft_base + quadratic.soft_pull @ hard_position
    position = jnp.concatenate([hard_position, soft_position, problem.start[hard + soft :]])
    signs, position = place_soft(
        problem.smooth,
        problem.connections,
        problem.weights,
        problem.canvas,
        position,
        problem.hard_size,
        problem.hard_present,
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
    return Outcome(problem.weights @ terms, terms, everywhere, orientation)
