"""Mutated inputs of the EDA side are read, or refused in one line; ``benchmarks.fuzz_eda`` runs many more."""

from __future__ import annotations

import pytest

from benchmarks.fuzz_eda import FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files_are_read_or_refused(name: str) -> None:
    outcome = FORMATS[name](200, 1)
    assert outcome.accepted + outcome.refused == 200
    assert outcome.refused > 50
