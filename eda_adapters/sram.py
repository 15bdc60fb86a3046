"""A generator of SRAM macros: abstract LEF and Liberty for the ports of :mod:`rtl.sram`.

The macro blocks the metals that its technology says, has its signal pins on the left edge on tracks of a horizontal
layer and its supply as vertical stripes. Its sides are multiples of the technology's steps, so that the pins stay on
tracks in the orientations N, FN, FS and S wherever its corner lies on a row and a site.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from eda_adapters.liberty import Units, read_liberty
from eda_adapters.pdk import Pdk, PdkError, SramRules
from eda_adapters.sram_figures import SramFigures, sram_figures
from rtl.sram import SramShape


@dataclass(frozen=True)
class SramMacro:
    """A generated macro and its files."""

    shape: SramShape
    name: str
    width: float  # um
    height: float  # um
    figures: SramFigures
    lef: Path
    lib: Path

    @property
    def cycle(self) -> float:
        """Least clock period in ns."""
        return self.figures.cycle


def generate_sram(shape: SramShape, pdk: Pdk, out_dir: Path) -> SramMacro:
    """Write ``NAME.lef`` and ``NAME.lib`` of a macro into a folder.

    PdkError if the technology has no SRAM rules, or rules that make no macro.
    """
    rules = pdk.sram
    if rules is None:
        raise PdkError(f"{pdk.source}: key sram is missing: {pdk.name} can have no SRAM macros without it")
    per_step = rules.height_step / rules.track_pitch
    if abs(per_step - round(per_step)) > 1e-6:
        raise PdkError(f"{pdk.source}: key sram.height_step_um: expected a multiple of sram.track_pitch_um")
    figures = sram_figures(shape, rules)
    pins = _pins(shape)
    height = max(math.sqrt(figures.area / figures.aspect), 2 * len(pins) * rules.track_pitch)
    height = _up(height, rules.height_step)
    width = _up(max(figures.area / height, 2 * rules.power_pitch), rules.width_step)
    units = read_liberty(*pdk.corner.liberty).units
    out_dir.mkdir(parents=True, exist_ok=True)
    lef = _write(out_dir / f"{shape.module}.lef", _lef(shape, pins, width, height, rules, pdk))
    lib = _write(out_dir / f"{shape.module}.lib", _liberty(shape, width * height, figures, units))
    return SramMacro(shape, shape.module, width, height, figures, lef, lib)


def _up(length: float, step: float) -> float:
    return round(math.ceil(length / step - 1e-9) * step, 6)


def _write(path: Path, text: str) -> Path:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    os.replace(partial, path)
    return path


def _pins(shape: SramShape) -> list[tuple[str, str]]:
    """(name, direction) from the lower to the upper edge: data bits of each half, control between them."""

    def data(bits: range) -> list[tuple[str, str]]:
        return [pin for bit in bits for pin in ((f"din[{bit}]", "INPUT"), (f"dout[{bit}]", "OUTPUT"))]

    half = shape.bits // 2
    address = [(f"addr[{bit}]", "INPUT") for bit in range(shape.address_bits)]
    control = [("clk", "INPUT"), ("ce", "INPUT"), ("we", "INPUT"), *address]
    return data(range(half)) + control + data(range(half, shape.bits))


def _lef(shape: SramShape, pins: list[tuple[str, str]], width: float, height: float, rules: SramRules, pdk: Pdk) -> str:
    lines = [
        "VERSION 5.7 ;",
        'BUSBITCHARS "[]" ;',
        'DIVIDERCHAR "/" ;',
        f"MACRO {shape.module}",
        "  CLASS BLOCK ;",
        "  ORIGIN 0 0 ;",
        f"  SIZE {width:.4f} BY {height:.4f} ;",
        "  SYMMETRY X Y ;",
    ]
    half = rules.pin_width / 2
    tracks = round(height / rules.track_pitch)
    for number, (name, direction) in enumerate(pins):
        track = round((number + 0.5) * tracks / len(pins))
        y = rules.track_offset + track * rules.track_pitch
        use = "CLOCK" if name == "clk" else "SIGNAL"
        lines += _pin(name, direction, use, rules.pin_layer, [(0.0, y - half, rules.pin_width, y + half)])
    stripes = int(width / rules.power_pitch)
    for name, use, shift in ((pdk.power, "POWER", 0.25), (pdk.ground, "GROUND", 0.75)):
        left = [(stripe + shift) * rules.power_pitch for stripe in range(stripes)]
        rects = [(x, rules.track_pitch, x + rules.power_width, height - rules.track_pitch) for x in left]
        lines += _pin(name, "INOUT", use, rules.power_layer, rects)
    lines.append("  OBS")
    for layer in rules.blocked_layers:
        start = 2 * rules.pin_width if layer == rules.pin_layer else 0.0
        lines += [f"    LAYER {layer} ;", f"      RECT {start:.4f} 0 {width:.4f} {height:.4f} ;"]
    lines += ["  END", f"END {shape.module}", "END LIBRARY", ""]
    return "\n".join(lines)


def _pin(name: str, direction: str, use: str, layer: str, rects: list[tuple[float, float, float, float]]) -> list[str]:
    shapes = [f"        RECT {x1:.4f} {y1:.4f} {x2:.4f} {y2:.4f} ;" for x1, y1, x2, y2 in rects]
    head = [f"  PIN {name}", f"    DIRECTION {direction} ;", f"    USE {use} ;"]
    return [*head, "    PORT", f"      LAYER {layer} ;", *shapes, "    END", f"  END {name}"]


def _liberty(shape: SramShape, area: float, figures: SramFigures, units: Units) -> str:
    """The Liberty text, in the units and thresholds of the standard cells."""
    name = shape.module
    time, load, energy = 1 / units.time, 1 / units.capacitance, 1 / units.capacitance
    loads = [figures.largest_load * share for share in (0.01, 0.05, 0.2, 0.5, 1.0)]
    rc = [figures.drive_resistance * value / 1e3 for value in loads]  # ns
    slope = math.log((1 - units.slew_low) / (1 - units.slew_high)) / units.slew_derate
    delays = [figures.access + math.log(2) * (value - rc[0]) for value in rc]
    table = {
        "delay": _numbers(delays, time),
        "slew": _numbers([slope * value for value in rc], time),
        "load": _numbers(loads, load),
    }
    constraints = "".join(
        f"""
      timing () {{
        related_pin : "clk";
        timing_type : {kind}_rising;
        rise_constraint (scalar) {{ values ("{value * time:.6g}"); }}
        fall_constraint (scalar) {{ values ("{value * time:.6g}"); }}
      }}"""
        for kind, value in (("setup", figures.setup), ("hold", figures.hold))
    )
    pin = f"""direction : input;
      capacitance : {figures.pin_capacitance * load:.6g};{constraints}
      internal_power () {{{_powers(figures.pin_energy * energy, figures.pin_energy * energy)}
      }}"""
    access = figures.access_energy * energy
    clock_power = "".join(
        f"""
      internal_power () {{
        when : "{when}";{_powers(value, 0.0)}
      }}"""
        for when, value in (("ce & we", access), ("ce & !we", access), ("!ce", figures.idle_energy * energy))
    )
    return f"""/* SRAM macro of {shape.words} words of {shape.bits} bits, made by chiploop; figures: sram_figures.py */
library ({name}) {{
  technology (cmos);
  delay_model : table_lookup;
  time_unit : "{units.time:g}ns";
  voltage_unit : "1V";
  current_unit : "1mA";
  pulling_resistance_unit : "1kohm";
  leakage_power_unit : "{units.leakage:g}nW";
  capacitive_load_unit ({_capacitance_unit(units)});
  nom_process : 1;
  nom_voltage : {units.voltage:g};
  nom_temperature : {units.temperature:g};
  operating_conditions (typical) {{
    process : 1;
    voltage : {units.voltage:g};
    temperature : {units.temperature:g};
  }}
  default_operating_conditions : typical;
  slew_lower_threshold_pct_rise : {100 * units.slew_low:g};
  slew_lower_threshold_pct_fall : {100 * units.slew_low:g};
  slew_upper_threshold_pct_rise : {100 * units.slew_high:g};
  slew_upper_threshold_pct_fall : {100 * units.slew_high:g};
  slew_derate_from_library : {units.slew_derate:g};
  input_threshold_pct_rise : {100 * units.delay_threshold:g};
  input_threshold_pct_fall : {100 * units.delay_threshold:g};
  output_threshold_pct_rise : {100 * units.delay_threshold:g};
  output_threshold_pct_fall : {100 * units.delay_threshold:g};
  default_cell_leakage_power : 0;
  default_fanout_load : 1;
  default_inout_pin_cap : 0;
  default_input_pin_cap : 0;
  default_output_pin_cap : 0;
  lu_table_template (output_load) {{
    variable_1 : total_output_net_capacitance;
    index_1 ("{table["load"]}");
  }}
  type (data) {{
    base_type : array;
    data_type : bit;
    bit_width : {shape.bits};
    bit_from : {shape.bits - 1};
    bit_to : 0;
    downto : true;
  }}
  type (address) {{
    base_type : array;
    data_type : bit;
    bit_width : {shape.address_bits};
    bit_from : {shape.address_bits - 1};
    bit_to : 0;
    downto : true;
  }}
  cell ({name}) {{
    area : {area:.6g};
    dont_touch : true;
    dont_use : true;
    interface_timing : true;
    cell_leakage_power : {figures.leakage / units.leakage:.6g};
    memory () {{
      type : ram;
      address_width : {shape.address_bits};
      word_width : {shape.bits};
    }}
    pin (clk) {{
      direction : input;
      clock : true;
      capacitance : {figures.clock_capacitance * load:.6g};
      min_period : {figures.cycle * time:.6g};{clock_power}
    }}
    pin (ce) {{
      {pin}
    }}
    pin (we) {{
      {pin}
    }}
    bus (addr) {{
      bus_type : address;
      {pin}
    }}
    bus (din) {{
      bus_type : data;
      {pin}
    }}
    bus (dout) {{
      bus_type : data;
      direction : output;
      capacitance : 0;
      max_capacitance : {figures.largest_load * load:.6g};
      timing () {{
        related_pin : "clk";
        timing_type : rising_edge;
        timing_sense : non_unate;
        cell_rise (output_load) {{ values ("{table["delay"]}"); }}
        cell_fall (output_load) {{ values ("{table["delay"]}"); }}
        rise_transition (output_load) {{ values ("{table["slew"]}"); }}
        fall_transition (output_load) {{ values ("{table["slew"]}"); }}
      }}
    }}
  }}
}}
"""


def _powers(rise: float, fall: float) -> str:
    return "".join(
        f"""
        {name}_power (scalar) {{ values ("{value:.6g}"); }}"""
        for name, value in (("rise", rise), ("fall", fall))
    )


def _numbers(values: list[float], scale: float) -> str:
    return ", ".join(f"{value * scale:.6g}" for value in values)


def _capacitance_unit(units: Units) -> str:
    return f"{units.capacitance:g}, ff" if units.capacitance < 1e3 else f"{units.capacitance / 1e3:g}, pf"
