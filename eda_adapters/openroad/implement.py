"""Implement a design with OpenROAD: the same inputs and the same kind of result as the embedded flow's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from eda_adapters.activity import net_activity, read_saif
from eda_adapters.floorplan import core_of, net_numbers, pin_positions
from eda_adapters.gates import GateNetlist, write_verilog
from eda_adapters.implement import Ppa, snap_macros, write_metrics
from eda_adapters.layout import write_picture
from eda_adapters.liberty import read_liberty
from eda_adapters.openroad.activity import write_activity
from eda_adapters.openroad.design import PhysicalDesign, core_box, placed_macros, placed_ports
from eda_adapters.openroad.flow import FlowResult, run_flow
from eda_adapters.openroad.options import FlowOptions
from eda_adapters.opensta import constraints
from eda_adapters.steiner import steiner_trees
from eda_adapters.technology import MacroFiles, Pdk
from placer.formats.def_ import read_def
from placer.formats.lef import read_lef
from placer.formats.orientation import SPLIT
from placer.netlist import Netlist, NodeKind, Orientation, Placement

WIRELENGTH = {
    "globalroute__global_route__wirelength": "route__wirelength",
    "detailedroute__route__wirelength": "route__wirelength",
}
"""OpenROAD's keys of the routed wire length in um, each better than the one before."""


def implement(
    gates: GateNetlist,
    netlist: Netlist,
    placement: Placement,
    pdk: Pdk,
    srams: Sequence[MacroFiles],
    period: float,
    out_dir: Path,
    seed: int = 0,
    saif: Path | None = None,
    saif_cycle: float = 1.0,
    clock: str = "clk",
    options: FlowOptions | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> Ppa:
    """Take a placement of macros and ports through the OpenROAD flow.

    The arguments are those of :func:`eda_adapters.implement.implement`, and ``options``, whose seed is ``seed``. The
    netlist, the die, the rows, the ports, the constraints and the activity are the embedded flow's. The figures of the
    last stage that was run are in ``STAGE__...``; after all stages that is ``finish__...``.

    Raises InputError if macros overlap, PdkError if the technology cannot be routed, ToolError if OpenROAD fails.
    """
    folder = out_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    options = replace(options or FlowOptions(), seed=seed)
    library = read_lef(*pdk.lefs, *(sram.lef for sram in srams))
    liberty_files = (*pdk.corner.liberty, *(sram.lib for sram in srams))
    core = core_of(netlist.canvas, library, pdk)
    snapped = snap_macros(netlist, placement, core)
    verilog, sdc, activity = folder / "netlist.v", folder / "constraints.sdc", folder / "activity.tcl"
    write_verilog(gates, verilog)
    sdc.write_text(constraints(pdk, period, clock))
    recorded = read_saif(saif, gates.top) if saif is not None else None
    write_activity(
        activity, gates, net_activity(gates, read_liberty(*liberty_files), recorded, saif_cycle, clock), clock
    )
    design = PhysicalDesign(
        top=gates.top,
        verilog=verilog,
        sdc=sdc,
        lefs=(*pdk.lefs, *(sram.lef for sram in srams)),
        liberty=liberty_files,
        die=(0.0, 0.0, netlist.canvas.width, netlist.canvas.height),
        core=core_box(core),
        macros=placed_macros(netlist, snapped),
        ports=placed_ports(gates, netlist, snapped, library, pdk),
        activity=activity,
    )
    result = run_flow(design, library, pdk, folder, options, progress)
    metrics = figures(result, period, max((sram.cycle for sram in srams), default=0.0))
    listed = folder / "path.txt"
    path = tuple(listed.read_text().split()) if result.stages[-1] == "finish" else ()
    last = _positions(result, netlist, snapped)
    trees = steiner_trees(pin_positions(netlist, last)[netlist.net_pins], netlist.net_start)
    files = {name: folder / file for name, file in (("metrics", "metrics.json"), ("picture", "layout.png"))}
    files |= {"verilog": verilog, "def": result.layout}
    shortest = metrics.get(f"{result.stages[-1]}__timing__setup__min_period", math.nan)
    write_picture(files["picture"], gates, netlist, last, core, trees, net_numbers(gates, netlist), path, shortest)
    write_metrics(files["metrics"], metrics)
    return Ppa(metrics, dict.fromkeys(metrics, result.tool), files, last, path, seed)


def figures(result: FlowResult, period: float, macro_cycle: float) -> dict[str, float]:
    """The flow's metrics without slacks that nothing constrains, and what follows from them for the last stage.

    Args:
        result: of the flow.
        period: ns, the constraint.
        macro_cycle: ns, the longest cycle time of a macro, which slacks do not show.
    """
    metrics = {key: value for key, value in result.metrics.items() if math.isfinite(value)}
    last = result.stages[-1]
    slack = metrics.get(f"{last}__timing__setup__ws__register", metrics.get(f"{last}__timing__setup__ws"))
    if slack is not None:
        metrics[f"{last}__timing__setup__min_period"] = max(period - slack, macro_cycle)
    for key, name in WIRELENGTH.items():
        if key in metrics:
            metrics[f"{last}__{name}"] = metrics[key]
    metrics["flow__threads"] = float(result.threads)
    metrics["flow__runtime"] = sum(result.seconds.values())
    return metrics


def _positions(result: FlowResult, netlist: Netlist, placement: Placement) -> Placement:
    """Where the last DEF has the netlist's nodes; a cell that OpenROAD removed stays where it was given."""
    number = {name: i for i, name in enumerate(netlist.node_names)}
    position, orientation = placement.position.copy(), placement.orientation.copy()
    for component in read_def(result.layout).components:
        node = number.get(component.name.replace("\\", ""))
        if node is None or component.status == "UNPLACED" or netlist.node_kind[node] == NodeKind.PORT:
            continue
        rotated, orient = SPLIT[component.orient]
        if not rotated:
            position[node] = netlist.node_size[node] / 2 + (component.x, component.y)
            orientation[node] = Orientation(orient)
    return Placement(position, orientation)
