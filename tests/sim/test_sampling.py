from __future__ import annotations

import numpy as np
import pytest

from sim.sampling import constant_costs, regress_costs


def population(rng: np.random.Generator, parts: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Costs [parts] that follow the counts [parts, 3] with a bend and some noise, as tiles' energies do."""
    cycles = rng.integers(100, 900, parts)
    macs = cycles * rng.choice([1.0, 3.0, 9.0, 14.0], parts)
    words = cycles * rng.uniform(0.1, 0.8, parts)
    counts = np.stack([cycles, macs, words], axis=1).astype(float)
    busy = macs / cycles / 16
    costs = counts @ [5.0, 0.3, 2.0] * (1 + noise * rng.standard_normal(parts)) + 0.4 * cycles * busy**2
    return costs, counts


@pytest.mark.parametrize("drawn", [8, 16, 40])
def test_the_interval_covers_the_whole_as_often_as_it_says(drawn: int) -> None:
    rng = np.random.default_rng(drawn)
    costs, counts = population(rng, 500, 0.03)
    covered, values, errors = 0, [], []
    for _ in range(400):
        pick = rng.choice(500, drawn, p=counts[:, 0] / counts[:, 0].sum())
        found = regress_costs(costs[pick], counts[pick]).of(counts.sum(axis=0))
        covered += found.low <= costs.sum() <= found.high
        values.append(found.value)
        errors.append(found.standard_error)
    assert covered >= 0.9 * 400  # of a 95% interval
    assert np.median(errors) < 2.0 * np.std(values)  # and no wider than values scatter


def test_costs_that_follow_the_counts_are_found_without_error() -> None:
    _, counts = population(np.random.default_rng(1), 12, 0.0)
    found = regress_costs(counts @ [5.0, 0.3, 2.0], counts)
    assert found.values == pytest.approx([5.0, 0.3, 2.0])
    whole = found.of([1e6, 4e6, 2e5])
    assert whole.value == pytest.approx(5e6 + 1.2e6 + 4e5)
    assert whole.standard_error < 1e-6 * whole.value


def test_parts_that_are_all_alike_need_no_more_than_a_mean() -> None:
    rng = np.random.default_rng(2)
    counts = np.tile([200.0, 1600.0, 80.0], (8, 1))
    costs = 900.0 + rng.standard_normal(8)
    found = regress_costs(costs, counts)
    whole = found.of([2000.0, 16000.0, 800.0])
    assert found.freedom == 7
    assert whole.value == pytest.approx(10 * costs.mean())
    assert whole.standard_error == pytest.approx(10 * costs.std(ddof=1) / np.sqrt(8), rel=0.1)


def test_too_few_parts_say_how_many_it_takes() -> None:
    costs, counts = population(np.random.default_rng(3), 4, 0.1)
    with pytest.raises(ValueError, match="4 parts are too few for 3 counts: draw at least 5"):
        regress_costs(costs, counts)


def test_what_is_known_has_no_error() -> None:
    whole = constant_costs((2.0, 0.0, 0.0)).of((10.0, 5.0, 3.0))
    assert (whole.value, whole.low, whole.high) == (20.0, 20.0, 20.0)
