"""Floorplan: sizes, ports on the edge and on tracks, nets with their drivers first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eda_adapters.floorplan import core_of, floorplan, net_numbers, pin_positions
from eda_adapters.gates import GateNetlist
from eda_adapters.pdk import load_pdk
from eda_adapters.sram import generate_sram
from placer.formats.lef import LefLibrary, read_lef
from placer.netlist import InputError, NodeKind, Placement
from rtl.sram import SramShape
from tests.eda_adapters.tiny_design import tiny_gates

PDK = load_pdk("nangate45")


def with_srams(count: int, folder: Path) -> tuple[GateNetlist, LefLibrary]:
    """The tiny design and some SRAM macros with their clocks connected."""
    sram = generate_sram(SramShape(64, 32), PDK, folder)
    gates = tiny_gates()
    first = len(gates.instance_names)
    more = replace(
        gates,
        instance_names=(*gates.instance_names, *(f"ram{i}" for i in range(count))),
        instance_masters=(*gates.instance_masters, *[sram.name] * count),
        pin_names=(*gates.pin_names, *["clk"] * count),
        pin_instance=np.append(gates.pin_instance, first + np.arange(count)).astype(np.int32),
        pin_net=np.append(gates.pin_net, np.zeros(count)).astype(np.int32),
        pin_is_driver=np.append(gates.pin_is_driver, np.zeros(count, bool)),
    )
    return more, read_lef(*PDK.lefs, sram.lef)


def test_die_holds_macros_with_halos_and_cells_at_the_utilisation(tmp_path: Path) -> None:
    gates, library = with_srams(7, tmp_path)
    sizes = []
    for utilisation in (0.5, 0.9):
        netlist, placement = floorplan(gates, library, PDK, utilisation, halo=(5.0, 4.0))
        core = core_of(netlist.canvas, library, PDK)
        area = core.columns * core.site_width * core.rows * core.row_height
        hard = netlist.nodes(NodeKind.HARD)
        assert len(hard) == 7
        assert area >= (netlist.node_size[hard] + (10.0, 8.0)).prod(axis=1).sum() / 0.75
        assert area == pytest.approx(netlist.canvas.width * netlist.canvas.height)  # whole sites, edge to edge
        ratio = netlist.canvas.width / netlist.canvas.height
        assert 0.95 < ratio < 1.05
        assert 8 <= netlist.canvas.columns <= 48
        assert placement.position[hard] == pytest.approx(
            np.tile([netlist.canvas.width, netlist.canvas.height], (7, 1)) / 2
        )
        sizes.append(area)
    assert sizes[1] < sizes[0]


def test_ports_lie_on_the_edge_on_tracks_apart_and_in_order() -> None:
    gates, library = tiny_gates(), read_lef(*PDK.lefs)
    ports = 150
    many = replace(
        gates,
        port_names=tuple(f"p[{i}]" for i in range(ports)),
        port_is_input=np.ones(ports, bool),
        port_net=np.full(ports, 0, np.int32),
        net_names=gates.net_names,
    )
    for design in (gates, many):
        netlist, placement = floorplan(design, library, PDK, 0.02)
        at = placement.position[netlist.nodes(NodeKind.PORT)]
        width, height = netlist.canvas.width, netlist.canvas.height
        edge = (at[:, 0] == 0) | (at[:, 0] == width) | (at[:, 1] == 0) | (at[:, 1] == height)
        assert edge.all()
        assert len(np.unique(at, axis=0)) == len(at)
        beside = (at[:, 0] == 0) | (at[:, 0] == width)
        pitch = library.layers[PDK.port_layer_horizontal].pitch
        assert pitch is not None
        tracks = at[beside, 1] / pitch[1]
        assert np.abs(tracks - np.round(tracks)).max() < 1e-6
        assert netlist.node_fixed[netlist.nodes(NodeKind.PORT)].all()
        again = floorplan(design, library, PDK, 0.02)[1]
        assert np.array_equal(again.position, placement.position)


def test_drivers_come_first_and_names_match() -> None:
    gates = tiny_gates()
    netlist, _ = floorplan(gates, read_lef(*PDK.lefs), PDK)
    numbers = net_numbers(gates, netlist)
    drivers = netlist.net_pins[netlist.net_start[:-1]]
    first = {gates.net_names[n]: netlist.pin_names[p] for n, p in zip(numbers, drivers, strict=True)}
    assert first["n1"] == "nand/ZN"
    assert first["clk"] == "clk"
    assert first["z"] == "buf/Z"
    assert set(first) == set(gates.net_names)


@pytest.mark.parametrize("turned", range(4))
def test_pins_turn_with_their_cell(turned: int) -> None:
    library = read_lef(*PDK.lefs)
    netlist, start = floorplan(tiny_gates(), library, PDK)
    orientation = start.orientation.copy()
    orientation[2] = turned
    at = pin_positions(netlist, Placement(start.position, orientation))[netlist.pin_names.index("nand/A1")]
    nand = library.macros["NAND2_X1"]
    x, y = nand.pins["A1"].centre
    x = nand.width - x if turned in (1, 3) else x
    y = nand.height - y if turned in (2, 3) else y
    assert at == pytest.approx(start.position[2] - netlist.node_size[2] / 2 + (x, y))


def test_what_is_wrong_is_said() -> None:
    gates, library = tiny_gates(), read_lef(*PDK.lefs)
    with pytest.raises(InputError, match=r"utilisation is 1\.5"):
        floorplan(gates, library, PDK, 1.5)
    with pytest.raises(InputError, match="inv is a MISSING, which no LEF file defines"):
        floorplan(
            replace(gates, instance_masters=(*gates.instance_masters[:3], "MISSING", "DFF_X1", "BUF_X1")), library, PDK
        )
    with pytest.raises(InputError, match="BUF_X1 has no pin Y in its LEF"):
        floorplan(replace(gates, pin_names=(*gates.pin_names[:-1], "Y")), library, PDK)
