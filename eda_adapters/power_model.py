"""The power of a placed design for any activity: what does not change with the activity is found out once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eda_adapters.activity import Activity, net_activity, read_saif
from eda_adapters.clock_tree import ClockTree, estimate_clock_tree
from eda_adapters.gates import GateNetlist
from eda_adapters.liberty import Library
from eda_adapters.power import Power, power_of
from eda_adapters.technology import Pdk
from placer.netlist import FloatArray


@dataclass(frozen=True)
class PowerModel:
    """A placed design, as its power needs it.

    Attributes:
        gates: the netlist, and ``library``, the Liberty cells of all its masters.
        pdk: the technology.
        wire_capacitance: [E] fF of each net of ``gates``, 0 of the clock's: the clock tree's wires instead.
        tree: the estimated clock tree.
        clock: the clock's port, and ``clock_net``, its net, -1 for none.
    """

    gates: GateNetlist
    library: Library
    pdk: Pdk
    wire_capacitance: FloatArray
    tree: ClockTree
    clock: str
    clock_net: int

    @classmethod
    def of(
        cls,
        gates: GateNetlist,
        library: Library,
        pdk: Pdk,
        wire_capacitance: FloatArray,
        core_area: float,
        clock: str = "clk",
    ) -> PowerModel:
        """The model of a design with these wires.

        Args:
            gates: the netlist, and ``library``, the Liberty cells of all its masters.
            pdk: the technology.
            wire_capacitance: [E] fF, the clock's as if it were one tree of the signals' layer.
            core_area: um2 that the cells are spread over.
            clock: the clock's port.
        """
        clock_net = int(gates.port_net[gates.port_names.index(clock)]) if clock in gates.port_names else -1
        masters = gates.instance_masters
        of_clock = np.flatnonzero(gates.pin_net == clock_net) if clock_net >= 0 else np.zeros(0, np.int64)
        pins = [library.cells[masters[gates.pin_instance[p]]].pins[gates.pin_names[p]].capacitance for p in of_clock]
        length, wires = 0.0, wire_capacitance.copy()
        if clock_net >= 0:
            length = float(wires[clock_net]) / pdk.layers[pdk.signal_layer].capacitance
            wires[clock_net] = 0.0
        buffer = pdk.clock_buffer
        own = library.cells[buffer.cell].pins[buffer.input].capacitance if buffer else 0.0
        layer = pdk.layers[pdk.clock_layer]
        tree = estimate_clock_tree(len(pins), float(sum(pins)), length, core_area, layer.capacitance, own)
        return cls(gates, library, pdk, wires, tree, clock, clock_net)

    def power(self, saif: Path | None, saif_cycle: float, period: float) -> tuple[Power, Activity]:
        """The power in W at a clock period in ns, and the activity that it is for.

        Args:
            saif: activity of a simulation; None: a default activity.
            saif_cycle: ns, that simulation's clock period.
            period: ns.

        Raises InputError if the SAIF file cannot be read or is of another design.
        """
        recorded = read_saif(saif, self.gates.top) if saif is not None else None
        activity = net_activity(self.gates, self.library, recorded, saif_cycle, self.clock)
        found = power_of(
            self.gates,
            self.library,
            activity,
            self.wire_capacitance,
            self.pdk,
            period,
            self.clock_net,
            self.tree,
        )
        return found, activity
