from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtl import AcceleratorSpec, elaborate
from sim import Measured, Validation, cycle_breakdown, exact_of, random_products, validate_cycles
from sim.harness import ProductRunner
from sim.scale_sim import differences, scale_sim_cycles
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


@pytest.mark.eda
def test_a_memory_s_stalls_are_exact(tmp_path: Path) -> None:
    found = validate_cycles(2, tmp_path, seed=11, specs=SPECS[-1:], cycle_limit=300)
    assert (found.exact, len(found.comparisons), found.worst_unexplained) == (4, 4, 0)
    assert [row.measured.vector for row in found.comparisons] == [False, True] * 2
    assert [row.measured.turned for row in found.comparisons] == [0, 0, 1, 0]
    assert all(row.measured.latency and row.scale_sim is None for row in found.comparisons)
    assert "memory" in found.table()[1][0]


def test_an_error_is_counted_and_shown() -> None:
    rows = (Measured(1, 2, 3, 100, 100), Measured(4, 5, 6, 200, 190))
    spec = AcceleratorSpec()
    theirs = [row.model - sum(differences(spec, row.m, row.k, row.n).values()) for row in rows]
    compared = tuple(Comparison(spec, row, other) for row, other in zip(rows, theirs, strict=True))
    found = Validation(compared, (), "simulator 1")
    assert found.exact == 1
    assert found.worst_error == pytest.approx(0.05)
    assert found.table()[2] == (
        "4 x 4 weight-stationary, int8, 32-bit bus",
        "4 x 5 x 6",
        "200",
        "190",
        "-5.00%",
        str(theirs[1]),
        "10",
    )
    assert (found.mean_error, found.worst_unexplained) == (pytest.approx(0.025), 10)
    assert ("weight_stationary", "unexplained", "+10") in found.reasons()


def test_random_specs_are_of_all_kinds() -> None:
    specs = random_specs(40, seed=3)
    assert len(specs) == 40
    kinds = {(spec.dataflow, spec.operands, spec.bus_bits) for spec in specs}
    assert len(kinds) == 2 * (2 + 3)  # a 128-bit bus needs 16 x 16 int8 PEs: too many
    tiles = [spec.tiles for spec in specs if spec.edge == "dma"]
    assert len(tiles) == 20
    assert max(tiles) > 2
    assert specs[:10] == random_specs(10, seed=3)


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s.rows}x{s.cols}-{s.dataflow}")
@settings(max_examples=15, deadline=None)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 50))
def test_every_cycle_of_difference_to_scale_sim_has_a_reason(spec: AcceleratorSpec, m: int, k: int, n: int) -> None:
    ours = cycle_breakdown(spec, m, k, n, fits=False).total
    assert ours == scale_sim_cycles(spec, m, k, n) + sum(differences(spec, m, k, n).values())


def test_scale_sim_takes_the_cycles_that_its_authors_give() -> None:
    # Samajdar et al., ISPASS 2020, equations 1 and 4: (2 rows + cols + X - 2) per fold, weights first
    spec = AcceleratorSpec(rows=8, cols=4, act_banks=2)
    assert scale_sim_cycles(spec, 30, 20, 9) == 3 * 3 * (2 * 8 + 4 + 30 - 2)


@pytest.mark.eda
def test_bare_verilator_counts_the_same_cycles(tmp_path: Path) -> None:
    spec = AcceleratorSpec()
    products = random_products(spec, 4, 10)
    runner = ProductRunner(elaborate(spec, tmp_path / "rtl"), tmp_path)
    assert runner(products) == [cycle_breakdown(spec, *product).total for product in products]
