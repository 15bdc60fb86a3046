"""Pipeline depth: further register stages between the multiplier and the adder of each processing element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyverilog.vparser import ast

from rtl.elaborate import TOP
from rtl.rewrite import Draft, Rewrite, RewriteError
from rtl.syntax import Transformer

CUT = ("product", "first_product")
"""Registers of a processing element that lie beside one another between its second stage and its third."""

DELAYS = ("RESULT_DELAY", "DRAIN")
"""Parameters of the core that count the stages of a processing element."""


@dataclass(frozen=True)
class PipelineDepth(Rewrite):
    """Lets each register of ``cut`` in ``module`` be followed by ``stages`` more, and results be waited for longer.

    A product then takes ``stages`` cycles more. The cut has to lie across the whole module, or operands meet that do
    not belong together.
    """

    stages: int
    module: str = "pe"
    cut: tuple[str, ...] = CUT
    keeps_cycles: ClassVar[bool] = False

    def apply(self, draft: Draft) -> None:
        """Change the module, and the parameters in the top."""
        if draft.design.spec.edge == "dma":
            raise RewriteError("the model of the DMA engine's cycles knows no deeper pipeline: give edge = bus or axi4")
        stages = _Stages(self.cut, self.stages)
        draft.change(self.module, stages)
        if not stages.changed:
            raise RewriteError(f"{self.module} has no register {' or '.join(self.cut)}")
        draft.change(TOP, _More(self.stages))
        draft.latency += self.stages


class _Stages(Transformer):
    """Puts registers between what was assigned to a register and the register."""

    def __init__(self, cut: tuple[str, ...], stages: int) -> None:
        self.cut, self.stages = cut, stages

    def visit_Decl(self, node: ast.Decl) -> ast.Node | list[ast.Node]:
        more = [self._stage(one, i) for one in node.list if self._in_cut(one) for i in range(self.stages)]
        return [node, *more] if more else node

    def visit_NonblockingSubstitution(self, node: ast.NonblockingSubstitution) -> ast.Node | list[ast.Node]:
        into = node.left.var
        if not (isinstance(into, ast.Identifier) and into.name in self.cut):
            return node
        names = [*(f"{into.name}_{i}" for i in range(self.stages)), into.name]
        values = [node.right.var, *map(ast.Identifier, names)]
        return [
            ast.NonblockingSubstitution(ast.Lvalue(ast.Identifier(name)), ast.Rvalue(value))
            for name, value in zip(names, values, strict=False)
        ]

    def _in_cut(self, node: ast.Node) -> bool:
        return isinstance(node, ast.Reg) and node.name in self.cut

    def _stage(self, register: ast.Reg, number: int) -> ast.Decl:
        return ast.Decl((ast.Reg(f"{register.name}_{number}", register.width, register.signed),))


class _More(Transformer):
    """Adds to the delays that the top gives the core."""

    def __init__(self, stages: int) -> None:
        self.stages = stages

    def visit_ParamArg(self, node: ast.ParamArg) -> ast.Node:
        if node.paramname in DELAYS:
            return ast.ParamArg(node.paramname, ast.IntConst(str(int(node.argname.value) + self.stages)))
        return node
