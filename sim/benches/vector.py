"""Does the vector unit give each bit that numpy gives, in the cycles that the model says?"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, FallingEdge

from rtl.commands import Command, Fault, Op
from rtl.memory_map import Space
from rtl.vector import SET_KIND, TABLE_KIND, Limit, Reduce, Source, Steps, pass_command
from sim.benches.passes import FUSED, check_pass, random_size, random_steps
from sim.benches.system_host import begin, random_memory
from sim.golden import result_type
from sim.system_model import Memory


@cocotb.test()
async def random_passes(dut: Any) -> None:
    """Any steps, on memories of random latency and bandwidth."""
    host, rng = await begin(dut)
    for i in range(40):
        host.memory.memory = random_memory(rng, i)
        await check_pass(host, rng, random_steps(rng), *random_size(host, rng))


@cocotb.test()
async def each_step_alone(dut: Any) -> None:
    """Each step by itself, and those that follow a product."""
    host, rng = await begin(dut)
    alone = [
        *(Steps(multiply=source) for source in Source),
        *(Steps(add=source, negate=negate) for source in Source for negate in (False, True)),
        *(Steps(limit=limit, limit_by_second=second) for limit in Limit for second in (False, True)),
        *(Steps(reduce=reduce, narrow=narrow) for reduce in Reduce for narrow in (False, True)),
        *(Steps(table=True, narrow=narrow) for narrow in (False, True)),
        Steps(Source.SECOND, per_row=True),
        Steps(add=Source.SECOND, per_row=True),
        FUSED,
    ]
    for i, steps in enumerate(alone):
        host.memory.memory = random_memory(rng, i)
        await check_pass(host, rng, steps, *random_size(host, rng))
    chunk = host.spec.dma_words * host.spec.results_per_word
    await check_pass(host, rng, FUSED, 1, chunk)
    await check_pass(host, rng, FUSED, 4, chunk // 2)


@cocotb.test()
async def restless_memory(dut: Any) -> None:
    """A memory that answers when it likes changes nothing but the time."""
    host, rng = await begin(dut)
    host.memory.memory = None
    for _ in range(6):
        await check_pass(host, rng, random_steps(rng), *random_size(host, rng), exact=False)


@cocotb.test()
async def illegal_passes(dut: Any) -> None:
    """Each is refused with its reason, those after it are dropped, and the next pass is right."""
    host, rng = await begin(dut)
    legal = pass_command((0, 1), 1, 1, (1 << 20, 1), Steps())
    host.memory.memory = Memory(3, 1)

    def changed(place: int, value: int, command: Command = legal) -> Command:
        return command._replace(args=(*command.args[:place], value, *command.args[place + 1 :]))

    cases = [
        *((changed(place, value), Fault.SIZE) for place in (2, 3) for value in (0, 1 << 16, 1 << 31)),
        *((changed(6, word), Fault.COMMAND) for word in (3, 3 << 2, 3 << 9, 3 << 13, 1 << 15, 1 << 31)),
        (changed(6, SET_KIND | 1 << 20), Fault.COMMAND),
        (changed(6, TABLE_KIND | 1 << 31), Fault.COMMAND),
        (legal._replace(space=Space.REGISTERS), Fault.COMMAND),
    ]
    for command, fault in cases:
        host.memory.written.clear()
        await host.send([command, *[legal] * 4])
        found = await host.status(20_000)
        assert found == (fault, 0), f"{command} gives {found[0].name} and not {fault.name}"
        assert not host.memory.written, f"after {command} the next one is done"
    await check_pass(host, rng, FUSED, 3, 7)


@cocotb.test()
async def beside_products(dut: Any) -> None:
    """A pass while the tiles work; and a product that is refused stops the passes that wait."""
    host, rng = await begin(dut)
    spec = host.spec
    host.memory.memory = Memory(3, 1)
    sizes = [host.fit(2 * spec.rows, spec.rows, spec.cols), (0, 1, 1)]
    every = (1 << spec.tiles) - 1
    values = host.results(rng, 4, 8)
    host.memory.put(values, (0, 8))
    for size, wanted in zip(sizes, (Fault.NONE, Fault.PRODUCT), strict=True):
        run = Command(Op.RUN, every, (*size, 0, 0, 0, 0))
        passes = [pass_command((0, 8), 4, 8, (1000 + 100 * i, 8), Steps()) for i in range(5)]
        host.memory.written.clear()
        await host.send([run, *passes])
        assert (await host.status(20_000))[0] == wanted
        for i in range(5 if wanted == Fault.NONE else 0):
            got = host.memory.get((4, 8), (1000 + 100 * i, 8), result_type(spec))
            assert (got.view(np.uint32) == values.view(np.uint32)).all()
        assert wanted == Fault.NONE or len(host.memory.written) < 5 * 4 * 8 // spec.results_per_word


@cocotb.test()
async def reset_in_a_pass(dut: Any) -> None:
    """A reset at any time leaves nothing behind."""
    host, rng = await begin(dut)
    for i in range(6):
        host.memory.memory = random_memory(rng, 2 * i)
        task = cocotb.start_soon(check_pass(host, rng, random_steps(rng), 6, 40))
        await ClockCycles(dut.clk, int(rng.integers(10, 300)))
        task.cancel()
        await FallingEdge(dut.clk)
        await host.reset()
        host.coverage.hit("reset", "in a pass")
        assert await host.read(1) == 0, "the status is not idle after a reset"
        await check_pass(host, rng, FUSED, 3, 9)
