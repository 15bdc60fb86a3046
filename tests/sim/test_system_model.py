"""Plans do each product once and fit the scratchpads; the model's closed forms are those of words one by one."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtl import AcceleratorSpec
from rtl.commands import QUEUE, Command, Op, register_writes
from rtl.memory_map import Space
from sim.cycle_model import bus_words, cycles, vectors
from sim.plan import Place, Plan, Turned, commands
from sim.system_model import Memory, program_cycles
from sim.system_throughput import plan_cost, plans, system_throughput
from sim.throughput import op_throughput, throughput
from sim.workload import LayerOp, Workload

ONE = AcceleratorSpec(words_per_bank=64, edge="dma", dma_words=8)
FOUR = replace(ONE, tiles=4, result_banks=16, dma_words=32)
OUTPUT = replace(ONE, dataflow="output_stationary", tiles=3, act_banks=2)
SPECS = st.sampled_from([ONE, FOUR, OUTPUT, replace(ONE, act_banks=1, weight_banks=1)])
SIZES = st.tuples(st.integers(1, 60), st.integers(1, 40), st.integers(1, 60))
MEMORIES = st.builds(Memory, st.integers(1, 90), st.integers(1, 5))


TURNED = st.tuples(st.booleans(), st.booleans())


def chosen(data: st.DataObject, spec: AcceleratorSpec, size: tuple[int, int, int], turned: Turned) -> Plan:
    return data.draw(st.sampled_from(list(plans(spec, size, turned))))


def blocks(spec: AcceleratorSpec, command: Command) -> list[int]:
    """The addresses that a transfer asks for or writes, in their order."""
    first, stride, rows, row = command.args[:4]
    if command.op != Op.LOAD_TRANSPOSED:
        return [first + y * stride + x for y in range(rows) for x in range(row)]
    side = spec.operands_per_word
    below = range(math.ceil(rows / side) * side)
    return [
        first + min(y, rows - 1) * stride + x
        for band in range(0, len(below), side)
        for x in range(math.ceil(row / side))
        for y in below[band : band + side]
    ]


def stepped(spec: AcceleratorSpec, memory: Memory, program: list[Command]) -> int:
    """The cycles of a program, word by word: each waits for what is before it, for the memory, and for room."""
    idle = [0] * spec.tiles
    memory_next = 0
    granted: list[int] = []
    ends: list[int] = []
    begun: list[int] = []  # when each left the queue, a cycle after that
    for command, writes in zip(program, register_writes(program), strict=True):
        ready = (granted[-1] if granted else 0) + len(writes)
        granted.append(max(ready, begun[-QUEUE] if len(begun) >= QUEUE else 0))
        begin = max(granted[-1] + 2, ends[-1] + 1 if ends else 0)
        begun.append(begin)
        mine = [tile for tile in range(spec.tiles) if command.tiles >> tile & 1]
        if command.op == Op.RUN:
            begin = max([begin, *(idle[tile] for tile in mine)])
            ends.append(begin + 9)
            for tile in mine:
                idle[tile] = begin + 10 + cycles(spec, *command.args[:3])
            continue
        if command.wait:
            begin = max([begin, *(idle[tile] for tile in mine)])
        asked: list[int] = []
        taken: list[int] = []
        for word in range(len(blocks(spec, command))):
            ask = begin + 1 if not asked else asked[-1] + 1
            if word >= spec.dma_words:
                ask = max(ask, taken[word - spec.dma_words] + 1)
            if command.op != Op.STORE:
                ask = max(ask, memory_next)
                take = ask + memory.latency + 1
                memory_next = ask + memory.interval
            else:
                take = max(ask + 5, memory_next, taken[-1] + 1 if taken else 0)
                memory_next = take + memory.interval
            asked.append(ask)
            taken.append(take)
        ends.append(taken[-1] + spec.operands_per_word * (command.op == Op.LOAD_TRANSPOSED))
    return max(ends[-1] + 1, *idle) - (granted[0] + 1)


@settings(deadline=None, max_examples=60)
@given(spec=SPECS, size=SIZES, memory=MEMORIES, turned=TURNED, data=st.data())
def test_the_closed_forms_are_those_of_words_one_by_one(
    spec: AcceleratorSpec, size: tuple[int, int, int], memory: Memory, turned: Turned, data: st.DataObject
) -> None:
    plan = chosen(data, spec, size, turned)
    program = list(commands(spec, plan, Place.packed(spec, size, 0, turned)))
    found = program_cycles(spec, memory, program)
    assert found.total == stepped(spec, memory, program)
    assert found.total >= max(found.transfer, *found.tile)
    assert found.transfer >= memory.interval * (sum(bus_words(spec, *size)) - len(program))
    slower = Memory(memory.latency + 1, memory.interval)
    assert program_cycles(spec, slower, program).total >= found.total


@settings(deadline=None, max_examples=60)
@given(spec=SPECS, size=SIZES, turned=TURNED, data=st.data())
def test_a_plan_does_all_of_the_product_once_and_stays_inside_the_scratchpads(
    spec: AcceleratorSpec, size: tuple[int, int, int], turned: Turned, data: st.DataObject
) -> None:
    plan = chosen(data, spec, size, turned)
    place = Place.packed(spec, size, 0, turned)
    depths = dict(zip(list(Space)[1:], (spec.act_depth, spec.weight_depth, spec.result_depth), strict=True))
    lanes = dict(zip(list(Space)[1:], (spec.act_lanes, spec.weight_lanes, spec.result_lanes), strict=True))
    done = 0
    stored: Counter[int] = Counter()
    loaded: set[int] = set()
    for command in commands(spec, plan, place):
        if command.op == Op.RUN:
            m, k, n, *bases, accumulate = command.args
            done += m * k * n * command.tiles.bit_count()
            ends = [base + used for base, used in zip(bases, vectors(spec, m, k, n), strict=True)]
            assert all(end <= depth for end, depth in zip(ends, depths.values(), strict=True))
            assert accumulate in (0, 1)
            continue
        _, _, rows, words, base, block = command.args
        if command.op == Op.LOAD_TRANSPOSED:
            rows, words = words, math.ceil(rows / spec.operands_per_word)
        last = base + rows - 1 + block * ((words - 1) // lanes[command.space])
        assert last < depths[command.space]
        addresses = blocks(spec, command)
        if command.op == Op.STORE:
            assert command.tiles.bit_count() == 1
            stored.update(addresses)
        else:
            loaded.update(addresses)
    m, k, n = size
    assert done == m * k * n
    assert stored == Counter({place.result[0] + i: 1 for i in range(m * place.result[1])})
    assert loaded == set(range(place.act[0], place.result[0]))


@settings(deadline=None, max_examples=15)
@given(spec=SPECS, size=SIZES, memory=MEMORIES)
def test_the_plan_that_is_taken_is_near_the_best(
    spec: AcceleratorSpec, size: tuple[int, int, int], memory: Memory
) -> None:
    best = min(plan_cost(spec, plan, memory).cycles for plan in plans(spec, size))
    found = system_throughput(spec, size, memory)
    assert best <= found.cycles <= 1.3 * best
    assert found.array_cycles <= found.cycles
    assert found.bus_words >= sum(bus_words(spec, *size))
    assert op_throughput(spec, *size, memory) == found


def test_transfers_go_beside_the_work_of_the_tiles() -> None:
    """With two halves of everything a long product takes little more than the longer of transfer and work."""
    spec = replace(ONE, act_banks=8, weight_banks=8, result_banks=16, words_per_bank=512, dma_words=64)
    found = system_throughput(spec, (512, 128, 64), Memory(20, 1))
    assert found.beside == "all"
    assert found.cycles <= 1.12 * max(found.array_cycles, found.bus_words)
    alone = plan_cost(spec, Plan((512, 128, 64), found.job, found.order, "nothing", "n"), Memory(20, 1))
    assert alone.cycles >= found.array_cycles + found.bus_words


def test_more_tiles_are_faster_until_the_memory_is_the_limit() -> None:
    workload = Workload("one", (LayerOp("layer", 256, 256, 256, 1),), {}, 0)
    specs = [replace(FOUR, tiles=tiles, act_banks=8, weight_banks=8, result_banks=16) for tiles in (1, 2, 4, 8)]
    near = [throughput(spec, workload, 1e9, Memory(10, 1)) for spec in specs]
    assert near[0].cycles > 1.7 * near[1].cycles
    assert near[1].cycles > 1.5 * near[2].cycles
    far = [throughput(spec, workload, 1e9, Memory(10, 16)) for spec in specs]
    assert far[2].cycles < 1.3 * far[3].cycles
    assert all(slow.cycles > fast.cycles for slow, fast in zip(far, near, strict=True))
    assert all(0 < one.utilisation <= 1 for one in near)


@pytest.mark.parametrize("wrong", [{"latency": 0}, {"interval": 0}])
def test_a_memory_takes_its_time(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"give 1 cycle or more"):
        Memory(**wrong)
