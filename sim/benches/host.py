"""The host at the accelerator's bus, and what the bench was asked to do.

Everything is driven and sampled at the falling edge, where the signals of a cycle are settled in every simulator.
"""

from __future__ import annotations

import json
import os
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge, SimTimeoutError, with_timeout

from rtl import AcceleratorSpec
from rtl.memory_map import BUSY, DONE, ERROR, ErrorCode, MemoryMap, Register, Space
from sim import golden
from sim.coverage import STATES, STIMULI, Coverage
from sim.cycle_model import cycle_breakdown, vectors
from sim.golden import OperandArray, ResultArray, operand_type, result_type

CONFIG = "CHIPLOOP_BENCH"
CLOCK_NS = 2
PATIENCE = 5_000  # cycles that a bank may be busy for the array


@dataclass(frozen=True)
class Config:
    """What the bench was asked to do: the environment variable CHIPLOOP_BENCH names its JSON file.

    Attributes:
        spec: the accelerator that is simulated.
        seed: of all random choices.
        products: (M, K, N) of the products to run.
        measured: file to add a JSON line to for each product: its sizes and cycles.
        coverage: file to add the coverage bins to that are hit.
        latency: cycles that each product takes more than the cycle model says.
    """

    spec: AcceleratorSpec
    seed: int
    products: tuple[tuple[int, int, int], ...]
    measured: Path
    coverage: Path
    latency: int = 0

    @classmethod
    def load(cls) -> Config:
        """Read the configuration that the environment names."""
        data = json.loads(Path(os.environ[CONFIG]).read_text())
        return cls(
            AcceleratorSpec(**data["spec"]),
            data["seed"],
            tuple((m, k, n) for m, k, n in data["products"]),
            Path(data["measured"]),
            Path(data["coverage"]),
            data["latency"],
        )


class Host:
    """Reads and writes over the bus, one word in each cycle, and runs products."""

    def __init__(self, dut: Any, config: Config) -> None:
        self.dut = dut
        self.config = config
        self.spec = config.spec
        self.map = MemoryMap.of(config.spec)
        self.coverage = Coverage(config.spec, config.coverage)
        self.running = False  # a product was started and its end not waited for
        self._drawn = config.seed
        self.waits = 0  # cycles in which a request was offered and not taken
        self.idle = 0.0  # probability of offering nothing in a cycle

    def fit(self, m: int, k: int, n: int, parts: int = 1) -> tuple[int, int, int]:
        """The product m x k x n, or a smaller one that fits one of ``parts`` parts of each scratchpad."""
        spec = self.spec
        while True:
            act, weight, result = vectors(spec, m, k, n)
            if weight > spec.weight_depth // parts:
                k, n = (k, spec.cols) if n > spec.cols else (k // 2, n)
            elif result > spec.result_depth // parts:
                m, n = (m, spec.cols) if n > spec.cols else (m // 2, n)
            elif act > spec.act_depth // parts and spec.output_stationary:
                m, k = (spec.rows, k) if m > spec.rows else (m, k // 2)
            elif act > spec.act_depth // parts:
                m, k = (m, spec.rows) if k > spec.rows else (m // 2, k)
            else:
                return m, k, n

    async def begin(self) -> None:
        """Start the clock and reset."""
        Clock(self.dut.clk, CLOCK_NS, unit="ns").start()
        await self.reset()

    async def reset(self) -> None:
        """Hold reset for two cycles."""
        self.release()
        self.dut.rst.value = 1
        self.running = False
        await ClockCycles(self.dut.clk, 2)
        await FallingEdge(self.dut.clk)
        self.ready()
        self.dut.rst.value = 0

    def release(self) -> None:
        """Ask the bus for nothing."""
        self.dut.bus_valid.value = 0
        self.dut.bus_write.value = 0
        self.dut.bus_addr.value = 0
        self.dut.bus_wdata.value = 0

    def ready(self) -> None:
        """The design is in reset and its outputs are known."""

    async def transfer(self, requests: Iterable[tuple[int, int | None]]) -> list[int]:
        """Do (address, word to write or None to read) in order; return the words read."""
        queue = deque(requests)
        pending = 0
        words: list[int] = []
        left = PATIENCE
        taken = Space.REGISTERS  # the space of the request that was taken last
        while True:
            assert left, f"the bus gives no answer for {PATIENCE} cycles"
            left -= 1
            if pending and int(self.dut.bus_rvalid.value):
                words.append(int(self.dut.bus_rdata.value))
                pending -= 1
                left = PATIENCE
            if queue and self.idle and random.random() < self.idle:
                self.dut.bus_valid.value = 0
                self.coverage.hit("bus pauses", "between requests")
            elif queue:
                address, word = queue[0]
                self.dut.bus_valid.value = 1
                self.dut.bus_write.value = int(word is not None)
                self.dut.bus_addr.value = address
                self.dut.bus_wdata.value = word or 0
                if int(self.dut.bus_ready.value):
                    queue.popleft()
                    pending += word is None
                    left = PATIENCE
                    taken = Space(address >> (self.map.address_bits - 2))
                    kind, state = "read" if word is None else "write", STATES[self.running]
                    self.coverage.hit("bus", f"{kind} {taken.name.lower()} while {state}")
                else:
                    self.waits += 1
                    self.coverage.hit("bus waits for", taken.name.lower())
            else:
                self.dut.bus_valid.value = 0
                if not pending:
                    return words
            await FallingEdge(self.dut.clk)

    async def read(self, address: int) -> int:
        """The word at an address."""
        return (await self.transfer([(address, None)]))[0]

    async def load(self, act: OperandArray, weight: OperandArray, act_base: int = 0, weight_base: int = 0) -> None:
        """Write activations [M, K] and weights [K, N] into their scratchpads, and rubbish into words' unused bytes."""
        await self.transfer(golden.act_words(self.spec, act, act_base, unused=0xFF))
        await self.transfer(golden.weight_words(self.spec, weight, weight_base, unused=0xFF))

    async def start(
        self, m: int, k: int, n: int, bases: tuple[int, int, int] = (0, 0, 0), accumulate: bool = False
    ) -> None:
        """Write the registers and start; bases are those of activations, weights and results, in vectors."""
        values = {
            Register.M: m,
            Register.K: k,
            Register.N: n,
            Register.ACT_BASE: bases[0],
            Register.WEIGHT_BASE: bases[1],
            Register.RESULT_BASE: bases[2],
            Register.FLAGS: int(accumulate),
            Register.COMMAND: 1,
        }
        await self.transfer((int(register), value) for register, value in values.items())
        self.coverage.hit("start while", STATES[self.running])
        self.running = True

    async def wait(self, limit: int) -> ErrorCode:
        """Wait until the accelerator is done, at most ``limit`` cycles; return the error code."""
        await ClockCycles(self.dut.clk, 2)
        await FallingEdge(self.dut.clk)
        if not int(self.dut.irq.value):
            try:
                await with_timeout(RisingEdge(self.dut.irq), CLOCK_NS * limit, "ns")
            except SimTimeoutError:
                raise AssertionError(f"not done after {limit} cycles: the accelerator hangs") from None
            await FallingEdge(self.dut.clk)
        status = await self.read(Register.STATUS)
        assert status & DONE, f"irq is high and status {status:#x} does not say done"
        assert not status & BUSY, f"status {status:#x} says done and busy"
        self.running = False
        code = ErrorCode(status >> 4)
        self.coverage.hit("status", code.name)
        assert bool(status & ERROR) == bool(code), f"status {status:#x}: error bit and code disagree"
        return code

    async def finish(self, m: int, k: int, n: int, accumulate: bool = False) -> None:
        """Wait for a legal product, and hold its cycles against the cycle model."""
        expected = cycle_breakdown(self.spec, m, k, n, accumulate).total + self.config.latency
        code = await self.wait(expected + 100)
        assert code == ErrorCode.NONE, f"the legal product {m} x {k} x {n} is refused: {code.name}"
        counted = await self.read(Register.CYCLES)
        with self.config.measured.open("a") as sink:
            sink.write(json.dumps({"m": m, "k": k, "n": n, "cycles": counted, "model": expected}) + "\n")
        assert counted == expected, f"{m} x {k} x {n} took {counted} cycles; the cycle model says {expected}"

    def expected(self, act: OperandArray, weight: OperandArray, onto: ResultArray | None = None) -> ResultArray:
        """The results of a product in whole vectors: [M, N rounded up to a multiple of the columns]."""
        unused = -weight.shape[1] % self.spec.cols
        whole = np.concatenate([weight, np.zeros((weight.shape[0], unused), weight.dtype)], axis=1)
        return golden.product(self.spec, act, whole, None if onto is None else self._fill_vectors(onto))

    async def preset(self, results: ResultArray, base: int = 0) -> None:
        """Write results [M, N] at vector ``base``, and zeros up to whole vectors."""
        await self.transfer(golden.result_words(self.spec, self._fill_vectors(results), base))

    async def check(self, expected: ResultArray, base: int = 0) -> None:
        """Read the results at vector ``base``: each bit is that of expected [M, N], and zero up to whole vectors."""
        wanted = list(golden.result_words(self.spec, self._fill_vectors(expected), base))
        got = await self.transfer((address, None) for address, _ in wanted)
        wrong = [i for i, (_, word) in enumerate(wanted) if got[i] != word]
        if wrong:
            address, word = wanted[wrong[0]]
            m, n = expected.shape
            raise AssertionError(
                f"{len(wrong)} of {len(wanted)} result words of the {m}-row, {n}-column product are wrong;"
                f" the first at address {address:#x}: {got[wrong[0]]:#x} and not {word:#x}"
            )

    async def run(
        self,
        act: OperandArray,
        weight: OperandArray,
        bases: tuple[int, int, int] = (0, 0, 0),
        onto: ResultArray | None = None,
    ) -> None:
        """Load, run and check act [M, K] times weight [K, N], added to ``onto`` [M, N] if it is given.

        The vector behind the results keeps what it held.
        """
        m, k = act.shape
        n = weight.shape[1]
        await self.load(act, weight, bases[0], bases[1])
        if onto is not None:
            await self.preset(onto, bases[2])
        behind = bases[2] + vectors(self.spec, m, k, n)[2]
        guard = np.full((1, self.spec.cols), 0x5A5A5A5A, np.int32) if behind < self.spec.result_depth else None
        if guard is not None:
            await self.preset(guard, behind)
        await self.start(m, k, n, bases, onto is not None)
        await self.finish(m, k, n, onto is not None)
        expected = self.expected(act, weight, onto)
        await self.check(expected, bases[2])
        self.coverage.product(m, k, n, bases, onto is not None)
        self.coverage.results(expected)
        if guard is not None:
            await self.check(guard, behind)

    def _fill_vectors(self, matrix: ResultArray) -> ResultArray:
        rows, columns = matrix.shape
        return np.concatenate([matrix, np.zeros((rows, -columns % self.spec.cols), matrix.dtype)], axis=1)

    def operands(self, rng: np.random.Generator, m: int, k: int, n: int) -> tuple[OperandArray, OperandArray]:
        """Random activations [M, K] and weights [K, N], each of a kind of its own."""
        kinds = divmod(self._drawn % len(STIMULI) ** 2, len(STIMULI))
        self._drawn += 5  # every pair of kinds comes once in sixteen times
        self.coverage.hit("operands", ", ".join(STIMULI[kind] for kind in kinds))
        return self.operand(rng, m, k, kinds[0]), self.operand(rng, k, n, kinds[1])

    def operand(self, rng: np.random.Generator, rows: int, cols: int, kind: int) -> OperandArray:
        """A random matrix [rows, cols] of a kind of STIMULI: uniform bits, extremes, one value, a trained tensor's.

        bfloat16: uniform over the exponents, so that sums overflow, cancel and fall below the normal numbers; extremes
        hold infinities, NaNs, subnormals and zeros of both signs.
        """
        if kind == 3:
            return self.trained(rng, rows, cols)
        kinds = operand_type(self.spec)
        if kind == 0:
            bits = rng.integers(0, 1 << self.spec.operand_bits, (rows, cols), dtype=np.uint32)
        elif self.spec.operands == "int8":
            extremes = [0x80, 0x7F] if kind == 2 else [0x80, 0x81, 0xFF, 0, 1, 0x7F]
            bits = rng.choice(np.array(extremes, np.uint32), 1 if kind == 2 else (rows, cols))
        else:
            extremes = [0x3F80, 0xFF7F, 0x0001] if kind == 2 else [0x3F80, 0xBF80, 0x7F7F, 0x0001, 0x807F, 0x8000, 0]
            extremes += [0x7F80, 0xFF80, 0x7FC0] if kind == 1 and rng.random() < 0.3 else []
            bits = rng.choice(np.array(extremes, np.uint32), 1 if kind == 2 else (rows, cols))
        whole = np.broadcast_to(bits, (rows, cols)).astype(np.uint8 if kinds.itemsize == 1 else np.uint16)
        return whole.view(kinds)

    def trained(self, rng: np.random.Generator, rows: int, cols: int) -> OperandArray:
        """A random matrix [rows, cols] as a network's tensors are: normal; int8: 4 sigma at full scale."""
        if self.spec.operands == "int8":
            return np.clip(np.rint(rng.normal(0.0, 32.0, (rows, cols))), -128, 127).astype(np.int8)
        return rng.normal(0.0, 1.0, (rows, cols)).astype(operand_type(self.spec))

    def results(self, rng: np.random.Generator, rows: int, cols: int) -> ResultArray:
        """Random results [rows, cols], of uniform bits (float32: no NaN but the one that the accelerator gives)."""
        bits = rng.integers(0, 2**32, (rows, cols), dtype=np.uint64).astype(np.uint32)
        values = bits.view(result_type(self.spec))
        if self.spec.operands == "int8":
            return values
        return np.where(np.isnan(values), golden.QUIET_NAN, bits).view(np.float32)
