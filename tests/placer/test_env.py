"""The placement environment: always legal, masks held against brute force, closed forms as solvers say."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from placer import env
from placer.cost import CostModel
from placer.expectation import expected_load, mean_below
from placer.legalise import Infeasible
from placer.legality import is_legal
from placer.netlist import Canvas, Netlist, Placement
from placer.policy import PolicyConfig, PolicyNetwork
from placer.problem import Problem, bucket, cells_of, fine_positions, problem_of, sizes_of
from placer.soft_step import LEAST_FREE, hard_maps, smooth_terms, spread_evenly

HARD, SOFT, PORTS, NETS = 5, 6, 4, 24
GRID, FINE = 8, 2
POLICY = PolicyConfig(GRID, 8, 1, (), 16, (8, 8), 8, (8,))


def design(seed: int, fixed: bool = False, size: float = 26.0) -> tuple[Netlist, Placement]:
    """A random netlist; which nodes its nets join is always the same, so that all cases share compiled code."""
    rng = np.random.default_rng(seed)
    count = HARD + SOFT + PORTS
    sizes = np.zeros((count, 2))
    sizes[:HARD] = rng.uniform(6, size, (HARD, 2))
    sizes[HARD : HARD + SOFT] = (10, 5)
    position = rng.uniform(20, 80, (count, 2))
    position[-PORTS:] = [(0, 30), (100, 60), (40, 0), (70, 100)]
    joins = np.random.default_rng(0)
    nodes = np.stack([joins.permutation(count)[:3] for _ in range(NETS)])  # [E, 3]
    pins = nodes.reshape(-1).astype(np.int32)
    offset = np.where((pins < HARD)[:, None], rng.uniform(-0.5, 0.5, (len(pins), 2)) * sizes[pins], 0.0)
    is_fixed = np.zeros(count, bool)
    is_fixed[0] = fixed
    netlist = Netlist(
        "random",
        Canvas(100.0, 100.0, 10, 10, h_routes_per_um=3, v_routes_per_um=3),
        tuple(f"n{i}" for i in range(count)),
        np.array([0] * HARD + [1] * SOFT + [2] * PORTS, np.int8),
        sizes,
        is_fixed,
        tuple(f"p{i}" for i in range(len(pins))),
        pins,
        offset,
        np.arange(0, len(pins) + 1, 3, dtype=np.int32),
        np.arange(len(pins), dtype=np.int32),
        rng.integers(1, 9, NETS).astype(float),
    )
    return netlist, Placement(position, np.zeros(count, np.int8))


@jax.jit
def play(problem: Problem, key: jax.Array) -> tuple[env.State, tuple[env.State, env.Observation]]:
    """An episode by random feasible actions; the final state, and all states and observations [H, ...]."""

    def turn(
        carry: tuple[env.State, env.Observation], k: jax.Array
    ) -> tuple[tuple[env.State, env.Observation], object]:
        state, seen = carry
        action = jax.random.categorical(k, jnp.where(seen.mask, 0.0, -1e9))
        return env.step(problem, state, action), (state, seen)

    keys = jax.random.split(key, problem.hard_size.shape[0])
    (state, _), (states, seen) = jax.lax.scan(turn, env.reset(problem), keys)
    return state, (states, seen)


finish = partial(jax.jit, static_argnums=2)(env.finish)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([0.0, 2.0]))
def test_every_episode_is_legal(seed: int, fixed: bool, halo: float) -> None:
    netlist, initial = design(seed, fixed)
    try:
        problem = problem_of(netlist, initial, GRID, FINE, halo=halo)
    except Infeasible:
        assume(False)
    state, _ = play(problem, jax.random.key(seed))
    outcome = finish(problem, state.position, 2)
    assert bool(state.placed.all())
    count = len(netlist.node_names)
    placement = Placement(np.asarray(outcome.position, float)[:count], np.asarray(outcome.orientation, np.int8)[:count])
    if fixed:
        np.testing.assert_allclose(placement.position[0], initial.position[0], rtol=1e-6)
    assert is_legal(netlist, placement, halo)
    cost = CostModel(netlist).evaluate(placement)
    assert float(outcome.cost) == pytest.approx(cost.total(), rel=2e-4)
    np.testing.assert_array_equal(placement.position[-PORTS:], initial.position[-PORTS:])


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_mask_forbids_nothing_that_is_legal_where_there_is_room(seed: int) -> None:
    netlist, initial = design(seed, size=16.0)
    problem = problem_of(netlist, initial, GRID, FINE, halo=1.0)
    _, (states, seen) = play(problem, jax.random.key(seed))
    active, mask, placed, position = (np.asarray(a) for a in (seen.active, seen.mask, states.placed, states.position))
    sizes, halo = np.asarray(problem.hard_size), float(problem.gap)
    for t in np.flatnonzero(active):
        low = position[t, placed[t]] - sizes[placed[t]] / 2 - halo
        high = position[t, placed[t]] + sizes[placed[t]] / 2 + halo
        size = sizes[t]
        feasible = np.zeros((GRID, GRID), bool)
        for i, x in enumerate(np.asarray(problem.fine_x)):
            for j, y in enumerate(np.asarray(problem.fine_y)):
                a, b = np.array([x, y]) - size / 2, np.array([x, y]) + size / 2
                apart = all((b <= lo).any() or (hi <= a).any() for lo, hi in zip(low, high, strict=True))
                inside = (a > 0).all() and (b < 100).all()
                feasible[i // FINE, j // FINE] |= apart and inside
        # Roomy: all that is legal may be done, and berths add places between the fine lines.
        assert (mask[t].reshape(GRID, GRID) >= feasible).all()


def first_of(problem: Problem) -> env.Observation:
    """A batch of one: what the policy sees first."""
    return jax.tree.map(lambda leaf: leaf[None], env.reset(problem)[1])


def test_padding_changes_nothing() -> None:
    netlist, initial = design(3)
    sizes = sizes_of(netlist, initial)
    exact = problem_of(netlist, initial, GRID, FINE, sizes=sizes)
    more = bucket(replace(sizes, hard=HARD + 9, soft=SOFT + 3))
    assert more.cost.nodes > sizes.cost.nodes
    padded = problem_of(netlist, initial, GRID, FINE, sizes=more)
    params = PolicyNetwork(POLICY).init(jax.random.key(0), exact.graph, first_of(exact))
    outcomes, decisions = [], []
    for problem in (exact, padded):
        decisions.append(jax.jit(PolicyNetwork(POLICY).apply)(params, problem.graph, first_of(problem)))
        state, seen = jax.jit(env.reset)(problem)
        for _ in range(HARD):
            state, seen = jax.jit(env.step)(
                problem, state, jnp.argmin(jnp.where(seen.mask, seen.maps[..., 2].reshape(-1), 9.0))
            )
        assert not bool(seen.active)
        outcomes.append(finish(problem, state.position, 0))
    for one, other in zip(*decisions, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_allclose(outcomes[0].position, outcomes[1].position[: len(netlist.node_names)], atol=1e-3)
    assert float(outcomes[0].cost) == pytest.approx(float(outcomes[1].cost), rel=1e-4)


def test_targets_are_the_quadratic_minimum_given_the_macros_before() -> None:
    netlist, initial = design(5)
    problem = problem_of(netlist, initial, GRID, FINE, sizes=sizes_of(netlist, initial))
    slots = HARD + SOFT + PORTS
    matrix = np.zeros((slots, slots))
    pair, weight = np.asarray(problem.connections.pair), np.asarray(problem.connections.weight[:, 0], float)
    np.add.at(matrix, (pair[:, 0], pair[:, 1]), weight)
    matrix += matrix.T
    position = np.random.default_rng(0).uniform(0, 100, (slots, 2))
    position[-PORTS:] = initial.position[-PORTS:]
    anchor = 1e-3 * matrix.sum(1)[: HARD + SOFT].mean()
    for first_free in range(HARD + 1):  # macros before are placed, the rest and the soft macros are free
        free = np.arange(first_free, HARD + SOFT)
        held = np.setdiff1d(np.arange(slots), free)
        a = np.diag(matrix.sum(1)[free] + anchor) - matrix[np.ix_(free, free)]
        best = np.linalg.solve(a, matrix[np.ix_(free, held)] @ position[held] + anchor * 50.0)
        if first_free < HARD:
            target = problem.quadratic.base[first_free] + problem.quadratic.pull[first_free] @ position[:HARD]
            np.testing.assert_allclose(target, best[0], rtol=1e-4, atol=1e-3)
        else:
            soft = problem.quadratic.soft_base + problem.quadratic.soft_pull @ position[:HARD]
            np.testing.assert_allclose(soft, best, rtol=1e-4, atol=1e-3)


def test_soft_step_gradient_and_descent() -> None:
    netlist, initial = design(7)
    problem = problem_of(netlist, initial, GRID, FINE, sizes=sizes_of(netlist, initial))
    state, _ = play(problem, jax.random.key(1))
    maps = hard_maps(problem.smooth, state.position, problem.hard_size, state.placed)
    after = problem.start[HARD + SOFT :]

    @jax.jit
    def smooth(soft: jax.Array) -> jax.Array:
        position = jnp.concatenate([state.position, soft, after])
        signs = jnp.ones((len(position), 2))
        terms = smooth_terms(problem.smooth, problem.connections, position, signs, soft, problem.soft_size, maps)
        return problem.weights @ terms

    soft = jnp.asarray(np.random.default_rng(2).uniform(10, 90, (SOFT, 2)), jnp.float32)
    slope = np.asarray(jax.jit(jax.grad(smooth))(soft))
    for i in range(SOFT):
        for axis in range(2):
            change = np.zeros((SOFT, 2), np.float32)
            change[i, axis] = 0.02
            finite = (float(smooth(soft + change)) - float(smooth(soft - change))) / 0.04
            assert slope[i, axis] == pytest.approx(finite, abs=2e-3 * float(np.abs(slope).max()) + 2e-4)
    assert float(finish(problem, state.position, 40).cost) < float(finish(problem, state.position, 0).cost)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_an_even_spread_fills_what_is_free_in_the_same_order(seed: int) -> None:
    """By counting: each column gets the share of the area that it has of what is free, but for one macro's."""
    random = np.random.default_rng(seed)
    columns, rows, count = 6, 4, 200
    covered = random.choice([0.0, 0.5, 1.0], (rows, columns))
    place = random.normal((30, 70), (5, 10), (count, 2)).astype(np.float32)
    area = random.uniform(1, 2, count)
    area[:20] = 0  # fixed, or padding
    canvas = np.array([120.0, 100.0])
    even = np.asarray(spread_evenly(jnp.asarray(place), jnp.asarray(area), jnp.asarray(covered), jnp.asarray(canvas)))
    free = np.maximum(1 - covered, LEAST_FREE)
    for axis, cells in enumerate((columns, rows)):
        assert (np.diff(even[np.argsort(place[:, axis]), axis]) >= -1e-3).all()
        cell = np.minimum((even[:, axis] / canvas[axis] * cells).astype(int), cells - 1)
        shares = np.bincount(cell, area, cells) / area.sum()
        np.testing.assert_allclose(np.cumsum(shares), np.cumsum(free.sum(axis)) / free.sum(), atol=2 / area.sum())


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.sampled_from([16, 32]))
def test_the_policys_cells_are_aligned_with_the_costs(cells: int, grid: int) -> None:
    count, width = cells_of(cells, grid)
    assert cells <= count * width < cells + width
    assert count <= grid
    assert float(width).is_integer() or float(1 / width).is_integer()
    assert count > grid / 3 or cells < grid / 3
    lines = fine_positions(float(cells), width, count, grid, 4)
    middles = np.arange(cells) + 0.5
    if width <= 2:  # some fine position is in the middle of every cell
        assert np.isin(middles, lines).all() or width < 1
    assert (lines[np.isfinite(lines)] < cells).all()


def test_the_expected_load_is_that_of_the_quadratic_minimum_by_counting() -> None:
    """Part of an episode, the rest and the soft macros by one solve, densities and routes by many points."""
    netlist, initial = design(11, fixed=True)
    problem = problem_of(netlist, initial, GRID, FINE, sizes=sizes_of(netlist, initial))
    _, (states, seen) = play(problem, jax.random.key(4))
    pair, weight = np.asarray(problem.connections.pair), np.asarray(problem.connections.weight, float)
    slots = HARD + SOFT + PORTS
    matrix = np.zeros((slots, slots))
    np.add.at(matrix, (pair[:, 0], pair[:, 1]), weight[:, 0])
    matrix += matrix.T
    degree = matrix.sum(1)
    pitch = np.asarray(problem.pitch)
    for turn in (0, 2, HARD - 2):
        placed = np.append(np.asarray(states.placed[turn]), [False] * SOFT + [True] * PORTS)
        position = np.asarray(problem.start, float)
        position[:HARD][placed[:HARD]] = np.asarray(states.position[turn])[placed[:HARD]]
        free = ~placed
        movable = ~np.asarray(problem.hard_fixed)
        anchor = 1e-3 * degree[: HARD + SOFT][np.append(movable, [True] * SOFT)].mean()
        a = np.diag(degree[free] + anchor) - matrix[np.ix_(free, free)]
        position[free] = np.linalg.solve(a, matrix[np.ix_(free, placed)] @ position[placed] + anchor * 50.0)
        expected = np.asarray(states.expected[turn])
        np.testing.assert_allclose(expected, position[:HARD], rtol=1e-3, atol=0.02)

        load = [np.asarray(m) for m in expected_load(problem, states.expected[turn], seen.maps[turn, ..., 0])]
        wired = position[HARD : HARD + SOFT]
        area = np.asarray(problem.soft_size).prod(1)
        room = 1e4 - float(problem.hard_size.prod(1).sum())
        covered = seen.maps[turn, ..., 0].T
        even = np.asarray(spread_evenly(jnp.asarray(wired), area, covered, pitch * GRID))
        share = 0.8 * area.sum() / room
        position[HARD : HARD + SOFT] = np.minimum((1 - share) * wired + share * even, 100.0)
        density, tracks = np.zeros((GRID, GRID)), np.zeros((GRID, GRID))
        points = (np.stack(np.meshgrid(*[np.arange(60)] * 2), -1).reshape(-1, 2) + 0.5) / 60 - 0.5
        for middle, size in zip(position[HARD : HARD + SOFT], np.asarray(problem.soft_size), strict=True):
            cell = np.floor((middle + points * size) / pitch).astype(int)
            np.add.at(density, tuple(cell[(cell >= 0).all(1)].T), size.prod() / pitch.prod() / len(points))
        np.testing.assert_allclose(load[0], density, atol=0.02 * density.max())

        def lane(at: float) -> np.ndarray:
            return np.maximum(1 - np.abs(at - np.arange(GRID) - 0.5), 0)

        along = (np.arange(2000) + 0.5) / 2000
        for (driver, sink), (_, demand) in zip(pair, weight, strict=True):
            (x0, y0), (x1, y1) = position[driver] / pitch, position[sink] / pitch
            for start, end, across, capacity, axis in ((x0, x1, y0, 3 * pitch[1], 0), (y0, y1, x1, 3 * pitch[0], 1)):
                cells = np.minimum(np.floor(start + along * (end - start)).astype(int), GRID - 1)
                run = np.bincount(cells, minlength=GRID) * abs(end - start) / 2000
                used = np.outer(run, lane(across)) * demand / capacity
                tracks += used if axis == 0 else used.T
        np.testing.assert_allclose(load[1], tracks, atol=0.02 * tracks.max())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_mean_below_a_rectangle_by_counting(seed: int) -> None:
    random = np.random.default_rng(seed)
    values, (width, height) = random.uniform(0, 1, (6, 6)), random.uniform(0.1, 9, 2)
    found = np.asarray(mean_below(jnp.asarray(values), jnp.asarray([width, height])))
    column, row = random.integers(0, 6, 2)
    along = (np.arange(400) + 0.5) / 400 - 0.5
    x, y = (np.floor(middle + 0.5 + along * side).astype(int) for middle, side in ((column, width), (row, height)))
    outside = np.pad(values, 10)
    assert found[column, row] == pytest.approx(outside[np.ix_(x + 10, y + 10)].mean(), abs=0.01)
    assert not np.asarray(mean_below(jnp.asarray(values), jnp.zeros(2))).any()
