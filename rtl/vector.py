"""What a host tells the vector unit of an accelerator with ``vector = true``: the steps of a pass (docs/rtl.md)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rtl.commands import Command, Op
from rtl.memory_map import Space

TABLE_ENTRIES = 64


class Source(IntEnum):
    """Where a factor or an addend comes from."""

    NOTHING = 0
    CONSTANT = 1
    SECOND = 2


class Limit(IntEnum):
    """What a value meets the second operand, or zero, for."""

    NONE = 0
    LARGER = 1
    SMALLER = 2
    GATE = 3  # the value where the second operand is above zero, else zero


class Reduce(IntEnum):
    """What a row becomes."""

    NONE = 0
    SUM = 1
    LARGEST = 2


@dataclass(frozen=True)
class Steps:
    """What is done with each element x of the first matrix, in this order (int8 operands: addend before factor).

    Attributes:
        multiply: where the factor comes from.
        add: where the addend comes from.
        negate: the second operand is subtracted and not added.
        limit: the larger or smaller of the value and a limit, or a gate.
        limit_by_second: the limit is the second operand, else zero.
        table: float32: factor and addend are those of x's segment in a table; int32: what a table has for the value.
        reduce: a row gives one result.
        narrow: results are rounded to operands.
        per_row: the second operand has one element for each row, else one for each element.
    """

    multiply: Source = Source.NOTHING
    add: Source = Source.NOTHING
    negate: bool = False
    limit: Limit = Limit.NONE
    limit_by_second: bool = False
    table: bool = False
    reduce: Reduce = Reduce.NONE
    narrow: bool = False
    per_row: bool = False

    @property
    def word(self) -> int:
        """The seventh argument of a MAP."""
        fields = ((self.multiply, 0), (self.add, 2), (self.negate, 4), (self.limit, 5), (self.limit_by_second, 7))
        more = ((self.table, 8), (self.reduce, 9), (self.narrow, 11), (self.per_row, 12))
        return sum(int(value) << bit for value, bit in (*fields, *more))

    @classmethod
    def of(cls, word: int) -> Steps:
        """The steps that ``word`` has."""
        return cls(
            Source(word & 3),
            Source(word >> 2 & 3),
            bool(word >> 4 & 1),
            Limit(word >> 5 & 3),
            bool(word >> 7 & 1),
            bool(word >> 8 & 1),
            Reduce(word >> 9 & 3),
            bool(word >> 11 & 1),
            bool(word >> 12 & 1),
        )

    @property
    def two(self) -> bool:
        """Whether there is a second operand."""
        limits = self.limit == Limit.GATE or (self.limit != Limit.NONE and self.limit_by_second)
        return Source.SECOND in (self.multiply, self.add) or limits


TABLE_KIND = 1 << 13
SET_KIND = 2 << 13


def pass_command(first: tuple[int, int], rows: int, columns: int, to: tuple[int, int], steps: Steps) -> Command:
    """MAP: a pass over rows x columns elements at ``first`` = (word, words from row to row), results ``to`` such."""
    return Command(Op.VECTOR, 0, (*first, rows, columns, *to, steps.word), Space.RESULTS)


def table_command(address: int) -> Command:
    """TABLE: take the 64 entries, of 32 bits, from a memory's words."""
    return Command(Op.VECTOR, 0, (address, 0, 0, 0, 0, 0, TABLE_KIND), Space.RESULTS)


def set_command(second: tuple[int, int], factor: int = 0, addend: int = 0, shift: int = 0) -> Command:
    """SET: the second operand's place, and constants as 32 bits, for all passes that follow."""
    return Command(Op.VECTOR, 0, (*second, factor, addend, shift, 0, SET_KIND), Space.RESULTS)


def is_pass(command: Command) -> bool:
    """Whether a command for the vector unit is a MAP."""
    return command.args[6] < TABLE_KIND


def sets(command: Command) -> bool:
    """Whether a command for the vector unit is a SET."""
    return command.args[6] >= SET_KIND
