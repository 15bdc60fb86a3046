"""The equivalence proof: it takes a rewrite that keeps every cycle, and refuses one that does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from eda_adapters.equivalence import equivalence
from rtl import AcceleratorSpec, elaborate
from tests.rewritten import rewritten

pytestmark = pytest.mark.eda
SPEC = AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=64)
CARRY = "        carry <= ~clear & (low == (count ? 16'hFFFE : 16'hFFFF));\n"
HALVES = "value <= {value[31:16] + {15'd0, carry}, low + 16'd1};"


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        (((HALVES, "value <= value + 1'b1;"), (CARRY, "")), ""),
        (((CARRY, CARRY.replace("FFFE", "FFFD")),), "carry"),
    ],
    ids=["one counter", "carry too early"],
)
def test_a_rewrite_is_proven_or_refused(tmp_path: Path, changes: tuple[tuple[str, str], ...], differs: str) -> None:
    """A counter in one piece is the same as one in two halves; a carry that comes early is found."""
    gold = elaborate(SPEC, tmp_path / "gold")
    gate = elaborate(SPEC, tmp_path / "gate", rewritten(tmp_path / "sources", "cycle_counter.v", *changes))
    found = equivalence(gold, gate, tmp_path / "proof", ["cycle_counter"])
    assert found.modules == ("cycle_counter",)
    assert found.proven + len(found.unproven) >= 32
    assert found.holds == (not differs)
    assert all(differs in name for name in found.unproven), found.unproven
