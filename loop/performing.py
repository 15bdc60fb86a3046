"""``chiploop perf``: a workload on a design, layer by layer, as tables and files."""

from __future__ import annotations

import json
from pathlib import Path

from rich.table import Table

from loop.errors import LoopError
from loop.metrics import OBJECTIVE
from loop.plots import roofline
from loop.store import write_atomically
from rtl import AcceleratorSpec
from sim.networks import NETWORKS
from sim.performance import Performance, performance
from sim.system_model import Memory
from sim.workload import Workload, from_jax
from sim.workload_files import read_workloads

SHOWN = {
    "cycles": "cycles",
    "stall_cycles": "stalled",
    "roofline_distance": "/ roofline",
    "utilisation": "used",
    "gops_per_s": "GOP/s",
}


def write_performance(
    name: str,
    spec: AcceleratorSpec,
    batch: int,
    clock_hz: float | None,
    power_w: float | None,
    area_mm2: float | None,
    memory: tuple[int, int],
    out: Path,
    flow: Path | None = None,
    tiles: int = 16,
    seed: int = 0,
) -> list[Table]:
    """Analyse a workload, write ``layers-NAME.csv``, ``performance.json`` and ``roofline.svg``; tables to print.

    Args:
        name: of a network that comes along, placer_step, or a file (:mod:`sim.workload_files`).
        spec: the accelerator.
        batch: batch size of a network, or of what an ONNX model leaves open.
        clock_hz: clock frequency in Hz; None: what the spec aims at.
        power_w: power in W at that clock, if known.
        area_mm2: die area in mm2, if known.
        memory: latency in cycles, and cycles for each word, of the memory behind a DMA engine.
        out: folder; it is made.
        flow: folder of a ``chiploop flow`` of this design, to take the energy from; not with ``power_w``.
        tiles: how many tiles of each workload are drawn for it, and ``seed`` of the draw.

    Raises:
        WorkloadError: the file is no workload.
        LoopError: there is nothing to analyse, or a number is not above 0.
    """
    if name == OBJECTIVE:
        workloads = [placer_step()]
    else:
        workloads = [NETWORKS[name](batch)] if name in NETWORKS else read_workloads(name, batch)
    clock = clock_hz if clock_hz is not None else 1e9 / spec.clock_ns
    try:
        found = [performance(spec, workload, clock, power_w, area_mm2, Memory(*memory)) for workload in workloads]
    except ValueError as error:
        raise LoopError(str(error)) from error
    if not found:
        raise LoopError(f"{name}: there is no workload in it")
    if flow is not None:
        if power_w is not None:
            raise LoopError("energy from a flow's tiles or from --power-mw: give one of the two")
        from loop.energy import sampled_energy

        found = [one.with_energy(sampled_energy(one, flow, tiles, seed, out / one.workload.name)) for one in found]
    out.mkdir(parents=True, exist_ok=True)
    for one in found:
        write_atomically(out / f"layers-{one.workload.name}.csv", one.to_csv())
    write_atomically(out / "performance.json", json.dumps({one.workload.name: one.total() for one in found}, indent=1))
    write_atomically(out / "roofline.svg", roofline(found))
    return [_table(one) for one in found]


def placer_step() -> Workload:
    """The placer's training step on a synthetic netlist with as many macros as the default design has."""
    from loop.config import LoopConfig
    from loop.stages import train_config
    from placer.synthetic import synthetic
    from placer.train import training_step_example

    spec = AcceleratorSpec()
    function, args = training_step_example(*synthetic(spec.macros, seed=0), train_config(LoopConfig(spec=spec), 1))
    return from_jax(function, *args, name=OBJECTIVE)


def _table(found: Performance) -> Table:
    spec = found.spec
    tiles = f"{spec.tiles} tiles of " if spec.tiles > 1 else ""
    title = (
        f"{found.workload.name} on {tiles}{spec.rows} x {spec.cols} {spec.dataflow.replace('_', '-')}, {spec.operands}"
    )
    table = Table(title=title)
    for column in ("layer", "MxKxN", "count", *SHOWN.values()):
        table.add_column(column, no_wrap=True)
    for layer in found.layers:
        row = layer.row()
        op = layer.op
        table.add_row(op.name, f"{op.m}x{op.k}x{op.n}", str(op.count), *(_shown(row[key]) for key in SHOWN))
    total = found.total() | {"gops_per_s": 1e3 * found.total()["tops"]}
    table.add_section()
    table.add_row("total", "", "", *(_shown(total[key]) for key in SHOWN))
    rates = ("tops", "tops_per_w", "tops_per_mm2", "joules", "edp_js", "seconds")
    table.caption = ", ".join(f"{key.replace('_', ' ')} {total[key]:.4g}" for key in rates if key in total)
    if other := found.workload.other:
        done = f"{found.workload.passed / other:.0%} on the vector unit in {found.vector_seconds:.4g} s, the rest"
        table.caption += (
            f"; {other:.4g} other operations: {done if spec.vector and found.workload.passed else 'all'} left to a host"
        )
    if total.get("joules_standard_error"):
        share = (total["joules_high"] - total["joules"]) / total["joules"]
        table.caption += f"; energy within {share:.1%} of that with 95% confidence, from the tiles that were drawn"
    return table


def _shown(value: str | int | float | None) -> str:
    return f"{value:.4g}" if isinstance(value, float) and value < 1e6 else f"{value:,.0f}" if value else str(value)
