from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from eda_adapters.tool import ToolError
from rtl import AcceleratorSpec, elaborate
from rtl.elaborate import SOURCES
from sim import VerifyResult, cycles, random_products, verify
from sim.simulator import UnknownSimulatorError
from sim.validate import SPECS
from sim.verification import UnknownTestError, corner_products

SHALLOW = AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=64)

pytestmark = pytest.mark.eda


def check(result: VerifyResult, spec: AcceleratorSpec) -> None:
    assert result.passed, result.failure
    assert result.failure == ""
    for run in result.cycles:
        assert run.cycles == run.model == cycles(spec, run.m, run.k, run.n)


@pytest.mark.parametrize(
    "spec",
    [*(spec for spec in SPECS if spec.edge == "bus"), SHALLOW],
    ids=lambda s: f"{s.rows}x{s.cols}-{s.bus_bits}-{s.act_depth}-{s.dataflow}-{s.operands}",
)
def test_designs_are_bit_exact_and_take_the_modelled_cycles(tmp_path: Path, spec: AcceleratorSpec) -> None:
    result = verify(elaborate(spec, tmp_path / "rtl"), tmp_path, seed=5)
    check(result, spec)
    assert result.tool.startswith("Icarus Verilog 1")
    assert {(run.m, run.k, run.n) for run in result.cycles} >= set(random_products(spec, 5, 10))
    assert {(run.m, run.k, run.n) for run in result.cycles} >= set(corner_products(spec))


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    design = elaborate(AcceleratorSpec(), tmp_path / "rtl")
    first, second = (verify(design, tmp_path, seed=4, only="random_products") for _ in range(2))
    assert first.cycles == second.cycles


def test_a_test_that_no_bench_has_is_refused(tmp_path: Path) -> None:
    design = elaborate(SHALLOW, tmp_path / "rtl")
    for name in ("nonsense", "vector.random_passes", "vector.", "gemm.nonsense"):
        with pytest.raises(UnknownTestError, match=r"choose one of gemm\.random_products, gemm\."):
            verify(design, tmp_path, only=name)


def test_a_failure_names_test_seed_and_command(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    shutil.copytree(SOURCES, sources)
    path = sources / "operand_multiplier.v"
    path.write_text(path.read_text().replace("wire signed [7:0] a;", "wire [7:0] a;"))
    result = verify(elaborate(AcceleratorSpec(), tmp_path / "rtl", sources), tmp_path, seed=9, waves=True)
    assert not result.passed
    assert "$enddefinitions" in (tmp_path / "gemm.vcd").read_text()
    assert "random_products failed with seed 9" in result.failure
    assert "result words" in result.failure
    assert "COCOTB_RANDOM_SEED='9'" in result.command
    assert "\n" not in result.failure


def test_a_simulator_past_its_time_limit_is_one_error(tmp_path: Path) -> None:
    design = elaborate(AcceleratorSpec(), tmp_path / "rtl")
    with pytest.raises(ToolError, match="time limit"):
        verify(design, tmp_path, timeout_s=0.5)


def test_a_simulator_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    design = elaborate(AcceleratorSpec(), tmp_path / "rtl")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="apt-get install iverilog"):
        verify(design, tmp_path)


def test_a_simulator_that_does_not_exist_is_named(tmp_path: Path) -> None:
    design = elaborate(AcceleratorSpec(), tmp_path / "rtl")
    with pytest.raises(UnknownSimulatorError, match="icarus, verilator"):
        verify(design, tmp_path, simulator="modelsim")  # type: ignore[arg-type]
