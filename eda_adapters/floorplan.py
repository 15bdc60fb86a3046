"""From a mapped netlist to the die: its size, its grid, where the ports lie, and the netlist that is placed.

Dimension letters:
    I  instances of the gate netlist: nodes 0 to I - 1, in the gate netlist's order
    Q  ports: nodes I to I + Q - 1
    P  pins: first the gate netlist's pins in its order, then one for each port
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from eda_adapters.gates import GateNetlist
from eda_adapters.technology import Pdk
from placer.formats.lef import LefLayer, LefLibrary, LefSite
from placer.netlist import Canvas, FloatArray, InputError, IntArray, Netlist, NodeKind, Placement

GRID_CELLS = (8, 48)
"""Least and largest number of grid columns and rows."""

MACRO_UTILISATION = 0.75
"""Share of the area set aside for macros that they and their halos fill: above it, few arrangements are left."""


@dataclass(frozen=True)
class Core:
    """The area of the standard-cell rows: whole sites."""

    x: float  # um, left edge
    y: float  # um, lower edge of row 0
    columns: int  # sites in a row
    rows: int
    site_width: float  # um
    row_height: float  # um


def core_of(canvas: Canvas, library: LefLibrary, pdk: Pdk) -> Core:
    """The rows of a canvas, from its lower left corner.

    There is no margin: a macro may lie at the edge of the die, and OpenROAD refuses one that leaves the rows' area.
    """
    site = _site(library, pdk)
    columns = math.floor(canvas.width / site.width + 1e-6)
    rows = math.floor(canvas.height / site.height + 1e-6)
    if columns < 1 or rows < 1:
        raise InputError(f"a die of {canvas.width:g} x {canvas.height:g} um has no room for a row of sites {pdk.site}")
    return Core(0.0, 0.0, columns, rows, site.width, site.height)


def floorplan(
    gates: GateNetlist,
    library: LefLibrary,
    pdk: Pdk,
    utilisation: float = 0.6,
    halo: tuple[float, float] | None = None,
) -> tuple[Netlist, Placement]:
    """A square die for the design, its ports on the edge, everything else at the centre.

    Args:
        gates: the mapped netlist; its masters must be in ``library``.
        library: LEF of the technology, the standard cells and the macros.
        pdk: the technology.
        utilisation: share of the rows outside macros and halos that standard cells fill, above 0 and at most 1.
        halo: um kept free left and right, below and above of each macro (default: the technology's).

    Returns the flat netlist (macros HARD, standard cells CELL, ports PORT and fixed) and the initial placement.
    Nets of fewer than two pins are left out; drivers come first.

    Raises InputError for a master or pin that the LEF files lack, or a utilisation out of range.
    """
    if not 0 < utilisation <= 1:
        raise InputError(f"utilisation is {utilisation:g}: give a share above 0 and at most 1")
    halo_x, halo_y = pdk.macro_halo if halo is None else halo
    size, is_macro = _masters(gates, library)
    canvas = _canvas(size, is_macro, library, pdk, utilisation, halo_x, halo_y, gates)
    instances, ports = len(gates.instance_names), len(gates.port_names)
    position = np.full((instances + ports, 2), (canvas.width / 2, canvas.height / 2))
    position[instances:] = _port_positions(ports, canvas, library, pdk)
    return flat_netlist(gates, library, canvas), Placement(position, np.zeros(instances + ports, np.int8))


def flat_netlist(gates: GateNetlist, library: LefLibrary, canvas: Canvas) -> Netlist:
    """The netlist on a die, as ``floorplan`` has it.

    Raises InputError for a master or pin that the LEF files lack.
    """
    size, is_macro = _masters(gates, library)
    instances, ports = len(gates.instance_names), len(gates.port_names)
    pin_node, pin_offset = _pins(gates, library, size)
    net_start, net_pins = _nets(gates)
    kind = np.full(instances + ports, NodeKind.PORT, np.int8)
    kind[:instances] = np.where(is_macro, NodeKind.HARD, NodeKind.CELL)
    names = gates.instance_names
    return Netlist(
        name=gates.top,
        canvas=canvas,
        node_names=(*names, *gates.port_names),
        node_kind=kind,
        node_size=np.concatenate([size, np.zeros((ports, 2))]),
        node_fixed=kind == NodeKind.PORT,
        pin_names=(
            *(f"{names[i]}/{p}" for i, p in zip(gates.pin_instance.tolist(), gates.pin_names, strict=True)),
            *gates.port_names,
        ),
        pin_node=pin_node,
        pin_offset=pin_offset,
        net_start=net_start,
        net_pins=net_pins,
        net_weight=np.ones(len(net_start) - 1),
    )


def pin_positions(netlist: Netlist, placement: Placement) -> FloatArray:
    """Where each pin lies, in um, shape [P, 2]; offsets are flipped as the node's orientation says."""
    turned = placement.orientation[netlist.pin_node]
    sign = np.stack([np.where((turned == 1) | (turned == 3), -1.0, 1.0), np.where(turned >= 2, -1.0, 1.0)], 1)
    return placement.position[netlist.pin_node] + sign * netlist.pin_offset


def net_numbers(gates: GateNetlist, netlist: Netlist) -> IntArray:
    """The gate netlist's number of each net of the flat netlist made from it, shape [E]."""
    of_pin = np.concatenate([gates.pin_net, gates.port_net])
    return of_pin[netlist.net_pins[netlist.net_start[:-1]]].astype(np.int32)


def _site(library: LefLibrary, pdk: Pdk) -> LefSite:
    if pdk.site in library.sites:
        return library.sites[pdk.site]
    raise InputError(f"{pdk.name}: the LEF files define no site {pdk.site}")


def _masters(gates: GateNetlist, library: LefLibrary) -> tuple[FloatArray, np.ndarray]:
    """Size of each instance in um [I, 2], and whether it is a macro [I]."""
    for name, master in zip(gates.instance_names, gates.instance_masters, strict=True):
        if master not in library.macros:
            raise InputError(f"{gates.top}: instance {name} is a {master}, which no LEF file defines")
    used = [library.macros[master] for master in gates.instance_masters]
    size = np.array([(macro.width, macro.height) for macro in used]).reshape(-1, 2)
    return size, np.array([macro.cls == "BLOCK" for macro in used], bool)


def _pins(gates: GateNetlist, library: LefLibrary, size: FloatArray) -> tuple[IntArray, FloatArray]:
    """Node [P] of each pin and its offset from the node's centre in um [P, 2]."""
    known: dict[tuple[str, str], tuple[float, float]] = {}
    offsets = []
    for instance, pin in zip(gates.pin_instance.tolist(), gates.pin_names, strict=True):
        key = gates.instance_masters[instance], pin
        if key not in known:
            macro = library.macros[key[0]]
            if pin not in macro.pins:
                raise InputError(f"{gates.top}: {key[0]} has no pin {pin} in its LEF")
            x, y = macro.pins[pin].centre
            known[key] = x - macro.width / 2, y - macro.height / 2
        offsets.append(known[key])
    ports = len(gates.port_names)
    node = np.concatenate([gates.pin_instance, len(size) + np.arange(ports)]).astype(np.int32)
    return node, np.array(offsets + [(0.0, 0.0)] * ports).reshape(-1, 2)


def _nets(gates: GateNetlist) -> tuple[IntArray, IntArray]:
    """CSR of the nets with at least two pins, the driver first."""
    of_pin = np.concatenate([gates.pin_net, gates.port_net])
    drives = np.concatenate([gates.pin_is_driver, gates.port_is_input])
    order = np.lexsort((~drives, of_pin))
    order = order[of_pin[order] >= 0]  # below 0: wired to a supply rail
    degree = np.unique(of_pin[order], return_counts=True)[1]
    kept = np.repeat(degree > 1, degree)
    start = np.concatenate([[0], np.cumsum(degree[degree > 1])])
    return start.astype(np.int32), order[kept].astype(np.int32)


def _canvas(
    size: FloatArray,
    is_macro: np.ndarray,
    library: LefLibrary,
    pdk: Pdk,
    utilisation: float,
    halo_x: float,
    halo_y: float,
    gates: GateNetlist,
) -> Canvas:
    site = _site(library, pdk)
    macros = size[is_macro] + 2 * np.array([halo_x, halo_y])
    area = size[~is_macro].prod(axis=1).sum() / utilisation + macros.prod(axis=1).sum() / MACRO_UTILISATION
    least = macros.max(axis=0, initial=0.0)
    side = max(math.sqrt(area), *least, site.width, site.height)
    rows = math.ceil(side / site.height)
    columns = math.ceil(max(area / (rows * site.height), least[0]) / site.width)
    width = round(columns * site.width, 6)
    height = round(rows * site.height, 6)
    # About half a macro for each grid cell, so that the grid can tell neighbouring arrangements apart.
    pitch = np.median(size[is_macro], axis=0) / 2 if is_macro.any() else np.array([width, height]) / 16
    grid = np.clip(np.round(np.array([width, height]) / pitch), *GRID_CELLS).astype(int)
    masters = {gates.instance_masters[i] for i in np.flatnonzero(is_macro)}
    blocked = {layer for master in masters for layer, *_ in library.macros[master].obs}
    tracks = {"HORIZONTAL": [0.0, 0.0], "VERTICAL": [0.0, 0.0]}
    for layer in _routing_layers(library)[1:]:  # the lowest layer belongs to the cells
        if layer.pitch and layer.direction in tracks:
            per_um = 1 / layer.pitch[0 if layer.direction == "VERTICAL" else 1]
            tracks[layer.direction][0] += per_um
            tracks[layer.direction][1] += per_um if layer.name in blocked else 0.0
    (h_all, h_macro), (v_all, v_macro) = tracks["HORIZONTAL"], tracks["VERTICAL"]
    return Canvas(width, height, int(grid[0]), int(grid[1]), h_all, v_all, h_macro, v_macro)


def router_tile(library: LefLibrary) -> float:
    """Side in um of the tiles of OpenROAD's global router: 15 tracks of the third routing layer (``dbBlock.cpp``).

    Raises InputError if the library has no routing layer with a pitch.
    """
    layers = _routing_layers(library)[:3]
    if not layers or layers[-1].pitch is None:
        raise InputError("the technology LEF has no routing layer with a PITCH")
    return 15 * layers[-1].pitch[1 if layers[-1].direction == "HORIZONTAL" else 0]


def _routing_layers(library: LefLibrary) -> list[LefLayer]:
    """The routing layers that have a pitch, from the lowest."""
    return [layer for layer in library.layers.values() if layer.type == "ROUTING" and layer.pitch]


def _port_positions(ports: int, canvas: Canvas, library: LefLibrary, pdk: Pdk) -> FloatArray:
    """Ports in their order up the left edge, as a block's bus has it; around the die if that is too short."""
    pitch = [_track(library, pdk.port_layer_horizontal, 1), _track(library, pdk.port_layer_vertical, 0)]
    left = (np.arange(ports) + 0.5) / max(ports, 1) * canvas.height
    if ports * 2 * pitch[0] <= canvas.height:
        return np.stack([np.zeros(ports), np.round(left / pitch[0]) * pitch[0]], axis=1)
    around = 2 * (canvas.width + canvas.height)
    if ports * 2 * max(pitch) > around:
        raise InputError(f"{ports} ports do not fit around a die of {canvas.width:g} x {canvas.height:g} um")
    at = (np.arange(ports) + 0.5) / ports * around
    position = np.empty((ports, 2))
    for i, s in enumerate(at):
        if s < canvas.height:
            position[i] = 0.0, round(s / pitch[0]) * pitch[0]
        elif s < canvas.height + canvas.width:
            position[i] = round((s - canvas.height) / pitch[1]) * pitch[1], canvas.height
        elif s < 2 * canvas.height + canvas.width:
            from_top = s - canvas.height - canvas.width
            position[i] = canvas.width, round((canvas.height - from_top) / pitch[0]) * pitch[0]
        else:
            position[i] = round((around - s) / pitch[1]) * pitch[1], 0.0
    return position


def _track(library: LefLibrary, layer: str, axis: int) -> float:
    """Pitch of a port layer in um."""
    found = library.layers.get(layer)
    if found is None or found.pitch is None:
        raise InputError(f"the LEF files define no routing layer {layer} with a pitch")
    return found.pitch[axis]
