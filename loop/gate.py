"""The gate: is a candidate measurably better than its parent?

The objective is the price of one training step of the placer on the accelerator, in dollars: it holds throughput, power
and area in one number. It is judged on the design's own workload, and on held-out workloads, which no stage has tuned
on and which must not get worse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

MIN_SEEDS = 3


@dataclass(frozen=True)
class Comparison:
    """Relative gain of a candidate over its parent on one objective; positive is better (cheaper)."""

    gain: float  # 1 - candidate / parent, geometric mean over seeds
    low: float  # 95% interval, paired by seed
    high: float
    noise_floor: float  # 2 sigma over seeds, relative; the larger of both sides

    @property
    def better(self) -> bool:
        """The gain lies beyond the noise floor and its interval above zero."""
        return self.low > 0 and self.gain > self.noise_floor

    @property
    def worse(self) -> bool:
        """The loss lies beyond the noise floor and its interval below zero."""
        return self.high < 0 and -self.gain > self.noise_floor


@dataclass(frozen=True)
class Verdict:
    """What the gate decided, and on which numbers."""

    keep: bool
    reason: str
    comparisons: Mapping[str, Comparison]  # objective to comparison

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the archive."""
        return asdict(self)


def noise_floor(values: Mapping[int, float]) -> float:
    """2 sigma over seeds relative to the mean, the measured noise of a figure (bazel-orfs #977 states it so)."""
    x = np.array([values[s] for s in sorted(values)])
    return float(2 * x.std(ddof=1) / x.mean())


def compare(candidate: Mapping[int, float], parent: Mapping[int, float]) -> Comparison:
    """Compare costs per seed (lower is better), paired by seed, with a t interval on the logarithm of their ratio.

    Raises:
        ValueError: fewer than three seeds in common, or a cost that is not positive.
    """
    seeds = sorted(candidate.keys() & parent.keys())
    if len(seeds) < MIN_SEEDS:
        raise ValueError(f"the gate needs at least {MIN_SEEDS} seeds in common, got {len(seeds)}")
    a = np.array([candidate[s] for s in seeds])
    b = np.array([parent[s] for s in seeds])
    if (a <= 0).any() or (b <= 0).any() or not np.isfinite([a, b]).all():
        raise ValueError("costs must be positive and finite")
    logs = np.log(a / b)
    mean = float(logs.mean())
    half = float(stats.t.ppf(0.975, len(seeds) - 1) * logs.std(ddof=1) / math.sqrt(len(seeds)))
    floor = max(noise_floor(candidate), noise_floor(parent))
    return Comparison(1 - math.exp(mean), 1 - math.exp(mean + half), 1 - math.exp(mean - half), floor)


def judge(
    candidate: Mapping[str, Mapping[int, float]],
    parent: Mapping[str, Mapping[int, float]] | None,
    objective: str,
) -> Verdict:
    """Judge a candidate.

    Args:
        candidate, parent: objective name to (seed to cost); all but ``objective`` are held out. No parent: kept.
        objective: the name of the one that has to become better.
    """
    if parent is None:
        return Verdict(True, "the first generation: nothing to compare it with", {})
    comparisons = {name: compare(candidate[name], parent[name]) for name in candidate}
    main = comparisons[objective]
    numbers = f"{main.gain:+.2%} (95% interval {main.low:+.2%} to {main.high:+.2%}, noise floor {main.noise_floor:.2%})"
    if not main.better:
        word = "worse" if main.worse else "no change beyond noise"
        return Verdict(False, f"{word} on {objective}: {numbers}", comparisons)
    for name, held_out in comparisons.items():
        if name != objective and held_out.worse:
            return Verdict(
                False,
                f"better on {objective}: {numbers}, but worse on held-out {name}: {held_out.gain:+.2%}",
                comparisons,
            )
    return Verdict(True, f"better on {objective}: {numbers}; held-out workloads not worse", comparisons)
