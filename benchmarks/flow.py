"""The embedded estimate against OpenROAD (OPENROAD_EXE): ``python -m benchmarks.flow`` writes ``flow.json``.

Each design gets PLACEMENTS macro placements, from scattered at random to annealed, all designs one before the next of
any; each is implemented by the embedded flow and by OpenROAD up to its global route, with the same netlist, die, ports
and constraints. Runs that are done are kept in ``--out`` and not done again, so that the hours that this takes can be
cut in pieces (``--seconds``). With ``--again`` OpenROAD implements the placements of some designs once more, with
another seed. Designs from OpenROAD-flow-scripts need ORFS_ROOT, tinyRocket needs OpenROAD's own test folder in
OPENROAD_TESTS.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import Figure, shared_data, write_figures
from eda_adapters.floorplan import floorplan
from eda_adapters.foreign import library_macros, read_verilog
from eda_adapters.gates import GateNetlist
from eda_adapters.implement import Ppa, implement
from eda_adapters.openroad.agreement import COMMAND, FEWEST_RANKED, Agreement, Pair, agreements, pair
from eda_adapters.openroad.implement import implement as by_openroad
from eda_adapters.openroad.options import FlowOptions
from eda_adapters.pdk import load_pdk
from eda_adapters.synthesis import synthesize
from eda_adapters.technology import MacroFiles, Pdk
from eda_adapters.tool import ToolError
from loop.gate import noise_floor
from loop.stages import onto
from placer.baselines.annealing import anneal
from placer.baselines.random_legal import random_legal
from placer.clustering import group
from placer.formats.lef import read_lef
from placer.netlist import Netlist, Placement
from placer.partitioning import partition
from placer.search import Rules
from rtl import AcceleratorSpec, elaborate

MOVES = (0, 0, 0, 0, 200, 500, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
"""Proposals of the annealer for each placement; each starts from a random one with a seed of its own."""

ORDER = (0, 11, 7, 4, 9, 1, 6, 10, 5, 8, 2, 3)
"""The placements' turns: the first few already go from bad to good."""

PLACEMENTS = len(MOVES)
HALO = 5.0
OPTIONS = FlowOptions(routability=False)
"""Of the compared runs: the estimate's cells are not spread for the router either, and a run takes half the time."""

OTHER_SEED = 1
"""Of OpenROAD's runs that are compared with its own; the first have seed 0."""

NOISE_SEEDS = (0, 1, 2, 3, 4)
NOISE_DESIGN = "accelerator_4x4"


@dataclass(frozen=True)
class Subject:
    """A design to be placed: mapped, with its die."""

    gates: GateNetlist
    macros: tuple[MacroFiles, ...]
    netlist: Netlist
    start: Placement
    period: float  # ns
    clock: str


def _accelerator(spec: AcceleratorSpec) -> Callable[[Pdk, Path], Subject]:
    def prepare(pdk: Pdk, folder: Path) -> Subject:
        done = synthesize(elaborate(spec, folder / "rtl"), pdk, folder / "synth", spec.clock_ns)
        return _planned(done.gates, done.srams, pdk, spec.clock_ns, "clk")

    return prepare


def _foreign(
    sources: str, top: str, macros: str, period: float, clock: str, mapped: bool, utilisation: float = 0.6
) -> Callable[[Pdk, Path], Subject]:
    def prepare(pdk: Pdk, folder: Path) -> Subject:
        files = [Path(os.path.expandvars(source)) for source in sources.split()]
        found = library_macros(shared_data() / "pdk" / "fakeram45", [f"fakeram45_{name}" for name in macros.split()])
        gates = read_verilog(files, top, pdk, found, folder / "synth", None if mapped else period)
        return _planned(gates, found, pdk, period, clock, utilisation)

    return prepare


def _planned(
    gates: GateNetlist, macros: Sequence[MacroFiles], pdk: Pdk, period: float, clock: str, utilisation: float = 0.6
) -> Subject:
    library = read_lef(*pdk.lefs, *(macro.lef for macro in macros))
    netlist, start = floorplan(gates, library, pdk, utilisation, (HALO, HALO))
    return Subject(gates, tuple(macros), netlist, start, period, clock)


def _black_parrot(name: str, macros: str, period: float) -> Callable[[Pdk, Path], Subject]:
    designs = "$ORFS_ROOT/flow/designs"
    return _foreign(
        f"{designs}/src/{name}/pickled.v {designs}/nangate45/{name}/macros.v",
        name,
        macros,
        period,
        "clk_i",
        False,
        0.35,
    )


DESIGNS: dict[str, Callable[[Pdk, Path], Subject]] = {
    "accelerator_4x4": _accelerator(AcceleratorSpec(clock_ns=1.0)),
    "accelerator_tiny": _accelerator(AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=64, clock_ns=1.0)),
    "accelerator_deep": _accelerator(AcceleratorSpec(words_per_bank=512, act_banks=8, clock_ns=1.0)),
    "accelerator_2048": _accelerator(AcceleratorSpec(words_per_bank=2048, clock_ns=1.0)),
    "accelerator_tiny_2048": _accelerator(
        AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=2048, clock_ns=1.0)
    ),
    "accelerator_1024x32": _accelerator(
        AcceleratorSpec(act_banks=8, weight_banks=8, result_banks=16, words_per_bank=1024, clock_ns=1.0)
    ),
    "tinyRocket": _foreign("$OPENROAD_TESTS/tinyRocket_nangate45.v", "RocketTile", "64x32", 1.2, "clock", True),
    "bp_fe_top": _black_parrot("bp_fe_top", "512x64 64x7 64x96", 1.8),
    "bp_be_top": _black_parrot("bp_be_top", "512x64 64x15 64x96", 2.6),
    "bp_multi_top": _black_parrot("bp_multi_top", "512x64 256x96 32x64 64x7 64x15 64x96", 4.8),
}
"""Clock ports and periods of designs from elsewhere are OpenROAD-flow-scripts', and their dies are about as large."""


def placements(subject: Subject, folder: Path) -> Iterator[tuple[str, Placement]]:
    """Name and placement, from bad to good, the same on every machine; kept in ``folder`` once they are made."""
    flat = subject.netlist
    clustered, initial = group(flat, subject.start, partition(flat, seed=0))
    for number, moves in enumerate(MOVES):
        name = f"{number:02d}-{'annealed' if moves else 'random'}-{moves}"
        record = folder / name / "placement.npz"
        if not record.exists():
            placed = random_legal(clustered, initial, number, HALO)
            if moves:
                placed = anneal(clustered, placed, seed=number, moves=moves, rules=Rules(halo=HALO)).placement
            whole = onto(flat, subject.start, clustered, placed)
            record.parent.mkdir(parents=True, exist_ok=True)
            partial = record.with_suffix(".partial.npz")
            np.savez(partial, position=whole.position, orientation=whole.orientation)
            partial.replace(record)
        with np.load(record) as kept:
            yield name, Placement(kept["position"], kept["orientation"])


def compare(
    subject: Subject, design: str, name: str, placement: Placement, pdk: Pdk, folder: Path, again: bool = False
) -> Pair:
    """Both flows on one placement, or what earlier runs of either found; ToolError if a tool fails.

    With ``again`` OpenROAD runs with another seed, too; what an earlier run with that seed found counts in any case.
    """
    common = (subject.gates, subject.netlist, placement, pdk, subject.macros, subject.period)
    options = replace(OPTIONS, threads=os.cpu_count() or 1)

    def estimate() -> Ppa:
        return implement(*common, folder / "embedded", clock=subject.clock)

    def route(seed: int = 0) -> Ppa:
        suffix = f"-{seed}" if seed else ""
        return by_openroad(*common, folder / f"openroad{suffix}", seed, clock=subject.clock, options=options)

    theirs, tool = _kept(folder / "routed.json", route)
    ours, _ = _kept(folder / "estimated.json", estimate)
    record = folder / f"routed-{OTHER_SEED}.json"
    repeated = _kept(record, lambda: route(OTHER_SEED))[0] if again or record.exists() else None
    return pair(design, name, ours, theirs, tool, repeated)


def _kept(record: Path, run: Callable[[], Ppa]) -> tuple[dict[str, float], str]:
    """The metrics of a run and the tool that its power is from, out of ``record`` if it was done before."""
    if not record.exists():
        ppa = run()
        partial = record.with_suffix(".partial")
        partial.write_text(json.dumps({"metrics": dict(ppa.metrics), "tool": ppa.tools["finish__power__total"]}))
        partial.replace(record)
    found = json.loads(record.read_text())
    return found["metrics"], found["tool"]


def noise(subject: Subject, placement: Placement, pdk: Pdk, folder: Path) -> dict[int, float]:
    """Minimum period in ns of a placement through OpenROAD, seed by seed."""
    common = (subject.gates, subject.netlist, placement, pdk, subject.macros, subject.period)
    found = {}
    for seed in NOISE_SEEDS:

        def route(seed: int = seed) -> Ppa:
            return by_openroad(*common, folder / f"seed-{seed}", seed, clock=subject.clock)

        found[seed] = _kept(folder / f"seed-{seed}.json", route)[0]["finish__timing__setup__min_period"]
    return found


def figures(rows: Sequence[Agreement]) -> list[Figure]:
    """The committed figures of the comparison."""

    def figure(
        name: str, value: float, better: Any, bar: float | None, seeds: Sequence[int] = (0,), options: str = ""
    ) -> Figure:
        return Figure(name, value, "1", better, bar, seeds, COMMAND + options)

    found = [
        figure("wirelength_error", statistics.mean(row.wirelength_error for row in rows), "lower", 0.10),
        figure("min_period_error", statistics.mean(row.min_period_error for row in rows), "lower", 0.15),
        figure("openroad_designs", len(rows), "higher", 4),
    ]
    if ranked := [row for row in rows if row.placements >= FEWEST_RANKED]:
        slack = statistics.median(row.tau_worst_slack for row in ranked)
        length = statistics.median(row.tau_wirelength for row in ranked)
        found.append(figure("kendall_tau_worst_slack", slack, "higher", 0.7))
        found.append(figure("kendall_tau_wirelength", length, "higher", 0.85))
    if own := [row for row in rows if row.twice >= FEWEST_RANKED]:
        options = f" --again {','.join(row.design for row in own)}"
        slack = statistics.median(row.own_tau_worst_slack for row in own)
        length = statistics.median(row.own_tau_wirelength for row in own)
        found.append(figure("openroad_own_tau_worst_slack", slack, "higher", None, (0, OTHER_SEED), options))
        found.append(figure("openroad_own_tau_wirelength", length, "higher", None, (0, OTHER_SEED), options))
    return found


def main() -> None:
    """Run what is missing until the time is up; write what is known after each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--designs", default=",".join(DESIGNS))
    parser.add_argument("--again", default="", help="designs that OpenROAD implements with another seed, too")
    parser.add_argument("--out", type=Path, default=Path("runs/validate-flow"))
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="start no OpenROAD run after this many seconds"
    )
    arguments = parser.parse_args()
    wanted = [name for names in (arguments.designs, arguments.again) for name in names.split(",") if name]
    if unknown := [name for name in wanted if name not in DESIGNS]:
        parser.error(f"unknown design {unknown[0]}; there are {', '.join(DESIGNS)}")
    pdk, began = load_pdk("nangate45"), time.monotonic()
    pairs: list[Pair] = []
    failures: list[str] = []
    folders = {design: (arguments.out / design).resolve() for design in arguments.designs.split(",")}
    subjects = {design: DESIGNS[design](pdk, folder) for design, folder in folders.items()}
    placed = {design: list(placements(subjects[design], folder)) for design, folder in folders.items()}
    for number, (design, folder) in itertools.product(ORDER, folders.items()):
        name, placement = placed[design][number]
        late = time.monotonic() - began > arguments.seconds
        if late and not (folder / name / "routed.json").exists():
            continue
        again = design in arguments.again.split(",") and not late
        try:
            pairs.append(compare(subjects[design], design, name, placement, pdk, folder / name, again))
        except ToolError as error:  # the other runs are worth having all the same
            failures.append(f"{design} {name}: {error}")
            continue
        rows = [row for row in agreements(pairs) if row.placements > 1]
        if rows:
            write_figures("flow", figures(rows), {"pairs": [asdict(p) for p in pairs]})
    folder = folders.get(NOISE_DESIGN, arguments.out) / "noise"
    known = all((folder / f"seed-{seed}.json").exists() for seed in NOISE_SEEDS)
    if NOISE_DESIGN in folders and (known or time.monotonic() - began < arguments.seconds):
        placement = placed[NOISE_DESIGN][-1][1]
        periods = noise(subjects[NOISE_DESIGN], placement, pdk, folder)
        floor = Figure("noise_floor_min_period", noise_floor(periods), "1", "lower", None, list(NOISE_SEEDS), COMMAND)
        write_figures("flow", [floor], {"noise": periods})
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
