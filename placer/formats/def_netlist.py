"""From a DEF design and its LEF library to a netlist and a placement, and a placement's way back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from placer.formats.def_design import DefComponent, DefDesign
from placer.formats.lef import LefLibrary, LefMacro
from placer.formats.orientation import JOIN, SPLIT, turn
from placer.netlist import Canvas, InputError, Netlist, NodeKind, Orientation, Placement

GRID = 32
"""Grid cells along the longer side of the canvas, unless a caller asks for another grid."""


def to_netlist(
    design: DefDesign, library: LefLibrary, grid: tuple[int, int] | None = None
) -> tuple[Netlist, Placement]:
    """A netlist of hard macros (LEF CLASS BLOCK), cells (any other class) and ports (the design's pins).

    The canvas is the die's bounding box, its lower left corner the origin. FIXED and COVER components are fixed,
    as are placed ports. A macro turned by 90 degrees enters with its outline and pins so turned, and
    ``attributes[name]["rotated"] == "W"``; a halo is kept in ``attributes[name]["halo"]`` (left, bottom, right, top
    in um). Unplaced nodes lie at the canvas' centre. Nets of power and ground, and those that connect fewer than two
    pins, are left out. A net's driver is its first output pin or input port, else its first pin.

    Args:
        design: what read_def() gave.
        library: the masters of all components.
        grid: columns and rows of the canvas, by default GRID along the longer side and square cells.

    Raises:
        InputError: a component's master or a net's pin is in no LEF file, or the design has no DIEAREA.
    """
    x0, y0, x1, y1 = design.bounds
    if x1 <= x0 or y1 <= y0:
        raise InputError(f"DEF of {design.name!r}: expected a DIEAREA of positive width and height; add one")
    width, height = x1 - x0, y1 - y0
    columns, rows = grid or [max(1, round(GRID * side / max(width, height))) for side in (width, height)]
    node_of = {component.name: i for i, component in enumerate(design.components)}
    masters = [_master(component, library) for component in design.components]
    rotated = [SPLIT[component.orient][0] for component in design.components]

    kinds = [NodeKind.HARD if master.cls == "BLOCK" else NodeKind.CELL for master in masters]
    sizes = [(m.height, m.width) if turned else (m.width, m.height) for m, turned in zip(masters, rotated, strict=True)]
    position = [(width / 2, height / 2)] * len(masters)
    fixed = []
    attributes: dict[str, dict[str, str]] = {}
    for node, component in enumerate(design.components):
        if component.status != "UNPLACED":
            w, h = sizes[node]
            position[node] = (component.x - x0 + w / 2, component.y - y0 + h / 2)
        fixed.append(component.status in ("FIXED", "COVER"))
        extra = {"master": component.master}
        if rotated[node]:
            extra["rotated"] = "W"
        if component.halo is not None:
            extra["halo"] = " ".join(f"{side:.9g}" for side in component.halo)
        attributes[component.name] = extra
    orientation = [SPLIT[component.orient][1] for component in design.components]

    ports = [pin for pin in design.pins if pin.use not in ("POWER", "GROUND")]
    for pin in ports:
        placed = [port for port in pin.ports if port.status != "UNPLACED"]
        x, y = placed[0].centre if placed else (x0 + width / 2, y0 + height / 2)
        position.append((x - x0, y - y0))
        fixed.append(bool(placed))
    port_node = {pin.name: len(masters) + i for i, pin in enumerate(ports)}
    port_drives = {pin.name: pin.direction == "INPUT" for pin in ports}

    pin_names: list[str] = []
    pin_node: list[int] = []
    pin_offset: list[tuple[float, float]] = []
    net_start, net_pins, net_weight = [0], [], []
    for net in design.nets:
        if net.use in ("POWER", "GROUND"):
            continue
        drivers: list[int] = []
        sinks: list[int] = []
        for component_name, pin_name in net.pins:
            number = len(pin_names)
            if component_name == "PIN":
                if pin_name not in port_node:
                    raise InputError(f"DEF net {net.name!r}: expected a pin of the design, found {pin_name!r}")
                drives = port_drives[pin_name]
                pin_names.append(pin_name)
                pin_node.append(port_node[pin_name])
                pin_offset.append((0.0, 0.0))
            else:
                if component_name not in node_of:
                    raise InputError(f"DEF net {net.name!r}: expected a component, found {component_name!r}")
                node = node_of[component_name]
                shape = masters[node].pins.get(pin_name)
                if shape is None:
                    raise InputError(
                        f"DEF net {net.name!r}: expected a pin of {masters[node].name!r}, found {pin_name!r};"
                        " read the LEF that the design was made with"
                    )
                drives = shape.direction == "OUTPUT"
                pin_names.append(f"{component_name}/{pin_name}")
                pin_node.append(node)
                dx, dy = shape.centre[0] - masters[node].width / 2, shape.centre[1] - masters[node].height / 2
                pin_offset.append(turn(dx, dy, "W") if rotated[node] else (dx, dy))
            (drivers if drives else sinks).append(number)
        if len(drivers) + len(sinks) >= 2:
            net_pins += drivers + sinks
            net_start.append(len(net_pins))
            net_weight.append(1.0 if net.weight is None else net.weight)

    netlist = Netlist(
        name=design.name,
        canvas=Canvas(width, height, columns, rows),
        node_names=(*node_of, *port_node),
        node_kind=np.array(kinds + [NodeKind.PORT] * len(ports), np.int8),
        node_size=np.array(sizes + [(0.0, 0.0)] * len(ports), np.float64).reshape(-1, 2),
        node_fixed=np.array(fixed, np.bool_),
        pin_names=tuple(pin_names),
        pin_node=np.array(pin_node, np.int32),
        pin_offset=np.array(pin_offset, np.float64).reshape(-1, 2),
        net_start=np.array(net_start, np.int32),
        net_pins=np.array(net_pins, np.int32),
        net_weight=np.array(net_weight, np.float64),
        attributes=attributes,
    )
    turned = np.array(orientation + [Orientation.N] * len(ports), np.int8)
    return netlist, Placement(np.array(position, np.float64).reshape(-1, 2), turned)


def with_placement(design: DefDesign, netlist: Netlist, placement: Placement, macros_only: bool = False) -> DefDesign:
    """The design with its components where a placement of to_netlist()'s netlist has them.

    Fixed components keep their status, all others become PLACED. Ports stay where they are, and with ``macros_only``
    all cells do.
    """
    x0, y0, _, _ = design.bounds
    corner = placement.position - netlist.node_size / 2 + (x0, y0)
    node_of = {name: i for i, name in enumerate(netlist.node_names)}
    components = []
    for component in design.components:
        node = node_of.get(component.name)
        if node is None:
            raise InputError(f"placement of {design.name!r}: expected component {component.name!r}, found none")
        if macros_only and netlist.node_kind[node] != NodeKind.HARD:
            components.append(component)
            continue
        turned = "rotated" in netlist.attributes.get(component.name, {})
        components.append(
            replace(
                component,
                x=float(corner[node, 0]),
                y=float(corner[node, 1]),
                orient=JOIN[turned, Orientation(int(placement.orientation[node]))],
                status=component.status if netlist.node_fixed[node] else "PLACED",
            )
        )
    return replace(design, components=tuple(components))


def _master(component: DefComponent, library: LefLibrary) -> LefMacro:
    master = library.macros.get(component.master)
    if master is None:
        raise InputError(
            f"DEF component {component.name!r}: expected its master {component.master!r} in the LEF files;"
            " give the LEF that defines it"
        )
    return master
