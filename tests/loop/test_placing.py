"""``chiploop place --method rl``: what the learner is asked for, and what is written; the learner is a stand-in."""

from __future__ import annotations

import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from loop.placing import Effort, place_netlist
from placer import train as learner
from placer.baselines.random_legal import random_legal
from placer.curve import Curve, progress_of
from placer.legalise import Infeasible
from placer.netlist import Netlist, Placement
from placer.ppo import TrainConfig

NETLIST = """node { name: "m" attr { key: "type" value { placeholder: "macro" } }
  attr { key: "width" value { f: 10 } } attr { key: "height" value { f: 8 } }
  attr { key: "x" value { f: 30 } } attr { key: "y" value { f: 30 } }
  attr { key: "orientation" value { placeholder: "N" } } }
node { name: "m/p" input: "q" attr { key: "type" value { placeholder: "macro_pin" } }
  attr { key: "macro_name" value { placeholder: "m" } }
  attr { key: "x_offset" value { f: 1 } } attr { key: "y_offset" value { f: 1 } } }
node { name: "q" input: "m/p" attr { key: "type" value { placeholder: "port" } }
  attr { key: "side" value { placeholder: "left" } }
  attr { key: "x" value { f: 0 } } attr { key: "y" value { f: 20 } } }
"""


@pytest.mark.parametrize(("effort", "updates", "seconds"), [(Effort(5.0), None, 5.0), (Effort(5.0, moves=3), 3, None)])
def test_rl_budgets_progress_and_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, effort: Effort, updates: int | None, seconds: float | None
) -> None:
    asked: list[TrainConfig] = []

    def train(netlist: Netlist, initial: Placement, config: TrainConfig, *_: Any, **rest: Any) -> learner.TrainResult:
        asked.append(config)
        curve = Curve(*(np.array([0.9, 0.8]) for _ in fields(Curve)))
        rest["progress"](progress_of(curve, config))
        best = random_legal(netlist, initial, 1, 0.0)
        return learner.TrainResult({}, curve, best, 0.8, "a plateau")

    monkeypatch.setattr(learner, "train", train)
    monkeypatch.setattr(
        learner, "place", lambda netlist, initial, *rest, **more: random_legal(netlist, initial, 2, 0.0)
    )
    path = tmp_path / "n.pb.txt"
    path.write_text(NETLIST)
    place_netlist(path, None, (), "rl", effort, tmp_path / "out", Console(file=io.StringIO()))
    assert (asked[0].updates, asked[0].seconds) == (updates, seconds)
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert written["training_ended"] == "a plateau"
    assert written["curve"]["cost"] == [0.9, 0.8]
    assert written["episodes"] == 2 * asked[0].episodes


def test_what_cannot_be_placed_names_the_file(tmp_path: Path) -> None:
    path, plc = tmp_path / "n.pb.txt", tmp_path / "small.plc"
    hard = NETLIST
    for kind in ("macro", "macro_pin", "port"):
        hard = hard.replace(f'"{kind}"', f'"{kind.upper()}"')
    path.write_text(hard)
    plc.write_text("# Columns : 2  Rows : 2\n# Width : 9.0  Height : 9.0\n0 3 3 N 0\n2 0 2 - 1\n")
    with pytest.raises(Infeasible, match=r"n\.pb\.txt: .*m is larger than the area"):
        place_netlist(path, plc, (), "random", Effort(), tmp_path / "out", Console(file=io.StringIO()))
