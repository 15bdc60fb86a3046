"""What of a technology is there, what is missing, and what that costs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from eda_adapters.liberty_syntax import liberty_text
from eda_adapters.technology import Corner, Pdk


@dataclass(frozen=True)
class Finding:
    """One thing that :func:`check_pdk` looked at."""

    key: str  # of the TOML file
    state: str  # "present", "absent" (optional), "missing" (required)
    message: str  # what is there, or what its absence costs


def check_pdk(pdk: Pdk) -> list[Finding]:
    """What of a technology is there, what is missing, and what the absence of an optional part costs."""
    findings: list[Finding] = []
    for key, paths in _files(pdk):
        for path in paths:
            found = path.is_file()
            message = str(path) if found else f"there is no file {path}; {pdk.remedy}"
            findings.append(Finding(key, "present" if found else "missing", message))
    if any(finding.state == "missing" for finding in findings):
        return findings

    text = "\n".join(path.read_text(errors="replace") for path in pdk.lefs)
    lef_pins = _lef_pins(text)
    liberty_cells = {corner.name: _liberty_cells(corner) for corner in pdk.corners.values()}
    for key, name, word in (
        ("floorplan.site", pdk.site, "SITE"),
        *((f"wires.layers.{layer}", layer, "LAYER") for layer in pdk.layers),
        *((key, layer, "LAYER") for key, layer in _used_layers(pdk)),
    ):
        defined = re.search(rf"^\s*{word}\s+{re.escape(name)}\s*$", text, re.M)
        message = name if defined else f"{word} {name} is not in the LEF files; name one that is"
        findings.append(Finding(key, "present" if defined else "missing", message))
    for key, cell, pins, timed in _cells(pdk):
        lacks = [f"corner {name}" for name, cells in liberty_cells.items() if timed and cell not in cells]
        lacks += ["LEF files"] if cell not in lef_pins else []
        wrong = [pin for pin in pins if not lacks and pin not in lef_pins[cell]]
        message = cell
        if lacks:
            message = f"cell {cell} is not in the {' and '.join(lacks)}; name a cell that is"
        elif wrong:
            message = f"cell {cell} has no pin {wrong[0]}; its pins are {', '.join(sorted(lef_pins[cell]))}"
        findings.append(Finding(key, "missing" if lacks or wrong else "present", message))
    for cell in pdk.dont_use:
        if cell not in lef_pins:
            findings.append(Finding("synthesis.dont_use", "missing", f"no cell {cell}; take it off the list"))
    findings += [Finding(key, "absent", cost) for key, absent, cost in _costs(pdk) if absent]
    return findings


def _files(pdk: Pdk) -> list[tuple[str, tuple[Path, ...]]]:
    corners = [(f"corners.{corner.name}.liberty", corner.liberty) for corner in pdk.corners.values()]
    lefs = [("files.tech_lef", (pdk.tech_lef,)), ("files.cell_lef", pdk.cell_lef)]
    rules = (pdk.extraction_rules,) if pdk.extraction_rules else ()
    return [*lefs, ("files.verilog", pdk.verilog), ("files.extraction_rules", rules), *corners]


def _used_layers(pdk: Pdk) -> list[tuple[str, str]]:
    ports = [("floorplan.port_layer_horizontal", pdk.port_layer_horizontal)]
    ports += [("floorplan.port_layer_vertical", pdk.port_layer_vertical)]
    if pdk.sram:
        ports += [("sram.pin_layer", pdk.sram.pin_layer), ("sram.power_layer", pdk.sram.power_layer)]
        ports += [("sram.blocked_layers", layer) for layer in pdk.sram.blocked_layers]
    if pdk.routing:
        rules = pdk.routing
        ports += [("routing.lowest", rules.lowest), ("routing.highest", rules.highest)]
        ports += [("routing.clock_lowest", rules.clock_lowest)]
        ports += [("routing.reserved", layer) for low, high, _ in rules.reserved for layer in (low, high)]
    if pdk.power_grid:
        grid = pdk.power_grid
        pairs = (*grid.connections, *grid.macro_connections)
        used = dict.fromkeys([*(s.layer for s in (*grid.stripes, *grid.macro_stripes)), *sum(pairs, ())])
        ports += [("power_grid", layer) for layer in used]
    return ports


def _cells(pdk: Pdk) -> list[tuple[str, str, tuple[str, ...], bool]]:
    """Key, cell, pins and whether Liberty must have it, for each cell that the description gives a role."""
    roles = {"buffer": pdk.buffer, "clock_buffer": pdk.clock_buffer}
    roles |= {"tie_high": pdk.tie_high, "tie_low": pdk.tie_low}
    found: list[tuple[str, str, tuple[str, ...], bool]] = []
    for key, role in roles.items():
        if role:
            pins = (role.input, role.output) if role.input else (role.output,)
            found.append((f"cells.{key}", role.cell, (*pins, pdk.power, pdk.ground), True))
    found += [("cells.tap", pdk.tap, (), False)] if pdk.tap else []
    found += [("cells.fill", cell, (), False) for cell in pdk.fill]
    return [*found, ("synthesis.driver", pdk.driver, (), True)]


def _costs(pdk: Pdk) -> list[tuple[str, bool, str]]:
    """Key, whether the part is absent, and what that costs."""
    return [
        ("cells.tie_high", not (pdk.tie_high and pdk.tie_low), "constants are wired to the supply rails"),
        ("cells.tap", not pdk.tap, "no tap cells are placed: well ties must come with the cells"),
        ("cells.fill", not pdk.fill, "gaps between the cells stay open"),
        ("cells.clock_buffer", not pdk.clock_buffer, "the clock is taken to be ideal"),
        ("files.verilog", not pdk.verilog, "the mapped gates cannot be simulated"),
        ("routing", not pdk.routing, "OpenROAD cannot be used, only the embedded flow"),
        (
            "files.extraction_rules",
            not pdk.extraction_rules,
            "wires routed in detail get the parasitics of the global route",
        ),
        ("power_grid", not pdk.power_grid, "OpenROAD builds no power grid, and its wires take no room from the router"),
        ("sram", not pdk.sram, "no SRAM macros can be generated, so no accelerator built"),
        (
            "corners",
            len(pdk.corners) < 2,
            f"only corner {pdk.corner.name}: slow and fast silicon stay unchecked",
        ),
    ]


def _lef_pins(text: str) -> dict[str, set[str]]:
    """The pins of each macro in LEF text."""
    pins: dict[str, set[str]] = {}
    macro = ""
    for word, name in re.findall(r"^\s*(MACRO|PIN)\s+(\S+)", text, re.M):
        if word == "MACRO":
            macro = name
            pins[macro] = set()
        elif macro:
            pins[macro].add(name)
    return pins


def _liberty_cells(corner: Corner) -> set[str]:
    names: set[str] = set()
    for path in corner.liberty:
        names.update(re.findall(r'\bcell\s*\(\s*"?([^\s")]+)', liberty_text(path)))
    return names
