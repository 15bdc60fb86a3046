"""Repeaters on long wires, as a router's flow puts them there, between global placement and legalisation."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from eda_adapters.buffer_insertion import Driver, Technology, driver_of, fastest
from eda_adapters.floorplan import flat_netlist, pin_positions
from eda_adapters.gates import GateNetlist, InsertedBuffer, liberty_pins, with_buffers
from eda_adapters.liberty import LibertyCell
from eda_adapters.pdk import Pdk
from eda_adapters.steiner import steiner_trees
from placer.formats.lef import LefLibrary
from placer.netlist import FloatArray, InputError, Netlist, NodeKind, Placement


@dataclass(frozen=True)
class Repeated:
    """A placed design with its repeaters, which come behind its other instances and before its ports."""

    buffers: list[InsertedBuffer]
    gates: GateNetlist
    netlist: Netlist
    placement: Placement  # of all nodes of ``netlist``

    def without(self, placement: Placement) -> Placement:
        """A placement of ``netlist``, without the repeaters."""
        end = len(self.gates.instance_names)
        added = slice(end - len(self.buffers), end)
        return Placement(np.delete(placement.position, added, 0), np.delete(placement.orientation, added))


def repeat_long_wires(
    gates: GateNetlist,
    netlist: Netlist,
    placement: Placement,
    library: LefLibrary,
    cells: Mapping[str, LibertyCell],
    pdk: Pdk,
    clock: str,
) -> Repeated:
    """A global placement with repeaters on its long nets; outside of macros, but not legal.

    Args:
        gates: the mapped netlist, and ``netlist``, made from it by ``floorplan()``.
        placement: of all nodes.
        library: LEF of the cells and macros, and ``cells``, their Liberty.
        pdk: the technology.
        clock: the port of the clock, whose net is left alone.
    """
    buffers, places = _chosen(gates, netlist, placement, cells, pdk, clock)
    after, instances = repeated(gates, buffers, pdk), len(gates.instance_names)
    position = np.concatenate([placement.position[:instances], places, placement.position[instances:]])
    orientation = np.insert(placement.orientation, instances, np.zeros(len(buffers), np.int8))
    return Repeated(buffers, after, flat_netlist(after, library, netlist.canvas), Placement(position, orientation))


def repeated(gates: GateNetlist, buffers: Sequence[InsertedBuffer], pdk: Pdk) -> GateNetlist:
    """A netlist with its repeaters, which come behind its other instances."""
    return with_buffers(gates, buffers, (pdk.buffer.input, pdk.buffer.output))


def _chosen(
    gates: GateNetlist, netlist: Netlist, placement: Placement, cells: Mapping[str, LibertyCell], pdk: Pdk, clock: str
) -> tuple[list[InsertedBuffer], FloatArray]:
    """The buffers, and the centres [R, 2] in um at which they are wanted."""
    technology = Technology.of(pdk, cells)
    trees = steiner_trees(pin_positions(netlist, placement)[netlist.net_pins], netlist.net_start)
    pins = len(gates.pin_names)
    loads = np.array(
        [*(pin.capacitance for pin in liberty_pins(gates, cells)), *np.where(gates.port_is_input, 0.0, pdk.load)]
    )
    driver = _drivers(gates, cells, pdk, technology.transition)
    hard = netlist.nodes(NodeKind.HARD)
    half = netlist.node_size[hard] / 2
    macros = np.concatenate([placement.position[hard] - half, placement.position[hard] + half], axis=1)
    of_pin = np.concatenate([gates.pin_net, gates.port_net])
    found: list[InsertedBuffer] = []
    places: list[tuple[float, float]] = []
    for e in np.flatnonzero(trees.net_length() > technology.spacing / 2).tolist():
        members = netlist.net_pins[netlist.net_start[e] : netlist.net_start[e + 1]]
        net, first = int(of_pin[members[0]]), len(found)
        if gates.net_names[net] == clock:
            continue
        nodes = trees.position[trees.node_start[e] : trees.node_start[e + 1]]
        edges = trees.edge[trees.edge_start[e] : trees.edge_start[e + 1]]
        _, placed = fastest(technology, nodes, edges, loads[members], driver(int(members[0])), macros)
        for one in placed:
            sinks = members[list(one.sinks)].tolist()
            found.append(
                InsertedBuffer(
                    net,
                    one.cell,
                    tuple(pin for pin in sinks if pin < pins),
                    tuple(pin - pins for pin in sinks if pin >= pins),
                    tuple(first + other for other in one.repeaters),
                )
            )
            places.append(one.place)
    return found, np.array(places).reshape(-1, 2)


def _drivers(
    gates: GateNetlist, cells: Mapping[str, LibertyCell], pdk: Pdk, transition: float
) -> Callable[[int], Driver]:
    """What drives, by the driving pin of the flat netlist; at an input port it is the technology's driver."""

    @cache
    def driver(master: str, pin: str) -> Driver:
        return driver_of(cells[master].pins[pin], transition)

    def of_pin(pin: int) -> Driver:
        if pin < len(gates.pin_names):
            return driver(gates.instance_masters[gates.pin_instance[pin]], gates.pin_names[pin])
        return driver(pdk.driver, next(p.name for p in cells[pdk.driver].pins.values() if p.direction == "output"))

    return of_pin


def write_repeaters(path: Path, buffers: Sequence[InsertedBuffer]) -> None:
    """Write what :func:`read_repeaters` reads; the file appears whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps([dataclasses.asdict(buffer) for buffer in buffers]) + "\n")
    os.replace(partial, path)


def read_repeaters(path: Path) -> list[InsertedBuffer]:
    """The repeaters that an implementation put into its netlist, for ``repeated``.

    Raises InputError if the file cannot be read or is not of repeaters.
    """
    try:
        return [
            InsertedBuffer(one["net"], one["cell"], *(tuple(one[key]) for key in ("sinks", "ports", "buffers")))
            for one in json.loads(path.read_text())
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no repeaters can be read: {error}; implement the design again") from error
