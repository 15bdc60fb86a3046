"""Figures of the RL placer: speed of the environment, exact resume, cost from scratch on ariane133_ng45.

python -m benchmarks.rl speed                       # environment steps per second, exact resume
python -m benchmarks.rl scratch --seconds 1500      # one seed on ariane133_ng45; seeds add up
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.results import Figure, read_results, shared_data, write_figures
from placer import env
from placer.baselines.random_legal import random_legal
from placer.cost import CostModel
from placer.curve import Progress
from placer.formats.plc import load_design
from placer.netlist import Netlist, Placement
from placer.policy import PolicyConfig
from placer.ppo import TrainConfig, initial_state
from placer.problem import Problem
from placer.train import TrainResult, place, problem_for, settle, train

COMMAND = "python -m benchmarks.rl"

DESIGN = "ariane133_ng45"

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
    trees = [(r.params, r.curve.cost, r.curve.best, r.best and r.best.position) for r in (a, b)]
    first, second = (jax.tree.leaves(tree) for tree in trees)
    return all(np.array_equal(np.asarray(x), np.asarray(y)) for x, y in zip(first, second, strict=True))


def resume_equal(netlist: Netlist, initial: Placement) -> bool:
    """Stop a run after its first checkpoint, resume it, and compare with an undisturbed one."""

    class Stop(Exception):
        """Ends a run from its progress callback."""

    def stop(progress: Progress) -> None:
        if progress.update == 3:
            raise Stop

    policy = PolicyConfig(grid=32, node_dim=8, layers=1, hidden=16, deconv=(8, 8, 4, 4), map_channels=8)
    config = TrainConfig(updates=4, episodes=2, epochs=1, soft_iterations=2, checkpoint_updates=2, policy=policy)
    whole = train(netlist, initial, config, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.suppress(Stop):
            train(netlist, initial, config, seed=1, out_dir=Path(folder), progress=stop)
        return same(whole, train(netlist, initial, config, seed=1, out_dir=Path(folder), resume=True))


def scratch(netlist: Netlist, initial: Placement, seed: int, seconds: float) -> dict[str, Any]:
    """Train from scratch, place by the policy alone; beside it the untrained policy and random legal placement."""
    config = TrainConfig(updates=None, seconds=seconds, plateau_updates=0)
    model = CostModel(netlist)
    result = train(netlist, initial, config, seed=seed, progress=lambda p: print(p, flush=True))
    untrained = initial_state(problem_for(netlist, initial, config), config, seed).params
    placed, first = (place(netlist, initial, params, seed, config=config) for params in (result.params, untrained))
    cost = model.evaluate(placed)
    random = settle(netlist, initial, random_legal(netlist, initial, seed), config)
    return {
        "proxy": cost.total(),
        "terms": [cost.wirelength, cost.density, cost.congestion],
        "untrained_proxy": model.evaluate(first).total(),
        "random_legal_proxy_with_the_same_soft_step": model.evaluate(random).total(),
        "best_in_training": result.best_cost,
        "episodes": result.curve.updates * config.episodes,
        "curve_cost": result.curve.cost.round(5).tolist(),
        "curve_best": result.curve.best.round(5).tolist(),
        "curve_seconds": result.curve.seconds.round(1).tolist(),
    }


def main() -> None:
    """Measure and write ``benchmarks/results/rl.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("speed", "scratch"))
    parser.add_argument("--seconds", type=float, default=3 * 3600.0, help="budget of a run from scratch")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = shared_data() / "benchmarks" / DESIGN
    netlist, initial = load_design(folder / "netlist.pb.txt.gz", folder / "initial.plc")
    if arguments.part == "speed":
        problem = problem_for(netlist, initial, TrainConfig())
        equal = float(resume_equal(netlist, initial))
        command = f"{COMMAND} speed"
        figures = [
            Figure("env_steps_per_s_cpu", steps_per_second(problem), "1/s", "higher", None, [0], command),
            Figure("resume_bitwise_equal", equal, "1", "higher", 1.0, [1], command),
        ]
        write_figures("rl", figures)
        return
    runs = dict(read_results("rl").get(DESIGN, {}))
    runs[str(arguments.seed)] = scratch(netlist, initial, arguments.seed, arguments.seconds)
    seeds = sorted(int(seed) for seed in runs)
    command = f"{COMMAND} scratch --seconds {arguments.seconds:g} --seed N"

    def mean(key: str) -> float:
        return float(np.mean([run[key] for run in runs.values()]))

    gain = mean("proxy") / mean("untrained_proxy")
    ratio = mean("proxy") / mean("random_legal_proxy_with_the_same_soft_step")
    figures = [
        Figure("scratch_ariane133_proxy", mean("proxy"), "1", "lower", 0.76, seeds, command),
        Figure("scratch_vs_random_proxy_ratio", ratio, "1", "lower", None, seeds, command),
        Figure("scratch_vs_untrained_proxy_ratio", gain, "1", "lower", None, seeds, command),
    ]
    write_figures("rl", figures, {DESIGN: runs})


if __name__ == "__main__":
    main()
