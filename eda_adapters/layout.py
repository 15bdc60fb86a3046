"""A finished layout as DEF, for other tools, and as a picture, for people."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eda_adapters.floorplan import Core
from eda_adapters.gates import GateNetlist
from eda_adapters.steiner import SteinerTrees
from eda_adapters.technology import Pdk
from placer.formats.def_ import write_def
from placer.formats.def_design import DefComponent, DefDesign, DefNet, DefPin, DefPort, DefRow, DefTracks
from placer.formats.lef import LefLibrary
from placer.netlist import IntArray, Netlist, NodeKind, Orientation, Placement

_PORT_LENGTH = 5  # of a port's shape, in widths


def write_layout(
    path: Path,
    gates: GateNetlist,
    netlist: Netlist,
    placement: Placement,
    core: Core,
    library: LefLibrary,
    pdk: Pdk,
) -> None:
    """Write rows, tracks, macros, cells, ports with their shapes, and nets as a DEF file."""
    width, height = netlist.canvas.width, netlist.canvas.height
    rows = tuple(
        DefRow(
            name=f"ROW_{row}",
            site=pdk.site,
            x=core.x,
            y=core.y + row * core.row_height,
            orient="FS" if row % 2 else "N",
            columns=core.columns,
            step_x=core.site_width,
        )
        for row in range(core.rows)
    )
    corner = placement.position - netlist.node_size / 2
    components = tuple(
        DefComponent(
            name=name,
            master=gates.instance_masters[i],
            x=float(corner[i, 0]),
            y=float(corner[i, 1]),
            orient=Orientation(int(placement.orientation[i])).name,
            status="FIXED" if netlist.node_kind[i] == NodeKind.HARD else "PLACED",
        )
        for i, name in enumerate(gates.instance_names)
    )
    ports = placement.position[len(gates.instance_names) :]
    pins = tuple(
        DefPin(
            name=name,
            net=gates.net_names[gates.port_net[q]] if gates.port_net[q] >= 0 else name,
            direction="INPUT" if gates.port_is_input[q] else "OUTPUT",
            use="SIGNAL",
            ports=(_port(float(ports[q, 0]), float(ports[q, 1]), width, height, library, pdk),),
        )
        for q, name in enumerate(gates.port_names)
    )
    design = DefDesign(
        name=gates.top,
        dbu=pdk.dbu_per_micron,
        die=((0.0, 0.0), (width, height)),
        rows=rows,
        tracks=_tracks(library, width, height),
        components=components,
        pins=pins,
        nets=_nets(gates),
    )
    partial = path.with_name("partial_" + path.name)
    write_def(partial, design)
    os.replace(partial, path)


def _port(x: float, y: float, width: float, height: float, library: LefLibrary, pdk: Pdk) -> DefPort:
    layer, box = port_box(x, y, width, height, library, pdk)
    return DefPort(rects=((layer, *box),), x=x, y=y, orient="N", status="FIXED")


def port_box(
    x: float, y: float, width: float, height: float, library: LefLibrary, pdk: Pdk
) -> tuple[str, tuple[float, float, float, float]]:
    """The shape of a port at (x, y): a stub from the edge of the die (width x height) inwards.

    Returns its layer and its box x1, y1, x2, y2 relative to (x, y). All in um.
    """
    beside = x <= 0 or x >= width
    layer = pdk.port_layer_horizontal if beside else pdk.port_layer_vertical
    half = (library.layers[layer].width or 0.0) / 2
    length = 2 * half * _PORT_LENGTH
    if beside:
        return layer, (0.0, -half, length, half) if x <= 0 else (-length, -half, 0.0, half)
    return layer, (-half, 0.0, half, length) if y <= 0 else (-half, -length, half, 0.0)


def _tracks(library: LefLibrary, width: float, height: float) -> tuple[DefTracks, ...]:
    """Tracks of each routing layer in both directions, from the LEF's pitch and offset."""
    tracks = []
    for layer in library.layers.values():
        if layer.type != "ROUTING" or layer.pitch is None:
            continue
        offset = layer.offset or (layer.pitch[0] / 2, layer.pitch[1] / 2)
        for axis, extent, step, start in zip("XY", (width, height), layer.pitch, offset, strict=True):
            count = math.floor((extent - start) / step + 1e-6) + 1
            if count > 0:
                tracks.append(DefTracks(axis, start, count, step, (layer.name,)))
    return tuple(tracks)


def _nets(gates: GateNetlist) -> tuple[DefNet, ...]:
    pins: list[list[tuple[str, str]]] = [[] for _ in gates.net_names]
    for q, net in enumerate(gates.port_net.tolist()):
        if net >= 0:
            pins[net].append(("PIN", gates.port_names[q]))
    for instance, pin, net in zip(gates.pin_instance.tolist(), gates.pin_names, gates.pin_net.tolist(), strict=True):
        if net >= 0:
            pins[net].append((gates.instance_names[instance], pin))
    return tuple(DefNet(name, tuple(pins[net]), use="SIGNAL") for net, name in enumerate(gates.net_names))


def write_picture(
    path: Path,
    gates: GateNetlist,
    netlist: Netlist,
    placement: Placement,
    core: Core,
    trees: SteinerTrees,
    net: IntArray,
    path_pins: Sequence[str],
    min_period: float,
) -> None:
    """Draw macros with their names, the cells' density, ports, and the nets of the worst path, as PNG.

    Args:
        path: the file.
        gates, netlist, placement, core: the layout.
        trees: of the netlist's nets; ``net`` [E] gives their number in ``gates``.
        path_pins: "instance/pin" of the worst path, from launch to capture; those that ``gates`` lacks are left out.
        min_period: ns, for the title.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = netlist.canvas.width, netlist.canvas.height
    figure = Figure(figsize=(9.6, 9.6 * height / width * 0.9 + 0.9), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_density(figure, axes, netlist, placement)
    _draw_macros(axes, netlist, placement)
    inputs = np.array([placement.position[len(gates.instance_names) + q] for q in np.flatnonzero(gates.port_is_input)])
    outputs = np.array(
        [placement.position[len(gates.instance_names) + q] for q in np.flatnonzero(~gates.port_is_input)]
    )
    for at, colour, label in ((inputs, "#1b9e77", "input ports"), (outputs, "#7570b3", "output ports")):
        if len(at):
            axes.scatter(at[:, 0], at[:, 1], s=9, color=colour, marker="s", label=label, zorder=6, clip_on=False)
    if len(path_pins):
        _draw_path(axes, gates, trees, net, path_pins, netlist, placement)
    axes.set_xlim(-0.01 * width, 1.01 * width)
    axes.set_ylim(-0.01 * height, 1.01 * height)
    axes.set_aspect("equal")
    axes.set_xlabel("µm")
    axes.set_ylabel("µm")
    axes.set_title(
        f"{gates.top}: {width:.0f} x {height:.0f} µm, {len(netlist.nodes(NodeKind.CELL))} cells,"
        f" {len(netlist.nodes(NodeKind.HARD))} macros, shortest period {min_period:.3f} ns",
        fontsize=11,
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncol=4, frameon=False, fontsize=9)
    partial = path.with_name("partial_" + path.name)
    figure.savefig(partial)
    os.replace(partial, path)


def _draw_density(figure: Any, axes: Any, netlist: Netlist, placement: Placement) -> None:
    """Share of the area that standard cells cover, in bins of about 1/80 of the die."""
    cells = netlist.nodes(NodeKind.CELL)
    if not len(cells):
        return
    width, height = netlist.canvas.width, netlist.canvas.height
    bins = [max(8, round(80 * side / max(width, height))) for side in (width, height)]
    area, x_edges, y_edges = np.histogram2d(
        placement.position[cells, 0],
        placement.position[cells, 1],
        bins=bins,
        range=[[0, width], [0, height]],
        weights=netlist.node_size[cells].prod(axis=1),
    )
    share = area / ((x_edges[1] - x_edges[0]) * (y_edges[1] - y_edges[0]))
    image = axes.imshow(
        share.T, origin="lower", extent=(0, width, 0, height), cmap="YlOrBr", vmin=0, vmax=1, interpolation="nearest"
    )
    figure.colorbar(image, ax=axes, label="area covered by standard cells", shrink=0.75, pad=0.015)


def _draw_macros(axes: Any, netlist: Netlist, placement: Placement) -> None:
    """Macros as boxes with short names; a cut corner shows where the macro's own lower left corner is."""
    from matplotlib.patches import Polygon, Rectangle

    hard = netlist.nodes(NodeKind.HARD)
    names = _short_names([netlist.node_names[node] for node in hard])
    for node, name in zip(hard, names, strict=True):
        (w, h), (x, y) = netlist.node_size[node], placement.position[node]
        axes.add_patch(
            Rectangle((x - w / 2, y - h / 2), w, h, facecolor="#9db8d2", edgecolor="#2f4b66", lw=1, zorder=2)
        )
        turned = Orientation(int(placement.orientation[node]))
        sx = 1 if turned in (Orientation.FN, Orientation.S) else -1
        sy = 1 if turned in (Orientation.FS, Orientation.S) else -1
        cut = 0.18 * min(w, h)
        at = np.array([x + sx * w / 2, y + sy * h / 2])
        axes.add_patch(
            Polygon([at, at - (sx * cut, 0), at - (0, sy * cut)], facecolor="#2f4b66", edgecolor="none", zorder=3)
        )
        longest = max(map(len, name.split("\n")))
        size = min(9.0, 900 * w / netlist.canvas.width / max(longest, 8))
        if size >= 3:
            axes.text(x, y, name, ha="center", va="center", fontsize=size, color="#10202f", zorder=4, clip_on=True)


def _short_names(names: list[str]) -> list[str]:
    """Instance names without the levels that all share at either end, a line for each level (``__`` between them)."""
    levels = [re.split(r"__+", name) for name in names]
    while min(map(len, levels), default=0) > 1 and len({level[0] for level in levels}) == 1:
        levels = [level[1:] for level in levels]
    while min(map(len, levels), default=0) > 1 and len({level[-1] for level in levels}) == 1:
        levels = [level[:-1] for level in levels]
    words = [level[0].split("_") for level in levels]
    while min(map(len, words), default=0) > 1 and len({word[0] for word in words}) == 1:
        words = [word[1:] for word in words]
    return ["\n".join(["_".join(word), *level[1:]]) for word, level in zip(words, levels, strict=True)]


def _draw_path(
    axes: Any,
    gates: GateNetlist,
    trees: SteinerTrees,
    net: IntArray,
    path_pins: Sequence[str],
    netlist: Netlist,
    placement: Placement,
) -> None:
    """The nets that the worst path runs through, and its first and last cell."""
    from matplotlib.collections import LineCollection

    node_of = {name: i for i, name in enumerate(gates.instance_names)}
    start = gates.pin_start
    used = set()
    for text in path_pins:
        name, _, pin = text.rpartition("/")
        if name in node_of:
            i = node_of[name]
            for p in range(start[i], start[i + 1]):
                if gates.pin_names[p] == pin and gates.pin_is_driver[p]:
                    used.add(int(gates.pin_net[p]))
    lines = []
    ends = trees.edge_ends()
    for e in np.flatnonzero(np.isin(net, list(used))):
        for a, b in trees.position[ends[trees.edge_start[e] : trees.edge_start[e + 1]]]:
            lines.append([a, (b[0], a[1]), b])
    axes.add_collection(
        LineCollection(lines, colors="#d7191c", linewidths=1.3, zorder=7, label="nets of the worst path")
    )
    known = [node_of[name] for name in (text.rpartition("/")[0] for text in path_pins) if name in node_of]
    at = placement.position[[*known[:1], *known[-1:]]]
    axes.scatter(
        at[:, 0], at[:, 1], s=28, color="#d7191c", edgecolor="white", zorder=8, label="its first and last cell"
    )
