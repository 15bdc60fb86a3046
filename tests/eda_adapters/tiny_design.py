"""A small design for the tests of the back half: two registers, a NAND, an inverter, a register, a buffer, one SRAM."""

from __future__ import annotations

import numpy as np

from eda_adapters.gates import GateNetlist

_INSTANCES = {
    "r0": ("DFF_X1", {"D": "a[0]", "CK": "clk", "Q": "q0"}),
    "r1": ("DFF_X1", {"D": "a[1]", "CK": "clk", "Q": "q1"}),
    "nand": ("NAND2_X1", {"A1": "q0", "A2": "q1", "ZN": "n1"}),
    "inv": ("INV_X1", {"A": "n1", "ZN": "n2"}),
    "r2": ("DFF_X1", {"D": "n2", "CK": "clk", "Q": "q2"}),
    "buf": ("BUF_X1", {"A": "q2", "Z": "z"}),
}
_OUTPUTS = {"Q", "QN", "ZN", "Z"}


def tiny_gates() -> GateNetlist:
    """The design; nets of registers keep RTL names like ``core.q0``."""
    ports = {"clk": True, "a[0]": True, "a[1]": True, "z": False}
    nets = ["clk", "a[0]", "a[1]", "z", "q0", "q1", "n1", "n2", "q2"]
    number = {name: i for i, name in enumerate(nets)}
    pins = [(i, pin, net) for i, (_, wired) in enumerate(_INSTANCES.values()) for pin, net in wired.items()]
    return GateNetlist(
        top="tiny",
        instance_names=tuple(_INSTANCES),
        instance_masters=tuple(master for master, _ in _INSTANCES.values()),
        net_names=tuple(nets),
        net_rtl=tuple((name,) if name in ports else (f"core.{name}",) if name[0] == "q" else () for name in nets),
        port_names=tuple(ports),
        port_is_input=np.array(list(ports.values())),
        port_net=np.array([number[name] for name in ports], np.int32),
        pin_names=tuple(pin for _, pin, _ in pins),
        pin_instance=np.array([i for i, _, _ in pins], np.int32),
        pin_net=np.array([number[net] for _, _, net in pins], np.int32),
        pin_is_driver=np.array([pin in _OUTPUTS for _, pin, _ in pins]),
    )
