"""A JAX function on matrices as one program: products on the arrays, all else on the vector unit, nothing on a host.

The function is traced and each of its operations becomes commands (:mod:`sim.program`). A vector is a row (an
argument, a sum or maximum over rows) or a column (a sum or maximum over columns). A truth value is 1 or 0; comparisons
are of numbers: >= holds for NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rtl import AcceleratorSpec
from rtl.vector import Limit, Reduce, Source, Steps
from sim.program import Product, Program, ProgramBuilder, ProgramError, Value, View, can_train
from sim.system_model import DRAM, Memory


def lower(spec: AcceleratorSpec, function: Callable[..., Any], *args: Any, memory: Memory = DRAM) -> Program:
    """The program that does ``function`` on these arguments.

    Args:
        spec: the accelerator, one that :func:`can_train`.
        function: JAX can trace it.
        args: arrays of float32 of up to two dimensions, or trees of them: the values of the program's inputs.
        memory: what products are cut for.

    Raises:
        ProgramError: the accelerator cannot do it.
    """
    import jax

    if not can_train(spec):
        raise ProgramError('a program takes a spec with operands = "bfloat16", vector = true and transpose = true')
    traced = jax.make_jaxpr(function)(*args)
    builder = _Lowering(spec, memory)
    results = builder.run(traced, [builder.given(value) for value in jax.tree.leaves(args)])
    for value, aval in zip(results, traced.out_avals, strict=True):
        constant = isinstance(value, float)
        view = builder.given(np.full(aval.shape, value)) if constant else builder.stored(value)
        builder.done.outputs.append(view.matrix)
    return builder.done


_INLINED = ("jit", "pjit", "closed_call", "checkpoint", "remat2", "custom_jvp_call", "custom_vjp_call")
"""Operations whose jaxpr is done once, where they stand."""


class _Lowering(ProgramBuilder):
    """Goes through a jaxpr."""

    def run(self, closed: Any, args: Sequence[Value]) -> list[Value]:
        """The results of a jaxpr."""
        jaxpr = getattr(closed, "jaxpr", closed)
        known: dict[Any, Value] = dict(zip(jaxpr.invars, args, strict=True))
        known |= zip(jaxpr.constvars, map(self.given, getattr(closed, "consts", ())), strict=True)

        def value(atom: Any) -> Value:
            return float(atom.val) if hasattr(atom, "val") else known[atom]

        for equation in jaxpr.eqns:
            values = [value(atom) for atom in equation.invars]
            if equation.primitive.name in _INLINED:
                inside = equation.params.get("jaxpr") or equation.params["call_jaxpr"]
                known |= zip(equation.outvars, self.run(inside, values), strict=True)
            else:
                known[equation.outvars[0]] = self._checked(equation, self._operation(equation, values))
        return [value(atom) for atom in jaxpr.outvars]

    def _checked(self, equation: Any, value: Value) -> Value:
        """The value of an operation, if it has the shape that JAX gives it; a number stands for any."""
        if isinstance(value, float):
            return value
        shape = equation.outvars[0].aval.shape
        got = value.shape if isinstance(value, View) else (value.left.shape[0], value.right.shape[1])
        ones = (1,) * (2 - len(shape))
        if got not in (ones + shape, shape + ones):
            raise ProgramError(f"{equation.primitive.name}: a matrix {got} stands for an array of shape {shape}")
        return value

    def _operation(self, equation: Any, values: list[Value]) -> Value:
        name, params = equation.primitive.name, equation.params
        shapes = [atom.aval.shape for atom in equation.invars]
        if name in ("stop_gradient", "copy") or (name == "convert_element_type" and params["new_dtype"] == np.float32):
            return values[0]
        if name in ("broadcast_in_dim", "reshape", "squeeze", "expand_dims"):
            return self._shaped(name, params, values[0], equation.outvars[0].aval.shape)
        if name == "transpose":
            return self._turned(values[0])
        if name == "dot_general":
            return self._product(params["dimension_numbers"], shapes, *values)
        if name in ("reduce_sum", "reduce_max"):
            if isinstance(values[0], float):
                each = math.prod(shapes[0][axis] for axis in params["axes"]) if name == "reduce_sum" else 1
                return values[0] * each
            axes = params["axes"] if len(shapes[0]) == 2 else (0, 1)
            return self.reduced(self.stored(values[0]), axes, Reduce.SUM if name == "reduce_sum" else Reduce.LARGEST)
        if name == "square" or (name == "integer_pow" and params["y"] == 2):
            return self._pair("mul", values[0], values[0])
        if name == "div" and isinstance(values[1], float) and values[1] != 0.0:
            return (
                values[0] / values[1] if isinstance(values[0], float) else self._pair("mul", values[0], 1 / values[1])
            )
        if name == "neg":
            return self._pair("mul", values[0], -1.0)
        if name == "select_n" and len(values) == 3:
            return self._chosen(*values)
        if name in ("ge", "le"):
            return self._pair("sub", 1.0, self._pair({"ge": "lt", "le": "gt"}[name], *values))
        if name == "not":
            return self._pair("sub", 1.0, values[0])
        if name in ("and", "or"):
            return self._pair({"and": "min", "or": "max"}[name], *values)
        if name == "abs":
            view = self.whole(values[0])
            return self.apply(Steps(Source.CONSTANT, limit=Limit.LARGER, limit_by_second=True), view, view, -1.0)
        if name in ("add", "add_any", "sub", "mul", "max", "min", "gt", "lt"):
            return self._pair(name, *values)
        raise ProgramError(f"{name}: no command does it; leave it to a host")

    def _shaped(self, name: str, params: Any, value: Value, shape: tuple[int, ...]) -> Value:
        if isinstance(value, float):
            return value
        view = self.whole(value)
        if len(shape) > 2:
            raise ProgramError(f"{name}: an array of shape {shape} is no matrix")
        as_column = len(shape) == 2 and params.get("broadcast_dimensions") == (0,)
        if as_column and view.shape[0] == 1 != shape[0]:
            raise ProgramError(f"{name}: a row of {view.shape[1]} numbers is taken as a column")
        as_row_of_many = len(shape) == 2 and params.get("broadcast_dimensions") == (1,)
        if as_row_of_many and view.shape[1] == 1 != shape[1]:
            raise ProgramError(f"{name}: a column of {view.shape[0]} numbers is taken as a row")
        as_row = (1,) * (2 - len(shape)) + shape
        rows, columns = as_row if len(shape) == 2 or view.shape[0] == 1 else as_row[::-1]
        wide = (rows, columns)
        if name == "broadcast_in_dim":
            return replace(view, shape=wide)
        if wide != view.shape:
            raise ProgramError(f"{name}: a matrix {view.shape} becomes one {wide}")
        return view

    def _turned(self, value: Value) -> Value:
        if isinstance(value, float):
            return value
        if isinstance(value, Product) and value.done is None:
            return Product(self._turned(value.right), self._turned(value.left))  # type: ignore[arg-type]
        view = self.whole(value)
        return View(view.matrix, view.shape[::-1], not view.turned)

    def _product(self, dimensions: Any, shapes: list[tuple[int, ...]], left: Value, right: Value) -> Product:
        (left_k, right_k), batch = dimensions
        views = [self.whole(value) for value in (left, right)]
        if any(batch) or len(left_k) != 1 or [view.shape for view in views] != shapes:
            raise ProgramError("dot_general: two matrices are multiplied along one side")
        a = views[0] if left_k == (1,) else self._turned(views[0])
        b = views[1] if right_k == (0,) else self._turned(views[1])
        return Product(a, b)  # type: ignore[arg-type]

    def _pair(self, name: str, left: Value, right: Value) -> Value:
        """An operation on two values."""
        if name == "lt":
            return self._pair("gt", right, left)
        if name == "gt":
            difference = left if right == 0.0 else self._pair("sub", left, right)
            return self._gated(1.0, difference)
        if isinstance(left, float) and isinstance(right, float):
            return {"sub": left - right, "mul": left * right, "max": max(left, right), "min": min(left, right)}.get(
                name, left + right
            )
        if isinstance(left, float) and name != "sub":
            left, right = right, left
        if isinstance(left, float):  # a number less a matrix
            return self.apply(Steps(Source.CONSTANT, Source.CONSTANT), self.whole(right), None, -1.0, left)
        view = self.whole(left)
        if isinstance(right, float):
            if name == "mul":
                return self.apply(Steps(Source.CONSTANT), view, None, right)
            if name in ("add", "add_any", "sub"):
                return self.apply(Steps(add=Source.CONSTANT), view, None, 0.0, -right if name == "sub" else right)
            if right == 0.0:
                return self.apply(Steps(limit=Limit.LARGER if name == "max" else Limit.SMALLER), view)
        other = self.whole(right)
        if isinstance(right, float):
            other = replace(other, shape=view.shape)
        steps = {
            "mul": Steps(Source.SECOND),
            "sub": Steps(add=Source.SECOND, negate=True),
            "max": Steps(limit=Limit.LARGER, limit_by_second=True),
            "min": Steps(limit=Limit.SMALLER, limit_by_second=True),
        }.get(name, Steps(add=Source.SECOND))
        if name != "sub" and view.matrix.values.size < other.matrix.values.size:
            view, other = other, view
        return self.apply(steps, view, other)

    def _gated(self, value: Value, by: Value) -> View:
        """``value`` where ``by`` is above zero, else 0."""
        gate = self.whole(by)
        if isinstance(value, float):
            row = self.given(np.full((1, gate.shape[1]), value, np.float32))
            return self.apply(Steps(limit=Limit.GATE), replace(row, shape=gate.shape), gate)
        return self.apply(Steps(limit=Limit.GATE), self.whole(value), gate)

    def _chosen(self, condition: Value, no: Value, yes: Value) -> Value:
        """``yes`` where the condition is 1, else ``no``."""
        where_no = 0.0 if no == 0.0 else self._gated(no, self._pair("sub", 1.0, condition))
        where_yes = 0.0 if yes == 0.0 else self._gated(yes, condition)
        if 0.0 in (where_no, where_yes):
            return where_yes if where_no == 0.0 else where_no
        return self._pair("add", where_no, where_yes)
