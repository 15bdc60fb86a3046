"""Designs from elsewhere: Verilog of any origin, mapped already or not, with hard macros, becomes a gate netlist."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eda_adapters.drive import strengthen
from eda_adapters.gates import GateNetlist, read_gates
from eda_adapters.liberty import read_liberty
from eda_adapters.synthesis import mapping, quoted, ties, yosys_command
from eda_adapters.technology import LibraryMacro, MacroFiles, Pdk
from eda_adapters.tool import run_tool
from placer.netlist import InputError


def library_macros(folder: Path, names: Sequence[str]) -> tuple[LibraryMacro, ...]:
    """Hard macros whose ``NAME.lef`` and ``NAME.lib`` lie in a folder; InputError names the first that does not."""
    for name in names:
        for suffix in ("lef", "lib"):
            if not (folder / f"{name}.{suffix}").is_file():
                raise InputError(
                    f"{folder}: expected {name}.{suffix} of the hard macro {name}; give the folder that has it"
                )
    return tuple(LibraryMacro(folder / f"{name}.lef", folder / f"{name}.lib") for name in names)


def read_verilog(
    sources: Sequence[Path],
    top: str,
    pdk: Pdk,
    macros: Sequence[MacroFiles],
    out_dir: Path,
    period_ns: float | None = None,
    timeout_s: float = 1800.0,
) -> GateNetlist:
    """Read Verilog with Yosys as a flat netlist of the technology's cells and the macros.

    Args:
        sources: Verilog-2005; may use the macros by name.
        top: the top module.
        pdk: the technology.
        macros: the hard macros' files.
        out_dir: folder for the script, its log and the netlist.
        period_ns: synthesise for this clock period, for speed, and strengthen drivers; None: the sources are mapped
            already, and their cells are taken as they are.
        timeout_s: limit of Yosys's run.

    Raises ToolError if Yosys fails (its log names file and line), NetlistError if a cell is not the technology's.
    """
    folder = out_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    command, _ = yosys_command()
    netlist = folder / "gates.json"
    netlist.unlink(missing_ok=True)
    libraries = [macro.lib for macro in macros] + (list(pdk.corner.liberty) if period_ns is None else [])
    lines = [f"read_liberty -lib -ignore_miss_func {quoted(path)}" for path in libraries]
    lines += [f"read_verilog -defer {quoted(path.resolve())}" for path in sources]
    lines.append(f"hierarchy -check -top {top}")
    if period_ns is None:
        lines += ["proc", "flatten -noscopeinfo", "setundef -zero", "opt_clean -purge", *ties(pdk), "opt_clean -purge"]
    else:
        lines += mapping(top, pdk, period_ns, folder, "speed")
    (folder / "read.ys").write_text("\n".join([*lines, f"write_json {quoted(netlist)}"]) + "\n")
    run_tool([*command, "read.ys"], cwd=folder, log=folder / "read.log", timeout_s=timeout_s, name="yosys")
    cells = read_liberty(*pdk.corner.liberty, *(macro.lib for macro in macros)).cells
    gates = read_gates(netlist, top, cells)
    return gates if period_ns is None else strengthen(gates, cells, pdk)
