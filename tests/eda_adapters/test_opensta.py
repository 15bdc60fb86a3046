"""OpenSTA: answers that follow the wires, and programs that fail in every way."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from eda_adapters.floorplan import floorplan, net_numbers, pin_positions
from eda_adapters.gates import write_verilog
from eda_adapters.opensta import Timing, time_design
from eda_adapters.pdk import Pdk, load_pdk
from eda_adapters.spef import extract, write_spef
from eda_adapters.steiner import steiner_trees
from eda_adapters.tool import ToolError
from placer.formats.lef import read_lef
from placer.netlist import Placement
from tests.eda_adapters.tiny_design import tiny_gates

pytestmark = pytest.mark.eda


def timed(folder: Path, spread: float, period: float = 1.0) -> Timing:
    """Timing of the tiny design with its cells spread over ``spread`` um."""
    pdk, gates = load_pdk("nangate45"), tiny_gates()
    netlist, placement = floorplan(gates, read_lef(*pdk.lefs), pdk)
    position = placement.position.copy()
    position[:6] = np.random.default_rng(3).random((6, 2)) * spread
    pins = pin_positions(netlist, Placement(position, placement.orientation))[netlist.net_pins]
    trees = steiner_trees(pins, netlist.net_start)
    wires = extract(trees, pdk.layers[pdk.signal_layer])
    write_spef(folder / "a.spef", gates, netlist, net_numbers(gates, netlist), trees, wires, pdk.load)
    write_verilog(gates, folder / "a.v")
    return time_design(folder / "a.v", "tiny", folder / "a.spef", pdk.corner.liberty, pdk, period, folder)


def test_longer_wires_make_slack_worse(tmp_path: Path) -> None:
    results = [timed(tmp_path, spread) for spread in (10.0, 200.0, 800.0)]
    slacks = [timing.register_slack for timing in results]
    assert slacks[0] > slacks[1] > slacks[2]
    assert results[0].path_pins[-1] == "r2/D"
    assert results[0].path_pins[1:5] in (
        ("nand/A1", "nand/ZN", "inv/A", "inv/ZN"),
        ("nand/A2", "nand/ZN", "inv/A", "inv/ZN"),
    )
    assert list(results[0].path_arrival) == sorted(results[0].path_arrival)
    assert results[0].tool.startswith("OpenSTA ")


def test_packing_of_the_liberty_does_not_matter(tmp_path: Path) -> None:
    plain = timed(tmp_path, 300.0)
    pdk = load_pdk("nangate45")
    packed = tmp_path / "cells.lib.gz"
    packed.write_bytes(gzip.compress(pdk.corner.liberty[0].read_bytes()))
    again = time_design(tmp_path / "a.v", "tiny", tmp_path / "a.spef", [packed], pdk, 1.0, tmp_path / "out")
    assert again.path_arrival == plain.path_arrival


def test_shortest_period_makes_the_slack_zero(tmp_path: Path) -> None:
    relaxed = timed(tmp_path, 300.0, period=2.0)
    assert relaxed.total_negative_slack == 0.0
    # The uncertainty is a share of the period: at the shortest period it is smaller than it was at 2 ns.
    at_limit = timed(tmp_path, 300.0, period=relaxed.min_period)
    assert at_limit.register_slack == pytest.approx(0.03 * (2.0 - relaxed.min_period), abs=1e-4)
    failing = timed(tmp_path, 300.0, period=0.5 * relaxed.min_period)
    assert failing.register_slack < 0
    assert failing.total_negative_slack <= failing.register_slack


def test_what_opensta_complains_about_is_an_error(tmp_path: Path) -> None:
    pdk = load_pdk("nangate45")
    write_verilog(tiny_gates(), tmp_path / "a.v")
    with pytest.raises(ToolError, match="not a verilog module"):
        time_design(tmp_path / "a.v", "nothing", None, pdk.corner.liberty, pdk, 1.0, tmp_path)
    (tmp_path / "bad.spef").write_text("this is no SPEF\n")
    with pytest.raises(ToolError, match=r"bad\.spef"):
        time_design(tmp_path / "a.v", "tiny", tmp_path / "bad.spef", pdk.corner.liberty, pdk, 1.0, tmp_path)
    with pytest.raises(ToolError, match="clock"):
        time_design(tmp_path / "a.v", "tiny", None, pdk.corner.liberty, pdk, 1.0, tmp_path, clock="nothing")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exit 3", "exit status 3"),
        ("kill -SEGV $$", "SIGSEGV"),
        ("true", "result cannot be read"),
        ("echo '{\"setup_slack\": 1,' > sta.json", "result cannot be read"),
        ("echo '[1]' > sta.json", "not a JSON object"),
        ("echo '{\"setup_slack\": 1}' > sta.json", "lacks 'setup_total'"),
        (
            'echo \'{"setup_slack": "x", "setup_total": 0, "hold_slack": 0, "hold_total": 0, "register_slack": 0,'
            ' "path": []}\' > sta.json',
            "no path from register to register",
        ),
    ],
)
def test_a_program_that_fails_or_writes_garbage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    program = tmp_path / "bin" / "sta"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nif [ "$1" = -version ]; then echo 9.9.9; exit 0; fi\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    pdk: Pdk = load_pdk("nangate45")
    write_verilog(tiny_gates(), tmp_path / "a.v")
    with pytest.raises(ToolError, match=says):
        time_design(tmp_path / "a.v", "tiny", None, pdk.corner.liberty, pdk, 1.0, tmp_path / "out")


def test_a_missing_program_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    pdk = load_pdk("nangate45")
    with pytest.raises(ToolError, match="apt-get install opensta"):
        time_design(tmp_path / "a.v", "tiny", None, pdk.corner.liberty, pdk, 1.0, tmp_path)
