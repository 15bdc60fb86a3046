"""Rows of sites, cut where macros lie: where standard cells may go.

Dimension letters: R rows, G segments (pieces of rows without an obstacle), C movable cells. Lengths along rows are
whole sites from the rows' common origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placer.formats.bookshelf_lines import Row
from placer.netlist import BoolArray, FloatArray, InputError

Int64Array = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Rows of equal height and their segments, sorted by row, then from left to right."""

    origin: float  # um, x of site 0
    site: float  # um, width of a site
    height: float  # um
    bottom: FloatArray  # [R] um, lower edges, rising
    flipped: BoolArray  # [R] whether cells lie there upside down (FS or S)
    segment_row: Int64Array  # [G]
    low: Int64Array  # [G] first site
    high: Int64Array  # [G] site after the last
    first: Int64Array  # [R + 1] number of each row's first segment

    def without(self, boxes: FloatArray) -> Rows:
        """The rows without the sites that boxes touch; ``boxes`` is [K, 4] um: x1, y1, x2, y2."""
        taken: list[list[tuple[int, int]]] = [[] for _ in self.bottom]
        slack = 1e-6
        begin = np.searchsorted(self.bottom + self.height - slack * self.height, boxes[:, 1], side="right")
        end = np.searchsorted(self.bottom + slack * self.height, boxes[:, 3], side="left")
        left = np.floor((boxes[:, 0] - self.origin) / self.site + slack).astype(np.int64)
        right = np.ceil((boxes[:, 2] - self.origin) / self.site - slack).astype(np.int64)
        for k in range(len(boxes)):
            for row in range(int(begin[k]), int(end[k])):
                taken[row].append((int(left[k]), int(right[k])))
        pieces: list[tuple[int, int, int]] = []
        for row, low, high in zip(self.segment_row.tolist(), self.low.tolist(), self.high.tolist(), strict=True):
            at = low
            for x1, x2 in sorted(taken[row]):
                if x1 > at:
                    pieces.append((row, at, min(x1, high)))
                at = max(at, x2)
            if at < high:
                pieces.append((row, at, high))
        return _rows(self.origin, self.site, self.height, self.bottom, self.flipped, [p for p in pieces if p[2] > p[1]])


def rows_of(rows: Sequence[Row], origin: tuple[float, float] = (0.0, 0.0)) -> Rows:
    """Rows as a file has them, in the canvas's coordinates.

    Args:
        rows: of the file.
        origin: the canvas's lower left corner in the file's coordinates.

    Raises:
        InputError: there are none, or they differ in height, in sites or in their sites' phase.
    """
    if not rows:
        raise InputError("expected rows to place standard cells in; the design has none")
    height, site = rows[0].height, rows[0].site_spacing or rows[0].site_width
    if any(row.height != height or (row.site_spacing or row.site_width) != site for row in rows):
        raise InputError("expected rows of one height and one width of sites")
    start = min(x for row in rows for x, _ in row.subrows)
    bottom = np.unique([row.y - origin[1] for row in rows])
    pieces = []
    for row in rows:
        for x, sites in row.subrows:
            low = round((x - start) / site)
            if abs(low * site + start - x) > 1e-6 * site:
                raise InputError(f"expected the row at y = {row.y:g} to begin on a site of the others")
            pieces.append((int(np.searchsorted(bottom, row.y - origin[1])), low, low + sites))
    down = {row.y - origin[1] for row in rows if row.orient in ("FS", "S")}
    flipped = np.array([y in down for y in bottom.tolist()])
    return _rows(start - origin[0], site, height, bottom, flipped, sorted(pieces))


def _rows(
    origin: float,
    site: float,
    height: float,
    bottom: FloatArray,
    flipped: BoolArray,
    pieces: list[tuple[int, int, int]],
) -> Rows:
    table = np.array(pieces, np.int64).reshape(-1, 3)
    first = np.searchsorted(table[:, 0], np.arange(len(bottom) + 1))
    return Rows(
        origin, site, height, bottom, flipped, table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy(), first
    )
