"""The Tcl of each stage of the OpenROAD flow.

A stage is a process of its own: it loads what the stage before wrote, works, reports, and writes again. So a failed
stage can be repeated alone, figures of earlier stages outlive it, and nothing that OpenROAD caches (switching activity
above all) is carried along. The order of commands is that of OpenROAD-flow-scripts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eda_adapters.openroad.design import ORIENTATIONS, PhysicalDesign
from eda_adapters.openroad.options import FlowOptions
from eda_adapters.openroad.program import Program
from eda_adapters.technology import Pdk, PdkError, PowerGrid
from eda_adapters.tool import ToolError

REPORT = Path(__file__).with_name("report.tcl")
SEED_STEP = 1e-4
"""Change of the target density per seed where global placement takes no seed."""

_LEGAL = ("check_placement -verbose", "estimate_parasitics -placement")  # fails where cells overlap

NEEDED = (
    "read_lef read_liberty read_verilog link_design read_sdc write_sdc read_db write_db write_def initialize_floorplan"
    " make_tracks place_pin place_pins place_macro global_placement estimate_parasitics repair_design"
    " detailed_placement check_placement clock_tree_synthesis repair_timing global_route set_wire_rc set_layer_rc"
    " report_worst_slack_metric report_tns_metric report_power_metric report_design_area_metrics"
)
"""Commands without which there is no flow."""


@dataclass(frozen=True)
class Flow:
    """All that the scripts depend on."""

    design: PhysicalDesign
    pdk: Pdk
    options: FlowOptions
    program: Program


def check_program(flow: Flow) -> None:
    """Raise ToolError if the program lacks a command that the flow needs, PdkError if the technology lacks rules."""
    needed = [*NEEDED.split(), *([_macro_placer(flow.program)] if flow.options.openroad_macros else [])]
    for command in needed:
        if not flow.program.has(command):
            raise ToolError(f"{flow.program.name}: has no command {command}; build or install a later version")
    check_technology(flow.pdk)


def check_technology(pdk: Pdk) -> None:
    """Raise PdkError if the technology does not say where OpenROAD may route."""
    if pdk.routing is None:
        raise PdkError(
            f"{pdk.source}: key routing is missing: add a table [routing] with the layers that wires may be on"
            ' (lowest = "metal2", highest = "metal10"), or use --tool embedded'
        )


def inputs(flow: Flow, before: str | None) -> list[Path]:
    """The files that a stage reads: those that its script names."""
    design = flow.design
    found = [REPORT, *design.liberty]
    found += [path for path in (design.activity, flow.pdk.extraction_rules) if path]
    if before is None:
        return [*found, *design.lefs, design.verilog, design.sdc]
    return found


def script(stage: str, before: str | None, flow: Flow) -> str:
    """The script of a stage that follows on ``before`` (None: it is the first), run in the folder of all stages."""
    lines = [f"source {{{REPORT}}}", *_load(before, flow), *_WORK[stage](flow), f"chiploop_report {stage}"]
    lines += [f"write_db {stage}.odb", f"write_sdc {stage}.sdc", f"write_def {stage}.def"]
    return "\n".join(lines) + "\n"


def seeded(flow: Flow) -> dict[str, str]:
    """What the seed changes: command to option and value.

    Versions of 2026 take a seed for global placement. For those before, the target density moves by 0.0001 per seed,
    too little to matter to a designer and enough to send the placer another way.
    """
    found = {}
    if flow.program.takes("global_placement", "-random_seed"):
        found["global_placement"] = f"-random_seed {flow.options.seed}"
    else:
        found["global_placement"] = f"density + {flow.options.seed * SEED_STEP:g}"
    if flow.program.takes("improve_placement", "-random_seed"):
        found["improve_placement"] = f"-random_seed {flow.options.seed + 1}"
    return found


def _load(before: str | None, flow: Flow) -> list[str]:
    design, pdk = flow.design, flow.pdk
    lines = [f"read_liberty {{{path}}}" for path in design.liberty]
    lines.append("set_cmd_units -time ns")  # in place of the first library's
    if before is None:
        lines = [f"read_lef {{{path}}}" for path in design.lefs] + lines
        lines += [f"read_verilog {{{design.verilog}}}", f"link_design {design.top}", f"read_sdc {{{design.sdc}}}"]
    else:
        lines += [f"read_db {before}.odb", f"read_sdc {before}.sdc"]
    lines += [
        "set ohm [expr { 1.0 / [sta::unit_scale resistance] }]",
        "set ff [expr { 1e-15 / [sta::unit_scale capacitance] }]",
    ]
    for name, layer in pdk.layers.items():
        resistance, capacitance = f"{layer.resistance:g} * $ohm", f"{layer.capacitance:g} * $ff"
        lines.append(
            f"set_layer_rc -layer {name} -resistance [expr {{ {resistance} }}] -capacitance [expr {{ {capacitance} }}]"
        )
    lines += [f"set_wire_rc -signal -layer {pdk.signal_layer}", f"set_wire_rc -clock -layer {pdk.clock_layer}"]
    avoid = " ".join(f"*/{cell}" for cell in pdk.dont_use)
    lines.append(f"foreach cell [get_lib_cells -quiet {{{avoid}}}] {{ set_dont_use $cell }}")
    if design.activity:
        lines.append(f"source {{{design.activity}}}")
    return lines


def _floorplan(flow: Flow) -> list[str]:
    design, pdk = flow.design, flow.pdk
    lines = [
        f"initialize_floorplan -site {pdk.site} -die_area {{{_box(design.die)}}} -core_area {{{_box(design.core)}}}",
        "make_tracks",
        *(_place_port(port.name, port.layer, port.box) for port in design.ports),
    ]
    if not design.ports:
        layers = f"-hor_layers {pdk.port_layer_horizontal} -ver_layers {pdk.port_layer_vertical}"
        lines.append(f"place_pins {layers}")
    lines += _macros(flow)
    x, y = flow.options.cell_halo
    if pdk.tap and flow.program.has("tapcell"):
        distance = f"-distance {pdk.tap_distance:g}" if pdk.tap_distance else ""
        lines.append(f"tapcell {distance} -tapcell_master {pdk.tap} -halo_width_x {x:g} -halo_width_y {y:g}")
    elif flow.program.has("cut_rows"):
        lines.append(f"cut_rows -halo_width_x {x:g} -halo_width_y {y:g}")
    if pdk.power_grid and flow.program.has("pdngen"):
        lines += _power_grid(pdk, pdk.power_grid)
    return lines


def _place_port(name: str, layer: str, box: tuple[float, float, float, float]) -> str:
    x1, y1, x2, y2 = box
    centre, size = f"{{{(x1 + x2) / 2:.6f} {(y1 + y2) / 2:.6f}}}", f"{{{x2 - x1:.6f} {y2 - y1:.6f}}}"
    return f"place_pin -pin_name {{{name}}} -layer {layer} -location {centre} -pin_size {size}"


def _macros(flow: Flow) -> list[str]:
    if flow.options.openroad_macros:
        x, y = flow.options.halo
        command = _macro_placer(flow.program)
        if command == "rtl_macro_placer":
            return [f"rtl_macro_placer -halo_width {x:g} -halo_height {y:g}"]
        return [f"macro_placement -halo {{{x:g} {y:g}}}"]
    exact = " -exact" if flow.program.takes("place_macro", "-exact") else ""
    return [
        f"place_macro -macro_name {{{m.name}}} -location {{{m.x:.6f} {m.y:.6f}}}"
        f" -orientation {ORIENTATIONS[m.orient]}{exact}"
        for m in flow.design.macros
    ]


def _macro_placer(program: Program) -> str:
    """The program's own macro placer: the hierarchical one, or that of versions up to 2024."""
    return "rtl_macro_placer" if program.has("rtl_macro_placer") else "macro_placement"


def _power_grid(pdk: Pdk, grid: PowerGrid) -> list[str]:
    lines = [
        f"add_global_connection -net {pdk.power} -inst_pattern .* -pin_pattern {{^{pdk.power}$}} -power",
        f"add_global_connection -net {pdk.ground} -inst_pattern .* -pin_pattern {{^{pdk.ground}$}} -ground",
        "global_connect",
        f"set_voltage_domain -name CORE -power {pdk.power} -ground {pdk.ground}",
        "define_pdn_grid -name core -voltage_domains CORE",
    ]
    lines += [_stripes("core", stripe.layer, stripe.width, stripe.pitch, stripe.offset) for stripe in grid.stripes]
    lines += [f"add_pdn_connect -grid core -layers {{{a} {b}}}" for a, b in grid.connections]
    if grid.macro_connections:
        lines.append("define_pdn_grid -name macros -voltage_domains CORE -macro -halo {2 2 2 2} -default")
        lines += [_stripes("macros", s.layer, s.width, s.pitch, s.offset) for s in grid.macro_stripes]
        lines += [f"add_pdn_connect -grid macros -layers {{{a} {b}}}" for a, b in grid.macro_connections]
    return [*lines, "chiploop_try floorplan__power_grid__incomplete { pdngen }"]


def _stripes(grid: str, layer: str, width: float, pitch: float, offset: float) -> str:
    where = f"-pitch {pitch:g} -offset {offset:g}" if pitch else "-followpins"
    return f"add_pdn_stripe -grid {grid} -layer {layer} -width {width:g} {where}"


def _globalplace(flow: Flow) -> list[str]:
    options = flow.options
    density = f"{options.density:g}" if options.density else "$least + 0.1 * (1.0 - $least)"
    seed = seeded(flow)["global_placement"]
    extra, shift = (f" {seed}", 0.0) if seed.startswith("-") else ("", options.seed * SEED_STEP)
    return [
        *_routing(flow.pdk),
        "set least [gpl::get_global_placement_uniform_density]",
        f"set density [expr {{ min(1.0, {density} + {shift:g}) }}]",
        f"global_placement{' -routability_driven' if options.routability else ''} -density $density{extra}",
        "estimate_parasitics -placement",
    ]


def _detailedplace(flow: Flow) -> list[str]:
    lines = [*_routing(flow.pdk), "estimate_parasitics -placement", "repair_design"]
    if flow.program.has("repair_tie_fanout"):
        for tie in (flow.pdk.tie_low, flow.pdk.tie_high):
            if tie:
                lines.append(
                    f"foreach cell [get_lib_cells -quiet */{tie.cell}] {{"
                    f' repair_tie_fanout "[get_name [get_property $cell library]]/{tie.cell}/{tie.output}" }}'
                )
    lines.append("detailed_placement")
    if flow.program.has("improve_placement"):
        seed = seeded(flow).get("improve_placement", "")
        lines.append(f"improve_placement {seed}".rstrip())
    return [*lines, *_LEGAL]


def _cts(flow: Flow) -> list[str]:
    clock = flow.pdk.clock_buffer or flow.pdk.buffer
    lines = [*_routing(flow.pdk)]
    lines += ["repair_clock_inverters"] if flow.program.has("repair_clock_inverters") else []
    lines.append(f"clock_tree_synthesis -root_buf {clock.cell} -buf_list {clock.cell} -sink_clustering_enable")
    lines += ["estimate_parasitics -placement"]
    lines += ["repair_clock_nets"] if flow.program.has("repair_clock_nets") else []
    lines += ["detailed_placement", "set_propagated_clock [all_clocks]", "estimate_parasitics -placement"]
    if flow.options.repair:
        lines += [
            f"chiploop_try cts__repair__{kind}__incomplete {{ repair_timing -{kind} }}" for kind in ("setup", "hold")
        ]
        lines.append("detailed_placement")
    return [*lines, *_LEGAL]


def _globalroute(flow: Flow) -> list[str]:
    command = f"global_route -congestion_iterations {flow.options.congestion_iterations}"
    if flow.program.takes("global_route", "-allow_congestion"):
        command += " -allow_congestion"  # a bad placement has figures too; the router reports its overflow
    if flow.program.takes("global_route", "-congestion_report_file"):
        command += " -congestion_report_file congestion.rpt"
    return [
        *_routing(flow.pdk),
        'utl::push_metrics_stage "globalroute__{}"',
        command,
        "utl::pop_metrics_stage",
        "estimate_parasitics -global_routing",
    ]


def _detailedroute(flow: Flow) -> list[str]:
    rules = flow.pdk.routing
    assert rules is not None
    layers = f"-bottom_routing_layer {rules.lowest} -top_routing_layer {rules.highest}"
    return [
        *_routing(flow.pdk),
        'utl::push_metrics_stage "detailedroute__{}"',
        f"detailed_route -output_drc drc.rpt {layers} -verbose 0",
        "utl::pop_metrics_stage",
        "estimate_parasitics -global_routing",
    ]


def _finish(flow: Flow) -> list[str]:
    rules = flow.pdk.extraction_rules
    parasitics = ["estimate_parasitics -global_routing"]
    if rules and "detailedroute" in flow.options.stages():
        parasitics = [
            "define_process_corner -ext_model_index 0 X",
            f"extract_parasitics -ext_model_file {{{rules}}}",
            "write_spef finish.spef",
            "read_spef finish.spef",
        ]
    return [*_routing(flow.pdk), *parasitics, "chiploop_write_path path.txt"]


def _routing(pdk: Pdk) -> list[str]:
    rules = pdk.routing
    assert rules is not None
    lines = [f"set_global_routing_layer_adjustment {low}-{high} {share:g}" for low, high, share in rules.reserved]
    signal, clock = f"{rules.lowest}-{rules.highest}", f"{rules.clock_lowest}-{rules.highest}"
    return [*lines, f"set_routing_layers -signal {signal} -clock {clock}"]


def _box(box: tuple[float, float, float, float]) -> str:
    return " ".join(f"{side:.6f}" for side in box)


_WORK: dict[str, Callable[[Flow], list[str]]] = {
    "floorplan": _floorplan,
    "globalplace": _globalplace,
    "detailedplace": _detailedplace,
    "cts": _cts,
    "globalroute": _globalroute,
    "detailedroute": _detailedroute,
    "finish": _finish,
}
