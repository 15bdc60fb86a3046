"""Stages on disk: each is keyed by the content of its inputs, done once, and never half-written.

A stage runs in ``<folder>.partial`` and is renamed when it is complete; ``stage.json`` inside it holds its key.
A stage whose key is already there, in this generation or in another one of the run, is not run again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from loop.errors import LoopError

ROOT = Path(__file__).resolve().parents[1]
SOURCES = (".py", ".v", ".toml", ".tcl")


@cache
def source_hash(folder: str) -> str:
    """Hash of the sources of one of our folders: a changed program makes its old results stale."""
    digest = hashlib.sha256()
    for path in sorted(p for p in (ROOT / folder).rglob("*") if p.suffix in SOURCES):
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def content_key(stage: str, inputs: Mapping[str, Any], folders: tuple[str, ...]) -> str:
    """Key of a stage: its name, its inputs (plain values, keys of other stages) and the sources that it runs."""
    text = json.dumps(
        {"stage": stage, "inputs": inputs, "sources": {f: source_hash(f) for f in folders}}, sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Stage:
    """A finished stage: its folder, its key, what it returned and whether it was there already."""

    folder: Path
    key: str
    result: dict[str, Any]
    cached: bool


class Store:
    """The stages of one run folder.

    Args:
        root: the run folder.
        reuse: take over finished stages and the partial work of an interrupted one.
    """

    def __init__(self, root: Path, reuse: bool = True) -> None:
        self.root = root.resolve()
        self.reuse = reuse
        self.index: dict[str, Path] = {}
        for path in sorted(self.root.glob("gen-*/*/stage.json")):
            if not path.parent.name.endswith((".partial", ".failed")):
                self.index[read_record(path)["key"]] = path.parent

    def done(self, folder: Path) -> Stage:
        """A finished stage, by its folder."""
        record = read_record(folder / "stage.json")
        return Stage(folder, record["key"], record["result"], cached=True)

    def run(
        self,
        generation: int,
        name: str,
        inputs: Mapping[str, Any],
        folders: tuple[str, ...],
        work: Callable[[Path], dict[str, Any]],
    ) -> Stage:
        """Return the finished stage, running ``work(folder)`` only where its key is not there yet.

        ``work`` returns plain values (JSON). Where it fails, its folder is kept as ``<name>.failed`` for a look;
        where the process is killed, ``<name>.partial`` stays, and ``work`` finds it again under the same key.
        """
        key = content_key(name, inputs, folders)
        done = self.index.get(key)
        if self.reuse and done is not None:
            return self.done(done)
        target = self.root / f"gen-{generation:03d}" / name
        partial = target.with_name(name + ".partial")
        marker = partial / "key"
        if partial.exists() and not (self.reuse and marker.exists() and marker.read_text() == key):
            shutil.rmtree(partial)
        partial.mkdir(parents=True, exist_ok=True)
        marker.write_text(key)
        started = time.monotonic()
        try:
            result = work(partial)
        except Exception:
            failed = target.with_name(name + ".failed")
            shutil.rmtree(failed, ignore_errors=True)
            partial.rename(failed)
            raise
        record = {"key": key, "inputs": inputs, "result": result, "seconds": time.monotonic() - started}
        write_atomically(partial / "stage.json", json.dumps(record, indent=1, sort_keys=True))
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
        self.index[key] = target
        return Stage(target, key, json.loads(json.dumps(result)), cached=False)


def read_record(path: Path) -> dict[str, Any]:
    """A JSON object that a run wrote for itself; LoopError if something has damaged it since."""
    try:
        found = json.loads(path.read_text())
        if not isinstance(found, dict):
            raise ValueError("not an object")
    except ValueError as error:
        raise LoopError(f"{path}: damaged ({error}); remove it and run again") from error
    return found


def write_atomically(path: Path, data: str | bytes) -> None:
    """Write a file so that a reader sees the old contents or the new ones, whole."""
    partial = path.with_name(path.name + ".writing")
    with partial.open("wb") as out:
        out.write(data.encode() if isinstance(data, str) else data)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(path)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the run folder for this process alone; the lock goes with the process, however it ends.

    Raises:
        LoopError: another process works in the folder.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise LoopError(
                f"{root}: another chiploop (process {holder}) works in this run folder; "
                "wait for it, stop it, or name another folder with --run"
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
