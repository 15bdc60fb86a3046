"""An accelerator behind an AXI4 edge, driven by an independent AXI manager; faults in the port are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtl import AcceleratorSpec, Design, elaborate
from rtl.spec import DESIGNS
from sim import verify
from sim.simulator import build
from sim.verification import AXI_BENCH, BenchTest, run_bench
from tests.rewritten import rewritten

pytestmark = pytest.mark.eda

SPEC = AcceleratorSpec.from_toml(DESIGNS / "axi4.toml")
PRODUCTS = ((9, 5, 3), (3, 6, 7))


def edge_tests(design: Design, folder: Path) -> dict[str, BenchTest]:
    tests, _, _ = run_bench(build(design, folder, "icarus", None, 120), AXI_BENCH, design, 3, (), 120)
    return {test.name.rpartition(".")[2]: test for test in tests}


def test_products_are_exact_behind_the_edge(tmp_path: Path) -> None:
    result = verify(elaborate(SPEC, tmp_path / "rtl"), tmp_path, seed=2, products=PRODUCTS, only="random_products")
    assert result.passed, result.failure
    assert [(run.m, run.k, run.n) for run in result.cycles if run.cycles == run.model] == list(PRODUCTS)


def test_the_edge_is_a_correct_subordinate(tmp_path: Path) -> None:
    tests = edge_tests(elaborate(SPEC, tmp_path / "rtl"), tmp_path)
    assert set(tests) == {"bursts", "refusals", "reset_in_a_burst"}
    assert all(test.passed for test in tests.values()), tests


FAULTS = {
    "words beyond the FIFO": ("bursts", "(held != FIFO_WORDS)", "1'b1"),
    "FIXED bursts move": ("bursts", "(ask | take_word) & ~fixed", "ask | take_word"),
    "parts of words taken": ("refusals", "assign whole = &s_axi_wstrb", "assign whole = |s_axi_wstrb"),
    "WRAP taken": ("refusals", "| offered_burst[1]", ""),
    "the map without an end": ("refusals", "(offered_address >= BEYOND)", "1'b0"),
    "words of before a reset": ("reset_in_a_burst", "waiting <= {(FIFO_BITS+1){1'b0}};", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(tmp_path: Path, fault: str) -> None:
    name, old, new = FAULTS[fault]
    sources = rewritten(tmp_path / "sources", "axi4/axi_port.v", (old, new))
    assert not edge_tests(elaborate(SPEC, tmp_path / "rtl", sources), tmp_path)[name].passed
