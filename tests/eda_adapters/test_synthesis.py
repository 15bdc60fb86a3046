"""Synthesis of a small design: the netlist does what the RTL does, and every failure ends in one clear error."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from eda_adapters import synthesis
from eda_adapters.gates import GateNetlist, NetlistError, read_gates, write_verilog
from eda_adapters.liberty import read_liberty
from eda_adapters.pdk import Pdk, PdkError, load_pdk
from eda_adapters.synthesis import Synthesis, SynthesisError, synthesize
from eda_adapters.tool import ToolError
from rtl.elaborate import Design
from rtl.spec import AcceleratorSpec
from rtl.sram import SramShape, sram_model

SOURCE = Path(__file__).parents[1] / "designs" / "history.v"
SHAPE = SramShape(64, 9)
pytestmark = pytest.mark.eda


def small(source: Path = SOURCE, srams: bool = True) -> Design:
    return Design("history", (source,), (), {}, {SHAPE: 1} if srams else {}, AcceleratorSpec())


def available(name: str) -> Pdk:
    try:
        return load_pdk(name)
    except PdkError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=["nangate45", "osu018"])
def pdk(request: pytest.FixtureRequest) -> Pdk:
    return available(request.param)


@pytest.fixture(scope="module")
def mapped(pdk: Pdk, tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return synthesize(small(), pdk, tmp_path_factory.mktemp("synthesis with spaces"), period_ns=2.0)


def simulated(folder: Path, name: str, files: list[Path]) -> list[str]:
    """The design's outputs over 500 random cycles, one line a cycle."""
    bench = folder / "bench.v"
    bench.write_text("""
`timescale 1ns/1ps
module bench;
    reg clk = 0, rst = 1, push = 0;
    reg [7:0] sample = 0;
    wire [7:0] oldest;
    wire [15:0] sum, sum_again;
    wire push_seen;
    wire [3:0] version;
    integer cycle, seed = 7;
    history dut (clk, rst, push, sample, oldest, sum, sum_again, push_seen, version);
    initial begin
        for (cycle = 0; cycle < 500; cycle = cycle + 1) begin
            rst = cycle < 3 || cycle == 300;
            push = cycle < 80 || ($random(seed) & 1);
            sample = $random(seed);
            #500;
            $display("%h %h %h %b %h", cycle < 80 ? 8'd0 : oldest, cycle ? sum : 0, cycle ? sum_again : 0, push_seen,
                     version);
            clk = 1;
            #500;
            clk = 0;
        end
    end
endmodule
""")
    program = folder / name
    command = ["iverilog", "-g2005", "-gno-specify", "-o", str(program), str(bench), *map(str, files)]
    subprocess.run(command, check=True, timeout=60)
    shown = subprocess.run(["vvp", "-n", str(program)], check=True, timeout=60, capture_output=True, text=True)
    return shown.stdout.splitlines()


@pytest.mark.skipif(not shutil.which("iverilog"), reason="no Icarus Verilog")
def test_netlist_does_what_the_rtl_does(pdk: Pdk, mapped: Synthesis, tmp_path: Path) -> None:
    model = tmp_path / "sram.v"
    model.write_text(sram_model(SHAPE))
    expected = simulated(tmp_path, "rtl", [SOURCE, model])
    assert len(set(expected)) > 300
    assert simulated(tmp_path, "gates", [mapped.verilog, model, *pdk.verilog]) == expected


def test_metrics_and_counts(mapped: Synthesis) -> None:
    metrics = mapped.metrics
    prefix = "synth__design__instance"
    assert metrics[f"{prefix}__count__macros"] == 1
    assert metrics[f"{prefix}__count__class:sequential_cell"] == 22
    assert metrics[f"{prefix}__count"] == len(mapped.gates.instance_names)
    assert metrics[f"{prefix}__area"] == pytest.approx(
        metrics[f"{prefix}__area__stdcell"] + metrics[f"{prefix}__area__macros"]
    )
    assert re.match(r"Yosys \d", mapped.tool)


def test_netlist_holds_together(pdk: Pdk, mapped: Synthesis) -> None:
    gates = mapped.gates
    assert len(set(gates.instance_names)) == len(gates.instance_names)
    assert len(set(gates.net_names)) == len(gates.net_names)
    assert all(re.fullmatch(r"[A-Za-z_]\w*(\[\d+\])?", name) for name in gates.net_names)
    assert all(re.fullmatch(r"[A-Za-z_]\w*", name) for name in gates.instance_names)
    assert not set(pdk.dont_use) & set(gates.instance_masters)
    ports = dict(zip(gates.port_names, gates.port_net.tolist(), strict=True))
    assert {"sum_again[4]", "sum_again[19]", "sample[7]", "clk"} <= set(ports)
    nets = [net for net in ports.values() if net >= 0]
    assert len(set(nets)) == len(nets)  # insbuf: no two ports share a net
    memory = gates.instance_masters.index("sram_64x9")
    assert gates.instance_names[memory] == "memory"
    pins = [gates.pin_names[p] for p in range(gates.pin_start[memory], gates.pin_start[memory + 1])]
    assert set(pins) == {"clk", "ce", "we"} | {f"addr[{i}]" for i in range(6)} | {
        f"{bus}[{i}]" for bus in ("din", "dout") for i in range(9)
    }
    assert "place[3]" in [name for names in gates.net_rtl for name in names]
    if pdk.tie_high:
        assert gates.pin_net.min() >= 0
        assert pdk.tie_high.cell in gates.instance_masters


def test_opensta_reads_all_without_a_word(pdk: Pdk, mapped: Synthesis, tmp_path: Path) -> None:
    if not shutil.which("sta"):
        pytest.skip("no OpenSTA")
    libraries = [*pdk.corner.liberty, *(sram.lib.relative_to(mapped.json.parent) for sram in mapped.srams)]
    script = tmp_path / "run.tcl"
    script.write_text(
        "".join(f"read_liberty {path}\n" for path in libraries)
        + "read_verilog synth.v\nlink_design history\ncreate_clock -period 2 clk\nputs QUIET\n"
        "report_checks -from memory -to oldest[0] -unconstrained\nreport_checks -from sample[3] -to memory\n"
    )
    run = subprocess.run(
        ["sta", "-no_splash", "-exit", str(script)],
        cwd=mapped.json.parent,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    before, _, after = (run.stdout + run.stderr).partition("QUIET")
    assert not [line for line in before.splitlines() if "arning" in line or "rror" in line]
    assert re.search(r"memory/dout\[0\] \(sram_64x9\)", after)


def test_same_input_same_netlist(pdk: Pdk, mapped: Synthesis, tmp_path: Path) -> None:
    assert synthesize(small(), pdk, tmp_path, 2.0).verilog.read_text() == mapped.verilog.read_text()


def test_yosys_reads_the_verilog_back(mapped: Synthesis, tmp_path: Path) -> None:
    """Written, read by Yosys and read again, the netlist has the same connections."""
    pdk = available("nangate45" if "NAND2_X1" in mapped.gates.instance_masters else "osu018")
    script = tmp_path / "read.ys"
    boxes = mapped.json.parent / "black_boxes.v"
    script.write_text(f'read_verilog -lib "{boxes}"\nread_verilog "{mapped.verilog}"\nwrite_json again.json\n')
    command, _ = synthesis.yosys_command()
    subprocess.run([*command, "read.ys"], cwd=tmp_path, check=True, timeout=60, stdout=subprocess.DEVNULL)
    cells = read_liberty(*pdk.corner.liberty, *(sram.lib for sram in mapped.srams)).cells
    again = read_gates(tmp_path / "again.json", "history", cells)

    def connections(gates: GateNetlist) -> set[tuple[str, str, str]]:
        names = [*gates.net_names, "1", "0"]  # numbers -2 and -1
        return {
            (gates.instance_names[i], pin, names[net])
            for i, pin, net in zip(gates.pin_instance, gates.pin_names, gates.pin_net, strict=True)
        }

    assert connections(again) == connections(mapped.gates)
    assert np.array_equal(np.sort(again.port_names), np.sort(mapped.gates.port_names))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("place <= place + 6'd1;", "place <= place + ;", r"broken\.v:28: syntax error"),
        ("sram_64x9", "sram_64x8", r"sram_64x8.*not part of the design"),
        ("assign push_seen = push;", "assign push_seen = pull();", r"broken\.v:20: .*pull"),
        (".we(push)", ".wen(push)", r"wen"),
    ],
)
def test_verilog_at_fault(tmp_path: Path, old: str, new: str, message: str) -> None:
    broken = tmp_path / "broken.v"
    assert old in SOURCE.read_text()
    broken.write_text(SOURCE.read_text().replace(old, new))
    with pytest.raises(SynthesisError, match=message) as caught:
        synthesize(small(broken), available("nangate45"), tmp_path / "out", 2.0)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "synth.v").exists()


def test_technology_without_a_needed_cell(tmp_path: Path) -> None:
    """An asynchronous reset in a library whose only such flip-flop is kept from use."""
    pdk = available("osu018")
    source = tmp_path / "reset.v"
    source.write_text("""module history (input wire clk, input wire rst, input wire d, output reg q);
        always @(posedge clk or posedge rst) if (rst) q <= 1'b0; else q <= d;
        endmodule""")
    synthesize(small(source, srams=False), pdk, tmp_path / "out", 2.0)
    without = dataclasses.replace(pdk, dont_use=(*pdk.dont_use, "DFFSR"))
    with pytest.raises(PdkError, match=r"osu018\.toml: no cell of osu018 does the work of Yosys's \$_DFF_PP0_"):
        synthesize(small(source, srams=False), without, tmp_path / "out", 2.0)


def test_gates_that_could_share_a_multiplexer(pdk: Pdk, tmp_path: Path) -> None:
    """Seen across modules only, when all is gates; Yosys's ``opt_share`` then leaves a multiplexer of words."""
    source = tmp_path / "share.v"
    source.write_text("""module either (input wire a, input wire b, output wire y);
        assign y = a ^ b;
        endmodule
        module pick (input wire a, input wire b, input wire first, output wire y);
        assign y = first ? a : b;
        endmodule
        module history (input wire a, input wire b, input wire c, input wire first, output wire y);
        wire left, right;
        either one (a, b, left);
        either other (a, c, right);
        pick last (left, right, first, y);
        endmodule""")
    assert 2 <= len(synthesize(small(source, srams=False), pdk, tmp_path / "out", 2.0).gates.instance_names) <= 6


FAKES = {
    "crash": ("kill -SEGV $$", "SIGSEGV"),
    "hang": ("sleep 600", "time limit"),
    "garbage": ("head -c 100000 /dev/urandom > synth.json", "ended without error but.*not the netlist"),
    "nothing": ("true", "ended without error but.*cannot be read"),
    "other": ('echo \'{"modules": {"top": {}}}\' > synth.json', "ended without error but.*not the netlist of history"),
    "truncated": ('printf \'{"modules": {"history": {\' > synth.json', "ended without error but.*not the netlist"),
    "fails": ("echo 'ERROR: Assert failed in kernel'; exit 1", "exit status 1"),
}


@pytest.mark.parametrize("fake", FAKES)
def test_yosys_that_misbehaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: str) -> None:
    body, message = FAKES[fake]
    program = tmp_path / "yosys"
    program.write_text(f'#!/bin/sh\n[ "$1" = -V ] && {{ echo Yosys 9.9; exit; }}\n{body}\n')
    program.chmod(0o755)
    monkeypatch.setenv(synthesis.YOSYS, str(program))
    with pytest.raises(ToolError, match=message) as caught:
        synthesize(small(), available("nangate45"), tmp_path / "out", 2.0, timeout_s=2.0)
    assert caught.value.exit_code == 3


def test_missing_yosys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(synthesis.YOSYS, "/no/yosys")
    with pytest.raises(ToolError, match="YOSYS_EXE=/no/yosys is not a program"):
        synthesize(small(), available("nangate45"), tmp_path, 2.0)


def edited(path: Path, mapped: Synthesis, change: str) -> Path:
    """The mapped JSON with one thing wrong."""
    tree = json.loads(mapped.json.read_text())
    cells = tree["modules"]["history"]["cells"]
    if change == "master":
        next(iter(cells.values()))["type"] = "NO_SUCH_CELL"
    elif change == "pin":
        next(iter(cells.values()))["connections"]["NOPIN"] = [2]
    elif change == "driver":
        del cells["memory"]
    path.write_text(json.dumps(tree))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("master", "is a NO_SUCH_CELL, which the library lacks"),
        ("pin", r"has no pin NOPIN\[0\]"),
        ("driver", "has 0 drivers, expected one"),
    ],
)
def test_netlist_that_does_not_hold_together(
    pdk: Pdk, mapped: Synthesis, tmp_path: Path, change: str, message: str
) -> None:
    cells = read_liberty(*pdk.corner.liberty, *(sram.lib for sram in mapped.srams)).cells
    with pytest.raises(NetlistError, match=message):
        read_gates(edited(tmp_path / "x.json", mapped, change), "history", cells)


def test_mutated_json_ends_in_a_netlist_or_an_error(pdk: Pdk, mapped: Synthesis, tmp_path: Path) -> None:
    cells = read_liberty(*pdk.corner.liberty, *(sram.lib for sram in mapped.srams)).cells
    text, rng, path = mapped.json.read_text(), random.Random(3), tmp_path / "fuzzed.json"
    errors = 0
    for _ in range(200):
        start = rng.randrange(len(text))
        piece = rng.choice(["", "{", "}", "[", "]", '"', ",", "0", "-7", "1e9", "null", '"x"', "[]", "{}", "1.5"])
        path.write_text(text[:start] + piece + text[start + rng.choice([0, 1, 1, 5, 50]) :])
        try:
            read_gates(path, "history", cells)
        except NetlistError:
            errors += 1
    assert errors > 50


def test_verilog_is_written_whole_or_not_at_all(mapped: Synthesis, tmp_path: Path) -> None:
    target = tmp_path / "folder" / "x.v"
    with pytest.raises(OSError, match="No such file"):
        write_verilog(mapped.gates, target)
    assert not target.exists()
