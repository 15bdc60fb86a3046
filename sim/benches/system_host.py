"""The host of an accelerator with a DMA engine, and the external memory behind it."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, FallingEdge

from rtl import AcceleratorSpec
from rtl.commands import Command, CommandRegister, Fault, register_writes
from rtl.memory_map import BUSY, DONE, ERROR
from sim.benches.host import Config, Host
from sim.golden import OperandArray, ResultArray, result_type
from sim.plan import UPRIGHT, Place, Plan, Turned, commands
from sim.system_model import Memory, program_cycles

RUBBISH = 0x5A  # as a float a number that no sum leaves unchanged


class ExternalMemory:
    """Words at addresses; it answers as a Memory says, or, without one, when it likes.

    It is never asked for more words at a time than the spec has room for: ``dma_words``, twice that in a pass over two
    matrices.
    """

    def __init__(self, dut: Any, spec: AcceleratorSpec) -> None:
        self.words: dict[int, int] = {}
        self.written: set[int] = set()
        self.strayed: set[int] = set()  # addresses that were read and have no word
        self.memory: Memory | None = Memory()
        self._dut = dut
        self._bytes = spec.bus_bits // 8
        self._room = spec.dma_words * (1 + spec.vector)

    async def serve(self) -> None:
        """Answer for ever; a reset takes back all that was asked for."""
        dut = self._dut
        coming: deque[tuple[int, int]] = deque()  # when, and which word
        cycle = free = 0
        while True:
            await FallingEdge(dut.clk)
            cycle += 1
            if int(dut.rst.value):
                coming.clear()
            memory = self.memory
            ready = cycle >= free if memory else random.random() < 0.6
            dut.mem_ready.value = int(ready)
            if coming and coming[0][0] <= cycle and (memory or random.random() < 0.6):
                dut.mem_rvalid.value = 1
                dut.mem_rdata.value = coming.popleft()[1]
            else:
                dut.mem_rvalid.value = 0
            if ready and not int(dut.rst.value) and int(dut.mem_valid.value):
                address = int(dut.mem_addr.value)
                free = cycle + (memory.interval if memory else 1)
                if int(dut.mem_write.value):
                    self.words[address] = int(dut.mem_wdata.value)
                    self.written.add(address)
                else:
                    rubbish = int.from_bytes(bytes([RUBBISH]) * self._bytes, "little")
                    latency = memory.latency if memory else random.randint(1, 30)
                    if address not in self.words:
                        self.strayed.add(address)
                    coming.append((cycle + latency, self.words.get(address, rubbish)))
                    assert len(coming) <= self._room, f"{len(coming)} words are asked for, with room for {self._room}"

    def put(self, matrix: np.ndarray[Any, Any], at: tuple[int, int]) -> None:
        """Write a matrix row by row: first word, words from row to row. The rest of a row's last word is rubbish."""
        first, stride = at
        for row, values in enumerate(np.ascontiguousarray(matrix)):
            raw = values.tobytes()
            raw += bytes([RUBBISH]) * (-len(raw) % self._bytes)
            for word in range(len(raw) // self._bytes):
                part = raw[word * self._bytes : (word + 1) * self._bytes]
                self.words[first + row * stride + word] = int.from_bytes(part, "little")

    def get(self, shape: tuple[int, int], at: tuple[int, int], kind: np.dtype[Any]) -> ResultArray:
        """Read a matrix that lies row by row."""
        first, stride = at
        rows = []
        for row in range(shape[0]):
            words = (self.words[first + row * stride + i] for i in range(-(-shape[1] * kind.itemsize // self._bytes)))
            rows.append(
                np.frombuffer(b"".join(word.to_bytes(self._bytes, "little") for word in words), kind)[: shape[1]]
            )
        return np.stack(rows)


class SystemHost(Host):
    """Writes programs of commands."""

    def __init__(self, dut: Any, config: Config) -> None:
        super().__init__(dut, config)
        self.memory = ExternalMemory(dut, config.spec)

    async def begin(self) -> None:
        """Start the clock and the memory, and reset."""
        self.dut.mem_ready.value = 0
        self.dut.mem_rvalid.value = 0
        self.dut.mem_rdata.value = 0
        cocotb.start_soon(self.memory.serve())
        await super().begin()

    async def status(self, limit: int) -> tuple[Fault, int]:
        """Wait until nothing is left to do, at most ``limit`` cycles; the fault, and what a tile said."""
        await ClockCycles(self.dut.clk, 3)
        for _ in range(limit):
            await FallingEdge(self.dut.clk)
            if int(self.dut.irq.value):
                break
        else:
            raise AssertionError(f"not done after {limit} cycles: the accelerator hangs")
        self.running = False
        word = await self.read(CommandRegister.STATUS)
        assert word & (DONE | BUSY) == DONE, f"irq is high and the status is {word:#x}"
        fault = Fault(word >> 4 & 7)
        assert bool(word & ERROR) == bool(fault), f"status {word:#x}: error bit and code disagree"
        self.coverage.hit("fault", fault.name)
        return fault, word >> 8 & 7

    async def send(self, program: Iterable[Command]) -> None:
        """Write a program to the queue; its cycles are counted from its first command on."""
        writes: Iterator[tuple[int, int]] = (write for part in register_writes(program) for write in part)
        await self.transfer([(CommandRegister.CYCLES, 0), (CommandRegister.STATUS, 0)])
        self.running = True
        await self.transfer((int(number), value) for number, value in writes)

    async def product(
        self, plan: Plan, act: OperandArray, weight: OperandArray, exact: bool = True, turned: Turned = UPRIGHT
    ) -> ResultArray:
        """The results [M, N] of act [M, K] times weight [K, N] by a plan, and whether its cycles are the model's."""
        spec, memory = self.spec, self.memory
        place = Place.packed(spec, plan.size, int(random.randrange(1 << 20)), turned)
        memory.put(act.T if spec.output_stationary != turned[0] else act, place.act)
        memory.put(weight.T if turned[1] else weight, place.weight)
        m, k, n = plan.size
        what = {"m": m, "k": k, "n": n, "turned": sum(turned)}
        await self.program(list(commands(spec, plan, place)), place.result, m, exact, what)
        return memory.get((m, n), place.result, result_type(spec))

    async def program(
        self, program: list[Command], to: tuple[int, int], rows: int, exact: bool, what: Mapping[str, int]
    ) -> None:
        """Run a legal program, which writes ``rows`` rows of words side by side ``to`` a place and nothing else.

        If it is to be ``exact`` its cycles are held against the model's and recorded beside ``what`` it does.
        """
        memory = self.memory
        said = program_cycles(self.spec, memory.memory or Memory(30, 3), program)
        memory.written.clear()
        memory.strayed.clear()
        await self.send(program)
        await self.read(CommandRegister.STATUS)
        fault, _ = await self.status(4 * said.total + 5000)
        assert not fault, f"a legal program ends with the fault {fault.name}"
        first, stride = to
        wanted = {first + row * stride + i for row in range(rows) for i in range(stride)}
        assert memory.written == wanted, f"{len(memory.written ^ wanted)} words too many or too few are written"
        assert not memory.strayed, f"{len(memory.strayed)} words are read that belong to no matrix"
        if exact and memory.memory:
            counted = await self.read(CommandRegister.CYCLES)
            row = {**what, "cycles": counted, "model": said.total}
            row |= {"latency": memory.memory.latency, "interval": memory.memory.interval}
            with self.config.measured.open("a") as sink:
                sink.write(json.dumps(row) + "\n")
            assert counted == said.total, (
                f"{program} took {counted} cycles; the model says {said.total}, {memory.memory}"
            )


async def begin(dut: Any) -> tuple[SystemHost, np.random.Generator]:
    """The host after reset, and a random generator that every test begins anew from the seed."""
    config = Config.load()
    host = SystemHost(dut, config)
    await host.begin()
    return host, np.random.default_rng(config.seed)


def random_memory(rng: np.random.Generator, kind: int) -> Memory:
    """A memory of one of nine kinds, from the nearest and fastest to a far and slow one."""
    latency = ((1, 3), (3, 21), (21, 120))[kind % 3]
    interval = ((1, 2), (2, 3), (3, 6))[kind // 3 % 3]
    return Memory(int(rng.integers(*latency)), int(rng.integers(*interval)))
