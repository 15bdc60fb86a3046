"""The whole back half on a real design: strict legality, files that other tools read, answers that follow placement."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from eda_adapters.floorplan import core_of, floorplan
from eda_adapters.implement import Ppa, implement, snap_macros
from eda_adapters.liberty import read_liberty
from eda_adapters.pdk import load_pdk
from eda_adapters.power_model import PowerModel
from eda_adapters.repeaters import read_repeaters, repeated
from eda_adapters.spef import read_net_capacitance
from eda_adapters.synthesis import Synthesis, synthesize
from placer.baselines.random_legal import random_legal
from placer.formats.def_ import read_def
from placer.formats.lef import LefLibrary, read_lef
from placer.netlist import InputError, Netlist, NodeKind, Placement
from rtl import AcceleratorSpec, elaborate

pytestmark = pytest.mark.eda
PDK = load_pdk("nangate45")


@dataclass(frozen=True)
class Case:
    synthesis: Synthesis
    library: LefLibrary
    netlist: Netlist
    placement: Placement
    ppa: Ppa


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("accelerator")
    synthesis = synthesize(elaborate(AcceleratorSpec(words_per_bank=64), folder / "rtl"), PDK, folder / "synth", 2.0)
    library = read_lef(*PDK.lefs, *(sram.lef for sram in synthesis.srams))
    netlist, start = floorplan(synthesis.gates, library, PDK, halo=(5.0, 5.0))
    placement = random_legal(netlist, start, 1, halo=5.0)
    ppa = implement(synthesis.gates, netlist, placement, PDK, synthesis.srams, 2.0, folder / "ppa", seed=1)
    return Case(synthesis, library, netlist, placement, ppa)


def test_metrics_make_sense_together(case: Case) -> None:
    value = case.ppa.metrics
    parts = sum(value[f"finish__power__{kind}__total"] for kind in ("internal", "switching", "leakage"))
    assert value["finish__power__total"] == pytest.approx(parts)
    assert 1e-3 < parts < 0.2
    assert value["finish__timing__setup__min_period"] == pytest.approx(
        2.0 - value["finish__timing__setup__ws__register"]
    )
    assert 0.3 < value["finish__timing__setup__min_period"] < 4.0
    assert 1.0 <= value["finish__route__wirelength__estimated"] / value["finish__hpwl_um"] < 1.3
    assert value["finish__design__instance__area"] < value["finish__design__core__area"]
    assert value["finish__design__core__area"] == pytest.approx(value["finish__design__die__area"])
    assert value["finish__design__instance__count__macros"] == 16
    assert set(case.ppa.tools) == set(value)
    assert case.ppa.tools["finish__timing__setup__ws"].startswith("OpenSTA ")
    assert all(path.stat().st_size > 0 for path in case.ppa.files.values())


def test_the_power_can_be_had_again_from_the_wires_file(case: Case, tmp_path: Path) -> None:
    value = case.ppa.metrics
    gates = repeated(case.synthesis.gates, read_repeaters(case.ppa.files["repeaters"]), PDK)
    library = read_liberty(*PDK.corner.liberty, *(sram.lib for sram in case.synthesis.srams))
    wires = read_net_capacitance(case.ppa.files["spef"], gates, PDK.load)
    model = PowerModel.of(gates, library, PDK, wires, value["finish__design__core__area"])
    power, _ = model.power(None, 1.0, 2.0)
    assert power.total == pytest.approx(value["finish__power__total"], rel=1e-4)
    assert model.tree.buffers == value["finish__clock__buffer__count"]
    with pytest.raises(InputError, match=r"cannot be read"):
        read_net_capacitance(case.ppa.files["spef"].with_name("none.spef"), gates, PDK.load)
    for line, said in (
        ("*D_NET another 1.0", "the design has no net another"),
        ("*D_NET a", r"wrong.spef:1: expected"),
    ):
        wrong = tmp_path / "wrong.spef"
        wrong.write_text(line + "\n")
        with pytest.raises(InputError, match=said):
            read_net_capacitance(wrong, gates, PDK.load)


def test_repeaters_repeat_and_nothing_else(case: Case) -> None:
    before = case.synthesis.gates
    after = repeated(before, read_repeaters(case.ppa.files["repeaters"]), PDK)
    count = len(after.instance_names) - len(before.instance_names)
    assert count == case.ppa.metrics["finish__design__instance__count__setup_buffer"]
    assert 0 < count < 0.05 * len(before.instance_names)
    pins = len(before.pin_names)
    repeats = dict(zip(after.pin_net[pins + 1 :: 2].tolist(), after.pin_net[pins::2].tolist(), strict=True))

    def signal(net: int) -> int:
        while net in repeats:
            net = repeats[net]
        return net

    assert [signal(net) for net in after.pin_net[:pins].tolist()] == before.pin_net.tolist()
    assert [signal(net) for net in after.port_net.tolist()] == before.port_net.tolist()


def test_cells_and_macros_do_not_overlap(case: Case) -> None:
    placement, netlist = case.ppa.placement, case.netlist
    cells, hard = netlist.nodes(NodeKind.CELL), netlist.nodes(NodeKind.HARD)
    low, high = (placement.position + sign * netlist.node_size / 2 for sign in (-1, 1))
    order = cells[np.lexsort((low[cells, 0], np.round(low[cells, 1], 3)))]
    same_row = np.round(low[order[1:], 1], 3) == np.round(low[order[:-1], 1], 3)
    assert (low[order[1:], 0] >= high[order[:-1], 0] - 1e-6)[same_row].all()
    for macro in hard:
        gap = np.maximum(low[macro] - high[cells], low[cells] - high[macro])
        assert (gap >= 2.0 - 1e-6).any(axis=1).all()


def test_def_is_read_by_klayout_without_a_warning_and_by_our_reader(
    case: Case, capfd: pytest.CaptureFixture[str]
) -> None:
    import klayout.db as db

    options = db.LoadLayoutOptions()
    config = options.lefdef_config
    config.lef_files = [str(path) for path in (*PDK.lefs, *(sram.lef for sram in case.synthesis.srams))]
    config.read_lef_with_def = False
    config.macro_resolution_mode = 1
    config.dbu = 1 / PDK.dbu_per_micron
    layout = db.Layout()
    capfd.readouterr()
    layout.read(str(case.ppa.files["def"]), options)
    said = capfd.readouterr()
    assert said.out + said.err == ""
    top = layout.top_cell()
    gates = repeated(case.synthesis.gates, read_repeaters(case.ppa.files["repeaters"]), PDK)
    assert top.name == gates.top
    placed = [(layout.cell(instance.cell_index).name, instance.dbbox()) for instance in top.each_inst()]
    design = read_def(case.ppa.files["def"])
    assert {c.name for c in design.components} == set(gates.instance_names)
    assert len(placed) == len(design.components)
    corners = sorted((name, round(box.left, 3), round(box.bottom, 3)) for name, box in placed)
    expected = sorted((c.master, round(c.x, 3), round(c.y, 3)) for c in design.components)
    assert [c[0] for c in corners] == [e[0] for e in expected]
    away = np.abs(np.array([c[1:] for c in corners]) - np.array([e[1:] for e in expected]))
    assert (away.max(axis=0) < (0.001, 0.1)).all()  # the cells' supply rails reach 0.085 um beyond their outlines
    at = {c.name: (c.x, c.y) for c in design.components}
    given = case.synthesis.gates.instance_names
    ours = (case.ppa.placement.position - case.netlist.node_size / 2)[: len(given)]
    np.testing.assert_allclose([at[name] for name in given], ours, atol=0.001)
    assert len(design.nets) == len(gates.net_names)
    assert {c.status for c in design.components} == {"FIXED", "PLACED"}


def test_another_macro_placement_and_seed_give_other_figures(case: Case, tmp_path: Path) -> None:
    """Of the same order of magnitude."""
    other = random_legal(case.netlist, case.placement, 5, halo=5.0)
    gates, srams = case.synthesis.gates, case.synthesis.srams
    ppa = implement(gates, case.netlist, other, PDK, srams, 2.0, tmp_path, seed=2)
    for key in ("finish__route__wirelength__estimated", "finish__power__total", "finish__timing__setup__min_period"):
        assert ppa.metrics[key] != case.ppa.metrics[key]
        assert ppa.metrics[key] == pytest.approx(case.ppa.metrics[key], rel=0.5)


def test_macros_are_snapped_and_overlaps_refused(case: Case) -> None:
    core = core_of(case.netlist.canvas, case.library, PDK)
    snapped = snap_macros(case.netlist, case.placement, core)
    hard = case.netlist.nodes(NodeKind.HARD)
    moved = np.abs(snapped.position - case.placement.position)[hard]
    assert (moved <= (core.site_width, core.row_height)).all()
    again = snap_macros(case.netlist, snapped, core)
    assert again.position == pytest.approx(snapped.position)
    position = case.placement.position.copy()
    position[hard[1]] = position[hard[0]] + (1.0, 1.0)
    with pytest.raises(InputError, match="overlap on the rows"):
        snap_macros(case.netlist, replace(case.placement, position=position), core)
