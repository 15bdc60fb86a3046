"""What a host tells an accelerator with ``edge = "dma"``: its registers and the commands of its queue (docs/rtl.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from rtl.memory_map import Space

QUEUE = 2
"""Commands that wait in the queue, besides the one at work."""

ARGS = 7


class CommandRegister(IntEnum):
    """The numbers of the registers, which are their addresses; the arguments follow FIRST_ARG."""

    COMMAND = 0
    STATUS = 1
    FIRST_ARG = 2
    TILES = 9
    CYCLES = 10
    TILE_COUNT = 11


class Op(IntEnum):
    """What a command does; its lowest two bits are in the command."""

    LOAD_TRANSPOSED = 0
    LOAD = 1
    STORE = 2
    RUN = 3
    VECTOR = 4  # for the vector unit (rtl.vector), with the space of the results


class Fault(IntEnum):
    """Why a command was not done: bits 6 to 4 of the status register; those after it are dropped."""

    NONE = 0
    COMMAND = 1
    TILES = 2
    SIZE = 3
    PLACE = 4
    PRODUCT = 5  # bits 10 to 8 have the tile's ErrorCode


class Command(NamedTuple):
    """A command.

    Attributes:
        op: what to do.
        tiles: a bit for each tile that it is for.
        args: a transfer: memory address, stride, rows, words of a row, first vector, vectors from block to block; of a
            transposed one the same with a row's elements in place of its words;
            a product: M, K, N, first vectors of activations, weights and results, and 1 to add to the results.
        space: the scratchpad of a transfer.
        wait: a transfer begins when its tiles have nothing to do.
    """

    op: Op
    tiles: int
    args: tuple[int, ...]
    space: Space = Space.REGISTERS
    wait: bool = False

    @property
    def word(self) -> int:
        """What is written to the register COMMAND."""
        return self.op & 3 | self.space << 2 | self.wait << 4


Writes = list[tuple[int, int]]


def register_writes(commands: Iterable[Command]) -> Iterator[Writes]:
    """For each command the (register, value) to write, the command last; registers that have the value are left out."""
    held: list[int | None] = [None] * (ARGS + 1)
    for command in commands:
        writes = []
        for i, value in enumerate(command.args):
            if held[i] != value:
                held[i] = value
                writes.append((CommandRegister.FIRST_ARG + i, value))
        if held[ARGS] != command.tiles and command.op != Op.VECTOR:
            held[ARGS] = command.tiles
            writes.append((CommandRegister.TILES, command.tiles))
        writes.append((CommandRegister.COMMAND, command.word))
        yield writes
