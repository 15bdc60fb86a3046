"""Truth tables of Liberty's Boolean expressions (functions of outputs, conditions of power groups)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from placer.netlist import BoolArray, InputError

_TOKEN = re.compile(r"\s*([A-Za-z_][\w.\[\]]*|[01()!'^&*+|])")

_DEEPEST = 150


def truth_table(expression: str, names: Sequence[str]) -> BoolArray:
    """The value of an expression for every combination of its variables.

    Args:
        expression: in Liberty's notation: ``!`` and ``'`` not; ``&``, ``*`` or a blank and; ``^`` xor; ``+``, ``|`` or.
            ``!`` binds most, then ``^``, and, or (Liberty reference, "function").
        names: the k variables; variable i is bit i of a combination's number.

    Returns an array of shape [2 ** k]. InputError if the expression has another variable or is not well formed.
    """
    return _table(expression, tuple(names))


@lru_cache(maxsize=4096)
def _table(expression: str, names: tuple[str, ...]) -> BoolArray:
    parser = _Parser(expression, names)
    if expression.count("(") + expression.count("!") > _DEEPEST:
        parser.fail(f"has more than {_DEEPEST} parentheses and negations")
    value = parser.either()
    if parser.token:
        parser.fail(f"expected the end, found {parser.token!r}")
    value.setflags(write=False)
    return value


class _Parser:
    """Recursive descent; each value is a column of the truth table."""

    def __init__(self, expression: str, names: tuple[str, ...]) -> None:
        self.expression, self.names, self.at = expression, names, 0
        self.minterms = np.arange(2 ** len(names))
        self.token = ""
        self.advance()

    def fail(self, what: str) -> InputError:
        raise InputError(f"Liberty expression {self.expression!r}: {what}")

    def advance(self) -> None:
        match = _TOKEN.match(self.expression, self.at)
        if match is None:
            if self.expression[self.at :].strip():
                self.fail(f"cannot be read at {self.expression[self.at :]!r}")
            self.token = ""
            return
        self.token, self.at = match[1], match.end()

    def either(self) -> BoolArray:
        value = self.both()
        while self.token in ("+", "|"):
            self.advance()
            value = value | self.both()
        return value

    def both(self) -> BoolArray:
        value = self.odd()
        while self.token and self.token not in "+|)^'":
            if self.token in ("&", "*"):
                self.advance()
            value = value & self.odd()
        return value

    def odd(self) -> BoolArray:
        value = self.factor()
        while self.token == "^":
            self.advance()
            value = value ^ self.factor()
        return value

    def factor(self) -> BoolArray:
        if self.token == "!":
            self.advance()
            return ~self.factor()
        if self.token == "(":
            self.advance()
            value = self.either()
            if self.token != ")":
                self.fail("a parenthesis is not closed")
            self.advance()
        elif self.token in ("0", "1"):
            value = np.full(len(self.minterms), self.token == "1")
            self.advance()
        elif self.token in self.names:
            value = (self.minterms >> self.names.index(self.token)) & 1 == 1
            self.advance()
        else:
            self.fail(f"expected a variable, found {self.token!r}" if self.token else "ends too early")
        while self.token == "'":
            self.advance()
            value = ~value
        return value
