"""An accelerator in bare Verilator: products run one after another, without Python in between.

Scratchpads are not loaded, since cycles do not depend on what is in them. This is the fastest that Verilator can be
asked for cycles, and what the cycle model's speed is measured against.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eda_adapters.tool import run_tool
from rtl import Design
from rtl.memory_map import Register
from sim.cycle_model import cycles
from sim.simulator import verilator_program

_MAIN = """
#include "Vtop.h"
#include <cstdint>
#include <cstdio>
static Vtop top;
static void tick() {
    top.clk = 1;
    top.eval();
    top.clk = 0;
    top.eval();
}
static void write(uint32_t number, uint32_t value) {
    top.bus_valid = 1;
    top.bus_write = 1;
    top.bus_addr = number;
    WDATA = value;
    tick();
    top.bus_valid = 0;
}
int main(int, char** argv) {
    FILE* in = fopen(argv[1], "r");
    FILE* out = fopen(argv[2], "w");
    if (!in || !out) return 1;
    uint32_t m, k, n, limit;
    top.rst = 1;
    tick();
    tick();
    top.rst = 0;
    while (fscanf(in, "%u %u %u %u", &m, &k, &n, &limit) == 4) {
        write(M, m);
        write(K, k);
        write(N, n);
        write(COMMAND, 1);
        tick();
        uint32_t cycles = 0;
        for (; cycles == 0 || (!top.irq && cycles < limit); ++cycles) tick();
        fprintf(out, "%u\\n", cycles);
    }
    return fclose(out);
}
"""


class ProductRunner:
    """A design as a program that counts the cycles of products.

    Args:
        design: the elaborated accelerator.
        folder: for its files.

    Raises:
        ToolError: Verilator or the C++ compiler is missing or refuses the design.
    """

    def __init__(self, design: Design, folder: Path) -> None:
        self._spec = design.spec
        self._folder = folder
        main = _MAIN.replace("WDATA", "top.bus_wdata" if design.spec.bus_bits <= 64 else "top.bus_wdata[0]")
        for register in (Register.M, Register.K, Register.N, Register.COMMAND):
            main = main.replace(f"write({register.name},", f"write({register.value},")
        options = ["-O3", "--x-assign", "fast", "--x-initial", "fast", "-CFLAGS", "-O2"]
        self._program = verilator_program(design.sources, design.top, main, folder, options)

    def __call__(self, products: Sequence[tuple[int, int, int]]) -> list[int]:
        """The cycles of (M, K, N) products, each from start to done."""
        given = "".join(f"{m} {k} {n} {cycles(self._spec, m, k, n) + 100}\n" for m, k, n in products)
        asked, answer = self._folder / "products.txt", self._folder / "cycles.txt"
        asked.write_text(given)
        run = run_tool([self._program, asked, answer], cwd=self._folder, log=self._folder / "run.log", timeout_s=600)
        counted = [int(line) for line in answer.read_text().split()]
        if len(counted) != len(products):
            raise run.garbage(f"counted {len(counted)} of {len(products)} products")
        return counted
