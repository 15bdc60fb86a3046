"""Does an accelerator with a vector unit do a whole training step as one program, without a host?"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from rtl.commands import CommandRegister
from sim.benches.system_host import begin
from sim.lowering import lower
from sim.system_model import Memory, program_cycles
from sim.training_step import training_step


@cocotb.test()
async def dense_network(dut: Any) -> None:
    """Forwards, backwards and the new weights of two dense layers: each bit, and each cycle."""
    host, _ = await begin(dut)
    memory = host.memory
    for near, seed in ((Memory(3, 1), host.config.seed), (Memory(40, 2), host.config.seed + 1)):
        function, args = training_step((9, 14, 10, 6), seed)
        program = lower(host.spec, function, *args, memory=near)
        memory.words.clear()
        memory.strayed.clear()
        memory.memory = near
        for matrix in program.inputs:
            memory.put(matrix.values, matrix.place)
        said = program_cycles(host.spec, near, program.commands).total
        await host.send(program.commands)
        fault, _ = await host.status(2 * said + 5000)
        assert not fault, f"the program ends with the fault {fault.name}"
        assert not memory.strayed, f"{len(memory.strayed)} words are read that nothing was written to"
        for i, matrix in enumerate(program.outputs):
            got = memory.get(matrix.values.shape, matrix.place, matrix.values.dtype)
            wrong = (got.view(np.uint32) != matrix.values.view(np.uint32)).sum()
            assert not wrong, f"result {i}: {wrong} of {got.size} are wrong"
        counted = await host.read(CommandRegister.CYCLES)
        assert counted == said, f"the program took {counted} cycles; the model says {said}, {near}"
