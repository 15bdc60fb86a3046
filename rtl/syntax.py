"""Verilog-2005 as pyverilog's syntax trees: reading, walking, changing and writing them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pyverilog.ast_code_generator.codegen import ASTCodeGenerator
from pyverilog.vparser import ast
from pyverilog.vparser.parser import ParseError, VerilogParser


class RtlError(ValueError):
    """Verilog that does not parse; the message has file, line and what the parser met."""

    exit_code = 2


def read_verilog(path: Path) -> ast.Source:
    """The syntax tree of a file; RtlError with file and line where it does not parse."""
    return _parse(path.read_text(), str(path))


def check_syntax(paths: Sequence[Path]) -> None:
    """Parse Verilog-2005 files with pyverilog; raise RtlError with file and line at the first that does not parse."""
    for path in paths:
        read_verilog(path)


def module_items(text: str) -> list[ast.Node]:
    """The trees of what may stand in a module's body."""
    return list(_parse(f"module snippet;\n{text}\nendmodule\n", "snippet").description.definitions[0].items)


def to_verilog(tree: ast.Node) -> str:
    """The text of a tree, without comments."""
    lines = (line.rstrip() for line in _Writer(indentsize=4).visit(tree).splitlines())
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip() + "\n"


def walk(tree: ast.Node) -> Iterator[ast.Node]:
    """A node and all below it, each once."""
    seen: set[int] = set()
    stack = [tree]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            stack += _below(node)


class Transformer:
    """Changes a tree in place, from the leaves up.

    A subclass has methods ``visit_X`` for nodes of class X: each gets the node, its children changed already, and gives
    what stands in its place: itself, another node, or, where nodes stand in a row, several or none as a list. Who
    changes a node without putting another one in its place sets ``changed``.
    """

    changed = False

    def changes(self, tree: ast.Node) -> bool:
        """Change what is below a node; whether that did anything. A node that is shared is visited once."""
        self.changed = False
        self._done: dict[int, tuple[ast.Node, Any]] = {}
        self._visit(tree)
        return self.changed

    def _visit(self, node: ast.Node) -> Any:
        if id(node) not in self._done:
            for name, value in list(vars(node).items()):
                if isinstance(value, ast.Node):
                    setattr(node, name, self._visit(value))
                elif isinstance(value, list | tuple):
                    setattr(node, name, type(value)(self._row(value)))
            method = getattr(self, f"visit_{type(node).__name__}", None)
            found = method(node) if method else node
            self.changed |= found is not node
            self._done[id(node)] = node, found
        return self._done[id(node)][1]

    def _row(self, row: Sequence[Any]) -> Iterator[Any]:
        for one in row:
            found = self._visit(one) if isinstance(one, ast.Node) else one
            yield from found if isinstance(found, list) else [found]


def _below(node: ast.Node) -> list[ast.Node]:
    rows = (value if isinstance(value, list | tuple) else [value] for value in vars(node).values())
    return [one for row in rows for one in row if isinstance(one, ast.Node)]


class _Writer(ASTCodeGenerator):
    """pyverilog's writer, with what it loses: ``[base +: width]``, empty statements, ends of lines in ``generate``.

    The parser makes a range whose second bound begins with the very node of the first one of the former, and an event
    without signals of the latter.
    """

    def visit_Partselect(self, node: ast.Partselect) -> str:
        for kind, sign in ((ast.Plus, "+:"), (ast.Minus, "-:")):
            if isinstance(node.lsb, kind) and node.lsb.left is node.msb:
                return f"{self.visit(node.var)}[{self.visit(node.msb)} {sign} {self.visit(node.lsb.right)}]"
        return str(super().visit_Partselect(node))

    def visit_GenerateStatement(self, node: ast.GenerateStatement) -> str:
        return "\n".join(["generate", *map(self.visit, node.items), "endgenerate\n"])

    def visit_EventStatement(self, node: ast.EventStatement) -> str:
        return ";" if node.senslist.list[0].type == "all" else str(super().visit_EventStatement(node))


def _parse(text: str, name: str) -> ast.Source:
    parser = _parser()
    parser.lexer.filename = name
    parser.lexer.reset_lineno()
    try:
        return parser.parse(text)
    except ParseError as error:
        where, _, what = str(error).partition(": ")
        line = where.partition("line:")[2].partition(" ")[0]
        where = f"{name}:{line}" if line else name
        raise RtlError(f"{where}: Verilog syntax error {what}; Verilog-2005 is expected") from error


@cache
def _parser() -> VerilogParser:
    with tempfile.TemporaryDirectory() as tables:  # of the parser generator: about a second to make
        return VerilogParser(outputdir=tables, debug=False)
