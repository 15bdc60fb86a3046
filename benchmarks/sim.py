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
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import Figure, write_figures
from loop.store import source_hash, write_atomically
from rtl import AcceleratorSpec, elaborate
from sim.cycle_model import cycles, cycles_of_all
from sim.harness import ProductRunner
from sim.networks import resnet50
from sim.regression import MATRIX, regress
from sim.simulator import Simulator
from sim.throughput import op_throughput
from sim.units import UNITS, CompiledUnit, wrong_pairs
from sim.validate import Comparison, Validation, random_specs, validate_cycles
from sim.verification import Measured, random_products

COMMAND = "python -m benchmarks.sim"
DESIGNS = Path(__file__).resolve().parents[1] / "rtl" / "designs"
SEED = 1
PRODUCTS = 520
SPECS = 52
CYCLE_LIMIT = 300
KEPT = Path("runs/bench-sim")
SEEDS = 2
PAIRS = 1_000_000
REPEATS = 5
JOBS = 2
RANDOM_PRODUCTS = 200


def exact(folder: Path) -> None:
    """Random products on random accelerators of all dataflows, operands, memories and numbers of tiles.

    What was compared on an accelerator is kept under ``runs/``, so that an interrupted measurement goes on.
    """
    specs = random_specs(SPECS, SEED)
    with ProcessPoolExecutor(JOBS) as pool:
        answers = list(pool.map(partial(_compared, folder), range(SPECS), specs))
    found = Validation(tuple(row for _, rows in answers for row in rows), (), answers[0][0])
    command = f"{COMMAND} exact"
    products = [row for row in found.comparisons if not row.measured.vector]
    passes = [row for row in found.comparisons if row.measured.vector]
    figures = [
        Figure("cycle_model_exact_of_500", _exact(products), "products", "higher", 500, [SEED], command),
        Figure("scalesim_max_unexplained_cycles", found.worst_unexplained, "cycles", "lower", 0, [SEED], command),
    ]
    memories = [row for row in products if row.measured.latency]
    kinds = Counter(f"{r.spec.dataflow}, {r.spec.operands}, {r.spec.edge}" for r in products)
    details = {
        "products": len(products),
        "products_with_transposes": sum(row.measured.turned > 0 for row in products),
        "vector_passes": len(passes),
        "vector_passes_exact": _exact(passes),
        "specs": SPECS,
        "kinds": dict(sorted(kinds.items())),
        "tiles": sorted({row.spec.tiles for row in memories}),
        "memory_latency": _range([row.measured.latency for row in memories]),
        "memory_interval": _range([row.measured.interval for row in memories]),
        "cycles": _range([row.measured.cycles for row in products]),
        "tool": found.tool,
        "reasons": found.reasons(),
    }
    write_figures("sim", figures, {"exact": details})
    print(f"{_exact(products)} of {len(products)} products exact, {_exact(passes)} of {len(passes)} passes,")
    print(f"at most {found.worst_unexplained} cycles unexplained")


def _compared(folder: Path, i: int, spec: AcceleratorSpec) -> tuple[str, list[Comparison]]:
    """The simulator and the products of one accelerator."""

    def measure() -> dict[str, Any]:
        count = PRODUCTS // SPECS
        found = validate_cycles(count, folder / str(i), SEED + i, specs=[spec], cycle_limit=CYCLE_LIMIT)
        print(f"{i + 1} of {SPECS}: {found.exact} of {len(found.comparisons)} exact", *found.failures, flush=True)
        return {"tool": found.tool, "rows": [[asdict(row.measured), row.scale_sim] for row in found.comparisons]}

    data = _kept(f"exact-{i}-{spec.content_hash}", measure)
    return data["tool"], [Comparison(spec, Measured(**run), other) for run, other in data["rows"]]


def _exact(rows: Sequence[Comparison]) -> int:
    return sum(row.measured.cycles == row.measured.model for row in rows)


def _range(values: list[int]) -> tuple[int, int]:
    return min(values), max(values)


def _kept(name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``measure`` gives, or what it gave before for the same sources."""
    path = KEPT / f"{name}-{source_hash('rtl')}-{source_hash('sim')}.json"
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(measure()))
    data: dict[str, Any] = json.loads(path.read_text())
    return data


def coverage(folder: Path) -> None:
    """The part of the coverage bins that the benches hit, on the design where it is smallest; kept design by design."""
    seeds = list(range(1, SEEDS + 1))

    def measure(design: str, simulators: Sequence[Simulator]) -> dict[str, Any]:
        found = regress(folder / design, seeds, JOBS, [(design, simulators)], print)
        for run in found.runs:
            if not run.passed:
                raise SystemExit(f"{run.failure}: {run.command}")
        return {"part": found.coverage[design], "missed": found.missed[design], "runs": found.table()}

    found = {design: _kept(f"coverage-{design}", partial(measure, design, simulators)) for design, simulators in MATRIX}
    smallest = min(data["part"] for data in found.values())
    figure = Figure("functional_coverage", smallest, "part of bins", "higher", 0.95, seeds, f"{COMMAND} coverage")
    details = {
        "designs": {design: data["part"] for design, data in found.items()},
        "missed": {design: data["missed"] for design, data in found.items()},
        "runs": [row for i, data in enumerate(found.values()) for row in data["runs"][min(i, 1) :]],
    }
    write_figures("sim", [figure], {"coverage": details})
    print(details["designs"])


def speed(folder: Path) -> None:
    """Cycles of products on ``base``: the model, and the RTL in bare Verilator, scratchpads not loaded.

    The jobs are those that the mapper gives for the layers of ResNet-50, asked for one by one; beside them small random
    products, and all of them asked for at once.
    """
    spec = AcceleratorSpec.from_toml(DESIGNS / "base.toml")
    runner = ProductRunner(elaborate(spec, folder / "rtl"), folder)
    workloads = {
        "jobs of ResNet-50's layers": [op_throughput(spec, op.m, op.k, op.n).job for op in resnet50().ops],
        f"random products of at most {CYCLE_LIMIT} cycles": list(
            random_products(spec, SEED, RANDOM_PRODUCTS, CYCLE_LIMIT)
        ),
    }
    details = {name: _speed(spec, runner, products) for name, products in workloads.items()}
    ratio = details["jobs of ResNet-50's layers"]["times"]
    figure = Figure("model_speedup_over_verilator", ratio, "times", "higher", 1000, [SEED], f"{COMMAND} speed")
    write_figures("sim", [figure], {"speed": details})
    print(*(f"{name}: {found['times']:.0f} times as fast as Verilator" for name, found in details.items()), sep="\n")


def _speed(spec: AcceleratorSpec, runner: ProductRunner, products: list[tuple[int, int, int]]) -> dict[str, Any]:
    rtl, model, together = [], [], []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        counted = runner(products)
        rtl.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        said = [cycles(spec, *product) for product in products]
        model.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        at_once = cycles_of_all(spec, np.array(products))
        together.append(time.perf_counter() - begin)
        if counted != said or (at_once != counted).any():
            raise SystemExit("the cycle model differs from the RTL")
    return {
        "times": float(np.median(rtl) / np.median(model)),
        "times_at_once": float(np.median(rtl) / np.median(together)),
        "products": len(products),
        "cycles": sum(counted),
        "verilator_s": rtl,
        "model_s": model,
        "model_at_once_s": together,
        "verilator_cycles_per_s": sum(counted) / float(np.median(rtl)),
        "model_us_per_product": 1e6 * float(np.median(model)) / len(products),
    }


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
