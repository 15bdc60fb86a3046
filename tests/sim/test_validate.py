from __future__ import annotations

from pathlib import Path

import pytest

from rtl import AcceleratorSpec
from sim import Measured, Validation, exact_of, validate_cycles
from sim.validate import SPECS, Comparison, random_specs


@pytest.mark.eda
def test_the_model_is_exact_on_random_products(tmp_path: Path) -> None:
    said: list[str] = []
    found = validate_cycles(3, tmp_path, seed=11, specs=SPECS[:2], progress=said.append)
    assert (found.exact, len(found.comparisons), found.worst_error) == (3, 3, 0.0)
    assert found.failures == ()
    assert [row.spec for row in found.comparisons] == [SPECS[0], SPECS[0], SPECS[1]]
    assert len(said) == 2
    assert exact_of(1, tmp_path) == 1


def test_an_error_is_counted_and_shown() -> None:
    rows = (Measured(1, 2, 3, 100, 100), Measured(4, 5, 6, 200, 190))
    found = Validation(tuple(Comparison(AcceleratorSpec(), row) for row in rows), (), "simulator 1")
    assert found.exact == 1
    assert found.worst_error == pytest.approx(0.05)
    assert found.table()[2] == ("4 x 4 weight-stationary, int8, 32-bit bus", "4 x 5 x 6", "200", "190", "-5.00%")


def test_random_specs_are_of_all_kinds() -> None:
    specs = random_specs(40, seed=3)
    assert len(specs) == 40
    kinds = {(spec.dataflow, spec.operands, spec.bus_bits) for spec in specs}
    assert len(kinds) == 2 * 2 * 3
    assert specs[:10] == random_specs(10, seed=3)
