"""How far is the cycle model from the RTL? Random products on several accelerators, each run in a simulator.

Beside it stands SCALE-Sim for the same array and product, with a reason for every cycle of difference.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtl import AcceleratorSpec, elaborate
from rtl.spec import BUS_WIDTHS, DATAFLOWS, DMA_WORDS, OPERAND_BITS
from sim.scale_sim import differences, scale_sim_cycles
from sim.simulator import Simulator
from sim.verification import Measured, VerifyResult, random_products, system_products, verify

SPECS = (
    AcceleratorSpec(),
    AcceleratorSpec(rows=8, cols=4, act_banks=4, weight_banks=2, result_banks=16, words_per_bank=128),
    AcceleratorSpec(rows=4, cols=8, act_banks=3, weight_banks=4, result_banks=16, words_per_bank=128),
    AcceleratorSpec(rows=12, cols=4, act_banks=6, weight_banks=3, result_banks=8, words_per_bank=256),
    AcceleratorSpec(rows=8, cols=8, act_banks=2, weight_banks=2, result_banks=8, words_per_bank=512, bus_bits=64),
    AcceleratorSpec(words_per_bank=64, dataflow="output_stationary"),
    AcceleratorSpec(words_per_bank=64, operands="bfloat16"),
    AcceleratorSpec(rows=8, act_banks=8, words_per_bank=64, dataflow="output_stationary", operands="bfloat16"),
    AcceleratorSpec(words_per_bank=64, edge="dma", tiles=2, transpose=True, vector=True),
)
"""Accelerators that differ in dataflow, operands, shape, depth, bus and memory, small enough for Icarus."""

MAX_PES = {"int8": 128, "bfloat16": 64}
"""Processing elements of a random spec, small enough for Icarus."""


def random_specs(count: int, seed: int) -> tuple[AcceleratorSpec, ...]:
    """Random accelerators up to 16 x 16, up to three groups of banks, with a DMA engine one to 16 tiles.

    Every dataflow, format of operands, and of bus and DMA engine one comes in turn; half of the engines load
    transposes, and half have a vector unit beside them.
    """
    rng, options = np.random.default_rng(seed), np.random.default_rng((seed, 1))
    kinds = list(itertools.product(DATAFLOWS, OPERAND_BITS, ("bus", "dma")))
    specs: list[AcceleratorSpec] = []
    while len(specs) < count:
        dataflow, operands, edge = kinds[len(specs) % len(kinds)]
        bus = int(rng.choice(BUS_WIDTHS))
        step = bus // OPERAND_BITS[operands]
        rows, cols = (step * int(x) for x in rng.integers(1, 16 // step + 1, 2))
        groups = [int(x) for x in rng.integers(1, 4, 3)]
        if rows * cols > MAX_PES[operands]:
            continue
        tiles = 1 + int(rng.random() ** 2 * min(16, MAX_PES[operands] // (rows * cols))) if edge == "dma" else 1
        specs.append(
            AcceleratorSpec(
                rows=rows,
                cols=cols,
                act_banks=rows // step * groups[0],
                weight_banks=cols // step * groups[1],
                result_banks=2 * cols * 32 // bus * groups[2],
                words_per_bank=int(rng.choice([64, 128, 256])),
                bus_bits=bus,
                dataflow=dataflow,
                operands=operands,
                edge=edge,
                tiles=tiles,
                dma_words=int(rng.choice(DMA_WORDS[:4])),
                transpose=edge == "dma" and bool(options.integers(2)),
                vector=edge == "dma" and bool(options.integers(2)),
            )
        )
    return tuple(specs)


@dataclass(frozen=True)
class Comparison:
    """One product on one accelerator: the cycles that the RTL counted, those of the model, and those of SCALE-Sim.

    SCALE-Sim is asked for arrays alone, not where a memory and a DMA engine are part of the cycles.
    """

    spec: AcceleratorSpec
    measured: Measured
    scale_sim: int | None

    @property
    def error(self) -> float:
        """The model's error relative to the RTL's cycles."""
        return (self.measured.model - self.measured.cycles) / self.measured.cycles

    @property
    def unexplained(self) -> int:
        """Cycles by which the RTL differs from SCALE-Sim and no reason is known."""
        run = self.measured
        if self.scale_sim is None:
            return 0
        return run.cycles - self.scale_sim - sum(differences(self.spec, run.m, run.k, run.n).values())


@dataclass(frozen=True)
class Validation:
    """The cycle model against the RTL, and the RTL against SCALE-Sim.

    Attributes:
        comparisons: every product that ran.
        failures: one line for each accelerator whose bench failed.
        tool: the simulator and its version.
    """

    comparisons: tuple[Comparison, ...]
    failures: tuple[str, ...]
    tool: str

    @property
    def exact(self) -> int:
        """The number of products for which the model says exactly the RTL's cycles."""
        return sum(row.measured.cycles == row.measured.model for row in self.comparisons)

    @property
    def worst_error(self) -> float:
        """The largest relative error, without sign."""
        return max(abs(row.error) for row in self.comparisons)

    @property
    def mean_error(self) -> float:
        """The average relative error, without sign."""
        return sum(abs(row.error) for row in self.comparisons) / len(self.comparisons)

    @property
    def worst_unexplained(self) -> int:
        """The most cycles, without sign, by which a product differs from SCALE-Sim without a known reason."""
        return max(abs(row.unexplained) for row in self.comparisons)

    def reasons(self) -> list[tuple[str, ...]]:
        """Rows to print, the header first: why the RTL differs from SCALE-Sim, and the cycles of all products."""
        totals: Counter[tuple[str, str]] = Counter()
        for row in self.comparisons:
            run = row.measured
            if row.scale_sim is None:
                continue
            for reason, cycles in differences(row.spec, run.m, run.k, run.n).items():
                totals[row.spec.dataflow, reason] += cycles
            totals[row.spec.dataflow, "unexplained"] += abs(row.unexplained)
        rows = [(dataflow, reason, f"{cycles:+d}") for (dataflow, reason), cycles in sorted(totals.items())]
        return [("dataflow", "RTL - SCALE-Sim", "cycles"), *rows]

    def table(self) -> list[tuple[str, ...]]:
        """Rows to print, the header first: array, product, cycles of RTL and model, error, SCALE-Sim, unexplained."""
        rows: list[tuple[str, ...]] = [
            ("array", "M x K x N", "RTL cycles", "model", "error", "SCALE-Sim", "unexplained")
        ]
        for row in self.comparisons:
            spec, run = row.spec, row.measured
            kind = "output-stationary" if spec.output_stationary else "weight-stationary"
            tiles = f"{spec.tiles} x " if spec.edge == "dma" else ""
            shape = f"{tiles}{spec.rows} x {spec.cols} {kind}, {spec.operands}, {spec.bus_bits}-bit bus"
            product = f"pass over {run.m} x {run.n}" if run.vector else f"{run.m} x {run.k} x {run.n}"
            product += ("", ", one turned", ", both turned")[run.turned]
            if run.latency:
                shape += f", memory {run.latency}, {run.interval}"
            beside = ("", "") if row.scale_sim is None else (str(row.scale_sim), str(row.unexplained))
            rows.append((shape, product, str(run.cycles), str(run.model), f"{row.error:+.2%}", *beside))
        return rows


def validate_cycles(
    count: int,
    out_dir: str | Path,
    seed: int = 1,
    simulator: Simulator = "icarus",
    specs: Sequence[AcceleratorSpec] = SPECS,
    progress: Callable[[str], None] = lambda _: None,
    jobs: int = 1,
    cycle_limit: int = 1500,
) -> Validation:
    """Run ``count`` random products, spread over the specs, and compare cycles.

    The RTL's results are checked bit-exactly at the same time. A product whose cycles differ is in the result with
    its error; the bench stops at it, so fewer products than ``count`` come back then.

    Args:
        count: number of products.
        out_dir: folder for Verilog, simulations and logs.
        seed: of the products and their operands.
        simulator: ``icarus`` or ``verilator``.
        specs: the accelerators.
        progress: is told what runs.
        jobs: accelerators that are simulated at a time.
        cycle_limit: the longest product, in cycles; with a DMA engine, in words of operands and results.

    Raises:
        ToolError: the simulator fails.
    """
    out = Path(out_dir)
    shares = [count // len(specs) + (i < count % len(specs)) for i in range(len(specs))]
    designs = [elaborate(spec, out / f"spec-{i}" / "rtl") for i, spec in enumerate(specs) if shares[i]]

    def run(i: int) -> VerifyResult:
        spec = specs[i]
        progress(f"{shares[i]} products on {spec.rows} x {spec.cols} PEs, {spec.bus_bits}-bit bus")
        products = (
            system_products(spec, seed + i, shares[i], cycle_limit)
            if spec.edge == "dma"
            else random_products(spec, seed + i, shares[i], cycle_limit)
        )
        return verify(designs[i], out / f"spec-{i}", simulator, seed + i, products, only="random_products")

    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(run, range(len(designs))))
    comparisons = [
        Comparison(spec, measured, _scale_sim(spec, measured))
        for spec, result in zip(specs, results, strict=False)
        for measured in result.cycles
    ]
    failures = [result.failure for result in results if not result.passed]
    return Validation(tuple(comparisons), tuple(failures), results[0].tool)


def _scale_sim(spec: AcceleratorSpec, run: Measured) -> int | None:
    return None if spec.edge == "dma" else scale_sim_cycles(spec, run.m, run.k, run.n)


def exact_of(count: int, out_dir: str | Path, seed: int = 1) -> int:
    """Of ``count`` random products on several accelerators, how many take exactly the cycles that the model says."""
    return validate_cycles(count, out_dir, seed).exact
