"""How often each net switches: from the simulation where its name survived synthesis, else through the logic.

The propagation is a bit-parallel simulation: every register output, macro output and input port gets a random
sequence of cycles with the probability and toggle rate that the simulation measured (a two-state Markov chain), and
the gates are evaluated without delay, 64 cycles at a time. Registers are quiet together while a design is idle, so
the chains switch as far as they can in busy cycles only; the share of busy cycles follows from the measurement.
Compared with propagating transition densities (Najm, IEEE TCAD 12(2), 1993) this keeps the correlation of signals that
reconverge and of inputs that switch together; it knows neither glitches nor what else two registers have in common.
``benchmarks/activity.py`` holds it against a simulation of the gates.

Dimension letters:
    E  nets of the gate netlist
    C  gates in order of evaluation (one for each output of a combinational cell)
    W  words of 64 cycles
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray

from eda_adapters.boolean import truth_table
from eda_adapters.gates import GateNetlist
from eda_adapters.liberty import LibertyCell, LibertyPin, Library
from placer.netlist import BoolArray, FloatArray, InputError

WORDS = 32
"""Words of 64 cycles that are simulated."""

DEFAULT_TOGGLES = 0.1
"""Toggles in a cycle of a source that the simulation does not know."""

BURST = 8
"""Mean number of busy cycles in a row."""

_LARGEST_GATE = 6
_UNCONNECTED = -3


@dataclass(frozen=True)
class Activity:
    """Switching of each net of a gate netlist."""

    probability: FloatArray  # [E] share of the time at 1
    toggles: FloatArray  # [E] transitions in a clock cycle
    annotated: BoolArray  # [E] measured by the simulation
    source: BoolArray  # [E] driven by a register, a macro or an input port
    busy: float  # share of the cycles that the design is taken to be busy


@dataclass(frozen=True)
class Saif:
    """What a SAIF file says of the nets below one instance."""

    probability: dict[str, float]  # net to share of the time at 1, of that at 0 or 1
    toggles: dict[str, int]  # net to transitions
    duration: float  # ns


def read_saif(path: Path, top: str) -> Saif:
    """Read a SAIF 2.0 file (IEEE 1801, annex on SAIF).

    Args:
        path: the file.
        top: the instance or module whose nets are wanted; names are relative to it, levels joined with dots.

    InputError if the file cannot be read, is no SAIF, or has no such instance.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if "SAIFILE" not in text[:200]:
        raise InputError(f"{path}: not a SAIF file: expected (SAIFILE at its start")
    scale = re.search(r"\(TIMESCALE\s+(\d+)\s*(\w+)\s*\)", text)
    duration = re.search(r"\(DURATION\s+(\d+(?:\.\d+)?)\s*\)", text)
    units = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0, "ps": 1e-3, "fs": 1e-6}
    if not duration or not scale or scale[2] not in units or float(duration[1]) <= 0:
        raise InputError(f"{path}: expected a DURATION above 0 and a TIMESCALE")
    probability: dict[str, float] = {}
    toggles: dict[str, int] = {}
    scopes: list[str] = []  # instance names; "" for other groups
    inside = -1  # depth of scopes at the wanted instance
    for match in _SAIF.finditer(text):
        if match["net"] is not None:
            if inside >= 0 and match["values"]:
                _add(match["net"], match["values"], scopes[inside:], probability, toggles)
        elif match["instance"] is not None:
            names = match["instance"].replace('"', "").split()
            if not names:
                raise InputError(
                    f"{path}:{text.count(chr(10), 0, match.start()) + 1}: expected the name of an instance"
                )
            scopes.append(_plain(names[-1]))
            if inside < 0 and top in map(_plain, names):
                inside = len(scopes)
        elif match[0] == ")":
            if scopes:
                scopes.pop()
            if len(scopes) < inside:
                break
        else:
            scopes.append("")
    if inside < 0:
        raise InputError(f"{path}: has no instance {top}; was another design simulated?")
    return Saif(probability, toggles, float(duration[1]) * int(scale[1]) * units[scale[2]])


_SAIF = re.compile(
    r"\(\s*INSTANCE\s+(?P<instance>[^()]+?)\s*(?=[()])"
    r"|\(\s*(?P<net>[^\s()]+)\s+(?P<values>(?:\(\s*(?:T0|T1|TX|TZ|TB|TG|IG|IK|TC)\s+\d+(?:\.\d+)?\s*\)\s*)+)\)"
    r"|\(|\)"
)


def _plain(name: str) -> str:
    return name.replace("\\", "")


def _add(net: str, values: str, scopes: list[str], probability: dict[str, float], toggles: dict[str, int]) -> None:
    found = {key: float(value) for key, value in re.findall(r"(T0|T1|TC)\s+(\d+(?:\.\d+)?)", values)}
    known = found.get("T0", 0.0) + found.get("T1", 0.0)
    if "TC" in found:
        name = ".".join([*(scope for scope in scopes if scope), _plain(net)])
        probability[name] = found.get("T1", 0.0) / known if known > 0 else 0.5
        toggles[name] = int(found["TC"])


@dataclass(frozen=True)
class Logic:
    """The combinational gates of a netlist, in order of evaluation."""

    inputs: NDArray[np.int32]  # [C, 6] nets (E: constant 0, E + 1: constant 1), -1 where a gate has fewer inputs
    table: NDArray[np.uint64]  # [C] truth table, bit m the value at combination m
    output: NDArray[np.int32]  # [C] net
    source: BoolArray  # [E] driven by a register, a macro or an input port


def logic_of(gates: GateNetlist, library: Library) -> Logic:
    """Extract the gates whose outputs have a function of inputs; InputError if they form a loop."""
    nets = len(gates.net_names)
    cells = [library.cells[master] for master in gates.instance_masters]
    of_instance: list[dict[str, int]] = [{} for _ in cells]
    for instance, name, net in zip(gates.pin_instance.tolist(), gates.pin_names, gates.pin_net.tolist(), strict=True):
        of_instance[instance][name] = net
    source = np.zeros(nets, bool)
    source[gates.port_net[gates.port_is_input]] = True
    rows: list[tuple[list[int], int, int]] = []
    for cell, connected in zip(cells, of_instance, strict=True):
        inputs = [pin.name for pin in cell.pins.values() if pin.direction == "input"]
        combinational = cell.sequential is None and not cell.memory and len(inputs) <= _LARGEST_GATE
        for pin in cell.pins.values():
            net = connected.get(pin.name, _UNCONNECTED)
            if pin.direction != "output" or net < 0:
                continue
            if cell.sequential is not None and (twin := _twin(gates, cell, pin, connected)) >= 0:
                rows.append(([twin], 0b01, net))
                continue
            into = [connected.get(name, _UNCONNECTED) for name in inputs]
            if not combinational or not pin.function or _UNCONNECTED in into:
                source[net] = True
                continue
            table = truth_table(pin.function, inputs)
            number = sum(1 << m for m in np.flatnonzero(table).tolist())
            rows.append(([n if n >= 0 else nets - 1 - n for n in into], number, net))
    order = _in_order(rows, nets, gates)
    inputs_of = np.full((len(rows), _LARGEST_GATE), -1, np.int32)
    for c, row in enumerate(order):
        inputs_of[c, : len(rows[row][0])] = rows[row][0]
    table_of = np.array([rows[row][1] for row in order], np.uint64)
    return Logic(inputs_of, table_of, np.array([rows[row][2] for row in order], np.int32), source)


def _twin(gates: GateNetlist, cell: LibertyCell, pin: LibertyPin, connected: Mapping[str, int]) -> int:
    """The net at a register's other output, if this one is to follow it as its complement; else -1.

    Of two outputs the one whose net kept its RTL name is the register's, or the first.
    """
    outputs = [
        other for other in cell.pins.values() if other.direction == "output" and connected.get(other.name, -1) >= 0
    ]
    if len(outputs) != 2 or outputs[0].function == outputs[1].function:
        return -1
    named = [other for other in outputs if gates.net_rtl[connected[other.name]]] or outputs
    return -1 if named[0] is pin else connected[named[0].name]


def _in_order(rows: list[tuple[list[int], int, int]], nets: int, gates: GateNetlist) -> list[int]:
    """Gates so that each comes after those that drive its inputs (Kahn)."""
    driver = {output: row for row, (_, _, output) in enumerate(rows)}
    waiting = [0] * len(rows)
    readers: list[list[int]] = [[] for _ in rows]
    for row, (inputs, _, _) in enumerate(rows):
        for net in set(inputs):
            if net in driver:
                waiting[row] += 1
                readers[driver[net]].append(row)
    order = [row for row in range(len(rows)) if waiting[row] == 0]
    for row in order:
        for reader in readers[row]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                order.append(reader)
    if len(order) < len(rows):
        stuck = next(row for row in range(len(rows)) if waiting[row] > 0)
        raise InputError(f"{gates.top}: combinational loop through net {gates.net_names[rows[stuck][2]]}")
    return order


def net_activity(
    gates: GateNetlist, library: Library, saif: Saif | None, cycle: float, clock: str, seed: int = 0
) -> Activity:
    """Probability and toggles of every net.

    Args:
        gates: the netlist, and ``library``, the Liberty cells of all its masters.
        saif: measured activity; None: every source toggles DEFAULT_TOGGLES times in a cycle.
        cycle: ns, the clock period of the simulation that the SAIF file is from.
        clock: the clock's port; its net toggles twice in a cycle.
        seed: of the random sequences.
    """
    logic = logic_of(gates, library)
    nets = len(gates.net_names)
    probability, toggles = np.full(nets, 0.5), np.full(nets, DEFAULT_TOGGLES)
    annotated = np.zeros(nets, bool)
    if saif is not None:
        cycles = saif.duration / cycle
        for net, names in enumerate(gates.net_rtl):
            name = next((name for name in names if name in saif.toggles), None)
            if name is not None:
                probability[net], toggles[net] = saif.probability[name], saif.toggles[name] / cycles
                annotated[net] = True
    clock_net = gates.port_net[gates.port_names.index(clock)] if clock in gates.port_names else -1
    if clock_net >= 0:
        probability[clock_net], toggles[clock_net] = 0.5, 2.0
    chains = logic.source & annotated
    chains[clock_net] &= clock_net < 0
    busy = busy_share(probability[chains], toggles[chains])
    # A Markov chain can toggle twice as often as its rarer value occurs, at most.
    rate = np.minimum(toggles, 2 * np.minimum(probability, 1 - probability))
    propagated_p, propagated_t = _simulate(
        logic.inputs, logic.table, logic.output, logic.source, probability, rate, busy, WORDS, seed
    )
    known = logic.source | annotated
    probability = np.where(known, probability, propagated_p)
    toggles = np.where(known, toggles, propagated_t)
    return Activity(probability, toggles, annotated, logic.source, busy)


def busy_share(probability: FloatArray, toggles: FloatArray) -> float:
    """Share of the cycles that a design is busy, from its registers' measured activity.

    In a busy cycle, a random signal that is 1 with probability p toggles with probability 2 p (1 - p); the share is
    the mean of measured toggles over that, weighted with the toggles, and at most 1. Arguments of one shape; 1 if
    nothing toggles.
    """
    random = 2 * probability * (1 - probability)
    moving = (toggles > 0) & (random > 0.01)
    if not moving.any():
        return 1.0
    return float(min(np.average(toggles[moving] / random[moving], weights=toggles[moving]), 1.0))


@numba.njit(cache=True)
def _simulate(inputs, table, output, source, probability, toggles, busy, words, seed):  # type: ignore[no-untyped-def]
    """Random sequences at the sources, gates evaluated in order; probability and toggles per cycle of each net."""
    np.random.seed(seed)
    nets = source.shape[0]
    value = np.zeros((nets + 2, words), np.uint64)
    value[nets + 1] = ~np.uint64(0)
    one = np.uint64(1)
    active = _busy_cycles(busy, 64 * words)
    share = active.mean()
    for net in range(nets):
        p = probability[net]
        most = 2 * min(p, 1 - p)
        if not source[net]:
            continue
        if most == 0.0:
            value[net] = ~np.uint64(0) if p > 0.5 else np.uint64(0)
            continue
        fast = min(toggles[net] / share, most)  # toggles in a busy cycle, and in an idle one
        slow = (toggles[net] - share * fast) / (1 - share) if share < 1 else 0.0
        state = np.random.random() < p
        for w in range(words):
            word = np.uint64(0)
            for b in range(64):
                rate = fast if active[64 * w + b] else slow
                if np.random.random() < rate / (2 * p if state else 2 * (1 - p)):
                    state = not state
                if state:
                    word |= one << np.uint64(b)
            value[net, w] = word
    leaf = np.empty(64, np.uint64)
    for c in range(output.shape[0]):
        k = 0
        while k < inputs.shape[1] and inputs[c, k] >= 0:
            k += 1
        for w in range(words):
            for m in range(1 << k):
                leaf[m] = ~np.uint64(0) if (table[c] >> np.uint64(m)) & one else np.uint64(0)
            for i in range(k - 1, -1, -1):  # fold the table by its highest variable
                select = value[inputs[c, i], w]
                half = 1 << i
                for m in range(half):
                    leaf[m] = (leaf[m] & ~select) | (leaf[m + half] & select)
            value[output[c], w] = leaf[0]
    high = np.zeros(nets)
    changes = np.zeros(nets)
    for net in range(nets):
        ones = 0
        switched = 0
        before = value[net, 0] & one
        for w in range(words):
            word = value[net, w]
            ones += _ones(word)
            switched += _ones(word ^ ((word << one) | before))
            before = word >> np.uint64(63)
        high[net] = ones / (64 * words)
        changes[net] = switched / (64 * words - 1)
    return high, changes


@numba.njit(cache=True)
def _busy_cycles(busy, cycles):  # type: ignore[no-untyped-def]
    """Whether each cycle is busy: bursts of random length, BURST cycles on average, that make up the share ``busy``."""
    active = np.ones(cycles, np.bool_)
    if busy >= 1.0:
        return active
    wake = min(busy / (BURST * (1.0 - busy)), 1.0)
    on = True
    for c in range(cycles):
        on = np.random.random() >= 1.0 / BURST if on else np.random.random() < wake
        active[c] = on
    active[0] = True  # never without any
    return active


@numba.njit(cache=True)
def _ones(word):  # type: ignore[no-untyped-def]
    """Number of bits set (Hamming weight by partial sums)."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))
