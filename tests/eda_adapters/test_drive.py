"""Drivers carry their loads after synthesis, and the netlist is the same in function."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from eda_adapters.drive import strengthen
from eda_adapters.gates import GateNetlist
from eda_adapters.liberty import Library, read_liberty
from eda_adapters.pdk import Pdk, PdkError, load_pdk
from eda_adapters.sram import generate_sram
from rtl.sram import SramShape

SHAPE = SramShape(256, 8)
MACROS = 24


@pytest.fixture(scope="module", params=["nangate45", "osu018"])
def pdk(request: pytest.FixtureRequest) -> Pdk:
    try:
        return load_pdk(request.param)
    except PdkError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def library(pdk: Pdk, tmp_path_factory: pytest.TempPathFactory) -> Library:
    return read_liberty(*pdk.corner.liberty, generate_sram(SHAPE, pdk, tmp_path_factory.mktemp("sram")).lib)


def fan_out(pdk: Pdk) -> GateNetlist:
    """Flip-flop ``state`` drives bit 0 of all macros' ``din`` and a buffer that drives the output."""
    flop, clock, data, output = ("DFF_X1", "CK", "D", "Q") if pdk.name == "nangate45" else ("DFFPOSX1", "CLK", "D", "Q")
    buffer = pdk.buffer
    pins = [(0, clock, 0, False), (0, data, 1, False), (0, output, 2, True)]
    pins += [(1, buffer.input, 2, False), (1, buffer.output, 3, True)]
    for macro in range(MACROS):
        pins += [(2 + macro, "clk", 0, False), (2 + macro, "din[0]", 2, False)]
    instance, names, net, drives = zip(*pins, strict=True)
    return GateNetlist(
        top="fan_out",
        instance_names=("state", "last", *(f"macro{i}" for i in range(MACROS))),
        instance_masters=(flop, buffer.cell, *(SHAPE.module,) * MACROS),
        net_names=("clk", "in", "value", "out[0]"),
        net_rtl=((), (), ("core.value",), ()),
        port_names=("clk", "in", "out[0]"),
        port_is_input=np.array([True, True, False]),
        port_net=np.array([0, 1, 3], dtype=np.int32),
        pin_names=names,
        pin_instance=np.array(instance, dtype=np.int32),
        pin_net=np.array(net, dtype=np.int32),
        pin_is_driver=np.array(drives),
    )


def test_macros_get_a_buffer_that_carries_them(pdk: Pdk, library: Library) -> None:
    before = fan_out(pdk)
    after = strengthen(before, library.cells, pdk)
    assert after.instance_names[-1] == "value_to_macros_buffer"
    assert after.net_names[-1] == "value_to_macros"
    assert after.net_rtl[-1] == ("core.value",)  # so that its activity is found
    nets = dict(
        zip(zip(after.pin_instance.tolist(), after.pin_names, strict=True), after.pin_net.tolist(), strict=True)
    )
    for macro in range(MACROS):
        assert nets[2 + macro, "din[0]"] == 4
        assert nets[2 + macro, "clk"] == 0  # the clock gets a tree, not these buffers
    new = len(before.instance_names)
    assert (nets[new, pdk.buffer.input], nets[new, pdk.buffer.output]) == (2, 4)
    assert nets[1, pdk.buffer.input] == 2  # the standard cell stays on the driver's net
    load = MACROS * library.cells[SHAPE.module].pins["din[0]"].capacitance
    strongest = max(
        cell.pins[pdk.buffer.output].max_capacitance
        for cell in library.cells.values()
        if set(cell.pins) == {pdk.buffer.input, pdk.buffer.output}
        and cell.pins[pdk.buffer.output].function == pdk.buffer.input
    )
    chosen = library.cells[after.instance_masters[new]].pins[pdk.buffer.output].max_capacitance
    assert chosen >= min(2 * load, strongest)
    assert (np.diff(after.pin_instance) >= 0).all()


def test_function_stays(pdk: Pdk, library: Library) -> None:
    """Each instance keeps its pins and functions; only size changes, and buffers come."""
    before = fan_out(pdk)
    after = strengthen(before, library.cells, pdk)
    for old, new in zip(before.instance_masters, after.instance_masters, strict=False):
        assert library.cells[old].sequential == library.cells[new].sequential
        for name, pin in library.cells[old].pins.items():
            assert library.cells[new].pins[name].function == pin.function
    assert not set(pdk.dont_use) & set(after.instance_masters)


def test_light_loads_change_nothing(pdk: Pdk, library: Library) -> None:
    heavy = fan_out(pdk)
    keep = heavy.pin_instance < 2
    light = GateNetlist(
        **{
            **vars(heavy),
            "instance_names": heavy.instance_names[:2],
            "instance_masters": heavy.instance_masters[:2],
            "pin_names": heavy.pin_names[: int(keep.sum())],
            "pin_instance": heavy.pin_instance[keep],
            "pin_net": heavy.pin_net[keep],
            "pin_is_driver": heavy.pin_is_driver[keep],
        }
    )
    after = strengthen(light, library.cells, pdk)
    assert after.instance_masters == light.instance_masters
    assert math.prod(after.pin_net.shape) == int(keep.sum())


def test_taken_names_are_avoided(pdk: Pdk, library: Library, tmp_path: Path) -> None:
    gates = fan_out(pdk)
    named = GateNetlist(**{**vars(gates), "net_names": ("clk", "value_to_macros", "value", "out[0]")})
    assert strengthen(named, library.cells, pdk).net_names[-1] == "value_to_macros_1"
