"""The jobs that a workload's products are cut into, as tiles to be drawn from and simulated one by one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from eda_adapters.tool import ToolError
from rtl import AcceleratorSpec, Design
from sim.cycle_model import JOB_SETUP_CYCLES, bus_words, cycle_breakdown
from sim.saif import vcd_windows_to_saif
from sim.simulator import build
from sim.throughput import READ_LATENCY
from sim.tiling import OpThroughput
from sim.verification import run_bench
from sim.workload import LayerOp

TILES_BENCH = "sim.benches.tiles"


@dataclass(frozen=True, order=True)
class Tile:
    """A job of a product: what the array does, and what the bus moves for it.

    Attributes:
        m, k, n: its sizes.
        accumulate: its results are added to those of the job before.
        load_act, load_weight: whether the operand is loaded for it, or is there from the job before.
        read: whether its results are read.
    """

    m: int
    k: int
    n: int
    accumulate: bool
    load_act: bool
    load_weight: bool
    read: bool

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations."""
        return self.m * self.k * self.n

    def words(self, spec: AcceleratorSpec) -> int:
        """Words over the bus."""
        asked = (self.load_act, self.load_weight, self.read)
        return sum(count for count, moved in zip(bus_words(spec, self.m, self.k, self.n), asked, strict=True) if moved)

    def cycles(self, spec: AcceleratorSpec) -> int:
        """Cycles when bus and array take turns."""
        array = cycle_breakdown(spec, self.m, self.k, self.n, self.accumulate, fits=False).total
        return array + JOB_SETUP_CYCLES + self.words(spec) + READ_LATENCY * self.read


@dataclass(frozen=True)
class RecordedTile:
    """A tile that was simulated: its activity, and the cycles from its first transfer to its last."""

    tile: Tile
    saif: Path
    cycles: int


def tiles_of(by_op: Sequence[tuple[LayerOp, OpThroughput]]) -> Counter[Tile]:
    """How many tiles of each kind a workload has, in the tilings that were chosen for its products."""
    found: Counter[Tile] = Counter()
    for op, cost in by_op:
        for tile, count in _of_product(op, cost):
            found[tile] += count * op.count
    return found


def _of_product(op: LayerOp, cost: OpThroughput) -> Iterator[tuple[Tile, int]]:
    """The tiles of doing a product once: K innermost, so a sum stays, and an operand that all of K fits for."""
    pieces = [_pieces(whole, part) for whole, part in zip((op.m, op.k, op.n), cost.job, strict=True)]
    m_pieces, k_pieces, n_pieces = pieces
    outer, inner = (m_pieces, n_pieces) if cost.order == "n" else (n_pieces, m_pieces)
    whole_k = len(k_pieces) == 1
    counted: Counter[Tile] = Counter()
    for o, outer_size in enumerate(outer):
        for i, inner_size in enumerate(inner):
            m, n = (outer_size, inner_size) if cost.order == "n" else (inner_size, outer_size)
            new_outer = not whole_k or i == 0
            new_inner = not whole_k or len(inner) > 1 or o == 0
            act, weight = (new_outer, new_inner) if cost.order == "n" else (new_inner, new_outer)
            for j, k in enumerate(k_pieces):
                counted[Tile(m, k, n, j > 0, act, weight, j == len(k_pieces) - 1)] += 1
    yield from counted.items()


def _pieces(whole: int, part: int) -> list[int]:
    full, rest = divmod(whole, part)
    return [part] * full + [rest] * bool(rest)


def draw_tiles(spec: AcceleratorSpec, tiles: Mapping[Tile, int], count: int, seed: int) -> list[Tile]:
    """Draw tiles, each with a probability proportional to its cycles, at equal steps from a random start.

    They stand in the order of how busy they keep the array, so that every kind with enough cycles is among those drawn
    (systematic sampling). Errors worked out as if each were drawn by itself are too large rather than too small.
    """
    kinds = sorted(tiles, key=lambda kind: (kind.macs / kind.cycles(spec), kind))
    upto = np.cumsum([tiles[kind] * kind.cycles(spec) for kind in kinds], dtype=np.float64)
    places = (np.random.default_rng(seed).random() + np.arange(count)) / count * upto[-1]
    return [kinds[index] for index in np.searchsorted(upto, places, side="right")]


def record_tiles(
    design: Design, tiles: Sequence[Tile], out: Path, seed: int, timeout_s: float = 3600.0
) -> list[RecordedTile]:
    """Simulate tiles in Icarus, one after another, each with random operands of its own; SAIF files go into ``out``.

    Operands are as a trained network's (normal). A tile's activity is that from its first load, or its start, to its
    last result read, or its end.

    Raises:
        ToolError: the simulator is missing, fails, or a tile's results are wrong.
    """
    out.mkdir(parents=True, exist_ok=True)
    simulation = build(design, out, "icarus", "activity", timeout_s)
    asked = {"tiles": [asdict(tile) for tile in tiles]}
    tests, _, command = run_bench(simulation, TILES_BENCH, design, seed, (), timeout_s, trace=True, more=asked)
    failed = next((test for test in tests if not test.passed), None)
    if failed is not None:
        raise ToolError(f"{failed.name} failed with seed {seed}: {failed.message}; again: {command}")
    windows = json.loads((simulation.folder / "windows.json").read_text())
    files = [out / f"tile-{i}.saif" for i in range(len(tiles))]
    vcd_windows_to_saif(
        simulation.trace, [(start, end, saif) for (start, end, _), saif in zip(windows, files, strict=True)]
    )
    simulation.trace.unlink()
    return [RecordedTile(tile, saif, cycles) for tile, saif, (_, _, cycles) in zip(tiles, files, windows, strict=True)]
