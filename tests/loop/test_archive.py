"""The archive: whole generations only, equal digests for equal results."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from loop.archive import Archive, CurvePoint, Generation, Metric
from loop.errors import LoopError


def generation(number: int = 0, **changes: object) -> Generation:
    base = Generation(
        number=number, parent=number - 1 if number else None, status="kept", spec={"rows": 4}, budget=10,
        verdict={"reason": "first"}, decision={"steps": 12}, stages={"synth": "gen-000/synth"},
        metrics=[Metric(1, "finish__power__total", 0.1, "sta 2"), Metric(2, "finish__power__total", 0.3, "sta 2")],
        curve=[CurvePoint(1, 1.5, 1.4, 3.0, 0.1), CurvePoint(2, 1.25, 1.2, 2.5, 0.01)],
        observations={"rl__seconds": 3.5},
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def test_what_is_added_is_read_back(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "a.sqlite")
    archive.add(generation(0))
    archive.add(generation(1, status="rolled back"))
    first, second = Archive(tmp_path / "a.sqlite").generations()
    assert first == generation(0)
    assert second.status == "rolled back"
    assert first.mean("finish__power__total") == pytest.approx(0.2)
    assert archive.best() == generation(0)


def test_what_is_no_archive_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_text("hello" * 100)
    for wrong in (path, tmp_path):
        with pytest.raises(LoopError, match="move it away and run"):
            Archive(wrong)


def test_a_generation_is_added_whole_or_not_at_all(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "a.sqlite")
    twice = [Metric(1, "x__y__z", 1.0, "t"), Metric(1, "x__y__z", 2.0, "t")]
    with pytest.raises(sqlite3.IntegrityError):
        archive.add(generation(0, metrics=twice))
    assert archive.generations() == []
    archive.add(generation(0))
    assert len(archive.generations()) == 1


def test_the_digest_covers_results_and_not_observations(tmp_path: Path) -> None:
    def digest(name: str, **changes: object) -> str:
        archive = Archive(tmp_path / name)
        archive.add(generation(0, **changes))
        return archive.digest()

    assert digest("a") == digest("b", observations={"rl__seconds": 99.0})
    assert digest("a2") != digest("c", curve=[CurvePoint(1, 1.5), CurvePoint(2, 1.26)])
    assert digest("a3") != digest("d", status="failed")


def test_an_archive_that_kept_only_costs_is_read_and_written_on(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE curve (generation INTEGER NOT NULL, step INTEGER NOT NULL, cost REAL NOT NULL)")
        old.execute("INSERT INTO curve VALUES (0, 1, 1.5)")
    old.close()
    archive = Archive(path)
    archive.add(generation(0, curve=[]))
    archive.add(generation(1))
    first, second = archive.generations()
    assert first.curve == [CurvePoint(1, 1.5, None, None, None)]
    assert second.curve == generation().curve
