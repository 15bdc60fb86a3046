"""How products can be cut into jobs that fit an accelerator's scratchpads, and what a way to do so costs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rtl import AcceleratorSpec
from sim.cycle_model import CycleBreakdown

Order = Literal["n", "m"]
Beside = Literal["nothing", "loads", "all"]


@dataclass(frozen=True)
class OpThroughput:
    """What one product costs. Cycles of the accelerator's clock; words of the bus's width."""

    cycles: int
    array_cycles: int  # what the array alone takes
    macs: int
    bus_words: int  # operands and results
    sram_words: int  # read and written by the array and by the bus
    job: tuple[int, int, int]  # m, k, n of the largest job
    jobs: int
    order: Order  # along which of N and M the jobs go first
    beside: Beside  # what the bus does while the array works

    @property
    def stall_cycles(self) -> int:
        """Cycles in which the array waits for the bus."""
        return self.cycles - self.array_cycles


def ways(spec: AcceleratorSpec) -> list[Beside]:
    """What can move while an array works, its halves of the scratchpads having banks of their own or not."""
    if not spec.loads_beside:
        return ["nothing"]
    return ["nothing", "loads", "all"] if spec.reads_beside else ["nothing", "loads"]


def job_room(spec: AcceleratorSpec, beside: Beside) -> tuple[int, int, int]:
    """Vectors of activations, weights and results that one job may use."""
    operands = 1 if beside == "nothing" else 2
    results = 2 if beside == "all" else 1
    return spec.act_depth // operands, spec.weight_depth // operands, spec.result_depth // results


def rank(cost: OpThroughput) -> tuple[int, int]:
    """Which of two ways is better: the smaller cycles, then the fewer words moved."""
    return cost.cycles, cost.bus_words


def orders(size: tuple[int, int, int], job: tuple[int, int, int]) -> tuple[Order, ...]:
    """The orders that differ: none where K is split, since then no operand stays."""
    return ("n",) if job[1] < size[1] else ("n", "m")


def shorter(job_m: int) -> list[int]:
    """Pieces of a job's M, even ones: the first load and the last read, which nothing hides, are smaller with them."""
    pieces = {-(-job_m // parts) for parts in (2, 3, 4)}
    return sorted({piece + piece % 2 for piece in pieces} - {job_m, job_m + 1})


def jobs_that_fit(
    room: tuple[int, int, int], spec: AcceleratorSpec, size: tuple[int, int, int]
) -> Iterator[tuple[int, int, int]]:
    """Jobs that fit: for each of some splits of K and N, the fewest equal pieces of M."""
    m, k, n = size
    act, weight, result = room
    for job_k in _sizes(k, spec.rows, min(act if spec.output_stationary else spec.rows * act, weight)):
        for job_n in _sizes(n, spec.cols, spec.cols * min(weight // job_k, result // 2)):
            of_act = act // job_k * spec.rows if spec.output_stationary else act // -(-job_k // spec.rows)
            most = min(of_act, result // -(-job_n // spec.cols) & ~1)
            if most:
                piece = -(-m // -(-m // most))
                yield min(piece + piece % 2, most, m), job_k, job_n


def _sizes(size: int, step: int, most: int) -> list[int]:
    """Sizes of equal pieces, whole steps unless all of it: the fewest pieces that fit, twice as many, and so on."""
    if most < min(size, step):
        return []
    found: list[int] = []
    pieces = 1 if size <= most else math.ceil(size / (most // step * step))
    while not found or (found[-1] > step and len(found) < 6):
        found.append(min(size, -(-size // pieces // step) * step))
        pieces *= 2
    return list(dict.fromkeys(found))


def refuse_beyond(most: int, size: tuple[int, int, int], jobs: int) -> None:
    """Raise ValueError for a product that is cut into more jobs than can be counted one by one."""
    if jobs > most:
        raise ValueError(
            f"the product {' x '.join(map(str, size))} takes {jobs:.2g} jobs on this design, and at most {most:.2g} can"
            " be counted: take smaller products, or a design with larger scratchpads"
        )


def jobs_of(size: tuple[int, int, int], job: tuple[int, int, int]) -> int:
    """Jobs that a product is cut into."""
    return math.prod(-(-whole // part) for whole, part in zip(size, job, strict=True))


def touched(run: CycleBreakdown) -> int:
    """Words that the array reads from and writes to its scratchpads."""
    return run.act_reads + run.weight_reads + run.result_reads + run.result_writes
