"""The Liberty reader against OpenSTA, on real libraries, and on files that are broken in many ways."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from eda_adapters.liberty import Library, Table, read_liberty
from eda_adapters.pdk import Pdk, PdkError, load_pdk
from placer.netlist import InputError

SMALL = """
/* a comment
   of two lines */
library (small) {
  time_unit : "1ps"; leakage_power_unit : "1uW"; capacitive_load_unit (1, pf);
  nom_voltage : 1.2;
  power_lut_template (energy) {
    variable_1 : total_output_net_capacitance; variable_2 : input_transition_time;
    index_1 ("1, 2, 3"); index_2 ("10, 20");
  }
  type (pair) { base_type : array; bit_from : 1; bit_to : 0; bit_width : 2; }
  cell (LATCH) {
    area : 2.5; dont_use : true;
    cell_leakage_power : 3;
    leakage_power () { when : "!E"; value : 2; }
    latch (IQ, IQN) { enable : "E"; data_in : "D"; }
    bus (Q) {
      bus_type : pair; direction : output; function : "IQ"
      internal_power () {
        related_pin : "E";
        rise_power (energy) { values ("1, 2", "3, 4", \\
                                      "5, 6"); }
        fall_power (scalar) { values ("7") }
      }
    }
    pin (E, D) { direction : input; capacitance : 0.5; clock : true; }
  }
}
"""


def available(name: str) -> Pdk:
    try:
        return load_pdk(name)
    except PdkError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def nangate() -> tuple[Path, Library]:
    path = available("nangate45").corner.liberty[0]
    return path, read_liberty(path)


def small(tmp_path: Path, text: str = SMALL) -> Library:
    path = tmp_path / "small.lib"
    path.write_text(text)
    return read_liberty(path)


def test_units_axes_and_buses(tmp_path: Path) -> None:
    library = small(tmp_path)
    assert library.units.time == 1e-3
    cell = library.cells["LATCH"]
    assert (cell.area, cell.leakage, cell.leakage_when, cell.dont_use) == (2.5, 3e3, (("!E", 2e3),), True)
    assert cell.sequential is not None
    assert (cell.sequential.kind, cell.sequential.clocked_on, cell.sequential.next_state) == ("latch", "E", "D")
    assert set(cell.pins) == {"Q[0]", "Q[1]", "E", "D"}
    assert cell.pins["D"].capacitance == 500
    (power,) = cell.pins["Q[1]"].internal_power
    assert power.rise is not None
    assert power.fall is not None
    assert power.rise.index_1.tolist() == [0.01, 0.02]  # transition first, whatever the file's order
    assert power.rise.index_2.tolist() == [1000, 2000, 3000]
    assert power.rise.values.tolist() == [[1000, 3000, 5000], [2000, 4000, 6000]]
    assert power.fall.lookup([0.0, 1.0], 5.0).tolist() == [7000, 7000]


def test_lookup_is_bilinear_inside_and_beyond() -> None:
    x, y = np.array([0.0, 1.0, 4.0]), np.array([1.0, 2.0])
    table = Table(x, y, 2 * x[:, None] + 3 * y[None, :] + x[:, None] * y[None, :])
    at_x, at_y = np.meshgrid(np.linspace(-1, 6, 15), np.linspace(0, 4, 9))
    assert np.allclose(table.lookup(at_x, at_y), 2 * at_x + 3 * at_y + at_x * at_y)


def test_nangate45_as_its_file_says(nangate: tuple[Path, Library]) -> None:
    path, library = nangate
    text = path.read_text()
    assert len(library.cells) == len(re.findall(r"^\s*cell \(", text, re.M)) == 135
    flop = library.cells["DFF_X1"]
    assert flop.sequential is not None
    assert (flop.sequential.next_state, flop.sequential.clocked_on) == ("D", "CK")
    assert flop.pins["CK"].clock
    assert flop.area == 4.522
    assert library.cells["NAND2_X1"].pins["ZN"].function == "!(A1 & A2)"
    assert library.cells["LOGIC1_X1"].pins["Z"].function == "1"
    powers = sum(len(pin.internal_power) for cell in library.cells.values() for pin in cell.pins.values())
    assert powers == len(re.findall(r"\binternal_power \(", text))
    arcs = sum(len(pin.timing) for cell in library.cells.values() for pin in cell.pins.values())
    assert arcs == len(re.findall(r"\btiming \(", text))


def test_is_read_fast_and_once(nangate: tuple[Path, Library]) -> None:
    started = time.perf_counter()
    assert read_liberty(nangate[0]).cells["INV_X1"] is nangate[1].cells["INV_X1"]
    assert time.perf_counter() - started < 0.05


def test_changed_file_is_read_again(tmp_path: Path) -> None:
    assert small(tmp_path).cells["LATCH"].area == 2.5
    assert small(tmp_path, SMALL.replace("2.5", "2.75")).cells["LATCH"].area == 2.75


@pytest.mark.eda
def test_delays_are_those_of_opensta(nangate: tuple[Path, Library], tmp_path: Path) -> None:
    """One NAND2 at several input transitions and loads: the table's value against OpenSTA's report."""
    if not shutil.which("sta"):
        pytest.skip("no OpenSTA")
    gate = "NAND2_X1 u (.A1(a), .A2(b), .ZN(z));"
    (tmp_path / "one.v").write_text(f"module one (a, b, z); input a, b; output z; {gate} endmodule")
    bare = "\n".join(line for line in nangate[0].read_text().splitlines() if "default_wire_load" not in line)
    (tmp_path / "bare.lib").write_text(bare)  # wire-load models would add to the load
    points = [(slew, load) for slew in (0.002, 0.03, 0.15) for load in (0.5, 7.0, 40.0)]
    script = ["read_liberty bare.lib", "read_verilog one.v", "link_design one", "create_clock -period 9 -name c"]
    script += ["set_input_delay 0 -clock c [all_inputs]", "set_output_delay 0 -clock c [all_outputs]"]
    for slew, load in points:
        script += [f"set_input_transition {slew} a", f"set_load {load} z"]
        script += ["report_checks -rise_from a -to z -digits 6 -format full"]
    (tmp_path / "run.tcl").write_text("\n".join(script) + "\n")
    command = ["sta", "-no_splash", "-exit", "run.tcl"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    shown = [float(value) for value in re.findall(r"([\d.]+)\s+[\d.]+ v u/ZN", run.stdout)]
    arc = next(arc for arc in nangate[1].cells["NAND2_X1"].pins["ZN"].timing if arc.related_pin == "A1")
    slews, loads = np.array(points).T
    assert len(shown) == len(points)
    assert np.allclose(arc.tables["cell_fall"].lookup(slews, loads), shown, atol=2e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("area : 2.5", "area : much", r"small\.lib:12: cell: area is 'much', expected a finite number"),
        ("area : 2.5", "area : nan", r"small\.lib:12: cell: area is 'nan', expected a finite number"),
        ('values ("7")', 'values ("x")', r"small\.lib:23: fall_power: expected finite numbers, found 'x'"),
        ('values ("7")', 'values ("7, 8")', r"small\.lib:23: expected 1 values, found 2"),
        ('"3, 4"', '"3"', r"small\.lib:21: expected 6 values, found 5"),
        ("rise_power (energy)", "rise_power (other)", r"small\.lib:21: template other is not defined"),
        ('index_1 ("1, 2, 3")', 'index_1 ("1, 3, 2")', r"small\.lib:7: index_1 must be increasing"),
        ("bus_type : pair", "bus_type : triple", r"small\.lib:17: the bus has no bus_type"),
        ("bit_from : 1", "bit_from : 9999999", r"small\.lib:11: a bus of 10000000 bits"),
        ("direction : input", "direction : inward", r"small\.lib:26: pin E: direction is 'inward'"),
        ("(1, pf)", "(1, furlong)", r"small\.lib:4: capacitive_load_unit"),
        ('"1ps"', '"1 year"', r"small\.lib:4: time_unit is '1 year'"),
        ("library (small)", "libary (small)", r"small\.lib:1: expected a library group"),
        ("area : 2.5;", "area 2.5;", r"small\.lib:13: expected a Liberty statement or '}', found 'area 2\.5;"),
        ("nom_voltage : 1.2;", "", r"small\.lib:4: library has no nom_voltage"),
    ],
)
def test_malformed(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SMALL
    with pytest.raises(InputError, match=message) as caught:
        small(tmp_path, SMALL.replace(old, new, 1))
    assert caught.value.exit_code == 2


def test_unbalanced_braces(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends inside group library, opened at .*small\.lib:4"):
        small(tmp_path, SMALL.rstrip().removesuffix("}"))
    with pytest.raises(InputError, match=r"small\.lib:29: '}' closes no group"):
        small(tmp_path, SMALL.rstrip() + "\n}\n")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_liberty(tmp_path / "none.lib")
    with pytest.raises(InputError, match="expected a Liberty statement"):
        small(tmp_path, "\x7fELF\x00\x01")


def test_mutated_files_end_in_a_library_or_an_input_error(tmp_path: Path) -> None:
    """1000 mutations of a small library: never another exception, never slow."""
    rng = random.Random(5)
    messages: list[str] = []
    marks = ["{", "}", "(", ")", '"', ";", ":", "\\", "/*", "*/", "\n", "1e999", "-1", "nan", "", "\x00", "é", ","]
    path = tmp_path / "fuzzed.lib"
    for _ in range(1000):
        mutated = SMALL
        for _ in range(rng.randint(1, 4)):
            start = rng.randrange(len(mutated))
            end = min(len(mutated), start + rng.choice([0, 1, 1, 3, 30, 300]))
            piece = rng.choice([*marks, mutated[end : end + 40]])
            mutated = mutated[:start] + piece + mutated[end:]
            mutated = mutated or "x"
        path.write_text(mutated)
        started = time.perf_counter()
        try:
            read_liberty(path)
        except InputError as error:
            messages.append(str(error))
        assert time.perf_counter() - started < 2
    assert len(messages) > 250
    assert all(str(path) in message and "\n" not in message for message in messages)
