"""From timing, power and area to the price of a training step, and from that to the next training budget."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cost_models.budget import next_budget
from cost_models.learning_curve import fit_learning_curve
from cost_models.parameters import load_parameters
from cost_models.training_cost import training_cost
from loop.archive import Generation, Metric
from loop.config import LoopConfig
from loop.metrics import OBJECTIVE, dollars
from rtl import AcceleratorSpec
from sim.throughput import throughput
from sim.workload import Workload

MODEL = "chiploop performance model"
COST = "chiploop cost model"
PERIOD = "finish__timing__setup__min_period"  # ns
POWER, LEAKAGE = "finish__power__total", "finish__power__leakage__total"  # W, at the clock that was aimed at
DIE = "finish__design__die__area"  # um2


def load_workloads(folder: Path) -> dict[str, Workload]:
    """The workloads that a run measures its designs on, by name."""
    data = json.loads((folder / "workloads.json").read_text())
    return {name: Workload.from_json(workload) for name, workload in data.items()}


def price_metrics(
    spec: AcceleratorSpec, metrics: Sequence[Metric], workloads: Path, seeds: Sequence[int], steps: int
) -> list[Metric]:
    """Throughput and price of each workload on an implemented design, per implementation seed.

    The clock is the fastest that timing allows; dynamic power is scaled to it.
    """
    found: list[Metric] = []
    for seed in seeds:
        of_seed = {m.name: m.value for m in metrics if m.seed == seed}
        clock_hz = 1e9 / of_seed[PERIOD]
        dynamic = of_seed[POWER] - of_seed[LEAKAGE]
        power = of_seed[LEAKAGE] + dynamic * spec.clock_ns / of_seed[PERIOD]
        found.append(Metric(seed, "finish__power__at_fmax", power, "scaled to the fastest clock"))
        for name, workload in load_workloads(workloads).items():
            speed = throughput(spec, workload, clock_hz)
            cost = training_cost(speed.seconds, power, of_seed[DIE] * 1e-6, steps)
            found.append(Metric(seed, dollars(name), cost.dollars_per_step, COST))
            if name != OBJECTIVE:
                continue
            values = {
                "cost__step__seconds": (cost.seconds_per_step, COST),
                "cost__step__joules": (cost.joules_per_step, COST),
                "cost__step__co2e": (cost.kg_co2e_per_step, COST),
                "cost__run__dollars": (cost.dollars, COST),
                "sim__throughput__tops": (speed.ops_per_s * 1e-12, MODEL),
                "sim__utilization": (speed.utilisation, MODEL),
                "sim__cycles": (float(speed.cycles), MODEL),
                "sim__cycles__stall": (float(speed.stall_cycles), MODEL),
                "sim__other__ops": (float(workload.other), MODEL),
                "sim__other__seconds": (speed.host_seconds, MODEL),
                "sim__vector__seconds": (speed.vector_seconds, MODEL),
            }
            found += [Metric(seed, key, value, tool) for key, (value, tool) in values.items()]
    return found


def estimate_price(parent: Generation, workloads: Path) -> Callable[[AcceleratorSpec], float]:
    """A cheap guess at the price of a training step on a spec, in dollars, from its parent's measured figures.

    The clock is taken to stay as it is; standard cells and power grow with the array, and SRAM area with its bits.
    """
    here = AcceleratorSpec(**parent.spec)
    workload = load_workloads(workloads)[OBJECTIVE]

    def measured(name: str) -> float:
        value = parent.mean(name)
        if value is None:
            raise ValueError(f"generation {parent.number} has no {name}")
        return value

    cells, macros = (measured(f"synth__design__instance__area__{kind}") for kind in ("stdcell", "macros"))
    clock_hz, die, power = 1e9 / measured(PERIOD), measured(DIE), measured(POWER)

    def price(spec: AcceleratorSpec) -> float:
        array = spec.pes / here.pes
        bits = _bits(spec) / _bits(here)
        area = die * (cells * array + macros * bits) / (cells + macros)
        seconds = throughput(spec, workload, clock_hz).seconds
        return training_cost(seconds, power * array, area * 1e-6, 1).dollars_per_step

    return price


def _bits(spec: AcceleratorSpec) -> int:
    return spec.macros * spec.words_per_bank * spec.bus_bits


def kept_costs(metrics: Sequence[Metric], workloads: Sequence[str]) -> Mapping[str, dict[int, float]]:
    """Price of a step per workload and seed, as the gate compares it."""
    return {w: {m.seed: m.value for m in metrics if m.name == dollars(w)} for w in workloads}


def decide(curve: Sequence[tuple[int, float]], price: float, config: LoopConfig) -> dict[str, Any]:
    """The next generation's training budget, from this one's training log.

    The next placer starts from the best policy so far and meets another netlist, so the question is how many updates a
    training like this one is worth: from its first update on, until more of them cost more than they bring or bring no
    more than the noise of the log. A few are always granted: a new netlist has to be seen, and a curve to be fitted.

    Args:
        curve: (update, mean proxy cost) of the training.
        price: of one update on the best accelerator, in dollars.
        config: the cap and the seed.
    """
    limits = config.limits
    steps, costs = (np.array(column, np.float64) for column in zip(*curve, strict=True))
    fit = fit_learning_curve(steps, costs, config.seed)
    noise = float(fit.sigma * costs[-1])
    worth = load_parameters().proxy_worth
    first = int(steps[0])  # the curve is not read before its first point
    found = next_budget(fit, price, worth, noise, first, limits.budget_step, limits.max_budget)
    worthwhile = first + found.steps
    at = np.unique(np.linspace(first, max(steps[-1], float(worthwhile), 2.0), 40))
    mean, low, high = fit.predict(at)
    granted = max(worthwhile, limits.min_budget)
    reason = f"After the first update: {found.reason}"
    if granted > worthwhile:
        reason += f" {granted} updates are granted, the least that a new netlist gets."
    return {
        "steps": granted,
        "limit": found.limit,
        "reason": reason,
        "price": price,
        "worth": worth,
        "noise": noise,
        "form": fit.form,
        "curve": {"step": at.tolist(), "mean": mean.tolist(), "low": low.tolist(), "high": high.tolist()},
        "table": [asdict(row) for row in found.table],
    }


def mean_price(metrics: Sequence[Metric]) -> float:
    """Price of the placer's training step in dollars, mean over seeds."""
    return float(np.mean([m.value for m in metrics if m.name == dollars(OBJECTIVE)]))
