"""Activity predicted from RTL against a simulation of the gates: ``python -m benchmarks.activity``.

The default accelerator is synthesised to Nangate45; the same bench runs on the RTL, whose SAIF the prediction starts
from, and on the mapped netlist with cells written from their Liberty functions, which is the truth (without glitches:
both are without delays). Compared are the nets that the RTL's SAIF does not name.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

import sim
from benchmarks.results import Figure, write_figures
from eda_adapters.activity import Saif, net_activity, read_saif
from eda_adapters.gates import GateNetlist
from eda_adapters.liberty import LibertyCell, read_liberty
from eda_adapters.pdk import load_pdk
from eda_adapters.synthesis import synthesize
from rtl import AcceleratorSpec, Design, elaborate

COMMAND = "python -m benchmarks.activity"
SEED = 1


def functional_verilog(cells: Mapping[str, LibertyCell]) -> str:
    """Verilog of cells from their Liberty functions, without delays; registers begin at 0."""
    return "\n".join(_module(cell) for cell in cells.values())


def _module(cell: LibertyCell) -> str:
    ports = [f"{'input' if pin.direction == 'input' else 'output'} {pin.name}" for pin in cell.pins.values()]
    lines = [f"module {cell.name} ({', '.join(ports)});"]
    state = cell.sequential
    if state is not None:
        data, clock = (text.replace("!", "~") for text in (state.next_state, state.clocked_on))
        lines += [f"reg {state.state} = 1'b0;", f"wire {state.inverse} = ~{state.state};"]
        lines.append(f"always @(posedge {clock}) {state.state} <= {data};")
    for pin in cell.pins.values():
        if pin.direction == "output" and pin.function:
            function = pin.function.replace("!", "~")
            constant = f"1'b{function}" if function in ("0", "1") else function
            lines.append(f"assign {pin.name} = {constant};")
    return "\n".join([*lines, "endmodule", ""])


def _recorded(design: Design, folder: Path) -> tuple[Saif, float]:
    """Activity of the bench on a design, and its clock period in ns."""
    saif = folder / "activity.saif"
    result = sim.verify(design, folder, "icarus", SEED, products=[(4, 4, 4)], saif=saif, only="random_products")
    if not result.passed or result.activity is None:
        raise SystemExit(f"{folder.name}: the bench failed: {result.failure}")
    return read_saif(saif, design.top), result.activity.clock_ns


def _errors(gates: GateNetlist, predicted: np.ndarray, truth: np.ndarray, chosen: np.ndarray) -> dict[str, float]:
    load = 1.0 + np.bincount(gates.pin_net[gates.pin_net >= 0], minlength=len(truth))
    weighted = predicted * load
    return {
        "total_ratio": float(predicted[chosen].sum() / truth[chosen].sum()),
        "load_ratio": float(weighted[chosen].sum() / (truth * load)[chosen].sum()),
        "error": float(np.abs(predicted - truth)[chosen].sum() / truth[chosen].sum()),
        "correlation": float(np.corrcoef(predicted[chosen], truth[chosen])[0, 1]),
    }


def main() -> None:
    """Measure and write the figures."""
    pdk, spec = load_pdk("nangate45"), AcceleratorSpec()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        design = elaborate(spec, folder / "rtl")
        done = synthesize(design, pdk, folder / "synth", spec.clock_ns)
        gates = done.gates
        library = read_liberty(*pdk.corner.liberty, *(sram.lib for sram in done.srams))
        cells = folder / "cells.v"
        used = {master: library.cells[master] for master in gates.instance_masters}
        cells.write_text(functional_verilog({name: cell for name, cell in used.items() if not cell.memory}))
        rtl, cycle = _recorded(design, folder / "of_rtl")
        mapped = replace(design, sources=(done.verilog, cells, *design.sram_models))
        gate_level, _ = _recorded(mapped, folder / "of_gates")
    cycles = rtl.duration / cycle
    truth = np.array([gate_level.toggles[net] / cycles for net in gates.net_names])
    activity = net_activity(gates, library, rtl, cycle, "clk")
    found = _errors(gates, activity.toggles, truth, ~activity.annotated & ~activity.source)
    figures = [
        Figure("propagated_toggles_error", abs(found["load_ratio"] - 1), "", "lower", 0.15, (SEED,), COMMAND),
        Figure("propagated_net_error", found["error"], "", "lower", 0.25, (SEED,), COMMAND),
        Figure(
            "sources_annotated", float(activity.annotated[activity.source].mean()), "", "higher", 0.99, (SEED,), COMMAND
        ),
    ]
    write_figures("activity", figures, {"default_accelerator": {**found, "busy": activity.busy}})


if __name__ == "__main__":
    main()
