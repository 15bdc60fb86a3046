"""The arithmetic units against numpy; benchmarks/sim.py does the same with a million random pairs each."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from sim.units import ADDER, MULTIPLIER, UNITS, WIDE_MULTIPLIER, CompiledUnit, Unit, wrong_pairs


@pytest.mark.eda
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.module)
def test_units_are_bit_exact(tmp_path: Path, unit: Unit) -> None:
    compiled = CompiledUnit(unit, tmp_path)
    assert wrong_pairs(compiled, *unit.corners()) == []
    assert wrong_pairs(compiled, *unit.random(50_000, seed=2)) == []


def test_corners_are_what_they_say() -> None:
    a, b = MULTIPLIER.corners()
    values = (a << np.uint32(16)).view(np.float32)
    assert np.isnan(values).any()
    assert {0.0, 1.0, float("inf"), float(ml_dtypes.finfo(ml_dtypes.bfloat16).max)} <= set(values[~np.isnan(values)])
    assert set(a) == set(b)
    assert a.size == len(set(a)) ** 2
    assert {0x00000001, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0x7F800000, 0xFFC00000} <= set(ADDER.corners()[0])


FAULTS = [
    (MULTIPLIER, "(places > 10'd23)", "(places > 10'd22)"),
    (ADDER, "({3'd0, zeros} > room) ? limited", "1'b0 ? limited"),
    (WIDE_MULTIPLIER, "(kept[22:0] != 23'd0)", "1'b0"),
]


@pytest.mark.eda
@pytest.mark.parametrize(("unit", "old", "new"), FAULTS)
def test_a_planted_fault_is_found(tmp_path: Path, unit: Unit, old: str, new: str) -> None:
    text = unit.source.read_text()
    assert old in text
    source = tmp_path / f"{unit.module}.v"
    source.write_text(text.replace(old, new))
    assert wrong_pairs(CompiledUnit(unit, tmp_path, source), *unit.corners())
