"""What a technology is: the types behind :mod:`eda_adapters.pdk`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class PdkError(ValueError):
    """The technology's description or its files are at fault; the message names file, key and remedy."""

    exit_code = 2


@dataclass(frozen=True)
class BufferCell:
    """A cell with one input and one output pin; a tie cell has the input ''."""

    cell: str
    input: str
    output: str


@dataclass(frozen=True)
class Corner:
    """Liberty files of the standard cells at one process, voltage and temperature."""

    name: str
    liberty: tuple[Path, ...]
    voltage: float  # V
    temperature: float  # degrees Celsius


@dataclass(frozen=True)
class WireLayer:
    """Parasitics of a minimum-width wire on one routing layer."""

    resistance: float  # ohm per um
    capacitance: float  # fF per um


@dataclass(frozen=True)
class RoutingRules:
    """Where a router may put wires, by layer name from the lowest to the highest."""

    lowest: str  # of signals
    highest: str
    clock_lowest: str  # of clocks
    reserved: tuple[tuple[str, str, float], ...]  # from layer, to layer, share of the tracks that global routing spares


@dataclass(frozen=True)
class PowerStripes:
    """Straps of one layer. Lengths in um; a pitch of 0 means on the cells' own rails."""

    layer: str
    width: float
    pitch: float
    offset: float


@dataclass(frozen=True)
class PowerGrid:
    """Straps that carry the supply, and the pairs of layers that vias connect."""

    stripes: tuple[PowerStripes, ...]  # over the core; the first are the cells' rails
    connections: tuple[tuple[str, str], ...]
    macro_stripes: tuple[PowerStripes, ...]  # over each macro
    macro_connections: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SramRules:
    """What the SRAM generator needs to know of a technology. Lengths in um; scales relative to 45 nm."""

    pin_layer: str  # horizontal layer that carries the signal pins
    pin_width: float
    track_pitch: float  # of the pin layer
    track_offset: float  # of the pin layer's first track from the macro's lower edge
    width_step: float  # a macro's width is a multiple of it
    height_step: float  # a macro's height is a multiple of it, itself a multiple of track_pitch
    power_layer: str  # vertical layer of the supply stripes
    power_width: float
    power_pitch: float
    blocked_layers: tuple[str, ...]
    area_scale: float
    delay_scale: float
    energy_scale: float
    leakage_scale: float


class MacroFiles(Protocol):
    """A hard macro's files, generated or from elsewhere."""

    @property
    def lef(self) -> Path:
        """Its abstract."""

    @property
    def lib(self) -> Path:
        """Its Liberty."""

    @property
    def cycle(self) -> float:
        """Its least clock period in ns; 0 if the Liberty says all there is."""


@dataclass(frozen=True)
class LibraryMacro:
    """A hard macro whose files came from elsewhere."""

    lef: Path
    lib: Path
    cycle: float = 0.0  # ns


@dataclass(frozen=True)
class Pdk:
    """A technology: files, cells by role (None where it has no such cell), and the numbers the flow needs."""

    name: str
    description: str
    source: Path  # the TOML file
    remedy: str  # how to get the files
    tech_lef: Path
    cell_lef: tuple[Path, ...]
    verilog: tuple[Path, ...]
    extraction_rules: Path | None  # of OpenROAD's extraction (OpenRCX), for wires that are routed in detail
    corners: Mapping[str, Corner]  # by name; the first is the default
    site: str
    dbu_per_micron: int
    macro_halo: tuple[float, float]  # um left and right, below and above of a macro
    port_layer_horizontal: str  # ports on the left and right edge
    port_layer_vertical: str  # ports on the lower and upper edge
    power: str  # supply pin
    ground: str
    buffer: BufferCell
    clock_buffer: BufferCell | None
    tie_high: BufferCell | None
    tie_low: BufferCell | None
    tap: str | None
    tap_distance: float  # um, farthest that a cell may be from a tap cell, times 2
    fill: tuple[str, ...]
    driver: str  # cell that is taken to drive the inputs
    load: float  # fF at each output
    dont_use: tuple[str, ...]
    signal_layer: str
    clock_layer: str
    layers: Mapping[str, WireLayer]
    sram: SramRules | None
    routing: RoutingRules | None
    power_grid: PowerGrid | None

    @property
    def corner(self) -> Corner:
        """The default corner."""
        return next(iter(self.corners.values()))

    @property
    def lefs(self) -> tuple[Path, ...]:
        """All LEF files, the technology's first, each once."""
        return tuple(dict.fromkeys((self.tech_lef, *self.cell_lef)))
