"""Pictures that a person wants to look at: the placement, and maps of density and congestion, as PNG.

Drawn with matplotlib's object interface on the Agg canvas: no display and no global state.
Dimension letters: R rows and C columns of the canvas's grid.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from placer.netlist import FloatArray, IntArray, Netlist, NodeKind, Placement

HARD_FACE, HARD_EDGE = "#8fb3d9", "#1f3b5c"
FIXED_FACE = "#b9b9b9"
SOFT_FACE = "#e08a3c"
PORT_FACE = "#2c7a3f"
NET_COLOUR = "#7a4fa3"
CORNERS = {0: (-1, -1), 1: (1, -1), 2: (1, 1), 3: (-1, 1)}
"""Where each orientation (N, FN, FS, S) puts the lower left corner of the macro as it was drawn: x and y side."""


def draw_placement(
    path: Path | str,
    netlist: Netlist,
    placement: Placement,
    title: str = "",
    nets: int = 0,
    names: bool = True,
) -> None:
    """Write a picture of a placement.

    Hard macros are blue with their name and a dark corner, the lower left one of orientation N; fixed macros are
    grey; soft macros and standard cells translucent orange; ports green dots; the heaviest nets as stars from their
    drivers.

    Args:
        path: the PNG file; replaced at once.
        netlist, placement: what is drawn.
        title: first line of the heading.
        nets: how many of the nets with the greatest weight times length are drawn.
        names: whether hard macros show the last part of their names where there is room.
    """
    figure, axes = _canvas(netlist, title or netlist.name)
    hard, ports = netlist.nodes(NodeKind.HARD), netlist.nodes(NodeKind.PORT)
    soft = np.concatenate([netlist.nodes(NodeKind.SOFT), netlist.nodes(NodeKind.CELL)])
    _rectangles(axes, netlist, placement, soft, facecolor=SOFT_FACE, edgecolor="none", alpha=0.35)
    still = netlist.node_fixed[hard]
    for nodes, face in ((hard[~still], HARD_FACE), (hard[still], FIXED_FACE)):
        _rectangles(axes, netlist, placement, nodes, facecolor=face, edgecolor=HARD_EDGE, alpha=0.85, linewidth=0.6)
    _corner_marks(axes, netlist, placement, hard)
    if names:
        _names(axes, netlist, placement, hard)
    if nets:
        _nets(axes, netlist, placement, nets)
    axes.plot(*placement.position[ports].T, ".", color=PORT_FACE, markersize=2.5)
    _save(figure, path)


def draw_map(
    path: Path | str,
    netlist: Netlist,
    values: FloatArray,
    title: str,
    unit: str,
    placement: Placement | None = None,
    worst: float = 0.0,
) -> None:
    """Write a picture of a map over the canvas's grid.

    Args:
        path: the PNG file; replaced at once.
        netlist: for the canvas, and the macros' outlines.
        values: [R, C], row 0 at the bottom.
        title: heading.
        unit: label of the colour bar.
        placement: when given, hard macros are outlined.
        worst: the share of the greatest cells to frame, those that the cost counts (0.1 for density).
    """
    figure, axes = _canvas(netlist, title)
    width, height = netlist.canvas.width, netlist.canvas.height
    image = axes.imshow(
        values, origin="lower", extent=(0, width, 0, height), cmap="magma_r", vmin=0, interpolation="nearest"
    )
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label(unit)
    rows, columns = values.shape
    for cell in np.argsort(-values, axis=None)[: int(worst * values.size)]:
        r, c = divmod(int(cell), columns)
        corner = (c * width / columns, r * height / rows)
        axes.add_patch(
            Rectangle(corner, width / columns, height / rows, fill=False, edgecolor="#00a0a0", linewidth=0.8)
        )
    if placement is not None:
        hard = netlist.nodes(NodeKind.HARD)
        _rectangles(axes, netlist, placement, hard, facecolor="none", edgecolor=HARD_EDGE, linewidth=0.5)
    axes.set_title(f"{title}\nmean {values.mean():.3f}, greatest {values.max():.3f}", fontsize=10)
    _save(figure, path)


def _canvas(netlist: Netlist, title: str) -> tuple[Figure, Axes]:
    """An empty figure in the canvas's proportions, axes in um."""
    canvas = netlist.canvas
    ratio = min(max(canvas.height / canvas.width, 0.3), 3.0)
    figure = Figure(figsize=(9.0, 9.0 * ratio + 0.6), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlim(-0.01 * canvas.width, 1.01 * canvas.width)
    axes.set_ylim(-0.01 * canvas.height, 1.01 * canvas.height)
    axes.set_aspect("equal")
    axes.add_patch(Rectangle((0, 0), canvas.width, canvas.height, fill=False, edgecolor="black", linewidth=1.0))
    axes.set_xlabel("x, um")
    axes.set_ylabel("y, um")
    axes.set_title(title, fontsize=10)
    return figure, axes


def _rectangles(axes: Axes, netlist: Netlist, placement: Placement, nodes: IntArray, **style: Any) -> None:
    """Draw nodes as rectangles."""
    patches = []
    for node in nodes:
        w, h = netlist.node_size[node]
        x, y = placement.position[node]
        patches.append(Rectangle((x - w / 2, y - h / 2), w, h))
    axes.add_collection(PatchCollection(patches, **style))


def _corner_marks(axes: Axes, netlist: Netlist, placement: Placement, nodes: IntArray) -> None:
    """A triangle where each macro's lower left corner of orientation N has come to lie."""
    marks = []
    for node in nodes:
        half = netlist.node_size[node] / 2
        side = np.array(CORNERS[int(placement.orientation[node])])
        corner = placement.position[node] + side * half
        leg = 0.25 * half.min() * 2
        marks.append(Polygon([corner, corner - (side[0] * leg, 0), corner - (0, side[1] * leg)]))
    axes.add_collection(PatchCollection(marks, facecolor=HARD_EDGE, edgecolor="none"))


def _names(axes: Axes, netlist: Netlist, placement: Placement, nodes: IntArray) -> None:
    """The last part of each macro's name, as large as fits; what would be too small to read is left out."""
    points_per_um = 9.0 * 0.85 * 72 / netlist.canvas.width
    for node in nodes:
        name = netlist.node_names[node].split("/")[-1][-14:]
        w, h = netlist.node_size[node] * points_per_um
        turn = h > 1.5 * w
        along, across = (h, w) if turn else (w, h)
        points = min(8.0, across / 1.4, along / (0.62 * len(name)))
        if points >= 2.0:
            x, y = placement.position[node]
            axes.text(
                x, y, name, fontsize=points, ha="center", va="center", color="#10202f", rotation=90 if turn else 0
            )


def _nets(axes: Axes, netlist: Netlist, placement: Placement, count: int) -> None:
    """The nets of the greatest weighted half-perimeter as stars from the drivers' nodes."""
    at = placement.position[netlist.pin_node[netlist.net_pins]]
    start = netlist.net_start[:-1].astype(np.int64)
    filled = np.flatnonzero(np.diff(netlist.net_start) > 1)
    span = np.maximum.reduceat(at, start[filled]) - np.minimum.reduceat(at, start[filled])
    chosen = filled[np.argsort(-(netlist.net_weight[filled] * span.sum(1)), kind="stable")[:count]]
    lines = [(at[start[e]], at[k]) for e in chosen for k in range(start[e] + 1, netlist.net_start[e + 1])]
    axes.add_collection(LineCollection(lines, colors=NET_COLOUR, linewidths=0.4, alpha=0.5))


def _save(figure: Figure, path: Path | str) -> None:
    """Write a figure under a temporary name, then move it into place."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    metadata: Mapping[str, str | None] = {"Software": None}
    figure.savefig(partial, format="png", metadata=dict(metadata))
    os.replace(partial, path)
