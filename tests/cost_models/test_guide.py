from __future__ import annotations

import doctest
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "cost_model.md"


def test_the_guide_says_what_the_code_does() -> None:
    found = doctest.testfile(str(GUIDE), module_relative=False)
    assert found.attempted > 15
    assert not found.failed
