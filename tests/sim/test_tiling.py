from __future__ import annotations

from pathlib import Path

import pytest

from rtl import AcceleratorSpec, elaborate
from sim.simulator import build
from sim.throughput import op_throughput
from sim.verification import run_bench

pytestmark = pytest.mark.eda

Sizes = list[tuple[int, int, int]]
CASES: list[tuple[str, AcceleratorSpec, Sizes]] = [
    (
        "nothing",
        AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=64),
        [(20, 8, 8), (45, 30, 9), (1, 1, 1)],
    ),
    ("loads", AcceleratorSpec(words_per_bank=64), [(70, 30, 12), (9, 77, 13)]),
    ("all", AcceleratorSpec(result_banks=16, words_per_bank=64), [(70, 30, 20), (33, 40, 9)]),
    (
        "all",
        AcceleratorSpec(rows=8, cols=16, act_banks=2, weight_banks=4, result_banks=32, words_per_bank=64, bus_bits=64),
        [(48, 20, 20)],
    ),
    (
        "loads",
        AcceleratorSpec(words_per_bank=64, dataflow="output_stationary", operands="bfloat16"),
        [(30, 70, 12), (13, 77, 9)],
    ),
]


@pytest.mark.parametrize(("beside", "spec", "products"), CASES)
def test_the_rtl_takes_the_cycles_of_the_performance_model(
    tmp_path: Path, beside: str, spec: AcceleratorSpec, products: Sizes
) -> None:
    """From the first load to the last result, all transfers, and the product is right."""
    design = elaborate(spec, tmp_path / "rtl")
    simulation = build(design, tmp_path, "icarus", None, 120)
    tests, measured, _ = run_bench(simulation, "sim.benches.tiled", design, 1, products, 300)
    model = [op_throughput(spec, *size) for size in products]
    assert all(test.passed for test in tests), tests
    assert [(run.m, run.k, run.n, run.cycles) for run in measured] == [
        (*size, cost.cycles) for size, cost in zip(products, model, strict=True)
    ]
    assert beside in {cost.beside for cost in model}
    assert max(cost.jobs for cost in model) >= 3
