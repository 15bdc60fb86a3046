"""Write Circuit Training's netlist in protobuf text form; ``placer.formats.protobuf`` reads it."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from placer.formats import protobuf_names as names_of
from placer.formats.protobuf import METADATA, file_index, typed
from placer.netlist import Netlist, NodeKind, Orientation, Placement


def write_netlist(path: Path | str, netlist: Netlist, placement: Placement) -> None:
    """Write a netlist with a placement as Circuit Training's protobuf text; gzipped if the name ends in ``.gz``.

    What ``read_netlist`` reads from the file is equal to what was written, but for the canvas. Attributes that came
    from another format are written as they are.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    opened: Any = gzip.open if path.suffix == ".gz" else open
    with opened(partial, "wt", encoding="utf-8", newline="\n") as file:
        file.writelines(_entries(netlist, placement))
    os.replace(partial, path)


def _entries(netlist: Netlist, placement: Placement) -> Iterator[str]:
    """The text of each entry, in the file's order."""
    if METADATA in netlist.attributes:
        yield _entry(METADATA, [], {}, netlist.attributes[METADATA])
    kind, flip = netlist.node_kind, placement.orientation
    flat = bool((kind == NodeKind.CELL).any())
    pin_count = len(netlist.pin_names)
    driven = np.full(pin_count, -1, np.int64)
    driven[netlist.net_pins[netlist.net_start[:-1]]] = np.arange(len(netlist.net_weight))
    own = np.isin(kind, (NodeKind.PORT, NodeKind.CELL))[netlist.pin_node]
    own_pin = np.full(len(netlist.node_names), -1, np.int64)
    own_pin[netlist.pin_node[own]] = np.flatnonzero(own)
    macro_pins = np.flatnonzero(~own)
    order = np.full(len(netlist.node_names) + len(macro_pins), -1, np.int64)
    order[file_index(netlist)] = np.arange(len(netlist.node_names))
    order[order < 0] = -1 - macro_pins
    sign = np.stack([np.where(np.isin(flip, (1, 3)), -1.0, 1.0), np.where(np.isin(flip, (2, 3)), -1.0, 1.0)], axis=1)
    at = placement.position[netlist.pin_node] + netlist.pin_offset * sign[netlist.pin_node]

    def fields_of_net(pin: int) -> tuple[list[str], dict[str, str]]:
        net = int(driven[pin]) if pin >= 0 else -1
        if net < 0:
            return [], {}
        sinks = netlist.net_pins[netlist.net_start[net] + 1 : netlist.net_start[net + 1]].tolist()
        weight = float(netlist.net_weight[net])
        return [netlist.pin_names[s] for s in sinks], {} if weight == 1.0 else {"weight:f": repr(weight)}

    for code in order.tolist():
        if code < 0:
            pin = -1 - code
            node = int(netlist.pin_node[pin])
            upper = kind[node] == NodeKind.HARD and not flat
            sinks, extra = fields_of_net(pin)
            values = {
                "macro_name": netlist.node_names[node],
                "type": "MACRO_PIN" if upper else "macro_pin",
                "x:f": repr(float(at[pin, 0])),
                "x_offset:f": repr(float(netlist.pin_offset[pin, 0])),
                "y:f": repr(float(at[pin, 1])),
                "y_offset:f": repr(float(netlist.pin_offset[pin, 1])),
            }
            name = netlist.pin_names[pin]
            yield _entry(name, sinks, values | extra, netlist.attributes.get(name, {}))
            continue
        name = netlist.node_names[code]
        more = netlist.attributes.get(name, {})
        sinks, extra = fields_of_net(int(own_pin[code]))
        x, y = placement.position[code].tolist()
        values = {
            "x:f": repr(x),
            "y:f": repr(y),
            "type": _type_word(int(kind[code]), flat and "ref_name" in more, flat),
        }
        if kind[code] != NodeKind.PORT:
            width, height = netlist.node_size[code].tolist()
            values |= {"width:f": repr(width), "height:f": repr(height)}
        if kind[code] == NodeKind.HARD or flip[code] != Orientation.N:
            values["orientation"] = Orientation(int(flip[code])).name
        yield _entry(name, sinks, values | extra, more)


def _type_word(kind: int, lower_macro: bool, flat: bool) -> str:
    if kind == NodeKind.HARD:
        return "macro" if lower_macro else "MACRO"
    if kind == NodeKind.PORT:
        return "port" if flat else "PORT"
    return "macro" if kind == NodeKind.SOFT else "stdcell"


def _entry(name: str, sinks: list[str], values: Mapping[str, str], more: Mapping[str, str]) -> str:
    """One node of the file; keys are sorted, as Circuit Training writes them."""
    lines = ["node {\n", f'  name: "{names_of.escape(name)}"\n']
    lines += [f'  input: "{names_of.escape(sink)}"\n' for sink in sinks]
    merged = {**values, **more}
    for key in sorted(merged):
        bare, _, field = key.rpartition(":") if typed(key) else (key, "", "placeholder")
        quoted = field in ("placeholder", "s")
        value = f'"{names_of.escape(merged[key])}"' if quoted else merged[key]
        attribute = (
            f'  attr {{\n    key: "{names_of.escape(bare)}"\n    value {{\n      {field}: {value}\n    }}\n  }}\n'
        )
        lines.append(attribute)
    lines.append("}\n")
    return "".join(lines)
