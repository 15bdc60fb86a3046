"""How many more training steps are worth their price."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cost_models.learning_curve import INTERVAL, LearningCurve
from cost_models.parameters import ParameterError

Limit = Literal["price", "noise", "cap"]
MAX_ROWS = 10_000


@dataclass(frozen=True)
class BudgetRow:
    """One candidate: this many more steps, what they are expected to bring, and what they cost.

    Attributes:
        steps: more steps.
        gain: expected fall of the cost.
        worth: what the fall is worth, in dollars, with the low and high end of its 90% interval.
        price: of the steps, in dollars.
    """

    steps: int
    gain: float
    worth: float
    worth_low: float
    worth_high: float
    price: float

    @property
    def net(self) -> float:
        """Expected worth less price, in dollars."""
        return self.worth - self.price


@dataclass(frozen=True)
class BudgetDecision:
    """The next budget.

    Attributes:
        steps: more steps to train; 0: stop.
        limit: what keeps it from being larger: the price of more steps, the seed noise, or the cap.
        reason: one sentence with the numbers.
        table: all candidates, from 0 steps up to the cap.
    """

    steps: int
    limit: Limit
    reason: str
    table: tuple[BudgetRow, ...]


def next_budget(
    curve: LearningCurve,
    dollars_per_step: float,
    worth_dollars_per_unit_cost: float,
    noise: float,
    spent: int,
    increment: int,
    cap: int,
) -> BudgetDecision:
    """How many more steps to train.

    The answer is the smallest candidate beyond which no larger one brings a further fall of the cost that is both
    larger than the seed noise and worth more than its price. Candidates are multiples of ``increment`` and the rest
    up to ``cap``. With no noise that is the candidate with the largest expected worth less price. The expectation is
    over the curve's bootstrap samples, so that what is not known about the curve counts.

    Args:
        curve: the fitted learning curve.
        dollars_per_step: price of a step, 0 or more.
        worth_dollars_per_unit_cost: what a fall of the cost by 1 is worth, in dollars.
        noise: the cost's standard deviation over seeds; a smaller gain is luck.
        spent: steps trained so far.
        increment: steps between candidates.
        cap: most steps in all, those spent included; never exceeded.

    Raises:
        ParameterError: an argument is negative or not finite, or there are more than 10,000 candidates.
    """
    for name, value in (
        ("dollars_per_step", dollars_per_step),
        ("worth_dollars_per_unit_cost", worth_dollars_per_unit_cost),
        ("noise", noise),
        ("spent", float(spent)),
        ("cap", float(cap)),
    ):
        if not (math.isfinite(value) and value >= 0):
            raise ParameterError(f"{name} is {value:g}: give 0 or more")
    if increment < 1:
        raise ParameterError(f"increment is {increment}: give at least 1 step")
    room = max(0, cap - spent)
    if room / increment > MAX_ROWS:
        raise ParameterError(f"increment is {increment} with {room} steps left: give at least {room // MAX_ROWS + 1}")
    table = _table(curve, dollars_per_step, worth_dollars_per_unit_cost, spent, increment, room)
    gain = np.array([row.gain for row in table])
    net = np.array([row.net for row in table])
    chosen = next(i for i in range(len(table)) if not _extends(gain, net, noise, i))
    row = table[chosen]
    limit: Limit = "price"
    if chosen == len(table) - 1:
        limit = "cap"
    elif (net[chosen + 1 :] > net[chosen]).any():
        limit = "noise"
    return BudgetDecision(row.steps, limit, _reason(row, table, limit, noise, spent, cap), table)


def _table(
    curve: LearningCurve, dollars: float, worth: float, spent: int, increment: int, room: int
) -> tuple[BudgetRow, ...]:
    steps = sorted({*range(0, room + 1, increment), room})
    costs = curve.sampled(np.array(steps, np.float64) + spent)
    falls = costs[:, :1] - costs
    edge = (1 - INTERVAL) / 2
    low, high = np.quantile(falls, (edge, 1 - edge), axis=0)
    return tuple(
        BudgetRow(
            steps=more,
            gain=float(mean),
            worth=float(mean * worth),
            worth_low=float(least * worth),
            worth_high=float(most * worth),
            price=more * dollars,
        )
        for more, mean, least, most in zip(steps, falls.mean(axis=0), low, high, strict=True)
    )


def _extends(gain: NDArray[np.float64], net: NDArray[np.float64], noise: float, row: int) -> bool:
    """Whether a larger candidate brings more than the noise, and more than its price, beyond this one."""
    return bool(((gain[row + 1 :] - gain[row] > noise) & (net[row + 1 :] > net[row])).any())


def _reason(row: BudgetRow, table: tuple[BudgetRow, ...], limit: Limit, noise: float, spent: int, cap: int) -> str:
    if len(table) == 1:
        return f"Stop: {spent} steps are spent and the cap is {cap}."
    if row.steps:
        head = (
            f"Train {row.steps} more steps: they should lower the cost by {row.gain:.4g}, worth {row.worth:.3g} USD"
            f" (90% interval {row.worth_low:.3g} to {row.worth_high:.3g}), for {row.price:.3g} USD"
        )
    else:
        head = "Stop"
    if limit == "cap":
        return f"{head}; the cap of {cap} steps in all allows no more."
    best = max(table[table.index(row) + 1 :], key=lambda other: other.net)
    if limit == "noise":
        return (
            f"{head}; the next {best.steps - row.steps} would lower it by {best.gain - row.gain:.4g},"
            f" within the seed noise of {noise:.4g}."
        )
    return (
        f"{head}; the next {best.steps - row.steps} would bring {best.worth - row.worth:.3g} USD"
        f" and cost {best.price - row.price:.3g} USD."
    )
