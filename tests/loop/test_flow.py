"""Energy from sampled tiles, against all tiles of a small workload measured."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from eda_adapters.liberty import read_liberty
from eda_adapters.pdk import load_pdk
from eda_adapters.power_model import PowerModel
from eda_adapters.synthesis import synthesize
from loop.energy import flow_power_model, sampled_energy, tile_counts, tile_joules
from loop.errors import LoopError
from rtl import AcceleratorSpec, elaborate
from sim.performance import performance
from sim.sampling import regress_costs
from sim.tiles import draw_tiles, record_tiles, tiles_of
from sim.workload import LayerOp, Workload

SPEC = AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=64)
SMALL = Workload("small", (LayerOp("a", 32, 9, 10, 1), LayerOp("b", 20, 28, 12, 1), LayerOp("c", 5, 38, 30, 1)), {}, {})
CLOCK_HZ = 5e8


@pytest.mark.eda
def test_the_interval_of_a_sample_covers_the_whole(tmp_path: Path) -> None:
    """All eleven tiles are measured; of samples of seven, nearly all have an interval that holds the true sum."""
    pdk = load_pdk("nangate45")
    design = elaborate(SPEC, tmp_path / "rtl")
    mapped = synthesize(design, pdk, tmp_path / "synth", 2.0)
    library = read_liberty(*pdk.corner.liberty, *(sram.lib for sram in mapped.srams))
    wires = np.full(len(mapped.gates.net_names), 2.0)  # fF
    model = PowerModel.of(mapped.gates, library, pdk, wires, 2e4)

    found = performance(SPEC, SMALL, CLOCK_HZ)
    kinds = tiles_of([(one.op, one.cost) for one in found.layers])
    tiles = list(kinds.elements())
    assert len(tiles) == 11
    recorded = record_tiles(design, tiles, tmp_path / "tiles", 1)
    assert all(0 <= one.cycles - one.tile.cycles(SPEC) <= 6 for one in recorded)
    joules = tile_joules(model, recorded, CLOCK_HZ)
    counts = np.array([tile_counts(one, SPEC) for one in recorded], float)
    assert 1e-3 < joules.sum() / (counts[:, 0].sum() / CLOCK_HZ) < 0.2  # W

    rng = np.random.default_rng(1)
    covered, widths = [], []
    for seed in range(200):
        drawn = draw_tiles(SPEC, kinds, 7, seed)
        pick = [int(rng.choice([i for i, tile in enumerate(tiles) if tile == one])) for one in drawn]
        whole = regress_costs(joules[pick], counts[pick]).of(counts.sum(axis=0).tolist())
        covered.append(whole.low <= joules.sum() <= whole.high)
        widths.append((whole.high - whole.low) / 2 / joules.sum())
    assert np.mean(covered) >= 0.9
    assert np.median(widths) < 0.1

    total = found.with_energy(regress_costs(joules, counts)).total()
    assert total["joules"] == pytest.approx(joules.sum(), rel=0.03)  # waiting for irq is not in the model's cycles
    assert total["joules_low"] < total["joules"] < total["joules_high"]


@pytest.mark.parametrize(
    ("spec", "count", "said"),
    [
        (SPEC, 3, "3 tiles are too few"),
        (AcceleratorSpec(edge="dma"), 8, "tiles behind a DMA engine are not sampled"),
        (SPEC, 8, "not the folder of a flow that is done"),
    ],
)
def test_what_cannot_be_sampled_says_why(spec: AcceleratorSpec, count: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(LoopError, match=said) as error:
        sampled_energy(performance(spec, SMALL, CLOCK_HZ), tmp_path / "none", count, 1, tmp_path / "out")
    assert "\n" not in str(error.value)


def test_the_folder_of_another_flow_says_why(tmp_path: Path) -> None:
    inputs = {"spec": asdict(AcceleratorSpec()), "pdk": "nangate45"}
    jobs = {"jobs": [{"method": "sa", "seed": 1}]}
    for name, given, result in (("synth", inputs, {}), ("implement", {}, jobs)):
        folder = tmp_path / "gen-000" / name
        folder.mkdir(parents=True)
        (folder / "stage.json").write_text(json.dumps({"key": name, "inputs": given, "result": result}))
    with pytest.raises(LoopError, match="the flow of another design"):
        flow_power_model(tmp_path, SPEC)
    with pytest.raises(LoopError, match="--tool embedded"):
        flow_power_model(tmp_path, AcceleratorSpec())
