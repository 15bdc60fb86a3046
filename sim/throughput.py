"""How long a workload takes on an accelerator: products cut into jobs that fit its scratchpads, array and bus.

A job is one product that the accelerator runs by itself (:mod:`sim.cycle_model`, exact). Operands come and results go
over the bus, one word a cycle. Either a job fills the scratchpads and bus and array take turns, or it takes half of
them and they work side by side as far as the halves have banks of their own (``AcceleratorSpec.loads_beside``,
``reads_beside``): whichever is quicker. Of the partial sums over K, all but the last stay in the accelerator. Between
jobs the host writes the registers, which takes JOB_SETUP_CYCLES.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product

from rtl import AcceleratorSpec
from sim.cycle_model import JOB_SETUP_CYCLES, bus_words, cycle_breakdown
from sim.workload import Workload

HOST_OPS_PER_SECOND = 1e9
"""Assumption: the host does this many element-wise operations a second, beside the accelerator."""


@dataclass(frozen=True)
class OpThroughput:
    """What one product costs. Cycles of the accelerator's clock; words of the bus's width."""

    cycles: int
    array_cycles: int  # what the array alone takes
    macs: int
    bus_words: int
    sram_words: int  # read and written by the array and by the bus
    job: tuple[int, int, int]  # m, k, n of the largest job

    @property
    def stall_cycles(self) -> int:
        """Cycles in which the array waits for the bus."""
        return self.cycles - self.array_cycles


@dataclass(frozen=True)
class Throughput:
    """What a workload costs on an accelerator at a clock frequency.

    Attributes:
        cycles, array_cycles: with and without waiting for the bus.
        macs: multiply-accumulate operations.
        utilisation: part of the array's multiply-accumulate slots that is used, stalls included, 0 to 1.
        seconds: time of the matrix products.
        host_seconds: time of all other operations at HOST_OPS_PER_SECOND; not part of ``seconds``.
        ops_per_s: two operations for each multiply-accumulate, over ``seconds``.
        sram_bytes, bus_bytes: traffic.
        by_op: each product's name and its cost, once.
    """

    cycles: int
    array_cycles: int
    macs: int
    utilisation: float
    seconds: float
    host_seconds: float
    ops_per_s: float
    sram_bytes: int
    bus_bytes: int
    by_op: Mapping[str, OpThroughput]

    @property
    def stall_cycles(self) -> int:
        """Cycles in which the array waits for the bus."""
        return self.cycles - self.array_cycles


def throughput(spec: AcceleratorSpec, workload: Workload, clock_hz: float) -> Throughput:
    """Run a workload on the model of an accelerator.

    Args:
        spec: the accelerator.
        workload: its products are run one after another.
        clock_hz: clock frequency in Hz, above 0.
    """
    if not clock_hz > 0:
        raise ValueError(f"the clock frequency is {clock_hz} Hz: expected a number above 0")
    by_op = {op.name: (op.count, op_throughput(spec, op.m, op.k, op.n)) for op in workload.ops}

    def total(name: str) -> int:
        return sum(count * int(getattr(cost, name)) for count, cost in by_op.values())

    cycles, macs = total("cycles"), total("macs")
    seconds = cycles / clock_hz
    word_bytes = spec.bus_bits // 8
    return Throughput(
        cycles=cycles,
        array_cycles=total("array_cycles"),
        macs=macs,
        utilisation=macs / (cycles * spec.rows * spec.cols) if cycles else 0.0,
        seconds=seconds,
        host_seconds=workload.other / HOST_OPS_PER_SECOND,
        ops_per_s=2 * macs / seconds if cycles else 0.0,
        sram_bytes=total("sram_words") * word_bytes,
        bus_bytes=total("bus_words") * word_bytes,
        by_op={name: cost for name, (_, cost) in by_op.items()},
    )


@cache
def op_throughput(spec: AcceleratorSpec, m: int, k: int, n: int) -> OpThroughput:
    """The best of the tilings of one product that are tried; ValueError where a size is below 1."""
    if min(m, k, n) < 1:
        raise ValueError(f"the product {m} x {k} x {n} has a size below 1")
    costs = [
        _cost(spec, (m, k, n), job, overlap)
        for overlap in (False, True)
        for job in _jobs(spec, (m, k, n), 2 if overlap else 1)
    ]
    return min(costs, key=lambda cost: (cost.cycles, cost.bus_words))


def _jobs(spec: AcceleratorSpec, size: tuple[int, int, int], share: int) -> Iterator[tuple[int, int, int]]:
    """Largest jobs that fit a share of the scratchpads: for each split of K and N, as many rows M as there is room."""
    m, k, n = size
    act, weight, result = (depth // share for depth in (spec.act_depth, spec.weight_depth, spec.result_depth))
    most_k = spec.rows * min(act, weight // spec.rows)
    for job_k in _sizes(k, spec.rows, most_k):
        most_n = spec.cols * min(weight // job_k, result // 2)
        for job_n in _sizes(n, spec.cols, most_n):
            room = min(act // -(-job_k // spec.rows), result // -(-job_n // spec.cols) & ~1)
            if room >= min(m, 2):
                yield min(m, room), job_k, job_n


def _sizes(size: int, step: int, most: int) -> list[int]:
    """Sizes of equal pieces, whole steps unless all of it: the fewest pieces that fit, twice as many, and so on."""
    if most < min(size, step):
        return []
    found: list[int] = []
    pieces = math.ceil(size / max(most // step * step, 1)) if size > most else 1
    while len(found) < 5:
        piece = min(size, -(-size // pieces // step) * step)
        if piece <= most or piece == size <= most:
            found.append(piece)
        if piece <= step:
            break
        pieces *= 2
    return list(dict.fromkeys(found))


def _cost(spec: AcceleratorSpec, size: tuple[int, int, int], job: tuple[int, int, int], overlap: bool) -> OpThroughput:
    """All jobs of a product: whole ones and those that are left over at the edges."""
    array = load = read = sram = jobs = 0
    pieces = [-(-whole // part) for whole, part in zip(size, job, strict=True)]
    keep_act = pieces[1] == 1  # the activations of a job serve all jobs along N
    keep_weight = pieces[1] == pieces[2] == 1  # the weights serve all jobs along M
    for shape in product(*(_parts(whole, part) for whole, part in zip(size, job, strict=True))):
        (m, _, many_m), (k, k_last, many_k), (n, n_last, many_n) = shape
        many = many_m * many_k * many_n
        # of jobs along K, all but the first add to what is in the scratchpad, and the last alone is read back
        cost = cycle_breakdown(spec, m, k, n, accumulate=pieces[1] > 1, fits=False)
        act, weight, result = bus_words(spec, m, k, n)
        loads = act * (many_m if keep_act and n_last else 0 if keep_act else many)
        loads += weight * (many_n if keep_weight and shape[0][1] else 0 if keep_weight else many)
        reads = result * (many_m * many_n if k_last else 0)
        array += many * cost.total
        load += loads
        read += reads
        jobs += many
        sram += loads + reads + many * (cost.act_reads + cost.weight_reads + cost.result_reads + cost.result_writes)
    act, weight, result = bus_words(spec, *job)
    beside = 0  # the first load and the last read-back have no job beside them
    if overlap and spec.loads_beside:
        beside += max(load - act - weight, 0)
    if overlap and spec.reads_beside:
        beside += max(read - result, 0)
    cycles = jobs * JOB_SETUP_CYCLES + max(array, beside) + load + read - beside
    return OpThroughput(cycles, array, math.prod(size), load + read, sram, job)


def _parts(whole: int, part: int) -> list[tuple[int, bool, int]]:
    """Pieces of a length: (size, whether the last piece is of this kind, how many)."""
    full, rest = divmod(whole, part)
    return [(part, not rest, full)] + ([(rest, True, 1)] if rest else [])
