"""Buffer insertion: the best of all ways, on trees small enough to try each."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eda_adapters.buffer_insertion import PRICE_NS, Driver, Repeater, Technology, fastest
from eda_adapters.liberty import read_liberty
from eda_adapters.pdk import load_pdk

PDK = load_pdk("nangate45")
NOWHERE = np.zeros((0, 4))


def technology() -> Technology:
    """Nangate45's, with two of its buffers and few places, so that all ways can be tried."""
    whole = Technology.of(PDK, read_liberty(*PDK.corner.liberty).cells)
    chosen = tuple(r for r in whole.repeaters if r.cell in ("BUF_X2", "BUF_X8"))
    return replace(whole, repeaters=chosen, spacing=1e9)  # one step for each edge


def worst_delay(
    tech: Technology, tree: list[tuple[int, int, float]], loads: list[float], driver: Driver, at: dict[int, Repeater]
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
            wire, ohm = tech.capacitance * length, tech.resistance * length * 1e-6
            there, late = there + wire, late + ohm * (wire / 2 + there)
            if k in at:
                gate = at[k].driver
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
    driver = Driver(0.03, random.uniform(0.001, 0.01), 1e9)
    edges = [(p, i, float(np.abs(nodes[p] - nodes[i]).sum())) for i, p in enumerate(parents, 1)]
    delay, _ = fastest(tech, nodes, np.array([edge[:2] for edge in edges]), loads, driver, NOWHERE)
    ways = itertools.product((None, *tech.repeaters), repeat=len(edges))
    delays = (worst_delay(tech, edges, loads.tolist(), driver, {k: r for k, r in enumerate(way) if r}) for way in ways)
    assert delay == pytest.approx(min(delays), rel=1e-9)


def test_a_long_wire_gets_evenly_spaced_repeaters_and_delay_grows_linearly() -> None:
    cells = read_liberty(*PDK.corner.liberty).cells
    tech, driver = Technology.of(PDK, cells), Driver(0.03, 0.003, 60.0)
    delays = []
    for length in (1000.0, 2000.0, 4000.0):
        nodes = np.array([(0.0, 0.0), (length / 2, length / 2)])
        delay, found = fastest(tech, nodes, np.array([(0, 1)]), np.array([0.0, 2.0]), driver, NOWHERE)
        delays.append(delay)
        along = np.sort([sum(one.place) for one in found])
        assert np.diff(along).max() < 3 * tech.spacing
        assert len(found) > length / (3 * tech.spacing)
    assert delays[2] - delays[1] == pytest.approx(2 * (delays[1] - delays[0]), rel=0.1)


def test_no_repeater_lies_in_a_macro() -> None:
    tech = Technology.of(PDK, read_liberty(*PDK.corner.liberty).cells)
    nodes, macro = np.array([(0.0, 0.0), (3000.0, 0.0)]), np.array([(500.0, -10.0, 2500.0, 10.0)])
    _, found = fastest(tech, nodes, np.array([(0, 1)]), np.array([0.0, 2.0]), Driver(0.03, 0.003, 60.0), macro)
    assert found
    assert all(not 500 < one.place[0] < 2500 for one in found)


@pytest.mark.parametrize("name", ["nangate45", pytest.param("osu018", marks=pytest.mark.eda)])
def test_every_technology_has_a_spacing(name: str) -> None:
    """osu018's Liberty has no largest loads; wires without resistance need no repeaters."""
    pdk = load_pdk(name)
    cells = read_liberty(*pdk.corner.liberty).cells
    found = Technology.of(pdk, cells)
    assert 50 < found.spacing < 5000
    assert 0.001 < found.transition < 1
    assert all(r.driver.resistance > 0 and r.driver.delay > 0 for r in found.repeaters)
    ideal = {layer: replace(rc, resistance=0.0) for layer, rc in pdk.layers.items()}
    assert Technology.of(replace(pdk, layers=ideal), cells).spacing == math.inf
