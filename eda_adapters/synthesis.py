"""Synthesis by Yosys: from a design's Verilog to cells of a technology, the SRAM macros as black boxes.

Yosys runs as a process of its own (an error ends the process that it runs in): the one in the wheel pyosys, or
the program in the environment variable YOSYS_EXE. Its script stays in the output folder: ``synth.ys`` repeats the run.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from eda_adapters.drive import strengthen
from eda_adapters.gates import GateNetlist, NetlistError, read_gates, write_verilog
from eda_adapters.liberty import LibertyCell, read_liberty
from eda_adapters.pdk import Pdk, PdkError
from eda_adapters.sram import SramMacro, generate_sram
from eda_adapters.tool import ToolError, find_tool, run_tool
from rtl.elaborate import Design
from rtl.sram import sram_blackbox

YOSYS = "YOSYS_EXE"
"""Environment variable: a Yosys program to run in place of pyosys."""

_PYOSYS = "import sys; from pyosys import libyosys as y; y.run_pass('script ' + sys.argv[1], y.Design())"
_SOURCE_ERROR = re.compile(r"^(?:(?P<file>[^\s:][^:\n]*):(?P<line>\d+): )?ERROR: ?(?P<what>.+)$", re.M)
_USER_ERRORS = ("not part of the design", "does not have a p", "Can't open input file", "not found")


class SynthesisError(ValueError):
    """Verilog that cannot be synthesised; the message names file and line."""

    exit_code = 2


@dataclass(frozen=True)
class Synthesis:
    """A mapped design."""

    gates: GateNetlist
    srams: tuple[SramMacro, ...]  # one per shape, with their LEF and Liberty files
    json: Path  # as Yosys wrote it
    verilog: Path  # flat, with the names of ``gates``
    metrics: Mapping[str, float]  # METRICS2.1 keys
    tool: str  # name and version of the synthesiser
    seconds: float  # wall clock of its run


def synthesize(design: Design, pdk: Pdk, out_dir: Path, period_ns: float, timeout_s: float = 900.0) -> Synthesis:
    """Map a design to a technology's cells for a clock period; files go into ``out_dir``.

    Raises SynthesisError for Verilog at fault, PdkError if the technology lacks a cell or SRAM rules, ToolError if
    Yosys is missing, fails, hangs or writes garbage.
    """
    out_dir = out_dir.resolve()
    out_dir.mkdir(parents=True, exist_ok=True)
    command, tool = yosys_command()
    srams = tuple(generate_sram(shape, pdk, out_dir / "sram") for shape in sorted(design.srams))
    netlist, verilog = out_dir / "synth.json", out_dir / "synth.v"
    for stale in (netlist, verilog):
        stale.unlink(missing_ok=True)
    _write_script(design, pdk, out_dir, period_ns, netlist)
    log = out_dir / "synth.log"
    try:
        run = run_tool([*command, "synth.ys"], cwd=out_dir, log=log, timeout_s=timeout_s, name="yosys")
    except ToolError as error:
        raise _explained(error, design, pdk, log) from error
    cells = read_liberty(*pdk.corner.liberty, *(sram.lib for sram in srams)).cells
    try:
        gates = read_gates(netlist, design.top, cells)
    except NetlistError as error:
        unmapped = re.search(r"is a (\$\S+),", str(error))
        if unmapped:
            raise _lacks_cell(pdk, unmapped[1], str(error)) from error
        raise run.garbage(str(error)) from error
    gates = strengthen(gates, cells, pdk)
    write_verilog(gates, verilog)
    return Synthesis(gates, srams, netlist, verilog, _metrics(gates, cells), tool, run.seconds)


def yosys_command() -> tuple[list[str], str]:
    """The command that runs a script, and what reports call the tool."""
    if os.environ.get(YOSYS):
        program = find_tool("yosys", YOSYS)
        shown = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=60, check=False).stdout
        return [str(program), "-s"], " ".join(shown.split()[:2]) or "Yosys"
    try:
        version = importlib.metadata.version("pyosys")
    except importlib.metadata.PackageNotFoundError as error:
        raise ToolError(f"yosys: the wheel pyosys is not installed: pip install pyosys, or set {YOSYS}") from error
    return [sys.executable, "-I", "-c", _PYOSYS], f"Yosys {version} (pyosys)"


def _write_script(design: Design, pdk: Pdk, out_dir: Path, period_ns: float, netlist: Path) -> None:
    """Write ``synth.ys`` and what it reads."""
    black_boxes = "\n".join(sram_blackbox(shape) for shape in sorted(design.srams))
    (out_dir / "black_boxes.v").write_text(black_boxes)
    lines = [
        "read_verilog -lib black_boxes.v",
        *(f"read_verilog -defer {quoted(path.resolve())}" for path in design.logic_sources),
        f"hierarchy -check -top {design.top}",
        *mapping(design.top, pdk, period_ns, out_dir, "area"),
        f"write_json {quoted(netlist)}",
    ]
    (out_dir / "synth.ys").write_text("\n".join(lines) + "\n")


Effort = Literal["area", "speed"]
"""What logic is mapped for: ``area``, as small as the period allows; ``speed``, rebuilt for least depth."""

_SPEED = """\
strash
&get -n
&fraig -x
&put
scorr
dc2
if -g -K 6 -C 8
strash
dch
if -g -K 6
strash
dch -f
map -B 0.9 -D {period}
topo
buffer -c
upsize
dnsize
"""


def mapping(top: str, pdk: Pdk, period_ns: float, out_dir: Path, effort: Effort) -> list[str]:
    """The Yosys commands that map an elaborated design to a technology; writes what they read into ``out_dir``.

    ABC buffers and sizes only when it knows a driver and a load, so it gets both. Booth encoding makes an 8 x 8 array
    8% smaller; ABC once, on the flat netlist, takes two thirds of the time of once before as well. Its own script
    leaves a chain of multiplexers a chain. For speed, sums of products are balanced between choices of structure
    (Mishchenko et al., "Delay optimization using SOP balancing", ICCAD 2011), and gates are sized without regard to
    the period: before its wires, bp_fe_top with its 512 multiplexers in a row comes from 11.3 to 1.5 ns with 12% more
    cell area.
    """
    (out_dir / "abc.constr").write_text(f"set_driving_cell {pdk.driver}\nset_load {pdk.load} [all_outputs]\n")
    period = round(period_ns * 1e3)  # ps
    script = f"-D {period}"
    if effort == "speed":
        (out_dir / "abc.script").write_text(_SPEED.format(period=period))
        script = "-script abc.script"
    liberty = "".join(f" -liberty {quoted(path)}" for path in pdk.corner.liberty)
    dont_use = "".join(f" -dont_use {cell}" for cell in pdk.dont_use)
    buffer = pdk.buffer
    return [
        f"synth -top {top} -noabc -booth",
        "flatten -noscopeinfo",
        "opt -full",
        "simplemap",  # opt_share leaves multiplexers of words
        f"dfflibmap{liberty}{dont_use}",
        f"abc{liberty} -constr abc.constr {script}{dont_use}",
        "setundef -zero",
        "opt_clean -purge",
        f"insbuf -buf {buffer.cell} {buffer.input} {buffer.output} o:*",  # no two ports on one net
        *ties(pdk),
        "opt_clean -purge",
    ]


def ties(pdk: Pdk) -> list[str]:
    """The Yosys commands that give constants their tie cells, where the technology has any."""
    high, low = pdk.tie_high, pdk.tie_low
    if not high or not low:
        return []
    return [f"hilomap -hicell {high.cell} {high.output} -locell {low.cell} {low.output}"]


def quoted(path: Path) -> str:
    """A path as Yosys takes it."""
    return f'"{path}"' if re.search(r"\s", str(path)) else str(path)


def _explained(error: ToolError, design: Design, pdk: Pdk, log: Path) -> Exception:
    """The error to raise for a failed run: another if the log blames the Verilog or the technology."""
    text = log.read_text(errors="replace") if log.is_file() else ""
    for match in _SOURCE_ERROR.finditer(text):
        where = f"{match['file']}:{match['line']}" if match["file"] else design.top
        if match["file"] and match["file"].endswith((".v", ".sv", ".vh")):
            return SynthesisError(f"{where}: {match['what'].strip()}")
        if any(known in match["what"] for known in _USER_ERRORS):
            return SynthesisError(f"{where}: {match['what'].strip()} (log: {log})")
        unmapped = re.search(r"\(type (\$\S+)\) cannot be legalized", match["what"])
        if unmapped:
            return _lacks_cell(pdk, unmapped[1], match["what"].strip())
    return error


def _lacks_cell(pdk: Pdk, wanted: str, why: str) -> PdkError:
    what = f"{pdk.source}: no cell of {pdk.name} does the work of Yosys's {wanted} ({why})"
    return PdkError(f"{what}; add such a cell to its Liberty files or avoid it in the RTL")


def _metrics(gates: GateNetlist, cells: Mapping[str, LibertyCell]) -> dict[str, float]:
    """Counts and areas (um2) in METRICS2.1 keys."""
    masters = [cells[master] for master in gates.instance_masters]
    area = np.array([cell.area for cell in masters])
    macro = np.array([cell.memory for cell in masters], dtype=bool)
    sequential = np.array([cell.sequential is not None for cell in masters], dtype=bool)
    prefix = "synth__design__instance"
    return {
        f"{prefix}__count": float(len(masters)),
        f"{prefix}__area": float(area.sum()),
        f"{prefix}__count__stdcell": float((~macro).sum()),
        f"{prefix}__area__stdcell": float(area[~macro].sum()),
        f"{prefix}__count__macros": float(macro.sum()),
        f"{prefix}__area__macros": float(area[macro].sum()),
        f"{prefix}__count__class:sequential_cell": float(sequential.sum()),
        f"{prefix}__area__class:sequential_cell": float(area[sequential].sum()),
        "synth__design__net__count": float(len(gates.net_names)),
    }
