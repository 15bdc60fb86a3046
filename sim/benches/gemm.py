"""Is each product bit-exact and does it take the cycles that the model says, whatever happened before?"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, FallingEdge

from rtl.memory_map import ErrorCode, MemoryMap, Register, Space
from sim import golden
from sim.benches.axi_host import connect
from sim.benches.host import Config, Host
from sim.cycle_model import cycle_breakdown, product_fits, vectors
from sim.golden import operand_type


def host_and_random(dut: Any) -> tuple[Host, np.random.Generator]:
    """The host, and a random generator that every test begins anew from the seed."""
    config = Config.load()
    return connect(dut, config), np.random.default_rng(config.seed)


@cocotb.test()
async def random_products(dut: Any) -> None:
    """Random products at random places, every third accumulated onto random results."""
    host, rng = host_and_random(dut)
    await host.begin()
    for i, (m, k, n) in enumerate(host.config.products):
        bases = random_bases(host, rng, m, k, n)
        onto = None
        if i % 3 == 1:
            onto = host.results(rng, m, n)
        await host.run(*host.operands(rng, m, k, n), bases, onto)


@cocotb.test()
async def largest_sums(dut: Any) -> None:
    """The longest sums that the scratchpads hold keep every bit: int8: of -128 and 127; bfloat16: of the extremes."""
    host, _ = host_and_random(dut)
    await host.begin()
    spec = host.spec
    k = 8 * spec.rows + 3
    while not product_fits(spec, 2, k, spec.cols):
        k //= 2
    kinds = operand_type(spec)
    extremes = (-128, 127) if spec.operands == "int8" else (-1.0, 3.3e38, 1e-40, float("nan"))
    for a in extremes:
        for w in extremes:
            await host.run(np.full((2, k), a).astype(kinds), np.full((k, spec.cols), w).astype(kinds))


@cocotb.test()
async def back_to_back(dut: Any) -> None:
    """The next product is loaded and the last one's results are read while one runs.

    With banks for each half of a scratchpad the bus never waits.
    """
    host, rng = host_and_random(dut)
    await host.begin()
    spec = host.spec
    m, k, n = host.fit(2 * spec.rows + 1, spec.rows + 1, spec.cols + 1, parts=2)
    bases = ((0, 0, 0), (spec.act_depth // 2, spec.weight_depth // 2, spec.result_depth // 2))
    jobs = [(*host.operands(rng, m, k, n), bases[i % 2]) for i in range(4)]
    await host.load(*jobs[0][:2], *jobs[0][2][:2])
    for i, (_, _, base) in enumerate(jobs):
        await host.start(m, k, n, base)
        if i:
            waits = host.waits
            await host.check(host.expected(*jobs[i - 1][:2]), jobs[i - 1][2][2])
            assert host.waits == waits or not spec.reads_beside, "the bus waits for results that nothing else reads"
        if i + 1 < len(jobs):
            waits = host.waits
            await host.load(*jobs[i + 1][:2], *jobs[i + 1][2][:2])
            assert host.waits == waits or not spec.loads_beside, "the bus waits to load what nothing else reads"
        await host.finish(m, k, n)
    await host.check(host.expected(*jobs[-1][:2]), jobs[-1][2][2])


@cocotb.test()
async def reset_in_the_middle(dut: Any) -> None:
    """A reset at any time stops the product, keeps the scratchpads, and leaves nothing behind."""
    host, rng = host_and_random(dut)
    await host.begin()
    spec = host.spec
    size = m, k, n = host.fit(2 * spec.rows + 3, 2 * spec.rows + 1, spec.cols + 2)
    act, weight = host.operands(rng, m, k, n)
    await host.load(act, weight)
    # Of a product with two rows, one of the two results is mostly on its way: nothing of it may come after the reset.
    short = (2, k, n)
    for (m, k, n), window in ((size, 0), (size, 1), (short, 1), (short, 1), (short, 1), (size, 2)):
        cost = cycle_breakdown(spec, m, k, n)
        ends = (0, cost.control, cost.total - cost.drain, cost.total - 2)
        await host.start(m, k, n)
        after = int(rng.integers(ends[window] + 1, ends[window + 1] + 1))
        await ClockCycles(dut.clk, after)
        await host.reset()
        host.coverage.reset(m, k, n, after - 1)
        marker = host.results(rng, m, n)
        await host.preset(marker)
        assert await host.read(Register.STATUS) == 0, "the status is not idle after a reset"
        await ClockCycles(dut.clk, 2 * (spec.rows + spec.cols) + 8)
        await FallingEdge(dut.clk)
        await host.check(marker)
    await host.start(*size)
    await host.finish(*size)
    await host.check(host.expected(act, weight))


@cocotb.test()
async def illegal_products(dut: Any) -> None:
    """A product that does not fit is refused with the reason, changes no result, and does no harm to the next."""
    host, rng = host_and_random(dut)
    await host.begin()
    spec = host.spec
    last_act, last_weight, last_result = spec.act_depth - 1, spec.weight_depth - 1, spec.result_depth - 2
    sizes_and_bases = [
        ((0, 1, 1), (0, 0, 0)),
        ((1, 0, 1), (0, 0, 0)),
        ((1, 1, 0), (0, 0, 0)),
        ((1 << 31, 1, 1), (0, 0, 0)),
        ((1, (1 << 20) + 1, 1), (0, 0, 0)),
        ((1, 1, (1 << 24) + 1), (0, 0, 0)),
        ((1, 1, 1), (1 << 24, 0, 0)),
        ((1, 1, 1), (0, 1 << 24, 0)),
        ((1, 1, 1), (0, 0, 1 << 24)),
        ((spec.act_depth + 1, 1, 1), (0, 0, 0)),
        ((1, spec.act_depth + 1, 1), (0, 0, 0)),
        ((2, spec.act_depth // 2 + 1, 1), (0, 0, 0)),
        ((spec.rows + 1, spec.act_depth // 2 + 1, 1), (0, 0, 0)),
        ((2, 1, 1), (last_act, 0, 0)),
        ((1, 2, 1), (last_act, 0, 0)),
        ((1, spec.rows + 1, 1), (last_act, 0, 0)),
        ((spec.rows + 1, 1, 1), (last_act, 0, 0)),
        ((1, spec.weight_depth + 1, 1), (0, 0, 0)),
        ((1, spec.weight_depth, spec.cols + 1), (0, 0, 0)),
        ((1, 2, 1), (0, last_weight, 0)),
        ((1, 1, spec.cols + 1), (0, 0, last_result)),
        ((3, 1, 1), (0, 0, last_result)),
        ((spec.result_depth + 1, 1, 1), (0, 0, 0)),
        ((1, 1, 1), (0, 0, 1)),
    ]
    marker = host.results(rng, spec.rows, spec.cols)
    await host.preset(marker)
    seen = set()
    for sizes, bases in sizes_and_bases:
        reasons = refusals(host, sizes, bases)
        if not reasons:
            continue  # one row of output-stationary activations is no deeper than one column, and the other way round
        await host.start(*sizes, bases)
        code = await host.wait(spec.act_depth + spec.weight_depth + spec.result_depth + 100)
        assert code in reasons, f"{sizes} at {bases} gives {code.name} and none of {sorted(reasons)}"
        status = await host.read(Register.STATUS)
        assert status == (int(code) << 4) | 6, f"status {status:#x} after {sizes} at {bases}"
        seen.add(code)
    assert seen == set(ErrorCode) - {ErrorCode.NONE}, f"only {sorted(seen)} were seen"
    await host.check(marker)
    for bases in ((last_act, 0, 0), (0, last_weight, 0), (0, 0, last_result)):
        await host.run(*host.operands(rng, 1, 1, 1), bases)


@cocotb.test()
async def writes_while_busy(dut: Any) -> None:
    """Registers and the start command are deaf while a product runs."""
    host, rng = host_and_random(dut)
    await host.begin()
    spec = host.spec
    m, k, n = host.fit(2 * spec.rows + 1, 2 * spec.rows, 2 * spec.cols)
    act, weight = host.operands(rng, m, k, n)
    await host.load(act, weight)
    await host.start(m, k, n)
    await host.start(1, 1, 1, (1, 1, 2), True)
    assert await host.read(Register.STATUS) == 1, "the status does not say busy"
    assert await host.read(Register.M) == m, "M changed while busy"
    await host.finish(m, k, n)
    await host.check(host.expected(act, weight))


@cocotb.test()
async def bus_beside_the_array(dut: Any) -> None:
    """Random reads of a product's operands, and reads and writes beside them and its results, while it runs."""
    host, rng = host_and_random(dut)
    await host.begin()
    spec = host.spec
    bus = MemoryMap.of(spec)
    m, k, n = host.fit(2 * spec.rows + 2, spec.rows + 2, spec.cols + 3, parts=2)
    act, weight = host.operands(rng, m, k, n)
    await host.load(act, weight)
    await host.start(m, k, n)
    used = vectors(spec, m, k, n)
    depths = (spec.act_depth, spec.weight_depth, spec.result_depth)
    lanes = (spec.act_lanes, spec.weight_lanes, spec.result_lanes)
    loaded = [*golden.act_words(spec, act, unused=0xFF), *golden.weight_words(spec, weight, unused=0xFF)]
    written: dict[int, int] = {}
    requests: list[tuple[int, int | None]] = []
    expected: list[int] = []
    for _ in range(200):
        which = int(rng.integers(3))
        if rng.random() < 0.4:
            address, word = loaded[int(rng.integers(len(loaded)))]
            requests.append((address, None))
            expected.append(word)
        elif written and rng.random() < 0.4:
            address = list(written)[int(rng.integers(len(written)))]
            requests.append((address, None))
            expected.append(written[address])
        else:
            vector = int(rng.integers(used[which], depths[which]))
            address = bus.address(Space(which + 1), vector, int(rng.integers(lanes[which])))
            written[address] = int.from_bytes(rng.bytes(spec.bus_bits // 8), "little")
            requests.append((address, written[address]))
    host.idle = 0.3
    got = await host.transfer(requests)
    host.idle = 0.0
    assert got == expected, "a word read beside the running array is not the word written"
    await host.finish(m, k, n)
    await host.check(host.expected(act, weight))
    assert await host.transfer((address, None) for address in written) == list(written.values())


@cocotb.test()
async def every_bank(dut: Any) -> None:
    """The first and the last word of every bank hold what they are given; addresses of nothing read as zero."""
    host, rng = host_and_random(dut)
    await host.begin()
    spec = host.spec
    bus = MemoryMap.of(spec)
    spaces = (
        (Space.ACTIVATIONS, spec.act_depth, spec.act_lanes, spec.words_per_bank, 1),
        (Space.WEIGHTS, spec.weight_depth, spec.weight_lanes, spec.words_per_bank, 1),
        (Space.RESULTS, spec.result_depth, spec.result_lanes, 2 * spec.words_per_bank, 2),
    )
    words: dict[int, int] = {}
    for space, depth, lanes, step, banks in spaces:
        for vector in range(0, depth, step):
            for end in [*range(banks), *range(step - banks, step)]:
                for lane in range(lanes):
                    address = bus.address(space, vector + end, lane)
                    words[address] = int.from_bytes(rng.bytes(spec.bus_bits // 8), "little")
    await host.transfer(words.items())
    assert await host.transfer((address, None) for address in words) == list(words.values())
    nothing = [15] + [bus.address(space, depth) for space, depth, *_ in spaces if depth < (1 << bus.vector_bits)]
    assert await host.transfer((address, None) for address in nothing) == [0] * len(nothing)
    host.coverage.hit("nothing is read at", "a register")
    if len(nothing) > 1:
        host.coverage.hit("nothing is read at", "a vector")
    assert await host.read(Register.ARRAY) == (spec.rows << 16) | spec.cols


def refusals(host: Host, sizes: tuple[int, int, int], bases: tuple[int, int, int]) -> set[ErrorCode]:
    """Every reason for which a product may be refused; a wrong size or a value beyond its register stands alone."""
    spec = host.spec
    largest = 1 << host.map.vector_bits
    limits = (2 * largest, 2 * largest, 2 * largest * spec.cols, largest, largest, largest)
    if min(sizes) < 1 or any(value >= limit for value, limit in zip((*sizes, *bases), limits, strict=True)):
        return {ErrorCode.SIZE}
    ends = [base + used for base, used in zip(bases, vectors(spec, *sizes), strict=True)]
    depths = (spec.act_depth, spec.weight_depth, spec.result_depth)
    codes = (ErrorCode.ACTIVATIONS, ErrorCode.WEIGHTS, ErrorCode.RESULTS)
    reasons = {code for code, end, depth in zip(codes, ends, depths, strict=True) if end > depth}
    return reasons | ({ErrorCode.RESULT_BASE} if bases[2] % 2 else set())


def random_bases(host: Host, rng: np.random.Generator, m: int, k: int, n: int) -> tuple[int, int, int]:
    """Random vectors at which the operands and results of a product fit; the results' is even."""
    spec = host.spec
    act, weight, result = vectors(spec, m, k, n)
    return (
        random_place(rng, spec.act_depth - act),
        random_place(rng, spec.weight_depth - weight),
        2 * random_place(rng, (spec.result_depth - result) // 2),
    )


def random_place(rng: np.random.Generator, last: int) -> int:
    """A number from 0 to ``last``, each end as often as everything between."""
    return int((0, last, rng.integers(last + 1))[rng.integers(3)])
