"""SPEF: totals and Elmore delays against sums done by hand from the file itself."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from eda_adapters.floorplan import floorplan, net_numbers, pin_positions
from eda_adapters.pdk import load_pdk
from eda_adapters.spef import extract, write_spef
from eda_adapters.steiner import steiner_trees
from eda_adapters.technology import WireLayer
from placer.formats.lef import read_lef
from placer.netlist import Placement
from tests.eda_adapters.tiny_design import tiny_gates

LAYER = WireLayer(resistance=2.0, capacitance=0.1)


def test_a_wire_of_known_length() -> None:
    """100 um at 0.1 fF and 2 ohm per um: 10 fF, 200 ohm, half of the capacitance at each end."""
    trees = steiner_trees(np.array([(0.0, 0.0), (60.0, 40.0)]), np.array([0, 2], np.int32))
    wires = extract(trees, LAYER)
    assert wires.net_capacitance == pytest.approx([10.0])
    assert wires.resistance == pytest.approx([200.0])
    assert wires.capacitance == pytest.approx([5.0, 5.0])


def test_file_has_every_net_with_its_pins_and_totals(tmp_path: Path) -> None:
    pdk, gates = load_pdk("nangate45"), tiny_gates()
    netlist, placement = floorplan(gates, read_lef(*pdk.lefs), pdk)
    position = placement.position.copy()
    position[:6] = np.random.default_rng(0).random((6, 2)) * 20
    pins = pin_positions(netlist, Placement(position, placement.orientation))[netlist.net_pins]
    trees = steiner_trees(pins, netlist.net_start)
    wires = extract(trees, LAYER)
    write_spef(tmp_path / "a.spef", gates, netlist, net_numbers(gates, netlist), trees, wires, 4.0)
    text = (tmp_path / "a.spef").read_text()
    nets = {}
    for match in re.finditer(r"\*D_NET (\S+) (\S+)\n\*CONN\n(.*?)\*CAP\n(.*?)\*RES\n(.*?)\*END", text, re.S):
        name, total, connections, capacitors, resistors = match.groups()
        nets[name] = (float(total), connections.split("\n")[:-1], rows(capacitors), rows(resistors))
    assert set(nets) == {"clk", "a[0]", "a[1]", "z", "q0", "q1", "n1", "n2", "q2"}
    for name, (total, connections, capacitors, resistors) in nets.items():
        assert sum(float(row[-1]) for row in capacitors) == pytest.approx(total, rel=1e-3)
        assert {row[1] for row in capacitors} == {end for row in resistors for end in row[1:3]}
        assert len(resistors) == len(capacitors) - 1
        assert connections[0].split()[2] == ("I" if name in ("clk", "a[0]", "a[1]") else "O")
    load = [float(row[2]) for row in nets["z"][2] if row[1] == "z"]
    assert load[0] > 4.0
    assert nets["q0"][1] == ["*I r0:Q O", "*I nand:A1 I"]
    e = [gates.net_names[n] for n in net_numbers(gates, netlist)].index("clk")
    first, last = netlist.net_start[e], netlist.net_start[e + 1]
    assert nets["clk"][0] >= 0.1 * np.ptp(pins[first:last], axis=0).sum() * (1 - 1e-4)
    e = [gates.net_names[n] for n in net_numbers(gates, netlist)].index("q0")
    length = np.ptp(pins[netlist.net_start[e] : netlist.net_start[e + 1]], axis=0).sum()
    assert elmore(nets["q0"], "r0:Q", "nand:A1") == pytest.approx(0.5 * 2.0 * 0.1 * length**2, rel=1e-3)


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().split("\n")]


def elmore(net, source: str, sink: str) -> float:  # type: ignore[no-untyped-def]
    """Elmore delay in ohm fF, from the file's numbers: each resistor times the capacitance behind it."""
    _, _, capacitors, resistors = net
    capacitance = {row[1]: float(row[2]) for row in capacitors}
    neighbours = defaultdict(list)
    for _, a, b, ohm in resistors:
        neighbours[a].append((b, float(ohm)))
        neighbours[b].append((a, float(ohm)))

    def behind(node: str, parent: str) -> float:
        return capacitance[node] + sum(behind(n, node) for n, _ in neighbours[node] if n != parent)

    def delay(node: str, parent: str) -> float | None:
        if node == sink:
            return 0.0
        for other, ohm in neighbours[node]:
            if other != parent and (rest := delay(other, node)) is not None:
                return rest + ohm * behind(other, node)
        return None

    found = delay(source, "")
    assert found is not None
    return found
