"""The named parameters of the cost model: each with a value, a unit, a source and a note, in one TOML file."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

DEFAULT_PARAMETERS = Path(__file__).parent / "parameters.toml"

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "electricity_price": "USD/kWh",
        "power_usage_effectiveness": "1",
        "system_power_factor": "1",
        "grid_intensity": "kgCO2e/kWh",
        "wafer_price": "USD",
        "wafer_diameter": "mm",
        "edge_exclusion": "mm",
        "scribe_width": "mm",
        "defect_density": "1/cm2",
        "defect_clustering": "1",
        "package_price": "USD",
        "test_time": "s",
        "tester_price": "USD/h",
        "package_yield": "1",
        "system_cost_factor": "1",
        "lifetime": "year",
        "lifetime_utilisation": "1",
        "fab_energy": "kWh/cm2",
        "fab_grid_intensity": "kgCO2e/kWh",
        "fab_gas": "kgCO2e/cm2",
        "fab_materials": "kgCO2e/cm2",
        "package_carbon": "kgCO2e",
        "proxy_worth": "USD",
    }
)
"""Each parameter and the unit that the formulas expect it in."""

_POSITIVE = ("wafer_diameter", "defect_clustering", "lifetime", "lifetime_utilisation", "package_yield")
_FRACTIONS = ("lifetime_utilisation", "package_yield")
_AT_LEAST_ONE = ("power_usage_effectiveness", "system_power_factor", "system_cost_factor")
_ENTRY_KEYS = ("value", "unit", "source", "note")


class ParameterError(ValueError):
    """A parameter file or an argument of the cost model is at fault; the message names file and key."""

    exit_code = 2


@dataclass(frozen=True)
class Entry:
    """One parameter as the file has it: what a report shows beside a figure."""

    value: float
    unit: str
    source: str
    note: str


@dataclass(frozen=True)
class Parameters:
    """The values of ``parameters.toml``, in the units of ``UNITS``; the file's notes say what each means."""

    electricity_price: float  # USD/kWh
    power_usage_effectiveness: float
    system_power_factor: float
    grid_intensity: float  # kgCO2e/kWh
    wafer_price: float  # USD
    wafer_diameter: float  # mm
    edge_exclusion: float  # mm
    scribe_width: float  # mm
    defect_density: float  # 1/cm2
    defect_clustering: float
    package_price: float  # USD
    test_time: float  # s
    tester_price: float  # USD/h
    package_yield: float
    system_cost_factor: float
    lifetime: float  # years
    lifetime_utilisation: float
    fab_energy: float  # kWh/cm2
    fab_grid_intensity: float  # kgCO2e/kWh
    fab_gas: float  # kgCO2e/cm2
    fab_materials: float  # kgCO2e/cm2
    package_carbon: float  # kgCO2e
    proxy_worth: float  # USD
    entries: Mapping[str, Entry] = field(default_factory=dict, compare=False, repr=False)
    """Name to the entry of the file, with its source."""


def load_parameters(path: str | Path | None = None) -> Parameters:
    """Read a parameter file, by default the one that comes with the package.

    Raises:
        ParameterError: the file cannot be read or is no TOML; a key is missing or unknown; a value is no number,
            negative or outside its range; a unit is not the one of ``UNITS``; a source is missing.
    """
    file = DEFAULT_PARAMETERS if path is None else Path(path)
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"{file}: cannot read the parameters: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParameterError(f"{file}: not a TOML file: {error}") from error
    for key in data:
        if key not in UNITS:
            raise ParameterError(f"{file}: unknown key {key!r}; the keys are {', '.join(UNITS)}")
    for key in UNITS:
        if key not in data:
            raise ParameterError(f"{file}: {key} is missing: add a table with {', '.join(_ENTRY_KEYS)}")
    entries = {key: _entry(file, key, data[key]) for key in UNITS}
    parameters = Parameters(**{key: entry.value for key, entry in entries.items()}, entries=MappingProxyType(entries))
    if 2 * parameters.edge_exclusion >= parameters.wafer_diameter:
        raise ParameterError(f"{file}: edge_exclusion leaves nothing of a wafer of {parameters.wafer_diameter:g} mm")
    return parameters


def _entry(file: Path, key: str, table: Any) -> Entry:
    if not isinstance(table, dict) or set(table) != set(_ENTRY_KEYS):
        raise ParameterError(f"{file}: {key} must be a table with exactly {', '.join(_ENTRY_KEYS)}")
    value, unit, source, note = (table[name] for name in _ENTRY_KEYS)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ParameterError(f"{file}: {key}.value is {value!r}: give a number in {UNITS[key]}")
    if value < 0 or (key in _POSITIVE and value == 0):
        raise ParameterError(f"{file}: {key}.value is {value:g}: it must be {_bound(key)}")
    if (key in _FRACTIONS and value > 1) or (key in _AT_LEAST_ONE and value < 1):
        raise ParameterError(f"{file}: {key}.value is {value:g}: it must be {_bound(key)}")
    if unit != UNITS[key]:
        raise ParameterError(f"{file}: {key}.unit is {unit!r}: give the value in {UNITS[key]}")
    if not isinstance(source, str) or not source.strip():
        raise ParameterError(f"{file}: {key}.source is empty: say where the value comes from")
    if not isinstance(note, str):
        raise ParameterError(f"{file}: {key}.note is {note!r}: give text, which may be empty")
    return Entry(float(value), unit, source, note)


def _bound(key: str) -> str:
    if key in _FRACTIONS:
        return "above 0 and at most 1"
    if key in _AT_LEAST_ONE:
        return "at least 1"
    return "above 0" if key in _POSITIVE else "0 or more"
