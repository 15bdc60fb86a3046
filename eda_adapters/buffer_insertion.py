"""Buffers in a net's tree that make its slowest sink earliest.

Dynamic programming from the sinks to the driver (L. P. P. P. van Ginneken, "Buffer placement in distributed RC-tree
networks for minimal Elmore delay", ISCAS 1990) over a family of buffers. Wires delay as Elmore has it (W. C. Elmore,
J. Applied Physics 19(1), 1948); gates by their Liberty tables, as a delay without load and a resistance at a typical
transition.

Dimension letters: T nodes of a tree, K its pins, M macros.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eda_adapters.drive import families_of
from eda_adapters.liberty import LibertyCell, LibertyPin, Table
from eda_adapters.technology import Pdk
from placer.netlist import FloatArray

PRICE_NS = 0.01
"""That a repeater has to make its net's slowest sink earlier by: it costs area and power."""

STEPS = 4
"""Candidate places in each best distance between two repeaters."""

NS_PER_OHM_FF = 1e-6


class Driver(NamedTuple):
    """A gate that drives a load: its delay is ``delay + resistance * load``, up to the load ``most``."""

    delay: float  # ns
    resistance: float  # ns/fF
    most: float  # fF


class Repeater(NamedTuple):
    """A buffer that can be inserted."""

    cell: str
    load: float  # fF of its input
    driver: Driver


class PlacedRepeater(NamedTuple):
    """A repeater of one net, with what it drives."""

    cell: str
    place: tuple[float, float]  # um
    sinks: tuple[int, ...]  # numbers of the net's pins
    repeaters: tuple[int, ...]  # earlier ones in the list that it is in


class Trace(NamedTuple):
    """How an option came about: a sink, a repeater over one option, or options that meet."""

    sink: int = -1
    repeater: Repeater | None = None
    place: tuple[float, float] = (0.0, 0.0)
    below: tuple[Trace, ...] = ()


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
        resistance, capacitance: of wires, in ohm and fF per um.
        transition: ns, typical of signals; gates' delays are for it.
        spacing: um between repeaters on a long wire that delays least; infinite if repeaters never help.
    """

    repeaters: tuple[Repeater, ...]
    resistance: float
    capacitance: float
    transition: float
    spacing: float

    @classmethod
    def of(cls, pdk: Pdk, cells: Mapping[str, LibertyCell]) -> Technology:
        """From the buffers' Liberty tables and the signals' layer.

        The best spacing is sqrt(2 (d + R c) / (r c')) for a buffer of delay d, resistance R and input c on wires of r
        and c' per length (H. B. Bakoglu, "Circuits, Interconnections, and Packaging for VLSI", 1990, chapter 5).
        """
        layer = pdk.layers[pdk.signal_layer]
        transition = typical_transition(cells[pdk.buffer.cell].pins[pdk.buffer.output])
        found = []
        for name in families_of(cells, pdk)[pdk.buffer.cell]:
            pins = cells[name].pins
            driver = driver_of(pins[pdk.buffer.output], transition)
            if driver.resistance > 0:
                found.append(Repeater(name, pins[pdk.buffer.input].capacitance, driver))
        rc = layer.resistance * layer.capacitance * NS_PER_OHM_FF
        own = min((r.driver.delay + r.driver.resistance * r.load for r in found), default=math.inf)
        spacing = math.sqrt(2 * own / rc) if rc > 0 else math.inf
        return cls(tuple(found), layer.resistance, layer.capacitance, transition, spacing)


def typical_transition(output: LibertyPin) -> float:
    """The transition in ns of a cell that is driven by its like and has a quarter of its largest load."""
    tables = _tables(output, "rise_transition", "fall_transition")
    transition = 0.0
    for _ in range(4 if tables else 0):
        transition = float(np.mean([table.lookup(transition, _largest_load(output) / 4) for table in tables]))
    return transition


def driver_of(output: LibertyPin, transition: float) -> Driver:
    """An output pin as a driver: the mean over its arcs and edges, ideal if it has no tables of delay."""
    tables = _tables(output, "cell_rise", "cell_fall")
    if not tables:
        return Driver(0.0, 0.0, math.inf)
    half = _largest_load(output) / 2
    low, high = (float(np.mean([table.lookup(transition, load) for table in tables])) for load in (0.0, half))
    return Driver(low, (high - low) / half, output.max_capacitance)


def _tables(output: LibertyPin, *names: str) -> list[Table]:
    return [arc.tables[name] for arc in output.timing for name in names if name in arc.tables]


def _largest_load(output: LibertyPin) -> float:
    """fF: what the pin may have, else what its tables go up to."""
    if math.isfinite(output.max_capacitance):
        return output.max_capacitance
    return max(float(table.index_2[-1]) for table in _tables(output, "cell_rise", "cell_fall"))


def fastest(
    technology: Technology, nodes: FloatArray, edges: np.ndarray, loads: FloatArray, driver: Driver, macros: FloatArray
) -> tuple[float, list[PlacedRepeater]]:
    """The repeaters that make a tree's slowest sink earliest, each at its price.

    Args:
        technology: repeaters and wires.
        nodes: [T, 2] um, the pins first and of these the driver.
        edges: [T - 1, 2] rows of ``nodes``.
        loads: [K] fF of the pins; that of the driver does not count.
        driver: of the net.
        macros: [M, 4] um, lower left and upper right corners of where repeaters cannot be.

    Returns the delay in ns to the slowest sink, the driver's own and the prices included; and the repeaters, each
    behind those that it drives.
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
            waiting[node].append([Option(float(loads[node]), 0.0, Trace(node))])
        options = _joined(waiting[node])
        waiting[parent[node]].append(_along(technology, options, nodes[node], nodes[parent[node]], macros))
    options = _joined(waiting[0])
    allowed = [option for option in options if option.load <= driver.most] or options
    best = min(allowed, key=lambda option: option.delay + driver.resistance * option.load)
    return best.delay + driver.delay + driver.resistance * best.load, _placed(best.trace)


def _along(
    technology: Technology, options: list[Option], start: FloatArray, end: FloatArray, macros: FloatArray
) -> list[Option]:
    """Options at the end of a wire, from those at its start; a repeater may be at the end of each step."""
    (x, y), (to_x, to_y) = start.tolist(), end.tolist()
    length = abs(to_x - x) + abs(to_y - y)
    steps = max(math.ceil(length * STEPS / technology.spacing), 1)
    step = length / steps
    load, wire = technology.capacitance * step, technology.resistance * step * NS_PER_OHM_FF
    for k in range(1, steps + 1):
        options = [Option(o.load + load, o.delay + wire * (load / 2 + o.load), o.trace) for o in options]
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
        gate = repeater.driver
        best, delay = None, math.inf
        for option in options:
            behind = option.delay + gate.resistance * option.load
            if behind < delay and option.load <= gate.most:
                best, delay = option, behind
        if best:
            trace = Trace(repeater=repeater, place=place, below=(best.trace,))
            found.append(Option(repeater.load, delay + gate.delay + PRICE_NS, trace))
    return found


def _joined(branches: list[list[Option]]) -> list[Option]:
    """Options where branches meet."""
    whole = branches[0]
    for branch in branches[1:]:
        pairs = [
            Option(a.load + b.load, max(a.delay, b.delay), Trace(below=(a.trace, b.trace)))
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


def _placed(trace: Trace) -> list[PlacedRepeater]:
    """The repeaters of an option, each behind those that it drives."""
    _, above = _driven(trace)
    order = []  # from the driver on
    while above:
        top = above.pop()
        sinks, repeaters = _driven(*top.below)
        order.append((top, sinks, repeaters))
        above += repeaters
    placed: list[PlacedRepeater] = []
    number: dict[int, int] = {}  # by the identity of a trace: equal ones may be at two places of a tree
    for top, sinks, repeaters in reversed(order):
        number[id(top)] = len(placed)
        cell = top.repeater.cell if top.repeater else ""
        placed.append(PlacedRepeater(cell, top.place, tuple(sinks), tuple(number[id(r)] for r in repeaters)))
    return placed


def _driven(*traces: Trace) -> tuple[list[int], list[Trace]]:
    """Sinks and repeaters that hang on a driver directly."""
    stack, sinks, repeaters = list(traces), [], []
    while stack:
        trace = stack.pop()
        if trace.repeater:
            repeaters.append(trace)
        elif trace.below:
            stack.extend(trace.below)
        else:
            sinks.append(trace.sink)
    return sinks, repeaters
