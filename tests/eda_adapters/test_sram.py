"""Generated SRAM macros against the published ones that their figures are fitted to, and as tools read them."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eda_adapters.liberty import read_liberty
from eda_adapters.pdk import Pdk, PdkError, load_pdk, read_pdk
from eda_adapters.sram import SramMacro, generate_sram
from eda_adapters.sram_figures import SramFigures, sram_figures
from placer.formats.lef import read_lef
from rtl.sram import SramShape

SHAPES = (SramShape(64, 32), SramShape(256, 32), SramShape(512, 64), SramShape(2048, 128), SramShape(64, 7))


def available(name: str) -> Pdk:
    try:
        return load_pdk(name)
    except PdkError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=["nangate45", "osu018"])
def pdk(request: pytest.FixtureRequest) -> Pdk:
    return available(request.param)


@pytest.fixture(scope="module")
def macros(pdk: Pdk, tmp_path_factory: pytest.TempPathFactory) -> list[SramMacro]:
    folder = tmp_path_factory.mktemp("sram")
    return [generate_sram(shape, pdk, folder) for shape in SHAPES]


RULES45 = read_pdk("nangate45").sram


def figures45(shape: SramShape) -> SramFigures:
    assert RULES45 is not None
    return sram_figures(shape, RULES45)


PUBLISHED = {  # of fakeram45: pattern in its Liberty file; our figure; largest error of the fit, and its median
    "area": (r"area : ([\d.]+)", 0.30, 0.11),
    "access": (r"cell_rise\(scalar\) \{\s*values \(\"([\d.]+)", 0.08, 0.05),
    "cycle": (r"min_period\s+: ([\d.]+)", 0.17, 0.025),
    "access_energy": (r"pin\(clk\).*?values \(\"([\d.]+)", 0.23, 0.075),
    "leakage": (r"  cell_leakage_power : ([\d.]+)", 0.37, 0.12),
}


@pytest.mark.parametrize("figure", PUBLISHED)
def test_figures_follow_fakeram45(shared: Path, figure: str) -> None:
    pattern, largest, median = PUBLISHED[figure]
    errors = []
    for path in sorted((shared / "pdk" / "fakeram45").glob("*.lib")):
        words, bits = map(int, re.findall(r"\d+", path.stem)[1:])
        match = re.search(pattern, path.read_text(), re.S)
        assert match
        errors.append(getattr(figures45(SramShape(words, bits)), figure) / float(match[1]) - 1)
    assert len(errors) == 26
    assert np.abs(errors).max() <= largest
    assert np.median(np.abs(errors)) <= median


def test_area_of_the_outline_follows_fakeram45(shared: Path, tmp_path: Path) -> None:
    """The outline in the LEF, after rounding and room for the pins, within 40% of the published macro's."""
    pdk = available("nangate45")
    for path in sorted((shared / "pdk" / "fakeram45").glob("*.lef")):
        words, bits = map(int, re.findall(r"\d+", path.stem)[1:])
        if words * bits < 2048:
            continue  # smaller ones are as large as their pins need
        published = next(iter(read_lef(path).macros.values()))
        ours = generate_sram(SramShape(words, bits), pdk, tmp_path)
        assert 0.6 < ours.width * ours.height / (published.width * published.height) < 1.4


def test_energy_agrees_with_horowitz() -> None:
    """10 pJ for 64 bits of an 8 KiB memory at 45 nm (M. Horowitz, ISSCC 2014), within a third."""
    assert figures45(SramShape(1024, 64)).access_energy == pytest.approx(10e3, rel=0.34)


@given(st.sampled_from([64, 128, 256, 512, 1024]), st.integers(4, 128))
@settings(max_examples=60, deadline=None)
def test_more_words_or_bits_cost_more(words: int, bits: int) -> None:
    small = figures45(SramShape(words, bits))
    for shape in (SramShape(2 * words, bits), SramShape(words, bits + 1)):
        large = figures45(shape)
        for name in ("area", "access", "cycle", "access_energy", "leakage"):
            assert getattr(large, name) > getattr(small, name)
        assert 0.5 <= large.aspect <= 2


def test_lef_has_pins_on_tracks(pdk: Pdk, macros: list[SramMacro]) -> None:
    """In orientation N and turned over (FS) the pins lie on the technology's horizontal tracks, inside the outline."""
    library = read_lef(*pdk.lefs, *(macro.lef for macro in macros))
    rules = pdk.sram
    assert rules is not None
    layer = library.layers[rules.pin_layer]
    assert layer.direction == "HORIZONTAL"
    assert layer.pitch is not None
    assert rules.track_pitch == pytest.approx(layer.pitch[1])
    site = library.sites[pdk.site]
    grid = library.manufacturing_grid or 0.005
    for macro in macros:
        lef = library.macros[macro.name]
        assert lef.cls == "BLOCK"
        assert (lef.width, lef.height) == (macro.width, macro.height)
        assert macro.height / site.height == pytest.approx(round(macro.height / site.height))
        assert macro.width / site.width == pytest.approx(round(macro.width / site.width))
        ys = []
        for pin in lef.pins.values():
            for name, x1, y1, x2, y2 in pin.rects:
                assert 0 <= x1 < x2 <= macro.width
                assert 0 <= y1 < y2 <= macro.height
                for value in (x1, y1, x2, y2):
                    assert value / grid == pytest.approx(round(value / grid), abs=1e-4)
                if pin.use in ("SIGNAL", "CLOCK"):
                    assert (name, x1) == (rules.pin_layer, 0.0)
                    ys.append((y1 + y2) / 2)
        tracks = (np.array(ys) - rules.track_offset) / rules.track_pitch
        assert np.allclose(tracks, np.round(tracks), atol=1e-6)
        turned = (macro.height - np.array(ys) - rules.track_offset) / rules.track_pitch
        assert np.allclose(turned, np.round(turned), atol=1e-6)
        assert np.diff(np.sort(tracks)).min() >= 2 - 1e-6
        assert len(ys) == 2 * macro.shape.bits + macro.shape.address_bits + 3
        assert {pdk.power, pdk.ground} < set(lef.pins)
        blocked = {layer for layer, *_ in lef.obs}
        assert blocked == set(rules.blocked_layers)


def test_liberty_fits_the_standard_cells(pdk: Pdk, macros: list[SramMacro]) -> None:
    cells = read_liberty(*pdk.corner.liberty).units
    for macro in macros:
        library = read_liberty(macro.lib)
        units = dataclasses.replace(library.units, max_transition=cells.max_transition)
        assert units == cells
        cell = library.cells[macro.name]
        figures = macro.figures
        assert cell.memory
        assert cell.area == pytest.approx(macro.width * macro.height, rel=1e-4)
        assert cell.leakage == pytest.approx(figures.leakage, rel=1e-4)
        assert len(cell.pins) == 2 * macro.shape.bits + macro.shape.address_bits + 3
        clock = cell.pins["clk"]
        assert clock.clock
        energies = {power.when: power.rise for power in clock.internal_power}
        assert set(energies) == {"ce & we", "ce & !we", "!ce"}
        read = energies["ce & !we"]
        assert read is not None
        assert read.values.item() == pytest.approx(figures.access_energy, rel=1e-4)
        (arc,) = cell.pins["dout[0]"].timing
        least = 0.01 * figures.largest_load
        assert arc.tables["cell_rise"].lookup(0.01, least) == pytest.approx(figures.access, rel=1e-4)
        assert {timing.type for timing in cell.pins["din[1]"].timing} == {"setup_rising", "hold_rising"}


def test_drive_follows_fakeram45(shared: Path) -> None:
    """fakeram45: 0.227 ns from 20% to 80% at 500 fF. Nangate45 counts 30% to 70%."""
    published = read_liberty(next((shared / "pdk" / "fakeram45").glob("*_64x32.lib")))
    table = next(iter(published.cells.values())).pins["rd_out[0]"].timing[0].tables["rise_transition"]
    slope = (table.lookup(0, 500.0) - table.lookup(0, 100.0)) / 400
    resistance = figures45(SramShape(64, 32)).drive_resistance  # kOhm: ps per fF
    assert 1e3 * float(slope) == pytest.approx(np.log(4) * resistance, rel=0.01)


@pytest.mark.eda
def test_opensta_reads_the_liberty_without_a_word(pdk: Pdk, macros: list[SramMacro], tmp_path: Path) -> None:
    if not shutil.which("sta"):
        pytest.skip("no OpenSTA")
    files = [*pdk.corner.liberty, *(macro.lib for macro in macros)]
    (tmp_path / "run.tcl").write_text("".join(f"read_liberty {path}\n" for path in files) + "puts DONE\n")
    command = ["sta", "-no_splash", "-exit", "run.tcl"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert (run.stdout + run.stderr).split() == ["DONE"]


def test_same_text_each_time(pdk: Pdk, macros: list[SramMacro], tmp_path: Path) -> None:
    again = generate_sram(SHAPES[0], pdk, tmp_path)
    assert again.lef.read_text() == macros[0].lef.read_text()
    assert again.lib.read_text() == macros[0].lib.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sram_64x32.lef", "sram_64x32.lib"]


def test_technology_that_has_no_srams(pdk: Pdk, tmp_path: Path) -> None:
    with pytest.raises(PdkError, match="key sram is missing"):
        generate_sram(SHAPES[0], dataclasses.replace(pdk, sram=None), tmp_path)
    assert pdk.sram is not None
    odd = dataclasses.replace(pdk.sram, height_step=1.1 * pdk.sram.track_pitch)
    with pytest.raises(PdkError, match="height_step_um: expected a multiple"):
        generate_sram(SHAPES[0], dataclasses.replace(pdk, sram=odd), tmp_path)
