"""Power: a tiny circuit computed by hand, and OpenSTA at equal activity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eda_adapters.activity import Activity
from eda_adapters.clock_tree import ClockTree, estimate_clock_tree
from eda_adapters.floorplan import floorplan, net_numbers, pin_positions
from eda_adapters.gates import write_verilog
from eda_adapters.liberty import InternalPower, LibertyCell, LibertyPin, Library, Sequential, Table, Units, read_liberty
from eda_adapters.opensta import constraints, run_script
from eda_adapters.pdk import load_pdk
from eda_adapters.power import power_of
from eda_adapters.spef import extract, write_spef
from eda_adapters.steiner import steiner_trees
from placer.formats.lef import read_lef
from tests.eda_adapters.tiny_design import tiny_gates

NO_TREE = ClockTree(3, 0, 0.0, 0.0, 0.0)


def fj(value: float) -> Table:
    return Table(np.zeros(1), np.zeros(1), np.array([[value]]))


def pin(name: str, direction: str, capacitance: float, function: str = "", *powers: InternalPower) -> LibertyPin:
    return LibertyPin(name, direction, capacitance, np.inf, name == "CK", function, "", powers, ())


def hand_library() -> Library:
    flop = Sequential("ff", "IQ", "IQN", "D", "CK", "", "")
    cells = [
        LibertyCell(
            "DFF_X1",
            1.0,
            100.0,
            (("!D & !Q", 10.0), ("!D & Q", 20.0), ("D & !Q", 30.0), ("D & Q", 40.0)),
            False,
            False,
            flop,
            {
                "D": pin("D", "input", 1.0),
                "CK": pin(
                    "CK",
                    "input",
                    2.0,
                    "",
                    InternalPower("", "D & Q", fj(1.0), fj(3.0)),
                    InternalPower("", "!D & !Q", fj(1.0), fj(3.0)),
                    InternalPower("", "D & !Q", fj(5.0), fj(5.0)),
                    InternalPower("", "!D & Q", fj(5.0), fj(5.0)),
                ),
                "Q": pin("Q", "output", 0.0, "IQ", InternalPower("CK", "", fj(4.0), fj(6.0))),
            },
        ),
        LibertyCell(
            "NAND2_X1",
            1.0,
            0.0,
            (("A1 & A2", 8.0), ("!(A1 & A2)", 4.0)),
            False,
            False,
            None,
            {
                "A1": pin("A1", "input", 1.5),
                "A2": pin("A2", "input", 1.6),
                "ZN": pin(
                    "ZN",
                    "output",
                    0.0,
                    "!(A1 & A2)",
                    InternalPower("A1", "", fj(1.0), fj(2.0)),
                    InternalPower("A2", "", fj(3.0), fj(4.0)),
                ),
            },
        ),
        LibertyCell(
            "INV_X1",
            1.0,
            7.0,
            (),
            False,
            False,
            None,
            {"A": pin("A", "input", 1.7), "ZN": pin("ZN", "output", 0.0, "!A", InternalPower("A", "", fj(2.0), None))},
        ),
        LibertyCell(
            "BUF_X1", 1.0, 9.0, (), False, False, None, {"A": pin("A", "input", 1.0), "Z": pin("Z", "output", 0.0, "A")}
        ),
    ]
    return Library(Units(1, 1, 1, 1.1, 25, 0.3, 0.7, 1, 0.5, np.inf), {c.name: c for c in cells})


def test_a_tiny_circuit_by_hand() -> None:
    gates, pdk = tiny_gates(), load_pdk("nangate45")
    at = {name: i for i, name in enumerate(gates.net_names)}
    toggles, probability, wire = np.zeros(9), np.full(9, 0.5), np.full(9, 10.0)
    toggles[[at["clk"], at["q0"], at["q1"], at["n1"]]] = 2.0, 0.4, 0.2, 0.1
    probability[at["q1"]] = 0.25
    wire[at["clk"]] = 0.0
    activity = Activity(probability, toggles, np.ones(9, bool), np.zeros(9, bool), 1.0)
    power = power_of(gates, hand_library(), activity, wire, pdk, 2.0, at["clk"], NO_TREE)
    v2, hertz = 1.1**2, 0.5e9
    nets = 0.5 * v2 * (0.4 * (10 + 1.5) + 0.2 * (10 + 1.6) + 0.1 * (10 + 1.7))
    clock_pins = v2 * 3 * 2.0  # two transitions of half C V2
    assert power.switching == pytest.approx((nets + clock_pins) * 1e-15 * hertz)
    # CK, twice in a cycle: 2 fJ where D equals the state, 5 fJ where not, which is in half of its toggles each way.
    clock = [2 * (2 * (1 - t) + 5 * t) for t in (0.4, 0.2, 0.0)]
    q = 5.0 * (0.4 + 0.2)
    nand = 0.1 * (0.4 * 1.5 + 0.2 * 3.5) / 0.6
    inverter = 0.0  # its output does not toggle here
    assert power.internal == pytest.approx((sum(clock) + q + nand + inverter) * 1e-15 * hertz)
    assert power.clock == pytest.approx((sum(clock) + clock_pins) * 1e-15 * hertz)
    flop = [
        10 * (1 - p - t / 2) + 20 * t / 2 + 30 * t / 2 + 40 * (p - t / 2)
        for p, t in ((0.5, 0.4), (0.25, 0.2), (0.5, 0.0))
    ]
    nand_leak = 8 * 0.125 + 4 * 0.875
    assert power.leakage == pytest.approx((sum(flop) + nand_leak + 7 + 9) * 1e-9)
    assert power.total == pytest.approx(power.internal + power.switching + power.leakage)


def test_clock_tree_grows_with_its_sinks() -> None:
    few = estimate_clock_tree(20, 20.0, 100.0, 1e4, 0.1, 1.0)
    many = estimate_clock_tree(2000, 2000.0, 10000.0, 1e6, 0.1, 1.0)
    assert (few.buffers, many.buffers) == (1, 100 + 5 + 1)
    assert many.wirelength > 10000.0
    assert estimate_clock_tree(2000, 2000.0, 10000.0, 1e6, 0.1, 0.0).buffers == 0


@pytest.mark.eda
def test_against_opensta_at_equal_activity(tmp_path: Path) -> None:
    """Every net toggles 0.2 times in a cycle: switching and leakage agree.

    OpenSTA 2.0.17 adds a table's rise and fall, where later versions take the mean: one-input cells have twice our
    internal power there.
    """
    gates, pdk = tiny_gates(), load_pdk("nangate45")
    netlist, placement = floorplan(gates, read_lef(*pdk.lefs), pdk)
    placement.position[:6] = np.random.default_rng(0).random((6, 2)) * 20
    trees = steiner_trees(pin_positions(netlist, placement)[netlist.net_pins], netlist.net_start)
    wires, net = extract(trees, pdk.layers[pdk.signal_layer]), net_numbers(gates, netlist)
    write_spef(tmp_path / "tiny.spef", gates, netlist, net, trees, wires, pdk.load)
    write_verilog(gates, tmp_path / "tiny.v")
    (tmp_path / "tiny.sdc").write_text(constraints(pdk, 2.0, "clk"))
    commands = [
        *(f"read_liberty {{{path}}}" for path in pdk.corner.liberty),
        "read_verilog tiny.v",
        "link_design tiny",
        "read_sdc tiny.sdc",
        "read_spef tiny.spef",
        "sta::set_power_global_activity 0.2 0.5",
        "set f [open power.txt w]",
        f"foreach i [get_cells {{{' '.join(gates.instance_names)}}}] {{",
        "puts $f [concat [get_full_name $i] [sta::instance_power $i [sta::cmd_corner]]]",
        "}",
        "close $f",
    ]
    run_script("\n".join(commands), tmp_path, "power")
    rows = [line.split() for line in (tmp_path / "power.txt").read_text().splitlines()]
    theirs = {row[0]: np.array(row[1:4], float) for row in rows}
    toggles, wire = np.full(9, 0.2), np.zeros(9)
    toggles[0], wire[net] = 2.0, wires.net_capacitance
    activity = Activity(np.full(9, 0.5), toggles, np.ones(9, bool), np.zeros(9, bool), 1.0)
    library = read_liberty(*pdk.corner.liberty)
    power = power_of(gates, library, activity, wire, pdk, 2.0, 0, NO_TREE)
    assert power.net_switching.sum() == pytest.approx(sum(row[1] for row in theirs.values()), rel=1e-3)
    assert power.leakage == pytest.approx(sum(row[2] for row in theirs.values()), rel=0.02)
    quiet = toggles.copy()
    quiet[gates.net_names.index("z")] = 0.0
    without = Activity(activity.probability, quiet, activity.annotated, activity.source, 1.0)
    buffer = power.internal - power_of(gates, library, without, wire, pdk, 2.0, 0, NO_TREE).internal
    assert 2 * buffer == pytest.approx(theirs["buf"][0], rel=0.05)
