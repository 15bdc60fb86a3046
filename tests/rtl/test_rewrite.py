from __future__ import annotations

from pathlib import Path

import pytest

from rtl import AcceleratorSpec, SramShape, elaborate
from rtl.rewrite import RewriteError, rewrite
from rtl.rewrites import REWRITES, named_rewrite
from rtl.syntax import read_verilog, to_verilog

SMALL = AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=64)
BFLOAT16 = AcceleratorSpec(dataflow="output_stationary", operands="bfloat16", act_banks=2, weight_banks=2, edge="axi4")
WITH_VECTOR = AcceleratorSpec(edge="dma", vector=True)


@pytest.mark.parametrize("spec", [SMALL, BFLOAT16, WITH_VECTOR], ids=["int8", "bfloat16", "vector"])
def test_what_is_written_reads_as_the_same_tree(spec: AcceleratorSpec, tmp_path: Path) -> None:
    for path in elaborate(spec, tmp_path / "before").sources:
        tree = read_verilog(path)
        again = tmp_path / path.name
        again.write_text(to_verilog(tree))
        assert read_verilog(again) == tree
        assert again.read_text().count("+:") == path.read_text().count("+:")


CHANGED = {
    "adders=ripple": {"pe", "result_scratchpad", "ripple_adder"},
    "adders=carry_select": {"pe", "result_scratchpad", "carry_select_adder"},
    "multipliers=carry_save": {"operand_multiplier", "carry_save_multiplier"},
    "banks=4": {"sram_bank"},
    "pipeline=2": {"pe", "accelerator"},
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_rewrite_changes_what_it_is_for(name: str, tmp_path: Path) -> None:
    before = elaborate(SMALL, tmp_path / "before")
    found = rewrite(before, named_rewrite(name), tmp_path / "after")
    assert set(found.modules) == CHANGED[name]
    new = {name for name in found.modules if name.endswith(("_adder", "_multiplier"))} - {"operand_multiplier"}
    now = {path.stem: path.read_text() for path in found.design.logic_sources}
    assert set(now) - {path.stem for path in before.logic_sources} <= new
    for path in before.logic_sources:
        assert (now[path.stem] == path.read_text()) == (path.stem not in found.modules)


def test_banks_are_counted_and_hold_every_word_once(tmp_path: Path) -> None:
    before = elaborate(SMALL, tmp_path / "before")
    twice = rewrite(before, named_rewrite("banks=2"), tmp_path / "once")
    again = rewrite(twice.design, named_rewrite("banks=2"), tmp_path / "twice")
    assert again.design.srams == {SramShape(16, 32): 4 * before.srams[SramShape(64, 32)]}
    assert [path.stem for path in again.design.sram_models] == ["sram_16x32"]
    assert [(w.before, w.after, w.first) for w in again.moved] == [
        ("macro_0", "macro_0_0", 0),
        ("macro_0", "macro_0_1", 16),
        ("macro_1", "macro_1_0", 0),
        ("macro_1", "macro_1_1", 16),
    ]
    assert sum(w.words for w in again.moved) == 64


def test_a_deeper_pipeline_is_waited_for(tmp_path: Path) -> None:
    before = elaborate(BFLOAT16, tmp_path / "before")
    deep = rewrite(before, named_rewrite("pipeline=3"), tmp_path / "after").design
    assert deep.latency == 3
    text = (tmp_path / "after" / "pe.v").read_text()
    assert "product <= product_2;" in text
    assert "first_product <= first_product_2;" in text
    top = (tmp_path / "after" / "accelerator.v").read_text()
    assert f".DRAIN({before.parameters['DRAIN'] + 3})" in top
    assert f".RESULT_DELAY({before.parameters['RESULT_DELAY'] + 3})" in top


@pytest.mark.parametrize(
    ("name", "spec", "said"),
    [
        ("banks=8", SMALL, "64 words in 8 banks: a macro has at least 16 words"),
        ("pipeline=1", AcceleratorSpec(edge="dma"), "give edge = bus or axi4"),
    ],
)
def test_a_rewrite_without_anything_to_change_says_so(
    name: str, spec: AcceleratorSpec, said: str, tmp_path: Path
) -> None:
    with pytest.raises(RewriteError, match=said) as error:
        rewrite(elaborate(spec, tmp_path / "before"), named_rewrite(name), tmp_path / "after")
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_a_style_that_is_there_already_leaves_nothing_to_change(tmp_path: Path) -> None:
    change = named_rewrite("multipliers=carry_save")
    once = rewrite(elaborate(SMALL, tmp_path / "before"), change, tmp_path / "once").design
    with pytest.raises(RewriteError, match="nothing in this design that a carry_save_multiplier could stand for"):
        rewrite(once, change, tmp_path / "twice")


@pytest.mark.parametrize("text", ["adders", "adders=fast", "latency=1", "pipeline=0", ""])
def test_an_unknown_rewrite_names_all_there_are(text: str) -> None:
    with pytest.raises(RewriteError) as error:
        named_rewrite(text)
    assert all(name in str(error.value) for name in REWRITES)
