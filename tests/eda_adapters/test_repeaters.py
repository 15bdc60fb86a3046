"""Repeaters: the best of all ways to place them, on trees small enough to try each; functions stay; errors."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eda_adapters import repeaters
from eda_adapters.gates import Buffering, GateNetlist, with_buffers
from eda_adapters.liberty import read_liberty
from eda_adapters.pdk import load_pdk
from eda_adapters.repeaters import PRICE_NS, Gate, Repeater, Technology, fastest, read_repeaters, write_repeaters
from placer.netlist import InputError

PDK = load_pdk("nangate45")
NOWHERE = np.zeros((0, 4))


def technology() -> Technology:
    """Nangate45's, with two of its buffers and few places, so that all ways can be tried."""
    whole = Technology.of(PDK, read_liberty(*PDK.corner.liberty).cells)
    chosen = tuple(r for r in whole.repeaters if r.cell in ("BUF_X2", "BUF_X8"))
    return Technology(chosen, whole.ohm, whole.farad, 1e9)  # one step for each edge


def worst_delay(
    tech: Technology, tree: list[tuple[int, int, float]], loads: list[float], driver: Gate, at: dict[int, Repeater]
) -> float:
    """The slowest sink's delay and the repeaters' prices on its way, gate by gate; ``at`` by edge, at its upper end."""

    def below(node: int) -> tuple[float, float]:
        load, delay = (
            (loads[node], 0.0) if node and node < len(loads) else (0.0, 0.0 if node < len(loads) else -math.inf)
        )
        for k, (upper, lower, length) in enumerate(tree):
            if upper != node:
                continue
            there, late = below(lower)
            wire, ohm = tech.farad * length, tech.ohm * length * 1e-6
            there, late = there + wire, late + ohm * (wire / 2 + there)
            if k in at:
                gate = at[k].gate
                if there > gate.most:
                    return math.inf, math.inf
                there, late = at[k].load, late + gate.delay + gate.resistance * there + PRICE_NS
            load, delay = load + there, max(delay, late)
        return load, delay

    load, delay = below(0)
    return math.inf if load > driver.most else delay + driver.delay + driver.resistance * load


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_no_other_choice_is_faster(seed: int) -> None:
    random, tech = np.random.default_rng(seed), technology()
    pins = int(random.integers(2, 5))
    nodes = random.uniform(0, 1500, (pins + int(random.integers(0, 2)), 2))
    parents = [int(random.integers(0, i)) for i in range(1, len(nodes))]
    leaves = {i for i in range(pins, len(nodes)) if i not in parents}
    nodes = np.delete(nodes, sorted(leaves), axis=0)  # a Steiner point has something behind it
    parents = [p for i, p in enumerate(parents, 1) if i not in leaves]
    loads = random.uniform(1, 60, pins)
    driver = Gate(0.03, random.uniform(0.001, 0.01), 1e9)
    edges = [(p, i, float(np.abs(nodes[p] - nodes[i]).sum())) for i, p in enumerate(parents, 1)]
    found = fastest(tech, nodes, np.array([edge[:2] for edge in edges]), loads, driver, NOWHERE)
    ways = itertools.product((None, *tech.repeaters), repeat=len(edges))
    delays = (worst_delay(tech, edges, loads.tolist(), driver, {k: r for k, r in enumerate(way) if r}) for way in ways)
    assert found.delay == pytest.approx(min(delays), rel=1e-9)


def test_a_long_wire_gets_evenly_spaced_repeaters_and_delay_grows_linearly() -> None:
    cells = read_liberty(*PDK.corner.liberty).cells
    tech, driver = Technology.of(PDK, cells), Gate(0.03, 0.003, 60.0)
    delays = []
    for length in (1000.0, 2000.0, 4000.0):
        nodes = np.array([(0.0, 0.0), (length / 2, length / 2)])
        option = fastest(tech, nodes, np.array([(0, 1)]), np.array([0.0, 2.0]), driver, NOWHERE)
        found: list[Buffering] = []
        places: list[tuple[float, float]] = []
        repeaters._collect(option, 0, [0, 1], 2, found, places)
        delays.append(option.delay)
        along = np.sort(np.array(places).sum(axis=1))
        assert np.diff(along).max() < 3 * tech.spacing
        assert len(found) > length / (3 * tech.spacing)
    assert delays[2] - delays[1] == pytest.approx(2 * (delays[1] - delays[0]), rel=0.1)


def test_no_repeater_lies_in_a_macro() -> None:
    tech = Technology.of(PDK, read_liberty(*PDK.corner.liberty).cells)
    nodes, macro = np.array([(0.0, 0.0), (3000.0, 0.0)]), np.array([(500.0, -10.0, 2500.0, 10.0)])
    option = fastest(tech, nodes, np.array([(0, 1)]), np.array([0.0, 2.0]), Gate(0.03, 0.003, 60.0), macro)
    found: list[Buffering] = []
    places: list[tuple[float, float]] = []
    repeaters._collect(option, 0, [0, 1], 2, found, places)
    assert places
    assert all(not 500 < x < 2500 for x, _ in places)


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
    chain = [Buffering(1, "BUF_X2", ports=(1,)), Buffering(1, "BUF_X4", sinks=(2,), buffers=(0,))]
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
    some = [Buffering(1, "BUF_X2", ports=(1,)), Buffering(1, "BUF_X4", sinks=(2,), buffers=(0,))]
    write_repeaters(path, some)
    assert [asdict(one) for one in read_repeaters(path)] == [asdict(one) for one in some]
    for wrong in ("", "1", '[{"net": 1}]', "[1]"):
        path.write_text(wrong)
        with pytest.raises(InputError, match=r"repeaters.json: no repeaters can be read"):
            read_repeaters(path)
