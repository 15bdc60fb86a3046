"""How long a workload takes on an accelerator: products cut into jobs that fit its scratchpads, array and bus.

A job is one product that the accelerator runs by itself (:mod:`sim.cycle_model`, exact). Operands come and results go
over the bus, one word a cycle, and between jobs the host writes the registers (JOB_SETUP_CYCLES). Jobs follow one
another in one of two orders with K innermost: sums over K stay in the accelerator, as does an operand that the next job
needs too.

Either a job fills the scratchpads and bus and array take turns, or it takes half of them and they work side by side as
far as the halves have banks of their own (``AcceleratorSpec.loads_beside``, ``reads_beside``): the next job's operands
are loaded, and the last one's results read, while the array works. Of the tilings, orders and ways that are tried, the
one with the fewest cycles counts.

That is so at a bus; with a DMA engine :mod:`sim.system_throughput` plans, and a memory is part of the question.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from rtl import AcceleratorSpec
from rtl.vector import Reduce, Source, Steps, pass_command, set_command
from sim.cycle_model import JOB_SETUP_CYCLES, IntArray, bus_words, cycle_breakdown
from sim.system_model import DRAM, Memory, program_cycles
from sim.system_throughput import system_throughput
from sim.tiling import (
    Beside,
    OpThroughput,
    Order,
    job_room,
    jobs_of,
    jobs_that_fit,
    orders,
    rank,
    refuse_beyond,
    shorter,
    touched,
    ways,
)
from sim.workload import LayerOp, Workload

HOST_OPS_PER_SECOND = 1e9
"""Assumption: the host does this many element-wise operations a second, beside the accelerator."""

READ_LATENCY = 3
"""Cycles from the last request of a row of reads until its word is there and the next thing can begin."""

MOST = (1 << 16) - 1
"""Rows, and columns, of a pass at most (beyond: a fault, docs/rtl.md)."""

MOST_JOBS = 1 << 26
"""Of a product: a few GiB of memory."""

SPLIT_FURTHER = 12
"""Of the ways to do a product, how many of the quickest are also tried with shorter jobs."""


@dataclass(frozen=True)
class Throughput:
    """What a workload costs on an accelerator at a clock frequency.

    Attributes:
        cycles, array_cycles: with and without waiting for the bus.
        macs: multiply-accumulate operations.
        utilisation: part of the array's multiply-accumulate slots that is used, stalls included, 0 to 1.
        seconds: time of the matrix products.
        vector_seconds: time of the other operations that the accelerator's vector unit does; not part of ``seconds``.
        host_seconds: time of all that is left, at HOST_OPS_PER_SECOND; not part of ``seconds``.
        ops_per_s: two operations for each multiply-accumulate, over ``seconds``.
        sram_bytes, bus_bytes: traffic.
        by_op: each product and what doing it once costs.
    """

    cycles: int
    array_cycles: int
    macs: int
    utilisation: float
    seconds: float
    vector_seconds: float
    host_seconds: float
    ops_per_s: float
    sram_bytes: int
    bus_bytes: int
    by_op: tuple[tuple[LayerOp, OpThroughput], ...]

    @property
    def stall_cycles(self) -> int:
        """Cycles in which the array waits for the bus."""
        return self.cycles - self.array_cycles


def throughput(spec: AcceleratorSpec, workload: Workload, clock_hz: float, memory: Memory = DRAM) -> Throughput:
    """Run a workload on the model of an accelerator.

    Args:
        spec: the accelerator.
        workload: its products are run one after another.
        clock_hz: clock frequency in Hz, above 0.
        memory: what is behind a DMA engine; without one the host gives and takes a word in each cycle.
    """
    if not clock_hz > 0:
        raise ValueError(f"the clock frequency is {clock_hz} Hz: expected a number above 0")
    by_op = tuple((op, op_throughput(spec, op.m, op.k, op.n, memory)) for op in workload.ops)

    def total(name: str) -> int:
        return sum(op.count * int(getattr(cost, name)) for op, cost in by_op)

    cycles, macs = total("cycles"), total("macs")
    vector_cycles = _vector_cycles(spec, workload, memory) if spec.vector else 0
    passed = workload.passed if spec.vector else 0
    seconds = cycles / clock_hz
    word_bytes = spec.bus_bits // 8
    return Throughput(
        cycles=cycles,
        array_cycles=total("array_cycles"),
        macs=macs,
        utilisation=macs / (cycles * spec.pes) if cycles else 0.0,
        seconds=seconds,
        vector_seconds=vector_cycles / clock_hz,
        host_seconds=(workload.other - passed) / HOST_OPS_PER_SECOND,
        ops_per_s=2 * macs / seconds if cycles else 0.0,
        sram_bytes=total("sram_words") * word_bytes,
        bus_bytes=total("bus_words") * word_bytes,
        by_op=by_op,
    )


def _vector_cycles(spec: AcceleratorSpec, workload: Workload, memory: Memory) -> int:
    """The cycles of a workload's passes on the vector unit, one after another."""
    steps = {
        "map one": Steps(Source.CONSTANT),
        "map two": Steps(add=Source.SECOND),
        "reduce": Steps(reduce=Reduce.SUM),
    }
    cycles = 0
    for (kind, rows, columns), times in workload.passes.items():
        cycles += times * sum(
            count
            * program_cycles(
                spec, memory, [set_command((0, 0)), pass_command((0, 0), *part, (0, 0), steps[kind])]
            ).total
            for part, count in _parts(rows, columns)
        )
    return cycles


def _parts(rows: int, columns: int) -> Iterator[tuple[tuple[int, int], int]]:
    """A pass in parts of rows and columns that a command can have, and how often each comes.

    What has one row is as well many rows side by side: rows of 2 ** 12 elements.
    """
    if rows == 1 and columns > MOST:
        rows, columns, rest = columns >> 12, 1 << 12, columns & (1 << 12) - 1
        if rest:
            yield (1, rest), 1
    for many, height in ((rows // MOST, MOST), (1, rows % MOST)):
        for wide, width in ((columns // MOST, MOST), (1, columns % MOST)):
            if many * wide * height * width:
                yield (height, width), many * wide


@cache
def op_throughput(spec: AcceleratorSpec, m: int, k: int, n: int, memory: Memory = DRAM) -> OpThroughput:
    """The quickest of the ways to do one product that are tried; ValueError where a size is below 1."""
    if min(m, k, n) < 1:
        raise ValueError(f"the product {m} x {k} x {n} has a size below 1")
    size = (m, k, n)
    if spec.edge == "dma":
        return system_throughput(spec, size, memory)
    possible = [(beside, job) for beside in ways(spec) for job in jobs_that_fit(job_room(spec, beside), spec, size)]
    refuse_beyond(MOST_JOBS, size, min(jobs_of(size, job) for _, job in possible))
    tried = [
        job_cost(spec, size, job, order, beside)
        for beside, job in possible
        if jobs_of(size, job) <= MOST_JOBS
        for order in orders(size, job)
    ]
    tried.sort(key=rank)
    cut_further = [
        job_cost(spec, size, (job_m, *cost.job[1:]), cost.order, cost.beside)
        for cost in tried[:SPLIT_FURTHER]
        for job_m in shorter(cost.job[0])
    ]
    return min([*tried, *cut_further], key=rank)


def job_cost(
    spec: AcceleratorSpec, size: tuple[int, int, int], job: tuple[int, int, int], order: Order, beside: Beside
) -> OpThroughput:
    """What a product m, k, n costs when it is done in jobs of one size, the last ones smaller, in one order."""
    # Arrays [outer, inner, K], where inner is N or M as ``order`` says.
    kinds = [_pieces(whole, part) for whole, part in zip(size, job, strict=True)]
    (m_sizes, m_index), (k_sizes, k_index), (n_sizes, n_index) = kinds
    shape = (len(m_sizes), len(k_sizes), len(n_sizes))
    runs = [
        [cycle_breakdown(spec, m, k, n, accumulate, fits=False) for accumulate in (False, True)]
        for m in m_sizes
        for k in k_sizes
        for n in n_sizes
    ]
    words = np.array([bus_words(spec, m, k, n) for m in m_sizes for k in k_sizes for n in n_sizes])
    grid = np.ix_(m_index, n_index, k_index) if order == "n" else np.ix_(n_index, m_index, k_index)
    kind = np.arange(math.prod(shape)).reshape(shape).transpose((0, 2, 1) if order == "n" else (2, 0, 1))[grid]
    first = np.zeros(kind.shape, bool)  # of the jobs of a sum over K
    first[:, :, 0] = True
    array = np.array([run[0].total for run in runs])[kind]
    accesses = np.where(first, *(np.array([touched(run[i]) for run in runs])[kind] for i in (0, 1)))
    outer, inner = ("act", "weight") if order == "n" else ("weight", "act")
    fresh = _fresh(kind.shape)
    loads = (
        words[kind, ("act", "weight").index(outer)] * fresh[0] + words[kind, ("act", "weight").index(inner)] * fresh[1]
    )
    reads = np.where(np.arange(kind.shape[2]) == kind.shape[2] - 1, words[kind, 2], 0)
    array, loads, reads = (values.ravel() for values in (array, loads, reads))
    moved = int(loads.sum() + reads.sum())
    return OpThroughput(
        cycles=_scheduled(array, loads, reads, beside),
        array_cycles=int(array.sum()),
        macs=math.prod(size),
        bus_words=moved,
        sram_words=moved + int(accesses.sum()),
        job=job,
        jobs=array.size,
        order=order,
        beside=beside,
    )


def _scheduled(array: IntArray, loads: IntArray, reads: IntArray, beside: Beside) -> int:
    """Cycles of jobs [J] in their order, from the first load to the last result.

    What the bus does beside a job begins when the command is written, a cycle before the array does.
    """
    setup = array.size * JOB_SETUP_CYCLES
    latency = READ_LATENCY * (reads > 0)
    if beside == "nothing":
        return int((array + loads + reads + latency).sum()) + setup
    bus = np.append(loads[1:], 0)
    after = (reads + latency).sum()
    if beside == "all":
        last_reads = np.append(0, reads[:-1])
        bus = bus + last_reads + np.where(last_reads > 0, np.maximum(READ_LATENCY - bus, 0), 0)
        after = reads[-1] + READ_LATENCY
    return int(loads[0] + np.maximum(array, bus - 1).sum() + after) + setup


def _pieces(whole: int, part: int) -> tuple[list[int], IntArray]:
    """The different sizes of a length's pieces, at most two, and which of them each piece has."""
    full, rest = divmod(whole, part)
    return [part, rest] if rest else [part], np.array([0] * full + [1] * bool(rest))


def _fresh(shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which jobs [outer, inner, K] must load the operand that changes with the outer loop, and that of the inner."""
    outer, inner = np.ones(shape, bool), np.ones(shape, bool)
    if shape[2] == 1:
        outer[:, 1:] = False
        if shape[1] == 1:
            inner[1:] = False
    return outer, inner
