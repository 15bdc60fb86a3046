"""From standard cells to soft macros: groups of cells, and the clustered netlist that they give.

Grouping follows Circuit Training's (Mirhoseini et al., Nature 594, 2021; open description in TILOS MacroPlacement,
``CodeElements/Grouping``), with Mt-KaHyPar as the partitioner.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placer.netlist import InputError, IntArray, Netlist, NodeKind, Placement

BLOATING = 2.0
"""Area of a soft macro over the area of its cells: soft macros are half full."""
MOST_SINKS = 500
"""Nets with more sinks are dropped: clocks and resets, which are built by other means than placement."""
_METADATA = {"__metadata__": {"soft_macro_area_bloating_ratio:f": repr(BLOATING)}}


def read_groups(path: str | Path, netlist: Netlist) -> IntArray:
    """Group of each node [N], -1 for none, from a file with one number per line.

    A line stands for an entry of the file that the flat netlist was read from, macro pins included.

    Raises:
        InputError: the file cannot be read, has another number of lines, or a line is no whole number.
    """
    try:
        lines = Path(path).read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    macro_pins = np.isin(netlist.node_kind, (NodeKind.HARD, NodeKind.SOFT))[netlist.pin_node].sum()
    entries = len(netlist.node_names) + int(macro_pins)
    if len(lines) != entries:
        raise InputError(f"{path}: expected {entries} lines, one for each entry of the netlist, found {len(lines)}")
    groups = np.empty(entries, np.int32)
    for line, text in enumerate(lines):
        try:
            groups[line] = int(text)
        except (ValueError, OverflowError):
            raise InputError(f"{path}:{line + 1}: expected a group's number, found {text[:60]!r}") from None
    return groups[: len(netlist.node_names)] if netlist.node_index is None else groups[netlist.node_index]


def group(flat: Netlist, placement: Placement, groups: IntArray) -> tuple[Netlist, Placement]:
    """The clustered netlist of a flat one, and where its nodes lie.

    Each group k with cells becomes a soft macro ``Grp_k``: width that of a grid cell, area BLOATING times that of its
    cells, placed at their mean weighted by area, with one input pin ``Grp_k/Pinput``. For each cell the set of its
    distinct external sinks (ports, macro pins, other groups' input pins) is formed. Cells with exactly one are merged
    with the others of their group that have the same, into ``Grp_k/Poutput_single_i`` whose net's weight is the sum of
    theirs; a cell with several gets ``Grp_k/Poutput_multi_i`` for itself. Nets with more than MOST_SINKS sinks are
    dropped. Macros and ports stay as they are, whatever their group.

    Args:
        flat: hard macros, ports and cells; its canvas gives the width of soft macros.
        placement: of the flat netlist.
        groups: [N] group of each node; only those of cells matter.

    Raises:
        InputError: a cell has no group.
    """
    is_cell = flat.node_kind == NodeKind.CELL
    if groups.shape != is_cell.shape:
        raise InputError(f"expected a group for each of {len(is_cell)} nodes, found an array of {groups.shape}")
    for node in np.flatnonzero(is_cell & (groups < 0))[:1]:
        raise InputError(f"cell {flat.node_names[node]}: expected a group of 0 or more, found {groups[node]}")
    numbers = np.unique(groups[is_cell])  # of groups with cells, ascending
    kept = np.flatnonzero(~is_cell)  # nodes that stay
    kept_pins = np.flatnonzero(~is_cell[flat.pin_node])
    outputs = _outputs(flat, groups, is_cell)

    # Pins: those that stay, then for each group its outputs and its input.
    pin_names = [flat.pin_names[pin] for pin in kept_pins.tolist()]
    new_node = np.full(len(is_cell), -1, np.int32)
    new_node[kept] = np.arange(len(kept))
    pin_node = new_node[flat.pin_node[kept_pins]].tolist()
    new_pin = np.full(len(flat.pin_names), -1, np.int64)
    new_pin[kept_pins] = np.arange(len(kept_pins))
    drivers: list[int] = []  # new number of each net's driver
    sinks: list[NDArray[np.int64]] = []  # keys of its sinks
    weights: list[float] = []
    for pin, keys, weight in outputs.kept:
        drivers.append(int(new_pin[pin]))
        sinks.append(keys)
        weights.append(weight)
    input_pin = np.full(int(numbers.max(initial=-1)) + 1, -1, np.int64)  # of each group
    group_pins = []
    for index, k in enumerate(numbers.tolist()):
        first = len(pin_names)
        for suffix, found in (("multi", outputs.multi.get(k, [])), ("single", outputs.single.get(k, []))):
            for i, (keys, weight) in enumerate(found):
                drivers.append(len(pin_names))
                sinks.append(keys)
                weights.append(weight)
                pin_names.append(f"Grp_{k}/Poutput_{suffix}_{i}")
        input_pin[k] = len(pin_names)
        pin_names.append(f"Grp_{k}/Pinput")
        group_pins.append(len(pin_names) - first)
        pin_node += [len(kept) + index] * group_pins[-1]

    # Nets, in the order of their drivers.
    degree = np.array([len(keys) + 1 for keys in sinks], np.int64)
    net_start = np.concatenate([[0], np.cumsum(degree)])
    net_pins = np.empty(net_start[-1], np.int64)
    is_driver = np.zeros(len(net_pins), np.bool_)
    is_driver[net_start[:-1]] = True
    net_pins[is_driver] = drivers
    keys = np.concatenate([np.zeros(0, np.int64), *sinks])
    as_pin = np.full(len(keys), -1, np.int64)
    as_pin[keys >= 0] = new_pin[keys[keys >= 0]]
    as_pin[keys < 0] = input_pin[-1 - keys[keys < 0]]
    net_pins[~is_driver] = as_pin

    index_of = np.searchsorted(numbers, groups[is_cell])
    area = flat.node_size[is_cell].prod(axis=1)
    total = np.bincount(index_of, area, len(numbers))
    heaviness = np.maximum(total, np.finfo(np.float64).tiny)[:, None]
    centre = np.stack(
        [np.bincount(index_of, area * placement.position[is_cell, axis], len(numbers)) for axis in (0, 1)], axis=1
    )
    width = flat.canvas.width / flat.canvas.columns
    size = np.stack([np.full(len(numbers), width), total * BLOATING / width], axis=1)
    offsets = np.zeros((len(pin_names), 2))
    offsets[: len(kept_pins)] = flat.pin_offset[kept_pins]
    netlist = Netlist(
        name=flat.name,
        canvas=flat.canvas,
        node_names=(*(flat.node_names[node] for node in kept.tolist()), *(f"Grp_{k}" for k in numbers.tolist())),
        node_kind=np.concatenate([flat.node_kind[kept], np.full(len(numbers), NodeKind.SOFT, np.int8)]),
        node_size=np.concatenate([flat.node_size[kept], size]),
        node_fixed=np.concatenate([flat.node_fixed[kept], np.zeros(len(numbers), np.bool_)]),
        pin_names=tuple(pin_names),
        pin_node=np.array(pin_node, np.int32),
        pin_offset=offsets,
        net_start=net_start.astype(np.int32),
        net_pins=net_pins.astype(np.int32),
        net_weight=np.array(weights, np.float64),
        attributes=_METADATA | _kept_attributes(flat, kept),
        node_index=_file_index(flat, is_cell, kept, np.array(group_pins, np.int64)),
    )
    where = np.concatenate([placement.position[kept], centre / heaviness])
    turned = np.concatenate([placement.orientation[kept], np.zeros(len(numbers), np.int8)])
    return netlist, Placement(where, turned)


class _Outputs:
    """Nets of the clustered netlist by driver, each as keys of its sinks and weight.

    A key is -1 - k for the input pin of group k, else the number of a pin that stays. Ascending keys give the order
    that the published netlists have: groups downwards, then pins in file order.
    """

    def __init__(self) -> None:
        self.kept: list[tuple[int, NDArray[np.int64], float]] = []  # pin of the flat netlist that drives
        self.multi: dict[int, list[tuple[NDArray[np.int64], float]]] = {}  # by group, in the order of its cells
        self.single: dict[int, list[tuple[NDArray[np.int64], float]]] = {}  # by group, in the order of keys


def _outputs(flat: Netlist, groups: IntArray, is_cell: NDArray[np.bool_]) -> _Outputs:
    fanout = np.diff(flat.net_start) - 1
    used = (fanout > 0) & (fanout <= MOST_SINKS)
    net_of = np.repeat(np.arange(len(fanout)), fanout + 1)
    is_sink = np.ones(len(flat.net_pins), np.bool_)
    is_sink[flat.net_start[:-1]] = False
    chosen = is_sink & used[net_of]
    sink, net = flat.net_pins[chosen], net_of[chosen]
    source = flat.net_pins[flat.net_start[:-1]][net].astype(np.int64)  # driver pin
    source_node, sink_node = flat.pin_node[source].astype(np.int64), flat.pin_node[sink]
    key = np.where(is_cell[sink_node], -1 - groups[sink_node].astype(np.int64), sink)
    by_cell = is_cell[source_node]
    inside = by_cell & is_cell[sink_node] & (groups[source_node] == groups[sink_node])
    weight = flat.net_weight[net]

    outputs = _Outputs()
    for pin, keys, heaviest in _distinct(source[~by_cell], key[~by_cell], weight[~by_cell]):
        outputs.kept.append((pin, keys, heaviest))
    chosen = by_cell & ~inside
    merged: dict[tuple[int, int], float] = {}
    for cell, keys, heaviest in _distinct(source_node[chosen], key[chosen], weight[chosen]):
        k = int(groups[cell])
        if len(keys) > 1:
            outputs.multi.setdefault(k, []).append((keys, heaviest))
        else:
            merged[k, int(keys[0])] = merged.get((k, int(keys[0])), 0.0) + heaviest
    for (k, one), total in sorted(merged.items()):
        outputs.single.setdefault(k, []).append((np.array([one], np.int64), total))
    return outputs


def _distinct(
    owner: NDArray[np.int64], key: NDArray[np.int64], weight: NDArray[np.float64]
) -> list[tuple[int, NDArray[np.int64], float]]:
    """Each owner, ascending, with its distinct keys, ascending, and its largest weight."""
    if not len(owner):
        return []
    order = np.lexsort((key, owner))
    owner, key, weight = owner[order], key[order], weight[order]
    new_owner = np.diff(owner, prepend=owner[0] - 1) != 0
    first = np.flatnonzero(new_owner)
    heaviest = np.maximum.reduceat(weight, first)
    keep = new_owner | (np.diff(key, prepend=key[0] - 1) != 0)
    count = np.add.reduceat(keep.astype(np.int64), first)
    parts = np.split(key[keep], np.cumsum(count)[:-1])
    return list(zip(owner[first].tolist(), parts, heaviest.tolist(), strict=True))


def _kept_attributes(flat: Netlist, kept: NDArray[np.int64]) -> dict[str, Mapping[str, str]]:
    """What the flat netlist's file said of the nodes that stay."""
    names = (flat.node_names[node] for node in kept.tolist())
    return {name: flat.attributes[name] for name in names if name in flat.attributes}


def _file_index(
    flat: Netlist, is_cell: NDArray[np.bool_], kept: NDArray[np.int64], group_pins: NDArray[np.int64]
) -> IntArray | None:
    """Number of each node as ``.plc`` files count; the groups follow what stays, each before its pins."""
    if flat.node_index is None:
        return None
    cells = np.sort(flat.node_index[is_cell])
    staying = flat.node_index[kept] - np.searchsorted(cells, flat.node_index[kept])
    pins = np.isin(flat.node_kind, (NodeKind.HARD, NodeKind.SOFT))[flat.pin_node].sum()
    first = len(kept) + int(pins)
    starts = first + np.cumsum(group_pins + 1) - (group_pins + 1)
    return np.concatenate([staying, starts]).astype(np.int32)
