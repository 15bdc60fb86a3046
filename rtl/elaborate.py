"""From a spec to Verilog: the sources it uses, a top with literal parameters, and the SRAM macros."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rtl.spec import OPTIONS, AcceleratorSpec
from rtl.sram import SramShape, sram_model
from rtl.syntax import check_syntax

TOP = "accelerator"
SOURCES = Path(__file__).parent / "verilog"
AXI_ID_BITS = 4


@dataclass(frozen=True)
class Design:
    """An elaborated accelerator.

    Attributes:
        top: the top module, which has no parameters.
        sources: all Verilog files, those of the SRAM macros' behavioural models included.
        sram_models: those of ``sources`` that synthesis replaces with black boxes.
        parameters: the parameters that the top gives to ``gemm_accelerator`` or ``tile_cluster``.
        srams: how many macros of each shape the design has.
        spec: the spec that it was made from.
        latency: cycles that a product takes more than the spec says, where a rewrite made the pipeline deeper.
    """

    top: str
    sources: tuple[Path, ...]
    sram_models: tuple[Path, ...]
    parameters: Mapping[str, int]
    srams: Mapping[SramShape, int]
    spec: AcceleratorSpec
    latency: int = 0

    @property
    def logic_sources(self) -> tuple[Path, ...]:
        """The sources without the SRAM macros' models: what synthesis reads."""
        return tuple(path for path in self.sources if path not in self.sram_models)

    def mapped(self, netlist: Path, cells: Sequence[Path]) -> Design:
        """The same accelerator as a synthesised netlist, to be simulated: its Verilog and that of the cells."""
        return replace(self, sources=(netlist, *cells, *self.sram_models))


def parameters(spec: AcceleratorSpec) -> dict[str, int]:
    """The parameters of what is in the top: sizes, address widths for the deepest scratchpad, delays, tiles."""
    word_bits = (spec.words_per_bank - 1).bit_length()
    deepest = max(spec.act_depth, spec.weight_depth, spec.result_depth)
    lanes = max(spec.act_lanes, spec.weight_lanes, spec.result_lanes)
    columns = spec.results_per_word
    exact = spec.operands == "int8" and not spec.output_stationary  # a partial sum no wider than its products need
    # From the sequencer's request to the result at lane 0, and from the last tile's end to the last lane's write.
    if spec.output_stationary:
        delay, drain = columns + 2, 2 * spec.rows + spec.cols + 5
    else:
        delay, drain = spec.rows + columns + 1, spec.rows + spec.cols + 5
    cluster = {"TILES": spec.tiles, "FIFO_BITS": spec.dma_words.bit_length() - 1} if spec.edge == "dma" else {}
    return {
        "ROWS": spec.rows,
        "COLS": spec.cols,
        "BUS_BITS": spec.bus_bits,
        "WORD_BITS": word_bits,
        "VECTOR_BITS": max(word_bits + 2, (deepest - 1).bit_length()),
        "LANE_BITS": max(1, (lanes - 1).bit_length()),
        "ACT_GROUPS": spec.act_banks // spec.act_lanes,
        "WEIGHT_GROUPS": spec.weight_banks // spec.weight_lanes,
        "RESULT_GROUPS": spec.result_banks // (2 * spec.result_lanes),
        "OPERAND_BITS": spec.operand_bits,
        "PSUM_BITS": 16 + (spec.rows - 1).bit_length() if exact else 32,
        "RESULT_DELAY": delay,
        "DRAIN": drain,
        **cluster,
    }


def elaborate(spec: AcceleratorSpec, out_dir: str | Path, sources: str | Path = SOURCES) -> Design:
    """Write the Verilog of one accelerator into ``out_dir`` and check that it parses.

    Args:
        spec: what to build.
        out_dir: folder for the files; it is made. Files there of the same name are replaced.
        sources: folder of the parameterised Verilog files, each with one module of the file's name; those of a
            dataflow, a format of operands, an edge or an option lie in a folder of its name. What stands in another
            file for an option alone lies between `` `ifdef VECTOR`` and `` `endif``, and is not in the text without it.

    Raises:
        RtlError: a source does not parse.
    """
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    shape = SramShape(spec.words_per_bank, spec.bus_bits)
    values = parameters(spec)
    options = [name for name in OPTIONS if getattr(spec, name)]
    names = ["", spec.dataflow, spec.operands, spec.edge, *options, *(f"{name}/{spec.operands}" for name in options)]
    paths = sorted((path for name in names for path in (Path(sources) / name).glob("*.v")), key=lambda path: path.name)
    texts = {path.name: _resolved(path.read_text(), {name.upper() for name in options}) for path in paths}
    texts["sram_bank.v"] = _bank(shape)
    texts[f"{TOP}.v"] = _top(values, spec)
    texts[f"{shape.module}.v"] = sram_model(shape)
    written = tuple(write_source(out / name, text) for name, text in texts.items())
    check_syntax(written)
    models = tuple(path for path in written if path.name == f"{shape.module}.v")
    return Design(TOP, written, models, values, {shape: spec.macros}, spec)


def _resolved(text: str, defined: Collection[str]) -> str:
    """The text with its `ifdef, `else and `endif lines, which do not nest, carried out."""
    kept, keeps = [], True
    for line in text.splitlines(keepends=True):
        directive, _, name = line.strip().partition(" ")
        if directive == "`ifdef":
            keeps = name in defined
        elif directive == "`else":
            keeps = not keeps
        elif directive == "`endif":
            keeps = True
        elif keeps:
            kept.append(line)
    return "".join(kept)


def write_source(path: Path, text: str) -> Path:
    """Write a file, which appears whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    os.replace(partial, path)
    return path


def _bank(shape: SramShape) -> str:
    return f"""// A scratchpad bank: the SRAM macro of this design.
module sram_bank (
    input  wire clk,
    input  wire ce,
    input  wire we,
    input  wire [{shape.address_bits - 1}:0] addr,
    input  wire [{shape.bits - 1}:0] din,
    output wire [{shape.bits - 1}:0] dout
);
    {shape.module} macro (
        .clk(clk),
        .ce(ce),
        .we(we),
        .addr(addr),
        .din(din),
        .dout(dout)
    );
endmodule
"""


def _top(values: Mapping[str, int], spec: AcceleratorSpec) -> str:
    assigned = ",\n".join(f"        .{name}({value})" for name, value in values.items())
    address = 4 if spec.edge == "dma" else 2 + values["VECTOR_BITS"] + values["LANE_BITS"]
    bus = _bus_ports(address, spec.bus_bits)
    outer, edge = bus, ""
    if spec.edge == "axi4":
        outer = [(kind, bits, f"s_axi_{name}") for kind, bits, name in _axi_ports(spec.bus_bits)]
        edge = _axi_port(address, spec.bus_bits, outer, bus)
    if spec.edge == "dma":
        outer = bus = [*bus, *_memory_ports(spec.bus_bits)]
        core, code = "tile_cluster", ""
    else:
        core, code = "gemm_accelerator", ",\n        .error_code(error_code)"
        edge = "    wire [2:0] error_code;\n    wire unused;\n" + (edge or "\n")
        edge += "    assign unused = &{1'b0, error_code};\n\n"
    declared = "".join(f"    {kind:<6} wire {_range(bits)}{name},\n" for kind, bits, name in outer)
    inside = "".join(f"        .{name}({name}),\n" for _, _, name in bus)
    shape = f"{spec.tiles} x {spec.rows} x {spec.cols}" if spec.edge == "dma" else f"{spec.rows} x {spec.cols}"
    return f"""// The top of the design: {shape} processing elements, {spec.macros} SRAM macros.
module {TOP} (
    input  wire clk,
    input  wire rst,
{declared}    output wire irq
);
{edge}    {core} #(
{assigned}
    ) core (
        .clk(clk),
        .rst(rst),
{inside}        .irq(irq){code}
    );
endmodule
"""


Port = tuple[str, int, str]  # direction, width, name


def _bus_ports(address_bits: int, word_bits: int) -> list[Port]:
    return [
        ("input", 1, "bus_valid"),
        ("output", 1, "bus_ready"),
        ("input", 1, "bus_write"),
        ("input", address_bits, "bus_addr"),
        ("input", word_bits, "bus_wdata"),
        ("output", 1, "bus_rvalid"),
        ("output", word_bits, "bus_rdata"),
    ]


def _memory_ports(word_bits: int) -> list[Port]:
    """The DMA engine's port: the same requests as the host's bus, the other way round."""
    return [
        ("output", 1, "mem_valid"),
        ("input", 1, "mem_ready"),
        ("output", 1, "mem_write"),
        ("output", 32, "mem_addr"),
        ("output", word_bits, "mem_wdata"),
        ("input", 1, "mem_rvalid"),
        ("input", word_bits, "mem_rdata"),
    ]


def _axi_ports(word_bits: int) -> list[Port]:
    """An AXI4 subordinate's ports, without what it has no use for (lock, cache, prot, qos, region, user)."""
    request = [("id", AXI_ID_BITS), ("addr", 32), ("len", 8), ("size", 3), ("burst", 2), ("valid", 1)]
    data = [("wdata", word_bits), ("wstrb", word_bits // 8), ("wlast", 1), ("wvalid", 1)]
    answer = [("rid", AXI_ID_BITS), ("rdata", word_bits), ("rresp", 2), ("rlast", 1), ("rvalid", 1)]
    return [
        *(("input", bits, f"aw{name}") for name, bits in request),
        ("output", 1, "awready"),
        *(("input", bits, name) for name, bits in data),
        ("output", 1, "wready"),
        *(("output", bits, name) for name, bits in (("bid", AXI_ID_BITS), ("bresp", 2), ("bvalid", 1))),
        ("input", 1, "bready"),
        *(("input", bits, f"ar{name}") for name, bits in request),
        ("output", 1, "arready"),
        *(("output", bits, name) for name, bits in answer),
        ("input", 1, "rready"),
    ]


def _axi_port(address_bits: int, word_bits: int, outer: Sequence[Port], bus: Sequence[Port]) -> str:
    wires = "".join(f"    wire {_range(bits)}{name};\n" for _, bits, name in bus)
    joined = ",\n".join(f"        .{name}({name})" for _, _, name in (*outer, *bus))
    return f"""{wires}
    axi_port #(
        .ADDR_BITS({address_bits}),
        .DATA_BITS({word_bits}),
        .BYTE_BITS({(word_bits // 8 - 1).bit_length()}),
        .ID_BITS({AXI_ID_BITS})
    ) edge_port (
        .clk(clk),
        .rst(rst),
{joined}
    );
"""


def _range(bits: int) -> str:
    return f"[{bits - 1}:0] " if bits > 1 else ""
