"""How well the embedded estimate agrees with OpenROAD on the same placements.

Ranks are compared within a design (Kendall's tau-b). Values are compared after calibration on the *other* designs, so
that no design's error is measured with constants fitted to itself: a factor for the period and for the power, and for
the wire length a factor and a length per pin, since the global router ends wires in the middle of its grid's cells.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import nnls
from scipy.stats import kendalltau

from placer.netlist import InputError

COMMAND = "python -m benchmarks.flow"
"""What measures the pairs."""

SLACK, LENGTH, PERIOD, POWER = "worst_slack", "wirelength", "min_period", "power"
ESTIMATED: Mapping[str, str] = {
    SLACK: "finish__timing__setup__ws",
    LENGTH: "finish__route__wirelength__estimated",
    PERIOD: "finish__timing__setup__min_period",
    POWER: "finish__power__total",
}
"""The embedded flow's metric of each figure."""

ROUTED: Mapping[str, str] = {**ESTIMATED, LENGTH: "finish__route__wirelength"}
"""OpenROAD's, with parasitics from its global route."""


@dataclass(frozen=True)
class Pair:
    """One placement, implemented both ways. Slack and period in ns, length in um, power in W."""

    design: str
    placement: str
    estimated: Mapping[str, float]  # figure to value
    routed: Mapping[str, float]
    tool: str  # OpenROAD and its version
    pins: int  # of the netlist that both got


@dataclass(frozen=True)
class Agreement:
    """One design's row of the table."""

    design: str
    placements: int
    tau_worst_slack: float
    tau_wirelength: float
    wirelength_error: float  # mean over placements of |calibrated estimate / OpenROAD - 1|
    min_period_error: float
    power_error: float


@dataclass(frozen=True)
class Calibration:
    """What turns estimates into OpenROAD's values."""

    length: float
    length_per_pin: float  # um
    period: float
    power: float

    def value(self, pair: Pair, figure: str) -> float:
        """The calibrated estimate of a figure."""
        if figure == LENGTH:
            return self.length * pair.estimated[LENGTH] + self.length_per_pin * pair.pins
        return {PERIOD: self.period, POWER: self.power}[figure] * pair.estimated[figure]


def pair(
    design: str, placement: str, estimated: Mapping[str, float], routed: Mapping[str, float], tool: str, pins: int
) -> Pair:
    """A pair from the metrics of both flows; KeyError if a figure is missing."""
    ours = {figure: estimated[key] for figure, key in ESTIMATED.items()}
    return Pair(design, placement, ours, {figure: routed[key] for figure, key in ROUTED.items()}, tool, pins)


def read_pairs(path: Path) -> list[Pair]:
    """The pairs in a results file, its key ``pairs``; InputError if there are none."""
    remedy = f"set OPENROAD_EXE and run {COMMAND}"
    try:
        return [Pair(**entry) for entry in json.loads(path.read_text())["pairs"]]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error
    except KeyError as error:
        raise InputError(f"{path}: holds no comparison with OpenROAD yet; {remedy}") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: not a file of results ({error}); {remedy}") from error


def calibrate(pairs: Iterable[Pair]) -> Calibration:
    """The constants of some pairs: median ratios, and least squares of the wire length's relative error.

    One design alone cannot tell the two constants of the wire length apart: it gets a factor only. No pairs: 1 and 0.
    """
    known = list(pairs)
    ratios = {
        figure: statistics.median(p.routed[figure] / p.estimated[figure] for p in known) if known else 1.0
        for figure in (LENGTH, PERIOD, POWER)
    }
    length, per_pin = ratios[LENGTH], 0.0
    if len({p.design for p in known}) > 1:
        table = np.array([(p.estimated[LENGTH], p.pins) for p in known]) / [[p.routed[LENGTH]] for p in known]
        length, per_pin = nnls(table, np.ones(len(known)))[0].tolist()
    return Calibration(length, per_pin, ratios[PERIOD], ratios[POWER])


def agreements(pairs: Sequence[Pair]) -> list[Agreement]:
    """Each design's agreement, calibrated on all other designs; designs in the order of their first pair."""
    rows = []
    for design in dict.fromkeys(p.design for p in pairs):
        here = [p for p in pairs if p.design == design]
        calibration = calibrate(p for p in pairs if p.design != design)
        error = {
            figure: statistics.mean(abs(calibration.value(p, figure) / p.routed[figure] - 1) for p in here)
            for figure in (LENGTH, PERIOD, POWER)
        }
        slack, length = _tau(here, SLACK), _tau(here, LENGTH)
        rows.append(Agreement(design, len(here), slack, length, error[LENGTH], error[PERIOD], error[POWER]))
    return rows


def _tau(pairs: Sequence[Pair], figure: str) -> float:
    """Kendall's tau-b of a figure over placements; not a number below two."""
    if len(pairs) < 2:
        return math.nan
    found = kendalltau([p.estimated[figure] for p in pairs], [p.routed[figure] for p in pairs])
    return float(found.statistic)
