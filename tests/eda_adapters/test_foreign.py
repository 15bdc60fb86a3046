"""Designs from elsewhere: mapped Verilog keeps its cells, RTL is mapped, hard macros are found or missed by name."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from eda_adapters.floorplan import floorplan
from eda_adapters.foreign import library_macros, read_verilog
from eda_adapters.gates import NetlistError, write_verilog
from eda_adapters.implement import implement
from eda_adapters.liberty import read_liberty
from eda_adapters.pdk import load_pdk
from eda_adapters.synthesis import quoted, yosys_command
from eda_adapters.tool import ToolError, run_tool
from placer.formats.lef import read_lef
from placer.netlist import InputError

pytestmark = pytest.mark.eda
PDK = load_pdk("nangate45")
MAPPED = r"""
module part (a, y);
  input a; output y;
  INV_X4 \odd.name[0] (.A(a), .ZN(y));
endmodule
module top (clk, addr, q);
  input clk; input [5:0] addr; output [31:0] q;
  wire n0;
  part p0 (.a(addr[0]), .y(n0));
  fakeram45_64x32 \bank (.clk(clk), .addr_in({addr[5:1], n0}), .ce_in(1'b1), .we_in(1'b0), .w_mask_in(32'b0),
    .wd_in(32'b0), .rd_out(q));
endmodule
"""
RTL = """
module top (input clk, input [5:0] addr, output reg [7:0] sum);
  wire [31:0] q;
  fakeram45_64x32 bank (.clk(clk), .addr_in(addr), .ce_in(1'b1), .we_in(1'b0), .w_mask_in(32'b0), .wd_in(32'b0),
    .rd_out(q));
  always @(posedge clk) sum <= sum + q[7:0];
endmodule
"""

CHAIN = """
module chain (input [47:0] pick, input [47:0] a, output y);
  wire [48:0] link;
  assign link[48] = 1'b0;
  genvar i;
  generate for (i = 0; i < 48; i = i + 1) begin : each
    assign link[i] = pick[i] ? a[i] : link[i + 1];
  end endgenerate
  assign y = link[0];
endmodule
"""


@pytest.fixture
def macros(shared: Path) -> tuple:
    folder = shared / "pdk" / "fakeram45"
    if not folder.is_dir():
        pytest.skip(f"no macros at {folder}")
    return library_macros(folder, ["fakeram45_64x32"])


def test_mapped_netlist_keeps_its_cells(macros: tuple, tmp_path: Path) -> None:
    (tmp_path / "top.v").write_text(MAPPED)
    gates = read_verilog([tmp_path / "top.v"], "top", PDK, macros, tmp_path / "out")
    kinds = Counter(gates.instance_masters)
    assert kinds["INV_X4"] == 1
    assert kinds["fakeram45_64x32"] == 1
    assert set(kinds) <= {"INV_X4", "fakeram45_64x32", "LOGIC0_X1", "LOGIC1_X1"}
    assert len(gates.port_names) == 1 + 6 + 32
    inverter = gates.instance_masters.index("INV_X4")
    output = next(
        p for p in range(len(gates.pin_names)) if gates.pin_instance[p] == inverter and gates.pin_names[p] == "ZN"
    )
    sinks = np.flatnonzero((gates.pin_net == gates.pin_net[output]) & ~gates.pin_is_driver)
    assert [gates.pin_names[p] for p in sinks] == ["addr_in[0]"]


def test_rtl_is_mapped(macros: tuple, tmp_path: Path) -> None:
    (tmp_path / "top.v").write_text(RTL)
    gates = read_verilog([tmp_path / "top.v"], "top", PDK, macros, tmp_path / "out", period_ns=2.0)
    kinds = Counter(gates.instance_masters)
    assert sum(count for master, count in kinds.items() if master.startswith("DFF")) == 8
    assert kinds["fakeram45_64x32"] == 1
    assert not any(master.startswith("$") for master in kinds)


def test_what_is_wrong_is_named(macros: tuple, tmp_path: Path) -> None:
    source = tmp_path / "top.v"
    source.write_text("module top (input a, output y);\n  INV_X4 i (.A(a), .ZN(y)\nendmodule\n")
    with pytest.raises(ToolError, match=r"top\.v:3"):
        read_verilog([source], "top", PDK, macros, tmp_path / "out")
    source.write_text("module top (input a, output y);\n  assign y = ~a;\nendmodule\n")
    with pytest.raises(NetlistError, match=r"gates\.json: .* is a \$not, which the library lacks"):
        read_verilog([source], "top", PDK, macros, tmp_path / "out")
    with pytest.raises(InputError, match=r"expected fakeram45_1x1\.lef"):
        library_macros(tmp_path, ["fakeram45_1x1"])


def test_asap7_whose_library_is_packed_and_in_picoseconds(tmp_path: Path) -> None:
    """A multiplier and adder of 8 bits between registers at 7 nm: below a nanosecond, above a hundred picoseconds."""
    if not os.environ.get("ORFS_ROOT"):
        pytest.skip("ORFS_ROOT is not set")
    pdk = load_pdk("asap7")
    (tmp_path / "mac.v").write_text(
        "module mac (input clk, input [7:0] a, b, output reg [15:0] y);\n  reg [7:0] p, q;\n"
        "  always @(posedge clk) begin p <= a; q <= b; y <= p * q + y; end\nendmodule\n"
    )
    gates = read_verilog([tmp_path / "mac.v"], "mac", pdk, [], tmp_path / "out", period_ns=0.5)
    netlist, start = floorplan(gates, read_lef(*pdk.lefs), pdk)
    ppa = implement(gates, netlist, start, pdk, [], 0.5, tmp_path / "ppa")
    assert 0.1 < ppa.metrics["finish__timing__setup__min_period"] < 1.0
    assert 1e-6 < ppa.metrics["finish__power__total"] < 1e-2


def test_a_chain_of_multiplexers_becomes_a_tree_of_the_same_function(tmp_path: Path) -> None:
    source, mapped = tmp_path / "chain.v", tmp_path / "mapped.v"
    source.write_text(CHAIN)
    gates = read_verilog([source], "chain", PDK, (), tmp_path / "out", period_ns=0.2)
    cells = read_liberty(*PDK.corner.liberty).cells
    output = [
        cells[gates.instance_masters[i]].pins[n].direction == "output" if i >= 0 else False
        for i, n in zip(gates.pin_instance, gates.pin_names, strict=True)
    ]
    driver = {net: i for net, i, out in zip(gates.pin_net, gates.pin_instance, output, strict=True) if out}
    graph = nx.DiGraph(
        (driver[net], i)
        for net, i, out in zip(gates.pin_net, gates.pin_instance, output, strict=True)
        if not out and net in driver
    )
    assert nx.dag_longest_path_length(graph) < 20  # a chain has 48
    write_verilog(gates, mapped)
    liberty = " ".join(quoted(path) for path in PDK.corner.liberty)
    (tmp_path / "prove.ys").write_text(
        f"read_verilog {source}\nrename chain gold\nread_liberty -ignore_miss_func {liberty}\nread_verilog {mapped}\n"
        "rename chain gate\nproc\nflatten gold gate\nmiter -equiv -flatten gold gate both\n"
        "sat -verify -prove trigger 0 both\n"
    )
    command, _ = yosys_command()
    run_tool([*command, "prove.ys"], cwd=tmp_path, log=tmp_path / "prove.log", timeout_s=120, name="yosys")
