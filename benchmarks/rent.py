"""Netlists of any size with a given Rent exponent, for measuring how the placer's time and memory grow.

Cells are the leaves of a binary tree. A block of s cells whose pins' nets leave it at the rate of Rent's rule has
T = t s^p terminals (B. S. Landman, R. L. Russo, "On a pin versus block relationship for partitions of logic graphs",
IEEE Trans. Computers C-20(12), 1971); so the share of pins whose net first closes in a block of 2^l cells falls
by 2^(p-1) from level to level. Each sink pin draws its level from that, and its driver evenly from the sibling block.
"""

from __future__ import annotations

import numpy as np

from placer.formats.bookshelf_lines import Row
from placer.netlist import Canvas, FloatArray, IntArray, Netlist, NodeKind, Placement
from placer.synthetic import partners

SINKS = 3
"""Sink pins of each cell; it has one driver pin beside them."""

HEIGHT, SITE = 1.4, 0.2
"""Of a row and of a site, in um."""


def rent_netlist(
    cells: int, exponent: float = 0.65, seed: int = 0, utilisation: float = 0.7
) -> tuple[Netlist, Placement, tuple[Row, ...]]:
    """A flat netlist of standard cells and ports, the ports around the canvas, and its rows.

    Args:
        cells: number of standard cells.
        exponent: Rent's p, below 1.
        seed: of all that is drawn.
        utilisation: share of the rows that cells cover.
    """
    random = np.random.default_rng(seed)
    driver, external = drivers(cells, exponent, random)
    ports = max(int(external.sum()) // 4, 4)
    width = random.integers(3, 12, cells) * SITE
    side = np.sqrt(width.sum() * HEIGHT / utilisation)
    lines = int(np.ceil(side / HEIGHT))
    sites = int(np.ceil(side / SITE))
    canvas = Canvas(sites * SITE, lines * HEIGHT, 64, 64)

    sink_node = np.repeat(np.arange(cells), SINKS)
    driver[external] = cells + random.integers(0, ports, int(external.sum()))  # a port drives it
    sources, net = np.unique(driver, return_inverse=True)
    order = np.argsort(net, kind="stable")
    fanout = np.bincount(net, minlength=len(sources))
    start = np.concatenate([[0], np.cumsum(fanout + 1)]).astype(np.int32)
    pin_node = np.empty(start[-1], np.int32)
    heads = np.zeros(start[-1], np.bool_)
    heads[start[:-1]] = True
    pin_node[heads], pin_node[~heads] = sources, sink_node[order]

    count = cells + ports
    kind = np.repeat([NodeKind.CELL, NodeKind.PORT], [cells, ports]).astype(np.int8)
    size = np.zeros((count, 2))
    size[:cells] = np.stack([width, np.full(cells, HEIGHT)], 1)
    netlist = Netlist(
        name=f"rent{cells}",
        canvas=canvas,
        node_names=tuple(f"n{i}" for i in range(count)),
        node_kind=kind,
        node_size=size,
        node_fixed=kind == NodeKind.PORT,
        pin_names=tuple(f"p{i}" for i in range(len(pin_node))),
        pin_node=pin_node,
        pin_offset=random.uniform(-0.4, 0.4, (len(pin_node), 2)) * size[pin_node],
        net_start=start,
        net_pins=np.arange(len(pin_node), dtype=np.int32),
        net_weight=np.ones(len(sources)),
    )
    position = np.zeros((count, 2))
    position[cells:] = _around(ports, canvas)
    rows = tuple(Row(i * HEIGHT, HEIGHT, SITE, SITE, "N", "Y", ((0.0, sites),)) for i in range(lines))
    return netlist, Placement(position, np.zeros(count, np.int8)), rows


def drivers(cells: int, exponent: float, random: np.random.Generator) -> tuple[IntArray, np.ndarray]:
    """The driving cell of each sink pin, and whether it is outside instead, [SINKS cells] each."""
    sink = np.repeat(np.arange(cells, dtype=np.int64), SINKS)
    return partners(sink, cells, exponent, random)


def _around(ports: int, canvas: Canvas) -> FloatArray:
    """Ports evenly around the canvas, [ports, 2] um."""
    at = (np.arange(ports) + 0.5) / ports * 4
    edge, along = at.astype(int), at % 1
    x = np.select([edge == 0, edge == 1, edge == 2], [along, np.ones(ports), 1 - along], 0.0)
    y = np.select([edge == 0, edge == 1, edge == 2], [np.zeros(ports), along, np.ones(ports)], 1 - along)
    return np.stack([x * canvas.width, y * canvas.height], 1)
