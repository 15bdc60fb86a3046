"""The benches find what may be wrong: each fault is planted in the Verilog and must make them fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rtl import AcceleratorSpec, elaborate
from sim import verify
from tests.rewritten import rewritten

SPEC = AcceleratorSpec(act_banks=2, weight_banks=2, result_banks=16, words_per_bank=64)
OUTPUT = replace(SPEC, dataflow="output_stationary")
OUTPUT_BFLOAT = replace(OUTPUT, act_banks=4, weight_banks=4, operands="bfloat16")
PRODUCTS = ((1, 1, 1), (11, 9, 7), (9, 4, 4), (3, 13, 10))

FAULTS = {
    "activations without sign": ("random_products", "operand_multiplier.v", "wire signed [7:0] a;", "wire [7:0] a;"),
    "product not sign-extended": ("random_products", "weight_stationary/pe.v", "product[15]}}", "1'b0}}"),
    "weights taken over at any time": ("random_products", "weight_stationary/pe.v", "if (first_in)", "if (1'b1)"),
    "last activation left out": ("random_products", "weight_stationary/sequencer.v", "(phase < m)", "(phase < last_m)"),
    "no pause for the banks' parity": (
        "random_products",
        "weight_stationary/sequencer.v",
        "{last_m[SIZE_BITS-1:1], 1'b1}",
        "last_m",
    ),
    "weights shifted in too early": (
        "random_products",
        "weight_stationary/sequencer.v",
        "(phase >= ROWS) & (phase < 2 * ROWS)",
        "(phase < ROWS)",
    ),
    "accumulate flag ignored": (
        "random_products",
        "weight_stationary/sequencer.v",
        "~first_of_sum | accumulate",
        "~first_of_sum",
    ),
    "old results added in every tile": (
        "random_products",
        "weight_stationary/sequencer.v",
        "~first_of_sum | accumulate",
        "1'b1",
    ),
    "beyond K and N not masked": ("random_products", "operand_scratchpad.v", " & {OPERAND_BITS{alive}}", ""),
    "a tile of results one vector short": (
        "random_products",
        "weight_stationary/sequencer.v",
        "{{(VECTOR_BITS-1){1'b0}}, m[0]};",
        "0;",
    ),
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
    "never done": ("random_products", "job_control.v", "phase == DRAIN[SIZE_BITS-1:0] - 1'b1", "1'b0"),
    "done a cycle early": (
        "random_products",
        "job_control.v",
        "phase == DRAIN[SIZE_BITS-1:0] - 1'b1",
        "phase == DRAIN[SIZE_BITS-1:0] - 2",
    ),
    "sum a bit short": ("largest_sums", "result_scratchpad.v", "aligned[PSUM_BITS-1]}}", "aligned[PSUM_BITS-2]}}"),
}
"""What is wrong: the test that must notice it, the file, what stands there, and what is put in its place."""

OUTPUT_FAULTS = {
    "sums never begin anew": ("random_products", "output_stationary/pe.v", "first_product ? 32'd0 : sum", "sum"),
    "results move at any time": ("random_products", "output_stationary/pe.v", "first_product ? sum :", "1'b0 ? sum :"),
    "last operand left out": ("random_products", "output_stationary/sequencer.v", "(phase < k)", "(phase + 1'b1 < k)"),
    "a row too many": ("random_products", "output_stationary/sequencer.v", "last_of_strip ? m_left[", "1'b0 ? m_left["),
    "weights not read again": (
        "random_products",
        "output_stationary/sequencer.v",
        "<= strip_weights;",
        "<= after_weight;",
    ),
    "period of odd length": ("random_products", "output_stationary/sequencer.v", "| {{(SIZE_BITS-1){1'b0}}, 1'b1}", ""),
    "accumulate flag ignored": (
        "random_products",
        "output_stationary/sequencer.v",
        "result_accumulate <= accumulate",
        "result_accumulate <= 1'b0",
    ),
    "done too early": ("random_products", "job_control.v", "DRAIN[SIZE_BITS-1:0] - 1'b1", "DRAIN[7:1]"),
    "no rounding": ("random_products", "bfloat16/fp32_adder.v", "{30'd0, up}", "31'd0"),
    "NaNs of their own": ("largest_sums", "bfloat16/fp32_adder.v", "is_nan ? 32'h7fc00000", "1'b0 ? 32'h7fc00000"),
}
"""The same for an output-stationary array, of bfloat16 operands where the fault is in their arithmetic."""


@pytest.mark.eda
@pytest.mark.parametrize(
    ("spec", "fault"),
    [(SPEC, FAULTS[f]) for f in FAULTS] + [(OUTPUT, OUTPUT_FAULTS[f]) for f in OUTPUT_FAULTS],
    ids=[*FAULTS, *OUTPUT_FAULTS],
)
def test_a_planted_fault_is_found(tmp_path: Path, spec: AcceleratorSpec, fault: tuple[str, str, str, str]) -> None:
    test, name, old, new = fault
    spec = OUTPUT_BFLOAT if name.startswith("bfloat16") else spec
    sources = rewritten(tmp_path / "sources", name, (old, new))
    design = elaborate(spec, tmp_path / "rtl", sources)
    result = verify(design, tmp_path, seed=7, products=PRODUCTS, only=test, timeout_s=120)
    assert [run.passed for run in result.tests] == [False], f"{test} did not notice: {new} in {name}"


@pytest.mark.eda
def test_without_a_fault_all_pass(tmp_path: Path) -> None:
    result = verify(elaborate(SPEC, tmp_path / "rtl"), tmp_path, seed=7, products=PRODUCTS)
    assert result.passed, result.failure
