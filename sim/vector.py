"""What the vector unit makes of matrices, in numpy and bit for bit, and the cycles that it takes.

Elements are 32 bits: int32 with int8 operands, else float32, in IEEE 754 as in :mod:`sim.golden`. A pass goes through
chunks of up to F = ``dma_words`` words of the first matrix. From the first request on, with a memory that takes a
request every ``interval`` cycles and answers ``latency`` cycles later, a chunk of n words, with s operands each, takes

    the last request     interval * (s * n - 1)
    result i is there    interval * (s * (i + 1) - 1) + latency + depth, where i counts the words and depth is that of
                         the pipe: 8 cycles, and 1 for each level of the tree over a word's results
    the last write       the result's own time, or interval * w after the last request if that is later, w words being
                         written

and the next one begins when the memory is free. Chunks are alike but for the rows that end in them, which decide w.

Dimension letters: R rows, C columns of a pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from rtl import AcceleratorSpec
from rtl.commands import Command
from rtl.vector import TABLE_ENTRIES, Limit, Reduce, Source, Steps, is_pass
from sim.golden import QUIET_NAN, operand_type, result_type

Bits = NDArray[np.uint32]
Results = NDArray[Any]  # int32 or float32

FIRST_SEGMENT = 492
"""Exponent and two bits of fraction of 1/16, where the second of a table's segments begins."""


@dataclass(frozen=True)
class Constants:
    """What passes share.

    Attributes:
        factor, addend: 32 bits of a result's type; an int32 factor counts with its lowest 16 bits.
        shift: an int32 product is divided by 2 ** shift, 0 to 31.
        table: entries [64]; float32: the slope as a bfloat16 in the upper half, the intercept in the lower one; int32:
            four bytes each, the first of them for a value of zero, those of values below zero behind that of 127.
    """

    factor: int = 0
    addend: int = 0
    shift: int = 0
    table: Bits | None = None


def mapped(spec: AcceleratorSpec, steps: Steps, first: Results, second: Results, constants: Constants) -> Results:
    """The results [R, C] (reduced: [R, 1]; narrow: operands) of a pass over ``first`` [R, C].

    ``second`` is [R, C], or [R, 1] where it has one element for each row; it is not read if there is no such step.
    """
    x = np.ascontiguousarray(first).view(np.uint32)
    y = np.broadcast_to(np.ascontiguousarray(second).view(np.uint32), x.shape)
    value = (_integers if spec.operands == "int8" else _floats)(steps, x, y, constants).view(result_type(spec))
    if steps.reduce:
        value = _reduced(spec, steps.reduce, value)
    if not steps.narrow:
        return value
    if spec.operands == "int8":
        return np.clip(value, -128, 127).astype(np.int8)
    with np.errstate(all="ignore"):
        narrow = value.astype(ml_dtypes.bfloat16)
    return np.where(np.isnan(value), np.uint16(0x7FC0), narrow.view(np.uint16)).view(operand_type(spec))


def _canonical(value: NDArray[np.float32]) -> Bits:
    return np.where(np.isnan(value), QUIET_NAN, value.view(np.uint32))


def _times(a: Bits, b: Bits) -> Bits:
    with np.errstate(all="ignore"):
        return _canonical(a.view(np.float32) * b.view(np.float32))


def _plus(a: Bits, b: Bits) -> Bits:
    with np.errstate(all="ignore"):
        return _canonical(a.view(np.float32) + b.view(np.float32))


def _larger(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """The larger of two arrays; float32: -0 is below +0, and NaN, the one that there is, above all."""
    if a.dtype == np.int32:
        return np.maximum(a, b)
    keys = [_key(value) for value in (a, b)]
    return np.where(np.isnan(a) | np.isnan(b), QUIET_NAN.view(np.float32), np.where(keys[0] > keys[1], a, b))


def _key(value: NDArray[np.float32]) -> Bits:
    bits = value.view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _limited(steps: Steps, value: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """The limit's step on int32 or float32 values."""
    if steps.limit == Limit.GATE:
        return np.where(y > 0, value, value.dtype.type(0))
    other = y if steps.limit_by_second else np.zeros_like(y)
    if steps.limit == Limit.LARGER:
        return _larger(value, other)
    if steps.limit == Limit.SMALLER:
        larger = _larger(value, other)
        same = larger.view(np.uint32) == value.view(np.uint32)
        return np.where(np.isnan(larger), larger, np.where(same, other, value))
    return value


def _floats(steps: Steps, x: Bits, y: Bits, constants: Constants) -> Bits:
    value = x
    if steps.table:
        assert constants.table is not None
        place = (x >> 21 & np.uint32(1023)).astype(np.int64) - FIRST_SEGMENT
        line = constants.table[np.clip(place, 0, 31) + 32 * (x >> 31).astype(np.int64)]
        value = _plus(_times(x, line & np.uint32(0xFFFF0000)), line << np.uint32(16))
    else:
        if steps.multiply:
            value = _times(value, np.full_like(y, constants.factor) if steps.multiply == Source.CONSTANT else y)
        if steps.add:
            second = y ^ np.uint32(steps.negate << 31)
            value = _plus(value, np.full_like(y, constants.addend) if steps.add == Source.CONSTANT else second)
    with np.errstate(invalid="ignore"):
        return _limited(steps, value.view(np.float32), y.view(np.float32)).view(np.uint32)


def _integers(steps: Steps, x: Bits, y: Bits, constants: Constants) -> Bits:
    value = x
    if steps.add:
        second = -y if steps.negate else y
        value = value + (np.full_like(y, constants.addend) if steps.add == Source.CONSTANT else second)
    if steps.multiply:
        factor = np.full_like(y, constants.factor) if steps.multiply == Source.CONSTANT else y
        product = value.view(np.int32).astype(np.int64) * factor.astype(np.uint16).view(np.int16)
        whole = product >> constants.shift
        rest, half = product - (whole << constants.shift), 1 << constants.shift
        whole += (2 * rest > half) | ((2 * rest == half) & (whole & 1 == 1))
        value = np.clip(whole, -(1 << 31), (1 << 31) - 1).astype(np.int32).view(np.uint32)
    signed = _limited(steps, value.view(np.int32), y.view(np.int32))
    if steps.table:
        assert constants.table is not None
        signed = constants.table.astype("<u4").view(np.int8)[np.clip(signed, -128, 127)].astype(np.int32)
    return signed.view(np.uint32)


def _reduced(spec: AcceleratorSpec, reduce: Reduce, value: Results) -> Results:
    """A result for each row [R, 1]: in each lane of the words from left to right, then over the lanes in a tree."""
    lanes = spec.results_per_word
    low = np.float32(-np.inf) if value.dtype == np.float32 else np.int32(-(1 << 31))
    nothing = low if reduce == Reduce.LARGEST else value.dtype.type(0)

    def combined(a: Results, b: Results) -> Results:
        if reduce == Reduce.LARGEST:
            return _larger(a, b)
        if a.dtype == np.int32:
            return a + b
        return _plus(a.view(np.uint32), b.view(np.uint32)).view(np.float32)

    results = np.full((value.shape[0], lanes), nothing, value.dtype)
    results[:, : min(lanes, value.shape[1])] = value[:, :lanes]
    for column in range(lanes, value.shape[1]):
        lane = column % lanes
        results[:, lane] = combined(results[:, lane].copy(), np.ascontiguousarray(value[:, column]))
    while results.shape[1] > 1:
        results = combined(np.ascontiguousarray(results[:, ::2]), np.ascontiguousarray(results[:, 1::2]))
    return results


def out_words(spec: AcceleratorSpec, steps: Steps, columns: int) -> int:
    """The words that a row of so many elements becomes."""
    if steps.reduce:
        return 1
    return -(-columns // (spec.operands_per_word if steps.narrow else spec.results_per_word))


@dataclass(frozen=True)
class PassCycles:
    """Cycles from the first request of a command for the vector unit on: to its end, and until the memory is free."""

    end: int
    memory_free: int


def pass_cycles(spec: AcceleratorSpec, latency: int, interval: int, command: Command) -> PassCycles:
    """The cycles of a MAP or TABLE with a memory of that latency and interval."""
    lanes, depth = spec.results_per_word, 8 + (spec.results_per_word - 1).bit_length()
    if is_pass(command):
        rows, per_row, steps = command.args[2], -(-command.args[3] // lanes), Steps.of(command.args[6])
        # So many words of the first operand make one that is written, less at the end of a row.
        group = per_row if steps.reduce else 32 // spec.operand_bits if steps.narrow else 1
        operands = 1 + steps.two
    else:
        rows, per_row, group, operands = 1, TABLE_ENTRIES // lanes, 0, 1
    # The pattern of rows' ends in chunks repeats itself: all but one of the whole periods are alike.
    period = math.lcm(per_row, spec.dma_words)
    repeated = max(0, rows * per_row // period - 1)
    rows -= repeated * period // per_row
    begins = np.arange(0, rows * per_row, spec.dma_words)
    ends = np.minimum(begins + spec.dma_words, rows * per_row)
    words = ends - begins
    if group:
        in_row = -(-per_row // group)
        before, after = (at // per_row * in_row + at % per_row // group for at in (begins, ends))
        last = after // in_row * per_row + after % in_row * group - 1
        written = after - before
    else:
        last, written = begins - 1, np.zeros_like(begins)
    asked = interval * (operands * words - 1)

    def there(word: NDArray[np.int64]) -> NDArray[np.int64]:
        return interval * (operands * (word + 1) - 1) + latency + depth

    wrote = np.maximum(there(last - begins), asked + interval * written)
    over = np.where(last == ends - 1, wrote, np.maximum(there(words - 1), np.where(written > 0, wrote + 1, 0)))
    free = np.where(written > 0, wrote, asked) + interval
    begun = np.maximum(over + 1, free)
    before_last = int(begun[:-1].sum()) + repeated * int(begun[: period // spec.dma_words].sum())
    return PassCycles(before_last + int(over[-1]), before_last + int(free[-1]))
