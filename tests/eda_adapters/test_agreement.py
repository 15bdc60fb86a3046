"""The comparison with OpenROAD on made-up pairs whose agreement is known."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from eda_adapters.openroad.agreement import ESTIMATED, ROUTED, Pair, agreements, calibrate, pair, read_pairs
from placer.netlist import InputError


def made_up(design: str, scale: float, slacks: list[float], lengths: list[float]) -> list[Pair]:
    """Pairs whose estimates rise with their number; OpenROAD says ``scale`` times the estimate where not given."""
    pairs = []
    for k, (slack, length) in enumerate(zip(slacks, lengths, strict=True)):
        base = 1.0 + k
        estimated = {"worst_slack": -base, "wirelength": 100 * base, "min_period": base, "power": base}
        routed = {"worst_slack": slack, "wirelength": length, "min_period": scale * base, "power": base}
        pairs.append(Pair(design, str(k), estimated, routed, "OpenROAD x"))
    return pairs


def test_ranks_and_errors_by_hand() -> None:
    first = made_up("first", 1.25, [-1.0, -2.0, -3.0], [130.0, 260.0, 390.0])
    second = made_up("second", 1.0, [-1.0, -3.0, -2.0], [390.0, 260.0, 130.0])
    one, two = agreements([*first, *second])
    assert (one.design, one.placements, one.tau_worst_slack, one.tau_wirelength) == ("first", 3, 1.0, 1.0)
    assert two.tau_worst_slack == pytest.approx(1 / 3)  # two of three pairs agree
    assert two.tau_wirelength == -1.0
    assert calibrate(second)["wirelength"] == 1.3  # the median of 3.9, 1.3 and 0.433
    assert one.wirelength_error == pytest.approx(0.0)
    assert one.min_period_error == pytest.approx(1 - 1 / 1.25)  # with the other design's factor of 1
    assert two.min_period_error == pytest.approx(0.25)
    assert one.power_error == two.power_error == 0.0


def test_openroad_is_compared_with_itself_where_it_ran_twice() -> None:
    pairs = made_up("first", 1.0, [-1.0, -2.0, -3.0], [130.0, 260.0, 390.0])
    (row,) = agreements(pairs)
    assert row.twice == 0
    assert math.isnan(row.own_tau_worst_slack)
    again = [-2.0, -3.0, -1.0]  # one of three pairs as it was
    twice = [replace(p, again={**p.routed, "worst_slack": slack}) for p, slack in zip(pairs, again, strict=True)]
    (row,) = agreements(twice)
    assert (row.twice, row.tau_worst_slack, row.own_tau_wirelength) == (3, 1.0, 1.0)
    assert row.own_tau_worst_slack == pytest.approx(-1 / 3)


def test_one_design_has_no_factors() -> None:
    (row,) = agreements(made_up("only", 2.0, [-1.0, -2.0], [100.0, 200.0]))
    assert row.min_period_error == pytest.approx(0.5)


def test_pairs_are_read_back(tmp_path: Path) -> None:
    ours, theirs = dict.fromkeys(ESTIMATED.values(), 1.0), dict.fromkeys(ROUTED.values(), 2.0)
    found = pair("d", "p", ours, theirs, "OpenROAD x")
    assert found.estimated["wirelength"] == 1.0
    assert found.routed["wirelength"] == 2.0
    path = tmp_path / "flow.json"
    path.write_text(json.dumps({"figures": [], "pairs": [asdict(found)]}))
    assert read_pairs(path) == [found]
    twice = pair("d", "p", ours, theirs, "OpenROAD x", dict.fromkeys(ROUTED.values(), 3.0))
    path.write_text(json.dumps({"pairs": [asdict(twice)]}))
    assert read_pairs(path) == [twice]
    assert twice.again["power"] == 3.0
    no_length, no_power = asdict(found), asdict(found)
    no_length["routed"] = dict(found.routed, wirelength=0.0)
    no_power["estimated"] = dict(found.estimated, power=float("nan"))
    absurd = (json.dumps({"pairs": [one]}) for one in (no_length, no_power, asdict(found) | {"estimated": {}}))
    for text in ("{", "[]", '{"pairs": [{"design": 1}]}', '{"figures": []}', '{"pairs": []}', *absurd):
        path.write_text(text)
        with pytest.raises(InputError, match=r"set OPENROAD_EXE and run python -m benchmarks\.flow"):
            read_pairs(path)
    with pytest.raises(InputError, match="No such file"):
        read_pairs(tmp_path / "none.json")
