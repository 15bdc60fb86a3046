from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtl import AcceleratorSpec
from sim.cycle_model import JOB_SETUP_CYCLES, bus_words, check_product, cycles, vectors
from sim.networks import resnet18, vit_base
from sim.throughput import READ_LATENCY, job_cost, op_throughput, throughput
from sim.tiling import OpThroughput, job_room
from sim.workload import LayerOp, Workload

SMALL = AcceleratorSpec()
HALVES = AcceleratorSpec(result_banks=16)
SHALLOW = AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=64)
WIDE = AcceleratorSpec(rows=8, cols=8, act_banks=4, weight_banks=4, result_banks=32, words_per_bank=128)
OUTPUT = AcceleratorSpec(dataflow="output_stationary", operands="bfloat16", words_per_bank=64)
SPECS = [SMALL, HALVES, SHALLOW, WIDE, OUTPUT]
SIZES = st.tuples(st.integers(1, 400), st.integers(1, 300), st.integers(1, 200))


def pieces(whole: int, part: int) -> list[tuple[int, int]]:
    return [(at, min(part, whole - at)) for at in range(0, whole, part)]


def walk(size: tuple[int, int, int], cost: OpThroughput) -> Iterator[tuple[tuple[int, int, int], bool, bool, bool]]:
    """Jobs in their order: sizes; whether activations and weights must be loaded; whether results are read after it."""
    ms, ks, ns = (pieces(whole, part) for whole, part in zip(size, cost.job, strict=True))
    pairs = itertools.product(ms, ns) if cost.order == "n" else ((m, n) for n, m in itertools.product(ns, ms))
    act = weight = None
    for m, n in pairs:
        for k in ks:
            yield (m[1], k[1], n[1]), act != (m, k), weight != (k, n), k == ks[-1]
            act, weight = (m, k), (k, n)


def schedule(spec: AcceleratorSpec, size: tuple[int, int, int], cost: OpThroughput) -> tuple[int, int, int]:
    """Cycles, cycles of the array and words on the bus, job after job."""
    jobs = list(walk(size, cost))
    array = [cycles(spec, *job) for job, *_ in jobs]
    load = [act * bus_words(spec, *job)[0] + weight * bus_words(spec, *job)[1] for job, act, weight, _ in jobs]
    read = [bus_words(spec, *job)[2] if last else 0 for job, _, _, last in jobs]
    clock = 0
    for i, busy in enumerate(array):
        if i == 0 or cost.beside == "nothing":
            clock += load[i]
        beside = 0
        if cost.beside != "nothing" and i + 1 < len(jobs):
            beside += load[i + 1]
        if cost.beside == "all" and i:
            beside += max(READ_LATENCY, beside) - beside if read[i - 1] else 0
            beside += read[i - 1]
        clock += JOB_SETUP_CYCLES + max(busy, beside - 1)
        if read[i] and (cost.beside != "all" or i == len(jobs) - 1):
            clock += read[i] + READ_LATENCY
    return clock, sum(array), sum(load) + sum(read)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SPECS), SIZES)
def test_the_cost_is_that_of_its_jobs_one_after_another(spec: AcceleratorSpec, size: tuple[int, int, int]) -> None:
    cost = op_throughput(spec, *size)
    assert (cost.cycles, cost.array_cycles, cost.bus_words) == schedule(spec, size, cost)
    assert cost.jobs == len(list(walk(size, cost)))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SPECS), SIZES)
def test_jobs_fit_and_add_up_to_the_product(spec: AcceleratorSpec, size: tuple[int, int, int]) -> None:
    cost = op_throughput(spec, *size)
    jobs = [job for job, *_ in walk(size, cost)]
    for m, k, n in set(jobs):
        check_product(spec, m, k, n)
    needs, room = vectors(spec, *cost.job), job_room(spec, cost.beside)
    assert all(need <= there for need, there in zip(needs, room, strict=True))
    assert sum(m * k * n for m, k, n in jobs) == cost.macs == size[0] * size[1] * size[2]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SPECS), SIZES)
def test_no_cost_is_below_its_bounds(spec: AcceleratorSpec, size: tuple[int, int, int]) -> None:
    cost = op_throughput(spec, *size)
    assert cost.macs / (spec.rows * spec.cols) <= cost.array_cycles <= cost.cycles
    assert sum(bus_words(spec, *size)) <= cost.bus_words <= cost.cycles + READ_LATENCY
    assert cost.sram_words >= 2 * cost.bus_words - bus_words(spec, *size)[2]
    assert cost.stall_cycles == cost.cycles - cost.array_cycles


def test_a_product_that_fits_is_one_job() -> None:
    cost = op_throughput(SHALLOW, 20, 8, 8)
    assert (cost.job, cost.jobs, cost.array_cycles) == ((20, 8, 8), 1, cycles(SHALLOW, 20, 8, 8))
    assert cost.cycles == cost.array_cycles + cost.bus_words + JOB_SETUP_CYCLES + READ_LATENCY
    assert cost.bus_words == 20 * 2 + 8 * 2 + 20 * 8


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("size", [(60, 30, 24), (150, 12, 60), (7, 90, 50)])
def test_few_tilings_are_enough(spec: AcceleratorSpec, size: tuple[int, int, int]) -> None:
    m, k, n = size
    best = None
    for beside in ["nothing"] + ["loads"] * spec.loads_beside + ["all"] * (spec.loads_beside and spec.reads_beside):
        room = job_room(spec, beside)  # type: ignore[arg-type]
        for job_k in sorted({min(k, part) for part in range(spec.rows, k + spec.rows, spec.rows)}):
            for job_n in sorted({min(n, part) for part in range(spec.cols, n + spec.cols, spec.cols)}):
                for job_m in {min(m, part) for part in range(2, m + 2, 2)}:
                    needs = vectors(spec, job_m, job_k, job_n)
                    if any(need > there for need, there in zip(needs, room, strict=True)):
                        continue
                    for order in ("n", "m"):
                        cost = job_cost(spec, size, (job_m, job_k, job_n), order, beside)  # type: ignore[arg-type]
                        best = min(best or cost.cycles, cost.cycles)
    assert best is not None
    assert best <= op_throughput(spec, *size).cycles <= 1.03 * best


def test_banks_for_both_halves_hide_the_bus() -> None:
    size = (400, 64, 64)
    assert op_throughput(SHALLOW, *size).beside == "nothing"
    assert op_throughput(HALVES, *size).beside != "nothing"
    assert op_throughput(HALVES, *size).stall_cycles < op_throughput(SHALLOW, *size).stall_cycles


def test_a_workload_is_the_sum_of_its_products() -> None:
    ops = (LayerOp("a", 30, 20, 10, 3), LayerOp("a", 5, 6, 7, 2, "conv"))
    found = throughput(SMALL, Workload("two", ops, {"exp": 2_000_000}, {"transpose": 5}), 1e9)
    parts = [op_throughput(SMALL, op.m, op.k, op.n) for op in ops]
    assert found.cycles == 3 * parts[0].cycles + 2 * parts[1].cycles
    assert found.stall_cycles == 3 * parts[0].stall_cycles + 2 * parts[1].stall_cycles
    assert found.macs == 3 * 6000 + 2 * 210
    assert found.seconds == pytest.approx(found.cycles / 1e9)
    assert found.ops_per_s == pytest.approx(2 * found.macs / found.seconds)
    assert found.utilisation == pytest.approx(found.macs / (16 * found.cycles))
    assert found.host_seconds == pytest.approx(2e-3)
    assert found.bus_bytes == 4 * (3 * parts[0].bus_words + 2 * parts[1].bus_words)
    assert [op for op, _ in found.by_op] == list(ops)


def test_a_vector_unit_takes_work_from_the_host() -> None:
    spec = AcceleratorSpec(edge="dma", dma_words=64)
    passes = {("map two", 1, 100_000): 2, ("reduce", 300, 70): 3, ("map one", 1, 1): 1}
    workload = Workload(
        "some", (), {"add": 200_000, "reduce_sum": 63_000, "exp": 1, "sqrt": 500}, {}, 0, passes, 263_001
    )
    assert Workload.from_json(workload.to_json()) == workload
    without = throughput(spec, workload, 1e9)
    assert (without.vector_seconds, without.host_seconds) == (0.0, pytest.approx(263_501e-9))
    found = throughput(replace(spec, vector=True), workload, 1e9)
    assert found.host_seconds == pytest.approx(500e-9)
    assert found.seconds == without.seconds
    # Two reads and a write for each sum of two, a read for each element of a row; a latency that chunks hide.
    words = 3 * 200_000 + 63_000 + 900 + 2
    assert words <= 1e9 * found.vector_seconds < 1.1 * words


def test_an_empty_workload_takes_no_time() -> None:
    found = throughput(SMALL, Workload("none", (), {}, {}), 1e9)
    assert (found.cycles, found.seconds, found.ops_per_s, found.utilisation) == (0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("spec", [AcceleratorSpec(), AcceleratorSpec(edge="dma", tiles=2)])
def test_a_product_of_too_many_jobs_is_refused(spec: AcceleratorSpec) -> None:
    with pytest.raises(ValueError, match=r"999999 x 999999 x 999999 takes \S+ jobs on this design, and at most"):
        op_throughput(spec, 999_999, 999_999, 999_999)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="size below 1"):
        op_throughput(SMALL, 0, 1, 1)
    with pytest.raises(ValueError, match="above 0"):
        throughput(SMALL, vit_base(), 0.0)


def test_peak_is_not_throughput() -> None:
    """A larger array behind the same bus and scratchpads is used less."""
    small = throughput(SMALL, resnet18(), 1e9)
    large = throughput(AcceleratorSpec(rows=16, cols=16, act_banks=4, weight_banks=4, result_banks=32), resnet18(), 1e9)
    assert large.utilisation < small.utilisation
    assert small.cycles / 16 < large.cycles < small.cycles


def test_whole_networks_take_moments() -> None:
    op_throughput.cache_clear()
    begin = time.process_time()
    for network in (resnet18(), vit_base()):
        throughput(SMALL, network, 1e9)
    assert time.process_time() - begin < 5
