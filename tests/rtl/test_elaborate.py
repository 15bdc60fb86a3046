from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from rtl import AcceleratorSpec, RtlError, SramShape, elaborate, sram_blackbox, sram_model
from rtl.elaborate import SOURCES

WIDE = AcceleratorSpec(rows=8, cols=16, act_banks=2, weight_banks=4, result_banks=16, bus_bits=64)


def test_design_says_what_it_is_made_of(tmp_path: Path) -> None:
    design = elaborate(WIDE, tmp_path)
    assert design.top == "accelerator"
    assert design.srams == {SramShape(256, 64): 22}
    assert {path.stem for path in design.sources} >= {"accelerator", "gemm_accelerator", "sram_bank", "sram_256x64"}
    assert [path.name for path in design.sram_models] == ["sram_256x64.v"]
    assert set(design.sources) == {*design.logic_sources, *design.sram_models}
    assert all(path.parent == tmp_path for path in design.sources)


def test_elaboration_is_reproducible(tmp_path: Path) -> None:
    first, second = elaborate(WIDE, tmp_path / "a"), elaborate(WIDE, tmp_path / "b")
    assert [p.read_text() for p in first.sources] == [p.read_text() for p in second.sources]


def test_every_file_has_one_module_of_its_name(tmp_path: Path) -> None:
    for path in elaborate(WIDE, tmp_path).sources:
        assert re.findall(r"^module (\w+)", path.read_text(), re.MULTILINE) == [path.stem]


def test_an_option_that_is_not_chosen_leaves_no_text(tmp_path: Path) -> None:
    plain = AcceleratorSpec(edge="dma")
    without, having = elaborate(plain, tmp_path / "a"), elaborate(replace(plain, vector=True), tmp_path / "b")
    more = {path.name for path in having.sources} - {path.name for path in without.sources}
    assert "vector_engine.v" in more
    assert all(name.startswith("vector_") for name in more)
    for path in without.sources:
        assert not re.search("`(ifdef|else|endif)|vector_engine", path.read_text()), path
    assert not any(re.search("`(ifdef|else|endif)", path.read_text()) for path in having.sources)
    assert having.srams[SramShape(256, 32)] == without.srams[SramShape(256, 32)] + 1


def test_model_and_black_box_have_the_same_ports() -> None:
    shape = SramShape(512, 32)
    ports = [
        re.findall(r"(?:input|output) +(?:wire|reg) *(\[\S+\])? +(\w+)", text)
        for text in (sram_model(shape), sram_blackbox(shape))
    ]
    assert ports[0] == ports[1]
    assert [name for _, name in ports[0]] == ["clk", "ce", "we", "addr", "din", "dout"]
    assert ("[8:0]", "addr") in ports[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [("wire [1:0] space;", "wire [1:0 space;"), ("assign granted =", "assign granted"), ("endmodule", "")],
)
def test_a_syntax_error_is_one_line_with_its_place(tmp_path: Path, old: str, new: str) -> None:
    sources = tmp_path / "sources"
    shutil.copytree(SOURCES, sources)
    path = sources / "bus_port.v"
    before, _, after = path.read_text().partition(old)
    path.write_text(before + new + after)
    with pytest.raises(RtlError) as error:
        elaborate(AcceleratorSpec(), tmp_path / "out", sources)
    message = str(error.value)
    assert "\n" not in message
    assert error.value.exit_code == 2
    if new:
        line = 1 + before.count("\n")
        assert re.search(rf"bus_port\.v:({line}|{line + 1}): Verilog syntax error", message)
    else:
        assert "bus_port.v: Verilog syntax error at end of input" in message
