"""What of a technology is there, what is missing, and what that costs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

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

    lef_cells, lef_sites, lef_layers = _lef_names(pdk)
    liberty_cells = {corner.name: _liberty_cells(corner) for corner in pdk.corners.values()}
    for key, name, names, where in (
        ("floorplan.site", pdk.site, lef_sites, "SITE"),
        *((f"wires.layers.{layer}", layer, lef_layers, "LAYER") for layer in pdk.layers),
        *(("floorplan.port_layer", layer, lef_layers, "LAYER") for layer in _pin_layers(pdk)),
    ):
        found = name in names
        message = name if found else f"{where} {name} is not in the LEF files; name one that is"
        findings.append(Finding(key, "present" if found else "missing", message))
    for key, cell, timed in _cells(pdk):
        lacks = [f"corner {name}" for name, cells in liberty_cells.items() if timed and cell not in cells]
        lacks += ["LEF files"] if cell not in lef_cells else []
        message = f"cell {cell} is not in the {' and '.join(lacks)}; name a cell that is" if lacks else cell
        findings.append(Finding(key, "missing" if lacks else "present", message))
    for cell in pdk.dont_use:
        if cell not in lef_cells:
            findings.append(Finding("synthesis.dont_use", "missing", f"no cell {cell}; take it off the list"))
    findings += [Finding(key, "absent", cost) for key, absent, cost in _costs(pdk) if absent]
    return findings


def _files(pdk: Pdk) -> list[tuple[str, tuple[Path, ...]]]:
    corners = [(f"corners.{corner.name}.liberty", corner.liberty) for corner in pdk.corners.values()]
    lefs = [("files.tech_lef", (pdk.tech_lef,)), ("files.cell_lef", pdk.cell_lef)]
    return [*lefs, ("files.verilog", pdk.verilog), *corners]


def _pin_layers(pdk: Pdk) -> tuple[str, ...]:
    sram = (pdk.sram.pin_layer, pdk.sram.power_layer, *pdk.sram.blocked_layers) if pdk.sram else ()
    return tuple(dict.fromkeys((pdk.port_layer_horizontal, pdk.port_layer_vertical, *sram)))


def _cells(pdk: Pdk) -> list[tuple[str, str, bool]]:
    """Key, cell, and whether Liberty must have it, for each cell that the description gives a role."""
    roles = {"buffer": pdk.buffer, "clock_buffer": pdk.clock_buffer}
    roles |= {"tie_high": pdk.tie_high, "tie_low": pdk.tie_low}
    found = [(f"cells.{key}", role.cell, True) for key, role in roles.items() if role]
    found += [("cells.tap", pdk.tap, False)] if pdk.tap else []
    return [
        *found,
        *(("cells.fill", cell, False) for cell in pdk.fill),
        ("synthesis.driver", pdk.driver, True),
    ]


def _costs(pdk: Pdk) -> list[tuple[str, bool, str]]:
    """Key, whether the part is absent, and what that costs."""
    return [
        ("cells.tie_high", not (pdk.tie_high and pdk.tie_low), "constants are wired to the supply rails"),
        ("cells.tap", not pdk.tap, "no tap cells are placed: well ties must come with the cells"),
        ("cells.fill", not pdk.fill, "gaps between the cells stay open"),
        ("cells.clock_buffer", not pdk.clock_buffer, "the clock is taken to be ideal"),
        ("sram", not pdk.sram, "no SRAM macros can be generated, so no accelerator built"),
        (
            "corners",
            len(pdk.corners) < 2,
            f"only corner {pdk.corner.name}: slow and fast silicon stay unchecked",
        ),
    ]


def _lef_names(pdk: Pdk) -> tuple[set[str], set[str], set[str]]:
    """Names of all macros, sites and layers of the LEF files."""
    text = "\n".join(path.read_text(errors="replace") for path in pdk.lefs)
    macros, sites, layers = (set(re.findall(rf"^\s*{word}\s+(\S+)", text, re.M)) for word in ("MACRO", "SITE", "LAYER"))
    return macros, sites, layers


def _liberty_cells(corner: Corner) -> set[str]:
    names: set[str] = set()
    for path in corner.liberty:
        names.update(re.findall(r'\bcell\s*\(\s*"?([^\s")]+)', path.read_text(errors="replace")))
    return names
