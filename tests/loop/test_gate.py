"""The gate against textbook statistics and against noise alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loop.gate import compare, judge, noise_floor


def test_interval_is_the_paired_t_test_of_the_logarithms() -> None:
    parent = {1: 1.00, 2: 1.10, 3: 1.05, 4: 0.97}
    candidate = {1: 0.80, 2: 0.91, 3: 0.83, 4: 0.79}
    got = compare(candidate, parent)
    logs = [math.log(candidate[s] / parent[s]) for s in parent]
    reference = stats.ttest_rel([math.log(v) for v in candidate.values()], [math.log(v) for v in parent.values()])
    interval = reference.confidence_interval(0.95)
    assert got.gain == pytest.approx(1 - math.exp(float(np.mean(logs))))
    assert got.low == pytest.approx(1 - math.exp(interval.high))
    assert got.high == pytest.approx(1 - math.exp(interval.low))


def test_noise_floor_is_two_sigma_relative() -> None:
    assert noise_floor({1: 9.0, 2: 10.0, 3: 11.0}) == pytest.approx(0.2)


@given(st.floats(0.5, 2), st.lists(st.floats(0.9, 1.1), min_size=3, max_size=6))
def test_a_candidate_equal_to_its_parent_is_never_kept(scale: float, values: list[float]) -> None:
    costs = {seed: scale * v for seed, v in enumerate(values)}
    assert not judge({"a": costs}, {"a": costs}, "a").keep


def test_noise_alone_is_rarely_kept() -> None:
    rng = np.random.default_rng(0)
    kept = 0
    for _ in range(400):
        a, b = ({s: math.exp(rng.normal(0, 0.02)) for s in range(3)} for _ in range(2))
        kept += judge({"a": a}, {"a": b}, "a").keep
    assert kept <= 0.05 * 400


def test_a_clear_gain_is_kept_and_a_small_one_is_not() -> None:
    parent = {1: 1.0, 2: 1.02, 3: 0.99}
    assert judge({"a": {s: 0.7 * v for s, v in parent.items()}}, {"a": parent}, "a").keep
    small = judge({"a": {s: 0.99 * v for s, v in parent.items()}}, {"a": parent}, "a")
    assert not small.keep
    assert "no change beyond noise" in small.reason


def test_a_gain_that_costs_a_held_out_workload_is_refused() -> None:
    parent = {1: 1.0, 2: 1.01, 3: 0.99}
    cheaper, dearer = ({s: f * v for s, v in parent.items()} for f in (0.7, 1.4))
    verdict = judge({"a": cheaper, "held": dearer}, {"a": parent, "held": parent}, "a")
    assert not verdict.keep
    assert "held" in verdict.reason


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_impossible_costs_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="positive and finite"):
        compare({1: bad, 2: 1.0, 3: 1.0}, {1: 1.0, 2: 1.0, 3: 1.0})


def test_too_few_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 seeds"):
        compare({1: 1.0, 2: 1.0}, {1: 1.0, 2: 1.0, 3: 1.0})
