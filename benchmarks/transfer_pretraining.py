"""How the policy of ``benchmarks.transfer`` is pre-trained.

Candidates learn on variants of their own; the best one on the validation netlists goes on in branches whose parameters
are averaged ("model soups": M. Wortsman et al., ICML 2022), until that does no good there any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from benchmarks.transfer_designs import FOLDER, VALIDATION, VARIANTS, accelerator, learnt
from loop.training import read_policy, write_policy
from placer.policy import Params
from placer.ppo import TrainConfig, episode_keys, initial_state
from placer.pretrain import Pretrained, pretrain, pretraining, problems_of
from placer.problem import Problem
from placer.train import collect_here

UPDATES = 2500
"""Of each round of pre-training, for the figures; results after more or less are written beside them."""

CANDIDATES, ROUNDS = 3, 2
"""Pre-trainings with seeds of their own, and rounds of each on variants of their own."""

BRANCHES, BRANCH_UPDATES, NEWEST = 2, 2, 0.004
"""What the best candidate on ``VALIDATION`` goes on in, each on variants of its own; their budget over that of a round;
and the newest parameters' share of the running mean that is kept of them."""

STOPS = 10
"""Times in the branches at which the mean of their running means is tried on ``VALIDATION``; the best is the policy."""

SCORED = 8
"""Updates' episodes of each netlist by which policies are compared."""

Listener = Callable[[int, Params], None]
"""Hears the number of an update and the policy after it."""


def pretrained(config: TrainConfig, updates: int) -> tuple[Params, dict[str, Any]]:
    """A policy, and how it came about; ``updates`` is the budget of each candidate's rounds.

    Candidates are kept in files; those that are there already are not learnt again.
    """
    rounds: dict[str, Any] = {}

    def learns(params: Params | None, draw: int, budget: int, listener: Listener | None = None) -> Params:
        def tell(number: int, turn: int, cost: float, now: Params) -> None:
            print(f"update {number}: netlist {turn}, cost {cost:.4f}", flush=True)
            if listener:
                listener(number, now)

        learning = replace(pretraining(config, again=params is not None), updates=budget)
        taught = pretrain(problems_of(learnt(draw), learning), learning, params, draw, tell)
        rounds[str(draw)] = pretraining_details(taught)
        return taught.params

    def candidate(number: int) -> Params:
        path = FOLDER / f"candidate_{number}_after_{updates}.msgpack"
        if not path.exists():
            params = learns(None, number, updates)
            for turn in range(1, ROUNDS):
                params = learns(params, number + turn * CANDIDATES, updates)
            write_policy(path, params)
        return read_policy(path)

    def branch(start: Params, draw: int) -> list[Params]:
        mean, kept = start, list[Params]()

        def keep(number: int, params: Params) -> None:
            nonlocal mean
            mean = jax.tree.map(lambda old, new: old + NEWEST * (new - old), mean, params)
            if (number + 1) * STOPS // budget > len(kept):
                kept.append(mean)

        budget = updates * BRANCH_UPDATES
        learns(start, draw, budget, keep)
        return kept

    score = score_on_validation(config)
    candidates = [candidate(number) for number in range(CANDIDATES)]
    scores = [score(params) for params in candidates]
    best = candidates[int(np.argmin(scores))]
    branches = [branch(best, CANDIDATES * ROUNDS + number) for number in range(BRANCHES)]
    stops = [jax.tree.map(lambda *leaves: sum(leaves) / BRANCHES, *means) for means in zip(*branches, strict=True)]
    later = [score(params) for params in stops]
    found = {"rounds": rounds, "candidates_on_validation": scores, "stops_on_validation": later}
    return stops[int(np.argmin(later))], found


def score_on_validation(config: TrainConfig) -> Callable[[Params], float]:
    """What a policy's episodes cost on ``VALIDATION``, over what an untrained one's do; mean of the netlists."""
    problems = [problems_of([accelerator(name, spec)], config)[0] for name, spec in VALIDATION.items()]

    def costs(params: Params | None) -> np.ndarray:
        return np.array([mean_cost(problem, config, params) for problem in problems])

    untrained = costs(None)
    return lambda params: float((costs(params) / untrained).mean())


def mean_cost(problem: Problem, config: TrainConfig, params: Params | None) -> float:
    """The mean cost of ``SCORED`` updates' episodes of a policy; None: of an untrained one."""
    if params is None:
        params = initial_state(problem, config, 0).params
    batches = [episode_keys(jax.random.key(seed), 0, config) for seed in range(SCORED)]
    return float(np.mean([collect_here(problem, params, config.compiled, keys).outcome.cost for keys in batches]))


def pretraining_details(taught: Pretrained) -> dict[str, Any]:
    """By passes over all netlists: the mean cost, relative to that of the first update of a netlist's variants."""
    kind, count = taught.design // VARIANTS, len(taught.states)
    first = np.array([taught.cost[np.argmax(kind == k)] for k in range(count // VARIANTS)])
    rounds = (taught.cost / first[kind])[: len(kind) // count * count].reshape(-1, count).mean(1)
    return {"updates": len(kind), "netlists": count, "cost_by_pass": rounds.round(4).tolist()}
