"""The OpenROAD flow against a program that stands in for it: every way to fail ends in one error that says how."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eda_adapters.floorplan import pin_positions
from eda_adapters.openroad.flow import FlowResult, StageError, run_flow
from eda_adapters.openroad.implement import implement
from eda_adapters.openroad.metrics import read_metrics
from eda_adapters.openroad.options import STAGES, FlowOptions
from eda_adapters.openroad.program import ask_openroad
from eda_adapters.openroad.scripts import NEEDED
from eda_adapters.pdk import PdkError, load_pdk
from eda_adapters.tool import ToolError
from placer.formats.def_ import read_def
from placer.formats.def_netlist import to_netlist
from placer.formats.lef import read_lef
from placer.netlist import InputError, NodeKind
from tests.eda_adapters import fake_openroad
from tests.eda_adapters.tiny_design import Case, tiny_case, tiny_gates

PDK = load_pdk("nangate45")
COMMANDS = dict.fromkeys(NEEDED.split(), "") | {
    "place_macro": "-macro_name macro_name -location location [-orientation orientation] [-exact]",
    "global_placement": "[-density density] [-routability_driven] [-random_seed random_seed]",
    "global_route": "[-allow_congestion] [-congestion_iterations n]",
    "improve_placement": "[-random_seed seed]",
    "rtl_macro_placer": "-halo_width halo_width",
    "tapcell": "",
    "pdngen": "",
}
Run = Callable[..., FlowResult]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return tiny_case(tmp_path_factory.mktemp("design"))


@pytest.fixture
def openroad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "openroad"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$(dirname "$0")/fake_openroad.py" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    shutil.copy(fake_openroad.__file__, program.parent)
    (program.parent / "commands.json").write_text(json.dumps(COMMANDS))
    monkeypatch.setenv("OPENROAD_EXE", str(program))
    return program


@pytest.fixture
def run(openroad: Path, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    def flow(fake: str = "", **options: object) -> FlowResult:
        monkeypatch.setenv("FAKE_OPENROAD", fake)
        return run_flow(case.design, case.library, PDK, tmp_path / "run", FlowOptions(**options))  # type: ignore[arg-type]

    return flow


def test_figures_of_the_last_stage(openroad: Path, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gates = replace(
        tiny_gates(),
        instance_names=case.netlist.node_names[:8],
        instance_masters=(*tiny_gates().instance_masters, case.sram.name, case.sram.name),
    )
    ppa = implement(gates, case.netlist, case.placement, PDK, [case.sram], 2.0, tmp_path / "run")
    assert ppa.metrics["finish__timing__setup__ws"] == 0.5  # the last of a key that repeats
    assert ppa.metrics["finish__timing__setup__min_period"] == 1.75
    assert ppa.metrics["finish__route__wirelength"] == 4649
    assert "finish__timing__hold__ws" not in ppa.metrics  # unconstrained
    assert set(ppa.tools.values()) == {"OpenROAD v2.0-99999-gfake"}
    assert ppa.path[0] == "r0/CK"
    assert json.loads(ppa.files["metrics"].read_text()) == ppa.metrics
    assert ppa.files["picture"].stat().st_size > 10_000
    scripts = {path.stem for path in (tmp_path / "run").glob("*.tcl")} - {"activity"}
    assert scripts == set(STAGES) - {"detailedroute"}
    activity = (tmp_path / "run" / "activity.tcl").read_text().splitlines()
    assert len(activity) == 2 + 6  # two input ports besides the clock, six cells
    assert (ppa.placement.position == pytest.approx(case.placement.position)) is False  # r0 lies where the DEF has it
    hard = case.netlist.nodes(NodeKind.HARD)
    assert ppa.placement.position[hard] == pytest.approx(case.placement.position[hard], abs=0.1)


def test_what_was_placed_is_what_is_scored(run: Run, case: Case, tmp_path: Path) -> None:
    result = run()
    text = (tmp_path / "run" / "floorplan.tcl").read_text()
    lines = [line for line in text.splitlines() if line.startswith("place_macro")]
    assert [line.split(" -location ")[1] for line in lines] == [
        "{9.500000 14.000000} -orientation R0 -exact",
        "{9.500000 70.000000} -orientation MX -exact",
    ]
    assert result.macros == case.design.macros


@pytest.mark.parametrize("stage", STAGES)
def test_stop_at_any_stage(run: Run, stage: str) -> None:
    result = run(stop_at=stage)
    assert f"{stage}__timing__setup__ws__register" in result.metrics
    assert result.metrics[f"{stage}__timing__hold__ws"] == float("inf")
    later = STAGES[STAGES.index(stage) + 1 :]
    assert not any(key.startswith(later) for key in result.metrics)
    assert result.layout.name == f"{stage}.def"
    assert set(result.seconds) == set(result.stages)


def test_openroads_own_macro_placer_is_one_flag_away(run: Run, case: Case, tmp_path: Path) -> None:
    result = run(openroad_macros=True)
    text = (tmp_path / "run" / "floorplan.tcl").read_text()
    assert "rtl_macro_placer -halo_width 5 -halo_height 5" in text
    assert "place_macro" not in text
    assert {macro.name for macro in result.macros} == {"bank0", "bank1"}
    assert result.macros != case.design.macros


def test_seeds_go_where_the_program_takes_them(run: Run, tmp_path: Path, openroad: Path) -> None:
    result = run(seed=7)
    assert result.seeded == {"global_placement": "-random_seed 7", "improve_placement": "-random_seed 8"}
    assert "-random_seed 7" in (tmp_path / "run" / "globalplace.tcl").read_text()
    old = COMMANDS | {"global_placement": "[-density density]", "place_macro": "-macro_name name -location location"}
    (openroad.parent / "commands.json").write_text(json.dumps(old))
    os.utime(openroad, ns=(1, 1))  # another program
    assert run(seed=7).seeded["global_placement"] == "density + 0.0007"
    text = (tmp_path / "run" / "globalplace.tcl").read_text()
    assert "-random_seed" not in text
    assert "+ 0.0007" in text
    assert "-exact" not in (tmp_path / "run" / "floorplan.tcl").read_text()


@pytest.mark.parametrize(
    ("fake", "message"),
    [
        (
            "error:globalplace",
            r"stage globalplace: \[ERROR GPL-0301\] Utilization exceeds 100%. \(openroad failed with",
        ),
        ("crash:cts", r"stage cts: openroad was ended by signal 11 \(SIGSEGV\)"),
        ("silent:floorplan", "stage floorplan: its metrics file floorplan.json cannot be read"),
        ("garbage:globalroute", "stage globalroute: its metrics file globalroute.json cannot be read"),
        ("list:globalroute", "is not a JSON object"),
        ("empty:finish", "its metrics have no finish__ figure"),
        ("no odb:cts", r"wrote no cts\.odb"),
        ("no def:finish", r"wrote no finish\.def"),
        ("bad def:finish", "its DEF cannot be read"),
        ("disk:detailedplace", "the disk is full"),
        ("large:cts", "wrote a file larger than its limit"),
        ("moves:finish", r"macro bank0 lies at \(.*not at .*where it was put"),
        ("turns:globalplace", r"macro bank0 lies at .* S in globalplace\.def, not at"),
        ("drops:detailedplace", "macro bank0 is not in"),
        ("adds:floorplan", "macro stranger is in floorplan.def, and was given no position"),
    ],
)
def test_faults_end_in_one_clear_error(run: Run, fake: str, message: str) -> None:
    with pytest.raises(StageError, match=message) as caught:
        run(fake, file_bytes=4 << 20)
    assert caught.value.exit_code == 3
    stage = fake.partition(":")[2]
    assert stage in str(caught.value).splitlines()[0]


def test_hang_is_ended_with_its_children(run: Run) -> None:
    started = time.monotonic()
    with pytest.raises(StageError, match=r"stage globalplace: openroad ran past its time limit of 1\.5 s"):
        run("hang:globalplace", timeout_s=1.5)
    assert time.monotonic() - started < 20


def test_failed_stage_leaves_a_reproducible(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StageError, match=r"repeat it: tar xzf \S+globalplace.tar.gz && globalplace/run.sh"):
        run("error:globalplace")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(["tar", "xzf", tmp_path / "run" / "globalplace.tar.gz"], cwd=elsewhere, check=True)
    script = (elsewhere / "globalplace" / "script.tcl").read_text()
    assert str(tmp_path) not in script
    assert str(PDK.corner.liberty[0]) not in script
    for line in script.splitlines():
        if line.startswith(("source", "read_liberty", "read_db")):
            assert (elsewhere / "globalplace" / line.split()[1].strip("{}")).is_file()
    again = subprocess.run([elsewhere / "globalplace" / "run.sh"], capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "GPL-0301" in again.stdout


def test_failed_first_stage_takes_its_sources_along(run: Run, tmp_path: Path) -> None:
    with pytest.raises(StageError):
        run("error:floorplan")
    with tarfile.open(tmp_path / "run" / "floorplan.tar.gz") as tar:
        names = tar.getnames()
    for suffix in ("netlist.v", "constraints.sdc", "report.tcl"):
        assert any(name.endswith(suffix) for name in names)
    assert sum(name.endswith(".lef") for name in names) == 3
    assert sum(name.endswith(".lib") for name in names) == 2


def test_result_of_an_earlier_run_is_not_taken_for_this_one(run: Run) -> None:
    run()
    with pytest.raises(StageError, match=r"stage finish: its metrics file finish.json cannot be read"):
        run("silent:finish")


@pytest.mark.parametrize(
    ("fake", "message"),
    [
        ("other program", "did not answer as OpenROAD does"),
        ("useless", "v2.0-99999-gfake: has no command global_route"),
        ("no mpl", "has no command macro_placement"),
    ],
)
def test_unfit_program(run: Run, fake: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        run(fake, openroad_macros=True)


def test_missing_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENROAD_EXE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"openroad: not found on PATH and OPENROAD_EXE is not set.*ORFS_ROOT"):
        ask_openroad()


def test_program_of_a_flow_scripts_tree(openroad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "tree/tools/install/OpenROAD/bin/openroad"
    shutil.copytree(openroad.parent, inside.parent)
    monkeypatch.delenv("OPENROAD_EXE")
    monkeypatch.setenv("ORFS_ROOT", str(tmp_path / "tree"))
    assert ask_openroad().path == inside
    assert ask_openroad().version == "v2.0-99999-gfake"


def test_technology_without_routing_rules(openroad: Path, case: Case, tmp_path: Path) -> None:
    with pytest.raises(PdkError, match="key routing is missing"):
        run_flow(case.design, case.library, replace(PDK, routing=None), tmp_path / "run")


def test_options_out_of_range() -> None:
    with pytest.raises(InputError, match="stop at place: expected one of floorplan"):
        FlowOptions(stop_at="place")
    with pytest.raises(InputError, match=r"density is 1\.5"):
        FlowOptions(density=1.5)


def test_detailed_route_is_extracted_where_there_are_rules(
    openroad: Path, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAKE_OPENROAD", raising=False)
    rules = tmp_path / "rcx.rules"
    rules.write_text("Extraction Rules for OpenRCX\n")
    options = FlowOptions(detailed_route=True)
    for chosen, wanted in ((rules, f"extract_parasitics -ext_model_file {{{rules}}}"), (None, "-global_routing")):
        pdk = replace(PDK, extraction_rules=chosen)
        result = run_flow(case.design, case.library, pdk, tmp_path / "run", options)
        assert result.stages[-2:] == ("detailedroute", "finish")
        assert wanted in (tmp_path / "run" / "finish.tcl").read_text()


def test_recorded_metrics(shared: Path) -> None:
    """Recorded runs of v2.0-22532: the figures of the notes that came with them, read from their metrics files."""
    runs = shared / "openroad_runs"
    if not runs.is_dir():
        pytest.skip(f"no recorded runs at {runs}")
    gcd = read_metrics(runs / "gcd.json")
    assert gcd["gpl__timing__setup__wns"] == pytest.approx(-0.7074, abs=1e-4)
    assert gcd["rcx__power__total"] == pytest.approx(2.229e-3, rel=1e-3)
    assert gcd["route__wirelength__estimated"] == 2666.23  # four times in the file; the last counts
    assert gcd["flow__errors__count"] == 0
    own, openroads = read_metrics(runs / "tr_pm.json"), read_metrics(runs / "tr_mp.json")
    assert own["grt__timing__setup__ws"] == pytest.approx(0.108, abs=1e-3)
    assert openroads["grt__hpwl_um"] == pytest.approx(494199, rel=1e-5)
    assert own["grt__design__instance__count__macros"] == 2


def test_recorded_layout_has_the_recorded_wire_length(shared: Path) -> None:
    """Half-perimeter wire length from the recorded DEF, our readers and the cells' LEF, against OpenROAD's own."""
    runs = shared / "openroad_runs"
    if not runs.is_dir():
        pytest.skip(f"no recorded runs at {runs}")
    design = read_def(runs / "gcd_grt.def")
    cells = tuple(component for component in design.components if component.master != "TAPCELL_X1")
    netlist, placement = to_netlist(replace(design, components=cells), read_lef(*PDK.lefs))
    pins, start = pin_positions(netlist, placement)[netlist.net_pins], netlist.net_start[:-1]
    length = (np.maximum.reduceat(pins, start) - np.minimum.reduceat(pins, start)).sum()
    assert length == pytest.approx(read_metrics(runs / "gcd.json")["grt__hpwl_um"], rel=0.002)
