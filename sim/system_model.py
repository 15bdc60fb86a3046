"""Exactly the cycles that a program of commands takes on an accelerator with a DMA engine, memory stalls included.

The model goes from command to command, in closed form within each (``rtl/verilog/dma/`` says what happens when). The
memory takes a request every ``interval`` cycles and answers a read ``latency`` cycles later. Cycles count from the one
in which the host's first write is taken; the host writes a register in each cycle in which the port is ready.

    a command of w register writes is in the queue w cycles after the one before, or when a place is free; it is taken
                        from there in the next cycle, or in the last one of the command before, and then begins
    LOAD of n words     asks from the cycle after it begins on; with at most F words on their way, the last is asked for
                        interval * (n - 1) cycles later, or ((n - 1) // F) * (latency + 2) + ((n - 1) % F) * interval
                        where that is longer; ends latency + 1 cycles after that
    LOAD_TRANSPOSED     the same for as many words as there are in whole blocks of p rows of p elements, p being those
                        of a word; and p cycles more
    STORE of n words    the first is offered to the memory 6 cycles after it begins, the last interval * (n - 1) later
    RUN                 9 cycles; the tiles have then begun, and are done one cycle after their product's cycles
    VECTOR              the vector unit's passes and tables ask from the cycle after they begin on (sim.vector has the
                        rest); what it is set to is there at once

The memory may still be busy with the last request of the transfer before. A RUN waits for its tiles, and so do
transfers that say so. Not in the model: a bank that both a tile and the engine want at once; ``sim.plan`` avoids it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rtl import AcceleratorSpec
from rtl.commands import QUEUE, Command, Op, register_writes
from rtl.vector import sets
from sim.cycle_model import cycles
from sim.vector import pass_cycles


@dataclass(frozen=True)
class Memory:
    """An external memory behind the DMA engine's port.

    Attributes:
        latency: cycles from the one in which a read is taken to the one with its word; at least 1.
        interval: cycles from one request to the next that it takes, at least 1: the bandwidth is a word in so many.
    """

    latency: int = 40
    interval: int = 1

    def __post_init__(self) -> None:
        for name in ("latency", "interval"):
            if getattr(self, name) < 1:
                raise ValueError(f"the memory's {name} is {getattr(self, name)}: give 1 cycle or more")


DRAM = Memory()
"""What is taken where nothing else is said."""


@dataclass(frozen=True)
class ProgramCycles:
    """Where the cycles of a program go.

    Attributes:
        total: what the register CYCLES shows: from the first command in the queue until nothing is left to do.
        transfer: cycles in which the engine moves words, or waits for the memory to do so.
        vector: cycles of the vector unit's passes.
        tile: for each tile the cycles in which it works on products.
    """

    total: int
    transfer: int
    vector: int
    tile: tuple[int, ...]


def program_cycles(spec: AcceleratorSpec, memory: Memory, commands: Iterable[Command]) -> ProgramCycles:
    """The cycles of a legal program, of one command at least; ProductError where a tile would refuse a product."""
    latency, interval, ahead = memory.latency, memory.interval, spec.dma_words
    granted = 0  # the cycle in which the last command's write goes into the queue
    first = 0
    taken: list[int] = []  # of each command: the cycle in which it leaves the queue
    end = -1
    memory_free = 0
    transfer = vector = 0
    tiles = range(spec.tiles)
    idle = [0] * spec.tiles  # the first cycle in which a tile has nothing to do
    worked = [0] * spec.tiles
    products: dict[tuple[int, ...], int] = {}
    listed = list(commands)
    for i, (command, writes) in enumerate(zip(listed, register_writes(listed), strict=True)):
        args = command.args
        granted += len(writes)
        if i >= QUEUE:
            granted = max(granted, taken[i - QUEUE] + 1)
        if i == 0:
            first = granted + 1
        taken.append(max(granted + 1, end))
        begin = taken[i] + 1
        chosen = [tile for tile in tiles if command.tiles >> tile & 1]
        if command.op == Op.RUN or command.wait:
            begin = max(begin, *(idle[tile] for tile in chosen))
        if command.op == Op.RUN:
            size = args[:3]
            if size not in products:
                products[size] = cycles(spec, *size)
            end = begin + 9
            for tile in chosen:
                idle[tile] = end + 1 + products[size]
                worked[tile] += products[size]
        elif command.op == Op.VECTOR:
            end = begin
            if not sets(command):
                asked = max(begin + 1, memory_free)
                cost = pass_cycles(spec, latency, interval, command)
                end, memory_free = asked + cost.end, asked + cost.memory_free
            vector += end - begin
        else:
            last = words_asked(spec, command) - 1
            if command.op != Op.STORE:
                asked = max(begin + 1, memory_free)
                if ahead * interval >= latency + 2:
                    asked += interval * last
                else:
                    asked += last // ahead * (latency + 2) + last % ahead * interval
                memory_free = asked + interval
                end = asked + latency + 1 + (0 if command.op == Op.LOAD else spec.operands_per_word)
            else:
                end = max(begin + 6, memory_free) + interval * last
                memory_free = end + interval
            transfer += end - begin
    return ProgramCycles(max(end + 1, *idle) - first, transfer, vector, tuple(worked))


def words_asked(spec: AcceleratorSpec, command: Command) -> int:
    """The words that a transfer moves to or from the memory: for a transpose those of whole blocks."""
    _, _, rows, row, *_ = command.args
    if command.op != Op.LOAD_TRANSPOSED:
        return rows * row
    side = spec.operands_per_word
    return -(-rows // side) * side * -(-row // side)
