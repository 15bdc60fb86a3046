"""A program for an accelerator, for which it needs no host: matrices in memory, products, and passes between them.

Beside each command stands what it gives, bit for bit (:mod:`sim.golden`, :mod:`sim.vector`). Numbers in memory are
float32; a pass rounds them to bfloat16 before a product takes them. A transposed operand costs nothing: it is loaded
the other way round.

Dimension letters: R rows, C columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtl import AcceleratorSpec
from rtl.commands import Command
from rtl.vector import Limit, Reduce, Source, Steps, pass_command, set_command
from sim.golden import planned_product
from sim.plan import Place, commands
from sim.system_model import Memory
from sim.system_throughput import best_plan
from sim.vector import Constants, mapped

Array = NDArray[Any]


class ProgramError(ValueError):
    """An operation that no command does, or a shape that is no matrix."""

    exit_code = 2


@dataclass(frozen=True)
class Matrix:
    """A matrix in memory: its values [R, C], float32 or bfloat16; its first word, and the words from row to row."""

    values: Array
    place: tuple[int, int]


@dataclass(frozen=True)
class View:
    """A matrix, or its ``turned`` transpose, as one of ``shape``: a side of 1 stands for as many as there are."""

    matrix: Matrix
    shape: tuple[int, int]
    turned: bool = False


@dataclass
class Product:
    """A product that may still be asked for as its transpose; ``done`` once it is calculated."""

    left: View
    right: View
    done: View | None = None


Value = View | Product | float


@dataclass
class Program:
    """A program, and what it takes and gives.

    Attributes:
        spec: the accelerator.
        inputs: what must be in memory before it.
        commands: what the accelerator is told, in this order.
        outputs: what is in memory after it, the function's results in their order.
        products, passes: how many of each it has.
    """

    spec: AcceleratorSpec
    inputs: list[Matrix] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    outputs: list[Matrix] = field(default_factory=list)
    products: int = 0
    passes: int = 0


def can_train(spec: AcceleratorSpec) -> bool:
    """Whether it has what a program takes: floating point, a vector unit and transposes."""
    return spec.vector and spec.transpose and spec.operands == "bfloat16"


class ProgramBuilder:
    """Collects commands.

    Attributes:
        spec: the accelerator, one that :func:`can_train`.
        memory: what products are cut for.
        done: the program so far.
    """

    def __init__(self, spec: AcceleratorSpec, memory: Memory) -> None:
        self.spec = spec
        self.memory = memory
        self.done = Program(spec)
        self._free = 0  # the first word that nothing lies at
        self._operands: dict[Any, Matrix] = {}  # by place and shape of the matrix that they are rounded from

    def given(self, values: Any) -> View:
        """What lies in memory before the program begins; a vector is a row."""
        array = np.atleast_2d(np.asarray(values, np.float32))
        if array.ndim != 2:
            raise ProgramError(f"an array of shape {array.shape}: give matrices, vectors and numbers")
        found = self._new(array)
        self.done.inputs.append(found)
        return View(found, found.values.shape)

    def _new(self, values: Array) -> Matrix:
        """A place for a matrix."""
        stride = -(-values.shape[1] * values.itemsize * 8 // self.spec.bus_bits)
        found = Matrix(values, (self._free, stride))
        self._free += values.shape[0] * stride
        return found

    def whole(self, value: Value) -> View:
        """The value in memory, as it lies there."""
        if isinstance(value, float):
            return self.given(value)
        if isinstance(value, View):
            return value
        if value.done is None:
            left, right = self._operand(value.left), self._operand(value.right)
            act = left.values.T if value.left.turned else left.values
            weight = right.values.T if value.right.turned else right.values
            turned = (value.left.turned != self.spec.output_stationary, value.right.turned)
            plan = best_plan(self.spec, (*act.shape, weight.shape[1]), self.memory, turned)
            result = self._new(planned_product(self.spec, act, weight, plan.job[1]))
            place = Place(left.place, right.place, result.place, turned)
            self.done.commands += commands(self.spec, plan, place)
            self.done.products += 1
            value.done = View(result, result.values.shape)
        return value.done

    def stored(self, value: Value) -> View:
        """The value in memory, each of its rows and columns."""
        view = self.whole(value)
        return view if view.shape == view.matrix.values.shape and not view.turned else self.apply(Steps(), view)

    def _operand(self, view: View) -> Matrix:
        """The matrix behind a view as operands."""
        shape = view.matrix.values.shape
        if view.shape != (shape[::-1] if view.turned else shape):
            raise ProgramError("dot_general: an operand that is one row or column many times")
        key = (view.matrix.place, shape)
        if key not in self._operands:
            self._operands[key] = self.apply(Steps(narrow=True), View(view.matrix, shape)).matrix
        return self._operands[key]

    def apply(
        self, steps: Steps, first: View, second: View | None = None, factor: float = 0.0, addend: float = 0.0
    ) -> View:
        """A pass over a matrix, or a row many times, with a matrix, row, column or number."""
        rows, columns = first.shape
        if first.turned or (second is not None and second.turned):
            raise ProgramError("a transpose is asked for of what is no product, and not for one")
        if first.matrix.values.shape[1] != columns:
            raise ProgramError("a column many times is asked for, and not beside a matrix")
        at = first.matrix.place[0], first.matrix.place[1] * (first.matrix.values.shape[0] == rows)
        other, beside = np.zeros((rows, columns), np.float32), (0, 0)
        if second is not None:
            other = second.matrix.values
            if other.shape[0] not in (1, rows) or other.shape[1] not in (1, columns):
                raise ProgramError(f"a matrix {other.shape} beside one {first.shape}")
            beside = second.matrix.place[0], second.matrix.place[1] * (other.shape[0] == rows)
            steps = replace(steps, per_row=other.shape[1] == 1 != columns)
            other = np.broadcast_to(other, (rows, other.shape[1]))
        bits = [int(np.float32(number).view(np.uint32)) for number in (factor, addend)]
        values = np.broadcast_to(first.matrix.values, first.shape)
        result = mapped(self.spec, steps, values, other, Constants(bits[0], bits[1]))
        found = self._new(result)
        self.done.commands += [set_command(beside, *bits), pass_command(at, rows, columns, found.place, steps)]
        self.done.passes += 1
        return View(found, result.shape)

    def reduced(self, view: View, axes: tuple[int, ...], reduce: Reduce) -> View:
        """Sums or maxima along axes: of rows by the unit's own steps, over rows by halves until one is left."""
        if 1 in axes:
            view = self.apply(Steps(reduce=reduce), view)
        if 0 not in axes:
            return view
        both = Steps(add=Source.SECOND) if reduce == Reduce.SUM else Steps(limit=Limit.LARGER, limit_by_second=True)
        odd: list[View] = []
        while (rows := view.shape[0]) > 1:
            if rows % 2:
                odd.append(_rows(view, rows - 1, 1))
            view = self.apply(both, _rows(view, 0, rows // 2), _rows(view, rows // 2, rows // 2))
        for one in odd:
            view = self.apply(both, view, one)
        return view


def _rows(view: View, first: int, count: int) -> View:
    """Some rows of a matrix."""
    at, stride = view.matrix.place
    part = Matrix(view.matrix.values[first : first + count], (at + first * stride, stride))
    return View(part, part.values.shape)
