"""Estimated wires as SPEF (IEEE 1481): a resistor for each tree edge, half its capacitance at either end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eda_adapters.gates import GateNetlist
from eda_adapters.steiner import SteinerTrees
from eda_adapters.technology import WireLayer
from placer.netlist import FloatArray, InputError, IntArray, Netlist

LEAST_OHM = 1e-3
"""Resistance of a tree edge without length, which connects a pin to the tree."""


@dataclass(frozen=True)
class Wires:
    """Lumped elements of each net's tree."""

    resistance: FloatArray  # [G] ohm, of each tree edge
    capacitance: FloatArray  # [T] fF, of each tree node to ground; pins' own capacitance excluded
    net_capacitance: FloatArray  # [E] fF


def extract(trees: SteinerTrees, layer: WireLayer) -> Wires:
    """Resistance and capacitance of wires of one layer's parasitics, proportional to their length."""
    ends, length = trees.edge_ends(), trees.edge_size().sum(axis=1)
    half = length * layer.capacitance / 2
    nodes = len(trees.position)
    capacitance: FloatArray = np.zeros(nodes)
    np.add.at(capacitance, ends[:, 0], half)
    np.add.at(capacitance, ends[:, 1], half)
    return Wires(np.maximum(length * layer.resistance, LEAST_OHM), capacitance, trees.net_length() * layer.capacitance)


def write_spef(
    path: Path,
    gates: GateNetlist,
    netlist: Netlist,
    net: IntArray,
    trees: SteinerTrees,
    wires: Wires,
    port_load: float,
) -> None:
    """Write the parasitics of all nets of a flat netlist.

    Args:
        path: the file; it appears only when it is whole.
        gates: where the names come from; they need no escapes.
        netlist: made from ``gates`` by :func:`eda_adapters.floorplan.floorplan`.
        net: [E] the gate netlist's number of each net.
        trees, wires: of ``netlist``'s nets.
        port_load: fF outside of each output port, written as capacitance of its node.
    """
    names, port = gates.instance_names, gates.port_names
    pins = len(gates.pin_names)
    pin_text = [f"{names[i]}:{p}" for i, p in zip(gates.pin_instance.tolist(), gates.pin_names, strict=True)]
    pin_text += port
    lines = [*_header(gates.top), "*PORTS"]
    lines += [f"{port[q]} {'I' if is_input else 'O'}" for q, is_input in enumerate(gates.port_is_input)]
    node_start, edge_start = trees.node_start.tolist(), trees.edge_start.tolist()
    net_start, net_pins = netlist.net_start.tolist(), netlist.net_pins.tolist()
    outside = np.zeros(len(netlist.pin_names))
    outside[pins:][~gates.port_is_input] = port_load
    at_port = np.bincount(
        np.repeat(np.arange(len(net)), np.diff(netlist.net_start)), outside[netlist.net_pins], len(net)
    )
    total = (wires.net_capacitance + at_port).tolist()
    capacitance, resistance = wires.capacitance.tolist(), wires.resistance.tolist()
    edges = trees.edge.tolist()
    for e, number in enumerate(net.tolist()):
        name = gates.net_names[number]
        members = net_pins[net_start[e] : net_start[e + 1]]
        lines.append(f"\n*D_NET {name} {total[e]:.6g}\n*CONN")
        for k, pin in enumerate(members):
            if pin < pins:
                lines.append(f"*I {pin_text[pin]} {'O' if k == 0 else 'I'}")
            else:
                lines.append(f"*P {pin_text[pin]} {'I' if k == 0 else 'O'}")
        count = node_start[e + 1] - node_start[e]
        node = [pin_text[pin] for pin in members] + [f"{name}:{k}" for k in range(len(members) + 1, count + 1)]
        lines.append("*CAP")
        own = capacitance[node_start[e] : node_start[e + 1]]
        for k, pin in enumerate(members):
            own[k] += outside[pin]
        lines += [f"{k + 1} {node[k]} {own[k]:.5g}" for k in range(count)]
        lines.append("*RES")
        for k in range(edge_start[e], edge_start[e + 1]):
            a, b = edges[k]
            lines.append(f"{k - edge_start[e] + 1} {node[a]} {node[b]} {resistance[k]:.5g}")
        lines.append("*END")
    partial = path.with_name(path.name + ".partial")
    partial.write_text("\n".join(lines) + "\n")
    os.replace(partial, path)


def read_net_capacitance(path: Path, gates: GateNetlist, port_load: float) -> FloatArray:
    """The wires' capacitance [E] in fF of each net of ``gates``, from what :func:`write_spef` wrote.

    Args:
        path: the file.
        gates: the netlist that it is of.
        port_load: fF outside of each output port, as it was written.

    Raises InputError if the file cannot be read or is of another design.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    total: dict[str, float] = {}
    for number, line in enumerate(lines, 1):
        if line.startswith("*D_NET"):
            try:
                _, name, value = line.split()
                total[name] = float(value)
            except ValueError as error:
                what = "expected *D_NET, a net and its capacitance; implement the design again"
                raise InputError(f"{path}:{number}: {what}") from error
    known = set(gates.net_names)
    if unknown := next((name for name in total if name not in known), None):
        raise InputError(f"{path}: the design has no net {unknown}; is the file of another design?")
    found = np.array([total.get(name, 0.0) for name in gates.net_names])
    outputs = gates.port_net[~gates.port_is_input]
    np.subtract.at(found, outputs[outputs >= 0], port_load)
    return np.maximum(found, 0.0)


def _header(design: str) -> Sequence[str]:
    return (
        '*SPEF "IEEE 1481-1998"',
        f'*DESIGN "{design}"',
        '*DATE "Thu Jan 1 00:00:00 1970"',
        '*VENDOR "chiploop"',
        '*PROGRAM "chiploop"',
        '*VERSION "1"',
        '*DESIGN_FLOW "PIN_CAP NONE" "NAME_SCOPE LOCAL"',
        "*DIVIDER /",
        "*DELIMITER :",
        "*BUS_DELIMITER []",
        "*T_UNIT 1 NS",
        "*C_UNIT 1 FF",
        "*R_UNIT 1 OHM",
        "*L_UNIT 1 HENRY",
        "",
    )
