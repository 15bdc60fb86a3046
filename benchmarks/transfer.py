"""Does a policy that was pre-trained on other netlists do better on netlists that it has not seen?

python -m benchmarks.transfer pretrain                # a policy, into runs/; hours
python -m benchmarks.transfer validate                # steps on netlists that decide how policies are pre-trained
python -m benchmarks.transfer learn --design tiny     # zero-shot, fine-tuned, from scratch, greedy, random
python -m benchmarks.transfer search --design tiny    # policy and refinement against ``auto`` alone

``benchmarks.transfer_designs`` says what is learnt on and what is held out; results of designs add up. In ``learn``
hard macros are placed by the policy alone, and all costs are those of sampled episodes with the environment's own soft
step, so baselines get that step too. The scale is small: a grid of 16 x 16 for the policy, 10 to 24 macros.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from benchmarks.results import Figure, read_results, write_figures
from benchmarks.transfer_designs import FOLDER, HELD_OUT, REAL, VALIDATION, accelerator, held_out
from benchmarks.transfer_pretraining import UPDATES, pretrained
from loop.training import read_policy, write_policy
from placer import env
from placer.baselines.greedy_packing import greedy_packing
from placer.baselines.random_legal import random_legal
from placer.netlist import Netlist, Placement
from placer.policy import Params, PolicyConfig
from placer.portfolio import place_auto
from placer.ppo import TrainConfig, episode_keys, initial_state
from placer.pretrain import pretrain, problems_of
from placer.problem import Problem
from placer.train import collect_here, placement_of

COMMAND = "python -m benchmarks.transfer"

LATE = 3
"""Updates whose mean cost is what a run has reached."""

LEARN_SEEDS = (0, 1, 2, 3, 4)
"""Of fine-tuning and of training from scratch."""

RANDOM_SEEDS = 8

SEARCH_SEEDS = (1, 2, 3, 4, 5)

_finish = jax.jit(env.finish, static_argnums=2)


def settled_cost(problem: Problem, placement: Placement, config: TrainConfig) -> float:
    """The cost of a placement's hard macros with the environment's own soft step and flips."""
    nodes = np.minimum(np.asarray(problem.slot_node[: problem.hard_size.shape[0]]), len(placement.position) - 1)
    position = jnp.asarray(placement.position[nodes], jnp.float32)
    return float(_finish(problem, position, config.soft_iterations).cost)


def steps_ratio(tuned: np.ndarray, scratch: np.ndarray) -> float:
    """Updates of the fine-tuned run until the mean of ``LATE`` is what the other reached, over that one's updates.

    An update's cost is that of its episodes before it learns, so the least is one update. A run that never gets there
    counts as twice the budget.
    """
    goal = scratch[-LATE:].mean()
    windows = np.array([tuned[max(0, i - LATE + 1) : i + 1].mean() for i in range(len(tuned))])
    there = np.flatnonzero(windows <= goal)
    return float(there[0] + 1) / len(scratch) if len(there) else 2.0


def compare(
    problem: Problem, design: tuple[Netlist, Placement], config: TrainConfig, params: Any, seed: int
) -> dict[str, Any]:
    """One held-out design: zero-shot, fine-tuned, from scratch, greedy and random."""
    tuned = pretrain([problem], config, params, seed).cost
    scratch = pretrain([problem], config, None, seed).cost
    drawn = [settled_cost(problem, random_legal(*design, seed), config) for seed in range(RANDOM_SEEDS)]
    return {
        "zero_shot": float(tuned[0]),
        "untrained": float(scratch[0]),
        "greedy": settled_cost(problem, greedy_packing(*design), config),
        "random_legal": float(np.mean(drawn)),
        "fine_tuned": float(tuned[-LATE:].mean()),
        "scratch": float(scratch[-LATE:].mean()),
        "steps_ratio": steps_ratio(tuned, scratch),
        "curve_fine_tuned": tuned.round(5).tolist(),
        "curve_scratch": scratch.round(5).tolist(),
    }


def validate(config: TrainConfig, params: Params) -> dict[str, list[float]]:
    """Steps on the netlists that are neither learnt on nor held out, by seed."""
    found: dict[str, list[float]] = {}
    for name, spec in VALIDATION.items():
        (problem,) = problems_of([accelerator(name, spec)], config)
        found[name] = [
            steps_ratio(pretrain([problem], config, params, seed).cost, pretrain([problem], config, seed=seed).cost)
            for seed in LEARN_SEEDS
        ]
        print(name, found[name], flush=True)
    return found


def search(
    problem: Problem, design: tuple[Netlist, Placement], config: TrainConfig, trained: Params, moves: int
) -> list[dict[str, float]]:
    """``auto`` with a policy's best of an update's episodes as one more start, against ``auto`` alone.

    Both get the same processor time: that of the episodes is taken
    off the moves, at the rate of the run without the policy. Compilation is not counted. An untrained policy is the
    control.
    """
    netlist, initial = design

    def placed(params: Any, seed: int) -> tuple[Placement, float]:
        keys = episode_keys(jax.random.key(seed), 0, config)
        played = collect_here(problem, params, config.compiled, keys).outcome
        best = int(jnp.argmin(played.cost))
        return placement_of(netlist, initial, played.position[best], played.orientation[best]), float(played.cost[best])

    untrained = initial_state(problem, config, 0).params
    placed(untrained, 0)  # compiles
    place_auto(netlist, initial, moves=1)
    runs = []
    for seed in SEARCH_SEEDS:
        began = time.process_time()
        alone = place_auto(netlist, initial, seed=seed, moves=moves).found.cost
        run = {"auto": alone, "auto_cpu_s": time.process_time() - began}
        policies = {"policy": trained, "untrained": untrained}
        for name, which in policies.items():
            began = time.process_time()
            start, run[name] = placed(which, seed)
            run[f"{name}_cpu_s"] = time.process_time() - began
            left = moves - int(moves * run[f"{name}_cpu_s"] / run["auto_cpu_s"])
            both = place_auto(netlist, initial, seed=seed, moves=max(left, 1), starts=[(name, start)])
            run[f"{name}_and_auto"] = both.found.cost
            run[f"{name}_won_the_race"] = float(min(both.race, key=lambda entrant: both.race[entrant]) == name)
        runs.append(run)
        print(run, flush=True)
    return runs


def main() -> None:
    """Measure and write into ``benchmarks/results/rl.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("pretrain", "validate", "learn", "search"))
    parser.add_argument("--design", choices=(*HELD_OUT, REAL), default="tiny", help="held out")
    parser.add_argument("--pretrain-updates", type=int, default=UPDATES, help="which policy")
    parser.add_argument("--updates", type=int, default=24, help="of fine-tuning and from scratch, 16 episodes each")
    parser.add_argument("--moves", type=int, default=200_000, help="of each search")
    arguments = parser.parse_args()
    policy = PolicyConfig(grid=16, deconv=(16, 8, 8))
    config = TrainConfig(updates=arguments.updates, policy=policy)
    suffix = "" if arguments.pretrain_updates == UPDATES else f"_after_{arguments.pretrain_updates}"
    path = FOLDER / f"policy{suffix}.msgpack"
    if arguments.part == "pretrain":
        params, details = pretrained(config, arguments.pretrain_updates)
        write_policy(path, params)
        write_figures("rl", [], {f"pretraining{suffix}": details})
        return
    params = read_policy(path)
    if arguments.part == "validate":
        ratios = validate(config, params)
        ratio = float(np.mean(list(ratios.values())))
        figure = Figure("validation_steps_ratio", ratio, "1", "lower", None, LEARN_SEEDS, f"{COMMAND} validate")
        write_figures("rl", [figure] if not suffix else [], {f"validation{suffix}": ratios})
        return
    design = held_out(arguments.design)
    (problem,) = problems_of([design], config)
    command = f"{COMMAND} {arguments.part} --design NAME"
    if arguments.part == "learn":
        run: Any = [compare(problem, design, config, params, seed) for seed in LEARN_SEEDS]
        figures_of, command = learning_figures, f"{command} --updates {arguments.updates}"
    else:
        run = search(problem, design, config, params, arguments.moves)
        figures_of, command = search_figures, f"{command} --moves {arguments.moves}"
    runs = {**read_results("rl").get(arguments.part + suffix, {}), arguments.design: run}
    write_figures("rl", figures_of(runs, command) if not suffix else [], {arguments.part + suffix: runs})


def search_figures(runs: dict[str, list[dict[str, float]]], command: str) -> list[Figure]:
    """The gain by the policy, relative, with the ends of Student's 95% interval.

    It is that over all pairs of runs; the one over designs, each with its mean, says more of further designs. The gain
    over the untrained policy is what learning brought.
    """

    def gains(name: str, over: str = "auto") -> list[np.ndarray]:
        return [np.array([1 - run[f"{name}_and_auto"] / run[over] for run in pairs]) for pairs in runs.values()]

    def low_high(values: np.ndarray) -> tuple[float, float]:
        reach = scipy.stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
        return values.mean() - reach, values.mean() + reach

    def figure(name: str, value: float, bar: float | None = None) -> Figure:
        return Figure(name, float(value), "1", "higher", bar, SEARCH_SEEDS, command)

    found = np.concatenate(gains("policy"))
    low, high = low_high(found)
    learnt = np.concatenate(gains("policy", "untrained_and_auto"))
    figures = [
        figure("policy_gain_over_auto", found.mean()),
        figure("policy_gain_over_auto_ci_low", low, 0.0),
        figure("policy_gain_over_auto_ci_high", high),
        figure("untrained_policy_gain_over_auto", np.concatenate(gains("untrained")).mean()),
        figure("policy_gain_over_untrained", learnt.mean()),
        figure("policy_gain_over_untrained_ci_low", low_high(learnt)[0]),
    ]
    if len(runs) > 1:
        low, high = low_high(np.array([design.mean() for design in gains("policy")]))
        figures.append(figure("policy_gain_over_auto_by_design_ci_low", low))
        figures.append(figure("policy_gain_over_auto_by_design_ci_high", high))
    return figures


def learning_figures(runs: dict[str, list[dict[str, Any]]], command: str) -> list[Figure]:
    """Means over designs and seeds."""
    seeds = LEARN_SEEDS

    def ratio(above: str, below: str) -> float:
        return float(np.mean([run[above] / run[below] for several in runs.values() for run in several]))

    steps = float(np.mean([run["steps_ratio"] for several in runs.values() for run in several]))
    return [
        Figure("zero_shot_vs_greedy_ratio", ratio("zero_shot", "greedy"), "1", "lower", None, seeds, command),
        Figure("zero_shot_vs_random_ratio", ratio("zero_shot", "random_legal"), "1", "lower", None, seeds, command),
        Figure("zero_shot_vs_untrained_ratio", ratio("zero_shot", "untrained"), "1", "lower", None, seeds, command),
        Figure("fine_tuned_vs_scratch_ratio", ratio("fine_tuned", "scratch"), "1", "lower", None, seeds, command),
        Figure("transfer_steps_ratio", steps, "1", "lower", 0.25, seeds, command),
    ]


if __name__ == "__main__":
    main()
