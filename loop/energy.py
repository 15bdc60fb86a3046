"""The energy of a workload from the activity of sampled tiles, on a design that ``chiploop flow`` implemented."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from eda_adapters.power_model import PowerModel
from eda_adapters.repeaters import read_repeaters, repeated
from eda_adapters.spef import read_net_capacitance
from loop.errors import LoopError
from loop.stages import mapped_design
from loop.store import read_record, write_atomically
from rtl import AcceleratorSpec, elaborate
from sim.performance import Performance
from sim.sampling import Coefficients, regress_costs
from sim.tiles import RecordedTile, draw_tiles, record_tiles, tiles_of
from sim.verification import CLOCK_NS

FEWEST_TILES = 6


def sampled_energy(found: Performance, flow: Path, count: int, seed: int, out: Path) -> Coefficients:
    """What a cycle, a multiply-accumulate and a word over the bus cost in J, from ``count`` tiles drawn at random.

    Each is simulated with operands of its own; its switching activity gives its power on the implemented design at the
    workload's clock. ``energy.json`` in ``out`` has each tile and what was found.

    Args:
        found: the workload on its design.
        flow: folder of a ``chiploop flow`` of that design, with the embedded tools.
        count: tiles to draw.
        seed: of the draw and of the operands.
        out: folder for all files; it is made.

    Raises:
        LoopError: too few tiles, a design behind a DMA engine, or a folder without the flow of this design.
        ToolError: the simulator is missing, fails, or a tile's results are wrong.
    """
    if count < FEWEST_TILES:
        raise LoopError(f"{count} tiles are too few to tell how far they scatter: draw {FEWEST_TILES} or more")
    if found.spec.edge == "dma":
        raise LoopError(
            "tiles behind a DMA engine are not sampled: give --power-mw, or a design with edge = bus or axi4"
        )
    model = flow_power_model(flow, found.spec)
    tiles = draw_tiles(found.spec, tiles_of([(one.op, one.cost) for one in found.layers]), count, seed)
    recorded = record_tiles(elaborate(found.spec, out / "rtl"), tiles, out, seed)
    joules = tile_joules(model, recorded, found.clock_hz)
    counts = np.array([tile_counts(one, found.spec) for one in recorded], np.float64)
    energy = regress_costs(joules, counts)
    names = ("cycle", "multiply-accumulate", "word")
    record: dict[str, Any] = {
        "workload": found.workload.name,
        "seed": seed,
        "joules_of_a": dict(zip(names, energy.values.tolist(), strict=True)),
        "tiles": [
            asdict(one.tile) | {"cycles": one.cycles, "joules": value}
            for one, value in zip(recorded, joules.tolist(), strict=True)
        ],
    }
    write_atomically(out / "energy.json", json.dumps(record, indent=1) + "\n")
    return energy


def tile_counts(one: RecordedTile, spec: AcceleratorSpec) -> tuple[int, int, int]:
    """Cycles, multiply-accumulates and words over the bus of a tile."""
    return one.cycles, one.tile.macs, one.tile.words(spec)


def tile_joules(model: PowerModel, recorded: Sequence[RecordedTile], clock_hz: float) -> np.ndarray:
    """The energy [S] of each tile in J at a clock frequency in Hz."""
    return np.array(
        [model.power(one.saif, CLOCK_NS, 1e9 / clock_hz)[0].total * one.cycles / clock_hz for one in recorded]
    )


def flow_power_model(flow: Path, spec: AcceleratorSpec) -> PowerModel:
    """The power model of what a flow implemented; LoopError if the folder has no embedded flow of this design."""
    stages = {stage.parent.name: stage for stage in sorted(flow.glob("gen-000/*/stage.json"))}
    if "synth" not in stages or "implement" not in stages:
        raise LoopError(
            f"{flow}: not the folder of a flow that is done; make one with `chiploop flow DESIGN --out {flow}`"
        )
    inputs = read_record(stages["synth"])["inputs"]
    if inputs["spec"] != asdict(spec):
        raise LoopError(f"{flow}: the flow of another design; make one with `chiploop flow DESIGN`")
    job = read_record(stages["implement"])["result"]["jobs"][0]
    folder = stages["implement"].parent / f"{job['method']}-{job['seed']}"
    if not (folder / "wires.spef").exists():
        raise LoopError(f"{flow}: the flow was not done with the embedded tools; make one with `--tool embedded`")
    mapped, library = mapped_design(spec, stages["synth"].parent, inputs["pdk"])
    gates = repeated(mapped.gates, read_repeaters(folder / "repeaters.json"), mapped.pdk)
    wires = read_net_capacitance(folder / "wires.spef", gates, mapped.pdk.load)
    return PowerModel.of(gates, library, mapped.pdk, wires, job["metrics"]["finish__design__core__area"])
