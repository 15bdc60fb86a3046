"""Power from switching activity and the Liberty tables.

Switching: C V^2 / 2 for each transition of a net that the design drives, C the wire's and the sinks' pins'.
Internal: the tables' energy at each pin's transition time and load; conditions (``when``) and the choice among the
inputs that may have caused an output's transition are weighted with the nets' probabilities and toggles. In a
flip-flop D and the state are not independent: they differ as often as the state toggles.
Leakage: each condition's value weighted with its probability.
Transition times follow from the Liberty tables at the actual loads, gate after gate; wires do not slow them.
The clock tree is an estimate (``clock_tree.py``), its buffers and wires part of each sum.

Dimension letters:
    E  nets of the gate netlist
    M  instances of one master
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from eda_adapters.activity import Activity
from eda_adapters.boolean import truth_table
from eda_adapters.clock_tree import ClockTree
from eda_adapters.gates import GateNetlist
from eda_adapters.liberty import InternalPower, LibertyCell, LibertyPin, Library
from eda_adapters.technology import Pdk
from placer.netlist import FloatArray, IntArray

_SLEW_ROUNDS = 5
_WORD = re.compile(r"[A-Za-z_][\w.\[\]]*")


@dataclass(frozen=True)
class Power:
    """Power of a design in W."""

    internal: float
    switching: float
    leakage: float
    macro: float  # of the total, in SRAM macros
    clock: float  # of the total, in the clock tree's buffers and wires and the clock pins' own energy
    net_switching: FloatArray  # [E] W, without the clock tree

    @property
    def total(self) -> float:
        """W."""
        return self.internal + self.switching + self.leakage


def power_of(
    gates: GateNetlist,
    library: Library,
    activity: Activity,
    wire_capacitance: FloatArray,
    pdk: Pdk,
    period: float,
    clock_net: int,
    tree: ClockTree,
) -> Power:
    """Power at a clock period.

    Args:
        gates: the netlist, and ``library``, the Liberty cells of all its masters.
        activity: of each net, in clock cycles.
        wire_capacitance: [E] fF.
        pdk: gives the supply voltage, the ports' load, and the clock buffer.
        period: ns.
        clock_net: number of the clock's net, -1 for none.
        tree: the estimated clock tree.
    """
    design = _Design(gates, library, activity, wire_capacitance, pdk, clock_net, tree)
    per_second = 1e9 / period
    energy = design.switching_energy()
    internal = leakage = macro = clock = 0.0
    for cell, members in design.groups:
        own_clock, own_other = design.internal_energy(cell, members)
        own_leakage = design.leakage(cell, members) * 1e-9
        internal += (own_clock + own_other) * 1e-15 * per_second
        leakage += own_leakage
        clock += own_clock * 1e-15 * per_second
        if cell.memory:
            macro += (own_clock + own_other) * 1e-15 * per_second + own_leakage
    tree_switching = design.tree_capacitance() * design.voltage**2 * 1e-15 * per_second
    tree_internal, tree_leakage = design.tree_cells()
    tree_internal *= 1e-15 * per_second
    net_switching = energy * 1e-15 * per_second
    return Power(
        internal=internal + tree_internal,
        switching=float(net_switching.sum()) + tree_switching,
        leakage=leakage + tree_leakage * 1e-9,
        macro=macro,
        clock=clock + tree_switching + tree_internal + tree_leakage * 1e-9,
        net_switching=net_switching,
    )


class _Design:
    """What all sums share: pins by instance, loads, transition times."""

    def __init__(
        self,
        gates: GateNetlist,
        library: Library,
        activity: Activity,
        wire_capacitance: FloatArray,
        pdk: Pdk,
        clock_net: int,
        tree: ClockTree,
    ) -> None:
        self.voltage = pdk.corner.voltage
        self.tree, self.library, self.pdk = tree, library, pdk
        nets = len(gates.net_names)
        self.nets, self.clock_net = nets, clock_net
        # Two nets more: constant 0 and constant 1; and a third for pins that are not connected.
        self.probability = np.append(activity.probability, (0.0, 1.0, 0.5))
        self.toggles = np.append(activity.toggles, (0.0, 0.0, 0.0))
        cells = [library.cells[master] for master in gates.instance_masters]
        net = np.where(gates.pin_net < 0, nets - 1 - gates.pin_net, gates.pin_net)
        self.net_of: dict[str, dict[str, IntArray]] = {}  # master to pin to [M] nets
        self.groups: list[tuple[LibertyCell, IntArray]] = []
        masters = np.array(gates.instance_masters)
        row = np.zeros(len(cells), np.int64)
        for master in sorted(set(gates.instance_masters)):
            members = np.flatnonzero(masters == master).astype(np.int32)
            row[members] = np.arange(len(members))
            cell = library.cells[master]
            self.groups.append((cell, members))
            self.net_of[master] = {name: np.full(len(members), nets + 2, np.int32) for name in cell.pins}
        load = np.append(wire_capacitance, (0.0, 0.0, 0.0))
        driven = np.zeros(nets + 3, bool)
        for instance, name, number in zip(gates.pin_instance.tolist(), gates.pin_names, net.tolist(), strict=True):
            pin = cells[instance].pins[name]
            self.net_of[cells[instance].name][name][row[instance]] = number
            load[number] += pin.capacitance
            driven[number] |= pin.direction == "output"
        np.add.at(load, gates.port_net[~gates.port_is_input], pdk.load)
        self.load, self.driven = load, driven
        self.slew = self._slews(gates)

    def switching_energy(self) -> FloatArray:
        """fJ in a cycle of each net that an instance drives, [E]; the clock's is the clock tree's."""
        energy = 0.5 * self.load * self.voltage**2 * self.toggles * self.driven
        if self.clock_net >= 0:
            energy[self.clock_net] = 0.0
        return np.asarray(energy[: self.nets], np.float64)

    def tree_capacitance(self) -> float:
        """fF of the clock tree: wires, clock pins, its buffers' inputs."""
        if self.clock_net < 0:
            return 0.0
        buffer = self.pdk.clock_buffer
        pins = self.load[self.clock_net]
        inputs = 0.0
        if buffer is not None and self.tree.buffers:
            inputs = self.tree.buffers * self.library.cells[buffer.cell].pins[buffer.input].capacitance
        return float(pins + self.tree.wire_capacitance + inputs)

    def tree_cells(self) -> tuple[float, float]:
        """Internal energy of the clock tree's buffers in fJ in a cycle, and their leakage in nW."""
        buffer = self.pdk.clock_buffer
        if buffer is None or self.tree.buffers == 0:
            return 0.0, 0.0
        cell = self.library.cells[buffer.cell]
        slew = np.array([self.slew[self.clock_net]])
        load = np.array([self.tree.leaf_load])
        groups = [*cell.pins[buffer.output].internal_power, *cell.pins[buffer.input].internal_power]
        energy = sum(float(_transition_energy(group, slew, load)[0]) for group in groups) * 2
        return self.tree.buffers * energy, self.tree.buffers * cell.leakage

    def internal_energy(self, cell: LibertyCell, members: IntArray) -> tuple[float, float]:
        """fJ in a cycle of all instances of a cell: at clock pins, and at all others."""
        nets = self.net_of[cell.name]
        at_clock = at_other = 0.0
        weights = _Conditions(self, cell)
        for pin in cell.pins.values():
            if not pin.internal_power:
                continue
            toggles, load, slew = self._pin(cell, pin, nets)
            total = np.zeros(len(members))
            weight = np.zeros(len(members))
            for group in pin.internal_power:
                related = group.related_pin
                chance = weights.probability(group.when, without=related if pin.direction == "output" else pin.name)
                group_slew = slew
                if related and pin.direction == "output":
                    source = [name for name in related.split() if name in nets]
                    chance = chance * sum(self.toggles[nets[name]] for name in source)
                    group_slew = np.mean([self.slew[nets[name]] for name in source], axis=0)
                total += chance * _transition_energy(group, group_slew, load)
                weight += chance
            if pin.direction == "output":
                even = np.mean([_transition_energy(group, slew, load) for group in pin.internal_power], axis=0)
                total = np.where(weight > 1e-12, total / np.maximum(weight, 1e-12), even)
            energy = float((total * toggles).sum())
            if pin.clock or (pin.direction == "input" and cell.sequential and pin.name in cell.sequential.clocked_on):
                at_clock += energy
            else:
                at_other += energy
        return at_clock, at_other

    def leakage(self, cell: LibertyCell, members: IntArray) -> float:
        """Leakage in nW of all instances of a cell."""
        if not cell.leakage_when:
            return cell.leakage * len(members)
        weights = _Conditions(self, cell)
        chances = [weights.probability(when, without="") for when, _ in cell.leakage_when if when]
        values = [value for when, value in cell.leakage_when if when]
        covered = np.clip(sum(chances, np.zeros(len(members))), 1e-12, None)
        known = sum((c * v for c, v in zip(chances, values, strict=True)), np.zeros(len(members)))
        over = np.maximum(covered, 1.0)
        return float((known / over + (1 - np.minimum(covered, 1.0)) * cell.leakage).sum())

    def state_toggles(self, cell: LibertyCell) -> tuple[FloatArray, FloatArray]:
        """Probability and toggles of a sequential cell's state, [M]: those of the output that shows it."""
        nets = self.net_of[cell.name]
        members = len(next(iter(nets.values())))
        probability, toggles = np.full(members, 0.5), np.zeros(members)
        assert cell.sequential is not None
        for pin in cell.pins.values():
            name = pin.function.replace(" ", "").strip("()")
            if pin.direction == "output" and name in (cell.sequential.state, cell.sequential.inverse):
                net = nets[pin.name]
                p = self.probability[net] if name == cell.sequential.state else 1 - self.probability[net]
                known = net < self.nets
                probability = np.where(known, p, probability)
                toggles = np.where(known, self.toggles[net], toggles)
        return probability, toggles

    def _pin(
        self, cell: LibertyCell, pin: LibertyPin, nets: Mapping[str, IntArray]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Toggles in a cycle, load in fF and transition time in ns at a pin, each [M]."""
        net = nets[pin.name]
        toggles = self.toggles[net]
        if pin.direction == "output" and cell.sequential is not None:
            # An output that drives nothing toggles with the state all the same.
            toggles = np.where(net < self.nets, toggles, self.state_toggles(cell)[1])
        return toggles, self.load[net], self.slew[net]

    def _slews(self, gates: GateNetlist) -> FloatArray:
        """Transition time of each net in ns: the mean over arcs of the driver's tables, until it settles."""
        slew = np.zeros(self.nets + 3)
        driver = self.library.cells.get(self.pdk.driver)
        if driver is not None:
            ports = gates.port_net[gates.port_is_input]
            at_port = [_output_slew(pin, np.zeros(len(ports)), self.load[ports]) for pin in _outputs(driver)]
            slew[ports] = at_port[0] if at_port else 0.0
        clock = np.zeros(1)  # an ideal clock without a tree has edges of no duration
        if self.clock_net >= 0:
            slew[self.clock_net] = 0.0
        buffer = self.pdk.clock_buffer
        if self.clock_net >= 0 and buffer is not None and self.tree.buffers:
            pin = self.library.cells[buffer.cell].pins[buffer.output]
            for _ in range(_SLEW_ROUNDS):
                clock = _output_slew(pin, clock, np.array([self.tree.leaf_load]))
            slew[self.clock_net] = clock[0]
        for _ in range(_SLEW_ROUNDS):
            new = slew.copy()
            for cell, _members in self.groups:
                nets = self.net_of[cell.name]
                for pin in _outputs(cell):
                    related = {name for arc in pin.timing for name in arc.related_pin.split() if name in nets}
                    into = np.mean([slew[nets[name]] for name in sorted(related)], axis=0) if related else 0.0
                    new[nets[pin.name]] = _output_slew(pin, into + np.zeros(len(_members)), self.load[nets[pin.name]])
            new[self.nets :] = 0.0
            slew = new
        return slew


class _Conditions:
    """Probabilities of a cell's ``when`` conditions for all its instances, kept while the cell is worked on."""

    def __init__(self, design: _Design, cell: LibertyCell) -> None:
        self.design, self.cell = design, cell
        self.nets = design.net_of[cell.name]
        self.members = len(next(iter(self.nets.values())))
        self._known: dict[tuple[str, ...], FloatArray] = {}
        outputs = {pin.name: pin.function for pin in cell.pins.values() if pin.direction == "output" and pin.function}
        self._outputs = outputs

    def probability(self, when: str, without: str) -> FloatArray:
        """Probability of a condition, [M]; that of pin ``without`` is 1/2, since the pin is in transition."""
        if not when:
            return np.ones(self.members)
        text = self._in_inputs(when)
        names = tuple(sorted(set(_WORD.findall(text))))
        if len(names) > 12:
            return np.full(self.members, 0.5 ** len(names))
        key = (*names, without)
        if key not in self._known:
            self._known[key] = self._minterms(names, without)
        return np.asarray(self._known[key][:, truth_table(text, names)].sum(axis=1), np.float64)

    def _in_inputs(self, when: str) -> str:
        """The condition with outputs replaced by their functions and the inverse state by the state."""
        text = _WORD.sub(lambda m: f"({self._outputs[m[0]]})" if m[0] in self._outputs else m[0], when)
        state = self.cell.sequential
        if state is None:
            return text
        return _WORD.sub(lambda m: f"(!{state.state})" if m[0] == state.inverse else m[0], text)

    def _minterms(self, names: tuple[str, ...], without: str) -> FloatArray:
        """Probability of each combination of the variables, [M, 2 ** k]."""
        state = self.cell.sequential
        combination = np.arange(2 ** len(names))
        chance = np.ones((self.members, len(combination)))
        high = {name: (combination >> i) & 1 == 1 for i, name in enumerate(names)}
        pair: tuple[str, ...] = ()
        if state is not None and state.kind == "ff" and state.state in high and state.next_state in high:
            pair = (state.state, state.next_state)
        for name in names:
            if name in pair:
                continue
            if state is not None and name == state.state:
                p = self.design.state_toggles(self.cell)[0]
            else:
                p = self.design.probability[self.nets[name]] if name in self.nets else np.full(self.members, 0.5)
            if name == without or (name in self.cell.pins and self.cell.pins[name].clock):
                p = np.full(self.members, 0.5)
            chance *= np.where(high[name], p[:, None], 1 - p[:, None])
        if pair:
            p, toggles = self.design.state_toggles(self.cell)
            differ = np.minimum(toggles, 2 * np.minimum(p, 1 - p)) / 2
            q, d = high[pair[0]], high[pair[1]]
            same = np.where(q, (p - differ)[:, None], (1 - p - differ)[:, None])
            chance *= np.where(q == d, same, differ[:, None])
        return chance


def _outputs(cell: LibertyCell) -> list[LibertyPin]:
    return [pin for pin in cell.pins.values() if pin.direction == "output"]


def _output_slew(pin: LibertyPin, slew: FloatArray, load: FloatArray) -> FloatArray:
    """Transition time at an output, [M]: the mean of its tables, at least 0."""
    tables = [
        table
        for arc in pin.timing
        for name, table in arc.tables.items()
        if name in ("rise_transition", "fall_transition")
    ]
    if not tables:
        return np.zeros(len(load))
    return np.maximum(np.mean([table.lookup(slew, load) for table in tables], axis=0), 0.0)


def _transition_energy(group: InternalPower, slew: FloatArray, load: FloatArray) -> FloatArray:
    """fJ of one transition, [M]: the mean of rise and fall."""
    tables = [table for table in (group.rise, group.fall) if table is not None]
    if not tables:
        return np.zeros(len(slew))
    return np.asarray(sum(table.lookup(slew, load) for table in tables) / 2, np.float64)
