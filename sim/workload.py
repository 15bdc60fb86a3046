"""What is to be computed: the matrix products of a program, and everything else that it does.

A workload comes from a JAX function through its jaxpr, or from the published shapes of a network. Matrix products and
convolutions become :class:`LayerOp`; all other operations are counted by primitive, so that nothing is dropped unseen.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

MOVEMENT = frozenset(
    [
        "broadcast_in_dim",
        "concatenate",
        "convert_element_type",
        "copy",
        "copy_p",
        "dynamic_slice",
        "dynamic_update_slice",
        "gather",
        "iota",
        "pad",
        "reshape",
        "name",
        "optimization_barrier",
        "random_unwrap",
        "random_wrap",
        "reduce_precision",
        "rev",
        "scatter",
        "slice",
        "squeeze",
        "stack",
        "split",
        "stop_gradient",
        "transpose",
        "unstack",
        "device_put",
        "bitcast_convert_type",
    ]
)
"""Primitives that move data and calculate nothing."""


TWO, ONE, REDUCE = "map two", "map one", "reduce"
PASSES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("add", "add_any", "sub", "mul", "max", "min", "square", "abs", "and", "or"), (TWO,)),
    **dict.fromkeys(("neg", "not", "exp", "tanh", "logistic", "erf"), (ONE,)),
    **dict.fromkeys(("gt", "lt"), (TWO, TWO)),
    **dict.fromkeys(("ge", "le"), (TWO, TWO, ONE)),
    "select_n": (ONE, TWO, TWO, TWO),
    "reduce_sum": (REDUCE,),
    "reduce_max": (REDUCE,),
}
"""Primitives on floating-point numbers and truth values that a vector unit does: the passes of each, with the operands
of an element. :mod:`sim.lowering` makes all but exp, tanh, logistic and erf, for which the unit has commands, too:
they are tables, whose loading is not counted."""


PASSABLE = ("float32", "bfloat16", "float16", "bool")
"""Types of operands that a vector unit takes, truth values as 1 and 0."""


@dataclass(frozen=True)
class LayerOp:
    """A product of an m x k by a k x n matrix, done ``count`` times."""

    name: str
    m: int
    k: int
    n: int
    count: int
    kind: Literal["gemm", "conv"] = "gemm"

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of all ``count`` products."""
        return self.m * self.k * self.n * self.count


@dataclass(frozen=True)
class Workload:
    """The operations of one step.

    Attributes:
        name: what it is.
        ops: the matrix products, equal shapes merged.
        other_ops: primitive to elements that it calculates (a reduction: elements that it reads).
        moved: primitive to elements that it moves.
        unbounded_loops: ``while`` loops whose trips the program does not say; their bodies are counted once.
        passes: what a vector unit can do of ``other_ops``: kind as in PASSES, rows, columns; to how often. A
            reduction has a row for each result; what is reduced counts as if it lay side by side.
        passed: how many of ``other_ops`` that is.
    """

    name: str
    ops: tuple[LayerOp, ...]
    other_ops: Mapping[str, int]
    moved: Mapping[str, int]
    unbounded_loops: int = 0
    passes: Mapping[tuple[str, int, int], int] = field(default_factory=dict)
    passed: int = 0

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of all matrix products."""
        return sum(op.macs for op in self.ops)

    @property
    def flops(self) -> int:
        """Two floating-point operations for each multiply-accumulate of the matrix products."""
        return 2 * self.macs

    @property
    def other(self) -> int:
        """Elements calculated outside of matrix products."""
        return sum(self.other_ops.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values that ``from_json`` reads back."""
        return {
            "name": self.name,
            "ops": [[op.name, op.m, op.k, op.n, op.count, op.kind] for op in self.ops],
            "other_ops": dict(self.other_ops),
            "moved": dict(self.moved),
            "unbounded_loops": self.unbounded_loops,
            "passes": [[*key, count] for key, count in self.passes.items()],
            "passed": self.passed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Workload:
        """The workload that ``to_json`` wrote."""
        ops = tuple(LayerOp(*op) for op in data["ops"])
        passes = {(kind, rows, columns): count for kind, rows, columns, count in data.get("passes", [])}
        counted = (data["other_ops"], data["moved"], data["unbounded_loops"])
        return cls(data["name"], ops, *counted, passes, data.get("passed", 0))


def from_jax(function: Callable[..., Any], *args: Any, name: str, trips: int = 1) -> Workload:
    """Trace a JAX function and count what its jaxpr does, forwards and backwards as it is written there.

    What no output depends on is left out, as XLA does. Loops with a known length (``scan``) count their body as often
    as it runs; of the branches of ``cond`` the one with the most matrix work counts. A convolution counts as the matrix
    products of its unrolled windows (im2col), per group: zeros of the padding are multiplied, and zeros that the
    gradient of a strided convolution puts between its inputs are not.

    Args:
        function: any function that ``jax.make_jaxpr`` traces.
        args: its arguments, or arrays of their shapes.
        name: of the workload.
        trips: how often the body of a ``while`` loop counts, whose length the program does not say.
    """
    import jax
    from jax.interpreters import partial_eval

    jaxpr = jax.make_jaxpr(function)(*args).jaxpr
    live, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    counter = _Counter(trips)
    counter.walk(live, 1)
    ops = tuple(
        LayerOp(f"{kind} {m}x{k}x{n}", m, k, n, count, kind) for (m, k, n, kind), count in counter.products.items()
    )
    counted = (dict(counter.other), dict(counter.moved), counter.unbounded, dict(counter.passes), counter.passed)
    return Workload(name, ops, *counted)


class _Counter:
    """Walks through a jaxpr and those inside it."""

    def __init__(self, trips: int) -> None:
        self.trips = trips
        self.products: Counter[tuple[int, int, int, Literal["gemm", "conv"]]] = Counter()
        self.other: Counter[str] = Counter()
        self.moved: Counter[str] = Counter()
        self.passes: Counter[tuple[str, int, int]] = Counter()
        self.passed = 0
        self.unbounded = 0

    def walk(self, jaxpr: Any, times: int) -> None:
        for equation in jaxpr.eqns:
            primitive = equation.primitive.name
            if primitive == "dot_general":
                self._dot(equation, times)
            elif primitive == "conv_general_dilated":
                self._convolution(equation, times)
            elif primitive == "cond":
                branches = [self._counted(branch.jaxpr) for branch in equation.params["branches"]]
                self._merge(max(branches, key=_Counter._weight), times)
            elif primitive == "while":
                self.unbounded += 1
                self.walk(equation.params["body_jaxpr"].jaxpr, times * self.trips)
                self.walk(equation.params["cond_jaxpr"].jaxpr, times * self.trips)
            elif primitive.startswith(("reduce", "scatter", "select_and_")):  # their inner jaxpr is one element's
                self._elements(equation, times)
            elif inner := _inner(equation.params):
                length = equation.params["length"] if primitive == "scan" else 1
                for one in inner:
                    self.walk(one, times * length)
            else:
                self._elements(equation, times)

    def _elements(self, equation: Any, times: int) -> None:
        """Count what is read (reductions), written into (scatters, their updates alone), or else made."""
        primitive = equation.primitive.name
        if primitive.startswith("scatter"):
            counted = equation.invars[2:]
        elif primitive.startswith(("reduce", "select_and_", "argm", "cum", "sort", "top_k")):
            counted = equation.invars
        else:
            counted = equation.outvars
        size = max((math.prod(v.aval.shape) for v in counted), default=0)
        (self.moved if primitive in MOVEMENT else self.other)[primitive] += times * size
        if primitive in PASSES and size and str(equation.invars[-1].aval.dtype) in PASSABLE:
            self.passed += times * size
            for kind in PASSES[primitive]:
                rows = math.prod(equation.outvars[0].aval.shape) if kind == REDUCE else 1
                self.passes[kind, rows, size // rows] += times

    def _dot(self, equation: Any, times: int) -> None:
        (left_k, right_k), (left_batch, right_batch) = equation.params["dimension_numbers"]
        left, right = (v.aval.shape for v in equation.invars)
        m = _product(left, set(left_k) | set(left_batch))
        n = _product(right, set(right_k) | set(right_batch))
        k = math.prod(left[d] for d in left_k)
        count = math.prod(left[d] for d in left_batch)
        if m * n * k * count:
            self.products[m, k, n, "gemm"] += times * count

    def _convolution(self, equation: Any, times: int) -> None:
        given = equation.params
        numbers = given["dimension_numbers"]
        groups = given["feature_group_count"] * given["batch_group_count"]
        kernel, out = equation.invars[1].aval.shape, equation.outvars[0].aval.shape
        features_out, features_in = kernel[numbers.rhs_spec[0]], kernel[numbers.rhs_spec[1]]
        per_dimension = [
            _taps(out[o], kernel[w], *rest).items()
            for o, w, *rest in zip(
                numbers.out_spec[2:],
                numbers.rhs_spec[2:],
                given["window_strides"],
                (low for low, _ in given["padding"]),
                given["lhs_dilation"],
                given["rhs_dilation"],
                strict=True,
            )
        ]
        for combination in product(*per_dimension):
            window = math.prod(taps for taps, _ in combination)
            pixels = out[numbers.out_spec[0]] * math.prod(outputs for _, outputs in combination)
            if pixels * window * features_in * features_out:
                self.products[pixels, features_in * window, features_out // groups, "conv"] += times * groups

    def _counted(self, jaxpr: Any) -> _Counter:
        counter = _Counter(self.trips)
        counter.walk(jaxpr, 1)
        return counter

    def _weight(self) -> tuple[int, int]:
        macs = sum(m * k * n * count for (m, k, n, _), count in self.products.items())
        return macs, self.other.total()

    def _merge(self, other: _Counter, times: int) -> None:
        for mine, theirs in (
            (self.products, other.products),
            (self.other, other.other),
            (self.moved, other.moved),
            (self.passes, other.passes),
        ):
            for key, count in theirs.items():
                mine[key] += times * count  # type: ignore[index]
        self.unbounded += other.unbounded
        self.passed += times * other.passed


def _taps(outputs: int, window: int, stride: int, low: int, dilation: int, window_dilation: int) -> Counter[int]:
    """For one dimension of a convolution: how many outputs see how many inputs that are not zeros in between.

    Output o starts at o * stride - low of the dilated input, whose elements lie at multiples of ``dilation``.
    """
    counted: Counter[int] = Counter()
    for output in range(outputs):
        start = output * stride - low
        counted[sum((start + tap * window_dilation) % dilation == 0 for tap in range(window))] += 1
    return counted


def _inner(params: Mapping[str, Any]) -> list[Any]:
    """The jaxprs among an equation's parameters (of jit, scan, remat, custom derivatives)."""
    found = []
    for value in params.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            if hasattr(one, "eqns"):
                found.append(one)
            elif hasattr(one, "jaxpr") and hasattr(one.jaxpr, "eqns"):
                found.append(one.jaxpr)
    return found


def _product(shape: Sequence[int], without: set[int]) -> int:
    return math.prod(size for d, size in enumerate(shape) if d not in without)
