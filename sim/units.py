"""Arithmetic units against numpy: a combinational module, compiled with Verilator and fed with operand pairs.

The bit-exact models are numpy's float32 operations, which are IEEE 754 with subnormals and round to nearest, ties to
even. A NaN counts as any other NaN: the units give the one NaN 7fc00000, and numpy those of its operands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eda_adapters.tool import run_tool
from rtl.elaborate import SOURCES
from sim.simulator import verilator_program

UintArray = NDArray[np.unsignedinteger[Any]]
QUIET_NAN = np.uint32(0x7FC00000)

_MAIN = """
#include "Vtop.h"
#include <cstdint>
#include <cstdio>
int main(int, char** argv) {
    FILE* in = fopen(argv[1], "rb");
    FILE* out = fopen(argv[2], "wb");
    if (!in || !out) return 1;
    Vtop unit;
    uint32_t pair[2];
    while (fread(pair, 4, 2, in) == 2) {
        unit.a = pair[0];
        unit.b = pair[1];
        unit.eval();
        uint32_t word = unit.RESULT;
        if (fwrite(&word, 4, 1, out) != 1) return 1;
    }
    return fclose(out);
}
"""


@dataclass(frozen=True)
class Unit:
    """An arithmetic module with the operands ``a`` and ``b``.

    Attributes:
        module: its name and that of its file.
        result: its output port, float32.
        bits: width of its operands: 16 (bfloat16) or 32 (float32).
        model: the bit-exact model on two float32 arrays.
        folder: where it lies among the Verilog sources.
    """

    module: str
    result: str
    bits: int
    model: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
    folder: str = "bfloat16"

    @property
    def source(self) -> Path:
        """Its Verilog file."""
        return SOURCES / self.folder / f"{self.module}.v"

    def expected(self, a: UintArray, b: UintArray) -> NDArray[np.uint32]:
        """The results' bits that the model gives for operands' bits a [P] and b [P]; every NaN is QUIET_NAN."""
        wide = [(x.astype(np.uint32) << np.uint32(32 - self.bits)).view(np.float32) for x in (a, b)]
        with np.errstate(all="ignore"):
            result = self.model(wide[0], wide[1]).astype(np.float32)
        return np.where(np.isnan(result), QUIET_NAN, result.view(np.uint32))

    def corners(self) -> tuple[UintArray, UintArray]:
        """All pairs of the values at which a format changes its rules, of both signs.

        Zeros, the subnormals next to zero and to the normals, powers of two over the whole range with the significands
        below, at and above them, the largest numbers, infinities and NaNs.
        """
        fraction = self.bits - 9
        fractions = sorted(
            {0, 1, 2, (1 << fraction - 1) - 1, 1 << fraction - 1, (1 << fraction) - 2, (1 << fraction) - 1}
        )
        exponents = [
            0,
            1,
            2,
            3,
            24,
            63,
            64,
            100,
            102,
            103,
            104,
            118,
            119,
            120,
            126,
            127,
            128,
            150,
            151,
            152,
            190,
            191,
            253,
            254,
            255,
        ]
        one = np.array([e << fraction | f for e in exponents for f in fractions], np.uint32)
        values = np.concatenate([one, one | np.uint32(1 << self.bits - 1)])
        a, b = np.meshgrid(values, values)
        return a.ravel(), b.ravel()

    def random(self, count: int, seed: int) -> tuple[UintArray, UintArray]:
        """Random pairs: uniform over all bits; half of them with exponents near each other, where sums cancel."""
        rng = np.random.default_rng(seed)
        a, b = rng.integers(0, 1 << self.bits, (2, count), dtype=np.uint64).astype(np.uint32)
        fraction = self.bits - 9
        near = (a >> np.uint32(fraction) & np.uint32(255)).astype(np.int64) + rng.integers(-26, 27, count)
        moved = b & ~np.uint32(255 << fraction) | (np.clip(near, 0, 255).astype(np.uint32) << np.uint32(fraction))
        return a, np.where(np.arange(count) % 2, moved, b)


MULTIPLIER = Unit("bf16_multiplier", "product", 16, np.multiply)
ADDER = Unit("fp32_adder", "sum", 32, np.add)
WIDE_MULTIPLIER = Unit("fp32_multiplier", "product", 32, np.multiply, "vector/bfloat16")
UNITS = (MULTIPLIER, ADDER, WIDE_MULTIPLIER)


class CompiledUnit:
    """A unit as a program.

    Args:
        unit: which.
        folder: for its files; it is made.
        source: its Verilog file [default: ours].

    Raises:
        ToolError: Verilator or the C++ compiler is missing or refuses it.
    """

    def __init__(self, unit: Unit, folder: Path, source: Path | None = None) -> None:
        self.unit = unit
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        sources = [source or unit.source]
        self.program = verilator_program(sources, unit.module, _MAIN.replace("RESULT", unit.result), folder)

    def __call__(self, a: UintArray, b: UintArray) -> NDArray[np.uint32]:
        """The results' bits of operands' bits a [P] and b [P]."""
        given, got = self.folder / "operands.bin", self.folder / "results.bin"
        np.stack([a, b], axis=1).astype("<u4").tofile(given)
        run = run_tool([self.program, given, got], cwd=self.folder, log=self.folder / "run.log", timeout_s=300)
        results = np.fromfile(got, "<u4")
        if results.size != a.size:
            raise run.garbage(f"gave {results.size} results for {a.size} pairs")
        return results


def wrong_pairs(compiled: CompiledUnit, a: UintArray, b: UintArray) -> list[str]:
    """A line for each pair whose result differs from the model's: operands, the unit's result, the model's."""
    got, wanted = compiled(a, b), compiled.unit.expected(a, b)
    wrong = np.nonzero(got != wanted)[0]
    return [f"{a[i]:#x}, {b[i]:#x}: {got[i]:#010x} and not {wanted[i]:#010x}" for i in wrong]
