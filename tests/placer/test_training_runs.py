"""Training runs: an exact resume, budgets and plateaus, what TensorBoard sees; on a tiny netlist."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event

from placer.checkpoint import CheckpointError
from placer.curve import Curve, Progress, ended, progress_of
from placer.legality import is_legal
from placer.train import CHECKPOINTS, EVENTS, TrainResult, train
from tests.placer.test_training import CONFIG, design

SHORT = replace(CONFIG, updates=4, episodes=4, epochs=2, checkpoint_updates=2)


class Killed(Exception):
    """Ends a run from its progress callback."""


def stop_after(update: int) -> object:
    def stop(progress: Progress) -> None:
        if progress.update == update:
            raise Killed

    return stop


def run(folder: Path | None, **changes: object) -> TrainResult:
    return train(*design(), SHORT, **({"seed": 3, "out_dir": folder} | changes))  # type: ignore[arg-type]


def assert_equal(a: TrainResult, b: TrainResult) -> None:
    for x, y in zip(jax.tree.leaves(a.params), jax.tree.leaves(b.params), strict=True):
        np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(a.curve.cost, b.curve.cost)
    np.testing.assert_array_equal(a.curve.kl, b.curve.kl)
    assert a.best is not None
    assert b.best is not None
    np.testing.assert_array_equal(a.best.position, b.best.position)


def test_resume_equals_an_undisturbed_run_bit_for_bit(tmp_path: Path) -> None:
    heard: list[Progress] = []
    whole = run(None, progress=heard.append)
    assert [p.update for p in heard] == [1, 2, 3, 4]
    assert [p.done for p in heard] == [0.25, 0.5, 0.75, 1.0]
    assert whole.reason == "the budget of 4 updates is spent"
    assert whole.best is not None
    assert is_legal(design()[0], whole.best)

    with pytest.raises(Killed):
        run(tmp_path, progress=stop_after(3))
    heard.clear()
    assert_equal(whole, run(tmp_path, resume=True, progress=heard.append))
    assert [p.update for p in heard] == [3, 4]  # the third again, since its state was not on disk
    again = run(tmp_path, resume=True)  # all is done
    assert_equal(whole, again)
    assert logged(tmp_path / EVENTS, "cost/mean") == pytest.approx(dict(enumerate(whole.curve.cost, 1)))

    with pytest.raises(CheckpointError, match="another netlist"):
        run(tmp_path, resume=True, seed=4)
    with pytest.raises(CheckpointError, match="or parent"):
        run(tmp_path, resume=True, params=whole.params)


def test_what_a_killed_write_leaves_is_passed_over_and_damage_is_named(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(tmp_path, progress=stop_after(4))
    folder = tmp_path / CHECKPOINTS
    assert sorted(path.name for path in folder.iterdir()) == ["2", "4"]
    (folder / "4").rename(folder / "4.orbax-checkpoint-tmp")  # its name until it is whole
    heard: list[Progress] = []
    assert_equal(run(None), run(tmp_path, resume=True, progress=heard.append))
    assert [p.update for p in heard] == [3, 4]

    for path in (folder / "4").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError, match=rf"{folder / '4'}: .* remove it"):
        run(tmp_path, resume=True)


def test_a_budget_in_seconds_ends_training_and_counts_what_was_spent_before(tmp_path: Path) -> None:
    timed = replace(SHORT, updates=None, seconds=1e-3)
    heard: list[Progress] = []
    first = train(*design(), timed, out_dir=tmp_path, progress=heard.append)
    assert first.curve.updates == 1
    assert first.reason == "the budget of 0.001 s is spent after 1 updates"
    assert heard[-1].done == 1.0
    assert heard[-1].seconds_left == 0.0
    again = train(*design(), timed, out_dir=tmp_path, resume=True)
    np.testing.assert_array_equal(again.curve.seconds, first.curve.seconds)


def curve(cost: list[float], best: list[float]) -> Curve:
    count = len(cost)
    return Curve(np.array(cost), np.array(best), *(np.ones(count) for _ in range(3)), 10.0 + 2.0 * np.arange(count))


def test_a_plateau_ends_training_and_says_why() -> None:
    cost, best = [3.0, 2.0, 1.01, 1.0, 1.0, 1.0], [2.0, 1.0, 0.9, 0.9, 0.9, 0.9]
    config = replace(SHORT, updates=100, plateau_updates=2, plateau_gain=0.01)
    reason = ended(curve(cost, best), config)
    assert reason is not None
    assert reason.startswith("plateau after 6 updates: over the last 2 the mean cost improved by 0.50%")
    assert ended(curve(cost[:4], best[:4]), config) is None
    assert ended(curve(cost, [*best[:5], 0.8]), config) is None


def test_the_time_left_is_that_of_the_updates_without_the_first_which_was_compiled() -> None:
    far = progress_of(curve([1.0] * 6, [1.0] * 6), replace(SHORT, updates=16))
    assert far.seconds_left == pytest.approx(10 * 2.0)
    assert far.episodes_per_s == pytest.approx(SHORT.episodes / 2.0)
    both = progress_of(curve([1.0] * 6, [1.0] * 6), replace(SHORT, updates=16, seconds=25.0))
    assert both.seconds_left == pytest.approx(5.0)
    assert both.done == pytest.approx(20.0 / 25.0)


def logged(folder: Path, tag: str) -> dict[int, float]:
    """Step to value of a tag, read by the rules of TensorFlow's record files; each step is there once."""
    found: dict[int, float] = {}
    for path in folder.iterdir():
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + length])  # after the length and its checksum
            at += 16 + length
            for value in event.summary.value:
                if value.tag == tag:
                    assert event.step not in found
                    found[event.step] = value.simple_value
    return found
