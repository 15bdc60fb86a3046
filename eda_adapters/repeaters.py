"""Repeaters on long wires, as a router's flow puts them there, between global placement and legalisation.

Each net whose tree is long gets the buffers that make its slowest sink earliest, by dynamic programming from the sinks
to the driver (L. P. P. P. van Ginneken, "Buffer placement in distributed RC-tree networks for minimal Elmore delay",
ISCAS 1990), over the whole family of buffers. Wires delay as Elmore has it; gates by their Liberty tables, as a delay
without load and a resistance at a typical transition.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eda_adapters.drive import families_of
from eda_adapters.floorplan import pin_positions
from eda_adapters.gates import Buffering, GateNetlist, with_buffers
from eda_adapters.liberty import LibertyCell, LibertyPin
from eda_adapters.pdk import Pdk
from eda_adapters.steiner import steiner_trees
from placer.netlist import FloatArray, InputError, Netlist, NodeKind, Placement

PRICE_NS = 0.01
"""That a repeater has to make its net's slowest sink earlier by: it costs area and power."""

STEPS = 4
"""Candidate places in each best distance between two repeaters."""

_FARADS = 1e-6  # ns in an ohm times a fF


class Gate(NamedTuple):
    """A driver: its delay at a typical transition is ``delay + resistance * load``, up to ``most``."""

    delay: float  # ns
    resistance: float  # ns/fF
    most: float  # fF


class Repeater(NamedTuple):
    """A buffer as the dynamic programme sees it."""

    cell: str
    load: float  # fF of its input
    gate: Gate


class Trace(NamedTuple):
    """How an option came about: a sink (its number), a buffer over one option, or a join of options."""

    sink: int
    repeater: Repeater | None
    place: tuple[float, float]
    below: tuple[Trace, ...]


class Option(NamedTuple):
    """What a part of a tree can look like to what drives it."""

    load: float  # fF
    delay: float  # ns to its slowest sink, and the price of its repeaters
    trace: Trace


@dataclass(frozen=True)
class Technology:
    """What the search needs of a technology.

    Attributes:
        repeaters: that can be chosen.
        ohm, farad: of a um of wire, in ohm and fF.
        spacing: um between repeaters on a long wire that delays least.
    """

    repeaters: tuple[Repeater, ...]
    ohm: float
    farad: float
    spacing: float

    @classmethod
    def of(cls, pdk: Pdk, cells: Mapping[str, LibertyCell]) -> Technology:
        """From the buffers' Liberty tables and the signals' layer."""
        layer = pdk.layers[pdk.signal_layer]
        transition = typical_transition(cells[pdk.buffer.cell].pins[pdk.buffer.output])
        repeaters = tuple(
            Repeater(
                name,
                cells[name].pins[pdk.buffer.input].capacitance,
                gate_of(cells[name].pins[pdk.buffer.output], transition),
            )
            for name in families_of(cells, pdk)[pdk.buffer.cell]
        )
        rc = layer.resistance * layer.capacitance * _FARADS
        spacing = min(math.sqrt(2 * (r.gate.delay + r.gate.resistance * r.load) / rc) for r in repeaters)
        return cls(repeaters, layer.resistance, layer.capacitance, spacing)


def typical_transition(output: LibertyPin) -> float:
    """The transition in ns of a cell that is driven by its like and has a quarter of its largest load."""
    tables = [arc.tables[key] for arc in output.timing for key in ("rise_transition", "fall_transition")]
    transition = 0.0
    for _ in range(4):
        transition = float(np.mean([table.lookup(transition, output.max_capacitance / 4) for table in tables]))
    return transition


def gate_of(output: LibertyPin, transition: float) -> Gate:
    """An output pin as a delay without load and a resistance: the mean over its arcs and edges."""
    tables = [arc.tables[key] for arc in output.timing for key in ("cell_rise", "cell_fall") if key in arc.tables]
    if not tables:
        return Gate(0.0, 0.0, math.inf)
    most = output.max_capacitance if math.isfinite(output.max_capacitance) else max(t.index_2[-1] for t in tables)
    low, high = (float(np.mean([table.lookup(transition, load) for table in tables])) for load in (0.0, most / 2))
    return Gate(low, (high - low) / (most / 2), output.max_capacitance)


def repeat_long_wires(
    gates: GateNetlist, netlist: Netlist, placement: Placement, cells: Mapping[str, LibertyCell], pdk: Pdk, clock: str
) -> tuple[list[Buffering], FloatArray]:
    """Repeaters for the long nets of a global placement.

    Args:
        gates: the mapped netlist, and ``netlist``, made from it by ``floorplan()``.
        placement: of all nodes.
        cells: the Liberty cells of all masters.
        pdk: the technology.
        clock: the port of the clock, whose net is left alone.

    Returns the buffers, and the centres [R, 2] in um at which they are wanted, outside of macros.
    """
    technology = Technology.of(pdk, cells)
    at = pin_positions(netlist, placement)[netlist.net_pins]
    trees = steiner_trees(at, netlist.net_start)
    pins, drivers = _loads(gates, cells, pdk), _drivers(gates, cells, pdk)
    hard = netlist.nodes(NodeKind.HARD)
    half = netlist.node_size[hard] / 2
    macros = np.concatenate([placement.position[hard] - half, placement.position[hard] + half], axis=1)
    of_pin = np.concatenate([gates.pin_net, gates.port_net])
    found: list[Buffering] = []
    places: list[tuple[float, float]] = []
    for e in np.flatnonzero(trees.net_length() > technology.spacing / 2).tolist():
        members = netlist.net_pins[netlist.net_start[e] : netlist.net_start[e + 1]]
        net = int(of_pin[members[0]])
        if gates.net_names[net] == clock:
            continue
        nodes = trees.position[trees.node_start[e] : trees.node_start[e + 1]]
        edges = trees.edge[trees.edge_start[e] : trees.edge_start[e + 1]]
        best = fastest(technology, nodes, edges, pins[members], drivers(int(members[0])), macros)
        _collect(best, net, members.tolist(), len(gates.pin_names), found, places)
    return found, np.array(places).reshape(-1, 2)


def fastest(
    technology: Technology, nodes: FloatArray, edges: np.ndarray, loads: FloatArray, driver: Gate, macros: FloatArray
) -> Option:
    """The repeaters that make a tree's slowest sink earliest, each at its price.

    Args:
        technology: repeaters and wires.
        nodes: [T, 2] um, the pins first and of these the driver.
        edges: [T - 1, 2] rows of ``nodes``.
        loads: fF of the pins; that of the driver does not count.
        driver: of the net.
        macros: [M, 4] um, lower left and upper right corners of where repeaters cannot be.

    Returns the chosen option as the driver sees it, its own delay included.
    """
    near: list[list[int]] = [[] for _ in nodes]
    for a, b in edges.tolist():
        near[a].append(b)
        near[b].append(a)
    order, parent = [0], [-1] * len(nodes)
    for node in order:
        for other in near[node]:
            if other != parent[node]:
                parent[other] = node
                order.append(other)
    waiting: list[list[list[Option]]] = [[] for _ in nodes]
    for node in reversed(order[1:]):
        if node < len(loads):
            waiting[node].append([Option(float(loads[node]), 0.0, Trace(node, None, (0.0, 0.0), ()))])
        options = _joined(waiting[node])
        waiting[parent[node]].append(_along(technology, options, nodes[node], nodes[parent[node]], macros))
    options = _joined(waiting[0])
    allowed = [option for option in options if option.load <= driver.most] or options
    return min(
        (Option(o.load, o.delay + driver.delay + driver.resistance * o.load, o.trace) for o in allowed),
        key=lambda option: option.delay,
    )


def _along(
    technology: Technology, options: list[Option], start: FloatArray, end: FloatArray, macros: FloatArray
) -> list[Option]:
    """Options at the end of a wire, from those at its start; a repeater may be at the end of each step."""
    (x, y), (to_x, to_y) = start.tolist(), end.tolist()
    length = abs(to_x - x) + abs(to_y - y)
    steps = max(math.ceil(length * STEPS / technology.spacing), 1)
    step = length / steps
    load, ohm = technology.farad * step, technology.ohm * step * _FARADS
    for k in range(1, steps + 1):
        options = [Option(o.load + load, o.delay + ohm * (load / 2 + o.load), o.trace) for o in options]
        gone = k * step
        across = min(gone, abs(to_x - x))
        place = x + math.copysign(across, to_x - x), y + math.copysign(gone - across, to_y - y)
        if not _inside(place, macros):
            options = _pruned(options + _repeated(technology, options, place))
    return options


def _repeated(technology: Technology, options: list[Option], place: tuple[float, float]) -> list[Option]:
    """The best option behind each repeater."""
    found = []
    for repeater in technology.repeaters:
        gate = repeater.gate
        best, delay = None, math.inf
        for option in options:
            behind = option.delay + gate.resistance * option.load
            if behind < delay and option.load <= gate.most:
                best, delay = option, behind
        if best:
            trace = Trace(-1, repeater, place, (best.trace,))
            found.append(Option(repeater.load, delay + gate.delay + PRICE_NS, trace))
    return found


def _joined(branches: list[list[Option]]) -> list[Option]:
    """Options where branches meet."""
    whole = branches[0]
    for branch in branches[1:]:
        pairs = [
            Option(a.load + b.load, max(a.delay, b.delay), Trace(-1, None, (0.0, 0.0), (a.trace, b.trace)))
            for a in whole
            for b in branch
        ]
        whole = _pruned(pairs)
    return whole


def _pruned(options: list[Option]) -> list[Option]:
    """Those that no other beats in both load and delay."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda o: (o.load, o.delay)):
        if not kept or option.delay < kept[-1].delay:
            kept.append(option)
    return kept


def _inside(place: tuple[float, float], boxes: FloatArray) -> bool:
    x, y = place
    return bool(((boxes[:, 0] < x) & (x < boxes[:, 2]) & (boxes[:, 1] < y) & (y < boxes[:, 3])).any())


def _collect(
    option: Option,
    net: int,
    members: Sequence[int],
    pins: int,
    found: list[Buffering],
    places: list[tuple[float, float]],
) -> None:
    """Add an option's repeaters to those that were found, each behind those that it drives."""
    order: list[Trace] = []
    driven = {}  # of each repeater by its trace's identity: sinks, and traces of repeaters
    waiting = [option.trace]
    while waiting:
        top = waiting.pop()
        stack, sinks, repeaters = list(top.below) if top.repeater else [top], [], []
        while stack:
            trace = stack.pop()
            if trace.repeater:
                repeaters.append(trace)
            elif trace.below:
                stack.extend(trace.below)
            else:
                sinks.append(members[trace.sink])
        driven[id(top)] = sinks, repeaters
        if top.repeater:
            order.append(top)
        waiting += repeaters
    number = {}
    for trace in reversed(order):
        assert trace.repeater is not None
        sinks, repeaters = driven[id(trace)]
        number[id(trace)] = len(found)
        found.append(
            Buffering(
                net,
                trace.repeater.cell,
                tuple(pin for pin in sinks if pin < pins),
                tuple(pin - pins for pin in sinks if pin >= pins),
                tuple(number[id(other)] for other in repeaters),
            )
        )
        places.append(trace.place)


def _loads(gates: GateNetlist, cells: Mapping[str, LibertyCell], pdk: Pdk) -> FloatArray:
    """fF of each pin of the flat netlist; ports' is the load outside."""
    of_pins = [
        cells[gates.instance_masters[i]].pins[name].capacitance
        for i, name in zip(gates.pin_instance.tolist(), gates.pin_names, strict=True)
    ]
    return np.array([*of_pins, *np.where(gates.port_is_input, 0.0, pdk.load)])


def _drivers(gates: GateNetlist, cells: Mapping[str, LibertyCell], pdk: Pdk) -> Callable[[int], Gate]:
    """The gate that drives, by the driving pin of the flat netlist; at an input port it is the technology's driver."""
    transition = typical_transition(cells[pdk.buffer.cell].pins[pdk.buffer.output])

    @cache
    def gate(master: str, pin: str) -> Gate:
        return gate_of(cells[master].pins[pin], transition)

    def of_pin(pin: int) -> Gate:
        if pin < len(gates.pin_names):
            return gate(gates.instance_masters[gates.pin_instance[pin]], gates.pin_names[pin])
        return gate(pdk.driver, next(p.name for p in cells[pdk.driver].pins.values() if p.direction == "output"))

    return of_pin


def repeated(gates: GateNetlist, buffers: Sequence[Buffering], pdk: Pdk) -> GateNetlist:
    """The netlist with its repeaters, which come behind its other instances."""
    return with_buffers(gates, buffers, (pdk.buffer.input, pdk.buffer.output))


def write_repeaters(path: Path, buffers: Sequence[Buffering]) -> None:
    """Write what :func:`read_repeaters` reads; the file appears whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps([dataclasses.asdict(buffer) for buffer in buffers]) + "\n")
    os.replace(partial, path)


def read_repeaters(path: Path) -> list[Buffering]:
    """The repeaters that an implementation put into its netlist, for ``with_buffers``.

    Raises InputError if the file cannot be read or is not of repeaters.
    """
    try:
        return [
            Buffering(one["net"], one["cell"], *(tuple(one[key]) for key in ("sinks", "ports", "buffers")))
            for one in json.loads(path.read_text())
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no repeaters can be read: {error}; implement the design again") from error
