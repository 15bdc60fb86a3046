"""The estimate against OpenROAD's recorded run of gcd on Nangate45: same netlist and placement, its wires and ours."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from eda_adapters.activity import Activity
from eda_adapters.clock_tree import ClockTree
from eda_adapters.floorplan import floorplan, net_numbers, pin_positions
from eda_adapters.gates import GateNetlist, write_verilog
from eda_adapters.liberty import Library, read_liberty
from eda_adapters.opensta import time_design
from eda_adapters.pdk import load_pdk
from eda_adapters.power import power_of
from eda_adapters.spef import extract, write_spef
from eda_adapters.steiner import steiner_trees
from placer.formats.def_ import DefDesign, read_def
from placer.formats.lef import read_lef
from placer.netlist import Orientation, Placement

PDK = load_pdk("nangate45")
PERIOD = 0.46  # ns, of the recorded run


def plain(name: str) -> str:
    """A name as our netlists have it."""
    return re.sub(r"\W", "_", name.replace("\\", ""))


def gates_of(design: DefDesign, library: Library) -> GateNetlist:
    """The logical netlist of a DEF design, without tap cells and supplies."""
    cells = [c for c in design.components if c.master in library.cells and "TAP" not in c.master]
    number = {c.name: i for i, c in enumerate(cells)}
    is_input = {pin.name: pin.direction == "INPUT" for pin in design.pins if pin.use == "SIGNAL"}
    order = sorted(is_input, key=lambda name: (name.partition("[")[0], int(name.partition("[")[2].rstrip("]") or 0)))
    names = [net.name if net.name in is_input else plain(net.name) for net in design.nets]
    port_net = {pin: e for e, net in enumerate(design.nets) for component, pin in net.pins if component == "PIN"}
    pins = sorted(
        (number[component], pin, e)
        for e, net in enumerate(design.nets)
        for component, pin in net.pins
        if component in number
    )
    return GateNetlist(
        top=design.name,
        instance_names=tuple(plain(c.name) for c in cells),
        instance_masters=tuple(c.master for c in cells),
        net_names=tuple(names),
        net_rtl=tuple(() for _ in names),
        port_names=tuple(order),
        port_is_input=np.array([is_input[name] for name in order]),
        port_net=np.array([port_net[name] for name in order], np.int32),
        pin_names=tuple(pin for _, pin, _ in pins),
        pin_instance=np.array([i for i, _, _ in pins], np.int32),
        pin_net=np.array([e for _, _, e in pins], np.int32),
        pin_is_driver=np.array([library.cells[cells[i].master].pins[pin].direction == "output" for i, pin, _ in pins]),
    )


def renamed_spef(text: str, ports: tuple[str, ...]) -> str:
    """The recorded SPEF with our names."""

    def word(token: str) -> str:
        if token.startswith("*") or re.fullmatch(r"[\d.e+-]+", token):
            return token
        name, colon, rest = token.partition(":")
        bare = name.replace("\\", "")
        return (bare if bare in ports else plain(bare)) + colon + rest

    head, _, body = text.partition("*PORTS")
    return head + "*PORTS\n" + "\n".join(" ".join(map(word, line.split())) for line in body.split("\n"))


@pytest.mark.eda
def test_gcd_on_the_recorded_placement(shared: Path, tmp_path: Path) -> None:
    runs = shared / "openroad_runs"
    recorded = json.loads((runs / "gcd.json").read_text())
    library = read_liberty(*PDK.corner.liberty)
    design = read_def(runs / "gcd_grt.def")
    gates = gates_of(design, library)
    netlist, start = floorplan(gates, read_lef(*PDK.lefs), PDK)
    position, orientation = start.position.copy(), start.orientation.copy()
    where = {plain(c.name): c for c in design.components}
    for i, name in enumerate(gates.instance_names):
        position[i] = (where[name].x, where[name].y) + netlist.node_size[i] / 2
        orientation[i] = Orientation[where[name].orient]
    at = {pin.name: pin.ports[0].centre for pin in design.pins if pin.ports}
    position[len(gates.instance_names) :] = [at[name] for name in gates.port_names]
    pins = pin_positions(netlist, Placement(position, orientation))[netlist.net_pins]
    trees, net = steiner_trees(pins, netlist.net_start), net_numbers(gates, netlist)
    wires = extract(trees, PDK.layers[PDK.signal_layer])

    assert trees.net_length().sum() == pytest.approx(recorded["route__wirelength"], rel=0.05)

    write_verilog(gates, tmp_path / "gcd.v")
    ours, theirs = tmp_path / "ours.spef", tmp_path / "theirs.spef"
    write_spef(ours, gates, netlist, net, trees, wires, PDK.load)
    theirs.write_text(renamed_spef((runs / "gcd_grt.spef").read_text(), gates.port_names))
    results = [
        time_design(tmp_path / "gcd.v", "gcd", spef, PDK.corner.liberty, PDK, PERIOD, tmp_path)
        for spef in (ours, theirs)
    ]
    assert results[0].min_period == pytest.approx(results[1].min_period, rel=0.03)
    assert results[0].total_negative_slack == pytest.approx(results[1].total_negative_slack, rel=0.05)
    # OpenROAD's own figures, with its clock tree and constraints in place of an ideal clock and ours:
    assert PERIOD - results[0].worst_slack == pytest.approx(PERIOD - recorded["grt__timing__setup__ws"], rel=0.05)

    nets = len(gates.net_names)
    activity = Activity(np.full(nets, 0.5), np.full(nets, 0.1), np.ones(nets, bool), np.zeros(nets, bool), 1.0)
    no_tree = ClockTree(0, 0, 0.0, 0.0, 0.0)
    power = power_of(gates, library, activity, np.zeros(nets), PDK, PERIOD, -1, no_tree)
    assert power.leakage == pytest.approx(recorded["grt__power__leakage__total"], rel=0.02)
