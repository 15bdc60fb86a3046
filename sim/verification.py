"""Run the cocotb benches on an elaborated design, in a simulator, each step under a time limit."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from eda_adapters.tool import ToolError, run_tool
from rtl import AcceleratorSpec, Design
from sim.coverage import Bin, all_bins, read_bins
from sim.cycle_model import bus_words, cycles, product_fits, vectors
from sim.program import can_train
from sim.saif import saif_duration, vcd_to_saif
from sim.simulator import Simulation, Simulator, build

Product = tuple[int, int, int]
GEMM_BENCH = "sim.benches.gemm"
AXI_BENCH = "sim.benches.axi"
ACTIVITY_BENCH = "sim.benches.activity"
SYSTEM_BENCH = "sim.benches.system"
SYSTEM_ACTIVITY_BENCH = "sim.benches.system_activity"
VECTOR_BENCH = "sim.benches.vector"
TRAINING_BENCH = "sim.benches.training"
SYSTEM_PRODUCTS = 18
CLOCK_NS = 2.0


@dataclass(frozen=True)
class BenchTest:
    """One cocotb test: its name, whether it passed, its wall-clock seconds, and what went wrong (empty if nothing)."""

    name: str
    passed: bool
    seconds: float
    message: str


@dataclass(frozen=True)
class Measured:
    """The cycles of one product that ran in the simulator: counted by the RTL, and said by the cycle model.

    With a DMA engine they are those of the whole program, with a memory of that latency and interval, and ``turned`` of
    its operands loaded as transposes; or those of a pass of the ``vector`` unit over M rows of N elements, K being 1
    where each has a second operand.
    """

    m: int
    k: int
    n: int
    cycles: int
    model: int
    latency: int = 0
    interval: int = 0
    turned: int = 0
    vector: bool = False


@dataclass(frozen=True)
class Activity:
    """Switching activity of the RTL over whole clock cycles.

    Attributes:
        saif: the SAIF file; its times are those of the simulation.
        cycles: clock cycles that it covers.
        clock_ns: the simulation's clock period, in ns.
        products: what ran meanwhile; the array is busy in the sum of their cycles.
    """

    saif: Path
    cycles: int
    clock_ns: float
    products: tuple[Measured, ...]


@dataclass(frozen=True)
class VerifyResult:
    """What the benches found.

    Attributes:
        passed: every test passed.
        tests: each test.
        cycles: each product that was run and its cycles.
        activity: where it was asked for.
        tool: the simulator and its version.
        seed: of all random choices.
        command: the shell command that runs the benches again, on what was built.
        covered: the coverage bins that were hit.
        missed: those that were not.
    """

    passed: bool
    tests: tuple[BenchTest, ...]
    cycles: tuple[Measured, ...]
    activity: Activity | None
    tool: str
    seed: int
    command: str
    covered: frozenset[Bin] = frozenset()
    missed: frozenset[Bin] = frozenset()

    @property
    def failure(self) -> str:
        """One line: the first test that failed, why, the seed and the command; empty if all passed."""
        for test in self.tests:
            if not test.passed:
                return f"{test.name} failed with seed {self.seed}: {test.message}; again: {self.command}"
        return ""


class UnknownTestError(ValueError):
    """A test that no bench of the design has; the message names those that there are."""

    exit_code = 2


def tests_of(bench: str) -> list[str]:
    """The names of the tests in a bench module, which is not imported: that is for a simulator."""
    text = (Path(__file__).parents[1] / bench.replace(".", "/")).with_suffix(".py").read_text()
    return re.findall(r"^@cocotb\.test\(.*\)\nasync def (\w+)", text, re.MULTILINE)


def random_products(spec: AcceleratorSpec, seed: int, count: int, cycle_limit: int = 1500) -> tuple[Product, ...]:
    """Random products (M, K, N) that fit the scratchpads and take at most ``cycle_limit`` cycles.

    Sizes go up to five tiles (of the side that streams: 64), uniformly or with an emphasis on small ones, so that tiles
    are mostly not full.
    """
    rng = np.random.default_rng(seed)
    products: list[Product] = []
    while len(products) < count:
        power = float(rng.choice([1.0, 3.0]))
        stream, split, n = (1 + int(top * rng.random() ** power) for top in (64, 5 * spec.rows, 5 * spec.cols))
        m, k = (split, stream) if spec.output_stationary else (stream, split)
        if product_fits(spec, m, k, n) and cycles(spec, m, k, n) <= cycle_limit:
            products.append((m, k, n))
    return tuple(products)


def system_products(spec: AcceleratorSpec, seed: int, count: int, word_limit: int = 800) -> tuple[Product, ...]:
    """Random products (M, K, N) for an accelerator with a DMA engine, that move at most ``word_limit`` words.

    Sizes go up to four arrays' rows along K, and three for each array along M and N.
    """
    rng = np.random.default_rng(seed)
    products: list[Product] = []
    sides = (3 * spec.tiles * spec.rows, 4 * spec.rows, 3 * spec.tiles * spec.cols)
    while len(products) < count:
        m, k, n = (1 + int(top * rng.random() ** float(rng.choice([1.0, 2.0]))) for top in sides)
        if sum(bus_words(spec, m, k, n)) <= word_limit:
            products.append((m, k, n))
    return tuple(products)


def corner_products(spec: AcceleratorSpec) -> tuple[Product, ...]:
    """Products at the corners of a tile, as far as they fit: an element, a full tile, a little less and more.

    The side that streams is around 2 rows, where the time for weights (or results) becomes longer than that for
    activations, and even and odd.
    """
    corners = (
        (1, 1, 1),
        (2 * spec.rows, spec.rows, spec.cols),
        (2 * spec.rows - 1, spec.rows + 1, spec.cols - 1),
        (2 * spec.rows + 1, 2 * spec.rows - 1, spec.cols + 1),
        (2, 3 * spec.rows, 2 * spec.cols),
        (1, 2 * spec.rows, 3 * spec.cols),
    )
    turned = ((k, m, n) if spec.output_stationary else (m, k, n) for m, k, n in corners)
    return tuple(corner for corner in turned if product_fits(spec, *corner))


def activity_product(spec: AcceleratorSpec) -> Product:
    """The product whose activity is recorded: up to 4 x 4 full tiles without stalls, twice in the scratchpads."""
    stream = max(16, 2 * spec.rows)
    for tiles in (4, 3, 2, 1):
        split = tiles * spec.rows
        m, k = (split, stream) if spec.output_stationary else (stream, split)
        act, weight, result = vectors(spec, m, k, tiles * spec.cols)
        if 2 * act <= spec.act_depth and 2 * weight <= spec.weight_depth and 2 * result <= spec.result_depth:
            return m, k, tiles * spec.cols
    shallowest = min(stream, spec.act_depth // 2, spec.weight_depth // 2, spec.result_depth // 2 & ~1)
    return (spec.rows, shallowest, spec.cols) if spec.output_stationary else (shallowest, spec.rows, spec.cols)


def verify(
    design: Design,
    out_dir: str | Path,
    simulator: Simulator = "icarus",
    seed: int = 1,
    products: Sequence[Product] | None = None,
    saif: str | Path | None = None,
    only: str | None = None,
    timeout_s: float = 600.0,
    waves: bool = False,
) -> VerifyResult:
    """Check a design bit-exactly against numpy, and its cycles against the cycle model, with cocotb.

    Args:
        design: the elaborated accelerator.
        out_dir: folder for the simulator's files and logs; it is made.
        simulator: ``icarus`` (starts at once) or ``verilator`` (compiles for a minute, then is much faster).
        seed: of all random choices; the same seed gives the same stimuli.
        products: (M, K, N) of the products of the bench ``random_products``; None: those at the corners of a tile
            and ten random ones of the seed; with a DMA engine, random ones.
        saif: file to write the activity of a representative run to, in SAIF 2.0; None: not recorded.
        only: run this test alone, as ``random_products``, or of a further bench as ``vector.random_passes``,
            or all of that, as ``vector.``; None: all.
        timeout_s: limit of each step (build, bench, activity) in seconds.
        waves: record the waveforms of each bench, as ``BENCH.vcd`` in ``out_dir``.

    Raises:
        UnknownTestError: there is no test ``only``.
        ToolError: the simulator is missing, crashes, runs past the limit, or ends without results.
    """
    out = Path(out_dir).resolve()
    out.mkdir(parents=True, exist_ok=True)
    for stale in out.glob("*.vcd") if waves else ():
        stale.unlink()
    spec, system = design.spec, design.spec.edge == "dma"
    if system:
        chosen = tuple(products or system_products(spec, seed, SYSTEM_PRODUCTS))
    else:
        chosen = tuple(products or (*corner_products(spec), *random_products(spec, seed, 10)))
    module, _, only = only.rpartition(".") if only else (None, "", None)
    benches = [SYSTEM_BENCH if system else GEMM_BENCH]
    benches += [AXI_BENCH] * (spec.edge == "axi4") + [VECTOR_BENCH] * spec.vector
    benches += [TRAINING_BENCH] * can_train(spec)
    if only is not None:
        chosen_benches = [bench for bench in benches if bench.endswith(f".{module}")] if module else benches[:1]
        if only not in ("", *(name for bench in chosen_benches for name in tests_of(bench))) or not chosen_benches:
            every = [f"{bench.rpartition('.')[2]}.{name}" for bench in benches for name in tests_of(bench)]
            raise UnknownTestError(f"this design has no such test; choose one of {', '.join(every)}")
        benches, only = chosen_benches, only or None
    simulation = build(design, out, simulator, "waves" if waves else "activity" if saif else None, timeout_s)
    _coverage(simulation).unlink(missing_ok=True)
    tests: tuple[BenchTest, ...] = ()
    measured: tuple[Measured, ...] = ()
    command = ""
    for bench in benches:
        more, ran, again = run_bench(simulation, bench, design, seed, chosen, timeout_s, waves, only)
        if waves and simulation.trace.exists():
            simulation.trace.replace(out / f"{bench.rsplit('.', 1)[1]}.vcd")
        command = again if all(test.passed for test in tests) else command
        tests, measured = tests + more, measured + ran
    activity = None
    if saif is not None:
        simulation = build(design, out, simulator, "activity", timeout_s) if waves else simulation
        more, activity = _record(simulation, design, seed, Path(saif), timeout_s)
        tests += more
    passed = all(test.passed for test in tests)
    covered = read_bins(_coverage(simulation))
    missed = all_bins(design.spec) - covered
    return VerifyResult(passed, tests, measured, activity, simulation.tool, seed, command, covered, missed)


def run_bench(
    simulation: Simulation,
    module: str,
    design: Design,
    seed: int,
    products: Sequence[Product],
    timeout_s: float,
    trace: bool = False,
    only: str | None = None,
    more: Mapping[str, object] | None = None,
) -> tuple[tuple[BenchTest, ...], tuple[Measured, ...], str]:
    """Run one bench module on what was built.

    Args:
        simulation: the built design.
        module: full name of the bench module.
        design: the elaborated accelerator.
        seed: of all random choices.
        products: (M, K, N) of the products that the bench is told of.
        timeout_s: limit in seconds.
        trace: record what the simulation was built to record.
        only: run this test alone; None: all.
        more: what else this bench wants to know, as JSON.

    Returns:
        Its tests, its products, and the shell command that runs it again.

    Raises:
        ToolError: the simulator fails without leaving results.
    """
    name = module.rsplit(".", 1)[1]
    folder = simulation.folder
    config, results, measured = (folder / f"{name}.{kind}" for kind in ("config.json", "results.xml", "measured.jsonl"))
    for stale in (results, measured):
        stale.unlink(missing_ok=True)
    asked = {
        "spec": asdict(design.spec),
        "seed": seed,
        "products": products,
        "measured": str(measured),
        "coverage": str(_coverage(simulation)),
        "latency": design.latency,
    }
    config.write_text(json.dumps(asked | dict(more or {})))
    env = simulation.environment(design.top, module, seed, results) | {"CHIPLOOP_BENCH": str(config)}
    if design.spec.edge == "axi4":  # its manager drives at the clock's edge: after what is read there
        env["COCOTB_TRUST_INERTIAL_WRITES"] = "0"
    if only is not None:
        env["COCOTB_TEST_FILTER"] = rf"\.{only}$"
    argv = simulation.command(trace)
    command = " ".join([f"cd {folder} &&", *(f"{key}='{value}'" for key, value in env.items()), *map(str, argv)])
    try:
        run = run_tool(argv, cwd=folder, log=folder / f"{name}.log", timeout_s=timeout_s, env=env)
    except ToolError:
        if not results.exists():
            raise
        return _tests(results), _measured(measured), command
    try:
        tests = _tests(results)
    except (OSError, ElementTree.ParseError):
        raise run.garbage("left no test results") from None
    if not tests:
        raise run.garbage("ran no test")
    return tests, _measured(measured), command


def _record(
    simulation: Simulation, design: Design, seed: int, saif: Path, timeout_s: float
) -> tuple[tuple[BenchTest, ...], Activity | None]:
    """Run the bench whose activity is recorded, and write it to ``saif``."""
    products = (activity_product(design.spec),)
    bench = SYSTEM_ACTIVITY_BENCH if design.spec.edge == "dma" else ACTIVITY_BENCH
    tests, measured, _ = run_bench(simulation, bench, design, seed, products, timeout_s, trace=True)
    if not all(test.passed for test in tests):
        return tests, None
    saif.parent.mkdir(parents=True, exist_ok=True)
    partial = saif.with_name(saif.name + ".partial")
    if simulation.trace.suffix == ".vcd":
        vcd_to_saif(simulation.trace, partial)
        simulation.trace.unlink()
    else:
        simulation.trace.rename(partial)
    os.replace(partial, saif)
    return tests, Activity(saif, round(saif_duration(saif) / CLOCK_NS), CLOCK_NS, measured)


def _coverage(simulation: Simulation) -> Path:
    return simulation.folder / "coverage.tsv"


def _tests(results: Path) -> tuple[BenchTest, ...]:
    tests = []
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        problem = case.find("failure")
        problem = case.find("error") if problem is None else problem
        name = f"{case.get('classname')}.{case.get('name')}"
        message = "" if problem is None else problem.get("message") or problem.text or "it does not say why"
        first_line = message.strip().partition("\n")[0]
        tests.append(BenchTest(name, problem is None, float(case.get("time", 0)), first_line))
    return tuple(tests)


def _measured(path: Path) -> tuple[Measured, ...]:
    if not path.exists():
        return ()
    return tuple(Measured(**json.loads(line)) for line in path.read_text().splitlines())
