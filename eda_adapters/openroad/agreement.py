"""How well the embedded estimate agrees with OpenROAD on the same placements.

Ranks are compared within a design (Kendall's tau-b). Values are compared after calibration on the *other* designs, so
that no design's error is measured with constants fitted to itself: one factor each. The wire length is compared as the
global router counts it, which is far above the wires' own length: see ``SteinerTrees.tiled_length``. Where OpenROAD ran
twice, with two seeds, its ranks are compared with its own, which says how much agreement there is to be had.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
    again: Mapping[str, float] = field(default_factory=dict)  # OpenROAD with another seed; empty if that was not run


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
    twice: int  # placements that OpenROAD implemented with two seeds
    own_tau_worst_slack: float  # between the two seeds, over those placements; nan below two
    own_tau_wirelength: float


def pair(
    design: str,
    placement: str,
    estimated: Mapping[str, float],
    routed: Mapping[str, float],
    tool: str,
    again: Mapping[str, float] | None = None,
) -> Pair:
    """A pair from the metrics of both flows, and of OpenROAD with another seed; KeyError if a figure is missing."""

    def of(metrics: Mapping[str, float], keys: Mapping[str, str]) -> dict[str, float]:
        return {figure: metrics[key] for figure, key in keys.items()}

    return Pair(
        design, placement, of(estimated, ESTIMATED), of(routed, ROUTED), tool, of(again, ROUTED) if again else {}
    )


def read_pairs(path: Path) -> list[Pair]:
    """The pairs in a results file, its key ``pairs``; InputError if there are none, or their figures make no sense."""
    remedy = f"set OPENROAD_EXE and run {COMMAND}"
    try:
        pairs = [Pair(**entry) for entry in json.loads(path.read_text()).get("pairs", [])]
        for one in pairs:
            sides = [one.estimated, one.routed, *([one.again] if one.again else [])]
            for side, figure in product(sides, ESTIMATED):
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
        both = [p for p in here if p.again]
        taus = {
            figure: _tau([p.estimated for p in here], [p.routed for p in here], figure) for figure in (SLACK, LENGTH)
        }
        own = {figure: _tau([p.again for p in both], [p.routed for p in both], figure) for figure in (SLACK, LENGTH)}
        rows.append(
            Agreement(
                design, len(here), taus[SLACK], taus[LENGTH], error[LENGTH], error[PERIOD], error[POWER],
                len(both), own[SLACK], own[LENGTH],
            )
        )  # fmt: skip
    return rows


def _tau(one: Sequence[Mapping[str, float]], other: Sequence[Mapping[str, float]], figure: str) -> float:
    """Kendall's tau-b of a figure over placements; not a number below two."""
    if len(one) < 2:
        return math.nan
    return float(kendalltau([a[figure] for a in one], [b[figure] for b in other]).statistic)
