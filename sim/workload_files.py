"""Workloads from files: SCALE-Sim's CSV of products or convolutions, ONNX, JAX functions, JSON of a run of the loop."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.workload import ONE, REDUCE, TWO, LayerOp, Workload, from_jax

DIGITS = 12
"""That a size or count may have: no workload has larger ones, and products of a few of them are still exact."""

GEMM_COLUMNS = ("layer", "m", "n", "k")
CONV_COLUMNS = (
    "layer name",
    "ifmap height",
    "ifmap width",
    "filter height",
    "filter width",
    "channels",
    "num filter",
    "strides",
)
ONNX_MOVEMENT = frozenset(
    [
        "Cast",
        "Concat",
        "Constant",
        "ConstantOfShape",
        "DepthToSpace",
        "Expand",
        "Flatten",
        "Gather",
        "Identity",
        "Pad",
        "Reshape",
        "Shape",
        "Slice",
        "SpaceToDepth",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
    ]
)
"""ONNX operators that move data and calculate nothing."""

ONNX_PRODUCTS = {
    "Conv": (0, 1),
    "ConvInteger": (0, 1),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearConv": (0, 3),
    "QLinearMatMul": (0, 3),
}
"""ONNX operators that are one kind of product, and which of their inputs are its operands."""

ONNX_REFUSED = frozenset(["Attention", "ConvTranspose", "DeformConv", "Einsum", "GRU", "LSTM", "RNN"])
"""ONNX operators with products in them that are not worked out: to count them as anything else would drop those."""


class WorkloadError(ValueError):
    """A file that is no workload; the message names file, place and remedy."""

    exit_code = 2


def read_workloads(path: str | Path, batch: int = 1) -> list[Workload]:
    """The workloads in a file, by its ending: ``.csv``, ``.onnx``, ``.py`` or ``.json``.

    Args:
        path: the file.
        batch: size of the dimensions that an ONNX model leaves open.

    Raises:
        WorkloadError: the file cannot be read or is not what its ending says.
    """
    file = Path(path)
    readers = {".csv": _csv, ".onnx": lambda given: _onnx(given, batch), ".py": _jax, ".json": _json}
    reader = readers.get(file.suffix)
    if reader is None:
        raise WorkloadError(f"{file}: expected a file that ends in {', '.join(readers)}")
    try:
        return reader(file)
    except OSError as error:
        raise WorkloadError(f"{file}: cannot read the workload: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WorkloadError(f"{file}: it is not UTF-8 text") from error


def _jax(file: Path) -> list[Workload]:
    """What a Python file has as ``function``, called with its ``args``: it is traced, not calculated."""
    source = file.read_text()
    names: dict[str, Any] = {"__name__": file.stem, "__file__": str(file)}
    try:
        exec(compile(source, str(file), "exec"), names)
        if missing := {"function", "args"} - names.keys():
            raise WorkloadError(f"{file}: there is no {min(missing)!r}: define `function`, and `args`, a tuple for it")
        return [from_jax(names["function"], *names["args"], name=file.stem)]
    except WorkloadError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's program raises
        line = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise WorkloadError(f"{file}: it cannot be run and traced: {line}") from error


def _csv(file: Path) -> list[Workload]:
    with file.open(newline="") as source:
        reader = csv.reader(source, strict=True)
        try:
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
        except csv.Error as error:
            raise WorkloadError(f"{file}:{reader.line_num}: not a table of comma-separated values: {error}") from error
    filled = [(number, row) for number, row in rows if any(row)]
    if not filled:
        raise WorkloadError(f"{file}: it is empty; the first line names the columns: {', '.join(GEMM_COLUMNS)}")
    header = tuple(cell.lower() for cell in filled[0][1] if cell)
    if header[: len(GEMM_COLUMNS)] == GEMM_COLUMNS:
        ops = [_gemm(file, number, row) for number, row in filled[1:]]
    elif header[: len(CONV_COLUMNS)] == CONV_COLUMNS:
        ops = [_conv(file, number, row) for number, row in filled[1:]]
    else:
        raise WorkloadError(
            f"{file}:{filled[0][0]}: the columns are not SCALE-Sim's: expected {', '.join(GEMM_COLUMNS)}"
            f" or {', '.join(CONV_COLUMNS)}"
        )
    if not ops:
        raise WorkloadError(f"{file}:{filled[0][0]}: there is no layer after the line of columns")
    return [Workload(file.stem, tuple(ops), {}, {})]


def _gemm(file: Path, number: int, row: Sequence[str]) -> LayerOp:
    m, n, k = _numbers(file, number, row, GEMM_COLUMNS)
    return LayerOp(row[0], m, k, n, 1)


def _conv(file: Path, number: int, row: Sequence[str]) -> LayerOp:
    height, width, window_y, window_x, channels, filters, stride = _numbers(file, number, row, CONV_COLUMNS)
    pixels = [(side - window) // stride + 1 for side, window in ((height, window_y), (width, window_x))]
    if min(pixels) < 1:
        raise WorkloadError(f"{file}:{number}: the filter of {row[0]} is larger than its input")
    return LayerOp(row[0], math.prod(pixels), channels * window_y * window_x, filters, 1, "conv")


def _numbers(file: Path, number: int, row: Sequence[str], columns: Sequence[str]) -> list[int]:
    found = []
    for name, cell in zip(columns[1:], [*row[1:], *[""] * len(columns)], strict=False):
        if not (cell.isascii() and cell.isdigit() and len(cell) <= DIGITS and int(cell)):
            raise WorkloadError(
                f"{file}:{number}: {name} is {cell[:60]!r}: expected a whole number above 0 and below 10^{DIGITS}"
            )
        found.append(int(cell))
    return found


def _json(file: Path) -> list[Workload]:
    try:
        data = json.loads(file.read_text())
        found = [Workload.from_json(one) for one in ([data] if "ops" in data else data.values())]
        for workload in found:
            _check(workload)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WorkloadError(
            f"{file}: not a workload ({error}); expected what a run has in gen-000/workloads/workloads.json"
        ) from error
    return found


def _check(workload: Workload) -> None:
    """Raise ValueError where a workload from a file holds what none can hold."""
    names = [workload.name, *(op.name for op in workload.ops)]
    if not all(isinstance(name, str) for name in names) or not re.fullmatch(r"\w[^/]*", workload.name):
        raise ValueError(f"name is {workload.name!r}: it must do for a file's name")
    kinds = {str(op.kind) for op in workload.ops} - {"gemm", "conv"}
    kinds |= {kind for kind, *_ in workload.passes} - {TWO, ONE, REDUCE}
    if kinds:
        raise ValueError(f"{kinds.pop()!r} is no kind of operation")
    sizes = [size for op in workload.ops for size in (op.m, op.k, op.n, op.count)]
    sizes += [size for (_, *shape), count in workload.passes.items() for size in (*shape, count)]
    for size in sizes:
        if type(size) is not int or not 0 < size < 10**DIGITS:
            raise ValueError(f"{size!r} is no size or count: it must be whole, above 0 and below 10^{DIGITS}")
    counts = [*workload.other_ops.values(), *workload.moved.values(), workload.unbounded_loops, workload.passed]
    for count in counts:
        if type(count) is not int or count < 0:
            raise ValueError(f"{count!r} is no count: it must be whole and not negative")


def _onnx(file: Path, batch: int) -> list[Workload]:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(file), load_external_data=False)
    except DecodeError as error:
        raise WorkloadError(f"{file}: not an ONNX model") from error
    if not model.graph.node:
        raise WorkloadError(f"{file}: not an ONNX model, or one without any node")
    for value in model.graph.input:
        for dimension in value.type.tensor_type.shape.dim:
            if not dimension.HasField("dim_value"):
                dimension.dim_value = batch
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    shapes |= {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    ops: list[LayerOp] = []
    other: Counter[str] = Counter()
    moved: Counter[str] = Counter()
    for node in graph.node:
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise WorkloadError(f"{file}: node {node.name or node.op_type}: it has graphs inside; unroll it")
        if node.op_type in ONNX_REFUSED:
            raise WorkloadError(
                f"{file}: node {node.name or node.output[0]}: the products in {node.op_type} are not worked out;"
                " export the model with MatMul and Conv in its place"
            )
        if node.op_type in ONNX_PRODUCTS:
            ops.append(_onnx_product(file, node, shapes))
        else:
            elements = sum(math.prod(shapes.get(name, ())) for name in node.output if name)
            (moved if node.op_type in ONNX_MOVEMENT else other)[node.op_type] += elements
    return [Workload(file.stem, tuple(ops), other, moved)]


def _onnx_product(file: Path, node: Any, shapes: Mapping[str, Sequence[int]]) -> LayerOp:
    name = node.name or node.output[0]
    operands = (node.input[i] for i in ONNX_PRODUCTS[node.op_type])
    left, right, out = (shapes.get(tensor, ()) for tensor in (*operands, node.output[0]))
    if not (left and right and out and all(left) and all(right) and all(out)):
        raise WorkloadError(
            f"{file}: node {name}: its shapes are not known; fix the model's input shapes and save it again"
        )
    attributes = {a.name: a.i for a in node.attribute}
    if "Conv" in node.op_type:
        groups = attributes.get("group", 1)
        return LayerOp(name, out[0] * math.prod(out[2:]), math.prod(right[1:]), right[0] // groups, groups, "conv")
    if node.op_type == "Gemm":
        k = left[0] if attributes.get("transA") else left[1]
        return LayerOp(name, out[0], k, out[1], 1)
    if len(right) <= 2:  # the same weights for every row
        n = right[1] if len(right) == 2 else 1
        return LayerOp(name, math.prod(left[:-1]), left[-1], n, 1)
    m = left[-2] if len(left) > 1 else 1
    return LayerOp(name, m, left[-1], right[-1], math.prod(out) // (m * right[-1]))
