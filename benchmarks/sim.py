"""Figures of the accelerators and their models: ``python -m benchmarks.sim [PART ...]``, all parts without one.

exact: random products on random accelerators, RTL against cycle model and SCALE-Sim. coverage: the benches on all
designs. speed: the cycle model against the RTL of ``base`` in bare Verilator. units: the bfloat16 arithmetic against
numpy. large: synthesis of ``large``.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.results import Figure, write_figures
from loop.store import source_hash, write_atomically
from rtl import AcceleratorSpec, elaborate
from sim.cycle_model import cycle_breakdown
from sim.harness import ProductRunner
from sim.networks import resnet50
from sim.regression import regress
from sim.throughput import op_throughput
from sim.units import UNITS, CompiledUnit, wrong_pairs
from sim.validate import Comparison, Validation, random_specs, validate_cycles
from sim.verification import Measured

COMMAND = "python -m benchmarks.sim"
DESIGNS = Path(__file__).resolve().parents[1] / "rtl" / "designs"
SEED = 1
PRODUCTS = 520
SPECS = 52
CYCLE_LIMIT = 700
KEPT = Path("runs/bench-sim")
SEEDS = 2
PAIRS = 1_000_000
REPEATS = 5


def exact(folder: Path) -> None:
    """Random products on random accelerators of all dataflows and operands.

    What was compared on an accelerator is kept under ``runs/``, so that an interrupted measurement goes on.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    comparisons: list[Comparison] = []
    tool = ""
    for i, spec in enumerate(random_specs(SPECS, SEED)):
        kept = KEPT / f"{i}-{spec.content_hash}-{source_hash('rtl')}-{source_hash('sim')}.json"
        if not kept.exists():
            found = validate_cycles(PRODUCTS // SPECS, folder / str(i), SEED + i, specs=[spec], cycle_limit=CYCLE_LIMIT)
            print(f"{i + 1} of {SPECS}: {found.exact} of {len(found.comparisons)} exact", *found.failures, flush=True)
            rows = [[*asdict(row.measured).values(), row.scale_sim] for row in found.comparisons]
            write_atomically(kept, json.dumps({"tool": found.tool, "rows": rows}))
        data = json.loads(kept.read_text())
        tool = data["tool"]
        comparisons += [Comparison(spec, Measured(*row[:5]), row[5]) for row in data["rows"]]
    found = Validation(tuple(comparisons), (), tool)
    figures = [
        Figure("cycle_model_exact_of_500", found.exact, "products", "higher", 500, [SEED], f"{COMMAND} exact"),
        Figure(
            "scalesim_max_unexplained_cycles", found.worst_unexplained, "cycles", "lower", 0, [SEED], f"{COMMAND} exact"
        ),
    ]
    details = {"products": len(found.comparisons), "specs": SPECS, "tool": found.tool, "reasons": found.reasons()}
    write_figures("sim", figures, {"exact": details})
    print(f"{found.exact} of {len(found.comparisons)} exact, at most {found.worst_unexplained} cycles unexplained")


def coverage(folder: Path) -> None:
    """The part of the coverage bins that the benches hit, on the design where it is smallest."""
    found = regress(folder, range(1, SEEDS + 1), 2, progress=print)
    for run in found.runs:
        if not run.passed:
            raise SystemExit(f"{run.failure}: {run.command}")
    smallest = min(found.coverage.values())
    seeds = list(range(1, SEEDS + 1))
    figure = Figure("functional_coverage", smallest, "part of bins", "higher", 0.95, seeds, f"{COMMAND} coverage")
    details = {"designs": found.coverage, "missed": found.missed, "runs": found.table()}
    write_figures("sim", [figure], {"coverage": details})
    print(found.coverage)


def speed(folder: Path) -> None:
    """Seconds for the jobs of ResNet-50's layers: cycle model and, without loading operands, RTL in bare Verilator."""
    spec = AcceleratorSpec.from_toml(DESIGNS / "base.toml")
    products = [op_throughput(spec, op.m, op.k, op.n).job for op in resnet50().ops]
    runner = ProductRunner(elaborate(spec, folder / "rtl"), folder)
    rtl, model = [], []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        counted = runner(products)
        rtl.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        said = [cycle_breakdown(spec, *product).total for product in products]
        model.append(time.perf_counter() - begin)
        if counted != said:
            raise SystemExit("the cycle model differs from the RTL")
    ratio = float(np.median(rtl) / np.median(model))
    details = {
        "products": len(products),
        "cycles": sum(counted),
        "verilator_s": rtl,
        "model_s": model,
        "verilator_cycles_per_s": sum(counted) / float(np.median(rtl)),
    }
    figure = Figure("model_speedup_over_verilator", ratio, "times", "higher", 1000, [SEED], f"{COMMAND} speed")
    write_figures("sim", [figure], {"speed": details})
    print(f"{ratio:.0f} times as fast as Verilator")


def units(folder: Path) -> None:
    """Pairs of operands, all corners and random ones, that every unit gets right."""
    right = {}
    for unit in UNITS:
        compiled = CompiledUnit(unit, folder / unit.module)
        corners, pairs = unit.corners(), unit.random(PAIRS, SEED)
        wrong = [*wrong_pairs(compiled, *corners), *wrong_pairs(compiled, *pairs)]
        print(f"{unit.module}: {len(wrong)} wrong", *wrong[:5], sep="\n")
        right[unit.module] = {"corner_pairs": corners[0].size, "random_pairs": PAIRS, "wrong": len(wrong)}
    exact_pairs = min(PAIRS - int(counts["wrong"]) for counts in right.values())
    figure = Figure(
        "bf16_random_pairs_exact", exact_pairs, "pairs of each unit", "higher", 1_000_000, [SEED], f"{COMMAND} units"
    )
    write_figures("sim", [figure], {"units": right})


def large(folder: Path) -> None:
    """Cells and macros of ``large`` in Nangate45."""
    from eda_adapters.pdk import load_pdk
    from eda_adapters.synthesis import synthesize

    spec = AcceleratorSpec.from_toml(DESIGNS / "large.toml")
    done = synthesize(elaborate(spec, folder / "rtl"), load_pdk("nangate45"), folder / "synth", spec.clock_ns, 3600.0)
    cells, macros = (done.metrics[f"synth__design__instance__count__{kind}"] for kind in ("stdcell", "macros"))
    figures = [
        Figure("large_macros", macros, "macros", "higher", 100, [], f"{COMMAND} large"),
        Figure("large_cells", cells, "cells", "higher", 200_000, [], f"{COMMAND} large"),
    ]
    write_figures("sim", figures, {"large": {"tool": done.tool, "seconds": done.seconds}})
    print(f"{macros:.0f} macros, {cells:.0f} cells in {done.seconds:.0f} s")


PARTS = {part.__name__: part for part in (exact, coverage, speed, units, large)}


def main() -> None:
    """Measure the parts that the command line names, or all, and write their figures."""
    for name in sys.argv[1:] or PARTS:
        if name not in PARTS:
            raise SystemExit(f"there is no part {name!r}: choose from {', '.join(PARTS)}")
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](Path(folder))


if __name__ == "__main__":
    main()
