"""How well the embedded estimate agrees with OpenROAD on the same placements.

Ranks are compared within a design (Kendall's tau-b). Values are compared after calibration on the *other* designs, so
that no design's error is measured with constants fitted to itself: one factor each. The wire length is compared as the
global router counts it, which is far above the wires' own length: see ``SteinerTrees.tiled_length``.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from scipy.stats import kendalltau

from placer.netlist import InputError

COMMAND = "python -m benchmarks.flow"
"""What measures the pairs."""

FEWEST_RANKED = 5
"""Placements of a design below which their order says nothing."""

SLACK, LENGTH, PERIOD, POWER = "worst_slack", "wirelength", "min_period", "power"
ESTIMATED: Mapping[str, str] = {
    SLACK: "finish__timing__setup__ws",
    LENGTH: "finish__global_route__wirelength__estimated",
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


def pair(design: str, placement: str, estimated: Mapping[str, float], routed: Mapping[str, float], tool: str) -> Pair:
    """A pair from the metrics of both flows; KeyError if a figure is missing."""
    ours = {figure: estimated[key] for figure, key in ESTIMATED.items()}
    return Pair(design, placement, ours, {figure: routed[key] for figure, key in ROUTED.items()}, tool)


def read_pairs(path: Path) -> list[Pair]:
    """The pairs in a results file, its key ``pairs``; InputError if there are none, or their figures make no sense."""
    remedy = f"set OPENROAD_EXE and run {COMMAND}"
    try:
        pairs = [Pair(**entry) for entry in json.loads(path.read_text()).get("pairs", [])]
        for one in pairs:
            for side, figure in product((one.estimated, one.routed), ESTIMATED):
                value = side.get(figure, math.nan)
                if not math.isfinite(value) or (value <= 0 and figure != SLACK):
                    raise ValueError(f"{figure} of {one.design}, {one.placement} is {value}")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a file of results ({error}); {remedy}") from error
    if not pairs:
        raise InputError(f"{path}: holds no comparison with OpenROAD yet; {remedy}")
    return pairs


def calibrate(pairs: Iterable[Pair]) -> dict[str, float]:
    """The factor from each figure's estimates to OpenROAD's values: the median ratio of some pairs; 1 without any."""
    known = list(pairs)
    return {
        figure: statistics.median(p.routed[figure] / p.estimated[figure] for p in known) if known else 1.0
        for figure in (LENGTH, PERIOD, POWER)
    }


def agreements(pairs: Sequence[Pair]) -> list[Agreement]:
    """Each design's agreement, calibrated on all other designs; designs in the order of their first pair."""
    rows = []
    for design in dict.fromkeys(p.design for p in pairs):
        here = [p for p in pairs if p.design == design]
        error = {
            figure: statistics.mean(abs(factor * p.estimated[figure] / p.routed[figure] - 1) for p in here)
            for figure, factor in calibrate(p for p in pairs if p.design != design).items()
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
