"""The portfolio and its searches: legal, reproducible, optimal where enumeration is possible, no tricks with names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from placer.baselines.random_legal import random_legal
from placer.cost import CostModel
from placer.legality import violations
from placer.netlist import Netlist, NodeKind, Placement
from placer.portfolio import WAYS, _choose, place_auto
from placer.search import Budget, Chain, Rules
from tests.placer.test_baselines import small

MOVES = 30_000


def same(a: Placement, b: Placement) -> bool:
    return a.position.tobytes() == b.position.tobytes() and a.orientation.tobytes() == b.orientation.tobytes()


@pytest.mark.parametrize("halo", [0.0, 0.5])
def test_legal_exact_and_reproducible(halo: float) -> None:
    netlist, initial = small(8, 10)
    found, again = (
        place_auto(netlist, initial, seed=3, moves=MOVES, chains=2, rules=Rules(halo)).found for _ in range(2)
    )
    assert same(found.placement, again.placement)
    assert violations(netlist, found.placement, halo) == []
    assert found.cost == CostModel(netlist).evaluate(found.placement).total()
    ports = netlist.nodes(NodeKind.PORT)
    np.testing.assert_array_equal(found.placement.position[ports], initial.position[ports])
    assert found.moves <= 2.1 * MOVES
    best = [p.best for p in found.curve]
    assert best == sorted(best, reverse=True)


def test_a_good_start_is_found_out_and_never_lost() -> None:
    netlist, initial = small(8, 10)
    good = place_auto(netlist, initial, seed=1, moves=2 * MOVES).found
    again = place_auto(netlist, initial, seed=9, moves=2000, starts=[("good", good.placement)])
    assert sum(again.runs.values()) >= len(WAYS)
    assert min(again.race, key=lambda name: again.race[name]) == "good"
    assert again.found.cost <= good.cost


def test_names_do_not_matter() -> None:
    netlist, initial = small(8, 10)
    hidden = replace(
        netlist,
        name="x",
        node_names=tuple(f"a{k}" for k in range(len(netlist.node_names))),
        pin_names=tuple(f"b{k}" for k in range(len(netlist.pin_names))),
    )
    a, b = (place_auto(n, initial, seed=2, moves=MOVES).found.placement for n in (netlist, hidden))
    assert same(a, b)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_keeps_the_best_and_the_rules(way: str) -> None:
    netlist, initial = small(8, 10)
    rules = Rules(halo=0.3, blockages=((0.0, 0.0, 6.0, 6.0),))
    start = random_legal(netlist, initial, 5, 1.0)
    if violations(netlist, start, 0.3, None, rules.blockages):
        pytest.fail("choose a start that is legal")
    chain = Chain(netlist, start, 1, rules)
    before = chain.best
    WAYS[way](chain, Budget(0.0, MOVES), 1.0)
    assert chain.moves >= MOVES
    assert chain.best < before
    assert violations(netlist, chain.best_placement, 0.3, None, rules.blockages) == []
    assert chain.current == CostModel(netlist).evaluate(chain.cost.placement).total()


def test_finds_the_optimum_of_two_macros() -> None:
    """Two macros tied to ports in opposite corners lie there: no legal placement has less wirelength."""
    netlist, initial = two_tied()
    found = place_auto(netlist, initial, seed=0, moves=MOVES, weights=(1.0, 0.0, 0.0)).found
    expected = np.array([[4.0, 3.0], [36.0, 37.0]])  # as far into their corners as they go
    np.testing.assert_allclose(found.placement.position[:2], expected, atol=1e-2)


def two_tied() -> tuple[Netlist, Placement]:
    """Macros of 8 x 6 um on a canvas of 40 um, pins in their middles, ports outside the corners' reach."""
    netlist, initial = small(2, 0)
    wired = replace(
        netlist,
        pin_names=("a", "p", "b", "q"),
        pin_node=np.array([0, 2, 1, 5], np.int32),
        pin_offset=np.zeros((4, 2)),
        net_start=np.array([0, 2, 4], np.int32),
        net_pins=np.arange(4, dtype=np.int32),
        net_weight=np.ones(2),
    )
    return wired, initial


def test_the_bandit_tries_all_and_then_what_pays() -> None:
    gains, runs = dict.fromkeys(WAYS, 0.0), dict.fromkeys(WAYS, 0)
    pay = {"reheat": 1.0, "descent": 0.2}
    for k in range(60):
        way = _choose(gains, runs, k)
        gains[way] += pay.get(way, 0.0)
        runs[way] += 1
    assert min(runs.values()) >= 1
    assert max(runs, key=lambda way: runs[way]) == "reheat"
    assert runs["reheat"] > 30
