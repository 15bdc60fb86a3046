"""What power, timing checks and synthesis need of Liberty files, in one set of units.

Units whatever the file's: time ns, capacitance fF, energy fJ, leakage nW, area um2 (as the file has it), voltage V.
Dimension letters: A entries of a table's first axis, B of its second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from eda_adapters.liberty_syntax import Group, parse_liberty
from placer.netlist import FloatArray, InputError


@dataclass(frozen=True)
class Table:
    """A characterisation table. Axis 1: input (or clock) transition; axis 2: load, or the data pin's transition.

    A table that does not depend on an axis has one entry there.
    """

    index_1: FloatArray  # [A] ns
    index_2: FloatArray  # [B] fF, or ns for setup and hold
    values: FloatArray  # [A, B] ns for delays, transitions, setup and hold; fJ for energies

    def lookup(self, first: ArrayLike, second: ArrayLike) -> FloatArray:
        """Values by bilinear interpolation, beyond the table by extrapolation, as OpenSTA has it.

        Args:
            first: transitions in ns, any shape S.
            second: loads in fF (or ns, see ``index_2``), a shape that broadcasts with S.
        """
        i, u = _locate(self.index_1, np.asarray(first, dtype=float))
        j, v = _locate(self.index_2, np.asarray(second, dtype=float))
        i1, j1 = np.minimum(i + 1, len(self.index_1) - 1), np.minimum(j + 1, len(self.index_2) - 1)
        low = self.values[i, j] * (1 - v) + self.values[i, j1] * v
        high = self.values[i1, j] * (1 - v) + self.values[i1, j1] * v
        return low * (1 - u) + high * u


@dataclass(frozen=True)
class InternalPower:
    """Energy per transition of a pin inside the cell, in fJ, load's energy excluded."""

    related_pin: str  # input that causes it; "" for a pin's own
    when: str  # condition on other pins; "" for none
    rise: Table | None
    fall: Table | None


@dataclass(frozen=True)
class TimingArc:
    """A delay or a constraint between two pins."""

    related_pin: str
    type: str  # timing_type; combinational where the file has none
    sense: str  # timing_sense, "" where the file has none
    when: str
    tables: Mapping[str, Table]  # by Liberty name: cell_rise, rise_transition, rise_constraint, ...


@dataclass(frozen=True)
class LibertyPin:
    """One pin; the bits of a bus are pins of their own, named ``bus[3]``."""

    name: str
    direction: str  # input, output, inout, internal
    capacitance: float  # fF
    max_capacitance: float  # fF, infinite where the file has none
    clock: bool
    function: str  # of an output, in Liberty's notation; "" if it has none
    three_state: str  # condition under which an output floats; "" for never
    internal_power: tuple[InternalPower, ...]
    timing: tuple[TimingArc, ...]


@dataclass(frozen=True)
class Sequential:
    """A flip-flop or latch: the state that output functions refer to, and what sets it."""

    kind: str  # "ff" or "latch"
    state: str  # name of the state, for example IQ
    inverse: str  # name of its inverse
    next_state: str  # next_state, or data_in of a latch
    clocked_on: str  # clocked_on, or enable of a latch
    clear: str
    preset: str


@dataclass(frozen=True)
class LibertyCell:
    """One cell."""

    name: str
    area: float  # um2
    leakage: float  # nW: cell_leakage_power, else the mean over the conditions
    leakage_when: tuple[tuple[str, float], ...]  # (condition, nW)
    dont_use: bool
    memory: bool  # an SRAM macro
    sequential: Sequential | None
    pins: Mapping[str, LibertyPin]


@dataclass(frozen=True)
class Units:
    """How a file's own numbers and thresholds read; needed to write a file that goes with it."""

    time: float  # ns
    capacitance: float  # fF
    leakage: float  # nW
    voltage: float  # V, nominal supply
    temperature: float  # degrees Celsius
    slew_low: float  # fraction of the supply where a transition begins
    slew_high: float  # fraction where it ends
    slew_derate: float
    delay_threshold: float  # fraction between which delays are taken
    max_transition: float  # ns, infinite where the file has none


@dataclass(frozen=True)
class Library:
    """Cells of one or more Liberty files."""

    units: Units  # of the first file
    cells: Mapping[str, LibertyCell]


def read_liberty(*paths: Path) -> Library:
    """Read Liberty files into one library; of a cell that is in several, the last counts.

    InputError names file and line. What was read is kept for as long as the file does not change.
    """
    libraries = []
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        libraries.append(_read(path.resolve(), status.st_mtime_ns, status.st_size))
    cells = {name: cell for library in libraries for name, cell in library.cells.items()}
    return Library(libraries[0].units, cells)


@lru_cache(maxsize=32)
def _read(path: Path, _modified_ns: int, _size: int) -> Library:
    library = parse_liberty(path)
    reader = _Reader(library)
    cells = {}
    for group in library.all("cell"):
        if len(group.arguments) != 1:
            raise InputError(f"{group.where}: expected one name for the cell")
        cells[group.arguments[0]] = reader.cell(group)
    return Library(reader.units, cells)


class _Reader:
    """Reads the groups of one library in its units."""

    def __init__(self, library: Group) -> None:
        self.units = _units(library)
        self._time, self._capacitance = self.units.time, self.units.capacitance
        self._templates = {
            group.arguments[0]: group
            for group in library.groups
            if group.name in ("lu_table_template", "power_lut_template") and group.arguments
        }
        self._types = {group.arguments[0]: group for group in library.all("type") if group.arguments}
        self._default_input = library.number("default_input_pin_cap", 0.0)
        self._default_leakage = library.number("default_cell_leakage_power", 0.0)

    def cell(self, group: Group) -> LibertyCell:
        leakage_when = tuple(
            (part.values.get("when", ""), part.number("value") * self.units.leakage)
            for part in group.all("leakage_power")
        )
        mean = float(np.mean([value for _, value in leakage_when])) if leakage_when else 0.0
        default = mean / self.units.leakage if leakage_when else self._default_leakage
        pins: dict[str, LibertyPin] = {}
        for part in group.groups:
            if part.name == "pin":
                for name in part.arguments:
                    pins[name] = self._pin(name, part, None)
            elif part.name == "bus":
                self._bus(part, pins)
        return LibertyCell(
            name=group.arguments[0],
            area=group.number("area", 0.0),
            leakage=group.number("cell_leakage_power", default) * self.units.leakage,
            leakage_when=leakage_when,
            dont_use=group.values.get("dont_use") == "true",
            memory=group.first("memory") is not None,
            sequential=_sequential(group),
            pins=pins,
        )

    def _bus(self, group: Group, pins: dict[str, LibertyPin]) -> None:
        kind = self._types.get(group.values.get("bus_type", ""))
        if kind is None or not group.arguments:
            raise InputError(f"{group.where}: the bus has no bus_type that the library defines")
        first, last = int(kind.number("bit_from")), int(kind.number("bit_to"))
        if abs(first - last) > 1 << 16:
            raise InputError(f"{kind.where}: a bus of {abs(first - last) + 1} bits is more than 65536")
        shared = self._pin(group.arguments[0], group, None)
        for bit in range(min(first, last), max(first, last) + 1):
            name = f"{group.arguments[0]}[{bit}]"
            pins[name] = LibertyPin(**{**vars(shared), "name": name})
        for part in group.all("pin"):
            for name in part.arguments:
                for bit_name in _bits(name):
                    pins[bit_name] = self._pin(bit_name, part, shared)

    def _pin(self, name: str, group: Group, inherited: LibertyPin | None) -> LibertyPin:
        direction = group.values.get("direction", inherited.direction if inherited else "")
        if direction not in ("input", "output", "inout", "internal"):
            raise InputError(f"{group.where}: pin {name}: direction is {direction!r}, expected input or output")
        default = self._default_input if direction == "input" else 0.0
        own = group.number("capacitance", inherited.capacitance / self._capacitance if inherited else default)
        powers = tuple(self._internal_power(part) for part in group.all("internal_power"))
        arcs = tuple(self._arc(part) for part in group.all("timing"))
        return LibertyPin(
            name=name,
            direction=direction,
            capacitance=own * self._capacitance,
            max_capacitance=group.number("max_capacitance", np.inf) * self._capacitance,
            clock=group.values.get("clock") == "true",
            function=group.values.get("function", ""),
            three_state=group.values.get("three_state", ""),
            internal_power=powers or (inherited.internal_power if inherited else ()),
            timing=arcs or (inherited.timing if inherited else ()),
        )

    def _internal_power(self, group: Group) -> InternalPower:
        # The unit of internal energy is that of capacitance times V2 (Liberty reference, "power_lut_template").
        tables = {part.name: self._table(part, self._capacitance) for part in group.groups}
        both = tables.get("power")
        return InternalPower(
            related_pin=group.values.get("related_pin", ""),
            when=group.values.get("when", ""),
            rise=tables.get("rise_power", both),
            fall=tables.get("fall_power", both),
        )

    def _arc(self, group: Group) -> TimingArc:
        tables = {
            part.name: self._table(part, self._time)
            for part in group.groups
            if part.name in _TIMING_TABLES and part.lists.get("values")
        }
        return TimingArc(
            related_pin=group.values.get("related_pin", ""),
            type=group.values.get("timing_type", "combinational"),
            sense=group.values.get("timing_sense", ""),
            when=group.values.get("when", ""),
            tables=tables,
        )

    def _table(self, group: Group, unit: float) -> Table:
        rows = [_numbers(text, group) for text in group.lists.get("values", ())]
        template = self._templates.get(group.arguments[0] if group.arguments else "scalar")
        if template is None:
            if group.arguments and group.arguments[0] != "scalar":
                raise InputError(f"{group.where}: template {group.arguments[0]} is not defined")
            axes: list[tuple[int, FloatArray]] = []
        else:
            axes = [self._axis(group, template, number) for number in (1, 2) if f"variable_{number}" in template.values]
        flat = np.concatenate(rows) if rows else np.empty(0)
        shape = tuple(len(index) for _, index in axes)
        if flat.size != int(np.prod(shape)):
            raise InputError(f"{group.where}: expected {int(np.prod(shape))} values, found {flat.size}")
        values = flat.reshape(shape) * unit
        index = dict(axes)
        if len(index) < len(axes):
            raise InputError(f"{group.where}: both variables of the table are of one kind")
        if [axis for axis, _ in axes] == [1, 0]:
            values = values.T
        zero = np.zeros(1)
        index_1, index_2 = index.get(0, zero), index.get(1, zero)
        return Table(index_1, index_2, np.ascontiguousarray(values.reshape(len(index_1), len(index_2))))

    def _axis(self, group: Group, template: Group, number: int) -> tuple[int, FloatArray]:
        variable = template.values[f"variable_{number}"]
        if variable not in _VARIABLES:
            raise InputError(f"{template.where}: variable {variable} is not supported in such a table")
        source = group if f"index_{number}" in group.lists else template
        texts = source.lists.get(f"index_{number}", ())
        index = np.concatenate([_numbers(text, source) for text in texts]) if texts else np.empty(0)
        if not index.size or not np.all(np.diff(index) > 0):
            raise InputError(f"{source.where}: index_{number} must be increasing numbers")
        axis, is_time = _VARIABLES[variable]
        return axis, index * (self._time if is_time else self._capacitance)


_VARIABLES = {  # variable: axis, whether it is a time
    "input_net_transition": (0, True),
    "input_transition_time": (0, True),
    "related_pin_transition": (0, True),
    "constrained_pin_transition": (1, True),
    "total_output_net_capacitance": (1, False),
}
_TIMING_TABLES = frozenset(
    ("cell_rise", "cell_fall", "rise_transition", "fall_transition", "rise_constraint", "fall_constraint")
)


def _locate(index: FloatArray, x: FloatArray) -> tuple[np.ndarray, FloatArray]:
    """The table's cell that each x lies in, and how far from its start, as a fraction of its width."""
    if len(index) == 1:
        return np.zeros(x.shape, dtype=np.intp), np.zeros(x.shape)
    i = np.clip(np.searchsorted(index, x, side="right") - 1, 0, len(index) - 2)
    return i, (x - index[i]) / (index[i + 1] - index[i])


def _numbers(text: str, group: Group) -> FloatArray:
    try:
        numbers = np.array([float(word) for word in text.replace(",", " ").split()])
    except ValueError:
        numbers = np.array([np.nan])
    if not np.isfinite(numbers).all():
        raise InputError(f"{group.where}: {group.name}: expected finite numbers, found {text[:40]!r}")
    return numbers


def _sequential(group: Group) -> Sequential | None:
    for kind, data, clock in (("ff", "next_state", "clocked_on"), ("latch", "data_in", "enable")):
        found = group.first(kind)
        if found:
            state, inverse = (*found.arguments, "", "")[:2]
            texts = [found.values.get(key, "") for key in (data, clock, "clear", "preset")]
            return Sequential(kind, state, inverse, *texts)
    return None


def _bits(name: str) -> list[str]:
    """``dout[3:0]`` as the names of its bits."""
    match = re.fullmatch(r"(.*)\[(\d{1,5}):(\d{1,5})\]", name)
    if not match:
        return [name]
    low, high = sorted((int(match[2]), int(match[3])))
    return [f"{match[1]}[{bit}]" for bit in range(low, high + 1)]


def _units(library: Group) -> Units:
    load = library.lists.get("capacitive_load_unit", ("1", "pf"))
    try:
        capacitance = float(load[0]) * {"ff": 1.0, "pf": 1e3}[load[1].lower()]
    except (ValueError, KeyError, IndexError):
        raise InputError(f"{library.where}: capacitive_load_unit {load}: expected (1,ff) or (1,pf)") from None

    def percent(key: str, default: float) -> float:
        return library.number(key, default) / 100

    return Units(
        time=_unit(library, "time_unit", {"ns": 1.0, "ps": 1e-3}),
        capacitance=capacitance,
        leakage=_unit(library, "leakage_power_unit", {"pw": 1e-3, "nw": 1.0, "uw": 1e3, "mw": 1e6}),
        voltage=library.number("nom_voltage"),
        temperature=library.number("nom_temperature", 25.0),
        slew_low=percent("slew_lower_threshold_pct_rise", 20),
        slew_high=percent("slew_upper_threshold_pct_rise", 80),
        slew_derate=library.number("slew_derate_from_library", 1.0),
        delay_threshold=percent("input_threshold_pct_rise", 50),
        max_transition=library.number("default_max_transition", np.inf)
        * _unit(library, "time_unit", {"ns": 1.0, "ps": 1e-3}),
    )


def _unit(library: Group, key: str, scales: Mapping[str, float]) -> float:
    text = library.values.get(key, "1" + next(unit for unit, scale in scales.items() if scale == 1.0))
    match = re.fullmatch(r"([\d.]+)\s*([a-zA-Z]+)", text)
    if not match or match[2].lower() not in scales:
        raise InputError(f"{library.where}: {key} is {text!r}, expected a unit such as 1{next(iter(scales))}")
    return float(match[1]) * scales[match[2].lower()]
