"""Synthetic netlists have the statistics that were measured on real ones, and can be placed."""

from __future__ import annotations

import numpy as np
import pytest

from placer.baselines.random_legal import random_legal
from placer.legality import is_legal
from placer.netlist import NodeKind
from placer.synthetic import partners, synthetic

CASES = [(hard, seed) for hard in (10, 28) for seed in range(4)]


@pytest.mark.parametrize(("hard", "seed"), CASES)
def test_a_netlist_is_like_real_ones_and_can_be_placed(hard: int, seed: int) -> None:
    netlist, initial = synthetic(hard, seed)
    macros, soft, ports = (netlist.nodes(kind) for kind in (NodeKind.HARD, NodeKind.SOFT, NodeKind.PORT))
    canvas = netlist.canvas
    share = netlist.node_size.prod(1) / (canvas.width * canvas.height)
    assert len(macros) == hard
    assert 0.24 < share[macros].sum() < 0.51
    assert 0.16 < share[soft].sum() < 0.34
    degree = np.diff(netlist.net_start)
    assert degree.min() == 2
    assert 0.5 < (degree == 2).mean() < 0.85
    assert 1.4 < netlist.net_weight.mean() < 3.0
    for first, last in zip(netlist.net_start, netlist.net_start[1:], strict=False):
        nodes = netlist.pin_node[netlist.net_pins[first:last]]
        assert len(np.unique(nodes)) == len(nodes)
    on_macro = netlist.pin_node < hard
    half = netlist.node_size[netlist.pin_node] / 2
    assert (np.abs(netlist.pin_offset) <= half + 1e-9).all()
    np.testing.assert_allclose(np.abs(netlist.pin_offset[on_macro, 0]), half[on_macro, 0])
    at = initial.position[ports]
    assert any(len(np.unique(at[:, axis])) == 1 for axis in range(2))  # on one side
    assert is_legal(netlist, random_legal(netlist, initial, seed))


def test_equal_seeds_give_equal_netlists() -> None:
    (one, first), (same, again), (other, _) = synthetic(12, 5), synthetic(12, 5), synthetic(12, 6)
    np.testing.assert_array_equal(one.pin_node, same.pin_node)
    np.testing.assert_array_equal(first.position, again.position)
    assert len(one.pin_node) != len(other.pin_node)


@pytest.mark.parametrize("exponent", [0.45, 0.65])
def test_terminals_of_blocks_follow_rents_rule(exponent: float) -> None:
    random = np.random.default_rng(0)
    leaves = 1024
    pin = np.repeat(np.arange(leaves), 40)
    to, external = partners(pin, leaves, exponent, random)
    sizes, terminals = 2 ** np.arange(1, 8), []
    for size in sizes:
        leaving = external | (pin // size != to // size)
        terminals.append(leaving.sum() / (leaves / size))
    assert np.polyfit(np.log(sizes), np.log(terminals), 1)[0] == pytest.approx(exponent, abs=0.02)
