"""What the accelerator must compute, in numpy, and how matrices lie in its scratchpads.

Dimension letters: M, K, N sizes of a product. A word is a Python int of bus_bits bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rtl.memory_map import MemoryMap, Space
from rtl.spec import AcceleratorSpec

Int8Array = NDArray[np.int8]
Int32Array = NDArray[np.int32]


def product(act: Int8Array, weight: Int8Array, onto: Int32Array | None = None) -> Int32Array:
    """The product of act [M, K] and weight [K, N] as int32 [M, N] with wrap-around, added to ``onto`` [M, N]."""
    wide = act.astype(np.int64) @ weight.astype(np.int64)
    if onto is not None:
        wide = wide + onto
    return (wide & 0xFFFFFFFF).astype(np.uint32).view(np.int32)


def act_words(spec: AcceleratorSpec, act: Int8Array, base: int = 0) -> Iterator[tuple[int, int]]:
    """(address, word) of the activations act [M, K] at vector ``base``."""
    bus = MemoryMap.of(spec)
    m, k = act.shape
    for first in range(0, k, spec.operands_per_word):
        tile, lane = divmod(first, spec.rows)
        words = _operand_words(spec, act[:, first : first + spec.operands_per_word])
        for row, word in enumerate(words):
            yield bus.address(Space.ACTIVATIONS, base + tile * m + row, lane // spec.operands_per_word), word


def weight_words(spec: AcceleratorSpec, weight: Int8Array, base: int = 0) -> Iterator[tuple[int, int]]:
    """(address, word) of the weights weight [K, N] at vector ``base``."""
    bus = MemoryMap.of(spec)
    k, n = weight.shape
    for first in range(0, n, spec.operands_per_word):
        tile, lane = divmod(first, spec.cols)
        words = _operand_words(spec, weight[:, first : first + spec.operands_per_word])
        for row, word in enumerate(words):
            yield bus.address(Space.WEIGHTS, base + tile * k + row, lane // spec.operands_per_word), word


def result_words(spec: AcceleratorSpec, result: Int32Array, base: int = 0) -> Iterator[tuple[int, int]]:
    """(address, word) of the results result [M, N] at vector ``base``, with zeros where the last word is not full."""
    bus = MemoryMap.of(spec)
    m, n = result.shape
    stride = m + m % 2
    for first in range(0, n, spec.results_per_word):
        tile, lane = divmod(first, spec.cols)
        block = np.zeros((m, spec.results_per_word), np.int32)
        block[:, : min(spec.results_per_word, n - first)] = result[:, first : first + spec.results_per_word]
        for row, values in enumerate(block):
            address = bus.address(Space.RESULTS, base + tile * stride + row, lane // spec.results_per_word)
            yield address, int.from_bytes(values.tobytes(), "little")


def _operand_words(spec: AcceleratorSpec, block: Int8Array) -> list[int]:
    padded = np.zeros((block.shape[0], spec.operands_per_word), np.int8)
    padded[:, : block.shape[1]] = block
    return [int.from_bytes(row.tobytes(), "little") for row in padded]
