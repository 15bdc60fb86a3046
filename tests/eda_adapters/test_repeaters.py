"""Repeaters: functions stay, OpenSTA finds the wires faster, what was chosen can be read back."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from eda_adapters.floorplan import flat_netlist, net_numbers, pin_positions
from eda_adapters.gates import GateNetlist, InsertedBuffer, with_buffers, write_verilog
from eda_adapters.liberty import read_liberty
from eda_adapters.opensta import Timing, time_design
from eda_adapters.pdk import load_pdk
from eda_adapters.repeaters import read_repeaters, repeat_long_wires, repeated, write_repeaters
from eda_adapters.spef import extract, write_spef
from eda_adapters.steiner import steiner_trees
from placer.formats.lef import read_lef
from placer.netlist import Canvas, InputError, Netlist, Placement

PDK = load_pdk("nangate45")
LENGTH = 2000.0


def one_net() -> GateNetlist:
    """An inverter that drives another and two output ports."""
    return GateNetlist(
        top="top",
        instance_names=("a", "b"),
        instance_masters=("INV_X1", "INV_X1"),
        net_names=("in", "out[0]", "last"),
        net_rtl=((), ("top.state",), ()),
        port_names=("in", "out[0]", "out[1]", "last"),
        port_is_input=np.array([True, False, False, False]),
        port_net=np.array([0, 1, 1, 2], np.int32),
        pin_names=("A", "ZN", "A", "ZN"),
        pin_instance=np.array([0, 0, 1, 1], np.int32),
        pin_net=np.array([0, 1, 1, 2], np.int32),
        pin_is_driver=np.array([False, True, False, True]),
    )


def test_buffers_take_over_what_they_drive_and_ports_keep_their_names() -> None:
    chain = [InsertedBuffer(1, "BUF_X2", ports=(1,)), InsertedBuffer(1, "BUF_X4", sinks=(2,), buffers=(0,))]
    after = with_buffers(one_net(), chain, ("A", "Z"))
    first, second = 3, 4
    assert after.instance_masters[2:] == ("BUF_X2", "BUF_X4")
    assert after.pin_net.tolist() == [0, 1, second, 2, second, first, 1, second]
    assert after.port_net.tolist() == [0, first, 1, 2]
    assert after.net_names[first] == "out[0]"
    assert len(set(after.net_names)) == 5
    assert after.net_rtl[first] == after.net_rtl[second] == ("top.state",)


def test_what_is_written_is_read_and_what_is_broken_refused(tmp_path: Path) -> None:
    path = tmp_path / "repeaters.json"
    some = [InsertedBuffer(1, "BUF_X2", ports=(1,)), InsertedBuffer(1, "BUF_X4", sinks=(2,), buffers=(0,))]
    write_repeaters(path, some)
    assert [asdict(one) for one in read_repeaters(path)] == [asdict(one) for one in some]
    for wrong in ("", "1", '[{"net": 1}]', "[1]"):
        path.write_text(wrong)
        with pytest.raises(InputError, match=r"repeaters.json: no repeaters can be read"):
            read_repeaters(path)


def far_apart() -> tuple[GateNetlist, Netlist, Placement]:
    """A flip-flop at the left end of a long die drives one at the right end."""
    gates = GateNetlist(
        top="far",
        instance_names=("left", "right"),
        instance_masters=("DFF_X1", "DFF_X1"),
        net_names=("clk", "in", "far", "out"),
        net_rtl=((), (), (), ()),
        port_names=("clk", "in", "out"),
        port_is_input=np.array([True, True, False]),
        port_net=np.array([0, 1, 3], np.int32),
        pin_names=("CK", "D", "Q", "CK", "D", "Q"),
        pin_instance=np.array([0, 0, 0, 1, 1, 1], np.int32),
        pin_net=np.array([0, 1, 2, 0, 2, 3], np.int32),
        pin_is_driver=np.array([False, False, True, False, False, True]),
    )
    netlist = flat_netlist(gates, read_lef(*PDK.lefs), Canvas(LENGTH, 14.0, 8, 8))
    position = np.array([(5.0, 7.0), (LENGTH - 5, 7.0), (0.0, 1.4), (0.0, 7.0), (LENGTH, 7.0)])
    return gates, netlist, Placement(position, np.zeros(5, np.int8))


def timed(gates: GateNetlist, netlist: Netlist, placement: Placement, folder: Path) -> Timing:
    trees = steiner_trees(pin_positions(netlist, placement)[netlist.net_pins], netlist.net_start)
    folder.mkdir()
    wires = extract(trees, PDK.layers[PDK.signal_layer])
    write_verilog(gates, folder / "netlist.v")
    write_spef(folder / "wires.spef", gates, netlist, net_numbers(gates, netlist), trees, wires, PDK.load)
    files = (folder / "netlist.v", gates.top, folder / "wires.spef", PDK.corner.liberty, PDK, 2.0, folder)
    return time_design(*files)


@pytest.mark.eda
def test_opensta_finds_a_long_wire_faster_and_none_to_be_gained_by_fewer(tmp_path: Path) -> None:
    gates, netlist, placement = far_apart()
    found = repeat_long_wires(
        gates, netlist, placement, read_lef(*PDK.lefs), read_liberty(*PDK.corner.liberty).cells, PDK, "clk"
    )
    assert found.without(found.placement).position == pytest.approx(placement.position)
    assert len(found.buffers) > 2
    alone = timed(gates, netlist, placement, tmp_path / "alone").min_period
    best = timed(found.gates, found.netlist, found.placement, tmp_path / "repeated").min_period
    assert best < 0.6 * alone
    for left_out in range(len(found.buffers)):
        fewer = without_one(found.buffers, left_out)
        keep = np.delete(np.arange(len(found.placement.position)), len(gates.instance_names) + left_out)
        at = Placement(found.placement.position[keep], found.placement.orientation[keep])
        after = repeated(gates, fewer, PDK)
        other = timed(after, flat_netlist(after, read_lef(*PDK.lefs), netlist.canvas), at, tmp_path / f"{left_out}")
        assert other.min_period > best + 0.005, left_out  # half of its price, for what the model leaves out


def without_one(buffers: list[InsertedBuffer], gone: int) -> list[InsertedBuffer]:
    """What the buffer ``gone`` of a chain drives hangs on the one before it."""
    lost = buffers[gone]
    kept = []
    for buffer in buffers[:gone] + buffers[gone + 1 :]:
        if gone in buffer.buffers:
            buffer = replace(buffer, sinks=lost.sinks, buffers=lost.buffers)
        kept.append(replace(buffer, buffers=tuple(b - (b > gone) for b in buffer.buffers)))
    return kept


def test_a_design_of_short_wires_stays_as_it_is() -> None:
    gates, netlist, placement = far_apart()
    near = Placement(np.minimum(placement.position, 20.0), placement.orientation)
    cells = read_liberty(*PDK.corner.liberty).cells
    found = repeat_long_wires(gates, netlist, near, read_lef(*PDK.lefs), cells, PDK, "clk")
    assert found.buffers == []
    assert found.gates.net_names == gates.net_names
    assert np.array_equal(found.placement.position, near.position)
