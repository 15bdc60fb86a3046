"""``chiploop train``, ``pretrain``: what the learner is asked for, what is written and refused; around a stand-in."""

from __future__ import annotations

import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from loop.cli import app
from loop.errors import LoopError
from loop.training import POLICY, Training, pretrain_policy, read_policy, train_policy, write_policy
from placer import pretrain as many
from placer import train as learner
from placer.curve import Curve, progress_of
from placer.netlist import Netlist, Placement
from placer.ppo import TrainConfig
from tests.loop.test_placing import NETLIST

PARAMS = {"params": {"w": np.arange(3.0, dtype=np.float32)}}


def test_policy_curve_and_progress_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def train(
        netlist: Netlist, initial: Placement, config: TrainConfig, params: Any, seed: int, out: Path, resume: bool,
        progress: Any, collector: Any,
    ) -> learner.TrainResult:  # fmt: skip
        asked.append((config.updates, config.seconds, config.halo, params, seed, resume, collector))
        curve = Curve(*(np.array([0.9, 0.8]) for _ in fields(Curve)))
        progress(progress_of(curve, config))
        out.mkdir(exist_ok=True)
        return learner.TrainResult(PARAMS, curve, None, 0.7, "a plateau")

    monkeypatch.setattr(learner, "train", train)
    path, out, console = tmp_path / "n.pb.txt", tmp_path / "out", Console(file=io.StringIO(), width=200)
    path.write_text(NETLIST)
    write_policy(tmp_path / "parent", PARAMS)
    train_policy(path, None, (), Training(5, 60.0, tmp_path / "parent", 0, None, 2.0, 7, True), out, console)
    updates, seconds, halo, params, seed, resume, collector = asked[0]
    assert (updates, seconds, halo, seed, resume, collector) == (5, 60.0, 2.0, 7, True, None)
    np.testing.assert_array_equal(params["params"]["w"], PARAMS["params"]["w"])
    np.testing.assert_array_equal(read_policy(out / POLICY)["params"]["w"], PARAMS["params"]["w"])
    written = json.loads((out / "training.json").read_text())
    assert written["training_ended"] == "a plateau"
    assert written["curve"]["cost"] == [0.9, 0.8]
    assert "update 2, cost 0.8000, best 0.8000, entropy 0.80, KL 0.8000" in console.file.getvalue()  # type: ignore[attr-defined]


def test_pretraining_takes_each_netlist_in_variants_and_keeps_its_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def pretrain(problems: Any, config: TrainConfig, params: Any, seed: int, progress: Any) -> many.Pretrained:
        asked.append((problems, config.updates, config.halo, config.learning_rate, seed))
        np.testing.assert_array_equal(params["params"]["w"], PARAMS["params"]["w"])
        for number in range(21):
            progress(number, number % 16, 0.5, {"params": {"w": np.full(3, number)}})
        np.testing.assert_array_equal(read_policy(tmp_path / "out" / POLICY)["params"]["w"], [19, 19, 19])
        return many.Pretrained(PARAMS, np.array([0, 7, 8, 15], np.int32), np.array([0.9, 0.8, 0.7, 0.6]), [])

    monkeypatch.setattr(many, "pretrain", pretrain)
    monkeypatch.setattr(many, "problems_of", lambda designs, config: designs)
    paths = [tmp_path / name for name in ("a.pb.txt", "b.pb.txt")]
    for path in paths:
        path.write_text(NETLIST)
    write_policy(tmp_path / "parent", PARAMS)
    console = Console(file=io.StringIO(), width=200)
    training = Training(21, parent=tmp_path / "parent", halo=2.0, seed=7)
    found = pretrain_policy(paths, training, tmp_path / "out", console)
    problems, *rest = asked[0]
    assert rest == [21, 2.0, many.RATE / 2, 7]
    different = {netlist.node_size.tobytes() + placement.position.tobytes() for netlist, placement in problems}
    assert len(problems) == 2 * 8
    assert len(different) >= 1 + 2 * 7  # the two netlists are one
    assert found["netlist"] == [0, 0, 1, 1]
    assert json.loads((tmp_path / "out" / "training.json").read_text())["cost"] == [0.9, 0.8, 0.7, 0.6]
    np.testing.assert_array_equal(read_policy(tmp_path / "out" / POLICY)["params"]["w"], PARAMS["params"]["w"])
    assert f"update 9, {paths[1]}, cost 0.5000" in console.file.getvalue()  # type: ignore[attr-defined]
    assert f"update 21, {paths[0]}, cost 0.5000" in console.file.getvalue()  # type: ignore[attr-defined]


def test_files_that_are_no_policies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LoopError, match="No such file"):
        read_policy(tmp_path / "none")
    for data in (b"", b"garbage", b"\x01"):
        (tmp_path / "bad").write_bytes(data)
        with pytest.raises(LoopError, match="chiploop train writes one"):
            read_policy(tmp_path / "bad")


def test_a_cluster_without_workers_is_refused() -> None:
    result = CliRunner().invoke(app, ["train", "n.pb.txt", "--cluster", "somewhere:6379"])
    assert isinstance(result.exception, LoopError)
    assert "--workers" in str(result.exception)
