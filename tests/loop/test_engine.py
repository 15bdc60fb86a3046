"""The engine: the archive follows from the generations, however often it is stopped; nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from loop import engine
from loop.archive import Archive, CurvePoint, Generation, Metric
from loop.config import LoopConfig
from loop.errors import LoopError
from loop.report import write_report


class Silent:
    """A listener that remembers the verdicts."""

    def __init__(self) -> None:
        self.verdicts: list[str] = []

    def stage(self, generation: int, name: str) -> None:
        pass

    def advance(self, done: float, note: str) -> None:
        pass

    def finished(self, cached: bool, note: str) -> None:
        pass

    def verdict(self, generation: int, text: str) -> None:
        self.verdicts.append(text)


class Stopped(Exception):
    """Stands for a kill between two generations."""


def fake(stop_at: int | None = None, shift: float = 0.0, observed: float = 1.0) -> Any:
    """A stand-in for a turn whose figures depend on its number alone."""

    def run(history: Sequence[Generation], config: LoopConfig, store: object, listener: object) -> Generation:
        number = len(history)
        if number == stop_at:
            raise Stopped
        metrics = [
            Metric(seed, name, value * (0.8**number) + seed * 1e-3 + shift, "a tool 1.0")
            for seed in (1, 2, 3)
            for name, value in (("cost__step__dollars__placer_step", 1.0), ("finish__power__total", 0.05))
        ]
        metrics += [Metric(seed, "sim__throughput__tops", 0.01 * (number + 1), "model") for seed in (1, 2, 3)]
        metrics += [Metric(seed, "finish__design__die__area", 2e5 * (number + 1), "model") for seed in (1, 2, 3)]
        metrics += [
            Metric(-1, "place__proxy__total", 0.9, "placer"),
            Metric(-1, "random__place__proxy__total", 1.4, "p"),
        ]
        return Generation(
            number, number - 1 if number else None, "kept", asdict(config.spec), 20, {"reason": "because"},
            {"steps": 20, "reason": "enough", "curve": {"step": [1.0, 2.0], "mean": [1.0, 0.9], "low": [0.9, 0.8],
             "high": [1.1, 1.0]}}, {"synth": f"gen-{number:03d}/synth"}, metrics,
            [CurvePoint(1, 1.0), CurvePoint(2, 0.9)],
            {"sa__place__proxy__total": observed, "sa__seconds": 3.0, "rl__seconds": 3.0},
        )  # fmt: skip

    return run


def run(monkeypatch: pytest.MonkeyPatch, root: Path, turns: Any, generations: int = 3, resume: bool = True) -> str:
    monkeypatch.setattr(engine, "run_generation", turns)
    engine.run_loop(root, LoopConfig(), generations, resume, Silent())
    archive = Archive(root / "archive.sqlite")
    try:
        return archive.digest()
    finally:
        archive.close()


def test_a_stopped_run_ends_as_an_undisturbed_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = run(monkeypatch, tmp_path / "whole", fake())
    for stop in (0, 1, 2):
        with pytest.raises(Stopped):
            run(monkeypatch, tmp_path / "parts", fake(stop_at=stop))
    assert run(monkeypatch, tmp_path / "parts", fake(observed=99.0)) == whole


def test_a_changed_result_sets_the_old_archive_aside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = run(monkeypatch, tmp_path, fake())
    assert run(monkeypatch, tmp_path, fake()) == old
    assert list(tmp_path.glob("archive-*.sqlite")) == []
    new = run(monkeypatch, tmp_path, fake(shift=0.5))
    assert new != old
    (aside,) = tmp_path.glob("archive-*.sqlite")
    kept = Archive(aside)
    assert kept.digest() == old
    kept.close()


def test_a_folder_with_a_run_is_not_overwritten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, tmp_path, fake())
    with pytest.raises(LoopError, match="--resume"):
        run(monkeypatch, tmp_path, fake(), resume=False)
    with pytest.raises(LoopError, match="started with seed = 0"):
        engine.run_loop(tmp_path, replace(LoopConfig(), seed=7), 3, True, Silent())


def test_the_report_holds_the_figures_and_nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, tmp_path, fake(observed=0.8))
    html, markdown = (path.read_text() for path in write_report(tmp_path))
    for text in (html, markdown):
        assert "because" in text
        assert "simulated annealing (0.8000), then the RL policy (0.9000), then random legal placement (1.4000)" in text
        assert "a tool 1.0" in text
    assert html.count("<svg") >= 5
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*', html) == []
    assert "<script" not in html
    assert "<link" not in html
    with pytest.raises(LoopError, match="no such archive"):
        write_report(tmp_path / "nothing")
