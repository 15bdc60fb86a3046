"""What lies where on the accelerator's bus (the same as docs/rtl.md tells a programmer)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rtl.elaborate import parameters
from rtl.spec import AcceleratorSpec


class Space(IntEnum):
    """The address's two highest bits."""

    REGISTERS = 0
    ACTIVATIONS = 1
    WEIGHTS = 2
    RESULTS = 3


class Register(IntEnum):
    """The numbers of the registers, which are their addresses."""

    COMMAND = 0
    STATUS = 1
    M = 2
    K = 3
    N = 4
    ACT_BASE = 5
    WEIGHT_BASE = 6
    RESULT_BASE = 7
    FLAGS = 8
    CYCLES = 9
    ARRAY = 10


class ErrorCode(IntEnum):
    """Why a product was refused: bits 6 to 4 of the status register."""

    NONE = 0
    SIZE = 1
    ACTIVATIONS = 2
    WEIGHTS = 3
    RESULTS = 4
    RESULT_BASE = 5


BUSY = 1
DONE = 2
ERROR = 4


@dataclass(frozen=True)
class MemoryMap:
    """Addresses of one accelerator, in bus words.

    An address is {space, vector, lane}: a vector is one operand for each row (activations) or column (weights), or
    one result for each column, and a lane is a word of it.
    """

    vector_bits: int
    lane_bits: int

    @classmethod
    def of(cls, spec: AcceleratorSpec) -> MemoryMap:
        """The memory map of a spec."""
        values = parameters(spec)
        return cls(values["VECTOR_BITS"], values["LANE_BITS"])

    @property
    def address_bits(self) -> int:
        """The width of the port ``bus_addr``."""
        return 2 + self.vector_bits + self.lane_bits

    def address(self, space: Space, vector: int, lane: int = 0) -> int:
        """The bus address of lane ``lane`` of vector ``vector``."""
        return (((space << self.vector_bits) | vector) << self.lane_bits) | lane
