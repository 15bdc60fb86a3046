"""The baselines: legal, reproducible, never worse than their start, and optimal where enumeration is possible."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from placer.baselines.annealing import Schedule, anneal
from placer.baselines.force_directed import Stage, force_directed
from placer.baselines.greedy_packing import greedy_packing, quadratic_positions
from placer.baselines.random_legal import random_legal
from placer.cost import CostModel
from placer.formats.plc import load_design
from placer.legality import is_legal, violations
from placer.netlist import Canvas, Netlist, NodeKind, Placement
from placer.picture import draw_map, draw_placement
from placer.search import Rules


def small(hard: int, soft: int, seed: int = 0, side: float = 40.0) -> tuple[Netlist, Placement]:
    """Hard macros 8 x 6 um, soft macros 10 x 3 um, four ports in the corners, random two- to four-pin nets."""
    random = np.random.default_rng(seed)
    count = hard + soft + 4
    kind = np.array([NodeKind.HARD] * hard + [NodeKind.SOFT] * soft + [NodeKind.PORT] * 4, np.int8)
    size = np.array([[8.0, 6.0]] * hard + [[10.0, 3.0]] * soft + [[0.0, 0.0]] * 4).reshape(-1, 2)
    nets = [random.choice(count, int(random.integers(2, 5)), replace=False) for _ in range(3 * count)]
    pin_node = np.concatenate(nets).astype(np.int32)
    offset = random.uniform(-2, 2, (len(pin_node), 2)) * (kind[pin_node] == NodeKind.HARD)[:, None]
    start = np.cumsum([0] + [len(net) for net in nets]).astype(np.int32)
    netlist = Netlist(
        name="small",
        canvas=Canvas(side, side, 8, 8, smooth_range=1),
        node_names=tuple(f"n{i}" for i in range(count)),
        node_kind=kind,
        node_size=size,
        node_fixed=kind == NodeKind.PORT,
        pin_names=tuple(f"n{n}/p{i}" for i, n in enumerate(pin_node)),
        pin_node=pin_node,
        pin_offset=offset,
        net_start=start,
        net_pins=np.arange(len(pin_node), dtype=np.int32),
        net_weight=np.ones(len(nets)),
    )
    position = np.full((count, 2), side / 2)
    position[-4:] = [[0, 0], [side, 0], [0, side], [side, side]]
    return netlist, Placement(position, np.zeros(count, np.int8))


@pytest.mark.parametrize("method", [random_legal, greedy_packing])
def test_legal_and_reproducible(method):
    netlist, initial = small(10, 6)
    for halo in (0.0, 0.5):
        placed = method(netlist, initial, 3, halo)
        assert violations(netlist, placed, halo) == []
        again = method(netlist, initial, 3, halo)
        assert again.position.tobytes() == placed.position.tobytes()
        assert again.orientation.tobytes() == placed.orientation.tobytes()
        assert np.array_equal(placed.position[-4:], initial.position[-4:])
    other = random_legal(netlist, initial, 4)
    assert not np.array_equal(other.position, random_legal(netlist, initial, 3).position)


def test_greedy_packing_keeps_the_middle_free():
    netlist, initial = small(8, 2, side=60.0)
    placed = greedy_packing(netlist, initial)
    hard = netlist.nodes(NodeKind.HARD)
    low = placed.position[hard] - netlist.node_size[hard] / 2
    high = 60.0 - placed.position[hard] - netlist.node_size[hard] / 2
    assert np.minimum(low, high).min(1).max() < 1e-4  # every macro touches an edge


def test_quadratic_positions_solve_the_spring_equations():
    """Two ports at 0 and 40 with weights 1 and 3 hold one macro at 30 (Hooke)."""
    netlist, initial = small(1, 0)
    wired = Netlist(
        netlist.name, netlist.canvas, netlist.node_names, netlist.node_kind, netlist.node_size,
        netlist.node_fixed, ("a", "b", "c", "d"), np.array([0, 1, 0, 2], np.int32), np.zeros((4, 2)),
        np.array([0, 2, 4], np.int32), np.arange(4, dtype=np.int32), np.array([1.0, 3.0]),
    )  # fmt: skip
    assert quadratic_positions(wired, initial)[0, 0] == pytest.approx(30.0, rel=1e-3)


def test_force_directed_pulls_along_nets_and_pushes_overlaps_apart():
    netlist, initial = small(4, 8)
    start = random_legal(netlist, initial, 1)
    model = CostModel(netlist)
    pulled = force_directed(netlist, start, [Stage(50, 1.0, 0.0)], from_centre=False)
    assert model.evaluate(pulled).wirelength < model.evaluate(start).wirelength
    pushed = force_directed(netlist, pulled, [Stage(50, 0.0, 1.0)], from_centre=False)
    assert model.evaluate(pushed).density < model.evaluate(pulled).density
    soft = netlist.nodes(NodeKind.SOFT)
    for placed in (pulled, pushed):
        others = np.setdiff1d(np.arange(len(netlist.node_kind)), soft)
        assert np.array_equal(placed.position[others], start.position[others])
        half = netlist.node_size[soft] / 2
        assert (placed.position[soft] >= half - 1e-9).all()
        assert (placed.position[soft] <= 40 - half + 1e-9).all()
    again = force_directed(netlist, start)
    assert again.position.tobytes() == force_directed(netlist, start).position.tobytes()


def test_annealing_is_legal_reproducible_and_never_worse():
    netlist, initial = small(9, 6)
    model = CostModel(netlist)
    for seed in range(4):
        start = random_legal(netlist, initial, seed, halo=0.3)
        rules = {"halo": 0.3, "blockages": [(0.0, 0.0, 1.0, 1.0)], "fences": {"n0": (0.0, 0.0, 39.0, 39.0)}}
        found = [anneal(netlist, start, seed=seed, moves=8000, rules=Rules(**rules)) for _ in range(2)]
        assert found[0].placement.position.tobytes() == found[1].placement.position.tobytes()
        assert is_legal(netlist, found[0].placement, **rules)
        assert found[0].cost == pytest.approx(model.evaluate(found[0].placement).total(), abs=1e-12)
        assert found[0].cost < model.evaluate(start).total()
        assert np.array_equal(found[0].placement.position[-4:], initial.position[-4:])
    hot = Schedule(start=1e3, end=1e3)
    assert anneal(netlist, start, moves=3000, schedule=hot).cost <= model.evaluate(start).total()


def test_annealing_on_a_manufacturing_grid():
    netlist, initial = small(6, 2)
    start = random_legal(netlist, initial, 0)
    found = anneal(netlist, start, moves=4000, rules=Rules(grid=0.005))
    assert is_legal(netlist, found.placement, grid=0.005)


def test_annealing_finds_the_optimum_of_a_tiny_netlist():
    """Two macros of half the canvas's size have four places: all arrangements and orientations are enumerated."""
    netlist, initial = small(4, 0, seed=2)
    size = netlist.node_size.copy()
    size[:4] = 20.0
    netlist = Netlist(**{**vars(netlist), "node_size": size})
    model = CostModel(netlist)
    places = np.array([[10.0, 10.0], [30.0, 10.0], [10.0, 30.0], [30.0, 30.0]])
    best = np.inf
    for order in itertools.permutations(range(4)):
        position = initial.position.copy()
        position[:4] = places[list(order)]
        for turns in itertools.product(range(4), repeat=4):
            turned = initial.orientation.copy()
            turned[:4] = turns
            best = min(best, model.evaluate(Placement(position, turned)).total())
    position = initial.position.copy()
    position[:4] = places
    found = anneal(
        netlist, Placement(position, initial.orientation), seed=1, moves=20_000, schedule=Schedule(1e-2, 1e-4)
    )
    assert found.cost == pytest.approx(best, abs=1e-9)


def test_two_chains_are_no_worse_than_the_first():
    netlist, initial = small(6, 4)
    start = random_legal(netlist, initial, 0)
    one = anneal(netlist, start, seed=5, moves=3000)
    two = anneal(netlist, start, seed=5, moves=3000, chains=2)
    assert two.cost <= one.cost
    assert two.moves == 2 * one.moves


def test_a_time_budget_is_kept_and_progress_reported():
    netlist, initial = small(6, 4)
    seen = []
    result = anneal(netlist, random_legal(netlist, initial, 0), seconds=0.3, callback=seen.append)
    assert seen[-1].best == result.cost
    assert result.curve[-1].seconds < 5.0
    assert result.moves > 0


def test_annealing_improves_a_published_design_within_few_moves(shared):
    folder = shared / "benchmarks" / "ariane133_ng45"
    netlist, initial = load_design(folder / "netlist.pb.txt.gz", folder / "initial.plc")
    start = random_legal(netlist, initial, 1)
    result = anneal(netlist, start, seed=1, moves=20_000, schedule=Schedule(3e-5, 3e-6))
    assert is_legal(netlist, result.placement)
    assert result.cost < 0.8 * CostModel(netlist).evaluate(start).total()


def test_pictures_are_written_whole(tmp_path):
    netlist, initial = small(5, 3)
    placed = random_legal(netlist, initial, 0)
    model = CostModel(netlist)
    draw_placement(tmp_path / "place.png", netlist, placed, nets=5)
    draw_map(tmp_path / "density.png", netlist, model.maps(placed).density, "Density", "share", placed, 0.1)
    for name in ("place.png", "density.png"):
        content = (tmp_path / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert content.endswith(b"IEND\xaeB`\x82")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["density.png", "place.png"]
