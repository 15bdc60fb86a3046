from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cost_models import LearningCurveError, fit_learning_curve

FloatArray = NDArray[np.float64]
STEPS = np.arange(1, 81) * 10.0


def power(s: FloatArray) -> FloatArray:
    return 0.7 + 0.5 * (1 + s / 80) ** -1.2


def sigmoid(s: FloatArray) -> FloatArray:
    return 0.7 + 0.5 / (1 + (s / 200) ** 1.8)


def test_exact_power_law_is_recovered() -> None:
    curve = fit_learning_curve(STEPS, power(STEPS), seed=0, samples=10)
    assert curve.form == "power"
    assert (curve.floor, curve.range, curve.scale, curve.shape) == pytest.approx((0.7, 0.5, 80, 1.2), rel=1e-6)
    mean, low, high = curve.predict([5000.0])
    assert mean[0] == pytest.approx(power(np.array(5000.0)), rel=1e-8)
    assert low[0] <= mean[0] <= high[0]


def test_exact_sigmoid_is_recovered() -> None:
    curve = fit_learning_curve(STEPS, sigmoid(STEPS), seed=0, samples=10)
    assert curve.form == "sigmoid"
    assert (curve.floor, curve.range, curve.scale, curve.shape) == pytest.approx((0.7, 0.5, 200, 1.8), rel=1e-6)


def test_wild_points_hardly_move_the_fit() -> None:
    rng = np.random.default_rng(3)
    clean = sigmoid(STEPS) * np.exp(0.003 * rng.standard_normal(len(STEPS)))
    wild = clean.copy()
    wild[[5, 30, 55]] *= 3
    at = np.array([400.0, 1600.0])
    one = fit_learning_curve(STEPS, clean, seed=0, samples=10).predict(at)[0]
    two = fit_learning_curve(STEPS, wild, seed=0, samples=10).predict(at)[0]
    assert two == pytest.approx(one, rel=0.01)


@pytest.mark.parametrize("truth", [power, sigmoid])
def test_intervals_cover_what_comes_later(truth: object) -> None:
    assert callable(truth)
    later = np.array([800.0, 1600.0])
    runs = 20
    steps = STEPS[::2]
    hits = np.zeros(2)
    for run in range(runs):
        noise = np.random.default_rng(run).standard_normal(len(steps))
        curve = fit_learning_curve(steps, truth(steps) * np.exp(0.01 * noise), seed=run, samples=100)
        _, low, high = curve.predict(later)
        hits += (low <= truth(later)) & (truth(later) <= high)
    # 90% intervals: under 14 of 20 has a probability of 0.2% (binomial)
    assert (hits >= 14).all(), hits


def test_the_same_seed_gives_the_same_curve() -> None:
    cost = sigmoid(STEPS) * np.exp(0.01 * np.random.default_rng(0).standard_normal(len(STEPS)))
    one, two, other = (fit_learning_curve(STEPS, cost, seed=seed, samples=10) for seed in (1, 1, 2))
    assert (one.samples == two.samples).all()
    assert (one.samples != other.samples).any()


def test_a_flat_log_promises_nothing() -> None:
    cost = 0.9 * np.exp(0.002 * np.random.default_rng(0).standard_normal(len(STEPS)))
    mean, low, high = fit_learning_curve(STEPS, cost, seed=0, samples=40).predict([800.0, 3000.0])
    assert mean == pytest.approx([0.9, 0.9], rel=0.01)
    assert low[0] <= 0.9 * 1.002
    assert high[0] >= 0.9 * 0.998


def test_a_long_log_is_thinned_without_changing_what_it_says() -> None:
    steps = np.arange(1.0, 4001.0)
    curve = fit_learning_curve(steps, sigmoid(steps), seed=0, samples=5)
    assert curve.predict([10000.0])[0] == pytest.approx(sigmoid(np.array([10000.0])), rel=1e-3)


@pytest.mark.parametrize(
    ("steps", "cost", "word"),
    [
        ([1, 2, 3], [1, 1, 1], "at least 8"),
        (range(9), range(10), "two equal lists"),
        (range(9), [1] * 8 + [0], "point 8"),
        (range(9), [1] * 8 + [float("nan")], "point 8"),
        ([0, 1, 2, 3, 4, 5, 6, 5, 8], [1] * 9, "decrease"),
        ([-1, *range(8)], [1] * 9, "0 or more"),
    ],
)
def test_a_log_that_is_none_is_refused(steps: object, cost: object, word: str) -> None:
    with pytest.raises(LearningCurveError, match=word) as caught:
        fit_learning_curve(list(steps), list(cost), seed=0)  # type: ignore[call-overload]
    assert caught.value.exit_code == 2
