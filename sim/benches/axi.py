"""Is the AXI4 edge a correct subordinate? Bursts of all kinds with pauses on all channels, refusals, resets."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, FallingEdge, with_timeout
from cocotbext.axi import AxiBurstType, AxiResp

from rtl.memory_map import MemoryMap, Register, Space
from sim.benches.axi_host import AxiHost
from sim.benches.host import CLOCK_NS, Config

LIMIT_NS = 20_000 * CLOCK_NS


async def begin(dut: Any) -> tuple[AxiHost, np.random.Generator]:
    """The host after reset, and a random generator that every test begins anew from the seed."""
    config = Config.load()
    host = AxiHost(dut, config)
    await host.begin()
    return host, np.random.default_rng(config.seed)


@cocotb.test()
async def bursts(dut: Any) -> None:
    """Random bursts, several on their way at once, read back what was written; FIXED ones use one address."""
    host, rng = await begin(dut)
    bus, size = MemoryMap.of(host.spec), host.word_bytes
    base = bus.address(Space.WEIGHTS, 0)
    vectors = min(host.spec.weight_depth << bus.lane_bits, 256)
    lanes = 1 << bus.lane_bits
    exists = np.array([lane < host.spec.weight_lanes for _ in range(-(-vectors // lanes)) for lane in range(lanes)])
    held = np.zeros((vectors, size), np.uint8)
    await host.master.write(base * size, held.tobytes())
    for i in range(36):
        host.pause(0.3 if i % 3 == 2 else 0.0)
        length = int(rng.integers(1, (1, 16, 256)[i % 3] + 1))
        length = max(length, (1, 2, 17)[i % 3])
        first = int(rng.integers(0, max(1, vectors - length)))
        length = min(length, vectors - first)
        fixed = i % 4 == 3
        data = rng.integers(0, 256, (length, size), dtype=np.uint8)
        kind = AxiBurstType.FIXED if fixed else AxiBurstType.INCR
        address = (base + first) * size
        written = await with_timeout(host.master.write(address, data.tobytes(), burst=kind), LIMIT_NS, "ns")
        assert written.resp == AxiResp.OKAY, f"writing {length} words: {written.resp}"
        if fixed:
            held[first] = data[-1]
        else:
            held[first : first + length] = data
        both = [host.master.init_read(address, length * size, burst=kind), host.master.init_read(base * size, size)]
        for read in both:
            await with_timeout(read.wait(), LIMIT_NS, "ns")
        got = np.frombuffer(bytes(both[0].data.data), np.uint8).reshape(length, size)
        wanted = np.repeat(held[first : first + 1], length, 0) if fixed else held[first : first + length]
        there = np.repeat(exists[first], length) if fixed else exists[first : first + length]
        assert (got == wanted * there[:, None]).all(), f"{length} words at {first} of burst {i} are wrong"
        assert bytes(both[1].data.data) == (held[0] * exists[0]).tobytes(), "the second of two reads is wrong"
        beats = "1 beat" if length == 1 else "2 to 16" if length <= 16 else "17 to 256"
        for way in ("read", "write"):
            host.coverage.hit("burst", f"{way} {kind.name} {beats}")
    host.pause(0.0)


@cocotb.test()
async def refusals(dut: Any) -> None:
    """What the port refuses has an error response in time, changes nothing, and harms nothing that follows."""
    host, rng = await begin(dut)
    size, end = host.word_bytes, 1 << MemoryMap.of(host.spec).address_bits
    address = MemoryMap.of(host.spec).address(Space.ACTIVATIONS, 0) * size
    kept = rng.bytes(size)
    await host.master.write(address, kept)
    narrow = size.bit_length() - 2
    cases: dict[str, tuple[int, dict[str, Any], AxiResp]] = {
        "narrow": (address, {"size": narrow}, AxiResp.SLVERR),
        "unaligned": (address + 1, {}, AxiResp.SLVERR),
        "WRAP": (address, {"burst": AxiBurstType.WRAP}, AxiResp.SLVERR),
        "beyond the map": (end * size, {}, AxiResp.DECERR),
    }
    for name, (where, options, expected) in cases.items():
        for _ in range(2):
            written = await with_timeout(host.master.write(where, rng.bytes(2 * size), **options), LIMIT_NS, "ns")
            assert written.resp == expected, f"a {name} write gives {written.resp!r}"
            host.coverage.hit("refused", f"write {name}")
            got = await with_timeout(host.master.read(where, 2 * size, **options), LIMIT_NS, "ns")
            assert got.resp == expected, f"a {name} read gives {got.resp!r}"
            host.coverage.hit("refused", f"read {name}")
            assert (await host.master.read(address, size)).data == kept, f"a {name} write had an effect"
    written = await host.master.write(address, rng.bytes(size - 1))
    assert written.resp == AxiResp.SLVERR, "a part of a word was taken"
    assert (await host.master.read(address, size)).data == kept, "a part of a word was written"
    assert await host.read(Register.ARRAY) == (host.spec.rows << 16) | host.spec.cols


@cocotb.test()
async def reset_in_a_burst(dut: Any) -> None:
    """A reset at any time of reads and writes leaves the port ready for the next one."""
    host, rng = await begin(dut)
    size, bus = host.word_bytes, MemoryMap.of(host.spec)
    address = bus.address(Space.ACTIVATIONS, 0) * size
    await host.master.write(address, bytes(32 * size))
    for _ in range(6):
        host.master.init_write(address, rng.bytes(32 * size))
        host.master.init_read(address, 32 * size)
        await ClockCycles(dut.clk, int(rng.integers(1, 80)))
        await FallingEdge(dut.clk)
        await host.reset()
        words = {
            bus.address(Space.ACTIVATIONS, vector): int.from_bytes(rng.bytes(size), "little") for vector in range(4)
        }
        await with_timeout(cocotb.start_soon(host.transfer(words.items())), LIMIT_NS, "ns")
        assert await host.transfer((where, None) for where in words) == list(words.values())
