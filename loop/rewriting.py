"""``chiploop rtl rewrite``: a design's Verilog written anew, each change accepted only when it is shown to be right."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eda_adapters.equivalence import equivalence
from loop.errors import LoopError
from loop.store import write_atomically
from rtl import AcceleratorSpec, Design, elaborate
from rtl.rewrite import Rewrite, Rewritten, rewrite
from rtl.rewrites import named_rewrite
from sim.regression import MATRIX, regress
from sim.simulator import SIMULATORS

Acceptance = dict[str, Any]


class RewriteRefused(LoopError):
    """A rewrite that could not be shown to be right."""


def rewrite_design(
    name: str,
    spec: AcceleratorSpec,
    changes: Sequence[str],
    out: Path,
    seeds: int = 2,
    jobs: int = 2,
    progress: Callable[[str], None] = lambda _: None,
    known: Callable[[str], Rewrite] = named_rewrite,
) -> list[Acceptance]:
    """Write a design anew, one change after another, and leave it in ``out``/rtl when all are accepted.

    One that is to keep every cycle needs Yosys's proof of that, against the design before it; any other the benches
    in all simulators with several seeds, bit for bit and cycle for cycle.

    Args:
        name: of the design.
        spec: what it is made from.
        changes: names of rewrites, as ``adders=ripple``.
        out: folder; ``rewrite.json`` in it says of each change what it did and what was found, refused ones included.
        seeds: of a regression, from 1 on.
        jobs: runs of a regression at a time.
        progress: is told of each change that is accepted.
        known: what a name means.

    Returns:
        What ``rewrite.json`` has of each change.

    Raises:
        LoopError: there is no change.
        RewriteError: there is no such rewrite, or it has nothing to change.
        RewriteRefused: a change could not be shown to be right; ``out``/rtl is not written.
        ToolError: a tool is missing, fails, or runs past its limit.
    """
    if not changes:
        raise LoopError("there is no rewrite to do: give one, as adders=ripple")
    wanted = [known(text) for text in changes]
    final = out / "rtl"
    shutil.rmtree(final, ignore_errors=True)
    (out / "rewrite.json").unlink(missing_ok=True)
    design = elaborate(spec, out / "before")
    done: list[Acceptance] = []
    for i, (text, change) in enumerate(zip(changes, wanted, strict=True), 1):
        folder = out / f"{i}-{text}"
        shutil.rmtree(folder, ignore_errors=True)
        found = rewrite(design, change, folder / "rtl")
        judge = _proven if change.keeps_cycles else _regressed
        why, evidence = judge(name, design, found, folder, seeds, jobs)
        done.append(
            {"rewrite": text, "modules": found.modules, "latency": found.design.latency, "refused": why} | evidence
        )
        write_atomically(out / "rewrite.json", json.dumps({"design": name, "rewrites": done}, indent=1) + "\n")
        if why:
            raise RewriteRefused(f"{text} on {name} is refused: {why}; files: {folder}")
        progress(f"{text}: {said(done[-1])}")
        design = found.design
    shutil.copytree(design.sources[0].parent, final)
    return done


def said(done: Acceptance) -> str:
    """One line: what an accepted rewrite was accepted on."""
    if proof := done.get("proof"):
        return f"{proof['proven']} signals proven to be the same in every cycle ({proof['tool']})"
    runs = done["regression"]["runs"]
    return f"{len(runs)} runs of the benches passed, products take {done['latency']} cycles more"


def _proven(
    name: str, before: Design, after: Rewritten, folder: Path, seeds: int, jobs: int
) -> tuple[str, dict[str, Any]]:
    """Why a rewrite is not proven to keep every cycle, empty if it is; and the proof."""
    found = equivalence(before, after.design, folder / "proof", after.modules, after.moved)
    why = ""
    if not found.holds:
        total = found.proven + len(found.unproven)
        why = f"{len(found.unproven)} of {total} signals are not proven to be the same, as {found.unproven[0]}"
    return why, {"proof": asdict(found) | {"unproven": found.unproven[:10]}}


def _regressed(
    name: str, before: Design, after: Rewritten, folder: Path, seeds: int, jobs: int
) -> tuple[str, dict[str, Any]]:
    """Why a rewrite failed in the benches, empty if it passed all; and the regression."""
    simulators = dict(MATRIX).get(name, SIMULATORS)
    numbers = range(1, seeds + 1)
    found = regress(folder, numbers, jobs, [(name, simulators)], elaborated={name: after.design})
    failed = [run for run in found.runs if not run.passed]
    why = f"{len(failed)} of {len(found.runs)} runs failed, the first: {failed[0].failure}" if failed else ""
    return why, {"regression": asdict(found)}
