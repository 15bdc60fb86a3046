"""Do standard cells lie on sites of the rows, clear of each other and of macros? Checked by painting every site."""

from __future__ import annotations

import numpy as np

from placer.analytical.rows import Rows
from placer.netlist import BoolArray, Netlist, NodeKind, Placement

NEAR = 1e-6
"""Share of a site or row by which a position may differ from it: positions are sums of doubles."""


def row_violations(netlist: Netlist, placement: Placement, rows: Rows) -> list[str]:
    """What is wrong with the movable standard cells of a placement, one line per rule that is broken."""
    cells = netlist.nodes(NodeKind.CELL)
    cells = cells[~netlist.node_fixed[cells]]
    size = netlist.node_size[cells]
    corner = placement.position[cells] - size / 2
    site = (corner[:, 0] - rows.origin) / rows.site
    first = np.round(site).astype(np.int64)
    width = np.maximum(np.ceil(size[:, 0] / rows.site - NEAR), 1).astype(np.int64)
    row = np.searchsorted((rows.bottom[1:] + rows.bottom[:-1]) / 2, corner[:, 1])  # the nearest
    found: list[str] = []

    def note(bad: BoolArray, what: str) -> None:
        if bad.any():
            example = netlist.node_names[cells[np.flatnonzero(bad)[0]]]
            found.append(f"{int(bad.sum())} cells {what}, {example} among them")

    note(np.abs(site - first) > NEAR, "are not on a site")
    note(np.abs(corner[:, 1] - rows.bottom[row]) > NEAR * rows.height, "are not on a row")
    note(size[:, 1] > rows.height * (1 + NEAR), "are higher than a row")
    if found:
        return found
    low, high = int(rows.low.min()), int(rows.high.max())
    note((first < low) | (first + width > high), "are outside of the rows")
    if found:
        return found
    use = np.zeros((len(rows.bottom), high - low + 1), np.int32)  # +1 where something begins, -1 where it ends
    np.add.at(use, (rows.segment_row, rows.low - low), -1)  # sites begin at 1 and rows make them free
    np.add.at(use, (rows.segment_row, rows.high - low), 1)
    fixed_cell = (netlist.node_kind == NodeKind.CELL) & netlist.node_fixed
    for node in np.flatnonzero((netlist.node_kind == NodeKind.HARD) | fixed_cell):
        half = netlist.node_size[node] / 2
        x1, y1 = placement.position[node] - half
        x2, y2 = placement.position[node] + half
        over = (rows.bottom < y2 - NEAR * rows.height) & (rows.bottom + rows.height > y1 + NEAR * rows.height)
        a = int(np.clip(np.floor((x1 - rows.origin) / rows.site + NEAR) - low, 0, high - low))
        b = int(np.clip(np.ceil((x2 - rows.origin) / rows.site - NEAR) - low, 0, high - low))
        use[over, a] += 1
        use[over, b] -= 1
    np.add.at(use, (row, first - low), 1)
    np.add.at(use, (row, first + width - low), -1)
    crowded = np.cumsum(use, axis=1) > 0
    before = np.concatenate([np.zeros((len(use), 1), np.int64), np.cumsum(crowded, axis=1)], axis=1)
    note(before[row, first + width - low] > before[row, first - low], "overlap a cell, a macro or a wall")
    return found
