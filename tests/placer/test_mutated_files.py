"""Mutated files of each format are read, or refused in one line; ``benchmarks.fuzz`` runs many more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.fuzz import FORMATS, Outcome


@pytest.mark.parametrize("run", FORMATS.values(), ids=FORMATS)
def test_mutated_files_are_read_or_refused_in_one_line(run: Callable[[int, int], Outcome]) -> None:
    outcome = run(300, 1)
    assert outcome.accepted + outcome.refused == 300
    assert outcome.accepted > 10
    assert outcome.refused > 50
