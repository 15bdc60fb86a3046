"""All four tools accept what elaboration writes, without a warning."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rtl import AcceleratorSpec, Design, elaborate, sram_blackbox
from sim.simulator import verilator_environment

SHIPPED = sorted((Path(__file__).parents[2] / "rtl" / "designs").glob("*.toml"))
SPECS = [
    *(AcceleratorSpec.from_toml(path) for path in SHIPPED if path.stem != "large"),
    AcceleratorSpec(rows=12, cols=4, act_banks=3, weight_banks=5, result_banks=16, words_per_bank=64),
    AcceleratorSpec(rows=8, cols=24, act_banks=1, weight_banks=3, result_banks=24, words_per_bank=1024, bus_bits=64),
    AcceleratorSpec(rows=32, cols=16, act_banks=2, weight_banks=1, result_banks=8, words_per_bank=2048, bus_bits=128),
    AcceleratorSpec(rows=8, cols=4, act_banks=2, dataflow="output_stationary"),
    AcceleratorSpec(edge="dma", words_per_bank=64),
    AcceleratorSpec(act_banks=1, weight_banks=2, words_per_bank=64, edge="dma", tiles=3, dma_words=8),
    AcceleratorSpec(rows=8, cols=8, act_banks=2, result_banks=8, bus_bits=64, edge="dma", tiles=2),
    AcceleratorSpec(rows=6, cols=4, act_banks=3, operands="bfloat16", edge="axi4"),
    AcceleratorSpec(edge="dma", words_per_bank=64, vector=True),
    AcceleratorSpec(rows=8, cols=8, act_banks=2, result_banks=8, bus_bits=64, edge="dma", tiles=2, transpose=True),
    AcceleratorSpec(cols=8, act_banks=2, operands="bfloat16", result_banks=16, edge="dma", vector=True),
    AcceleratorSpec(cols=2, rows=2, act_banks=1, result_banks=4, operands="bfloat16", edge="dma", transpose=True),
    AcceleratorSpec(
        rows=8,
        cols=8,
        act_banks=1,
        result_banks=4,
        bus_bits=128,
        operands="bfloat16",
        edge="dma",
        vector=True,
        transpose=True,
    ),
    AcceleratorSpec(
        rows=8, cols=8, act_banks=1, result_banks=4, bus_bits=128, dataflow="output_stationary", operands="bfloat16"
    ),
]


@pytest.fixture(
    scope="module",
    params=SPECS,
    ids=lambda spec: (
        f"{spec.rows}x{spec.cols}-{spec.bus_bits}-{spec.dataflow}-{spec.operands}-{spec.edge}{spec.tiles}"
        + "-vector" * spec.vector
        + "-transpose" * spec.transpose
    ),
)
def design(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Design:
    return elaborate(request.param, tmp_path_factory.mktemp("rtl"))


@pytest.mark.eda
def test_verilator_lint_is_clean(design: Design) -> None:
    env = verilator_environment()
    argv = [f"{env['VERILATOR_ROOT']}/bin/verilator", "--lint-only", "-Wall", "--top-module", design.top]
    run = subprocess.run([*argv, *design.sources], capture_output=True, text=True, env=env, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""


@pytest.mark.eda
def test_icarus_accepts_verilog_2005_without_warning(design: Design, tmp_path: Path) -> None:
    argv = ["iverilog", "-Wall", "-Wno-timescale", "-g2005", "-o", tmp_path / "out.vvp", "-s", design.top]
    run = subprocess.run([*argv, *design.sources], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""


@pytest.mark.eda
def test_yosys_elaborates_and_finds_no_problem(design: Design, tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.v"
    boxes.write_text("".join(sram_blackbox(shape) for shape in design.srams))
    passes = [f"read_verilog -lib {boxes}", *(f"read_verilog {path}" for path in design.logic_sources)]
    passes += [f"hierarchy -check -top {design.top}", "proc", "flatten", "opt_clean", "check -assert"]
    count = sum(design.srams.values())
    passes += [f"select -assert-count {count} t:{next(iter(design.srams)).module}", "select -assert-none t:$dlatch"]
    script = f"from pyosys import libyosys as ys\nd = ys.Design()\nfor p in {passes!r}:\n    ys.run_pass(p, d)\n"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr
    assert "Warning" not in run.stdout
