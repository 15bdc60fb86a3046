"""Whole products, cut into jobs as the performance model says, with all their traffic on the bus."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge
from cocotb.utils import get_sim_time

from sim import golden
from sim.benches.host import CLOCK_NS, Config, Host
from sim.throughput import op_throughput
from sim.tiling import OpThroughput

Requests = list[tuple[int, int | None]]


@dataclass(frozen=True)
class Job:
    """One job: the rows, depth and columns of the product that it does, and where its operands and results lie."""

    m: slice
    k: slice
    n: slice
    loads_act: bool
    loads_weight: bool
    first: bool  # of a sum over K
    last: bool
    bases: tuple[int, int, int]


def plan(host: Host, size: tuple[int, int, int], cost: OpThroughput) -> Iterator[Job]:
    """The jobs of a product in their order; what is loaded beside a job goes into the other half."""
    spec = host.spec
    m, k, n = (
        [slice(at, min(at + part, whole)) for at in range(0, whole, part)]
        for whole, part in zip(size, cost.job, strict=True)
    )
    pairs = itertools.product(m, n) if cost.order == "n" else ((rows, columns) for columns in n for rows in m)
    act = weight = None
    halves = [1, 1, 1]
    for rows, columns in pairs:
        halves[2] ^= cost.beside == "all"
        for depth in k:
            fresh = act != (rows, depth), weight != (depth, columns)
            act, weight = (rows, depth), (depth, columns)
            for operand in (0, 1):
                halves[operand] ^= fresh[operand] and cost.beside != "nothing"
            depths = (spec.act_depth // 2, spec.weight_depth // 2, spec.result_depth // 2)
            split = (cost.beside != "nothing", cost.beside != "nothing", cost.beside == "all")
            bases = tuple(half * size * used for half, size, used in zip(halves, depths, split, strict=True))
            yield Job(rows, depth, columns, *fresh, depth == k[0], depth == k[-1], bases)  # type: ignore[arg-type]


@cocotb.test()
async def tiled_products(dut: Any) -> None:
    """Each product is right, and takes the cycles of the performance model from its first load to its last result."""
    host = Host(dut, Config.load())
    rng = np.random.default_rng(host.config.seed)
    await host.begin()
    for size in host.config.products:
        cost = op_throughput(host.spec, *size)
        m, k, n = size
        act = host.trained(rng, m, k)
        weight = host.trained(rng, k, n)
        begin = get_sim_time("ns")
        got = await run(host, list(plan(host, size, cost)), cost, act, weight)
        taken = round((get_sim_time("ns") - begin) / CLOCK_NS)
        with host.config.measured.open("a") as sink:
            sink.write(json.dumps({"m": m, "k": k, "n": n, "cycles": taken, "model": cost.cycles}) + "\n")
        expected = None
        for depth in range(0, k, cost.job[1]):
            part = slice(depth, depth + cost.job[1])
            expected = golden.product(host.spec, act[:, part], weight[part], expected)
        assert (got == expected).all(), f"the product {m} x {k} x {n} is wrong"
        assert taken == cost.cycles, f"{m} x {k} x {n} took {taken} cycles; the performance model says {cost.cycles}"


async def run(
    host: Host, jobs: list[Job], cost: OpThroughput, act: golden.OperandArray, weight: golden.OperandArray
) -> golden.ResultArray:
    """The product of act [M, K] and weight [K, N] by its jobs."""
    spec = host.spec
    result = np.zeros((act.shape[0], weight.shape[1]), golden.result_type(spec))

    def loads(job: Job) -> Requests:
        requests: Requests = []
        if job.loads_act:
            requests += golden.act_words(spec, act[job.m, job.k], job.bases[0])
        if job.loads_weight:
            requests += golden.weight_words(spec, weight[job.k, job.n], job.bases[1])
        return requests

    def reads(job: Job) -> Requests:
        return [(address, None) for address, _ in golden.result_words(spec, result[job.m, job.n], job.bases[2])]

    def keep(job: Job, words: list[int]) -> None:
        raw = b"".join(word.to_bytes(spec.bus_bits // 8, "little") for word in words)
        columns = result[job.m, job.n].shape[1]
        groups = np.frombuffer(raw, result.dtype).reshape(
            -(-columns // spec.results_per_word), -1, spec.results_per_word
        )
        result[job.m, job.n] = np.concatenate(list(groups), axis=1)[:, :columns]

    waiting: Job | None = None
    for i, job in enumerate(jobs):
        if i == 0 or cost.beside == "nothing":
            await host.transfer(loads(job))
        m, k, n = (part.stop - part.start for part in (job.m, job.k, job.n))
        await host.start(m, k, n, job.bases, accumulate=not job.first)
        started = get_sim_time("ns")
        after = jobs[i + 1] if i + 1 < len(jobs) and cost.beside != "nothing" else None
        if waiting is not None or after is not None:
            words = await host.transfer((reads(waiting) if waiting else []) + (loads(after) if after else []))
            if waiting:
                keep(waiting, words)
            waiting = None
        while get_sim_time("ns") - started < 3 * CLOCK_NS or not int(host.dut.irq.value):  # the last job's irq is seen
            await FallingEdge(host.dut.clk)
        if job.last and (cost.beside != "all" or i == len(jobs) - 1):
            keep(job, await host.transfer(reads(job)))
        elif job.last:
            waiting = job
    return result
