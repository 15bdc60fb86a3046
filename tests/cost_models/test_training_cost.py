from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models import ParameterError, chip_cost, die_yield, dies_per_wafer, load_parameters, training_cost


def dies_counted(area: float, diameter: float) -> int:
    """Most whole square dies on a grid over the disc, by trying offsets of the grid."""
    side = math.sqrt(area)
    reach = int(diameter / side) + 2
    low = np.arange(-reach, reach) * side
    offsets = np.linspace(0, side / 2, 6)
    far = [np.maximum(abs(low + offset), abs(low + offset + side)) ** 2 for offset in offsets]
    return max(int((x[:, None] + y[None, :] <= (diameter / 2) ** 2).sum()) for x in far for y in far)


@pytest.mark.parametrize(("area", "tolerance"), [(2, 0.002), (10, 0.003), (50, 0.005), (100, 0.005), (400, 0.03)])
def test_dies_per_wafer_agrees_with_counting_them(area: float, tolerance: float) -> None:
    assert dies_per_wafer(area, 294) == pytest.approx(dies_counted(area, 294), rel=tolerance)


def test_die_yield_is_that_of_the_textbook() -> None:
    # Hennessy and Patterson, 5th edition, section 1.6: dies of 2.25 and 1.00 cm2 at 0.031 defects per cm2, N = 13.5.
    assert die_yield(225, 13.5 * 0.031, 13.5) == pytest.approx(0.40, abs=0.005)
    assert die_yield(100, 13.5 * 0.031, 13.5) == pytest.approx(0.66, abs=0.005)


@given(st.floats(0.01, 800), st.floats(0, 5), st.floats(0.2, 50))
def test_clustered_defects_never_yield_less_than_poisson(area: float, density: float, clustering: float) -> None:
    poisson = math.exp(-area / 100 * density)
    assert poisson * (1 - 1e-9) <= die_yield(area, density, clustering) <= 1
    assert die_yield(area, density, 1e9) == pytest.approx(poisson, rel=1e-5)


def test_a_chip_by_hand() -> None:
    p = dataclasses.replace(
        load_parameters(),
        wafer_price=1000.0,
        wafer_diameter=200.0,
        edge_exclusion=0.0,
        scribe_width=0.0,
        defect_density=0.0,
        package_price=2.0,
        test_time=36.0,
        tester_price=100.0,
        package_yield=0.5,
        fab_energy=1.0,
        fab_grid_intensity=0.5,
        fab_gas=0.25,
        fab_materials=0.25,
        package_carbon=0.1,
    )
    chip = chip_cost(100.0, p)
    dies = math.pi / 4 * ((200 - 11.6) / 10) ** 2
    assert chip.dies_per_wafer == pytest.approx(dies)
    assert chip.dollars == pytest.approx((1000 / dies + 2 + 1) / 0.5)
    assert chip.embodied_kg == pytest.approx((100 * math.pi * 1.0 / dies + 0.1) / 0.5)


def test_a_step_by_hand() -> None:
    p = dataclasses.replace(
        load_parameters(),
        electricity_price=0.1,
        power_usage_effectiveness=1.5,
        system_power_factor=2.0,
        grid_intensity=0.4,
        system_cost_factor=3.0,
        lifetime=4.0,
        lifetime_utilisation=0.5,
    )
    cost = training_cost(10.0, 60.0, 4.0, steps=100, chips=2, parameters=p)
    kwh = 10 * 60 * 2 * 2 * 1.5 / 3.6e6
    assert cost.joules_per_step == pytest.approx(kwh * 3.6e6)
    assert cost.energy_dollars_per_step == pytest.approx(kwh * 0.1)
    assert cost.energy_kg_per_step == pytest.approx(kwh * 0.4)
    share = 10 * 2 / (2 * 365.25 * 86400)
    assert cost.capital_dollars_per_step == pytest.approx(share * chip_cost(4.0, p).dollars * 3)
    assert cost.embodied_kg_per_step == pytest.approx(share * chip_cost(4.0, p).embodied_kg)
    assert (cost.seconds, cost.joules) == pytest.approx((1000.0, 100 * cost.joules_per_step))
    assert cost.dollars == pytest.approx(100 * (cost.energy_dollars_per_step + cost.capital_dollars_per_step))
    assert cost.kg_co2e == pytest.approx(100 * (cost.energy_kg_per_step + cost.embodied_kg_per_step))


def test_all_the_capital_is_spent_over_a_life_of_work() -> None:
    p = load_parameters()
    working = p.lifetime * 365.25 * 86400 * p.lifetime_utilisation
    cost = training_cost(1.0, 0.0, 9.0, steps=round(working), parameters=p)
    assert cost.dollars == pytest.approx(chip_cost(9.0, p).dollars * p.system_cost_factor, rel=1e-6)


@given(st.floats(0.5, 300), st.floats(1.01, 2))
def test_a_larger_die_costs_more_of_both(area: float, factor: float) -> None:
    small, large = chip_cost(area), chip_cost(area * factor)
    assert large.dollars > small.dollars
    assert large.embodied_kg > small.embodied_kg


@pytest.mark.parametrize("area", [0.0, -1.0, math.nan, 1e6])
def test_an_impossible_die_is_refused(area: float) -> None:
    with pytest.raises(ParameterError):
        chip_cost(area)


def test_impossible_runs_are_refused() -> None:
    for arguments in [
        (-1.0, 1.0, 1.0, 1, 1),
        (1.0, math.inf, 1.0, 1, 1),
        (1.0, 1.0, 1.0, -1, 1),
        (1.0, 1.0, 1.0, 1, 0),
    ]:
        with pytest.raises(ParameterError):
            training_cost(*arguments)
