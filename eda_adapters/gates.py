"""The mapped netlist: read from Yosys's JSON, written as flat Verilog.

Names are the same in Verilog, DEF and SPEF and need no escapes in any of them: letters, digits and ``_``, and
``name[3]`` for a bit of a port or of an instance's bus pin. What a net was called in the RTL is kept beside it.

Dimension letters: I instances, E nets, Q ports (bits), P pins of instances.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from eda_adapters.liberty import LibertyCell, LibertyPin
from placer.netlist import BoolArray, IntArray

CONSTANT: dict[int | str, int] = {"0": -1, "1": -2, "x": -1, "z": -1}
"""Net numbers of pins that are wired to a supply rail, by the constant in the JSON."""


class NetlistError(ValueError):
    """A netlist that does not hold together; the message says where."""

    exit_code = 3


@dataclass(frozen=True)
class GateNetlist:
    """Instances of library cells and macros, and the nets between their pins and the ports."""

    top: str
    instance_names: tuple[str, ...]  # [I]
    instance_masters: tuple[str, ...]  # [I] names of cells and macros
    net_names: tuple[str, ...]  # [E]; a net at a port has the port's name
    net_rtl: tuple[tuple[str, ...], ...]  # [E] hierarchical RTL names, "a.b[3].c[7]"; () if synthesis made the net
    port_names: tuple[str, ...]  # [Q] one per bit, "name" or "name[3]", a bus from bit 0 up
    port_is_input: BoolArray  # [Q]
    port_net: IntArray  # [Q] net, or -1 for constant 0 and -2 for constant 1
    pin_names: tuple[str, ...]  # [P] one per bit, pins of an instance together, a bus from bit 0 up
    pin_instance: IntArray  # [P] instance, ascending
    pin_net: IntArray  # [P] net, or -1 for constant 0 and -2 for constant 1
    pin_is_driver: BoolArray  # [P] whether the pin drives its net

    @property
    def pin_start(self) -> IntArray:
        """Offsets [I + 1] of each instance's pins."""
        return np.searchsorted(self.pin_instance, np.arange(len(self.instance_names) + 1)).astype(np.int32)


def liberty_pins(gates: GateNetlist, cells: Mapping[str, LibertyCell]) -> list[LibertyPin]:
    """What the library says of each pin, [P]."""
    return [
        cells[gates.instance_masters[i]].pins[name]
        for i, name in zip(gates.pin_instance.tolist(), gates.pin_names, strict=True)
    ]


@dataclass(frozen=True)
class InsertedBuffer:
    """A buffer on a net, which takes over some of what the net drives.

    Attributes:
        net: that it repeats.
        cell: its master.
        sinks: pins of instances, as ``GateNetlist`` counts them, that it drives.
        ports: output ports that it drives.
        buffers: earlier ones, in the list that it is in, that it drives.
    """

    net: int
    cell: str
    sinks: tuple[int, ...] = ()
    ports: tuple[int, ...] = ()
    buffers: tuple[int, ...] = ()


def with_buffers(
    gates: GateNetlist, buffers: Sequence[InsertedBuffer], pins: tuple[str, str], suffix: str = "repeated"
) -> GateNetlist:
    """The netlist with buffers, which come last in their order; each has a net of its own, with its net's RTL names.

    Args:
        gates: before.
        buffers: of which no two take over the same.
        pins: input and output of their cells.
        suffix: of the new nets' names.
    """
    instances, nets = len(gates.instance_names), len(gates.net_names)
    taken = {*gates.net_names, *gates.instance_names}
    pin_net, port_net, names = gates.pin_net.copy(), gates.port_net.copy(), list(gates.net_names)
    source = np.array([buffer.net for buffer in buffers], np.int32)
    instance_names = []
    for number, buffer in enumerate(buffers, nets):
        old = names[buffer.net]
        name = unique_name(re.sub(r"[\[\]]", "_", old) + f"_{suffix}", taken)
        instance_names.append(unique_name(f"{name}_buffer", taken))
        pin_net[list(buffer.sinks)] = number
        port_net[list(buffer.ports)] = number
        source[list(buffer.buffers)] = number
        names.append(name)
        if old in {gates.port_names[port] for port in buffer.ports}:  # a net at a port has the port's name
            names[buffer.net], names[number] = name, old
    new = np.stack([source, nets + np.arange(len(buffers), dtype=np.int32)], axis=1)
    return dataclasses.replace(
        gates,
        instance_names=(*gates.instance_names, *instance_names),
        instance_masters=(*gates.instance_masters, *(buffer.cell for buffer in buffers)),
        net_names=tuple(names),
        net_rtl=(*gates.net_rtl, *(gates.net_rtl[buffer.net] for buffer in buffers)),
        port_net=port_net,
        pin_names=(*gates.pin_names, *(pins * len(buffers))),
        pin_instance=np.append(gates.pin_instance, instances + np.repeat(np.arange(len(buffers)), 2)).astype(np.int32),
        pin_net=np.append(pin_net, new.ravel()).astype(np.int32),
        pin_is_driver=np.append(gates.pin_is_driver, np.tile([False, True], len(buffers))),
    )


def unique_name(name: str, taken: set[str]) -> str:
    """The name, with a number behind it if it is taken; it then is."""
    found, count = name, 0
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    taken.add(found)
    return found


def read_gates(path: Path, top: str, cells: Mapping[str, LibertyCell]) -> GateNetlist:
    """Read the module ``top`` of a JSON file that Yosys wrote.

    Args:
        path: the file.
        top: name of the module.
        cells: Liberty cells of all masters, for the direction of their pins.

    Raises NetlistError if the file is not such JSON, has a master or pin that ``cells`` lacks (of an unmapped cell the
    name begins with ``$``), or a net without or with several drivers.
    """
    try:
        module = json.loads(path.read_bytes())["modules"][top]
        return _gates(module, top, cells)
    except NetlistError as error:
        raise NetlistError(f"{path}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        kind = f"{type(error).__name__}: {error}"
        raise NetlistError(f"{path}: not the netlist of {top} as Yosys writes it ({kind})") from error
    except OSError as error:
        raise NetlistError(f"{path}: cannot be read: {error.strerror}") from error


def _gates(module: Mapping[str, Any], top: str, cells: Mapping[str, LibertyCell]) -> GateNetlist:
    names = _Names()
    number = dict(CONSTANT)  # of a net by its bit in the JSON
    net_names: list[str] = []
    rtl: list[list[str]] = []

    def net(bit: int | str) -> int:
        found = number.get(bit)
        if found is None:
            found = number[bit] = len(net_names)
            net_names.append("")
            rtl.append([])
        return found

    port_names: list[str] = []
    port_is_input, port_net = [], []
    for port, entry in module["ports"].items():
        plain = names.unique(port)
        for name, bit in zip(_bit_names(plain, entry), entry["bits"], strict=True):
            number_of = net(bit)
            port_names.append(name)
            port_is_input.append(entry["direction"] == "input")
            port_net.append(number_of)
            if number_of >= 0 and not net_names[number_of]:
                net_names[number_of] = name

    instance_names, masters, pin_names, pin_instance, pin_net, drives = [], [], [], [], [], []
    for instance, (cell_name, entry) in enumerate(module["cells"].items()):
        master = entry["type"]
        if master not in cells:
            raise NetlistError(f"instance {cell_name} is a {master}, which the library lacks")
        pins = cells[master].pins
        masters.append(master)
        instance_names.append(names.unique(f"g{instance}" if entry["hide_name"] else cell_name))
        for pin, bits in entry["connections"].items():
            for i, bit in enumerate(bits):
                name = pin if pin in pins else f"{pin}[{i}]"
                if name not in pins:
                    raise NetlistError(f"instance {cell_name}: {master} has no pin {name}")
                pin_names.append(name)
                pin_instance.append(instance)
                pin_net.append(net(bit))
                drives.append(pins[name].direction == "output")

    for name, entry in module["netnames"].items():
        if entry["hide_name"]:
            continue
        for rtl_name, bit in zip(_bit_names(name, entry), entry["bits"], strict=True):
            found = number.get(bit, -1)
            if found >= 0:
                rtl[found].append(rtl_name)
    for i, aliases in enumerate(rtl):
        aliases.sort(key=lambda alias: (len(alias), alias))
        net_names[i] = net_names[i] or names.unique(aliases[0] if aliases else f"n{i}")

    gates = GateNetlist(
        top=top,
        instance_names=tuple(instance_names),
        instance_masters=tuple(masters),
        net_names=tuple(net_names),
        net_rtl=tuple(map(tuple, rtl)),
        port_names=tuple(port_names),
        port_is_input=np.array(port_is_input, dtype=bool),
        port_net=np.array(port_net, dtype=np.int32),
        pin_names=tuple(pin_names),
        pin_instance=np.array(pin_instance, dtype=np.int32),
        pin_net=np.array(pin_net, dtype=np.int32),
        pin_is_driver=np.array(drives, dtype=bool),
    )
    _check_drivers(gates)
    return gates


def _check_drivers(gates: GateNetlist) -> None:
    """One driver for each net: an instance's output or an input port."""
    driving = np.concatenate([gates.pin_net[gates.pin_is_driver], gates.port_net[gates.port_is_input]])
    if driving.size and driving.min() < 0:
        raise NetlistError("an output pin or an input port is wired to a constant")
    drivers = np.bincount(driving, minlength=len(gates.net_names))
    for wrong in np.flatnonzero(drivers != 1)[:1]:
        raise NetlistError(f"net {gates.net_names[wrong]} has {drivers[wrong]} drivers, expected one")


class _Names:
    """Gives out names without special characters, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, name: str) -> str:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        if plain[:1].isdigit():
            plain = "_" + plain
        return unique_name(plain, self._taken)


def _bit_names(name: str, entry: Mapping[str, Any]) -> list[str]:
    """The names of an entry's bits, least significant first, with the indices of its declaration."""
    bits, offset = len(entry["bits"]), entry.get("offset", 0)
    if bits == 1 and not offset:
        return [name]
    order = range(offset + bits - 1, offset - 1, -1) if entry.get("upto") else range(offset, offset + bits)
    return [f"{name}[{i}]" for i in order]


def write_verilog(gates: GateNetlist, path: Path) -> None:
    """Write the netlist as one flat Verilog module, which OpenSTA, Icarus and Yosys read."""
    ports = [(base, list(bits)) for base, bits in groupby(range(len(gates.port_names)), lambda q: _base(gates, q))]
    lines = [f"module {gates.top} (", ",\n".join(f"  {base}" for base, _ in ports), ");"]
    for base, bits in ports:
        direction = "input" if gates.port_is_input[bits[0]] else "output"
        indices = [_index(gates.port_names[q]) for q in bits]
        span = "" if indices[0] is None else f"[{indices[-1]}:{indices[0]}] "
        lines.append(f"  {direction} {span}{base};")
    at_port = set(gates.port_names)
    lines += [f"  wire {name};" for name in gates.net_names if name not in at_port]
    label = {number: f"1'b{value}" for value, number in (("0", -1), ("1", -2))}
    nets = [label[net] if net < 0 else gates.net_names[net] for net in gates.pin_net.tolist()]
    start = gates.pin_start.tolist()
    for i, (name, master) in enumerate(zip(gates.instance_names, gates.instance_masters, strict=True)):
        buses: dict[str, list[str]] = {}
        for p in range(start[i], start[i + 1]):
            buses.setdefault(gates.pin_names[p].partition("[")[0], []).append(nets[p])
        pins = (f".{pin}({bits[0] if len(bits) == 1 else _concatenated(bits)})" for pin, bits in buses.items())
        lines.append(f"  {master} {name} ({', '.join(pins)});")
    for q, net in enumerate(gates.port_net.tolist()):
        source = label[net] if net < 0 else gates.net_names[net]
        if source != gates.port_names[q]:
            lines.append(f"  assign {gates.port_names[q]} = {source};")
    partial = path.with_name(path.name + ".partial")
    partial.write_text("\n".join([*lines, "endmodule", ""]))
    os.replace(partial, path)


def _base(gates: GateNetlist, port: int) -> str:
    return gates.port_names[port].partition("[")[0]


def _index(name: str) -> int | None:
    return int(name[name.index("[") + 1 : -1]) if name.endswith("]") else None


def _concatenated(bits: list[str]) -> str:
    return "{" + ", ".join(reversed(bits)) + "}"
