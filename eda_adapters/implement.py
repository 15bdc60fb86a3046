"""From a mapped netlist and macro positions to power, performance and area: the embedded flow without OpenROAD.

Standard cells by the analytical placer, repeaters on long wires, wires as Steiner trees, timing by OpenSTA, power from
activity and Liberty tables.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from eda_adapters.cells import TOOL as CELLS_TOOL
from eda_adapters.cells import place_cells_globally, place_cells_in_rows
from eda_adapters.floorplan import Core, core_of, net_numbers, pin_positions, router_tile
from eda_adapters.gates import GateNetlist, liberty_pins, write_verilog
from eda_adapters.layout import write_layout, write_picture
from eda_adapters.liberty import Library, read_liberty
from eda_adapters.opensta import time_design
from eda_adapters.power_model import PowerModel
from eda_adapters.repeaters import repeat_long_wires, write_repeaters
from eda_adapters.spef import extract, write_spef
from eda_adapters.steiner import steiner_trees
from eda_adapters.technology import MacroFiles, Pdk
from placer.formats.lef import read_lef
from placer.netlist import FloatArray, InputError, Netlist, NodeKind, Placement

STEINER_TOOL = "chiploop Steiner estimate"
REPEATERS_TOOL = "chiploop repeaters"
POWER_TOOL = "chiploop power (SAIF, Liberty tables)"
FLOORPLAN_TOOL = "chiploop floorplan"


@dataclass(frozen=True)
class Ppa:
    """Power, performance and area of one implementation."""

    metrics: Mapping[str, float]  # METRICS2.1 key to value: um, um2, ns, W
    tools: Mapping[str, str]  # the same keys to the tool and version that gave the value
    files: Mapping[str, Path]  # verilog, def, spef, picture, metrics; the embedded flow: repeaters, too
    placement: Placement  # of every node of the flat netlist; what a flow has added is in the DEF
    path: tuple[str, ...]  # pins of the worst path from register to register, "instance/pin"
    seed: int


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
    cell_halo: tuple[float, float] = (2.0, 2.0),
    clock: str = "clk",
) -> Ppa:
    """Place the standard cells around the macros, estimate the wires, and measure timing and power.

    Args:
        gates: the mapped netlist, and ``netlist``, made from it by ``floorplan()``.
        placement: of the macros and ports; macros are moved to the nearest site and row (less than one of each).
        pdk: the technology, and ``srams``, the macros' LEF and Liberty.
        period: ns, the clock that timing and power are for.
        out_dir: folder for all files; each appears only when it is whole.
        seed: of the cells' placement.
        saif: activity of a simulation; None: a default activity.
        saif_cycle: ns, that simulation's clock period.
        cell_halo: um free of cells left and right, below and above of each macro.
        clock: the clock's port.

    Raises InputError if macros overlap or cells do not fit, ToolError if a tool fails.
    """
    out_dir = out_dir.resolve()
    out_dir.mkdir(parents=True, exist_ok=True)
    liberty_files = [*pdk.corner.liberty, *(sram.lib for sram in srams)]
    library = read_lef(*pdk.lefs, *(sram.lef for sram in srams))
    liberty = read_liberty(*liberty_files)
    core = core_of(netlist.canvas, library, pdk)
    snapped = snap_macros(netlist, placement, core)
    spread = place_cells_globally(netlist, snapped, core, seed, cell_halo)
    repeated = repeat_long_wires(gates, netlist, spread, library, liberty.cells, pdk, clock)
    gates, netlist = repeated.gates, repeated.netlist
    placed = place_cells_in_rows(netlist, repeated.placement, core, seed, cell_halo)

    pins = pin_positions(netlist, placed)[netlist.net_pins]
    trees = steiner_trees(pins, netlist.net_start)
    wires = extract(trees, pdk.layers[pdk.signal_layer])
    net = net_numbers(gates, netlist)
    verilog, spef = out_dir / "netlist.v", out_dir / "wires.spef"
    write_verilog(gates, verilog)
    write_spef(spef, gates, netlist, net, trees, wires, pdk.load)
    timing = time_design(verilog, gates.top, spef, liberty_files, pdk, period, out_dir, clock)
    macro_cycle = max((sram.cycle for sram in srams), default=0.0)  # which OpenSTA does not hold against paths
    timing = replace(timing, min_period=max(timing.min_period, macro_cycle))

    wire_capacitance = np.zeros(len(gates.net_names))
    wire_capacitance[net] = wires.net_capacitance
    areas = _areas(gates, liberty, netlist, core)
    model = PowerModel.of(gates, liberty, pdk, wire_capacitance, areas["finish__design__core__area"], clock)
    power, activity = model.power(saif, saif_cycle, period)
    overloaded = _overloaded(gates, liberty, model.wire_capacitance, pdk, model.clock_net)

    sources = activity.source & (np.arange(len(activity.source)) != model.clock_net)
    by_tool = {
        STEINER_TOOL: {
            "finish__route__wirelength__estimated": float(trees.net_length().sum()),
            "finish__global_route__wirelength__estimated": trees.tiled_length(router_tile(library)),
            "finish__timing__drv__max_cap": float(overloaded),
        },
        REPEATERS_TOOL: {"finish__design__instance__count__setup_buffer": float(len(repeated.buffers))},
        CELLS_TOOL: {"finish__hpwl_um": _hpwl(pins, netlist)},
        timing.tool: {
            "finish__timing__setup__ws": timing.worst_slack,
            "finish__timing__setup__wns": min(timing.worst_slack, 0.0),
            "finish__timing__setup__tns": timing.total_negative_slack,
            "finish__timing__setup__ws__register": timing.register_slack,
            "finish__timing__setup__min_period": timing.min_period,
            "finish__timing__hold__ws": timing.hold_worst_slack,
            "finish__timing__hold__tns": timing.hold_total_negative_slack,
        },
        POWER_TOOL: {
            "finish__power__total": power.total,
            "finish__power__internal__total": power.internal,
            "finish__power__switching__total": power.switching,
            "finish__power__leakage__total": power.leakage,
            "finish__power__macro__total": power.macro,
            "finish__power__clock__total": power.clock,
            "finish__power__annotated": float(activity.annotated[sources].mean()) if sources.any() else 0.0,
            "finish__clock__buffer__count": float(model.tree.buffers),
            "finish__clock__wirelength__estimated": model.tree.wirelength,
        },
        FLOORPLAN_TOOL: areas,
    }
    metrics = {key: value for values in by_tool.values() for key, value in values.items()}
    wrong = [key for key, value in metrics.items() if math.isnan(value)]
    if wrong:
        raise InputError(f"{gates.top}: {wrong[0]} is not a number; is the technology's Liberty complete?")
    files = {
        "verilog": verilog,
        "spef": spef,
        "def": out_dir / "layout.def",
        "picture": out_dir / "layout.png",
        "repeaters": out_dir / "repeaters.json",
        "metrics": out_dir / "metrics.json",
    }
    write_repeaters(files["repeaters"], repeated.buffers)
    write_layout(files["def"], gates, netlist, placed, core, library, pdk)
    write_picture(files["picture"], gates, netlist, placed, core, trees, net, timing.path_pins, timing.min_period)
    write_metrics(files["metrics"], metrics)
    tools = {key: tool for tool, values in by_tool.items() for key in values}
    return Ppa(metrics, tools, files, repeated.without(placed), timing.path_pins, seed)


def snap_macros(netlist: Netlist, placement: Placement, core: Core) -> Placement:
    """Move each macro's lower left corner to the nearest site of a row, inside the canvas; pins then lie on tracks.

    Raises InputError if macros then overlap or one is outside the canvas: they lay too close to begin with.
    """
    hard = netlist.nodes(NodeKind.HARD)
    size = netlist.node_size[hard]
    step, origin = np.array([core.site_width, core.row_height]), np.array([core.x, core.y])
    canvas = np.array([netlist.canvas.width, netlist.canvas.height])
    least = np.ceil(-origin / step - 1e-6)
    most = np.floor((canvas - size - origin) / step + 1e-6)
    corner = np.clip(np.round((placement.position[hard] - size / 2 - origin) / step), least, most) * step + origin
    if (most < least).any():
        raise InputError(f"{netlist.name}: macro {netlist.node_names[hard[(most < least).any(1)][0]]} exceeds the die")
    for i in range(len(hard)):
        room = size[i] + size[i + 1 :]
        gap = np.abs(corner[i] + size[i] / 2 - corner[i + 1 :] - size[i + 1 :] / 2) - room / 2
        if len(gap) and (close := np.flatnonzero((gap < -1e-6).all(axis=1))).size:
            a, b = netlist.node_names[hard[i]], netlist.node_names[hard[i + 1 + close[0]]]
            raise InputError(f"{netlist.name}: macros {a} and {b} overlap on the rows; place them with a halo")
    position = placement.position.copy()
    position[hard] = corner + size / 2
    return Placement(position, placement.orientation)


def _overloaded(gates: GateNetlist, liberty: Library, wire: FloatArray, pdk: Pdk, clock_net: int) -> int:
    """Nets, without the clock, whose load exceeds what their driver may have: a router's flow would buffer them."""
    pins = liberty_pins(gates, liberty.cells)
    load, most = wire.copy(), np.full(len(wire), np.inf)
    np.add.at(load, gates.port_net[~gates.port_is_input], pdk.load)
    connected = gates.pin_net >= 0
    np.add.at(load, gates.pin_net[connected], np.array([pin.capacitance for pin in pins])[connected])
    drives = gates.pin_is_driver & connected
    most[gates.pin_net[drives]] = np.array([pin.max_capacitance for pin in pins])[drives]
    over = load > most
    over[clock_net] &= clock_net < 0
    return int(over.sum())


def _areas(gates: GateNetlist, liberty: Library, netlist: Netlist, core: Core) -> dict[str, float]:
    """Counts and areas in um2, without the estimated clock buffers."""
    area = np.array([liberty.cells[master].area for master in gates.instance_masters])
    hard = netlist.node_kind[: len(area)] == NodeKind.HARD
    core_area = core.columns * core.site_width * core.rows * core.row_height
    return {
        "finish__design__instance__count": float(len(area)),
        "finish__design__instance__count__stdcell": float((~hard).sum()),
        "finish__design__instance__count__macros": float(hard.sum()),
        "finish__design__instance__area": float(area.sum()),
        "finish__design__instance__area__stdcell": float(area[~hard].sum()),
        "finish__design__instance__area__macros": float(area[hard].sum()),
        "finish__design__instance__utilization": float(area.sum()) / core_area,
        "finish__design__core__area": core_area,
        "finish__design__die__area": netlist.canvas.width * netlist.canvas.height,
    }


def _hpwl(pins: FloatArray, netlist: Netlist) -> float:
    """Half-perimeter wire length of all nets in um."""
    start = netlist.net_start[:-1]
    return float((np.maximum.reduceat(pins, start) - np.minimum.reduceat(pins, start)).sum())


def write_metrics(path: Path, metrics: Mapping[str, float]) -> None:
    """Write metrics as JSON, sorted by key; the file appears whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(dict(sorted(metrics.items())), indent=1) + "\n")
    os.replace(partial, path)
