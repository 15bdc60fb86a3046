"""What the baselines reach: ``python -m benchmarks.baselines [--only legaliser|designs|long]``."""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from benchmarks.legaliser_cases import case
from benchmarks.results import RESULTS, Figure, shared_data, write_figures
from placer.baselines.annealing import Schedule, anneal
from placer.baselines.force_directed import force_directed
from placer.baselines.greedy_packing import greedy_packing
from placer.baselines.random_legal import random_legal
from placer.cost import CostModel, ProxyCost
from placer.formats.plc import load_design, write_plc
from placer.legalise import Infeasible, legalise
from placer.legality import is_legal
from placer.netlist import Netlist, Placement

COMMAND = "python -m benchmarks.baselines"
DESIGNS = ("ariane133_ng45", "ariane136_ng45", "mempool_tile_ng45", "nvdla_ng45")
SEEDS = (1, 2, 3)
LONG_SEED = 7
LONG = Schedule(start=2e-4, end=1e-6)


def design(name: str) -> tuple[Netlist, Placement]:
    """A benchmark with its ports in place."""
    folder = shared_data() / "benchmarks" / name
    return load_design(folder / "netlist.pb.txt.gz", folder / "initial.plc")


def legalise_cases(seeds: range) -> list[tuple[int, bool, float]]:
    """For each seed's case: its number, whether it was made legal, and the seconds that it took."""
    results = []
    for seed in seeds:
        c = case(seed)
        rules: dict[str, Any] = {
            "halo": c.halo,
            "grid": c.grid,
            "blockages": c.blockages,
            "fences": c.fences,
        }
        began = time.process_time()
        try:
            solved = is_legal(c.netlist, legalise(c.netlist, c.placement, **rules), **rules)
        except Infeasible:
            solved = False
        results.append((seed, solved, time.process_time() - began))
    return results


def legaliser(cases: int, jobs: int) -> None:
    """The share of feasible random cases that are made legal, and the processor time of one.

    Written after every thousand cases, with the number of cases done.
    """
    command = f"{COMMAND} --only legaliser"
    done: list[tuple[int, bool, float]] = []
    batches = [range(first, min(first + 50, cases)) for first in range(0, cases, 50)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for batch in pool.map(legalise_cases, batches):
            done += batch
            if len(done) % 1000 and len(done) < cases:
                continue
            rate = sum(solved for _, solved, _ in done) / len(done)
            middle = 1e3 * float(np.median([seconds for _, _, seconds in done]))
            seeds = (0, len(done) - 1)
            figures = [
                Figure("legaliser_success_rate", rate, "share", "higher", 1.0, seeds, command),
                Figure("legaliser_ms", middle, "ms of processor time, median", "lower", None, seeds, command),
            ]
            failed = [seed for seed, solved, _ in done if not solved]
            write_figures("baselines", figures, {"legaliser": {"cases": len(done), "failed": failed}})


def parts(cost: ProxyCost) -> dict[str, float]:
    """A cost as JSON."""
    return {
        "proxy": cost.total(),
        "wirelength": cost.wirelength,
        "density": cost.density,
        "congestion": cost.congestion,
    }


def designs(seconds: float) -> list[Figure]:
    """Random, force-directed, greedy and annealing on each design, the mean of three seeds (annealing: one)."""
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    command = f"{COMMAND} --only designs"
    for name in DESIGNS:
        netlist, initial = design(name)
        model = CostModel(netlist)
        random = [random_legal(netlist, initial, seed) for seed in SEEDS]
        placements = {
            "random": random,
            "force_directed": [force_directed(netlist, p) for p in random],
            "greedy": [greedy_packing(netlist, initial, seed) for seed in SEEDS],
        }
        details[name] = {"initial": parts(model.evaluate(initial))}
        for method, found in placements.items():
            costs = [model.evaluate(p) for p in found]
            details[name][method] = [parts(c) for c in costs]
            mean = float(np.mean([c.total() for c in costs]))
            figures.append(Figure(f"{method}_{name}_proxy", mean, "proxy cost", "lower", None, SEEDS, command))
        if seconds > 0:
            result = anneal(netlist, random[0], seconds, SEEDS[0])
            details[name][f"sa_{seconds:g}s"] = parts(result.parts) | {"moves": result.moves}
            figures.append(
                Figure(f"sa_{name}_proxy_{seconds:g}s", result.cost, "proxy cost", "lower", None, SEEDS[:1], command)
            )
        write_figures("baselines", figures, {"designs": details})
    return figures


def long_run(minutes: float, chains: int) -> list[Figure]:
    """Annealing of ariane133_ng45 from a random start, with its curve and the placement that it found."""
    netlist, initial = design("ariane133_ng45")
    start = random_legal(netlist, initial, LONG_SEED)
    result = anneal(netlist, start, 60 * minutes, LONG_SEED, chains=chains, schedule=LONG)
    if not is_legal(netlist, result.placement):
        raise AssertionError("the annealed placement is not legal")
    RESULTS.mkdir(exist_ok=True)
    write_plc(RESULTS / "sa_ariane133_ng45.plc", netlist, result.placement)
    seeds = tuple(range(LONG_SEED, LONG_SEED + chains))
    command = f"{COMMAND} --only long"
    curve = [(round(p.seconds), p.moves, round(p.best, 5)) for p in result.curve]
    figure = Figure(f"sa_ariane133_proxy_{minutes:g}min", result.cost, "proxy cost", "lower", 0.72, seeds, command)
    details = parts(result.parts) | {
        "start": parts(CostModel(netlist).evaluate(start)),
        "chains": chains,
        "moves": result.moves,
        "acceptance": dict(result.acceptance),
        "curve of seconds, moves, best": curve[:: max(1, len(curve) // 60)] + curve[-1:],
    }
    write_figures("baselines", [figure], {"long": details})
    return [figure]


def main() -> None:
    """Measure and write ``benchmarks/results/baselines.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("legaliser", "designs", "long"))
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=120.0, help="of annealing per design, 0 for none")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--chains", type=int, default=2)
    given = parser.parse_args()
    if given.only in (None, "legaliser"):
        legaliser(given.cases, given.jobs)
    if given.only in (None, "designs"):
        designs(given.seconds)
    if given.only in (None, "long"):
        long_run(given.minutes, given.chains)
    print(json.dumps(json.loads((RESULTS / "baselines.json").read_text())["figures"], indent=1))


if __name__ == "__main__":
    main()
