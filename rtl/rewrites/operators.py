"""Operator style: how adders and multipliers are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pyverilog.vparser import ast

from rtl.rewrite import Draft, Rewrite, RewriteError
from rtl.syntax import Transformer, to_verilog, walk

ADDERS = {"ripple": "ripple_adder", "carry_select": "carry_select_adder"}
MULTIPLIERS = {"carry_save": "carry_save_multiplier"}


@dataclass(frozen=True)
class AdderStyle(Rewrite):
    """Writes each ``assign x = a + b`` of words that are there as an instance of an adder."""

    adder: str
    keeps_cycles: ClassVar[bool] = True

    def apply(self, draft: Draft) -> None:
        """Change all modules."""
        _as_instances(draft, self.adder, _addition)


@dataclass(frozen=True)
class MultiplierStyle(Rewrite):
    """Writes each ``assign x = a * b`` of signed words of one width as an instance of a multiplier."""

    multiplier: str
    keeps_cycles: ClassVar[bool] = True

    def apply(self, draft: Draft) -> None:
        """Change all modules."""
        _as_instances(draft, self.multiplier, _signed_product)


Declared = dict[str, ast.Variable]
Operation = Callable[[str, ast.Node, Declared], tuple[ast.Node, str] | None]


def _addition(into: str, value: ast.Node, declared: Declared) -> tuple[ast.Node, str] | None:
    """The width of an addition of two words that need no calculation, and the name of the sum's port."""
    if type(value) is not ast.Plus or into not in declared or not (_word(value.left) and _word(value.right)):
        return None
    return _width(declared[into]), "sum"


def _signed_product(into: str, value: ast.Node, declared: Declared) -> tuple[ast.Node, str] | None:
    """The operands' width in a product of two signed words, and the name of the product's port."""
    if type(value) is not ast.Times:
        return None
    operands = [declared.get(side.name) for side in (value.left, value.right) if isinstance(side, ast.Identifier)]
    if len(operands) < 2 or any(one is None or not one.signed for one in operands):
        return None
    widths = [_width(one) for one in operands if one is not None]
    return (widths[0], "product") if to_verilog(widths[0]) == to_verilog(widths[1]) else None


def _as_instances(draft: Draft, module: str, operation: Operation) -> None:
    assigns = _Assigns(module, operation)
    for name in draft.modules:
        if name != module:
            draft.change(name, assigns)
    if not assigns.found:
        raise RewriteError(f"there is nothing in this design that a {module} could stand for")
    draft.add(module)


class _Assigns(Transformer):
    """Puts an instance of a module in the place of each continuous assignment of an operation."""

    def __init__(self, module: str, operation: Operation) -> None:
        self.module, self.operation = module, operation
        self.declared: Declared = {}
        self.found = 0

    def changes(self, tree: ast.Node) -> bool:
        self.declared = _declared(tree)
        return super().changes(tree)

    def visit_Assign(self, node: ast.Assign) -> ast.Node:
        into, value = node.left.var, node.right.var
        hit = self.operation(into.name, value, self.declared) if isinstance(into, ast.Identifier) else None
        if hit is None:
            return node
        self.found += 1
        width, port = hit
        ports = [ast.PortArg("a", value.left), ast.PortArg("b", value.right), ast.PortArg(port, into)]
        given = [ast.ParamArg("WIDTH", width)]
        instance = ast.Instance(self.module, f"{into.name}_{port}", ports, given)
        return ast.InstanceList(self.module, given, [instance])


def _declared(tree: ast.Node) -> Declared:
    """The signals of a module by name, but for names that several of its blocks have."""
    found = [node for node in walk(tree) if isinstance(node, ast.Wire | ast.Output) and node.dimensions is None]
    distinct = {(one.name, "" if one.width is None else to_verilog(one.width), one.signed): one for one in found}
    times = Counter(name for name, _, _ in distinct)
    return {name: one for (name, _, _), one in distinct.items() if times[name] == 1}


def _width(signal: ast.Variable) -> ast.Node:
    """The bits of a signal, as an expression."""
    if signal.width is None:
        return ast.IntConst("1")
    msb, lsb = signal.width.msb, signal.width.lsb
    if lsb == ast.IntConst("0"):
        if isinstance(msb, ast.IntConst):
            return ast.IntConst(str(int(msb.value) + 1))
        if type(msb) is ast.Minus and msb.right == ast.IntConst("1"):
            return msb.left
    return ast.Plus(ast.Minus(msb, lsb), ast.IntConst("1"))


def _word(node: ast.Node) -> bool:
    """Whether a word is there as it is: a signal, a part of one, or several in a row."""
    if isinstance(node, ast.Concat):
        return all(_word(one) or isinstance(one, ast.Repeat | ast.IntConst) for one in node.list)
    return isinstance(node, ast.Identifier | ast.Pointer | ast.Partselect)
