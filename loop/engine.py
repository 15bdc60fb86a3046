"""The main job: turn after turn, each replayed from its stages where they are there, and recorded in the archive.

A run is a function of its configuration and of the programs. ``run_loop`` always walks through it from the first
generation; stages that are done are only looked up. So an interrupted run goes on where it was, a finished one ends at
once, and one whose programs have changed since redoes just what they touch; its old archive is set aside, not deleted.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from loop.archive import Archive, Generation
from loop.config import LoopConfig, pin
from loop.errors import LoopError
from loop.generation import run_generation
from loop.progress import Listener
from loop.store import Store, locked


def run_loop(root: Path, config: LoopConfig, generations: int, resume: bool, listener: Listener) -> list[Generation]:
    """Run the loop until it has the given number of generations and return them.

    Args:
        root: the run folder; it is made.
        config: what to do; a run folder belongs to one configuration.
        generations: how many in all, the first included. Fewer where the governor has nothing left to try.
        resume: go on with a folder that already holds generations.
        listener: hears of the progress.

    Raises:
        LoopError: the folder is in use, holds another configuration, or holds a run and ``resume`` is not set.
        ToolError: a tool is missing or failed; what was finished stays, and a later call goes on from there.
    """
    with locked(root):
        database = root / "archive.sqlite"
        if database.exists() and not resume:
            raise LoopError(f"{database}: this folder holds a run; add --resume to go on, or name another --run")
        pin(config, root / "config.json")
        archive = Archive(database)
        try:
            recorded = archive.generations()
            store = Store(root)
            history: list[Generation] = []
            while len(history) < generations:
                generation = run_generation(history, config, store, listener)
                if generation is None:
                    listener.verdict(len(history), "nothing is left to try: every neighbour has been judged")
                    break
                number = len(history)
                if number < len(recorded) and not _same(recorded[number], generation):
                    archive = _set_aside(archive, history)
                    recorded = []
                if number >= len(recorded):
                    archive.add(generation)
                listener.verdict(number, f"{generation.status}: {generation.verdict['reason']}")
                history.append(generation)
            return archive.generations()
        finally:
            archive.close()


def _same(a: Generation, b: Generation) -> bool:
    def results(g: Generation) -> Generation:
        ordered = sorted(g.metrics, key=lambda m: (m.name, m.seed))
        return replace(g, metrics=ordered, curve=list(g.curve), observations=None)

    return results(a) == results(b)


def _set_aside(archive: Archive, history: list[Generation]) -> Archive:
    """Keep the archive under a name of its own, and begin a new one with what still holds."""
    old = archive.path
    name = old.with_name(f"archive-{archive.digest()[:12]}.sqlite")
    archive.close()
    old.replace(name)
    fresh = Archive(old)
    for generation in history:
        fresh.add(generation)
    return fresh
