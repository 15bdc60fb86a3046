"""Does an accelerator with a DMA engine do what its programs say, in the cycles that the model says?"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, FallingEdge

from rtl.commands import Command, Fault, Op
from rtl.memory_map import ErrorCode, Space
from sim import golden
from sim.benches.passes import check_pass, random_size, random_steps
from sim.benches.system_host import SystemHost, begin, random_memory
from sim.cycle_model import vectors
from sim.plan import UPRIGHT, Place, Plan, Turned, commands
from sim.system_model import Memory
from sim.system_throughput import plans


def turning(host: SystemHost, i: int) -> Turned:
    """Which of activations and weights lie the other way round, where they may: each case in turn."""
    return (i % 4 in (1, 3), i % 4 in (2, 3)) if host.spec.transpose else UPRIGHT


async def check(
    host: SystemHost, rng: np.random.Generator, plan: Plan, exact: bool = True, turned: Turned = UPRIGHT
) -> None:
    """Run a product of random operands by a plan and compare each bit."""
    act, weight = host.operands(rng, *plan.size)
    got = await host.product(plan, act, weight, exact, turned)
    expected = golden.planned_product(host.spec, act, weight, plan.job[1])
    assert (got.view(np.uint32) == expected.view(np.uint32)).all(), f"wrong results: {plan}"
    host.coverage.plan(host.spec, plan, host.memory.memory, turned)


@cocotb.test()
async def random_products(dut: Any) -> None:
    """Products by random plans, at random places in memories of random latency and bandwidth; passes between them."""
    host, rng = await begin(dut)
    for i, size in enumerate(host.config.products):
        host.memory.memory = random_memory(rng, i)
        turned = turning(host, i)
        possible = list(plans(host.spec, size, turned))
        await check(host, rng, possible[int(rng.integers(len(possible)))], turned=turned)
        if host.spec.vector:
            await check_pass(host, rng, random_steps(rng), *random_size(host, rng))


@cocotb.test()
async def restless_memory(dut: Any) -> None:
    """A memory that answers when it likes changes nothing but the time."""
    host, rng = await begin(dut)
    host.memory.memory = None
    for i, size in enumerate(host.config.products[:3]):
        turned = turning(host, i)
        possible = list(plans(host.spec, size, turned))
        await check(host, rng, possible[int(rng.integers(len(possible)))], False, turned)


@cocotb.test()
async def banks_wanted_twice(dut: Any) -> None:
    """The engine waits for banks that the array uses, and loses no word: the next product comes into the same ones."""
    host, rng = await begin(dut)
    spec = host.spec
    size = host.fit(4 * spec.rows, 2 * spec.rows, spec.cols, parts=4)
    plan = Plan(size, size, "n", "nothing", "n")
    host.memory.memory = Memory(1, 1)
    bases = vectors(spec, *size)
    results, programs = [], []
    for i in range(2):
        act, weight = host.operands(rng, *size)
        place = Place.packed(spec, size, i << 16)
        host.memory.put(act.T if spec.output_stationary else act, place.act)
        host.memory.put(weight, place.weight)
        results.append((place, golden.planned_product(spec, act, weight, plan.job[1])))
        load_act, load_weight, run, store = commands(spec, plan, place)
        at = [i * base for base in bases]
        moves = [
            part._replace(args=(*part.args[:4], base, part.args[5]), wait=part is store)
            for part, base in zip((load_act, load_weight, store), at, strict=True)
        ]
        programs.append((moves[:2], run._replace(args=(*size, *at, 0)), moves[2]))
    (first_loads, first_run, first_store), (loads, run, store) = programs
    await host.send([*first_loads, first_run, *loads, run, first_store, store])
    assert (await host.status(100_000))[0] == Fault.NONE
    for place, wanted in results:
        got = host.memory.get((size[0], size[2]), place.result, golden.result_type(spec))
        assert (got.view(np.uint32) == wanted.view(np.uint32)).all(), "a word was lost"


@cocotb.test()
async def illegal_commands(dut: Any) -> None:
    """Each is refused with its reason, those after it are dropped, and the next program is right."""
    host, rng = await begin(dut)
    spec = host.spec
    depths = {Space.ACTIVATIONS: spec.act_depth, Space.WEIGHTS: spec.weight_depth, Space.RESULTS: spec.result_depth}
    every = (1 << spec.tiles) - 1
    legal = Command(Op.LOAD, 1, (0, 1, 1, 1, 0, 0), Space.WEIGHTS)

    def moving(op: Op = Op.LOAD, tiles: int = 1, space: Space = Space.ACTIVATIONS, **args: int) -> Command:
        names = ("address", "stride", "rows", "words", "base", "block")
        values = {"address": 0, "stride": 1, "rows": 2, "words": 1, "base": 0, "block": 0} | args
        return Command(op, tiles, tuple(values[name] for name in names), space)

    cases: list[tuple[Command, Fault, ErrorCode]] = [
        (moving(Op.LOAD_TRANSPOSED, space=Space.REGISTERS), Fault.COMMAND, ErrorCode.NONE),
        (moving(space=Space.REGISTERS), Fault.COMMAND, ErrorCode.NONE),
        (Command(Op.RUN, 1, (1, 1, 1, 0, 0, 0, 0), Space.RESULTS), Fault.COMMAND, ErrorCode.NONE),
        (moving(tiles=0), Fault.TILES, ErrorCode.NONE),
        (moving(tiles=1 << spec.tiles), Fault.TILES, ErrorCode.NONE),
        (Command(Op.RUN, every + 1, (1, 1, 1, 0, 0, 0, 0)), Fault.TILES, ErrorCode.NONE),
        (moving(rows=0), Fault.SIZE, ErrorCode.NONE),
        (moving(words=0), Fault.SIZE, ErrorCode.NONE),
        (moving(rows=1 << 16), Fault.SIZE, ErrorCode.NONE),
        (moving(words=1 << 20), Fault.SIZE, ErrorCode.NONE),
        (moving(base=1 << 24), Fault.SIZE, ErrorCode.NONE),
        (moving(block=1 << 31), Fault.SIZE, ErrorCode.NONE),
        *((moving(space=space, base=depth - 1), Fault.PLACE, ErrorCode.NONE) for space, depth in depths.items()),
        (moving(words=40 * spec.act_lanes, rows=1, block=spec.act_depth // 2), Fault.PLACE, ErrorCode.NONE),
        (moving(Op.STORE, space=Space.RESULTS, base=spec.result_depth - 1), Fault.PLACE, ErrorCode.NONE),
        (Command(Op.RUN, every, (0, 1, 1, 0, 0, 0, 0)), Fault.PRODUCT, ErrorCode.SIZE),
        (Command(Op.RUN, every, (1, 1, 1, 0, 0, 1, 0)), Fault.PRODUCT, ErrorCode.RESULT_BASE),
        (Command(Op.RUN, 1, (1, 1 << 30, 1, 0, 0, 0, 0)), Fault.PRODUCT, ErrorCode.SIZE),
    ]
    if not spec.transpose:
        cases.append((moving(Op.LOAD_TRANSPOSED), Fault.COMMAND, ErrorCode.NONE))
    else:
        square = moving(Op.LOAD_TRANSPOSED, rows=spec.operands_per_word, words=spec.operands_per_word)
        last = (*square.args[:4], spec.act_depth - 1, 0)
        cases.append((square._replace(args=last), Fault.PLACE, ErrorCode.NONE))
        cases.append((square._replace(space=Space.RESULTS, args=(*last, 3 << 13)), Fault.COMMAND, ErrorCode.NONE))
    if spec.tiles > 1:
        cases.append((moving(Op.STORE, tiles=3, space=Space.RESULTS), Fault.TILES, ErrorCode.NONE))
    host.memory.memory = Memory(3, 1)
    dropped = moving(Op.STORE, space=Space.RESULTS, address=1 << 20)
    for command, fault, code in cases:
        host.memory.written.clear()
        wait = command._replace(wait=True) if command.op == Op.RUN else command
        await host.send([legal, wait, *([dropped] * 6 if fault != Fault.PRODUCT else [dropped._replace(wait=True)])])
        found = await host.status(20_000)
        assert found == (fault, code), f"{command} gives {found[0].name}, {found[1]}, and not {fault.name}, {code}"
        assert not any(address >= 1 << 20 for address in host.memory.written), f"after {command} the next one is done"
    size = (spec.rows, spec.rows, spec.cols)
    await check(host, rng, Plan(size, size, "n", "nothing", "n"))


@cocotb.test()
async def reset_in_the_middle(dut: Any) -> None:
    """A reset at any time leaves nothing behind."""
    host, rng = await begin(dut)
    spec = host.spec
    size = host.fit(2 * spec.rows, spec.rows, spec.cols)
    plan = Plan(size, size, "n", "nothing", "n")
    act, weight = host.operands(rng, *size)
    for i in range(6):
        host.memory.memory = random_memory(rng, 2 * i)
        task = cocotb.start_soon(host.product(plan, act, weight))
        await ClockCycles(dut.clk, int(rng.integers(5, 400)))
        task.cancel()
        await FallingEdge(dut.clk)
        await host.reset()
        host.coverage.hit("reset", "in a program")
        assert await host.read(1) == 0, "the status is not idle after a reset"
        await check(host, rng, plan)
