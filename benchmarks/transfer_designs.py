"""Netlists to learn on and to hold out, for ``benchmarks.transfer``; the EDA tools make those of ours under ``runs/``.

Held out are a published design and accelerators that differ from those learnt on in their banks, arrays and edges;
nothing of the published designs is learnt on.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.results import shared_data
from placer.formats.plc import load_design
from placer.netlist import Netlist, Placement
from placer.pretrain import varied
from placer.synthetic import synthetic
from rtl import AcceleratorSpec

ROOT = Path(__file__).resolve().parents[1]

FOLDER = ROOT / "runs" / "bench-transfer"

REAL = "mempool_tile_ng45"

HELD_OUT = {
    name: AcceleratorSpec.from_toml(ROOT / "rtl" / "designs" / f"{name}.toml") for name in ("tiny", "default", "8x8")
} | {"vector": AcceleratorSpec(act_banks=2, weight_banks=2, edge="dma", vector=True, transpose=True)}

LEARNT = {
    "a2w2": AcceleratorSpec(act_banks=2, weight_banks=2, words_per_bank=128),
    "a8w4": AcceleratorSpec(act_banks=8, weight_banks=4, words_per_bank=512),
    "a4w2r16": AcceleratorSpec(act_banks=4, weight_banks=2, result_banks=16),
    "a2w8": AcceleratorSpec(act_banks=2, weight_banks=8, words_per_bank=1024),
    "a1w2r16": AcceleratorSpec(act_banks=1, weight_banks=2, result_banks=16, words_per_bank=64),
    "stationary": AcceleratorSpec(act_banks=2, words_per_bank=512, dataflow="output_stationary"),
    "axi": AcceleratorSpec(act_banks=2, weight_banks=2, edge="axi4"),
    "tall": AcceleratorSpec(rows=8, weight_banks=1),
    "wide": AcceleratorSpec(cols=8, act_banks=2, weight_banks=2, result_banks=16, words_per_bank=128),
    "dma": AcceleratorSpec(act_banks=2, weight_banks=2, edge="dma"),
    "a2w4": AcceleratorSpec(act_banks=2, words_per_bank=128),
    "a8w8": AcceleratorSpec(act_banks=8, weight_banks=8),
    "a4w1": AcceleratorSpec(weight_banks=1, words_per_bank=512),
    "a4w8": AcceleratorSpec(weight_banks=8, words_per_bank=64),
    "wide_stationary": AcceleratorSpec(
        cols=8, act_banks=2, weight_banks=2, result_banks=16, dataflow="output_stationary"
    ),
    "float_2x2": AcceleratorSpec(
        rows=2, cols=2, act_banks=1, weight_banks=1, result_banks=4, words_per_bank=128, operands="bfloat16"
    ),
    "float_4x2": AcceleratorSpec(
        cols=2, act_banks=2, weight_banks=2, result_banks=4, words_per_bank=64, operands="bfloat16"
    ),
    "float_2x4": AcceleratorSpec(
        rows=2, act_banks=1, weight_banks=2, result_banks=8, words_per_bank=64, operands="bfloat16"
    ),
}

DRAWN = (
    AcceleratorSpec(
        rows=2, act_banks=8, weight_banks=8, words_per_bank=128, dataflow="output_stationary", operands="bfloat16"
    ),
    AcceleratorSpec(rows=8, act_banks=8, weight_banks=8, words_per_bank=1024),
    AcceleratorSpec(weight_banks=1, result_banks=16, words_per_bank=512),
    AcceleratorSpec(rows=8, act_banks=2, words_per_bank=1024),
    AcceleratorSpec(rows=2, act_banks=1, operands="bfloat16"),
    AcceleratorSpec(rows=8, weight_banks=1, result_banks=16, words_per_bank=512, dataflow="output_stationary"),
    AcceleratorSpec(rows=8, act_banks=2, weight_banks=1, words_per_bank=512, dataflow="output_stationary", edge="dma"),
    AcceleratorSpec(act_banks=1, words_per_bank=512, edge="axi4"),
    AcceleratorSpec(act_banks=1, weight_banks=8, words_per_bank=64, dataflow="output_stationary", edge="axi4"),
    AcceleratorSpec(act_banks=1, weight_banks=2, result_banks=16, words_per_bank=1024, dataflow="output_stationary"),
    AcceleratorSpec(cols=2, act_banks=8, weight_banks=2, result_banks=4, words_per_bank=512, operands="bfloat16"),
    AcceleratorSpec(act_banks=8, words_per_bank=1024),
    AcceleratorSpec(rows=8, act_banks=8, weight_banks=1, words_per_bank=512, dataflow="output_stationary", edge="dma"),
    AcceleratorSpec(
        rows=2, act_banks=8, weight_banks=2, words_per_bank=128, dataflow="output_stationary", operands="bfloat16"
    ),
    AcceleratorSpec(act_banks=8, weight_banks=1, dataflow="output_stationary"),
    AcceleratorSpec(act_banks=1, weight_banks=1, result_banks=16, words_per_bank=64, dataflow="output_stationary"),
    AcceleratorSpec(act_banks=1, words_per_bank=64, dataflow="output_stationary", edge="dma"),
    AcceleratorSpec(rows=8, result_banks=16, words_per_bank=128, dataflow="output_stationary", edge="dma", vector=True),
    AcceleratorSpec(rows=2, act_banks=8, words_per_bank=512, operands="bfloat16"),
    AcceleratorSpec(act_banks=1, weight_banks=2, words_per_bank=64, edge="axi4"),
    AcceleratorSpec(
        rows=2,
        act_banks=1,
        weight_banks=2,
        result_banks=16,
        words_per_bank=128,
        dataflow="output_stationary",
        operands="bfloat16",
    ),
    AcceleratorSpec(rows=8, act_banks=2, edge="dma"),
    AcceleratorSpec(rows=8, act_banks=2, weight_banks=2, words_per_bank=128, dataflow="output_stationary", edge="axi4"),
    AcceleratorSpec(rows=8, weight_banks=1, words_per_bank=128),
)
"""More to learn on, drawn at random from what specs allow, but for the shapes of ``HELD_OUT``'s arrays and banks."""

LEARNT |= {f"drawn_{number}": spec for number, spec in enumerate(DRAWN)}

VALIDATION = {
    "small_axi": AcceleratorSpec(act_banks=1, weight_banks=1, edge="axi4"),
    "stationary_16": AcceleratorSpec(words_per_bank=128, dataflow="output_stationary"),
    "small_stationary": AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=64, dataflow="output_stationary"),
    "a1w2": AcceleratorSpec(act_banks=1, weight_banks=2, words_per_bank=64),
    "vector_a4": AcceleratorSpec(weight_banks=2, edge="dma", vector=True, words_per_bank=128),
    "dma_a1": AcceleratorSpec(act_banks=1, weight_banks=1, edge="dma", words_per_bank=64),
    "a4w4r16": AcceleratorSpec(result_banks=16, words_per_bank=128),
}
"""Neither learnt on nor held out: what decides how policies are pre-trained."""

SYNTHETIC = (*((16, seed) for seed in range(4)), (8, 0), (10, 0), (12, 0))
"""Hard macros and seed of each."""

VARIANTS = 4
"""Of each netlist learnt on; none of them is the netlist itself."""

GRIDS = (10, 12, 14, 16)
"""Columns and rows of the cost's grid that variants get: about what our accelerators have, few so as to share code."""


def accelerator(name: str, spec: AcceleratorSpec) -> tuple[Netlist, Placement]:
    """The clustered netlist of an accelerator, made by the flow unless it is there already."""
    from loop import stages
    from loop.config import LoopConfig

    folder = FOLDER / name
    synth, planned = folder / "synth", folder / "floorplan"
    if not (planned / stages.INITIAL).exists():
        config = LoopConfig()
        synth.mkdir(parents=True, exist_ok=True)
        planned.mkdir(exist_ok=True)
        stages.synthesise(synth, spec, config.pdk)
        stages.floorplan(planned, spec, synth, config)
    return load_design(planned / stages.NETLIST, planned / stages.INITIAL)


def held_out(name: str) -> tuple[Netlist, Placement]:
    """A netlist that the policy did not see in pre-training."""
    if name != REAL:
        return accelerator(name, HELD_OUT[name])
    folder = shared_data() / "benchmarks" / REAL
    return load_design(folder / "netlist.pb.txt.gz", folder / "initial.plc")


def learnt(seed: int) -> list[tuple[Netlist, Placement]]:
    """What a policy is pre-trained on: ``VARIANTS`` of each of accelerators and synthetic netlists, one after another.

    Equal seeds, equal variants.
    """
    designs = [accelerator(name, spec) for name, spec in LEARNT.items()] + [synthetic(*which) for which in SYNTHETIC]
    first = seed * VARIANTS * len(designs)
    return [
        varied(*design, first + kind * VARIANTS + number, GRIDS)
        for kind, design in enumerate(designs)
        for number in range(VARIANTS)
    ]
