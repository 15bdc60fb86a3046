"""A rewrite is accepted when it is shown to be right, and refused with one line when it is not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from pyverilog.vparser import ast

from loop import rewriting
from loop.rewriting import RewriteRefused, rewrite_design
from rtl import AcceleratorSpec, elaborate
from rtl.rewrite import Draft, Rewrite
from rtl.rewrites import named_rewrite
from rtl.rewrites.operators import AdderStyle
from rtl.rewrites.pipeline import PipelineDepth
from rtl.syntax import Transformer

pytestmark = pytest.mark.eda
SMALL = AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=64)


class Untouched(Rewrite):
    """Writes every module anew, as it is."""

    keeps_cycles: ClassVar[bool] = True

    def apply(self, draft: Draft) -> None:
        for name in draft.modules:
            draft.change(name, _Touch())


class _Touch(Transformer):
    def visit_Identifier(self, node: ast.Identifier) -> ast.Node:
        return ast.Identifier(node.name, node.scope)


@dataclass(frozen=True)
class LosesACarry(AdderStyle):
    """An adder style that takes the sum's highest bit from the wrong place."""

    def apply(self, draft: Draft) -> None:
        super().apply(draft)
        text = draft._added[self.adder]
        draft._added[self.adder] = text.replace("low[LOW] ?", "low[LOW-1] ?")


def test_rewrites_are_accepted_one_after_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every module as pyverilog writes it, another adder, and a stage more: proven, proven, and simulated."""
    monkeypatch.setattr(rewriting, "SIMULATORS", ("icarus",))
    known = {"as it is": Untouched()}
    changes = ["as it is", "adders=carry_select", "pipeline=1"]
    said: list[str] = []
    find = lambda text: known.get(text) or named_rewrite(text)  # noqa: E731
    done = rewrite_design("small", SMALL, changes, tmp_path, 1, 1, said.append, find)
    assert [one["refused"] for one in done] == ["", "", ""]
    assert set(done[0]["modules"]) == {path.stem for path in elaborate(SMALL, tmp_path / "again").logic_sources}
    assert done[0]["proof"]["proven"] > 3000
    assert all(run["passed"] and run["exact"] == run["products"] for run in done[2]["regression"]["runs"])
    assert len(said) == 3
    assert "product <= product_0;" in (tmp_path / "rtl" / "pe.v").read_text()
    assert json.loads((tmp_path / "rewrite.json").read_text())["rewrites"][2]["latency"] == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (LosesACarry("carry_select_adder"), "are not proven to be the same"),
        (PipelineDepth(1, cut=("first",)), "1 of 1 runs failed"),
    ],
    ids=["adder", "pipeline"],
)
def test_a_wrong_rewrite_is_refused_with_one_line(
    wrong: Rewrite, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewriting, "SIMULATORS", ("icarus",))
    with pytest.raises(RewriteRefused, match=said) as error:
        rewrite_design("small", SMALL, ["wrong"], tmp_path, 1, 1, known=lambda _: wrong)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2
    assert not (tmp_path / "rtl").exists()
    assert json.loads((tmp_path / "rewrite.json").read_text())["rewrites"][0]["refused"]


def test_a_macro_split_in_four_holds_the_same_words(tmp_path: Path) -> None:
    done = rewrite_design("small", SMALL, ["banks=4"], tmp_path)
    assert done[0]["proof"]["proven"] == 64 * 32 + 32
