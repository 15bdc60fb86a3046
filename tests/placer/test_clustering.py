"""Grouping against the four published netlists and against the rule spelt out; partitions' bounds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placer.clustering import group, read_groups
from placer.formats.plc import read_canvas
from placer.formats.protobuf import read_netlist
from placer.netlist import Canvas, InputError, Netlist, NodeKind, Placement
from placer.partitioning import partition

DESIGNS = ("ariane133_ng45", "ariane136_ng45", "mempool_tile_ng45", "nvdla_ng45")


@pytest.mark.parametrize("design", DESIGNS)
def test_published_groups_give_the_published_netlist(shared: Path, design: str) -> None:
    folder = shared / "benchmarks" / design
    canvas = read_canvas(folder / "initial.plc")
    flat, flat_placement = read_netlist(folder / "flat.pb.txt.gz", canvas)
    expected, expected_placement = read_netlist(folder / "netlist.pb.txt.gz", canvas)
    netlist, placement = group(flat, flat_placement, read_groups(folder / "groups.final", flat))
    assert netlist.node_names == expected.node_names
    assert netlist.pin_names == expected.pin_names
    for name in ("node_kind", "node_fixed", "pin_node", "net_start", "net_pins", "net_weight", "node_index"):
        np.testing.assert_array_equal(getattr(netlist, name), getattr(expected, name), err_msg=name)
    np.testing.assert_array_equal(netlist.pin_offset, expected.pin_offset)
    np.testing.assert_array_equal(placement.orientation, expected_placement.orientation)
    # ariane133's published file holds single precision.
    np.testing.assert_allclose(netlist.node_size, expected.node_size, rtol=2e-7, atol=1e-7)
    np.testing.assert_allclose(placement.position, expected_placement.position, rtol=2e-7, atol=1e-6)


@st.composite
def _flat(draw: st.DrawFn) -> tuple[Netlist, Placement, np.ndarray]:
    """A netlist of a macro with pins, ports and cells; each net's driver is its own."""
    cells, ports, macro_pins = draw(st.integers(2, 12)), draw(st.integers(0, 4)), draw(st.integers(0, 4))
    names = [f"p{i}" for i in range(ports)] + ["m"] + [f"c{i}" for i in range(cells)]
    kinds = [NodeKind.PORT] * ports + [NodeKind.HARD] + [NodeKind.CELL] * cells
    pin_node = list(range(ports)) + [ports] * macro_pins + list(range(ports + 1, ports + 1 + cells))
    pin_names = [f"m/{pin}" if node == ports else names[node] for pin, node in enumerate(pin_node)]
    pins = st.integers(0, len(pin_node) - 1)
    nets = draw(st.lists(st.lists(pins, min_size=2, max_size=6, unique=True), max_size=12, unique_by=lambda n: n[0]))
    sizes = [(0.0, 0.0) if k == NodeKind.PORT else draw(st.tuples(*[st.floats(0.5, 4)] * 2)) for k in kinds]
    netlist = Netlist(
        "random", Canvas(100.0, 80.0, 10, 8), tuple(names), np.array(kinds, np.int8), np.array(sizes),
        np.array(kinds) == NodeKind.PORT, tuple(pin_names), np.array(pin_node, np.int32), np.zeros((len(pin_node), 2)),
        np.cumsum([0] + [len(net) for net in nets]).astype(np.int32),
        np.array([pin for net in nets for pin in net], np.int32),
        np.array([draw(st.integers(1, 3)) for _ in nets], np.float64),
    )  # fmt: skip
    where = np.array([draw(st.tuples(st.floats(0, 100), st.floats(0, 80))) for _ in names])
    groups = np.array([draw(st.integers(0, 3)) for _ in names], np.int32)
    return netlist, Placement(where, np.zeros(len(names), np.int8)), groups


@given(_flat())
def test_grouping_follows_the_rule(case: tuple[Netlist, Placement, np.ndarray]) -> None:
    flat, placement, groups = case
    clustered, where = group(flat, placement, groups)
    kind, cells = flat.node_kind, flat.nodes(NodeKind.CELL)

    def name_of(pin: int) -> str:
        node = flat.pin_node[pin]
        return f"Grp_{groups[node]}/Pinput" if kind[node] == NodeKind.CELL else flat.pin_names[pin]

    expected: Counter[tuple[str, frozenset[str], bool]] = Counter()
    singles: Counter[tuple[str, str]] = Counter()
    for net in range(len(flat.net_weight)):
        driver, *sinks = flat.net_pins[flat.net_start[net] : flat.net_start[net + 1]]
        node, weight = flat.pin_node[driver], flat.net_weight[net]
        if kind[node] != NodeKind.CELL:
            expected[flat.pin_names[driver], frozenset(map(name_of, sinks)), False] += weight
            continue
        outside = {name_of(pin) for pin in sinks} - {f"Grp_{groups[node]}/Pinput"}
        if len(outside) > 1:
            expected[f"Grp_{groups[node]}", frozenset(outside), True] += weight
        elif outside:
            singles[f"Grp_{groups[node]}", outside.pop()] += weight
    for (owner, sink), weight in singles.items():
        expected[owner, frozenset([sink]), False] += weight

    found: Counter[tuple[str, frozenset[str], bool]] = Counter()
    for net in range(len(clustered.net_weight)):
        pins = [
            clustered.pin_names[p] for p in clustered.net_pins[clustered.net_start[net] : clustered.net_start[net + 1]]
        ]
        owner = pins[0].split("/")[0] if pins[0].startswith("Grp") else pins[0]
        found[owner, frozenset(pins[1:]), "multi" in pins[0]] += clustered.net_weight[net]
    assert found == expected

    soft = clustered.nodes(NodeKind.SOFT)
    area = flat.node_size.prod(axis=1)
    assert clustered.node_size[soft].prod(axis=1).sum() == pytest.approx(2 * area[cells].sum())
    moment = (clustered.node_size[soft].prod(axis=1)[:, None] * where.position[soft]).sum(axis=0)
    assert moment == pytest.approx(2 * (area[cells, None] * placement.position[cells]).sum(axis=0))
    assert set(clustered.node_size[soft, 0].tolist()) == {10.0}


def _grid(side: int) -> Netlist:
    """A mesh of cells, each driving its right and upper neighbour, with a macro and ports along two edges."""
    cells = side * side
    names = [f"c{i}" for i in range(cells)] + ["m"] + [f"p{i}" for i in range(side)]
    kinds = [NodeKind.CELL] * cells + [NodeKind.HARD] + [NodeKind.PORT] * side
    nets = [
        [i, *([i + 1] if (i + 1) % side else []), *([i + side] if i + side < cells else [])] for i in range(cells - 1)
    ]
    nets += [[cells + 1 + i, i] for i in range(side)]
    nets += [[cells, *(i * side for i in range(side // 4))]]
    return Netlist(
        "grid", Canvas(100.0, 100.0, 10, 10), tuple(names), np.array(kinds, np.int8),
        np.array([(1.0, 1.0)] * cells + [(10.0, 10.0)] + [(0.0, 0.0)] * side), np.array(kinds) == NodeKind.PORT,
        tuple(names), np.arange(len(names), dtype=np.int32), np.zeros((len(names), 2)),
        np.cumsum([0] + [len(net) for net in nets]).astype(np.int32),
        np.array([pin for net in nets for pin in net], np.int32), np.ones(len(nets)),
    )  # fmt: skip


def test_partition_of_a_mesh_is_balanced_local_and_reproducible() -> None:
    flat = _grid(40)
    groups = partition(flat, cells_per_group=100, imbalance=0.1, seed=3)
    np.testing.assert_array_equal(groups, partition(flat, cells_per_group=100, imbalance=0.1, seed=3, threads=2))
    is_cell = flat.node_kind == NodeKind.CELL
    assert (groups[~is_cell] == -1).all()
    sizes = np.bincount(groups[is_cell])
    assert len(sizes) == 16
    assert sizes.max() <= 110
    # 16 squares of 10 x 10 cells cut 2 * 3 * 40 neighbours; the same count of random groups cuts nearly all 3,120.
    pairs = [(i, j) for i in range(1600) for j in (i + 1, i + 40) if j < 1600 and (j != i + 1 or j % 40)]
    cut = sum(groups[i] != groups[j] for i, j in pairs)
    assert cut <= 2 * 240
    # The macro's cells come together, as its group is seeded by it.
    assert len(set(groups[[i * 40 for i in range(10)]].tolist())) <= 2


@settings(max_examples=8, deadline=None)
@given(_flat(), st.floats(1, 20))
def test_any_netlist_can_be_partitioned(case: tuple[Netlist, Placement, np.ndarray], cells_per_group: float) -> None:
    flat, placement, _ = case
    groups = partition(flat, cells_per_group)
    clustered, _ = group(flat, placement, groups)
    assert len(clustered.nodes(NodeKind.SOFT)) <= max(1, round(len(flat.nodes(NodeKind.CELL)) / cells_per_group))


def test_errors(tmp_path: Path) -> None:
    flat = _grid(4)
    placement = Placement(np.zeros((len(flat.node_names), 2)), np.zeros(len(flat.node_names), np.int8))
    with pytest.raises(InputError, match="cell c0: expected a group of 0 or more, found -1"):
        group(flat, placement, np.full(len(flat.node_names), -1, np.int32))
    path = tmp_path / "groups"
    path.write_text("0\n1\n")
    with pytest.raises(InputError, match="expected 22 lines"):
        read_groups(path, flat)
    path.write_text("0\n" * 21 + "one\n")
    with pytest.raises(InputError, match="groups:22: expected a group's number, found 'one'"):
        read_groups(path, flat)
    with pytest.raises(InputError, match="above 0"):
        partition(replace(flat, name="again"), cells_per_group=0)
