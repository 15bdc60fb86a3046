"""SRAM macros: one read-write port, synchronous; the behavioural model that is simulated and the black box."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class SramShape:
    """The shape of an SRAM macro: `words` words (a power of two) of `bits` bits."""

    words: int
    bits: int

    @property
    def module(self) -> str:
        """The name of the macro's module."""
        return f"sram_{self.words}x{self.bits}"

    @property
    def address_bits(self) -> int:
        """The width of the port ``addr``."""
        return (self.words - 1).bit_length()


def sram_blackbox(shape: SramShape) -> str:
    """The macro's Verilog module with its ports and without contents, for synthesis."""
    return f"(* blackbox *)\n{_header(shape)}endmodule\n"


def sram_model(shape: SramShape) -> str:
    """The macro's behavioural Verilog model.

    A cycle with ``ce`` writes ``din`` when ``we`` is high and else reads: ``dout`` has the word after the clock edge
    and keeps it until the next read.
    """
    return (
        f"// SRAM macro of {shape.words} words of {shape.bits} bits: one read-write port, synchronous.\n"
        + _header(shape).replace("output wire", "output reg ")
        + f"    reg [{shape.bits - 1}:0] mem [0:{shape.words - 1}];\n\n"
        "    always @(posedge clk) begin\n"
        "        if (ce) begin\n"
        "            if (we)\n"
        "                mem[addr] <= din;\n"
        "            else\n"
        "                dout <= mem[addr];\n"
        "        end\n"
        "    end\n"
        "endmodule\n"
    )


def _header(shape: SramShape) -> str:
    width = max(len(f"[{shape.bits - 1}:0]"), len(f"[{shape.address_bits - 1}:0]"))
    ports = [
        ("input  wire", 1, "clk"),
        ("input  wire", 1, "ce"),
        ("input  wire", 1, "we"),
        ("input  wire", shape.address_bits, "addr"),
        ("input  wire", shape.bits, "din"),
        ("output wire", shape.bits, "dout"),
    ]
    lines = [f"    {kind} {f'[{bits - 1}:0]' if bits > 1 else '':<{width}} {name}" for kind, bits, name in ports]
    return f"module {shape.module} (\n" + ",\n".join(lines) + "\n);\n"
