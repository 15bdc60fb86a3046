"""One turn of the loop: from a proposed accelerator to its verdict and the next training budget."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loop import stages
from loop.archive import CurvePoint, Generation, Metric
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

MODELS = ("loop", "sim", "rtl", "cost_models")
"""Folders whose sources decide on proposals, prices and budgets."""


def run_generation(
    history: Sequence[Generation], config: LoopConfig, store: Store, listener: Listener
) -> Generation | None:
    """Take the next turn after ``history``; None where the governor has nothing left to propose."""
    turn = Turn(len(history), store, listener)
    parent = next((g for g in reversed(history) if g.status == "kept"), None)
    budget = int(history[-1].decision["steps"]) if history else config.first_budget
    workloads = store.root / parent.stages["workloads"] if parent else None
    spec: AcceleratorSpec | None = None
    if not history:
        spec = config.spec
    elif parent and workloads:
        spec = _proposed(turn, history, parent, workloads, budget, config)
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


def _proposed(
    turn: Turn,
    history: Sequence[Generation],
    parent: Generation,
    workloads: Path,
    budget: int,
    config: LoopConfig,
) -> AcceleratorSpec | None:
    """The governor's proposal; a stage, since it looks at many specs."""

    def work(_folder: Path, _listener: Listener) -> dict[str, Any]:
        found = propose(history, budget, config.limits, estimate_price(parent, workloads))
        note = (
            f"{found.rows} x {found.cols}, {found.macros} banks, {found.clock_ns:g} ns" if found else "nothing is left"
        )
        return {"spec": asdict(found) if found else None, "note": note}

    inputs = {
        "tried": [[g.status, g.spec] for g in history],
        "parent": [asdict(m) for m in parent.metrics],
        "workloads": turn.store.done(workloads),
        "limits": asdict(config.limits),
        "budget": budget,
    }
    spec = turn.stage("propose", inputs, MODELS, work).result["spec"]
    return AcceleratorSpec(**spec) if spec else None


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
        traced = turn.stage(
            "workloads", {"floorplan": planned}, ("placer", "sim"),
            lambda folder, _: stages.workloads(folder, planned.folder, config),
        )  # fmt: skip
    else:
        traced = turn.store.done(workloads)
        turn.done["workloads"] = traced
    reference, reference_key = traced.folder, traced.key
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
    priced = turn.stage(
        "price",
        {"synth": chip.synthesised, "implement": implemented, "workloads": reference_key, "budget": budget},
        MODELS,
        lambda _folder, _listener: {
            "metrics": [asdict(m) for m in price_metrics(spec, metrics, reference, seeds, budget)],
            "note": "",
        },
    )
    metrics += [Metric(**m) for m in priced.result["metrics"]]
    curve = [CurvePoint(*point) for point in trained.result["curve"]]
    verdict = _verdict(metrics, parent)
    best = metrics if verdict.keep or parent is None else parent.metrics
    price = mean_price(best)
    decided = turn.stage(
        "budget", {"train": trained, "price": price, "limits": asdict(config.limits), "seed": config.seed}, MODELS,
        lambda _folder, _listener: decide([(p.step, p.cost) for p in curve], price, config) | {"note": ""},
    )  # fmt: skip
    return Generation(
        turn.number, parent.number if parent else None, "kept" if verdict.keep else "rolled back", asdict(spec),
        budget, verdict.as_dict(), decided.result, turn.folders(), metrics, curve,
        _observations(turn, annealed, baseline),
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
