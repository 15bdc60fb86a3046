"""The benches find what may be wrong: each fault is planted in the Verilog and must make them fail."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rtl import AcceleratorSpec, elaborate
from rtl.elaborate import SOURCES
from sim import verify

SPEC = AcceleratorSpec(act_banks=2, weight_banks=2, result_banks=16, words_per_bank=64)
PRODUCTS = ((1, 1, 1), (11, 9, 7), (9, 4, 4), (3, 13, 10))

FAULTS = {
    "activations without sign": ("random_products", "pe.v", "reg signed [7:0] act;", "reg [7:0] act;"),
    "product not sign-extended": ("random_products", "pe.v", "product[15]}}", "1'b0}}"),
    "weights taken over at any time": ("random_products", "pe.v", "if (first_in)", "if (1'b1)"),
    "last activation left out": ("random_products", "sequencer.v", "(phase < m)", "(phase < last_m)"),
    "no pause for the banks' parity": ("random_products", "sequencer.v", "{last_m[SIZE_BITS-1:1], 1'b1}", "last_m"),
    "weights shifted in too early": (
        "random_products",
        "sequencer.v",
        "(phase >= ROWS) & (phase < 2 * ROWS)",
        "(phase < ROWS)",
    ),
    "accumulate flag ignored": ("random_products", "sequencer.v", "~first_of_sum | accumulate", "~first_of_sum"),
    "old results added in every tile": ("random_products", "sequencer.v", "~first_of_sum | accumulate", "1'b1"),
    "beyond K and N not masked": ("random_products", "operand_scratchpad.v", " & {8{alive}}", ""),
    "a tile of results one vector short": ("random_products", "sequencer.v", "{{(VECTOR_BITS-1){1'b0}}, m[0]};", "0;"),
    "size of activations not checked": (
        "illegal_products",
        "size_check.v",
        "act_end > ACT_DEPTH[END_BITS-1:0]",
        "1'b0",
    ),
    "odd base not refused": ("illegal_products", "size_check.v", ": result_base[0] ? 3'd5", ": 1'b0 ? 3'd5"),
    "large size cut off": ("illegal_products", "bus_port.v", "too_large[2] <= |", "too_large[2] <= 1'b0 & |"),
    "bank conflict not seen": ("bus_beside_the_array", "bus_port.v", "request_valid & ~conflict", "request_valid"),
    "start while busy": ("writes_while_busy", "bus_port.v", "request_write & ~busy", "request_write"),
    "reset leaves results on their way": ("reset_in_the_middle", "gemm_accelerator.v", ".clear(rst)", ".clear(1'b0)"),
    "bus never ready": ("every_bank", "bus_port.v", "~request_valid | granted", "1'b0"),
    "never done": ("random_products", "sequencer.v", "phase == DRAIN[SIZE_BITS-1:0] - 1'b1", "1'b0"),
    "done a cycle early": (
        "random_products",
        "sequencer.v",
        "phase == DRAIN[SIZE_BITS-1:0] - 1'b1",
        "phase == DRAIN[SIZE_BITS-1:0] - 2",
    ),
    "sum a bit short": ("largest_sums", "result_scratchpad.v", "aligned[PSUM_BITS-1]}}", "aligned[PSUM_BITS-2]}}"),
}
"""What is wrong: the test that must notice it, the file, what stands there, and what is put in its place."""


@pytest.mark.eda
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(tmp_path: Path, fault: str) -> None:
    test, name, old, new = FAULTS[fault]
    sources = tmp_path / "sources"
    shutil.copytree(SOURCES, sources)
    text = (sources / name).read_text()
    assert old in text
    (sources / name).write_text(text.replace(old, new))
    design = elaborate(SPEC, tmp_path / "rtl", sources)
    result = verify(design, tmp_path, seed=7, products=PRODUCTS, only=test, timeout_s=120)
    assert [run.passed for run in result.tests] == [False], f"{test} did not notice: {fault}"


@pytest.mark.eda
def test_without_a_fault_all_pass(tmp_path: Path) -> None:
    result = verify(elaborate(SPEC, tmp_path / "rtl"), tmp_path, seed=7, products=PRODUCTS)
    assert result.passed, result.failure
