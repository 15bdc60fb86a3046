"""Functional coverage: which of the situations that matter did the benches see?

A bin is a pair of a coverpoint and one of its values. The benches say ``hit``; what was hit is written to a file as it
is met, so that a crash loses nothing, and other runs add to the same file.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path

import numpy as np

from rtl import AcceleratorSpec
from rtl.commands import Fault
from rtl.memory_map import ErrorCode, MemoryMap, Space
from rtl.vector import Limit, Reduce, Source, Steps
from sim.cycle_model import cycle_breakdown, vectors
from sim.golden import ResultArray
from sim.plan import Plan, Turned
from sim.system_model import Memory
from sim.tiling import ways

Bin = tuple[str, str]
STIMULI = ("uniform", "extremes", "one value", "trained")
STATES = ("idle", "busy")
AXI_REFUSALS = ("narrow", "unaligned", "WRAP", "beyond the map")
AXI_CHANNELS = ("AW", "W", "B", "AR", "R")
RESETS = ("while checking", "while streaming", "while emptying")
ROUNDS = ("1", "2", "3+")
LATENCIES = ("at once", "near", "far")
ENUMERATED = {"multiply": Source, "add": Source, "limit": Limit, "reduce": Reduce}
CHOSEN = ("negate", "limit_by_second", "table", "narrow", "per_row")
INTERVALS = ("a word in each cycle", "in 2", "in 3+")


def all_bins(spec: AcceleratorSpec) -> frozenset[Bin]:
    """Every bin of an accelerator; impossible ones are left out."""
    if spec.edge == "dma":
        return _system_bins(spec)
    points: dict[str, Iterable[str]] = {
        "operands": (f"{a}, {w}" for a, w in product(STIMULI, STIMULI)),
        "streamed side": (f"{size}, {parity}" for size in ("below the period", "above") for parity in ("even", "odd")),
        "tiles along the rows": (f"{n} tiles, last {full}" for n in ("1", "2", "3+") for full in ("full", "partial")),
        "tiles along N": (f"{n} tiles, last {full}" for n in ("1", "2", "3+") for full in ("full", "partial")),
        "sum": ("anew", "onto results"),
        "activations at": ("the start", "the middle", "the end"),
        "weights at": ("the start", "the middle", "the end"),
        "results at": ("the start", "the middle", "the end"),
        "status": (code.name for code in ErrorCode),
        "reset": RESETS,
        "bus": (
            f"{kind} {space.name.lower()} while {state}"
            for kind, space, state in product(("read", "write"), Space, STATES)
        ),
        "bus waits for": (space.name.lower() for space in Space if space != Space.REGISTERS),
        "bus pauses": ("between requests",),
        "start while": STATES,
        "nothing is read at": ("a register", "a vector"),
    }
    if spec.edge == "axi4":
        del points["bus waits for"]  # nobody sees it behind the port
        lengths = ("1 beat", "2 to 16", "17 to 256")
        points["burst"] = (" ".join(x) for x in product(("read", "write"), ("INCR", "FIXED"), lengths))
        points["refused"] = (" ".join(x) for x in product(("read", "write"), AXI_REFUSALS))
        points["pauses of"] = AXI_CHANNELS
    signs = ["negative", "positive", "zero"]
    special = ["infinite", "NaN", "subnormal"] if spec.operands == "bfloat16" else ["beyond 16 bits"]
    points["results"] = signs + special
    bins = {(point, value) for point, values in points.items() for value in values}
    if min(spec.act_depth, spec.weight_depth, spec.result_depth) == 1 << MemoryMap.of(spec).vector_bits:
        bins.discard(("nothing is read at", "a vector"))
    return frozenset(bins)


def _system_bins(spec: AcceleratorSpec) -> frozenset[Bin]:
    """What its programs meet; its tiles have bins of their own, as accelerators at a bus."""
    points: dict[str, Iterable[str]] = {
        "operands": (f"{a}, {w}" for a, w in product(STIMULI, STIMULI)),
        "plan": (f"{order} first, {way} beside" for order, way in product("mn", ways(spec))),
        "tiles along": "mn" if spec.tiles > 1 else "n",
        "rounds along M": ROUNDS,
        "rounds along K": ROUNDS,
        "rounds along N": ROUNDS,
        "tiles at work": ("one", "some", "all") if spec.tiles > 2 else ("one", "all") if spec.tiles > 1 else ("all",),
        "memory": (f"{latency}, {interval}" for latency, interval in product(LATENCIES, INTERVALS)),
        "fault": (fault.name for fault in Fault),
        "reset": ("in a program",),
        "memory answers": ("in time", "at random"),
        "bus": (f"{kind} registers while {state}" for kind, state in product(("read", "write"), STATES)),
        "bus waits for": ("registers",),
    }
    if spec.transpose:
        points["turned"] = (f"activations {act}, weights {weight}" for act, weight in product((False, True), repeat=2))
    if spec.vector:
        points["reset"] = ("in a program", "in a pass")
        points |= {f"step {name}": (value.name for value in kind) for name, kind in ENUMERATED.items()}
        points |= {f"step {name}": ("True", "False") for name in CHOSEN}
        points["operands of a pass"] = "12"
        points["words of a pass"] = ("a part of a chunk", "one chunk", "some", "rows across chunks")
    return frozenset((point, value) for point, values in points.items() for value in values)


class Coverage:
    """The bins that were hit.

    Args:
        spec: the accelerator.
        path: file that each bin is added to when it is first hit, a line each.
    """

    def __init__(self, spec: AcceleratorSpec, path: Path) -> None:
        self._spec = spec
        self._path = path
        self._bins = all_bins(spec)
        self._seen: set[Bin] = set(read_bins(path))

    def hit(self, point: str, value: str) -> None:
        """A bin was hit; KeyError for one that does not exist."""
        if (point, value) not in self._bins:
            raise KeyError(f"there is no coverage bin {point}: {value}")
        if (point, value) not in self._seen:
            self._seen.add((point, value))
            with self._path.open("a") as sink:
                sink.write(f"{point}\t{value}\n")

    def product(self, m: int, k: int, n: int, bases: tuple[int, int, int], accumulate: bool) -> None:
        """A legal product ran with its operands and results at vectors ``bases``."""
        spec = self._spec
        split, stream = (m, k) if spec.output_stationary else (k, m)
        size = "below the period" if stream < 2 * spec.rows else "above"
        self.hit("streamed side", f"{size}, {'odd' if stream % 2 else 'even'}")
        for point, whole, step in (("tiles along the rows", split, spec.rows), ("tiles along N", n, spec.cols)):
            tiles = -(-whole // step)
            self.hit(point, f"{tiles if tiles < 3 else '3+'} tiles, last {'partial' if whole % step else 'full'}")
        self.hit("sum", "onto results" if accumulate else "anew")
        depths = (spec.act_depth, spec.weight_depth, spec.result_depth)
        for name, base, used, depth in zip(
            ("activations", "weights", "results"), bases, vectors(spec, m, k, n), depths, strict=True
        ):
            place = "the start" if base == 0 else "the end" if base + used == depth else "the middle"
            self.hit(f"{name} at", place)

    def results(self, values: ResultArray) -> None:
        """What results came out."""
        if self._spec.operands == "int8":
            found = {"beyond 16 bits": np.abs(values.astype(np.int64)) > 0x7FFF}
        else:
            tiny = np.finfo(np.float32).tiny
            found = {
                "infinite": np.isinf(values),
                "NaN": np.isnan(values),
                "subnormal": (values != 0) & (np.abs(values) < tiny),
            }
        found |= {"negative": values < 0, "positive": values > 0, "zero": values == 0}
        for name, where in found.items():
            if where.any():
                self.hit("results", name)

    def plan(self, spec: AcceleratorSpec, plan: Plan, memory: Memory | None, turned: Turned) -> None:
        """A product ran by a plan, with a memory that answers in time or when it likes, its operands turned or not."""
        if spec.transpose:
            self.hit("turned", f"activations {turned[0]}, weights {turned[1]}")
        self.hit("plan", f"{plan.order} first, {plan.beside} beside")
        self.hit("tiles along", plan.split)
        for side, whole, job in zip("mkn", plan.size, plan.job, strict=True):
            tiles = spec.tiles if side == plan.split else 1
            rounds = -(-whole // (tiles * job))
            self.hit(f"rounds along {side.upper()}", str(rounds) if rounds < 3 else "3+")
            if side == plan.split:
                last = -(-whole // job) - (rounds - 1) * tiles
                self.hit("tiles at work", "all" if last == tiles else "one" if last == 1 else "some")
        self.hit("memory answers", "in time" if memory else "at random")
        if memory:
            latency = LATENCIES[(memory.latency > 2) + (memory.latency > 20)]
            self.hit("memory", f"{latency}, {INTERVALS[min(memory.interval, 3) - 1]}")

    def steps(self, steps: Steps, rows: int, columns: int) -> None:
        """A pass of the vector unit ran."""
        for name in ENUMERATED:
            self.hit(f"step {name}", getattr(steps, name).name)
        for name in CHOSEN:
            self.hit(f"step {name}", str(getattr(steps, name)))
        self.hit("operands of a pass", str(1 + steps.two))
        words, chunk = -(-columns // self._spec.results_per_word), self._spec.dma_words
        if rows * words <= chunk:
            self.hit("words of a pass", "one chunk" if rows * words == chunk else "a part of a chunk")
        else:
            self.hit("words of a pass", "rows across chunks" if chunk % words else "some")

    def reset(self, m: int, k: int, n: int, after: int) -> None:
        """A reset came so many cycles after the start of a product."""
        cost = cycle_breakdown(self._spec, m, k, n)
        state = 0 if after < cost.control else 1 if after < cost.total - cost.drain else 2
        self.hit("reset", RESETS[state])


def read_bins(path: Path) -> frozenset[Bin]:
    """The bins in a file that ``Coverage`` wrote; none where there is no file."""
    if not path.exists():
        return frozenset()
    lines = (line.split("\t") for line in path.read_text().splitlines())
    return frozenset((point, value) for point, value in lines)
