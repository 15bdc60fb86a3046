"""The environment's guarantee: whatever a policy does, the episode ends legally, also where space is scarce."""

from __future__ import annotations

import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placer import env
from placer.formats.plc import load_design
from placer.legalise import Infeasible
from placer.legality import is_legal
from placer.netlist import Canvas, Netlist, NodeKind, Placement
from placer.problem import Problem, problem_of

GRID, FINE = 8, 2


def macros(sizes: list[tuple[float, float]], width: float, height: float) -> tuple[Netlist, Placement]:
    """A netlist of hard macros and one port, which drives all of them."""
    count = len(sizes)
    netlist = Netlist(
        "macros",
        Canvas(width, height, 10, 10, h_routes_per_um=3, v_routes_per_um=3),
        tuple(f"n{i}" for i in range(count + 1)),
        np.array([0] * count + [2], np.int8),
        np.array([*sizes, (0, 0)], float),
        np.zeros(count + 1, bool),
        tuple(f"p{i}" for i in range(count + 1)),
        np.array([count, *range(count)], np.int32),
        np.zeros((count + 1, 2)),
        np.array([0, count + 1], np.int32),
        np.arange(count + 1, dtype=np.int32),
        np.ones(1),
    )
    return netlist, Placement(np.full((count + 1, 2), 1.0), np.zeros(count + 1, np.int8))


@jax.jit
def play(problem: Problem, key: jax.Array, greed: jax.Array) -> tuple[jax.Array, jax.Array, env.Claims]:
    """An episode by random masked actions, which ``greed`` draws to where most berths are killed: the final positions,
    whether each step had an action, and the claims at each step."""

    def turn(
        carry: tuple[env.State, env.Observation], k: jax.Array
    ) -> tuple[tuple[env.State, env.Observation], tuple[jax.Array, env.Claims]]:
        state, seen = carry
        reach = (problem.berths.size + problem.hard_size[seen.turn]) / 2
        apart = jnp.abs(state.choice[:, None] - problem.berths.centre) < reach  # [G * G, P, 2]
        kills = (apart.all(-1) & state.claims.alive).sum(1)
        action = jax.random.categorical(k, jnp.where(seen.mask, greed * kills, -1e9))
        return env.step(problem, state, action), (seen.mask.any() | ~seen.active, state.claims)

    keys = jax.random.split(key, problem.hard_size.shape[0])
    (state, _), (open_, claims) = jax.lax.scan(turn, env.reset(problem), keys)
    return state.position, open_, claims


def check(netlist: Netlist, initial: Placement, problem: Problem, seed: int, greed: float, halo: float) -> None:
    """Play one episode; each step has an action, each macro to come has a berth of its own, the end is legal."""
    position, open_, claims = play(problem, jax.random.key(seed), jnp.float32(greed))
    assert bool(open_.all())
    count = int(problem.hard_count)
    alive, berth, fits = np.asarray(claims.alive), np.asarray(claims.berth), np.asarray(problem.berths.fits)
    for t in range(count):
        mine = berth[t, t:count]
        assert len(set(mine)) == count - t
        assert alive[t, mine].all()
        assert (fits[np.arange(t, count), mine] > 0).all()
    placed = initial.position.copy()
    placed[np.asarray(problem.slot_node)[:count]] = np.asarray(position, float)[:count]
    assert is_legal(netlist, Placement(placed, initial.orientation), halo)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.5, 0.95), st.sampled_from([0.0, 0.5, 3.0]), st.sampled_from([0.0, 1.0]))
def test_dense_designs_always_end_legally(seed: int, share: float, greed: float, halo: float) -> None:
    rng = np.random.default_rng(seed)
    kinds = rng.uniform(6, 30, (rng.integers(1, 4), 2))
    sizes = kinds[rng.integers(0, len(kinds), 12)]
    side = float(np.sqrt((sizes + 2 * halo).prod(1).sum() / share))
    netlist, initial = macros([tuple(s) for s in sizes], side, side)
    try:
        problem = problem_of(netlist, initial, GRID, FINE, halo=halo)
    except Infeasible:
        return
    check(netlist, initial, problem, seed, greed, halo)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=3, max_size=3),
    st.integers(4, 6),
    st.integers(0, 99),
)
def test_refused_only_where_nothing_fits(sizes: list[tuple[int, int]], side: int, seed: int) -> None:
    room = side + 0.1  # for the environment's clearance; whether integers fit does not depend on it
    netlist, initial = macros([(float(w), float(h)) for w, h in sizes], room, room)

    def fits(corners: tuple[tuple[int, int], ...]) -> bool:
        cells = [
            {(x + i, y + j) for i in range(w) for j in range(h)} for (x, y), (w, h) in zip(corners, sizes, strict=True)
        ]
        inside = all(x + w <= side and y + h <= side for (x, y), (w, h) in zip(corners, sizes, strict=True))
        return inside and not any(a & b for a, b in itertools.combinations(cells, 2))

    spots = list(itertools.product(range(side), repeat=2))
    possible = any(fits(corners) for corners in itertools.product(spots, repeat=3))
    try:
        problem = problem_of(netlist, initial, GRID, FINE)
    except Infeasible:
        assert not possible
        return
    assert possible
    check(netlist, initial, problem, seed, 1.0, 0.0)


@pytest.mark.parametrize("name", ["ariane133_ng45", "nvdla_ng45"])
def test_real_designs_with_halos_end_legally(shared: Path, name: str) -> None:
    folder = shared / "benchmarks" / name
    netlist, initial = load_design(folder / "netlist.pb.txt.gz", folder / "initial.plc")
    count = len(netlist.nodes(NodeKind.HARD))
    assert count > 100
    problem = problem_of(netlist, initial, 16, 4, halo=5.0)
    for seed, greed in enumerate((0.0, 2.0)):
        check(netlist, initial, problem, seed, greed, 5.0)
