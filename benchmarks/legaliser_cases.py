"""Random cases for the legaliser that are known to be feasible: a rectangle is sliced, and each slice shrunk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placer.legality import Rect
from placer.netlist import Canvas, Netlist, NodeKind, Placement

GREATEST_UTILISATION = 0.8


@dataclass(frozen=True)
class Case:
    """What is given to ``legalise``; ``solution`` is legal."""

    netlist: Netlist
    placement: Placement
    solution: Placement
    halo: float  # um
    grid: float | None  # um
    blockages: tuple[Rect, ...]
    fences: dict[str, Rect]
    utilisation: float  # macro area / canvas area


def macros_only(size: NDArray[np.float64], width: float, height: float, fixed: NDArray[np.bool_]) -> Netlist:
    """A netlist of hard macros without nets; ``size`` [N, 2] um, ``fixed`` [N], canvas in um."""
    count = len(size)
    return Netlist(
        name="macros",
        canvas=Canvas(width, height, 8, 8),
        node_names=tuple(f"macro{i}" for i in range(count)),
        node_kind=np.full(count, NodeKind.HARD, np.int8),
        node_size=np.asarray(size, np.float64),
        node_fixed=fixed,
        pin_names=(),
        pin_node=np.zeros(0, np.int32),
        pin_offset=np.zeros((0, 2)),
        net_start=np.zeros(1, np.int32),
        net_pins=np.zeros(0, np.int32),
        net_weight=np.zeros(0),
    )


def slices(random: np.random.Generator, count: int, width: float, height: float) -> NDArray[np.float64]:
    """A rectangle cut ``count - 1`` times by random guillotine cuts: lower left and size of each, [count, 4] um."""
    rects = [(0.0, 0.0, width, height)]
    while len(rects) < count:
        area = np.array([w * h for _, _, w, h in rects])
        x, y, w, h = rects.pop(int(random.choice(len(rects), p=area / area.sum())))
        part = random.uniform(0.2, 0.8) if random.random() < 0.7 else 0.5
        if random.random() < w / (w + h):
            rects += [(x, y, w * part, h), (x + w * part, y, w * (1 - part), h)]
        else:
            rects += [(x, y, w, h * part), (x, y + h * part, w, h * (1 - part))]
    return np.array(rects)


def case(seed: int) -> Case:
    """Case number ``seed``: 1 to 100 macros, every other one at 80% utilisation.

    A quarter each have halos, a manufacturing grid, and fixed macros, blockages and fences; the starts are uniform,
    all at one point, near the solution, or far outside.
    """
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 101)) if seed % 4 else int(random.integers(1, 13))
    width, height = random.uniform(100, 2000, 2)
    utilisation = GREATEST_UTILISATION if seed % 2 else random.uniform(0.1, GREATEST_UTILISATION)
    rect = slices(random, count, width, height)
    size = rect[:, 2:] * np.sqrt(utilisation)
    grid = 0.005 if random.random() < 0.25 else None
    if grid is not None:
        size = np.maximum(np.floor(size / grid), 1) * grid
    corner = rect[:, :2] + (rect[:, 2:] - size) / 2
    if grid is not None:
        corner = np.floor(corner / grid) * grid
    slack = float(np.minimum(corner - rect[:, :2], rect[:, :2] + rect[:, 2:] - size - corner).min())
    halo = random.uniform(0, 0.9) * slack if random.random() < 0.25 else 0.0
    solution = corner + size / 2
    fixed = np.zeros(count, np.bool_)
    blockages: list[Rect] = []
    fences: dict[str, Rect] = {}
    if random.random() < 0.25:
        role = random.random(count)
        fixed = role < 0.1
        for i in np.flatnonzero(role > 0.9):
            reach = random.uniform(1.0, 3.0) * size[i]
            low, high = np.maximum(solution[i] - reach, 0), np.minimum(solution[i] + reach, (width, height))
            fences[f"macro{i}"] = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        if count > 3:  # the last slice becomes a blockage
            x, y = corner[-1]
            blockages.append((float(x), float(y), float(x + size[-1, 0]), float(y + size[-1, 1])))
            fences.pop(f"macro{count - 1}", None)
            size, solution, fixed = size[:-1], solution[:-1], fixed[:-1]
    extent = np.array([width, height])
    starts = (
        random.random(size.shape) * extent,
        np.tile(random.random(2) * extent, (len(size), 1)),
        solution + random.normal(0, 0.05, size.shape) * extent,
        random.normal(0.5, 2.0, size.shape) * extent,
    )
    start = np.where(fixed[:, None], solution, starts[int(random.integers(4))])
    still = np.zeros(len(size), np.int8)
    return Case(
        macros_only(size, width, height, fixed),
        Placement(start, still),
        Placement(solution, still),
        halo,
        grid,
        tuple(blockages),
        fences,
        utilisation,
    )
