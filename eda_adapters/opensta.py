"""Timing by OpenSTA: flat Verilog, Liberty, SPEF and constraints in, slacks and the worst path out.

Constraints: one ideal clock with an uncertainty, inputs that come and outputs that are due a share of the period
away from the clock edge, a driving cell at each input. (The load at each output is in the SPEF: OpenSTA ignores the
wires of a net whose port has a set_load.) The shortest period is the period
less the worst setup slack from register to register; it keeps the uncertainty.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from eda_adapters.liberty_syntax import liberty_text
from eda_adapters.technology import Pdk
from eda_adapters.tool import ToolRun, find_tool, run_tool

CLOCK_UNCERTAINTY = 0.03
"""Share of the period set aside for skew and jitter, at setup and at hold: the clock itself is taken as ideal."""

IO_DELAY = 0.2
"""Share of the period that inputs arrive late and outputs are due early."""

TIMEOUT_S = 600.0
_UNCONSTRAINED = 1e20


@dataclass(frozen=True)
class Timing:
    """What OpenSTA says of a design. Times in ns; a slack is infinite where no path is constrained."""

    worst_slack: float  # setup, all paths
    total_negative_slack: float  # setup, all paths; at most 0
    hold_worst_slack: float
    hold_total_negative_slack: float
    register_slack: float  # setup, the worst path from register to register
    min_period: float  # ns, the period at which register_slack would be 0
    path_pins: tuple[str, ...]  # worst path from register to register: "instance/pin", from launch to capture
    path_arrival: tuple[float, ...]  # ns, of each pin of the path
    tool: str  # name and version
    seconds: float  # CPU time


def sta_version() -> str:
    """``OpenSTA`` and its version; ToolError if the program is missing."""
    return _version(find_tool("sta"))


@lru_cache(maxsize=4)
def _version(program: Path) -> str:
    shown = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=60, check=False).stdout
    match = re.search(r"\d+\.\d+(\.\d+)?", shown)
    return f"OpenSTA {match[0]}" if match else "OpenSTA"


def time_design(
    verilog: Path,
    top: str,
    spef: Path | None,
    liberty: Sequence[Path],
    pdk: Pdk,
    period: float,
    out_dir: Path,
    clock: str = "clk",
) -> Timing:
    """Run OpenSTA on a flat netlist.

    Args:
        verilog: flat netlist, and ``top``, its module.
        spef: parasitics with the netlist's names; None: wires as the library's default wire load model has them.
        liberty: all Liberty files, those of the SRAM macros too.
        pdk: gives the driving cell.
        period: ns.
        out_dir: folder for script, constraints, log and result.
        clock: the clock's port.

    Raises ToolError if OpenSTA is missing, fails, or its result makes no sense.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    result = out_dir / "sta.json"
    result.unlink(missing_ok=True)
    (out_dir / "constraints.sdc").write_text(constraints(pdk, period, clock))
    plain = [_unpacked(path, out_dir) for path in liberty]
    script = _script(_design(verilog, top, plain, out_dir / "constraints.sdc", spef) + _REPORT, result)
    run = run_script(script, out_dir, "sta")
    refuse_complaints(run, verilog, spef)
    found = read_result(run, result)
    try:
        numbers = {key: _slack(found[key]) for key in _NUMBERS}
        points = [(str(pin), float(arrival)) for pin, arrival in found["path"]]
    except KeyError as error:
        raise run.garbage(f"{result.name} lacks {error}") from error
    except (TypeError, ValueError) as error:
        raise run.garbage(f"{result.name} has a wrong value: {error}") from error
    if not points or any(math.isnan(value) for value in numbers.values()):
        raise run.garbage("there is no path from register to register; is the clock's port right?")
    return Timing(
        worst_slack=numbers["setup_slack"],
        total_negative_slack=numbers["setup_total"],
        hold_worst_slack=numbers["hold_slack"],
        hold_total_negative_slack=numbers["hold_total"],
        register_slack=numbers["register_slack"],
        min_period=period - numbers["register_slack"],
        path_pins=tuple(re.sub(r"\\(.)", r"\1", pin) for pin, _ in points),
        path_arrival=tuple(arrival for _, arrival in points),
        tool=sta_version(),
        seconds=run.cpu_seconds,
    )


def constraints(pdk: Pdk, period: float, clock: str) -> str:
    """The SDC text: clock, uncertainty, input and output delays, driving cell."""
    return f"""create_clock -name {clock} -period {period:.6g} [get_ports {clock}]
set_clock_uncertainty {CLOCK_UNCERTAINTY * period:.6g} [get_clocks {clock}]
set inputs {{}}
foreach port [all_inputs] {{
  if {{ [get_full_name $port] ne "{clock}" }} {{ lappend inputs $port }}
}}
if {{ [llength $inputs] }} {{
  set_input_delay {IO_DELAY * period:.6g} -clock {clock} $inputs
  set_driving_cell -lib_cell {pdk.driver} $inputs
}}
if {{ [llength [all_outputs]] }} {{
  set_output_delay {IO_DELAY * period:.6g} -clock {clock} [all_outputs]
}}
"""


def run_script(script: str, out_dir: Path, name: str) -> ToolRun:
    """Run a Tcl script, kept as ``NAME.tcl``, with its output in ``NAME.log``; ToolError if any command fails."""
    program = find_tool("sta")
    path = out_dir / f"{name}.tcl"
    path.write_text(script)
    argv: list[str | Path] = [program, "-no_splash", "-no_init", "-exit", path]
    return run_tool(argv, cwd=out_dir, log=out_dir / f"{name}.log", timeout_s=TIMEOUT_S, name="OpenSTA")


def refuse_complaints(run: ToolRun, *files: Path | None) -> None:
    """ToolError if the log has an error, or a warning about one of the files: OpenSTA goes on after either."""
    names = [str(path) for path in files if path is not None]
    for line in run.log.read_text(errors="replace").splitlines()[1:]:
        if line.startswith("Error") or (line.startswith("Warning") and any(name in line for name in names)):
            raise run.garbage(f"said: {line[:300]}")


def read_result(run: ToolRun, result: Path) -> dict[str, Any]:
    """The JSON object that a script wrote; ToolError if there is none."""
    try:
        found = json.loads(result.read_text())
    except (OSError, ValueError) as error:
        raise run.garbage(f"its result cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise run.garbage("its result is not a JSON object")
    return found


_NUMBERS = ("setup_slack", "setup_total", "hold_slack", "hold_total", "register_slack")

_REPORT = """
set registers [all_registers -clock_pins]
set captures [all_registers -data_pins]
set worst [find_timing_paths -from $registers -to $captures -path_delay max]
set points {}
set register_slack null
if { [llength $worst] } {
  set path [lindex $worst 0]
  set register_slack [get_property $path slack]
  foreach point [get_property $path points] {
    set pin [string map {\\\\ \\\\\\\\ \\" \\\\\\"} [get_full_name [get_property $point pin]]]
    lappend points "\\[\\"$pin\\", [get_property $point arrival]\\]"
  }
}
puts $result "{\\"setup_slack\\": [sta::time_sta_ui [sta::worst_slack_cmd max]],"
puts $result "\\"setup_total\\": [total_negative_slack -max],"
puts $result "\\"hold_slack\\": [sta::time_sta_ui [sta::worst_slack_cmd min]],"
puts $result "\\"hold_total\\": [total_negative_slack -min],"
puts $result "\\"register_slack\\": $register_slack,"
puts $result "\\"path\\": \\[[join $points {, }]\\]}"
"""


def _design(verilog: Path, top: str, liberty: Sequence[Path], sdc: Path, spef: Path | None) -> str:
    """Commands that load a design."""
    lines = [f"read_liberty {{{path}}}" for path in liberty]
    lines += ["set_cmd_units -time ns"]  # in place of the first library's
    lines += [f"read_verilog {{{verilog}}}", f"link_design {top}", f"read_sdc {{{sdc}}}"]
    if spef is not None:
        lines.append(f"read_spef {{{spef}}}")
    return "\n".join(lines) + "\n"


def _unpacked(liberty: Path, folder: Path) -> Path:
    """A Liberty file as OpenSTA 2.0 reads it: unpacked, in ``folder`` where it had to be."""
    if liberty.suffix != ".gz":
        return liberty
    plain = folder / liberty.stem
    plain.write_text(liberty_text(liberty))
    return plain


def _script(commands: str, result: Path) -> str:
    """A script that ends with exit status 1 at the first command that fails; ``$result`` is the result's file."""
    return f"""if {{ [catch {{
set result [open {{{result}}} w]
{commands}
close $result
}} message] }} {{
  puts "Error: $message"
  exit 1
}}
exit 0
"""


def _slack(value: object) -> float:
    """A time in ns; infinite where nothing is constrained."""
    number = float(value) if isinstance(value, int | float) else math.nan
    return math.inf if abs(number) > _UNCONSTRAINED else number
