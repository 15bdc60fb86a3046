"""Flat placement: legal by independent checks, wirelength kept exactly, moves that never lose, against brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.rent import SINKS, drivers, rent_netlist
from placer.analytical.cell_legalisation import legalise_cells
from placer.analytical.detail_moves import best_region, global_swap, reorder
from placer.analytical.detail_rows import shift_rows
from placer.analytical.detail_state import Detail, corners, detail_of, measure
from placer.analytical.flat_placement import place_cells_legally, place_flat
from placer.analytical.macro_legalisation import legalise_macros
from placer.analytical.row_legality import row_violations
from placer.analytical.rows import Rows, rows_of
from placer.analytical.system import half_perimeter
from placer.formats.bookshelf_lines import Row
from placer.legality import violations
from placer.netlist import InputError, Netlist, NodeKind, Placement


def mixed(cells: int, macros: int, seed: int = 0) -> tuple[Netlist, Placement, Rows]:
    """A generated netlist whose first nodes are macros of five rows and 30 sites."""
    netlist, placement, lines = rent_netlist(cells, seed=seed, utilisation=0.5)
    kind, size = netlist.node_kind.copy(), netlist.node_size.copy()
    kind[:macros] = NodeKind.HARD
    size[:macros] = [6.0, 7.0]
    return replace(netlist, node_kind=kind, node_size=size), placement, rows_of(lines)


def scattered(netlist: Netlist, placement: Placement, seed: int) -> Placement:
    """All movable nodes anywhere on the canvas."""
    room = np.array([netlist.canvas.width, netlist.canvas.height]) - netlist.node_size
    drawn = np.random.default_rng(seed).random(netlist.node_size.shape) * room + netlist.node_size / 2
    return replace(placement, position=np.where(netlist.node_fixed[:, None], placement.position, drawn))


def detail(netlist: Netlist, placement: Placement, rows: Rows) -> Detail:
    """Detailed placement's state of a netlist without macros."""
    cells = netlist.nodes(NodeKind.CELL)
    half, width = netlist.node_size[cells] / 2, netlist.node_size[cells, 0]
    segment, x = legalise_cells(rows, placement.position[cells] - half, width)
    position = placement.position.copy()
    corner = np.stack([rows.origin + x * rows.site, rows.bottom[rows.segment_row[segment]]], 1)
    position[cells] = corner + half
    sites = np.ceil(width / rows.site - 1e-6).astype(np.int64)
    return detail_of(netlist, replace(placement, position=position), cells, rows, segment, x, sites)


@pytest.mark.parametrize("exponent", [0.6, 0.7])
def test_generated_netlists_have_their_rent_exponent(exponent):
    """Terminals of blocks, counted, grow as Rent's rule says."""
    cells = 2**14
    driver, external = drivers(cells, exponent, np.random.default_rng(0))
    sink = np.repeat(np.arange(cells), SINKS)
    counts = []
    for level in range(2, 11):
        cut = (driver >> level) != (sink >> level)
        counts.append((cut | external).sum() * 2 / (cells >> level))  # two-pin connections: one end on each side
    slope = np.polyfit(np.arange(2, 11) * np.log(2), np.log(counts), 1)[0]
    assert slope == pytest.approx(exponent, abs=0.02)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
@example(193)  # two corners touch
def test_cells_end_legal_wherever_they_were(seed):
    netlist, placement, rows = mixed(150, 4, seed % 7)
    placed = legalise_macros(netlist, scattered(netlist, placement, seed), rows, seed)
    assert violations(netlist, placed) == []
    lengths: dict[str, float] = {}
    placed = place_cells_legally(netlist, placed, rows, lengths, seed)
    assert row_violations(netlist, placed, rows) == []
    assert half_perimeter(netlist, placed) == pytest.approx(lengths["detailed"], rel=1e-9)
    assert lengths["detailed"] <= lengths["cells legal"]


def test_what_is_not_legal_is_found():
    netlist, placement, rows = mixed(60, 2)
    placed = place_cells_legally(netlist, legalise_macros(netlist, scattered(netlist, placement, 1), rows), rows, {})
    assert row_violations(netlist, placed, rows) == []
    a, b = netlist.nodes(NodeKind.CELL)[:2]
    for node, place, what in (
        (a, placed.position[b] + (netlist.node_size[a, 0] - netlist.node_size[b, 0]) / 2 * np.array([1, 0]), "overlap"),
        (a, placed.position[a] + [0.07, 0], "site"),
        (a, placed.position[a] + [0, 0.3], "row"),
        (a, [-netlist.node_size[a, 0] / 2, placed.position[a, 1]], "outside"),
    ):
        position = placed.position.copy()
        position[node] = place
        assert any(what in line for line in row_violations(netlist, replace(placed, position=position), rows)), what
    macro = netlist.nodes(NodeKind.HARD)[0]
    position = placed.position.copy()
    position[macro] = position[a] + [2.9 - netlist.node_size[a, 0] / 2, 2.8]
    assert any("overlap" in line for line in row_violations(netlist, replace(placed, position=position), rows))


def test_legal_cells_hardly_move():
    netlist, placement, rows = mixed(120, 0)
    state = detail(netlist, scattered(netlist, placement, 3), rows)
    width = netlist.node_size[netlist.nodes(NodeKind.CELL), 0]
    segment, x = legalise_cells(rows, corners(state), width)
    assert np.array_equal(rows.segment_row[segment], state.row)
    assert np.array_equal(x, state.x)


def test_too_many_cells_are_refused():
    _, placement, _ = mixed(100, 0)
    with pytest.raises(InputError, match="do not fit"):
        legalise_cells(
            rows_of((Row(0.0, 1.4, 0.2, 0.2, "N", "Y", ((0.0, 50),)),)), placement.position, np.full(100, 1.0)
        )


@pytest.mark.parametrize("seed", range(3))
def test_each_move_gains_what_it_says(seed):
    netlist, placement, rows = mixed(200, 0, seed)
    state = detail(netlist, scattered(netlist, placement, seed), rows)
    for move in ("swap", "reorder", "shift"):
        before = measure(state)
        order = np.lexsort((state.x, state.row))
        if move == "swap":
            gain = global_swap(state, np.random.default_rng(seed).permutation(len(state.x)), 30, 2)
        else:
            gain = reorder(state, order) if move == "reorder" else shift_rows(state, order)
        assert gain > 0
        assert measure(state) == pytest.approx(before - gain, rel=1e-9)


def test_the_best_region_is_best():
    """No place of a grid of places is better than one in the region."""
    netlist, placement, rows = mixed(80, 0, 5)
    where = scattered(netlist, placement, 5)
    state = detail(netlist, where, rows)
    position = where.position.copy()
    cells = netlist.nodes(NodeKind.CELL)
    position[cells] = corners(state) + netlist.node_size[cells] / 2
    values = np.empty((2, 200))
    for cell in range(0, 80, 5):
        nets = state.net_of[state.cell_pins[state.cell_first[cell] : state.cell_first[cell + 1]]]
        if len(np.unique(nets)) < len(nets):
            continue  # two of its pins on one net: the region takes one as fixed
        x1, x2, y1, y2 = best_region(state, cell, values)
        half = netlist.node_size[cells[cell]] / 2

        def length(x: float, y: float, cell: int = cell, half: np.ndarray = half) -> float:
            moved = position.copy()
            moved[cells[cell]] = half + np.array([x, y])
            return half_perimeter(netlist, replace(where, position=moved))

        best = length((x1 + x2) / 2, (y1 + y2) / 2)
        width, height = netlist.canvas.width, netlist.canvas.height
        for x in np.linspace(0, width, 8):
            for y in np.linspace(0, height, 8):
                assert length(x, y) >= best - 1e-9


def test_flat_placement_beats_its_own_scatter():
    netlist, placement, rows = mixed(300, 4)
    found = place_flat(netlist, placement, rows)
    assert violations(netlist, found.placement) == []
    assert row_violations(netlist, found.placement, rows) == []
    assert found.lengths["detailed"] < 0.6 * half_perimeter(netlist, scattered(netlist, placement, 0))
