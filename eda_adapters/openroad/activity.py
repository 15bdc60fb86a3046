"""Switching activity for OpenROAD: the same that the embedded flow computes power with."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from eda_adapters.activity import Activity
from eda_adapters.gates import GateNetlist


def write_activity(path: Path, gates: GateNetlist, activity: Activity, clock: str) -> None:
    """Write the activity of each net but the clock's as Tcl, set at the pin or port that drives the net.

    Nets that OpenROAD makes later (buffers) get theirs from these by its own propagation.
    """
    toggles = np.round(activity.toggles, 6).tolist()
    duty = np.round(np.clip(activity.probability, 0.0, 1.0), 6).tolist()
    clock_net = int(gates.port_net[gates.port_names.index(clock)]) if clock in gates.port_names else -1
    lines = []
    for q in np.flatnonzero(gates.port_is_input & (gates.port_net >= 0) & (gates.port_net != clock_net)).tolist():
        net = int(gates.port_net[q])
        port = f"[get_ports {{{gates.port_names[q]}}}]"
        lines.append(f"set_power_activity -input_ports {port} -activity {toggles[net]:g} -duty {duty[net]:g}")
    for p in np.flatnonzero(gates.pin_is_driver & (gates.pin_net >= 0)).tolist():
        net = int(gates.pin_net[p])
        if net != clock_net:
            pin = f"{gates.instance_names[gates.pin_instance[p]]}/{gates.pin_names[p]}"
            lines.append(f"chiploop_activity {{{pin}}} {toggles[net]:g} {duty[net]:g}")
    partial = path.with_name(path.name + ".partial")
    partial.write_text("\n".join(lines) + "\n")
    os.replace(partial, path)
