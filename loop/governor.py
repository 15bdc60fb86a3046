"""The governor: which accelerator next?

Neighbours of the best generation so far, the one first that a cheap estimate likes best. The estimate only orders the
candidates; it refuses none, so that a wrong estimate costs time and not the search space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any

from loop.archive import Generation
from loop.config import Limits
from loop.constitution import allows
from rtl import AcceleratorSpec, SpecError

CLOCK_STEP = 1.25  # ratio of two neighbouring clock targets


def neighbours(spec: AcceleratorSpec) -> list[AcceleratorSpec]:
    """Valid specs one step away: a side or a capacity doubled or halved, the clock target a step up or down.

    Doubling a side keeps the words per lane, so that the scratchpads grow with the array.
    """
    changes: list[dict[str, Any]] = []
    for factor in (Fraction(2), Fraction(1, 2)):

        def scaled(*names: str, factor: Fraction = factor) -> dict[str, int]:
            return {name: int(getattr(spec, name) * factor) for name in names}

        rows = scaled("rows", "act_banks")
        cols = scaled("cols", "weight_banks", "result_banks")
        changes += [rows, cols, rows | cols]
        changes += [scaled(name) for name in ("act_banks", "weight_banks", "result_banks", "words_per_bank", "tiles")]
    changes += [{"clock_ns": round(spec.clock_ns * ratio, 3)} for ratio in (1 / CLOCK_STEP, CLOCK_STEP)]
    found = []
    for change in changes:
        try:
            found.append(replace(spec, **change))
        except SpecError:
            continue
    return found


def propose(
    archive: Sequence[Generation],
    budget: int,
    limits: Limits,
    estimate: Callable[[AcceleratorSpec], float],
) -> AcceleratorSpec | None:
    """The next spec: the untried neighbour of the best kept generation with the lowest estimated price.

    Where all its neighbours have been tried, those of its ancestors follow. None: nothing is left to try.
    """
    tried = [asdict(AcceleratorSpec(**g.spec)) for g in archive]
    for parent in _kept(archive):
        here = AcceleratorSpec(**parent.spec)
        fresh = [s for s in neighbours(here) if asdict(s) not in tried and allows(s, budget, limits)]
        if fresh:
            return min(fresh, key=lambda s: (estimate(s), s.content_hash))
    return None


def _kept(archive: Sequence[Generation]) -> Iterable[Generation]:
    return (g for g in reversed(archive) if g.status == "kept")
