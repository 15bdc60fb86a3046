"""Bank count: each SRAM macro as several shallower ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyverilog.vparser import ast

from rtl.rewrite import Draft, MovedWords, Rewrite, RewriteError
from rtl.sram import SramShape
from rtl.syntax import Transformer, module_items

BANK = "sram_bank"
FEWEST_WORDS = 16


@dataclass(frozen=True)
class BankCount(Rewrite):
    """Splits each macro into ``banks`` of them, by the upper address bits; only the one that is meant is enabled.

    What a macro gives stays until its next read, so the choice among them is held as well.
    """

    banks: int
    keeps_cycles: ClassVar[bool] = True

    def apply(self, draft: Draft) -> None:
        """Change the module of a bank, and the shapes of the macros."""
        shapes = {shape.module: shape for shape in draft.srams}
        for shape in shapes.values():
            if shape.words // self.banks < FEWEST_WORDS:
                raise RewriteError(
                    f"{shape.words} words in {self.banks} banks: a macro has at least {FEWEST_WORDS} words"
                )
        split = _Split(shapes, self.banks)
        draft.change(BANK, split)
        draft.moved += split.moved
        draft.srams = {
            SramShape(shape.words // self.banks, shape.bits): count * self.banks for shape, count in draft.srams.items()
        }


class _Split(Transformer):
    """Puts several macros in the place of one."""

    def __init__(self, shapes: dict[str, SramShape], banks: int) -> None:
        self.shapes, self.banks = shapes, banks
        self.moved: list[MovedWords] = []

    def visit_InstanceList(self, node: ast.InstanceList) -> ast.Node | list[ast.Node]:
        if node.module not in self.shapes:
            return node
        shape, (macro,) = self.shapes[node.module], node.instances
        words, bits = shape.words // self.banks, shape.bits
        low = (words - 1).bit_length()
        high = shape.address_bits - low
        name = macro.name
        ports = {port.portname: port.argname for port in macro.portlist}
        text = [
            f"wire [{high - 1}:0] {name}_bank;",
            f"reg [{high - 1}:0] {name}_read;",
            *(f"wire [{bits - 1}:0] {name}_dout_{i};" for i in range(self.banks)),
            f"assign {name}_bank = addr[{shape.address_bits - 1}:{low}];",
            f"always @(posedge clk) if (ce & ~we) {name}_read <= {name}_bank;",
        ]
        chosen = f"{name}_dout_{self.banks - 1}"
        for i in reversed(range(self.banks - 1)):
            chosen = f"({name}_read == {high}'d{i}) ? {name}_dout_{i} : {chosen}"
        for i in range(self.banks):
            ports_here = f".ce(ce & ({name}_bank == {high}'d{i})), .addr(addr[{low - 1}:0]), .dout({name}_dout_{i})"
            text.append(f"{SramShape(words, bits).module} {name}_{i} (.clk(clk), .we(we), .din(din), {ports_here});")
            self.moved.append(MovedWords(BANK, name, f"{name}_{i}", i * words, words))
        text.append(f"assign dout = {chosen};")
        items = module_items("\n".join(text))
        for item in items:
            _Renamed(ports).changes(item)
        return items


class _Renamed(Transformer):
    """Puts expressions in the place of signals."""

    def __init__(self, signals: dict[str, ast.Node]) -> None:
        self.signals = signals

    def visit_Identifier(self, node: ast.Identifier) -> ast.Node:
        return self.signals.get(node.name, node)
