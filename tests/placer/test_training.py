"""Learning nears an optimum known by enumeration, but not from shuffled rewards."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from placer import env
from placer.netlist import Canvas, Netlist, Placement
from placer.policy import Params, PolicyConfig, decide, encode
from placer.ppo import Batch, Rates, TrainConfig, initial_state, loss, merged_moments, update
from placer.train import problem_for

POLICY = PolicyConfig(
    grid=8, node_dim=8, layers=1, edge_layers=(), hidden=24, deconv=(8, 8), map_channels=8, value=(16,)
)
UPDATES = 80
CONFIG = TrainConfig(
    updates=UPDATES,
    episodes=32,
    fine=1,
    soft_iterations=0,
    epochs=2,
    minibatches=2,
    weights=(0.3, 1.0, 0.5),
    learning_rate=3e-3,
    entropy_start=0.4,
    plateau_updates=0,
    policy=POLICY,
)


def design(width: float = 24.0) -> tuple[Netlist, Placement]:
    """Two hard macros, two soft ones and four ports; small enough to try every placement on an 8 x 8 grid."""
    size = np.array([[width, 16], [16, 20], [20, 4], [20, 4], [0, 0], [0, 0], [0, 0], [0, 0]])
    position = np.array([[50.0, 50]] * 4 + [[0, 50], [100, 50], [50, 0], [50, 100]])
    nets = [(0, 2, 4), (1, 3, 5), (2, 6), (3, 0, 1), (1, 7), (4, 0)]
    pins = np.array([node for net in nets for node in net], np.int32)
    netlist = Netlist(
        "tiny",
        Canvas(100.0, 100.0, 8, 8, h_routes_per_um=2, v_routes_per_um=2),
        tuple(f"n{i}" for i in range(8)),
        np.array([0, 0, 1, 1, 2, 2, 2, 2], np.int8),
        size,
        np.zeros(8, bool),
        tuple(f"p{i}" for i in range(len(pins))),
        pins,
        np.where(pins[:, None] < 2, np.array([[4.0, -3.0]]), 0.0),
        np.cumsum([0] + [len(net) for net in nets]).astype(np.int32),
        np.arange(len(pins), dtype=np.int32),
        np.array([8.0, 4, 2, 6, 8, 3]),
    )
    return netlist, Placement(position, np.zeros(8, np.int8))


def test_moments_of_costs_that_hardly_differ_are_those_of_double_precision() -> None:
    batches = 7.6 + 5e-4 * np.random.default_rng(0).normal(size=(6, 16))
    mean, variance = jnp.float32(0), jnp.float32(0)
    for i, batch in enumerate(batches):
        mean, variance = merged_moments(mean, variance, jnp.float32(batch), 1 / (i + 1))
    np.testing.assert_allclose(mean, batches.mean(), rtol=1e-6)
    np.testing.assert_allclose(variance, batches.var(), rtol=5e-3)  # of numbers that are rounded to 5e-7


def test_the_policys_gradient_is_that_of_the_mean_cost_by_finite_differences() -> None:
    """Of the mean over all episodes there are, each with its probability."""
    problem = problem_for(*design(), CONFIG)
    cells = POLICY.grid**2
    actions = jnp.arange(cells)

    @jax.jit
    def every_episode() -> tuple[env.Observation, Array]:
        """What is seen at first and after each action [1 + cells], and costs [cells, cells]."""
        start, first = env.reset(problem)
        after, second = jax.vmap(env.step, (None, None, 0))(problem, start, actions)
        last, _ = jax.vmap(jax.vmap(env.step, (None, None, 0)), (None, 0, None))(problem, after, actions)
        ends = last.position.reshape(-1, *last.position.shape[2:])
        cost = jax.lax.map(lambda end: env.finish(problem, end, 0).cost, ends, batch_size=256)
        seen = jax.tree.map(lambda one, several: jnp.concatenate([one[None], several]), first, second)
        return seen, jnp.where(first.mask[:, None] & second.mask, cost.reshape(cells, cells), 0.0)

    seen, cost = every_episode()

    @jax.jit
    def log_probabilities(params: Params) -> Array:
        """[1 + cells, cells]"""
        nodes = encode(POLICY, params, problem.graph)
        return jax.nn.log_softmax(decide(POLICY, params, nodes, problem.graph.present, seen)[0])

    def episodes(params: Params) -> Array:
        """Probabilities [cells, cells] of episodes by their two actions."""
        log_p = log_probabilities(params)
        return jnp.exp(log_p[0][:, None] + log_p[1:])

    mean_cost = jax.jit(lambda params: (episodes(params) * cost).sum())
    at, restore = ravel_pytree(initial_state(problem, CONFIG, 0).params)
    at += 0.02 * jnp.cos(jnp.arange(at.size))  # no weight is 0
    params = restore(at)
    weight = episodes(params) * (cost - 0.5) * 2 * cells**2  # a baseline changes nothing
    which = jnp.concatenate([jnp.zeros(cells**2, jnp.int32), jnp.repeat(1 + actions, cells)])
    action = jnp.concatenate([jnp.repeat(actions, cells), jnp.tile(actions, cells)])
    batch = Batch(
        jax.tree.map(lambda leaf: leaf[which], seen),
        action,
        log_probabilities(params)[which, action],
        -jnp.tile(weight.reshape(-1), 2),
        jnp.zeros(len(which)),
    )
    config = replace(CONFIG, value_weight=0.0)
    rates = Rates(0.0, 0.5, 0.0)  # entropy above 0 is enough, so the bonus counts nothing
    slope, _ = jax.jit(jax.grad(loss, has_aux=True), static_argnums=2)(params, problem.graph, config, batch, rates)
    flat, _ = ravel_pytree(slope)
    length = float(jnp.linalg.norm(flat))
    random = np.random.default_rng(0).normal(size=(2, flat.size))
    for direction in (flat / length, *(0.7 * flat / length + 0.7 * d / np.linalg.norm(d) for d in random)):
        step = jnp.asarray(direction, jnp.float32) * 2e-3
        high, low = mean_cost(restore(at + step)), mean_cost(restore(at - step))
        np.testing.assert_allclose((high - low) / 4e-3, flat @ direction, rtol=0.02)


def test_reaches_the_optimum_and_not_from_shuffled_rewards() -> None:
    netlist, initial = design()
    problem = problem_for(netlist, initial, CONFIG)

    @jax.jit
    def cost_of(pair: jax.Array) -> jax.Array:
        state, seen = env.reset(problem)
        allowed = seen.mask[pair // 64]
        state, seen = env.step(problem, state, pair // 64)
        allowed &= seen.mask[pair % 64]
        state, _ = env.step(problem, state, pair % 64)
        return jnp.where(allowed, env.finish(problem, state.position, 0).cost, jnp.inf)

    every = np.asarray(jax.lax.map(cost_of, jnp.arange(64 * 64), batch_size=256))
    every = np.sort(every[np.isfinite(every)])
    assert len(every) > 500

    @jax.jit
    def one(state: object, shuffled: jax.Array, done: float) -> object:
        def score(cost: jax.Array, key: jax.Array) -> jax.Array:
            return jnp.where(shuffled, jax.random.permutation(key, cost), cost)

        return update(state, problem, jax.random.key(1), CONFIG.compiled, CONFIG.rates(done), score)  # type: ignore[arg-type]

    final = {}
    for shuffled in (False, True):
        state, costs = initial_state(problem, CONFIG, 0), []
        for number in range(UPDATES):
            state, metrics = one(state, jnp.asarray(shuffled), number / UPDATES)  # type: ignore[misc]
            costs.append(float(metrics.cost))
        final[shuffled] = np.mean(costs[-5:])
        if not shuffled:
            assert float(state.best_cost) <= every[len(every) // 200]  # among the best 0.5% of all placements
    optimum, average = every[0], every.mean()
    assert final[False] < optimum + 0.1 * (average - optimum)  # a policy's mean, entropy bonus and all
    assert final[True] > optimum + 0.4 * (average - optimum)
