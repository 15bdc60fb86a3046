"""What a whole costs, from a random sample of its parts: a regression on what is counted of all of them.

The parts are drawn with probabilities proportional to their cycles; so the cost in a cycle of the
parts drawn, regressed on their counts in a cycle, says what the average cycle costs, and the counts of the whole are
known exactly (Saerndal, Swensson and Wretman, Model Assisted Survey Sampling, 1992, chapter 6).

Dimension letters:
    S  parts drawn
    Q  counts of a part; the first is its cycles
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value with the standard error and the 95% interval that sampling gives it."""

    value: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True)
class Coefficients:
    """What one of each count costs.

    Attributes:
        values: [Q] cost of one of each count.
        covariance: [Q, Q] of ``values``, from the sample.
        freedom: degrees of freedom that the sample left.
    """

    values: FloatArray
    covariance: FloatArray
    freedom: int

    def of(self, counts: Sequence[float]) -> Estimate:
        """The cost of a whole with the given counts [Q]."""
        x = np.asarray(counts, np.float64)
        value = float(x @ self.values)
        error = float(np.sqrt(max(float(x @ self.covariance @ x), 0.0)))
        margin = float(student.ppf(0.975, self.freedom)) * error
        return Estimate(value, error, value - margin, value + margin)


def constant_costs(values: Sequence[float]) -> Coefficients:
    """Coefficients that are known without a sample."""
    return Coefficients(np.asarray(values, np.float64), np.zeros((len(values), len(values))), 1)


def regress_costs(costs: FloatArray, counts: FloatArray) -> Coefficients:
    """Coefficients from a sample.

    Counts that the sample does not tell apart share their cost.

    Args:
        costs: [S] of each part drawn.
        counts: [S, Q] of each part drawn, its cycles first and above 0.

    Raises:
        ValueError: there are too few parts for the counts that differ among them.
    """
    cycles = counts[:, 0]
    rates, shares = costs / cycles, counts / cycles[:, None]
    scale = np.abs(shares).max(axis=0)
    scale[scale == 0.0] = 1.0
    scaled = shares / scale
    rank = int(np.linalg.matrix_rank(scaled, tol=1e-6 * np.sqrt(len(costs))))
    freedom = len(costs) - rank
    if freedom < 2:
        raise ValueError(f"{len(costs)} parts are too few for {rank} counts: draw at least {rank + 2}")
    inverse = np.linalg.pinv(scaled.T @ scaled, rcond=1e-10, hermitian=True)
    values = inverse @ scaled.T @ rates
    residual = rates - scaled @ values
    # Each residual over 1 - leverage: an error that holds where the parts differ in how far they scatter (HC3).
    leverage = np.clip(np.einsum("sq,qr,sr->s", scaled, inverse, scaled), 0.0, 0.95)
    weighted = scaled * (residual / (1.0 - leverage))[:, None]
    covariance = inverse @ weighted.T @ weighted @ inverse
    return Coefficients(values / scale, covariance / np.outer(scale, scale), freedom)
