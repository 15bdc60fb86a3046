"""Stages: done once, never half-written, found again after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loop.errors import LoopError
from loop.store import Store, content_key, locked


def _work(log: list[str], text: str = "result") -> Any:
    def work(folder: Path) -> dict[str, Any]:
        log.append(text)
        (folder / "out.txt").write_text(text)
        return {"text": text}

    return work


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    stage = Store(tmp_path).run(0, "synth", {"a": 1}, (), _work([]))
    record = stage.folder / "stage.json"
    for text in ("{", "[]"):
        record.write_text(text)
        with pytest.raises(LoopError, match=r"stage\.json: damaged \(.*\); remove it and run again"):
            Store(tmp_path)
    record.unlink()
    log: list[str] = []
    assert not Store(tmp_path).run(0, "synth", {"a": 1}, (), _work(log)).cached
    assert log


def test_a_stage_runs_once_for_equal_inputs(tmp_path: Path) -> None:
    log: list[str] = []
    first = Store(tmp_path).run(0, "synth", {"a": 1}, (), _work(log))
    again = Store(tmp_path).run(0, "synth", {"a": 1}, (), _work(log))
    elsewhere = Store(tmp_path).run(3, "synth", {"a": 1}, (), _work(log))
    assert log == ["result"]
    assert (first.cached, again.cached, elsewhere.cached) == (False, True, True)
    assert first.result == again.result == elsewhere.result == {"text": "result"}


def test_other_inputs_run_again(tmp_path: Path) -> None:
    log: list[str] = []
    store = Store(tmp_path)
    store.run(0, "synth", {"a": 1}, (), _work(log, "one"))
    assert store.run(0, "synth", {"a": 2}, (), _work(log, "two")).result == {"text": "two"}
    assert log == ["one", "two"]


def test_the_key_depends_on_stage_inputs_and_sources() -> None:
    keys = {
        content_key("a", {"x": 1}, ()),
        content_key("b", {"x": 1}, ()),
        content_key("a", {"x": 2}, ()),
        content_key("a", {"x": 1}, ("rtl",)),
    }
    assert len(keys) == 4


def test_a_failed_stage_is_kept_apart_and_runs_again(tmp_path: Path) -> None:
    def fail(folder: Path) -> dict[str, Any]:
        (folder / "tool.log").write_text("what the tool said")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        Store(tmp_path).run(0, "sta", {}, (), fail)
    assert (tmp_path / "gen-000" / "sta.failed" / "tool.log").exists()
    assert not (tmp_path / "gen-000" / "sta").exists()
    assert not Store(tmp_path).run(0, "sta", {}, (), _work([])).cached


def test_partial_work_is_found_again_under_the_same_key_only(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from loop.store import Store\n"
        "def work(folder):\n    (folder / 'checkpoint').write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
        "Store(Path(sys.argv[1])).run(0, 'train', {'a': 1}, (), work)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, cwd=os.getcwd())
    assert killed.returncode == -signal.SIGKILL
    seen: list[bool] = []

    def work(folder: Path) -> dict[str, Any]:
        seen.append((folder / "checkpoint").exists())
        return {}

    Store(tmp_path, reuse=True).run(0, "train", {"a": 1}, (), work)
    assert seen == [True]
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "other")], check=False, cwd=os.getcwd())
    Store(tmp_path / "other").run(0, "train", {"a": 2}, (), work)
    assert seen == [True, False]


def test_a_stage_file_holds_key_inputs_and_result(tmp_path: Path) -> None:
    stage = Store(tmp_path).run(0, "synth", {"a": 1}, (), _work([]))
    record = json.loads((stage.folder / "stage.json").read_text())
    assert record["key"] == stage.key
    assert record["inputs"] == {"a": 1}
    assert record["result"] == stage.result


def test_two_loops_on_one_folder_are_refused(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(LoopError, match=str(os.getpid())), locked(tmp_path):
        pass
    with locked(tmp_path):  # the lock is free again
        pass
