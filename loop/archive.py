"""The archive: every generation with its lineage, figures and verdict, in one SQLite file. Nothing is deleted.

Two kinds of figures are kept apart. *Results* follow from the seed and the inputs: two runs of the same loop have equal
ones, however often they were interrupted, and ``digest`` covers them. *Observations* (wall-clock times, and what was
given the same wall-clock time) depend on the machine's mood and stand beside them.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from loop.errors import LoopError

Status = Literal["kept", "rolled back", "failed"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS generation (
  number INTEGER PRIMARY KEY, parent INTEGER REFERENCES generation(number), status TEXT NOT NULL,
  spec TEXT NOT NULL, budget INTEGER NOT NULL, verdict TEXT NOT NULL, decision TEXT NOT NULL, stages TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS metric (
  generation INTEGER NOT NULL REFERENCES generation(number), seed INTEGER NOT NULL, name TEXT NOT NULL,
  value REAL NOT NULL, tool TEXT NOT NULL, PRIMARY KEY (generation, seed, name));
CREATE TABLE IF NOT EXISTS curve (
  generation INTEGER NOT NULL REFERENCES generation(number), step INTEGER NOT NULL, cost REAL NOT NULL,
  best REAL, entropy REAL, kl REAL, PRIMARY KEY (generation, step));
CREATE TABLE IF NOT EXISTS observation (
  generation INTEGER NOT NULL REFERENCES generation(number), name TEXT NOT NULL, value REAL NOT NULL,
  PRIMARY KEY (generation, name));
"""


@dataclass(frozen=True)
class Metric:
    """One figure of one generation. ``seed`` is that of the implementation, -1 where no seed enters."""

    seed: int
    name: str  # METRICS2.1: stage__category__name__modifier
    value: float
    tool: str  # the tool, with version, that gave it


class CurvePoint(NamedTuple):
    """One update of the placer's policy; what an archive of an older version did not keep is None."""

    step: int
    cost: float  # mean proxy cost of the update's episodes
    best: float | None = None  # least so far
    entropy: float | None = None  # nats per step
    kl: float | None = None  # nats per step, of the policy before to that after


@dataclass(frozen=True)
class Generation:
    """One turn of the loop.

    Attributes:
        number: 0, 1, 2 ...
        parent: the generation it was derived from, None for the first.
        status: kept, rolled back, or failed (a stage found the design infeasible or wrong).
        spec: the accelerator's parameters.
        budget: training steps (policy updates) that its placer was given.
        verdict: what the gate said, with its numbers.
        decision: the next training budget, and why.
        stages: name of each stage to its folder, relative to the run folder.
        metrics, curve: figures per seed; the placer's learning.
        observations: figures that depend on wall-clock time.
    """

    number: int
    parent: int | None
    status: Status
    spec: Mapping[str, Any]
    budget: int
    verdict: Mapping[str, Any]
    decision: Mapping[str, Any]
    stages: Mapping[str, str]
    metrics: Sequence[Metric] = ()
    curve: Sequence[CurvePoint] = ()
    observations: Mapping[str, float] | None = None

    def values(self, name: str) -> dict[int, float]:
        """Seed to value of one metric."""
        return {m.seed: m.value for m in self.metrics if m.name == name}

    def mean(self, name: str) -> float | None:
        """Mean of a metric over seeds; None where this generation has no such figure."""
        values = list(self.values(name).values())
        return sum(values) / len(values) if values else None


class Archive:
    """The generations of one run, oldest first; LoopError for a file that is no archive or cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.connection = sqlite3.connect(path)
            self.connection.execute("PRAGMA synchronous = FULL")
            self.connection.executescript(SCHEMA)
            kept = {name for _, name, *_ in self.connection.execute("PRAGMA table_info(curve)")}
            for column in CurvePoint._fields:
                if column not in kept:  # an archive of an older version
                    self.connection.execute(f"ALTER TABLE curve ADD COLUMN {column} REAL")
        except sqlite3.DatabaseError as error:
            raise LoopError(
                f"{path}: cannot be used ({error}); if it is damaged, move it away and run `chiploop loop --run"
                f" {path.parent} --resume`: an archive is made anew from the stages that are done"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def add(self, generation: Generation) -> None:
        """Add a generation, whole or not at all."""
        g = generation
        with self.connection as db:
            row = (json.dumps(x, sort_keys=True) for x in (g.verdict, g.decision, g.stages))
            spec = json.dumps(g.spec, sort_keys=True)
            db.execute(
                "INSERT INTO generation VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (g.number, g.parent, g.status, spec, g.budget, *row),
            )
            db.executemany(
                "INSERT INTO metric VALUES (?, ?, ?, ?, ?)",
                [(g.number, m.seed, m.name, m.value, m.tool) for m in g.metrics],
            )
            db.executemany("INSERT INTO curve VALUES (?, ?, ?, ?, ?, ?)", [(g.number, *point) for point in g.curve])
            db.executemany(
                "INSERT INTO observation VALUES (?, ?, ?)",
                [(g.number, name, value) for name, value in (g.observations or {}).items()],
            )

    def generations(self) -> list[Generation]:
        """All generations, oldest first."""
        db = self.connection
        found = []
        for row in db.execute("SELECT * FROM generation ORDER BY number").fetchall():
            number, parent, status, spec, budget, verdict, decision, stages = row
            metrics = [
                Metric(*m)
                for m in db.execute(
                    "SELECT seed, name, value, tool FROM metric WHERE generation = ? ORDER BY name, seed",
                    (number,),
                )
            ]
            columns = ", ".join(CurvePoint._fields)
            curve = db.execute(f"SELECT {columns} FROM curve WHERE generation = ? ORDER BY step", (number,))
            seen = db.execute("SELECT name, value FROM observation WHERE generation = ?", (number,))
            found.append(
                Generation(
                    number, parent, status, json.loads(spec), budget, json.loads(verdict), json.loads(decision),
                    json.loads(stages), metrics, [CurvePoint(*row) for row in curve], dict(seen.fetchall()),
                )
            )  # fmt: skip
        return found

    def best(self) -> Generation | None:
        """The incumbent: the last generation that was kept."""
        kept = [g for g in self.generations() if g.status == "kept"]
        return kept[-1] if kept else None

    def digest(self) -> str:
        """Hash of all results (not of observations): equal for runs that are equal."""
        digest = hashlib.sha256()
        for table, order in (
            ("generation", "number"),
            ("metric", "generation, name, seed"),
            ("curve", "generation, step"),
        ):
            for row in self.connection.execute(f"SELECT * FROM {table} ORDER BY {order}"):
                digest.update(repr(row).encode())
        return digest.hexdigest()
