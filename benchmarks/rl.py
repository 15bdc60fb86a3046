"""Figures of the RL placer: speed of the environment, exact resume, cost from scratch on ariane133_ng45.

python -m benchmarks.rl --updates 1500
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

from benchmarks.results import Figure, shared_data, write_figures
from placer import env
from placer.baselines.random_legal import random_legal
from placer.cost import CostModel
from placer.formats.protobuf import read_netlist
from placer.netlist import Netlist, Placement
from placer.policy import PolicyConfig
from placer.ppo import TrainConfig
from placer.problem import Problem
from placer.train import Progress, TrainResult, place, problem_for, settle, train

COMMAND = "python -m benchmarks.rl"

ENVIRONMENTS = 16


def steps_per_second(problem: Problem) -> float:
    """Environment steps per second with a random policy, 16 environments in one compiled loop, best of 3."""

    def episode(key: jax.Array) -> env.State:
        def turn(
            carry: tuple[env.State, env.Observation], k: jax.Array
        ) -> tuple[tuple[env.State, env.Observation], None]:
            state, seen = carry
            action = jax.random.categorical(k, jax.numpy.where(seen.mask, 0.0, -1e9))
            return env.step(problem, state, action), None

        (state, _), _ = jax.lax.scan(turn, env.reset(problem), jax.random.split(key, problem.hard_size.shape[0]))
        return state

    run = jax.jit(jax.vmap(episode))
    best = 0.0
    for trial in range(4):
        began = time.perf_counter()
        state = run(jax.random.split(jax.random.key(trial), ENVIRONMENTS))
        if trial:
            best = max(best, float(state.turn.sum()) / (time.perf_counter() - began))
    return best


def same(a: TrainResult, b: TrainResult) -> bool:
    """Whether two results are equal to the last bit."""
    trees = [(r.params, r.curve_cost, r.curve_best, r.best and r.best.position) for r in (a, b)]
    first, second = (jax.tree.leaves(tree) for tree in trees)
    return all(np.array_equal(np.asarray(x), np.asarray(y)) for x, y in zip(first, second, strict=True))


def resume_equal(netlist: Netlist, initial: Placement) -> bool:
    """Stop a run after its first checkpoint, resume it, and compare with an undisturbed one."""

    class Stop(Exception):
        """Ends a run from its progress callback."""

    def stop(progress: Progress) -> None:
        if progress.update == 3:
            raise Stop

    policy = PolicyConfig(grid=16, node_dim=8, layers=1, hidden=16, deconv=(8, 8, 4), map_channels=8)
    config = TrainConfig(updates=4, episodes=2, epochs=1, soft_iterations=2, checkpoint_updates=2, policy=policy)
    whole = train(netlist, initial, config, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.suppress(Stop):
            train(netlist, initial, config, seed=1, out_dir=Path(folder), progress=stop)
        return same(whole, train(netlist, initial, config, seed=1, out_dir=Path(folder), resume=True))


def main() -> None:
    """Measure and write ``benchmarks/results/rl.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=1500, help="budget of the run from scratch")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    path = shared_data() / "benchmarks" / "ariane133_ng45" / "netlist.pb.txt.gz"
    netlist, initial = read_netlist(path)
    config = TrainConfig(updates=arguments.updates, episodes=8, epochs=2, plateau_updates=0)
    problem = problem_for(netlist, initial, config)
    figures = [Figure("env_steps_per_s_cpu", steps_per_second(problem), "1/s", "higher", None, [0], COMMAND)]
    equal = resume_equal(netlist, initial)
    figures.append(Figure("resume_bitwise_equal", float(equal), "1", "higher", 1.0, [1], COMMAND))
    write_figures("rl", figures)

    model = CostModel(netlist)
    began = time.monotonic()
    result = train(netlist, initial, config, seed=arguments.seed)
    seconds = time.monotonic() - began
    placed = place(netlist, initial, result.params, seed=arguments.seed, config=config)
    cost = model.evaluate(placed)
    drawn = [random_legal(netlist, initial, s) for s in range(3)]
    random = [model.evaluate(settle(netlist, initial, p, config)).total() for p in drawn]
    command = f"{COMMAND} --updates {arguments.updates}"
    figures = [
        Figure("scratch_ariane133_proxy", cost.total(), "1", "lower", 0.76, [arguments.seed], command),
        Figure(
            "scratch_vs_random_proxy_ratio",
            cost.total() / float(np.mean(random)),
            "1",
            "lower",
            None,
            [0, 1, 2],
            command,
        ),
    ]
    details = {
        "ariane133_ng45": {
            "terms": [cost.wirelength, cost.density, cost.congestion],
            "best_in_training": result.best_cost,
            "random_legal_with_the_same_soft_step": random,
            "episodes": arguments.updates * config.episodes,
            "training_s": seconds,
            "curve_cost": result.curve_cost.round(5).tolist(),
            "curve_best": result.curve_best.round(5).tolist(),
        }
    }
    write_figures("rl", figures, details)


if __name__ == "__main__":
    main()
