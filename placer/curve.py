"""A training run's learning curve, and what follows from it: when training is over and why, how long it still takes.

U: updates so far.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from placer.netlist import FloatArray
from placer.ppo import Metrics, TrainConfig

RECENT = 20
"""The rate is that of the last updates, at most so many; the first, which waits for the compiler, only where alone."""


@dataclass(frozen=True)
class Curve:
    """What the updates so far gave.

    Attributes:
        cost: mean proxy cost of an update's episodes.
        best: least proxy cost so far.
        entropy, kl: nats per step; the divergence is of the policy before an update to that after it.
        value_error: mean square of the value's error, normalised.
        seconds: of work until then.
    """

    cost: FloatArray  # [U]
    best: FloatArray  # [U]
    entropy: FloatArray  # [U]
    kl: FloatArray  # [U]
    value_error: FloatArray  # [U]
    seconds: FloatArray  # [U]

    @classmethod
    def empty(cls) -> Curve:
        """Before the first update."""
        return cls(*(np.zeros(0) for _ in fields(cls)))

    def extended(self, metrics: Metrics, best: float, seconds: float) -> Curve:
        """With one more update."""
        found = (metrics.cost, best, metrics.entropy, metrics.kl, metrics.value_error, seconds)
        row = (float(value) for value in found)
        old = (getattr(self, f.name) for f in fields(self))
        return Curve(*(np.append(values, value) for values, value in zip(old, row, strict=True)))

    def as_dict(self) -> dict[str, list[float]]:
        """As plain numbers, which come back exactly from JSON."""
        return {f.name: getattr(self, f.name).tolist() for f in fields(self)}

    @property
    def updates(self) -> int:
        """How many."""
        return len(self.cost)

    @property
    def elapsed(self) -> float:
        """Seconds of work so far."""
        return float(self.seconds[-1]) if self.updates else 0.0


@dataclass(frozen=True)
class Progress:
    """What a callback hears after each update; costs, entropy and the like as in ``Curve``.

    Attributes:
        update: updates done.
        done: part of the budget that is spent, 0 to 1.
        seconds: of work so far.
        episodes_per_s: of late.
        seconds_left: until the budget is spent, at that rate.
    """

    update: int
    done: float
    cost: float
    best: float
    entropy: float
    kl: float
    value_error: float
    seconds: float
    episodes_per_s: float
    seconds_left: float

    def __str__(self) -> str:
        """For a person who watches."""
        return (
            f"update {self.update}, cost {self.cost:.4f}, best {self.best:.4f}, entropy {self.entropy:.2f}, "
            f"KL {self.kl:.4f}, {self.episodes_per_s:.1f} episodes/s, {self.seconds_left:.0f} s left"
        )


def progress_of(curve: Curve, config: TrainConfig) -> Progress:
    """How far a run is after its last update."""
    pace = _seconds_per_update(curve)
    left = [np.inf]
    if config.updates is not None:
        left.append((config.updates - curve.updates) * pace)
    if config.seconds is not None:
        left.append(max(0.0, config.seconds - curve.elapsed))
    return Progress(
        update=curve.updates,
        done=spent(curve, config),
        **{f.name: float(getattr(curve, f.name)[-1]) for f in fields(curve)},
        episodes_per_s=config.episodes / max(pace, 1e-9),
        seconds_left=min(left),
    )


def _seconds_per_update(curve: Curve) -> float:
    if curve.updates < 2:
        return curve.elapsed
    recent = curve.seconds[-RECENT - 1 :]
    return float(recent[-1] - recent[0]) / (len(recent) - 1)


def spent(curve: Curve, config: TrainConfig) -> float:
    """Part of the budget that is spent, 0 to 1: of the updates or of the seconds, whichever is nearer to its end."""
    parts = [0.0]
    if config.updates is not None:
        parts.append(curve.updates / max(1, config.updates))
    if config.seconds is not None:
        parts.append(curve.elapsed / config.seconds)
    return min(1.0, max(parts))


def ended(curve: Curve, config: TrainConfig) -> str | None:
    """Why training is over, or None when it is not."""
    done, window = curve.updates, config.plateau_updates
    if config.updates is not None and done >= config.updates:
        return f"the budget of {config.updates} updates is spent"
    if config.seconds is not None and curve.elapsed >= config.seconds:
        return f"the budget of {config.seconds:g} s is spent after {done} updates"
    if window and done >= 2 * window:
        late, early = curve.cost[-window:].mean(), curve.cost[-2 * window : -window].mean()
        gain = (early - late) / abs(early)
        if gain < config.plateau_gain and curve.best[-1] >= curve.best[-window - 1]:
            return (
                f"plateau after {done} updates: over the last {window} the mean cost improved by {gain:.2%} "
                f"(least worth going on: {config.plateau_gain:.2%}) and no better placement was found"
            )
    return None
