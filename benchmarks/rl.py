"""Figures of the RL placer: speed of the environment, runs that are killed, cost from scratch on ariane133_ng45.

python -m benchmarks.rl speed                       # environment steps per second, on a GPU where JAX has one
python -m benchmarks.rl resume                      # a run that is killed and resumed, against an undisturbed one
python -m benchmarks.rl ray                         # a run of Ray actors, one of which is killed
python -m benchmarks.rl scratch --updates 20        # one seed on ariane133_ng45; seeds add up
python -m benchmarks.rl learning                    # a small synthetic netlist, beside shuffled rewards
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.results import Figure, read_results, shared_data, write_figures
from benchmarks.training_runs import SEED, killed_and_resumed, with_a_killed_actor
from placer import env
from placer.cost import CostModel
from placer.env import MAPS
from placer.formats.plc import load_design
from placer.netlist import Netlist, Placement
from placer.policy import PolicyConfig
from placer.ppo import Metrics, TrainConfig, TrainState, initial_state, update
from placer.problem import Problem
from placer.synthetic import synthetic
from placer.train import problem_for, train

COMMAND = "python -m benchmarks.rl"

DESIGN = "ariane133_ng45"

ENVIRONMENTS = {"cpu": 16, "gpu": 1024, "tpu": 1024}
"""By the kind of machine, in one compiled loop."""

KILLED = {
    "resume": ("resume_bitwise_equal", killed_and_resumed, "equal"),
    "ray": ("ray_worker_killed_run_ends", with_a_killed_actor, "ended"),
}
"""Parts about runs that are killed: the figure, what measures it, and its value among the findings."""

STEPS_BAR = 5.0
"""Environment steps per second that two cores must reach."""

LEARNING_SEEDS = (0, 1)

LEARNING_UPDATES = 50

LATE = 3
"""Last updates whose episodes show what a policy has learnt."""

GOAL = 0.76
"""Proxy cost on ariane133_ng45: episodes are counted until a placement as good as that was met."""

CIRCUIT_TRAINING_EPISODES = 204_800
"""Of a run on Ariane from scratch in Circuit Training's documents: 200 iterations of 1,024 episodes."""


def steps_per_second(problem: Problem) -> float:
    """Environment steps per second with a random policy, ``ENVIRONMENTS`` in one compiled loop, best of 3.

    The last observation is returned, so that the compiler does not leave out what a random policy does not look at.
    """

    def episode(key: jax.Array) -> tuple[env.State, env.Observation]:
        def turn(
            carry: tuple[env.State, env.Observation], k: jax.Array
        ) -> tuple[tuple[env.State, env.Observation], None]:
            state, seen = carry
            action = jax.random.categorical(k, jax.numpy.where(seen.mask, 0.0, -1e9))
            return env.step(problem, state, action), None

        last, _ = jax.lax.scan(turn, env.reset(problem), jax.random.split(key, problem.hard_size.shape[0]))
        return last

    run, count = jax.jit(jax.vmap(episode)), ENVIRONMENTS[jax.default_backend()]
    best = 0.0
    for trial in range(4):
        began = time.perf_counter()
        state, _ = jax.block_until_ready(run(jax.random.split(jax.random.key(trial), count)))
        if trial:
            best = max(best, float(state.turn.sum()) / (time.perf_counter() - began))
    return best


def scratch(netlist: Netlist, initial: Placement, seed: int, config: TrainConfig) -> dict[str, Any]:
    """Train from scratch; the best placement that the policy made on the way, and what its episodes cost on average.

    The first update's episodes are those of the untrained policy.
    """
    began, spent = time.monotonic(), time.process_time()
    result = train(netlist, initial, config, seed=seed, progress=lambda p: print(p, flush=True))
    took = (time.monotonic() - began, time.process_time() - spent)
    assert result.best is not None
    cost = CostModel(netlist).evaluate(result.best)
    return {
        "proxy": cost.total(),
        "terms": [cost.wirelength, cost.density, cost.congestion],
        "episodes": result.curve.updates * config.episodes,
        "wall_s": took[0],
        "cpu_s": took[1],
        "curve_cost": result.curve.cost.round(5).tolist(),
        "curve_best": result.curve.best.round(5).tolist(),
        "curve_seconds": result.curve.seconds.round(1).tolist(),
    }


def main() -> None:
    """Measure and write ``benchmarks/results/rl.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("speed", "resume", "ray", "scratch", "learning"))
    parser.add_argument("--updates", type=int, default=20, help="budget of a run from scratch, 16 episodes each")
    parser.add_argument("--no-prior", action="store_true", help="begin without any preference, as a control")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.part in KILLED:
        name, measure, value = KILLED[arguments.part]
        found = measure()
        figure = Figure(name, found[value], "1", "higher", 1.0, [SEED], f"{COMMAND} {arguments.part}")
        write_figures("rl", [figure], {arguments.part: found})
        return
    if arguments.part == "learning":
        curves = {seed: learning(seed) for seed in LEARNING_SEEDS}
        write_figures("rl", learning_figures(curves), {"learning": {str(seed): c for seed, c in curves.items()}})
        return
    folder = shared_data() / "benchmarks" / DESIGN
    netlist, initial = load_design(folder / "netlist.pb.txt.gz", folder / "initial.plc")
    if arguments.part == "speed":
        problem = problem_for(netlist, initial, TrainConfig())
        command = f"{COMMAND} speed"
        figures = [
            Figure(
                f"env_steps_per_s_{jax.default_backend()}",
                steps_per_second(problem),
                "1/s",
                "higher",
                STEPS_BAR,
                [0],
                command,
            ),
        ]
        write_figures("rl", figures)
        return
    policy = PolicyConfig(prior=(0.0,) * MAPS) if arguments.no_prior else PolicyConfig()
    config = TrainConfig(
        updates=arguments.updates, plateau_updates=0, entropy_start=0.003, entropy_end=0.0, policy=policy
    )
    key = f"{DESIGN}_without_prior" if arguments.no_prior else DESIGN
    run = scratch(netlist, initial, arguments.seed, config)
    runs = {**read_results("rl").get(key, {}), str(arguments.seed): run}
    write_figures("rl", scratch_figures(key, runs), {key: runs})


def scratch_figures(key: str, runs: dict[str, Any]) -> list[Figure]:
    """Means over the seeds that were run; where one does not reach the goal, the ratio of episodes is 1."""
    seeds = sorted(int(seed) for seed in runs)
    control = key != DESIGN
    budgets = sorted({run["episodes"] // TrainConfig().episodes for run in runs.values()})
    command = f"{COMMAND} scratch --updates {' or '.join(map(str, budgets))} --seed N"
    command += " --no-prior" if control else ""

    def figure(name: str, value: float, bar: float | None = None) -> Figure:
        name, bar = (f"no_prior_{name}", None) if control else (name, bar)
        return Figure(name, value, "1", "lower", bar, seeds, command)

    def mean(values: Callable[[dict[str, Any]], float]) -> float:
        return float(np.mean([values(run) for run in runs.values()]))

    figures = [
        figure("scratch_ariane133_proxy", mean(lambda run: run["proxy"]), GOAL),
        figure("untrained_ariane133_mean_proxy", mean(lambda run: run["curve_cost"][0])),
        figure("trained_ariane133_mean_proxy", mean(lambda run: np.mean(run["curve_cost"][-LATE:]))),
    ]
    reached = all(run["curve_best"][-1] <= GOAL for run in runs.values())
    until = mean(lambda run: (np.array(run["curve_best"]) > GOAL).sum() + 1) * TrainConfig().episodes
    ratio = until / CIRCUIT_TRAINING_EPISODES if reached else 1.0
    return [*figures, figure("episodes_ratio_to_circuit_training", ratio, 0.1)]


def learning(seed: int) -> dict[str, list[float]]:
    """Mean cost of each update's episodes on a synthetic netlist of 16 macros, learning from true and shuffled costs.

    The policy's grid is 16 x 16.
    """
    config = TrainConfig(updates=LEARNING_UPDATES, policy=PolicyConfig(grid=16, deconv=(16, 8, 8)))
    problem = problem_for(*synthetic(16, 0), config)

    @jax.jit
    def one(state: TrainState, shuffled: jax.Array, done: float) -> tuple[TrainState, Metrics]:
        def score(cost: jax.Array, key: jax.Array) -> jax.Array:
            return jnp.where(shuffled, jax.random.permutation(key, cost), cost)

        return update(state, problem, jax.random.key(seed), config.compiled, config.rates(done), score)

    curves = {}
    for name in ("true", "shuffled"):
        state, costs = initial_state(problem, config, seed), []
        for number in range(LEARNING_UPDATES):
            state, metrics = one(state, jnp.asarray(name == "shuffled"), number / LEARNING_UPDATES)
            costs.append(round(float(metrics.cost), 5))
        curves[name] = costs
        print(seed, name, costs, flush=True)
    return curves


def learning_figures(curves: dict[int, dict[str, list[float]]]) -> list[Figure]:
    """Mean cost of the last five updates' episodes over that of the first two, of both curves."""
    ratios = {
        name: float(np.mean([np.mean(both[name][-5:]) / np.mean(both[name][:2]) for both in curves.values()]))
        for name in ("true", "shuffled")
    }
    command = f"{COMMAND} learning"
    return [
        Figure("learning_last_to_first_cost", ratios["true"], "1", "lower", None, LEARNING_SEEDS, command),
        Figure(
            "learning_last_to_first_cost_shuffled", ratios["shuffled"], "1", "higher", None, LEARNING_SEEDS, command
        ),
    ]


if __name__ == "__main__":
    main()
