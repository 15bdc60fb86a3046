"""One turn of the loop: from a proposed accelerator to its verdict and the next training budget."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from loop import stages
from loop.archive import Generation, Metric
from loop.config import LoopConfig
from loop.constitution import check
from loop.economics import decide, estimate_price, kept_costs, mean_price, price_metrics
from loop.gate import Verdict, judge
from loop.governor import propose
from loop.metrics import OBJECTIVE, WORKLOADS
from loop.progress import Listener
from loop.stages import DesignFailure
from loop.store import Stage, Store
from loop.turn import Turn, back, front
from rtl import AcceleratorSpec


def run_generation(
    history: Sequence[Generation], config: LoopConfig, store: Store, listener: Listener
) -> Generation | None:
    """Take the next turn after ``history``; None where the governor has nothing left to propose."""
    turn = Turn(len(history), store, listener)
    parent = next((g for g in reversed(history) if g.status == "kept"), None)
    budget = int(history[-1].decision["steps"]) if history else config.first_budget
    if parent is None:
        spec: AcceleratorSpec | None = config.spec
        workloads = None
    else:
        workloads = store.root / parent.stages["workloads"]
        spec = propose(history, budget, config.limits, estimate_price(parent, workloads))
    if spec is None:
        return None
    check(spec, budget, config.limits)
    try:
        return _evaluate(turn, spec, budget, parent, workloads, config)
    except DesignFailure as failure:
        decision = dict(history[-1].decision) if history else {"steps": budget, "reason": "no curve: the design failed"}
        return Generation(
            turn.number, parent.number if parent else None, "failed", asdict(spec), budget,
            {"keep": False, "reason": str(failure), "comparisons": {}}, decision, turn.folders(),
        )  # fmt: skip


def _evaluate(
    turn: Turn,
    spec: AcceleratorSpec,
    budget: int,
    parent: Generation | None,
    workloads: Path | None,
    config: LoopConfig,
) -> Generation:
    chip = front(turn, spec, config)
    planned = chip.planned
    if workloads is None:
        reference = turn.stage(
            "workloads", {"floorplan": planned}, ("placer", "sim"),
            lambda folder, _: stages.workloads(folder, planned.folder, config),
        ).folder  # fmt: skip
    else:
        reference = workloads
        turn.done["workloads"] = Stage(workloads, "", {}, cached=True)
    policy = turn.store.root / parent.stages["train"] if parent else None
    policy_key = json.loads((policy / "stage.json").read_text())["key"] if policy else ""
    trained = turn.stage(
        "train", {"floorplan": planned, "budget": budget, "parent": policy_key, "seed": config.seed}, ("placer",),
        lambda folder, listener: stages.train(folder, planned.folder, budget, policy, config, listener),
    )  # fmt: skip
    placed = turn.stage(
        "place", {"floorplan": planned, "train": trained, "seed": config.seed}, ("placer",),
        lambda folder, _: stages.place(folder, planned.folder, trained.folder, config),
    )  # fmt: skip
    annealed = turn.stage(
        "anneal", {"floorplan": planned, "train": trained, "seed": config.seed}, ("placer",),
        lambda folder, _: stages.anneal(
            folder, planned.folder, trained.result["seconds"] + placed.result["seconds"], config
        ),
    )  # fmt: skip

    seeds = config.implementation_seeds
    jobs = [*(("rl", seed) for seed in seeds), ("random", seeds[0])]
    implemented = back(turn, "implement", chip, placed, jobs, config)
    baseline = back(turn, "implement-sa", chip, annealed, [("sa", seeds[0])], config)
    metrics = _metrics(chip.synthesised, placed, implemented)
    metrics += price_metrics(spec, metrics, reference, config.implementation_seeds, budget)
    curve = [(int(s), float(c)) for s, c in trained.result["curve"]]
    verdict = _verdict(metrics, parent)
    best = metrics if verdict.keep or parent is None else parent.metrics
    decision = decide(curve, mean_price(best), config)
    return Generation(
        turn.number, parent.number if parent else None, "kept" if verdict.keep else "rolled back", asdict(spec),
        budget, verdict.as_dict(), decision, turn.folders(), metrics, curve, _observations(turn, annealed, baseline),
    )  # fmt: skip


def _metrics(synthesised: Stage, placed: Stage, implemented: Stage) -> list[Metric]:
    """The figures of the stages: those of the policy's placement plain, those of random legal ones with a prefix."""
    found = [
        Metric(-1, name, value, synthesised.result["tool"]) for name, value in synthesised.result["metrics"].items()
    ]
    for method, prefix in (("rl", ""), ("random", "random__")):
        for name, value in placed.result["proxy"][method].items():
            found.append(Metric(-1, f"{prefix}place__proxy__{name}", value, "chiploop placer"))
    for job in implemented.result["jobs"]:
        prefix = "" if job["method"] == "rl" else job["method"] + "__"
        for name, value in job["metrics"].items():
            found.append(Metric(job["seed"], prefix + name, value, job["tools"][name]))
    return found


def _verdict(metrics: Sequence[Metric], parent: Generation | None) -> Verdict:
    before = kept_costs(parent.metrics, WORKLOADS) if parent else None
    return judge(kept_costs(metrics, WORKLOADS), before, OBJECTIVE)


def _observations(turn: Turn, annealed: Stage, baseline: Stage) -> dict[str, float]:
    """Wall-clock seconds, and everything about the placement that was given the policy's wall-clock time."""
    seen = {f"sa__place__proxy__{name}": value for name, value in annealed.result["proxy"].items()}
    for job in baseline.result["jobs"]:
        seen |= {f"sa__{name}": value for name, value in job["metrics"].items()}
    train, place = turn.done["train"].result, turn.done["place"].result
    seen |= {"rl__seconds": train["seconds"] + place["seconds"], "sa__seconds": annealed.result["seconds"]}
    return seen
