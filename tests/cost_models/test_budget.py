from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cost_models import LearningCurve, ParameterError, next_budget


def known(
    form: str = "power", floor: float = 0.5, span: float = 1.0, scale: float = 100.0, shape: float = 1.0
) -> LearningCurve:
    """A curve without any doubt about its constants."""
    return LearningCurve(
        form="power" if form == "power" else "sigmoid",
        floor=floor,
        range=span,
        scale=scale,
        shape=shape,
        sigma=0.0,
        tail_loss={},
        samples=np.array([[floor, span, scale, shape]]),
        sample_form=np.array([0 if form == "power" else 1], np.int8),
        last_step=100.0,
    )


def test_it_stops_where_a_step_is_worth_its_price() -> None:
    # c = 0.5 + 1 / (1 + s / 100): the fall per step is 1 / 100 / (1 + s / 100)^2, which is 1e-4 at s = 900.
    decision = next_budget(known(), 1e-4, 1.0, noise=0.0, spent=100, increment=1, cap=5000)
    assert decision.steps == pytest.approx(800, abs=1)
    assert decision.limit == "price"
    assert f"Train {decision.steps} more steps" in decision.reason
    assert "USD" in decision.reason


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(["power", "sigmoid"]),
    scale=st.floats(20, 2000),
    shape=st.floats(0.3, 4),
    price=st.floats(1e-7, 1e-2),
    noise=st.sampled_from([0.0, 0.003, 0.03]),
    spent=st.integers(0, 500),
    increment=st.integers(1, 200),
    room=st.integers(0, 3000),
)
def test_it_is_what_trying_all_pairs_finds(
    form: str, scale: float, shape: float, price: float, noise: float, spent: int, increment: int, room: int
) -> None:
    curve = known(form, scale=scale, shape=shape)
    cap = spent + room
    increment = max(increment, room // 60 + 1)
    decision = next_budget(curve, price, 2.0, noise, spent, increment, cap)
    candidates = [*range(0, room, increment), room]
    cost = {more: float(curve.predict([float(spent + more)])[0][0]) for more in candidates}

    def better(more: int, than: int) -> bool:
        fall = cost[than] - cost[more]
        return fall > noise and 2.0 * fall > price * (more - than)

    expected = next(i for i in candidates if not any(better(j, i) for j in candidates if j > i))
    assert decision.steps == expected
    assert decision.steps + spent <= max(cap, spent)
    if noise == 0:
        net = {more: 2.0 * (cost[0] - cost[more]) - price * more for more in candidates}
        assert net[decision.steps] == pytest.approx(max(net.values()), abs=1e-12)
    assert [row.steps for row in decision.table] == candidates


def test_nothing_within_the_noise_is_bought() -> None:
    curve = known()
    # 1 / (1 + s / 100) is 0.05 at s = 1900: all that is left from there on is below the noise.
    decision = next_budget(curve, 0.0, 1.0, noise=0.05, spent=0, increment=10, cap=10**5)
    assert decision.limit == "noise"
    left = curve.predict([float(decision.steps), 1e5])[0]
    assert left[0] - left[1] == pytest.approx(0.05, rel=0.02)
    stopped = next_budget(curve, 0.0, 1.0, noise=0.05, spent=decision.steps, increment=10, cap=10**5)
    assert (stopped.steps, stopped.limit) == (0, "noise")
    assert stopped.reason.startswith("Stop")


def test_the_cap_is_never_passed() -> None:
    decision = next_budget(known(), 0.0, 1.0, noise=0.0, spent=150, increment=100, cap=500)
    assert (decision.steps, decision.limit) == (350, "cap")
    for cap in (150, 10):
        none = next_budget(known(), 0.0, 1.0, noise=0.0, spent=150, increment=100, cap=cap)
        assert (none.steps, none.limit, len(none.table)) == (0, "cap", 1)
        assert str(cap) in none.reason


def test_steps_that_cost_too_much_are_not_bought() -> None:
    decision = next_budget(known(), 1.0, 1e-3, noise=0.0, spent=0, increment=10, cap=1000)
    assert (decision.steps, decision.limit) == (0, "price")


def test_doubt_about_the_curve_widens_the_interval_of_its_worth() -> None:
    samples = np.stack([np.array([floor, 1.5 - floor, 100.0, 1.0]) for floor in np.linspace(0.3, 0.7, 21)])
    sure = known()
    doubtful = LearningCurve(**{**sure.__dict__, "samples": samples, "sample_form": np.zeros(21, np.int8)})
    row = next_budget(doubtful, 1e-4, 1.0, 0.0, 100, 100, 2000).table[5]
    assert row.worth_low < row.worth < row.worth_high
    assert row.worth == pytest.approx(next_budget(sure, 1e-4, 1.0, 0.0, 100, 100, 2000).table[5].worth)


@pytest.mark.parametrize(
    "change",
    [
        {"dollars_per_step": -1.0},
        {"worth_dollars_per_unit_cost": float("nan")},
        {"noise": -0.1},
        {"spent": -1},
        {"increment": 0},
        {"cap": -5},
        {"cap": 10**7},
    ],
)
def test_bad_arguments_are_refused(change: dict[str, float]) -> None:
    arguments = {
        "dollars_per_step": 1.0,
        "worth_dollars_per_unit_cost": 1.0,
        "noise": 0.1,
        "spent": 1,
        "increment": 1,
        "cap": 9,
    }
    with pytest.raises(ParameterError):
        next_budget(known(), **{**arguments, **change})  # type: ignore[arg-type]
