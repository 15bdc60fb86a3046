"""How long a product takes on an accelerator with a DMA engine: of the plans that are tried, the quickest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

from rtl import AcceleratorSpec
from rtl.commands import Command, Op
from sim.cycle_model import bus_words, cycle_breakdown
from sim.plan import UPRIGHT, Place, Plan, Turned, commands
from sim.system_model import Memory, program_cycles, words_asked
from sim.tiling import (
    OpThroughput,
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

EXACTLY = 6
"""Of the plans of a product, how many of the quickest by a rough estimate are timed exactly."""


MOST_JOBS = 1 << 21
"""Of a product: a few GiB of memory for its commands."""


def plans(spec: AcceleratorSpec, size: tuple[int, int, int], turned: Turned = UPRIGHT) -> Iterator[Plan]:
    """The ways to do a product that are tried: jobs that fit the scratchpads, whole and in shorter pieces of M.

    ``turned`` says of activations and weights whether they lie the other way round in memory (:mod:`sim.plan`).
    """
    tiles_along = ("n", "m") if spec.tiles > 1 else ("n",)
    seen = set()
    step = spec.rows if spec.output_stationary else 2
    for beside in ways(spec):
        for split in tiles_along:
            # Every tile has work if there is enough of it; pieces begin with a word.
            m, k, n = size
            if split == "m":
                own = (min(m, -(-m // spec.tiles // step) * step), k, n)
            else:
                own = (m, k, min(n, -(-n // spec.tiles // spec.cols) * spec.cols))
            for whole in jobs_that_fit(job_room(spec, beside), spec, own):
                for job_m in (whole[0], *shorter(whole[0])):
                    job = (_aligned(spec, job_m, m, turned[0]), *whole[1:])
                    for order in orders(size, job):
                        plan = Plan(size, job, order, beside, split)  # type: ignore[arg-type]
                        if job[0] and plan not in seen:
                            seen.add(plan)
                            yield plan


def _aligned(spec: AcceleratorSpec, job_m: int, m: int, turned: bool) -> int:
    """M of a job whose rows begin with a word, 0 if there is none: some activations have M along words."""
    whole = 1 if spec.output_stationary == turned or job_m >= m else spec.operands_per_word
    return job_m // whole * whole


def system_throughput(spec: AcceleratorSpec, size: tuple[int, int, int], memory: Memory) -> OpThroughput:
    """What a product M, K, N costs by the quickest plan, operands and results in memory."""
    return _quickest(spec, size, memory, UPRIGHT)[1]


def best_plan(spec: AcceleratorSpec, size: tuple[int, int, int], memory: Memory, turned: Turned = UPRIGHT) -> Plan:
    """The quickest plan of a product M, K, N."""
    return _quickest(spec, size, memory, turned)[0]


@cache
def _quickest(
    spec: AcceleratorSpec, size: tuple[int, int, int], memory: Memory, turned: Turned
) -> tuple[Plan, OpThroughput]:
    possible = list(plans(spec, size, turned))
    refuse_beyond(MOST_JOBS, size, min(jobs_of(size, plan.job) for plan in possible))
    possible = [plan for plan in possible if jobs_of(size, plan.job) <= MOST_JOBS]
    likely = sorted(possible, key=lambda plan: _rough(spec, plan, memory))[:EXACTLY]
    return min(((plan, plan_cost(spec, plan, memory, turned)) for plan in likely), key=lambda found: rank(found[1]))


def plan_cost(spec: AcceleratorSpec, plan: Plan, memory: Memory, turned: Turned = UPRIGHT) -> OpThroughput:
    """What a product costs by one plan."""
    program = list(commands(spec, plan, Place.packed(spec, plan.size, 0, turned)))
    found = program_cycles(spec, memory, program)
    moved = [words_asked(spec, command) for command in program if command.op != Op.RUN]
    return OpThroughput(
        cycles=found.total,
        array_cycles=max(found.tile),
        macs=math.prod(plan.size),
        bus_words=sum(moved),
        sram_words=sum(_accesses(spec, command) for command in program),
        job=plan.job,
        jobs=sum(command.tiles.bit_count() for command in program if command.op == Op.RUN),
        order=plan.order,
        beside=plan.beside,
    )


def _accesses(spec: AcceleratorSpec, command: Command) -> int:
    """Words that a command's tiles read from and write to their scratchpads."""
    tiles = command.tiles.bit_count()
    if command.op != Op.RUN:
        return tiles * command.args[2] * command.args[3]
    return tiles * _of_product(spec, *command.args[:3], bool(command.args[6]))


@cache
def _of_product(spec: AcceleratorSpec, m: int, k: int, n: int, accumulate: bool) -> int:
    return touched(cycle_breakdown(spec, m, k, n, accumulate))


def _rough(spec: AcceleratorSpec, plan: Plan, memory: Memory) -> int:
    """Cycles of a plan if all rounds were alike."""
    m, k, n = plan.size
    steps = (job * (spec.tiles if plan.split == side else 1) for job, side in zip(plan.job, "mkn", strict=True))
    along = tuple(-(-size // step) for size, step in zip(plan.size, steps, strict=True))
    rounds = math.prod(along)
    again_act = 1 if along[1] == 1 and (plan.order == "n" or along[2] == 1) else along[2]
    again_weight = 1 if along[1] == 1 and (plan.order == "m" or along[0] == 1) else along[0]
    act, weight, result = bus_words(spec, m, k, n)
    loads = (act * again_act + weight * again_weight) * memory.interval + rounds * (spec.tiles + 1) * memory.latency
    stores = result * memory.interval + along[0] * along[2] * spec.tiles * 6
    compute = rounds * (cycle_breakdown(spec, *plan.job).total + 10)
    if plan.beside == "nothing":
        return compute + loads + stores
    if plan.beside == "loads":
        return max(compute, loads) + stores
    return max(compute, loads + stores) + (loads + stores) // rounds
