"""Standard cells: strictly legal around macros, deterministic; errors."""

from __future__ import annotations

import numpy as np
import pytest

from eda_adapters.cells import place_cells_globally, place_cells_in_rows, rows_around
from eda_adapters.floorplan import Core, pin_positions
from placer.netlist import Canvas, InputError, Netlist, NodeKind, Orientation, Placement

CORE = Core(x=1.52, y=1.4, columns=400, rows=50, site_width=0.19, row_height=1.4)
MACROS = 2


def design(cells: int, seed: int = 0) -> tuple[Netlist, Placement]:
    """Cells on a line, each connected with its neighbours and some with a macro."""
    random = np.random.default_rng(seed)
    size = np.concatenate([[(20.0, 15.0), (18.0, 22.0)], np.full((cells, 2), 1.4)])
    size[MACROS:, 0] = random.integers(2, 12, cells) * 0.19
    width, height = 400 * 0.19 + 3.04, 50 * 1.4 + 2.8
    nets = [(MACROS + i, MACROS + i + 1) for i in range(cells - 1)]
    nets += [(i % MACROS, MACROS + int(c)) for i, c in enumerate(random.choice(cells, cells // 20, replace=False))]
    node = np.array(nets, np.int32).ravel()
    netlist = Netlist(
        name="line",
        canvas=Canvas(width, height, 8, 8),
        node_names=tuple(f"n{i}" for i in range(len(size))),
        node_kind=np.array([NodeKind.HARD] * MACROS + [NodeKind.CELL] * cells, np.int8),
        node_size=size,
        node_fixed=np.zeros(len(size), bool),
        pin_names=tuple(f"p{i}" for i in range(len(node))),
        pin_node=node,
        pin_offset=np.zeros((len(node), 2)),
        net_start=np.arange(0, len(node) + 1, 2, dtype=np.int32),
        net_pins=np.arange(len(node), dtype=np.int32),
        net_weight=np.ones(len(nets)),
    )
    position = np.full((len(size), 2), 30.0)
    position[:MACROS] = (20.3, 21.7), (58.0, 44.0)
    return netlist, Placement(position, np.zeros(len(size), np.int8))


def place_cells(netlist: Netlist, start: Placement, seed: int = 0) -> Placement:
    return place_cells_in_rows(netlist, place_cells_globally(netlist, start, CORE, seed), CORE, seed)


def test_cells_are_strictly_legal_deterministic_and_seeded() -> None:
    netlist, start = design(900)
    first = place_cells(netlist, start, 1)
    check_legal(netlist, first)
    again = place_cells(netlist, start, 1)
    assert np.array_equal(first.position, again.position)
    other = place_cells(netlist, start, 2)
    assert not np.array_equal(first.position, other.position)
    lengths = [wirelength(netlist, placed) for placed in (first, other)]
    random = np.random.default_rng(0).permutation(len(netlist.node_names) - MACROS) + MACROS
    shuffled = first.position.copy()
    shuffled[MACROS:] = shuffled[random]
    assert lengths[1] == pytest.approx(lengths[0], rel=0.1)
    assert max(lengths) < 0.2 * wirelength(netlist, Placement(shuffled, first.orientation))


def wirelength(netlist: Netlist, placement: Placement) -> float:
    pins = pin_positions(netlist, placement)[netlist.net_pins].reshape(-1, 2, 2)
    return float(np.abs(pins[:, 0] - pins[:, 1]).sum())


def check_legal(netlist: Netlist, placed: Placement) -> None:
    """Pairwise, independently of the checker in the product."""
    position, size = placed.position, netlist.node_size
    low, high = position - size / 2, position + size / 2
    cells = np.arange(MACROS, len(size))
    site = (low[cells, 0] - CORE.x) / CORE.site_width
    row = (low[cells, 1] - CORE.y) / CORE.row_height
    assert np.abs(site - np.round(site)).max() < 1e-6
    assert np.abs(row - np.round(row)).max() < 1e-6
    assert low[cells].min(axis=0) == pytest.approx(low[cells].min(axis=0).clip((CORE.x, CORE.y), None))
    assert (high[cells] <= (CORE.x + 400 * 0.19 + 1e-6, CORE.y + 50 * 1.4 + 1e-6)).all()
    for macro in range(MACROS):
        gap = np.maximum(low[macro] - high[cells], low[cells] - high[macro])
        assert ((gap >= 2.0 - 1e-6).any(axis=1)).all()
    for i in cells:
        gap = np.maximum(low[i] - high[i + 1 :], low[i + 1 :] - high[i])
        assert (gap >= -1e-6).any(axis=1).all()
    turned = placed.orientation[cells]
    assert np.array_equal(np.isin(turned, (Orientation.FS, Orientation.S)), np.round(row) % 2 == 1)


def test_rows_keep_clear_of_macros_and_halos() -> None:
    netlist, placement = design(10)
    rows = rows_around(netlist, placement, CORE, (2.0, 3.0))
    for row, first, last in zip(rows.segment_row, rows.low, rows.high, strict=True):
        y = CORE.y + row * CORE.row_height
        left, right = CORE.x + first * CORE.site_width, CORE.x + last * CORE.site_width
        for macro in range(MACROS):
            (w, h), (x, m) = netlist.node_size[macro] / 2, placement.position[macro]
            beside = left >= x + w + 2.0 - 1e-6 or right <= x - w - 2.0 + 1e-6
            assert beside or y >= m + h + 3.0 - 1e-6 or y + CORE.row_height <= m - h - 3.0 + 1e-6
    assert (rows.high > rows.low).all()


def test_too_many_cells_are_refused_in_words() -> None:
    netlist, placement = design(8000)
    with pytest.raises(InputError, match="do not fit the rows"):
        place_cells_globally(netlist, placement, CORE)
    with pytest.raises(InputError, match="do not fit the rows"):
        place_cells_in_rows(netlist, placement, CORE)
