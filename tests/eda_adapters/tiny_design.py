"""A small design for the tests of the back half: two registers, a NAND, an inverter, a register, a buffer, one SRAM."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from eda_adapters.floorplan import core_of, floorplan
from eda_adapters.gates import GateNetlist, write_verilog
from eda_adapters.openroad.design import PhysicalDesign, core_box, placed_macros, placed_ports
from eda_adapters.pdk import load_pdk
from eda_adapters.sram import SramMacro, generate_sram
from placer.formats.lef import LefLibrary, read_lef
from placer.netlist import Netlist, NodeKind, Orientation, Placement
from rtl.sram import SramShape

PDK = load_pdk("nangate45")

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


@dataclass(frozen=True)
class Case:
    """A placed design, as OpenROAD gets it."""

    sram: SramMacro
    library: LefLibrary
    netlist: Netlist
    placement: Placement
    design: PhysicalDesign


def tiny_case(folder: Path) -> Case:
    """The tiny design with two macros that nothing is wired to, ready for OpenROAD; its files go to ``folder``."""
    sram = generate_sram(SramShape(64, 32), PDK, folder)
    plain = tiny_gates()
    gates = replace(
        plain,
        instance_names=(*plain.instance_names, "bank0", "bank1"),
        instance_masters=(*plain.instance_masters, sram.name, sram.name),
    )
    library = read_lef(*PDK.lefs, sram.lef)
    netlist, start = floorplan(gates, library, PDK)
    hard = netlist.nodes(NodeKind.HARD)
    position, orientation = start.position.copy(), start.orientation.copy()
    position[hard] = netlist.node_size[hard] / 2 + [(9.5, 14.0), (9.5, 70.0)]
    orientation[hard] = [Orientation.N, Orientation.FS]
    placement = Placement(position, orientation)
    write_verilog(gates, folder / "netlist.v")
    (folder / "constraints.sdc").write_text("create_clock -period 2 [get_ports clk]\n")
    design = PhysicalDesign(
        top=gates.top,
        verilog=folder / "netlist.v",
        sdc=folder / "constraints.sdc",
        lefs=(*PDK.lefs, sram.lef),
        liberty=(*PDK.corner.liberty, sram.lib),
        die=(0.0, 0.0, netlist.canvas.width, netlist.canvas.height),
        core=core_box(core_of(netlist.canvas, library, PDK)),
        macros=placed_macros(netlist, placement),
        ports=placed_ports(gates, netlist, placement, library, PDK),
    )
    return Case(sram, library, netlist, placement, design)
