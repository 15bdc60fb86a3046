"""DEF 5.8: writing a design."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from placer.formats.def_design import (
    Box,
    DefBlockage,
    DefComponent,
    DefDesign,
    DefNet,
    DefPin,
    DefRow,
)
from placer.netlist import InputError


def write_def(path: str | Path, design: DefDesign) -> None:
    """Write a design as DEF 5.8 (packed where the name ends in ``.gz``); the file appears whole or not at all.

    Lengths are rounded to database units. What read_def() read is written again, comments and order apart.

    Raises:
        InputError: a name is empty or holds white space or a semicolon, which DEF cannot express.
    """
    path = Path(path)
    text = "\n".join(_lines(design)) + "\n"
    partial = path.with_name(path.name + ".partial")
    if path.suffix == ".gz":
        partial.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        partial.write_text(text)
    os.replace(partial, path)


def _lines(design: DefDesign) -> Iterator[str]:
    dbu = design.dbu
    yield "VERSION 5.8 ;"
    yield f'DIVIDERCHAR "{design.divider}" ;'
    yield f'BUSBITCHARS "{design.bus_bits}" ;'
    yield f"DESIGN {_name(design.name)} ;"
    yield from _statements(design, "TECHNOLOGY")
    yield f"UNITS DISTANCE MICRONS {dbu} ;"
    yield from _statements(design, "HISTORY")
    if "PROPERTYDEFINITIONS" in design.sections:
        yield "PROPERTYDEFINITIONS"
        yield from (f"  {text} ;" for text in design.sections["PROPERTYDEFINITIONS"])
        yield "END PROPERTYDEFINITIONS"
    if design.die:
        yield f"DIEAREA {' '.join(_point(x, y, dbu) for x, y in design.die)} ;"
    yield from (_row(row, dbu) for row in design.rows)
    for tracks in design.tracks:
        layers = " ".join(["LAYER", *tracks.layers]) if tracks.layers else ""
        yield (
            f"TRACKS {tracks.axis} {round(tracks.start * dbu)} DO {tracks.count} STEP {round(tracks.step * dbu)}"
            f" {layers} ;"
        )
    yield from _statements(design, "GCELLGRID")
    for keyword in ("VIAS", "STYLES", "NONDEFAULTRULES"):
        yield from _section(keyword, design.sections.get(keyword, ()))
    regions = (f"{_name(r.name)} {_boxes(r.boxes, dbu)} {r.options}" for r in design.regions)
    yield from _section("REGIONS", regions)
    yield from _statements(design, "COMPONENTMASKSHIFT")
    yield from _section("COMPONENTS", (_component(component, dbu) for component in design.components))
    yield from _section("PINS", (_pin(pin, dbu) for pin in design.pins))
    yield from _section("PINPROPERTIES", design.sections.get("PINPROPERTIES", ()))
    yield from _section("BLOCKAGES", (_blockage(blockage, dbu) for blockage in design.blockages))
    for keyword in ("SLOTS", "FILLS", "SPECIALNETS"):
        yield from _section(keyword, design.sections.get(keyword, ()))
    yield from _section("NETS", (_net(net) for net in design.nets))
    yield from _section("SCANCHAINS", design.sections.get("SCANCHAINS", ()))
    groups = (
        " ".join([_name(g.name), *g.components, *(["+ REGION", g.region] if g.region else []), g.options])
        for g in design.groups
    )
    yield from _section("GROUPS", groups)
    yield "END DESIGN"


def _statements(design: DefDesign, keyword: str) -> Iterator[str]:
    return (f"{text} ;" for text in design.statements if text.split(maxsplit=1)[0] == keyword)


def _section(keyword: str, items: Iterable[str]) -> Iterator[str]:
    """A section with its count and items; long items are broken before routing's NEW. Nothing for no items."""
    lines = [f"  - {_tidy(item)} ;" for item in items]
    if lines:
        yield f"{keyword} {len(lines)} ;"
        yield from (line.replace(" NEW ", "\n    NEW ") for line in lines)
        yield f"END {keyword}"


def _tidy(item: str) -> str:
    """One space between words; a text in quotes stays as it is."""
    return item.strip() if '"' in item else " ".join(item.split())


def _name(name: str) -> str:
    if not name or ";" in name or any(letter.isspace() for letter in name):
        raise InputError(f"DEF: expected a name without white space and semicolons, found {name!r}; rename it")
    return name


def _point(x: float, y: float, dbu: int) -> str:
    return f"( {round(x * dbu)} {round(y * dbu)} )"


def _boxes(boxes: Iterable[Box], dbu: int, keyword: str = "") -> str:
    return " ".join(f"{keyword} {_point(x1, y1, dbu)} {_point(x2, y2, dbu)}" for x1, y1, x2, y2 in boxes)


def _row(row: DefRow, dbu: int) -> str:
    return (
        f"ROW {_name(row.name)} {_name(row.site)} {round(row.x * dbu)} {round(row.y * dbu)} {row.orient}"
        f" DO {row.columns} BY {row.rows} STEP {round(row.step_x * dbu)} {round(row.step_y * dbu)} ;"
    )


def _component(component: DefComponent, dbu: int) -> str:
    place = f"+ {component.status}"
    if component.status != "UNPLACED":
        place += f" {_point(component.x, component.y, dbu)} {component.orient}"
    halo = ""
    if component.halo is not None:
        halo = "+ HALO " + " ".join(str(round(side * dbu)) for side in component.halo)
    return f"{_name(component.name)} {_name(component.master)} {component.options} {place} {halo}"


def _pin(pin: DefPin, dbu: int) -> str:
    parts = [_name(pin.name), "+ NET", _name(pin.net)]
    if pin.direction:
        parts += ["+ DIRECTION", pin.direction]
    if pin.use:
        parts += ["+ USE", pin.use]
    parts.append(pin.options)
    for port in pin.ports:
        parts.append("+ PORT")
        for layer, *box in port.rects:
            parts.append(f"+ LAYER {layer} {_point(box[0], box[1], dbu)} {_point(box[2], box[3], dbu)}")
        if port.status != "UNPLACED":
            parts.append(f"+ {port.status} {_point(port.x, port.y, dbu)} {port.orient}")
    return " ".join(parts)


def _net(net: DefNet) -> str:
    parts = [_name(net.name), *(f"( {_name(component)} {_name(pin)} )" for component, pin in net.pins)]
    if net.use:
        parts += ["+ USE", net.use]
    if net.weight is not None:
        parts += ["+ WEIGHT", f"{net.weight:.15g}"]
    return " ".join([*parts, net.options])


def _blockage(blockage: DefBlockage, dbu: int) -> str:
    where = f"LAYER {_name(blockage.layer)}" if blockage.layer else "PLACEMENT"
    return f"{where} {blockage.options} {_boxes(blockage.boxes, dbu, 'RECT')}"
