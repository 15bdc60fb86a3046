"""Random passes of the vector unit, held against numpy bit by bit, and against the model cycle by cycle."""

from __future__ import annotations

import random

import numpy as np

from rtl.vector import Limit, Reduce, Source, Steps, pass_command, set_command, table_command
from sim.benches.system_host import SystemHost
from sim.golden import operand_type, result_type
from sim.vector import Constants, Results, mapped, out_words

FUSED = Steps(Source.CONSTANT, Source.SECOND, limit=Limit.LARGER, narrow=True)
"""What follows a product: scaled, with a bias, through a ReLU, as the next one's operands."""


def random_steps(rng: np.random.Generator) -> Steps:
    """Any steps, those of a table and of reductions in one case of four."""
    return Steps(
        Source(int(rng.integers(3))),
        Source(int(rng.integers(3))),
        bool(rng.integers(2)),
        Limit(int(rng.integers(4))),
        bool(rng.integers(2)),
        bool(rng.integers(4) == 0),
        Reduce(max(0, int(rng.integers(-3, 3)))),
        bool(rng.integers(2)),
        bool(rng.integers(2)),
    )


def random_values(host: SystemHost, rng: np.random.Generator, rows: int, columns: int) -> Results:
    """Random results [rows, columns]: of uniform bits, or as products give them, for which tables and sums are made."""
    if rng.integers(2):
        return host.results(rng, rows, columns)
    if host.spec.operands == "int8":
        return (rng.normal(0.0, 10.0 ** rng.integers(6), (rows, columns))).astype(np.int32)
    return rng.normal(0.0, 10.0 ** rng.integers(-2, 3), (rows, columns)).astype(np.float32)


def random_constants(host: SystemHost, rng: np.random.Generator) -> Constants:
    """Random constants and a random table."""
    table = rng.integers(0, 1 << 32, 64, np.uint64).astype(np.uint32)
    bits = random_values(host, rng, 1, 2).view(np.uint32)
    factor, addend = (int(value) for value in bits[0])
    shift = rng.integers(32) if rng.integers(4) == 0 else rng.integers(4)  # ties where it is small
    return Constants(factor, addend, int(shift), table)


async def check_pass(
    host: SystemHost,
    rng: np.random.Generator,
    steps: Steps,
    rows: int,
    columns: int,
    exact: bool = True,
) -> None:
    """Run a pass on random values at random places, and compare each bit and the cycles."""
    spec, memory = host.spec, host.memory
    constants = random_constants(host, rng)
    first = random_values(host, rng, rows, columns)
    second = random_values(host, rng, rows, 1 if steps.per_row else columns)
    kind = operand_type(spec) if steps.narrow else result_type(spec)
    words = -(-columns // spec.results_per_word)
    base, gap = random.randrange(1 << 20), random.randrange(3)
    places = [(base, words + gap), (base + (1 << 21), words + 1), (base + (1 << 22), out_words(spec, steps, columns))]
    table = base + (1 << 23)
    memory.put(first, places[0])
    memory.put(second, places[1])
    assert constants.table is not None
    memory.put(constants.table[None], (table, 0))
    program = [set_command(places[1], constants.factor, constants.addend, constants.shift)]
    program += [table_command(table)] * steps.table
    program.append(pass_command(places[0], rows, columns, places[2], steps))
    await host.program(program, places[2], rows, exact, {"m": rows, "k": int(steps.two), "n": columns, "vector": True})
    expected = mapped(spec, steps, first, second, constants)
    got = memory.get(expected.shape, places[2], kind)
    bits = np.dtype(f"u{kind.itemsize}")
    wrong = np.argwhere(np.ascontiguousarray(got).view(bits) != np.ascontiguousarray(expected).view(bits))
    assert not len(wrong), (
        f"{steps}: {len(wrong)} of {got.size} are wrong, the first at {wrong[0]}: {got[tuple(wrong[0])]}"
    )
    host.coverage.steps(steps, rows, columns)


def random_size(host: SystemHost, rng: np.random.Generator) -> tuple[int, int]:
    """Rows and columns: short and long rows, chunks in their middle and at their ends."""
    most = 3 * host.spec.dma_words * host.spec.results_per_word
    columns = 1 + int(min(most, 200) * rng.random() ** 3)
    return 1 + int(rng.random() ** 2 * min(20, most // columns)), columns
