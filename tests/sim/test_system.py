"""An accelerator with a DMA engine: bit-exact, and in the cycles of the model; planted faults are found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rtl import AcceleratorSpec, elaborate
from sim import verify
from sim.verification import system_products
from tests.rewritten import rewritten

pytestmark = pytest.mark.eda
ONE = AcceleratorSpec(words_per_bank=64, edge="dma", dma_words=16)
THREE = replace(ONE, act_banks=1, weight_banks=2, tiles=3, dma_words=8, transpose=True)
SPECS = (
    ONE,
    THREE,
    replace(ONE, act_banks=2, weight_banks=2, result_banks=16, tiles=2, dataflow="output_stationary"),
    AcceleratorSpec(
        rows=8,
        cols=4,
        act_banks=4,
        weight_banks=2,
        result_banks=8,
        words_per_bank=64,
        bus_bits=64,
        dataflow="output_stationary",
        operands="bfloat16",
        edge="dma",
        tiles=2,
        transpose=True,
    ),
)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.tiles} of {spec.rows}x{spec.cols}-{spec.dataflow}")
def test_programs_are_bit_exact_and_take_the_modelled_cycles(tmp_path: Path, spec: AcceleratorSpec) -> None:
    result = verify(elaborate(spec, tmp_path / "rtl"), tmp_path, seed=5)
    assert result.passed, result.failure
    assert {(run.m, run.k, run.n) for run in result.cycles} >= set(system_products(spec, 5, 18))
    assert all(run.cycles == run.model and run.latency and run.interval for run in result.cycles)
    assert len(result.covered) >= 0.95 * len(result.covered | result.missed), sorted(result.missed)


def test_activity_is_recorded(tmp_path: Path) -> None:
    products = ((5, 4, 4),)
    saif = tmp_path / "activity.saif"
    result = verify(elaborate(ONE, tmp_path / "rtl"), tmp_path, products=products, saif=saif)
    assert result.passed, result.failure
    assert result.activity is not None
    assert result.activity.cycles > sum(run.cycles for run in result.activity.products) > 0
    assert "(INSTANCE" in saif.read_text()


FAULTS = {
    "too many words on their way": ("random_products", "command_engine.v", "& ~held[FIFO_BITS];", ";"),
    "stride not added": (
        "random_products",
        "command_engine.v",
        "mem_after = mem_row + stride;",
        "mem_after = mem_row;",
    ),
    "blocks lie one behind the other": (
        "random_products",
        "command_engine.v",
        "pad_vector + {1'b0, block[VECTOR_BITS-1:0]}",
        "pad_vector",
    ),
    "product does not wait for its tiles": (
        "random_products",
        "command_engine.v",
        "(~transfers | command[4])",
        "command[4]",
    ),
    "transfer does not wait": ("random_products", "command_engine.v", "(~transfers | command[4])", "~transfers"),
    "tiles that are not ready lose a word": (
        "banks_wanted_twice",
        "command_engine.v",
        "(pad_ready | (load & beyond))",
        "1'b1",
    ),
    "a cycle too many in a product": ("random_products", "command_engine.v", "STARTED = 4'd8", "STARTED = 4'd9"),
    "queue overwritten": ("random_products", "command_queue.v", "(number == COMMAND) & full)", "1'b0)"),
    "words beyond a scratchpad are written": (
        "illegal_commands",
        "command_engine.v",
        "beyond = spoiled | (pad_vector >= depth)",
        "beyond = 1'b0",
    ),
    "several tiles stored from": (
        "illegal_commands",
        "command_engine.v",
        "(tiles & (tiles - 1'b1)) != {TILES{1'b0}}",
        "1'b0",
    ),
    "faults are forgotten": ("illegal_commands", "command_queue.v", "else if (~failed)", "else"),
    "refused product is no fault": ("illegal_commands", "command_engine.v", "if (refused != 3'd0)", "if (1'b0)"),
    "reset keeps the queue": ("reset_in_the_middle", "word_fifo.v", "if (rst)", "if (1'b0)"),
}
"""What is wrong: the test that must notice it, the file, what stands there, and what is put in its place."""

TURNED_FAULTS = {
    "rows below the last one": (
        "random_products",
        "command_engine.v",
        "mem_next + stride : mem_next;",
        "mem_next + stride : mem_next + stride;",
    ),
    "columns that are not there": (
        "random_products",
        "command_engine.v",
        "turn_live = pad_words != 16'd0",
        "turn_live = 1'b1",
    ),
    "bands of rows side by side": (
        "random_products",
        "command_engine.v",
        "(pad_lane == last_lane) ? pad_band : pad_row",
        "pad_row",
    ),
}
"""As FAULTS, of loads of a transpose."""


@pytest.mark.parametrize(
    ("spec", "fault"),
    [*((SPECS[2], fault) for fault in FAULTS.values()), *((THREE, fault) for fault in TURNED_FAULTS.values())],
    ids=[*FAULTS, *TURNED_FAULTS],
)
def test_a_planted_fault_is_found(tmp_path: Path, spec: AcceleratorSpec, fault: tuple[str, str, str, str]) -> None:
    test, name, old, new = fault
    sources = rewritten(tmp_path / "sources", f"dma/{name}", (old, new))
    result = verify(elaborate(spec, tmp_path / "rtl", sources), tmp_path, seed=7, only=test, timeout_s=120)
    assert not result.passed, f"{test} did not notice: {new} in {name}"
