"""The vector unit: bit-exact and in the cycles of the model; planted faults are found; its models against others."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtl import AcceleratorSpec, elaborate
from rtl.vector import Limit, Reduce, Source, Steps, pass_command, table_command
from sim import verify
from sim.vector import Constants, mapped, out_words, pass_cycles
from sim.vector_tables import byte_table, line_table, segments
from tests.rewritten import rewritten

INT = AcceleratorSpec(words_per_bank=64, edge="dma", vector=True)
FLOAT = AcceleratorSpec(
    rows=4, cols=4, act_banks=1, weight_banks=1, result_banks=4, words_per_bank=64, bus_bits=64, operands="bfloat16",
    edge="dma", dma_words=8, vector=True,
)  # fmt: skip
WIDE = AcceleratorSpec(rows=16, cols=16, weight_banks=1, act_banks=1, bus_bits=128, edge="dma", vector=True)
STEPS = st.builds(
    Steps, *(st.sampled_from(kind) for kind in (Source, Source)), st.booleans(), st.sampled_from(Limit), st.booleans(),
    st.booleans(), st.sampled_from(Reduce), st.booleans(), st.booleans(),
)  # fmt: skip


@pytest.mark.eda
@pytest.mark.parametrize("spec", [INT, FLOAT], ids=lambda spec: f"{spec.operands}-{spec.bus_bits}")
def test_passes_are_bit_exact_and_take_the_modelled_cycles(tmp_path: Path, spec: AcceleratorSpec) -> None:
    result = verify(elaborate(spec, tmp_path / "rtl"), tmp_path, seed=5, only="vector.")
    assert result.passed, result.failure
    assert len(result.tests) == 6
    assert len(result.cycles) > 70
    assert all(run.cycles == run.model for run in result.cycles)
    missed = {name for point, name in result.missed if point.startswith(("step", "operands of", "words of"))}
    assert not missed


EACH = "each_step_alone"
FAULTS = {
    "rows of the second operand side by side": (
        EACH,
        INT,
        "vector_engine.v",
        "second_after = second_row + second_stride",
        "second_after = second_row + 32'd1",
    ),
    "a row's element taken from each lane": (EACH, FLOAT, "vector_engine.v", "steps[12] ? {LANES", "1'b0 ? {LANES"),
    "row's end not rounded into a word": (
        EACH,
        INT,
        "vector_engine.v",
        "loads_table & (in_row_end |",
        "loads_table & (",
    ),
    "elements behind a row's end in its sum": (EACH, FLOAT, "vector_pipe.v", "(alive[l] | first | ~reduces)", "1'b1"),
    "ties rounded up": ("random_passes", INT, "int8/vector_lane.v", "(shifted[32] | (shifted[30:0] != 31'd0))", "1'b1"),
    "the innermost segment ends at 1/16": (
        EACH,
        FLOAT,
        "bfloat16/vector_lane.v",
        "(place < FIRST) ? FIRST",
        "1'b0 ? FIRST",
    ),
}
"""What is wrong: the test that must notice it, where, the file, what stands there, and what is put in its place."""


@pytest.mark.eda
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found(tmp_path: Path, fault: tuple[str, AcceleratorSpec, str, str, str]) -> None:
    test, spec, name, old, new = fault
    sources = rewritten(tmp_path / "sources", f"vector/{name}", (old, new))
    design = elaborate(spec, tmp_path / "rtl", sources)
    result = verify(design, tmp_path, seed=7, only=f"vector.{test}", timeout_s=120)
    assert not result.passed, f"nobody noticed: {new} in {name}"


def stepped(
    spec: AcceleratorSpec, latency: int, interval: int, steps: Steps, rows: int, columns: int
) -> tuple[int, int]:
    """Cycles to the end of a pass and until the memory is free, word by word."""
    lanes = spec.results_per_word
    in_row = math.ceil(columns / lanes)
    depth = 8 + int(math.log2(lanes))
    together = 32 // spec.operand_bits if steps.narrow else 1
    clock = free = 0
    words = [(row, word) for row in range(rows) for word in range(in_row)]
    for at in range(0, len(words), spec.dma_words):
        chunk = words[at : at + spec.dma_words]
        there = []
        for _ in chunk:
            for _ in range(1 + steps.two):
                clock = max(clock, free)
                free = clock + interval
                came = clock + latency
                clock += 1
            there.append(came + depth)
        for when, (_, word) in zip(there, chunk, strict=True):
            ends = word == in_row - 1
            if ends or (not steps.reduce and word % together == together - 1):
                clock = max(clock, when, free)
                free = clock + interval
                clock += 1
        clock = max(clock, there[-1] + (not (ends or (not steps.reduce and word % together == together - 1))))
    return clock - 1, free


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([INT, FLOAT, WIDE]), st.integers(1, 90), st.integers(1, 6), STEPS, st.integers(1, 40),
    st.integers(1, 150),
)  # fmt: skip
def test_the_closed_form_is_that_of_words_one_by_one(
    spec: AcceleratorSpec, latency: int, interval: int, steps: Steps, rows: int, columns: int
) -> None:
    found = pass_cycles(spec, latency, interval, pass_command((0, 0), rows, columns, (0, 0), steps))
    assert (found.end, found.memory_free) == stepped(spec, latency, interval, steps, rows, columns)


@given(STEPS)
def test_steps_are_read_back(steps: Steps) -> None:
    assert Steps.of(steps.word) == steps
    assert steps.word < 1 << 13


def test_a_table_is_loaded_word_by_word() -> None:
    found = pass_cycles(replace(INT, dma_words=64), 10, 2, table_command(0))
    assert found.end == 2 * 63 + 10 + 8


@settings(max_examples=50)
@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_float_passes_are_those_of_numpy(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 3, (2, rows, columns)).astype(np.float32)
    two, three = (np.array(v, np.float32) for v in (2.5, -0.75))
    constants = Constants(int(two.view(np.uint32)), int(three.view(np.uint32)))
    both = Steps(Source.CONSTANT, Source.CONSTANT, limit=Limit.LARGER)
    np.testing.assert_array_equal(mapped(FLOAT, both, x, y, constants), np.maximum(x * two + three, 0))
    np.testing.assert_array_equal(mapped(FLOAT, Steps(Source.SECOND), x, y, constants), x * y)
    minus = Steps(add=Source.SECOND, negate=True, per_row=True)
    np.testing.assert_array_equal(mapped(FLOAT, minus, x, y[:, :1], constants), x - y[:, :1])
    np.testing.assert_array_equal(mapped(FLOAT, Steps(limit=Limit.GATE), x, y, constants), np.where(y > 0, x, 0))
    smaller = Steps(limit=Limit.SMALLER, limit_by_second=True)
    np.testing.assert_array_equal(mapped(FLOAT, smaller, x, y, constants), np.minimum(x, y))
    sums = mapped(FLOAT, Steps(reduce=Reduce.SUM), x, y, constants)
    np.testing.assert_allclose(sums[:, 0], x.astype(np.float64).sum(axis=1), atol=1e-4)
    largest = Steps(reduce=Reduce.LARGEST, narrow=True)
    assert (mapped(FLOAT, largest, x, y, constants)[:, 0] == x.max(axis=1).astype(ml_dtypes.bfloat16)).all()


@settings(max_examples=50)
@given(st.integers(0, 31), st.integers(-(2**15), 2**15 - 1), st.integers(0, 2**32 - 1))
def test_integers_are_scaled_as_real_numbers_are(shift: int, factor: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-(2**31), 2**31, (3, 7)).astype(np.int32)
    got = mapped(INT, Steps(Source.CONSTANT), x, x, Constants(factor & 0xFFFF, 0, shift))
    for found, value in zip(got.ravel().tolist(), x.ravel().tolist(), strict=True):
        if abs(value * factor) < 2**52:  # exact as a Python float
            assert found == min(max(round(value * factor / 2**shift), -(2**31)), 2**31 - 1)


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def test_a_table_of_lines_is_as_good_as_its_format() -> None:
    """It errs by less than bfloat16 does between 1 and 2; GELU's asymptotes are kept far outside."""
    x = np.linspace(-30, 30, 20_001).astype(np.float32)[None]
    got = mapped(FLOAT, Steps(table=True), x, x, Constants(table=line_table(gelu)))
    assert np.abs(got - gelu(x.astype(np.float64)))[np.abs(x) < 4].max() < 2**-8
    assert np.abs(got - gelu(x.astype(np.float64)))[np.abs(x) >= 4].max() < 1e-4
    below = -np.abs(x)
    for function in (np.exp, np.tanh):
        got = mapped(FLOAT, Steps(table=True), below, below, Constants(table=line_table(function)))
        assert np.abs(got - function(below)).max() < 2**-8
    edges = segments()
    assert (edges[1:31, 1] == edges[2:32, 0]).all()
    assert edges[0].tolist() == [0.0, 0.078125]


def test_a_table_of_bytes_is_the_function_of_each() -> None:
    table = byte_table(gelu, 1 / 16, 1 / 16)
    x = np.arange(-200, 200, dtype=np.int32)[None]
    got = mapped(INT, Steps(table=True, narrow=True), x, x, Constants(table=table))
    assert (got == np.clip(np.rint(16 * gelu(np.clip(x, -128, 127) / 16)), -128, 127)).all()


def test_words_of_a_row() -> None:
    assert [out_words(FLOAT, Steps(narrow=narrow), 9) for narrow in (False, True)] == [5, 3]
    assert out_words(WIDE, Steps(reduce=Reduce.SUM), 1000) == 1
