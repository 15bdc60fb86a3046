"""Drive strength after synthesis: ABC knows neither the SRAM macros' pins nor how far away the macros will lie.

A flip-flop of least size that drives the data pins of a dozen macros across the die would decide the clock period
whatever the placement. Here each driver gets the smallest member of its family of cells that carries an estimate of its
load; where none does, the macros' pins get a buffer of their own. The clock stays as it is: it gets a tree later.

Dimension letters as in :mod:`eda_adapters.gates`.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from eda_adapters.gates import GateNetlist, InsertedBuffer, liberty_pins, with_buffers
from eda_adapters.liberty import LibertyCell
from eda_adapters.pdk import Pdk
from placer.netlist import FloatArray, IntArray

_SHARE = 0.5  # of its largest load is what a driver is given: twice that is where Nangate45's transitions reach 0.2 ns
_UTILISATION = 0.5  # of the die, for its size
_LOCAL_UM = 12.0  # wire to a sink that is a standard cell
_PASSES = 4


def strengthen(gates: GateNetlist, cells: Mapping[str, LibertyCell], pdk: Pdk) -> GateNetlist:
    """The netlist with drivers that carry their loads, the same in function.

    Wire length is estimated, before any placement: 12 um to each standard cell, and for n points (the driver, each
    macro pin, each port) anywhere in a die of side S half the perimeter of their box, 2 S (n - 1) / (n + 1) on average.
    """
    families = families_of(cells, pdk)
    for _ in range(_PASSES):
        far_load, load = _loads(gates, cells, pdk)
        stronger = _stronger(gates, cells, families, load)
        if stronger == gates.instance_masters:
            break
        gates = dataclasses.replace(gates, instance_masters=stronger)
    return _buffered(gates, cells, families[pdk.buffer.cell], pdk, far_load, load)


def families_of(cells: Mapping[str, LibertyCell], pdk: Pdk) -> dict[str, list[str]]:
    """Cells that can stand for each other (same pins, same functions), from the weakest to the strongest."""
    found: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for cell in cells.values():
        pins = tuple(sorted((pin.name, pin.direction, pin.function, pin.three_state) for pin in cell.pins.values()))
        usable = cell.name not in pdk.dont_use and not cell.dont_use
        if usable or cell.name == pdk.buffer.cell:
            found[(pins, cell.sequential)].append(cell.name)
    families = {}
    for names in found.values():
        names.sort(key=lambda name: (_largest_load(cells[name]), cells[name].area, name))
        families.update(dict.fromkeys(names, names))
    return families


def _largest_load(cell: LibertyCell) -> float:
    """The least of the cell's outputs' largest loads, in fF."""
    return min((pin.max_capacitance for pin in cell.pins.values() if pin.direction == "output"), default=math.inf)


def _loads(gates: GateNetlist, cells: Mapping[str, LibertyCell], pdk: Pdk) -> tuple[FloatArray, FloatArray]:
    """Estimated loads [E] in fF: of the macros' pins and the wire to them; of all. Clock nets have none."""
    nets = len(gates.net_names)
    sink = ~gates.pin_is_driver & (gates.pin_net >= 0)
    pins = liberty_pins(gates, cells)
    capacitance = np.array([pin.capacitance for pin in pins])
    clock = np.array([pin.clock for pin in pins], dtype=bool)
    macro = _at_macro(gates, cells)
    out = gates.port_net[~gates.port_is_input]
    ports = np.bincount(out[out >= 0], minlength=nets)

    def total(chosen: np.ndarray, weights: FloatArray | None = None) -> FloatArray:
        chosen_weights = None if weights is None else weights[chosen]
        return np.bincount(gates.pin_net[chosen], chosen_weights, minlength=nets).astype(float)

    area = sum(cells[master].area for master in gates.instance_masters)
    side = math.sqrt(area / _UTILISATION)
    points = total(sink & macro) + ports + 1
    per_um = pdk.layers[pdk.signal_layer].capacitance
    far = total(sink & macro, capacitance) + ports * pdk.load + per_um * 2 * side * (points - 1) / (points + 1)
    local = total(sink & ~macro, capacitance) + per_um * _LOCAL_UM * total(sink & ~macro)
    ideal = total(sink & clock) > 0
    return np.where(ideal, 0.0, far), np.where(ideal, 0.0, far + local)


def _at_macro(gates: GateNetlist, cells: Mapping[str, LibertyCell]) -> np.ndarray:
    """Whether each pin [P] is of a macro."""
    macro = np.array([cells[master].memory for master in gates.instance_masters], dtype=bool)
    return macro[gates.pin_instance]


def _drivers(gates: GateNetlist) -> IntArray:
    """The instance that drives each net [E]; -1 for an input port."""
    driver = np.full(len(gates.net_names), -1, dtype=np.int32)
    driver[gates.pin_net[gates.pin_is_driver]] = gates.pin_instance[gates.pin_is_driver]
    return driver


def _stronger(
    gates: GateNetlist, cells: Mapping[str, LibertyCell], families: Mapping[str, list[str]], load: FloatArray
) -> tuple[str, ...]:
    """Masters [I]: of each family the first that carries its load, or the strongest."""
    driver = _drivers(gates)
    worst = np.zeros(len(gates.instance_names))
    np.maximum.at(worst, driver[driver >= 0], load[driver >= 0])
    masters = list(gates.instance_masters)
    for i, master in enumerate(masters):
        if worst[i] > _SHARE * _largest_load(cells[master]) and not cells[master].memory:
            family = families.get(master, [master])
            masters[i] = _carrying(family, cells, worst[i])
    return tuple(masters)


def _carrying(family: list[str], cells: Mapping[str, LibertyCell], load: float) -> str:
    return next((name for name in family if _SHARE * _largest_load(cells[name]) >= load), family[-1])


def _buffered(
    gates: GateNetlist,
    cells: Mapping[str, LibertyCell],
    family: list[str],
    pdk: Pdk,
    far_load: FloatArray,
    load: FloatArray,
) -> GateNetlist:
    """A buffer between each driver that is still too weak and the macro pins on its net."""
    driver = _drivers(gates)
    limit = np.array(
        [_SHARE * _largest_load(cells[gates.instance_masters[i]]) if i >= 0 else math.inf for i in driver.tolist()]
    )
    at_macro = _at_macro(gates, cells) & ~gates.pin_is_driver & (gates.pin_net >= 0)
    weak: dict[int, list[int]] = {net: [] for net in np.flatnonzero(load > limit).tolist()}
    for pin in np.flatnonzero(at_macro).tolist():
        weak.get(int(gates.pin_net[pin]), []).append(pin)
    buffers = [
        InsertedBuffer(net, _carrying(family, cells, far_load[net]), tuple(pins)) for net, pins in weak.items() if pins
    ]
    return with_buffers(gates, buffers, (pdk.buffer.input, pdk.buffer.output), "to_macros")
