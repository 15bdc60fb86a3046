"""What each layer of a workload costs on an accelerator: cycles, stalls, traffic, and how far from the roofline.

The roofline of a product is the longer of two times that no schedule can beat: all its multiply-accumulates on all
processing elements in every cycle, and each operand and result once over the bus, a word in every cycle.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace

from rtl import AcceleratorSpec
from sim.cycle_model import bus_words
from sim.sampling import Coefficients, Estimate, constant_costs
from sim.system_model import DRAM, Memory
from sim.throughput import throughput
from sim.tiling import OpThroughput
from sim.workload import LayerOp, Workload

COLUMNS = [
    "layer",
    "m",
    "k",
    "n",
    "count",
    "cycles",
    "compute_cycles",
    "stall_cycles",
    "roofline_cycles",
    "roofline_distance",
    "utilisation",
    "sram_bytes",
    "dram_bytes",
    "gops_per_s",
    "ops_per_byte",
    "joules",
    "joules_standard_error",
    "edp_js",
    "tops_per_w",
    "tops_per_mm2",
]


@dataclass(frozen=True)
class LayerCost:
    """One kind of product of a workload, all ``op.count`` of it.

    Attributes:
        op: the product.
        cost: how it is done once.
        spec: the accelerator.
        clock_hz: its clock frequency in Hz.
        energy: what a cycle, a multiply-accumulate and a word over the bus cost in J, if it is known.
        area_mm2: die area in mm2, if it is known.
        word_cycles: cycles for each word of operands and results.
    """

    op: LayerOp
    cost: OpThroughput
    spec: AcceleratorSpec
    clock_hz: float
    energy: Coefficients | None
    area_mm2: float | None = None
    word_cycles: int = 1

    @property
    def cycles(self) -> int:
        """Cycles with all stalls."""
        return self.op.count * self.cost.cycles

    @property
    def compute_cycles(self) -> int:
        """Cycles of the array alone, as if operands were there and results gone."""
        return self.op.count * self.cost.array_cycles

    @property
    def roofline_cycles(self) -> int:
        """Cycles that no schedule can beat."""
        op = self.op
        words = sum(bus_words(self.spec, op.m, op.k, op.n))
        return op.count * max(-(-op.m * op.k * op.n // self.spec.pes), words * self.word_cycles)

    @property
    def sram_bytes(self) -> int:
        """Bytes read from and written to the scratchpads."""
        return self.op.count * self.cost.sram_words * self.spec.bus_bits // 8

    @property
    def dram_bytes(self) -> int:
        """Bytes over the bus, from and to the memory behind it."""
        return self.op.count * self.cost.bus_words * self.spec.bus_bits // 8

    @property
    def seconds(self) -> float:
        """Time, stalls included."""
        return self.cycles / self.clock_hz

    @property
    def counts(self) -> tuple[int, int, int]:
        """Cycles, multiply-accumulates and words over the bus: what energy is extrapolated by."""
        return self.cycles, self.op.macs, self.op.count * self.cost.bus_words

    @property
    def joules(self) -> Estimate | None:
        """Energy, if it is known."""
        return None if self.energy is None else self.energy.of(self.counts)

    def row(self) -> dict[str, str | int | float | None]:
        """The columns of COLUMNS."""
        op, joules = self.op, self.joules
        return {
            "layer": op.name,
            "m": op.m,
            "k": op.k,
            "n": op.n,
            "count": op.count,
            "cycles": self.cycles,
            "compute_cycles": self.compute_cycles,
            "stall_cycles": self.cycles - self.compute_cycles,
            "roofline_cycles": self.roofline_cycles,
            "roofline_distance": self.cycles / self.roofline_cycles,
            "utilisation": op.macs / (self.cycles * self.spec.pes),
            "sram_bytes": self.sram_bytes,
            "dram_bytes": self.dram_bytes,
            "gops_per_s": 2e-9 * op.macs / self.seconds,
            "ops_per_byte": 2 * op.macs / self.dram_bytes,
            "joules": None if joules is None else joules.value,
            "joules_standard_error": None if joules is None else joules.standard_error,
            "edp_js": None if joules is None else joules.value * self.seconds,
            "tops_per_w": None if joules is None else 2e-12 * op.macs / joules.value,
            "tops_per_mm2": None if self.area_mm2 is None else 2e-12 * op.macs / self.seconds / self.area_mm2,
        }


@dataclass(frozen=True)
class Performance:
    """A workload on an accelerator, layer by layer.

    Attributes:
        workload: what is done.
        spec: the accelerator.
        clock_hz: its clock frequency in Hz.
        layers: each kind of product.
        energy: what a cycle, a multiply-accumulate and a word over the bus cost in J, if it is known.
        area_mm2: die area in mm2, if it is known.
        word_cycles: cycles for each word of operands and results.
        vector_seconds: time of what the vector unit does, after the products.
    """

    workload: Workload
    spec: AcceleratorSpec
    clock_hz: float
    layers: tuple[LayerCost, ...]
    energy: Coefficients | None = None
    area_mm2: float | None = None
    word_cycles: int = 1
    vector_seconds: float = 0.0

    @property
    def peak_ops_per_s(self) -> float:
        """Two operations in each processing element in each cycle."""
        return 2 * self.spec.pes * self.clock_hz

    @property
    def bus_bytes_per_s(self) -> float:
        """A bus word in each cycle, or in as many as the memory needs."""
        return self.spec.bus_bits / 8 * self.clock_hz / self.word_cycles

    def total(self) -> dict[str, float]:
        """Figures of the whole workload, those of unknown energy or area left out.

        Where energy is from a sample, ``joules_low`` and ``joules_high`` are the ends of its 95% interval.
        """
        cycles = sum(layer.cycles for layer in self.layers)
        seconds = cycles / self.clock_hz
        ops_per_s = 2 * self.workload.macs / seconds
        found = {
            "cycles": cycles,
            "compute_cycles": sum(layer.compute_cycles for layer in self.layers),
            "stall_cycles": cycles - sum(layer.compute_cycles for layer in self.layers),
            "roofline_distance": cycles / sum(layer.roofline_cycles for layer in self.layers),
            "utilisation": ops_per_s / self.peak_ops_per_s,
            "sram_bytes": sum(layer.sram_bytes for layer in self.layers),
            "dram_bytes": sum(layer.dram_bytes for layer in self.layers),
            "seconds": seconds,
            "tops": 1e-12 * ops_per_s,
            "other_operations": self.workload.other,
        }
        if self.spec.vector:
            found |= {"vector_operations": self.workload.passed, "vector_seconds": self.vector_seconds}
        if self.energy is not None:
            joules = self.energy.of([sum(counts) for counts in zip(*(one.counts for one in self.layers), strict=True)])
            found |= {
                "joules": joules.value,
                "joules_standard_error": joules.standard_error,
                "joules_low": joules.low,
                "joules_high": joules.high,
                "edp_js": joules.value * seconds,
                "tops_per_w": 2e-12 * self.workload.macs / joules.value,
            }
        if self.area_mm2 is not None:
            found["tops_per_mm2"] = 1e-12 * ops_per_s / self.area_mm2
        return found

    def with_energy(self, energy: Coefficients) -> Performance:
        """The same with energies by these coefficients."""
        return replace(self, energy=energy, layers=tuple(replace(one, energy=energy) for one in self.layers))

    def to_csv(self) -> str:
        """A line for each layer, the first one with the names of the columns."""
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(layer.row() for layer in self.layers)
        return out.getvalue()


def performance(
    spec: AcceleratorSpec,
    workload: Workload,
    clock_hz: float,
    power_w: float | None = None,
    area_mm2: float | None = None,
    memory: Memory = DRAM,
) -> Performance:
    """Run a workload on the model of an accelerator; ValueError where it has no product or a number is not above 0.

    With ``power_w`` every cycle costs the same energy, stalls included; :meth:`Performance.with_energy` knows better.
    """
    if not workload.ops:
        raise ValueError(f"{workload.name}: there is no matrix product in it")
    for name, value in (("power", power_w), ("area", area_mm2)):
        if value is not None and not value > 0:
            raise ValueError(f"the {name} is {value}: expected a number above 0")
    found = throughput(spec, workload, clock_hz, memory)
    word_cycles = memory.interval if spec.edge == "dma" else 1
    energy = None if power_w is None else constant_costs((power_w / clock_hz, 0.0, 0.0))
    layers = tuple(LayerCost(op, cost, spec, clock_hz, energy, area_mm2, word_cycles) for op, cost in found.by_op)
    return Performance(workload, spec, clock_hz, layers, energy, area_mm2, word_cycles, found.vector_seconds)
