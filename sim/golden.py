"""What the accelerator must compute, in numpy, and how matrices lie in its scratchpads.

Dimension letters: M, K, N sizes of a product. A word is a Python int of bus_bits bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from rtl.memory_map import MemoryMap, Space
from rtl.spec import AcceleratorSpec

OperandArray = NDArray[Any]  # int8 or bfloat16, as the spec says
ResultArray = NDArray[Any]  # int32 or float32

QUIET_NAN = np.uint32(0x7FC00000)
"""The only NaN that the accelerator gives, as bits of a float32."""


def operand_type(spec: AcceleratorSpec) -> np.dtype[Any]:
    """The type of activations and weights."""
    return np.dtype(np.int8 if spec.operands == "int8" else ml_dtypes.bfloat16)


def result_type(spec: AcceleratorSpec) -> np.dtype[Any]:
    """The type of results."""
    return np.dtype(np.int32 if spec.operands == "int8" else np.float32)


def product(
    spec: AcceleratorSpec, act: OperandArray, weight: OperandArray, onto: ResultArray | None = None
) -> ResultArray:
    """The product [M, N] of act [M, K] and weight [K, N], added to ``onto`` [M, N], bit for bit.

    int8: int32 with wrap-around. bfloat16: float32, IEEE 754 with subnormals, each sum rounded to nearest, ties to
    even, in the order of the array: sums over K begin at +0; a weight-stationary array adds up `rows` products at
    a time, and each such sum is added to the result. NaNs are QUIET_NAN.
    """
    if spec.operands == "int8":
        wide = act.astype(np.int64) @ weight.astype(np.int64)
        if onto is not None:
            wide = wide + onto
        return (wide & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    a, w = act.astype(np.float32), weight.astype(np.float32)
    result = np.zeros((a.shape[0], w.shape[1]), np.float32) if onto is None else onto
    step = a.shape[1] if spec.output_stationary else spec.rows
    with np.errstate(all="ignore"):
        for first in range(0, a.shape[1], step):
            partial = np.zeros_like(result)
            for k in range(first, min(first + step, a.shape[1])):
                partial = partial + a[:, k, None] * w[k]
            result = result + partial
    return np.where(np.isnan(result), QUIET_NAN, result.view(np.uint32)).view(np.float32)


def planned_product(spec: AcceleratorSpec, act: OperandArray, weight: OperandArray, depth: int) -> ResultArray:
    """The same with K in pieces of ``depth``, each added to the results of those before."""
    sums = None
    for at in range(0, act.shape[1], depth):
        sums = product(spec, act[:, at : at + depth], weight[at : at + depth], sums)
    assert sums is not None
    return sums


def act_words(spec: AcceleratorSpec, act: OperandArray, base: int = 0, unused: int = 0) -> Iterator[tuple[int, int]]:
    """(address, word) of the activations act [M, K] at vector ``base``; unused operands of words have bytes ``unused``.

    A vector is a piece of a row of the matrix, or of a column where the dataflow is output-stationary.
    """
    if spec.output_stationary:
        act = act.T
    return _operand_words(spec, act, Space.ACTIVATIONS, spec.rows, base, unused)


def weight_words(
    spec: AcceleratorSpec, weight: OperandArray, base: int = 0, unused: int = 0
) -> Iterator[tuple[int, int]]:
    """(address, word) of the weights weight [K, N] at vector ``base``, as ``act_words``."""
    return _operand_words(spec, weight, Space.WEIGHTS, spec.cols, base, unused)


def result_words(spec: AcceleratorSpec, result: ResultArray, base: int = 0) -> Iterator[tuple[int, int]]:
    """(address, word) of the results result [M, N] at vector ``base``, with zeros where the last word is not full."""
    bus = MemoryMap.of(spec)
    m, n = result.shape
    stride = m + m % 2
    for first in range(0, n, spec.results_per_word):
        tile, lane = divmod(first, spec.cols)
        block = np.zeros((m, spec.results_per_word), result.dtype)
        block[:, : min(spec.results_per_word, n - first)] = result[:, first : first + spec.results_per_word]
        for row, values in enumerate(block):
            address = bus.address(Space.RESULTS, base + tile * stride + row, lane // spec.results_per_word)
            yield address, int.from_bytes(values.tobytes(), "little")


def _operand_words(
    spec: AcceleratorSpec, matrix: OperandArray, space: Space, side: int, base: int, unused: int
) -> Iterator[tuple[int, int]]:
    """(address, word) of a matrix [vectors, elements], its elements in tiles of ``side``."""
    bus = MemoryMap.of(spec)
    vectors, elements = matrix.shape
    raw = np.full((vectors, -(-elements // spec.operands_per_word), spec.bus_bits // 8), unused, np.uint8)
    raw.reshape(vectors, -1)[:, : elements * matrix.itemsize] = np.ascontiguousarray(matrix).view(np.uint8)
    for word in range(raw.shape[1]):
        tile, lane = divmod(word, side // spec.operands_per_word)
        for row in range(vectors):
            address = bus.address(space, base + tile * vectors + row, lane)
            yield address, int.from_bytes(raw[row, word].tobytes(), "little")
