"""The OpenROAD flow on the real program (OPENROAD_EXE or PATH): skipped where there is none."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eda_adapters.floorplan import pin_positions
from eda_adapters.openroad.flow import FlowResult, StageError, run_flow
from eda_adapters.openroad.options import STAGES, FlowOptions
from eda_adapters.openroad.program import find_openroad
from eda_adapters.tool import ToolError
from placer.formats.def_ import read_def
from placer.formats.def_netlist import to_netlist
from placer.formats.def_writer import write_def
from tests.eda_adapters.tiny_design import PDK, Case, tiny_case

pytestmark = pytest.mark.openroad


@pytest.fixture(scope="module")
def program() -> Path:
    try:
        return find_openroad()
    except ToolError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def case(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return tiny_case(tmp_path_factory.mktemp("design"))


@pytest.fixture(scope="module")
def routed(case: Case, tmp_path_factory: pytest.TempPathFactory) -> FlowResult:
    return run_flow(case.design, case.library, PDK, tmp_path_factory.mktemp("routed"))


def test_each_stage_leaves_figures(routed: FlowResult) -> None:
    assert routed.stages == tuple(stage for stage in STAGES if stage != "detailedroute")
    for stage in routed.stages:
        assert routed.metrics[f"{stage}__design__instance__count__macros"] == 2
    assert routed.metrics["globalroute__global_route__wirelength"] >= routed.metrics["finish__hpwl_um"] > 0
    assert 0 < routed.metrics["finish__timing__setup__ws"] < 2  # of 2 ns
    parts = [routed.metrics[f"finish__power__{kind}__total"] for kind in ("internal", "switching", "leakage")]
    assert routed.metrics["finish__power__total"] == pytest.approx(sum(parts), rel=1e-4)


def test_macros_are_where_they_were_put(routed: FlowResult, case: Case) -> None:
    """From the last DEF alone, by its own words."""
    text = routed.layout.read_text()
    for macro in case.design.macros:
        found = re.search(rf"- {macro.name} \S+ .*?(?:FIXED|PLACED) \( (\d+) (\d+) \) (\w+)", text, re.S)
        assert found
        assert [int(found[1]) / 2000, int(found[2]) / 2000] == pytest.approx([macro.x, macro.y], abs=1 / 4000)
        assert found[3] == macro.orient


def test_wire_length_of_the_layout_is_openroads(routed: FlowResult, case: Case) -> None:
    design = read_def(routed.layout)
    kept = tuple(c for c in design.components if not c.master.startswith(("TAPCELL", "FILLCELL")))
    netlist, placement = to_netlist(replace(design, components=kept), case.library)
    pins, start = pin_positions(netlist, placement)[netlist.net_pins], netlist.net_start[:-1]
    length = (np.maximum.reduceat(pins, start) - np.minimum.reduceat(pins, start)).sum()
    assert length == pytest.approx(routed.metrics["finish__hpwl_um"], rel=0.02)


def test_layout_written_here_is_read_without_a_warning(
    routed: FlowResult, case: Case, program: Path, tmp_path: Path
) -> None:
    write_def(tmp_path / "ours.def", read_def(routed.layout))
    lefs = "\n".join(f"read_lef {{{lef}}}" for lef in case.design.lefs)
    (tmp_path / "read.tcl").write_text(f"{lefs}\nputs LEFS\nread_def ours.def\nwrite_def theirs.def\n")
    words = [str(program), "-no_init", "-no_splash", "-exit", "read.tcl"]
    run = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    said = run.stdout.partition("LEFS")[2] + run.stderr
    assert "WARNING" not in said
    assert "ERROR" not in said
    assert read_def(tmp_path / "theirs.def").components == read_def(routed.layout).components


def test_macro_outside_of_the_rows_is_refused_and_the_refusal_repeats(case: Case, tmp_path: Path) -> None:
    first, *others = case.design.macros
    design = replace(case.design, macros=(replace(first, x=first.x + 10_000), *others))
    with pytest.raises(StageError, match=r"stage floorplan: \[ERROR MPL-0034\] .*repeat it: tar xzf"):
        run_flow(design, case.library, PDK, tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(["tar", "xzf", tmp_path / "floorplan.tar.gz"], cwd=elsewhere, check=True)
    again = subprocess.run(
        [elsewhere / "floorplan" / "run.sh"], capture_output=True, text=True, timeout=120, check=False
    )
    assert again.returncode == 1
    assert "MPL-0034" in again.stdout


def test_openroads_own_macro_placer(case: Case, tmp_path: Path) -> None:
    result = run_flow(case.design, case.library, PDK, tmp_path, FlowOptions(openroad_macros=True, stop_at="floorplan"))
    low = np.array([(m.x, m.y) for m in result.macros])
    assert len(low) == 2
    assert (low >= 0).all()
    assert not np.array_equal(low, [(m.x, m.y) for m in case.design.macros])
