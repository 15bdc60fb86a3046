"""The price of a step follows from clock, power and area; the budget from the curve."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from loop.archive import Generation, Metric
from loop.config import LoopConfig
from loop.economics import decide, estimate_price, price_metrics
from loop.metrics import OBJECTIVE, WORKLOADS, dollars
from rtl import AcceleratorSpec
from sim.workload import LayerOp, Workload


@pytest.fixture
def workloads(tmp_path: Path) -> Path:
    made = [Workload(name, (LayerOp("a", 64, 64, 64, 10),), {"add": 1000}, {}) for name in WORKLOADS]
    (tmp_path / "workloads.json").write_text(json.dumps({w.name: w.to_json() for w in made}))
    return tmp_path


def measured(period: float = 1.5, power: float = 0.03, die: float = 2e5) -> list[Metric]:
    figures = {
        "finish__timing__setup__min_period": period,
        "finish__power__total": power,
        "finish__power__leakage__total": 0.005,
        "finish__design__die__area": die,
        "synth__design__instance__area__stdcell": 2e4,
        "synth__design__instance__area__macros": 8e4,
    }
    return [Metric(1, name, value, "t") for name, value in figures.items()]


def price(workloads: Path, **changes: float) -> dict[str, float]:
    return {m.name: m.value for m in price_metrics(AcceleratorSpec(), measured(**changes), workloads, (1,), 10)}


def test_a_faster_clock_makes_steps_shorter_and_cheaper(workloads: Path) -> None:
    slow, fast = price(workloads, period=2.0), price(workloads, period=1.0)
    assert fast["cost__step__seconds"] == pytest.approx(slow["cost__step__seconds"] / 2)
    assert fast[dollars(OBJECTIVE)] < slow[dollars(OBJECTIVE)]
    assert slow["finish__power__at_fmax"] == pytest.approx(0.03)  # the target is 2 ns: nothing to scale
    assert fast["finish__power__at_fmax"] == pytest.approx(0.005 + 2 * 0.025)


def test_power_and_area_cost(workloads: Path) -> None:
    base = price(workloads)
    assert price(workloads, power=0.06)[dollars(OBJECTIVE)] > base[dollars(OBJECTIVE)]
    assert price(workloads, die=4e5)[dollars(OBJECTIVE)] > base[dollars(OBJECTIVE)]
    assert base["cost__run__dollars"] == pytest.approx(10 * base[dollars(OBJECTIVE)])
    assert {dollars(w) for w in WORKLOADS} <= base.keys()


def test_the_estimate_is_the_measured_price_at_the_parent_itself(workloads: Path) -> None:
    spec = AcceleratorSpec()
    metrics = measured(period=2.0)
    paid = price_metrics(spec, metrics, workloads, (1,), 1)
    parent = Generation(0, None, "kept", asdict(spec), 1, {}, {}, {}, [*metrics, *paid])
    estimate = estimate_price(parent, workloads)
    assert estimate(spec) == pytest.approx(parent.mean(dollars(OBJECTIVE)), rel=1e-9)
    wide = replace(spec, cols=8, weight_banks=8, result_banks=16)
    assert estimate(wide) < estimate(spec)


def test_a_curve_that_still_falls_gets_more_than_one_that_is_flat() -> None:
    config = LoopConfig()
    falling = [(s, 1.0 + 2.0 * (1 + s / 10) ** -1.0 + 0.002 * (-1) ** s) for s in range(1, 25)]
    flat = [(s, 1.0 + 0.01 * (-1) ** s) for s in range(1, 25)]
    more, less = decide(falling, 1e-8, config), decide(flat, 1e-8, config)
    assert more["steps"] > less["steps"]
    assert less["steps"] == config.limits.min_budget
    assert more["steps"] <= config.limits.max_budget
    assert "granted" in less["reason"]
    assert decide(falling, 1.0, config)["steps"] < more["steps"]  # dear steps: fewer of them
