"""The host behind an AXI4 edge: the same reads, writes and products as at the bus, as bursts."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

from cocotb.triggers import with_timeout
from cocotbext.axi import AxiBus, AxiMaster, AxiResp

from rtl.memory_map import Space
from sim.benches.host import CLOCK_NS, PATIENCE, Config, Host
from sim.coverage import AXI_CHANNELS, STATES

LONGEST = 64  # beats of a burst
TIMEOUT_NS = PATIENCE * CLOCK_NS


def connect(dut: Any, config: Config) -> Host:
    """The host for the edge that a design has."""
    return AxiHost(dut, config) if config.spec.edge == "axi4" else Host(dut, config)


class AxiHost(Host):
    """Reads and writes in bursts of consecutive words; every response must be OKAY."""

    def __init__(self, dut: Any, config: Config) -> None:
        super().__init__(dut, config)
        self.master: Any = None
        self.word_bytes = config.spec.bus_bits // 8

    def release(self) -> None:
        """Nothing: the AXI manager drives its channels itself."""

    def ready(self) -> None:
        """Begin to drive the channels, once the design is in reset and its outputs are known."""
        if self.master is None:
            self.master = AxiMaster(AxiBus.from_prefix(self.dut, "s_axi"), self.dut.clk, self.dut.rst)

    def pause(self, probability: float) -> None:
        """Hold each channel back in a cycle with a probability; 0: never."""
        write, read = self.master.write_if, self.master.read_if
        channels = (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel)
        for name, channel in zip(AXI_CHANNELS, channels, strict=True):
            if probability:
                channel.set_pause_generator(self._pauses(name, probability))
            else:
                channel.clear_pause_generator()
                channel.pause = False

    def _pauses(self, name: str, probability: float) -> Iterator[bool]:
        while True:
            paused = random.random() < probability
            if paused:
                self.coverage.hit("pauses of", name)
                self.coverage.hit("bus pauses", "between requests")
            yield paused

    async def transfer(self, requests: Iterable[tuple[int, int | None]]) -> list[int]:
        """Do (address, word to write or None to read) in order; return the words read."""
        self.pause(self.idle)
        words: list[int] = []
        for first, run in _runs(requests):
            space = Space(first >> (self.map.address_bits - 2)).name.lower()
            kind = "read" if run[0] is None else "write"
            self.coverage.hit("bus", f"{kind} {space} while {STATES[self.running]}")
            address = first * self.word_bytes
            if kind == "write":
                data = b"".join((word or 0).to_bytes(self.word_bytes, "little") for word in run)
                written = await with_timeout(self.master.write(address, data), TIMEOUT_NS, "ns")
                assert written.resp == AxiResp.OKAY, f"writing {len(run)} words at {first:#x}: {written.resp}"
                continue
            got = await with_timeout(self.master.read(address, len(run) * self.word_bytes), TIMEOUT_NS, "ns")
            assert got.resp == AxiResp.OKAY, f"reading {len(run)} words at {first:#x}: {got.resp}"
            parts = (got.data[i : i + self.word_bytes] for i in range(0, len(got.data), self.word_bytes))
            words += [int.from_bytes(part, "little") for part in parts]
        return words


def _runs(requests: Iterable[tuple[int, int | None]]) -> Iterator[tuple[int, list[int | None]]]:
    """Requests as bursts: the first address, and the words of consecutive ones, all read or all written."""
    first, run = 0, []  # type: tuple[int, list[int | None]]
    for address, word in requests:
        follows = run and address == first + len(run) and (word is None) == (run[0] is None)
        if not follows or len(run) == LONGEST:
            if run:
                yield first, run
            first, run = address, []
        run.append(word)
    if run:
        yield first, run
