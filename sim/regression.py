"""All benches on all designs, in all simulators, with several seeds, side by side.

Each run has a seed of its own and lands in structured results (``results.json``) with the command that repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from eda_adapters.tool import ToolError
from rtl import Design, elaborate, load_spec
from sim.coverage import Bin, all_bins
from sim.simulator import Simulator
from sim.verification import verify

MATRIX: tuple[tuple[str, tuple[Simulator, ...]], ...] = (
    ("tiny", ("icarus", "verilator")),
    ("default", ("icarus", "verilator")),
    ("8x8", ("icarus", "verilator")),
    ("bfloat16", ("icarus", "verilator")),
    ("axi4", ("icarus", "verilator")),
    ("base", ("verilator",)),
    ("cluster", ("verilator",)),
    ("training", ("verilator",)),
)
"""The designs that come along and the simulators that run them.

``base``, ``cluster`` and ``training`` are too slow for Icarus, ``large`` for both.
"""


def simulators_for(design: str) -> tuple[Simulator, ...]:
    """The simulators for a design that comes along, or for another, which may be small: Icarus."""
    return dict(MATRIX).get(design, ("icarus",))


@dataclass(frozen=True)
class Run:
    """The benches on one design in one simulator with one seed.

    Attributes:
        design: its name.
        simulator: which simulator; tool: with its version.
        seed: of all random choices.
        passed: whether every test passed; failure: the first that did not, and why.
        tests, products: how many ran.
        exact: products that took exactly the cycles of the model.
        coverage: part of the coverage bins that was hit, 0 to 1.
        command: repeats the run, from elaboration on, or that of the benches on a design that was given.
    """

    design: str
    simulator: Simulator
    tool: str
    seed: int
    passed: bool
    failure: str
    tests: int
    products: int
    exact: int
    coverage: float
    command: str


@dataclass(frozen=True)
class Regression:
    """All runs; ``missed`` has the bins of each design that no run of it hit, ``coverage`` the part that was."""

    runs: tuple[Run, ...]
    coverage: dict[str, float]
    missed: dict[str, list[Bin]]

    @property
    def passed(self) -> bool:
        """Whether every run passed."""
        return all(run.passed for run in self.runs)

    def table(self) -> list[tuple[str, ...]]:
        """Rows to print, the header first."""
        rows: list[tuple[str, ...]] = [
            ("design", "simulator", "seed", "tests", "products", "exact", "coverage", "result")
        ]
        for run in self.runs:
            counts = (str(run.seed), str(run.tests), str(run.products), str(run.exact), f"{run.coverage:.1%}")
            rows.append((run.design, run.tool, *counts, "passed" if run.passed else "failed"))
        return rows


def regress(
    out_dir: Path,
    seeds: Sequence[int],
    jobs: int,
    matrix: Sequence[tuple[str, Sequence[Simulator]]] = MATRIX,
    progress: Callable[[str], None] = lambda _: None,
    elaborated: Mapping[str, Design] | None = None,
) -> Regression:
    """Run the matrix and write ``results.json`` into ``out_dir``.

    A simulator that fails makes its run fail; the others go on.

    Args:
        out_dir: folder; each run has one of its own in it.
        seeds: each design runs in each of its simulators with each of them.
        jobs: runs at a time.
        matrix: names of designs, or paths of TOML files, and their simulators.
        progress: is told of each run that ends.
        elaborated: designs by name that are there already, as rewritten ones; the others are read and elaborated.

    Raises:
        SpecError: a design cannot be read.
    """
    ready = elaborated or {}
    specs = {name: load_spec(name) for name, _ in matrix if name not in ready}
    designs = {name: elaborate(spec, out_dir / f"{Path(name).stem}-rtl") for name, spec in specs.items()} | dict(ready)
    wanted = list(_wanted(matrix, seeds))
    covered: dict[str, frozenset[Bin]] = {design: frozenset() for design in designs}
    runs: dict[tuple[str, Simulator, int], Run] = {}
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(_run, out_dir, designs[one[0]], one[0] in ready, *one): one for one in wanted}
        for future in as_completed(futures):
            run, hit = future.result()
            runs[futures[future]] = run
            covered[run.design] |= hit
            progress(f"{run.design} in {run.simulator} with seed {run.seed}: {run.failure or 'passed'}")
    bins = {name: all_bins(design.spec) for name, design in designs.items()}
    found = Regression(
        tuple(runs[one] for one in wanted),
        {design: len(covered[design]) / len(bins[design]) for design in designs},
        {design: sorted(bins[design] - covered[design]) for design in designs},
    )
    (out_dir / "results.json").write_text(json.dumps(asdict(found), indent=1) + "\n")
    return found


def _wanted(
    matrix: Sequence[tuple[str, Sequence[Simulator]]], seeds: Sequence[int]
) -> Iterator[tuple[str, Simulator, int]]:
    for design, simulators in matrix:
        for simulator in simulators:
            for seed in seeds:
                yield design, simulator, seed


def _run(
    out_dir: Path, design: Design, given: bool, name: str, simulator: Simulator, seed: int
) -> tuple[Run, frozenset[Bin]]:
    folder = out_dir / f"{Path(name).stem}-{simulator}-{seed}"
    command = f"chiploop sim {name} --simulator {simulator} --seed {seed}"
    try:
        result = verify(design, folder, simulator, seed, timeout_s=1800)
    except ToolError as error:
        failure = str(error).partition("\n")[0]
        return Run(name, simulator, simulator, seed, False, failure, 0, 0, 0, 0.0, command), frozenset()
    run = Run(
        design=name,
        simulator=simulator,
        tool=result.tool,
        seed=seed,
        passed=result.passed,
        failure=result.failure,
        tests=len(result.tests),
        products=len(result.cycles),
        exact=sum(measured.cycles == measured.model for measured in result.cycles),
        coverage=len(result.covered) / len(result.covered | result.missed),
        command=result.command if given else command,
    )
    return run, result.covered
