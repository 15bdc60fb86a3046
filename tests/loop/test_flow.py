"""A flow from RTL to power, and what is taken from its folder: stages that agree, the energy of sampled tiles."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loop import energy, stages
from loop.config import LoopConfig
from loop.energy import flow_power_model, tile_counts, tile_joules
from loop.flow import run_flow
from loop.performing import write_performance
from placer.baselines.random_legal import random_legal
from placer.legality import violations
from placer.netlist import NodeKind
from rtl import AcceleratorSpec, elaborate
from sim.performance import performance
from sim.sampling import regress_costs
from sim.tiles import RecordedTile, draw_tiles, record_tiles, tiles_of
from sim.verification import CLOCK_NS
from sim.workload import LayerOp, Workload
from tests.loop.test_engine import Silent

SPEC = AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=64)
SMALL = Workload("small", (LayerOp("a", 32, 9, 10, 1), LayerOp("b", 20, 28, 12, 1), LayerOp("c", 5, 38, 30, 1)), {}, {})
CLOCK_HZ = 5e8


KINDS = tiles_of([(one.op, one.cost) for one in performance(SPEC, SMALL, CLOCK_HZ).layers])


@dataclass(frozen=True)
class Flow:
    """All eleven tiles of SMALL, simulated; the folder of a flow with the first one's activity, and its figures."""

    recorded: list[RecordedTile]
    folder: Path
    metrics: dict[str, float]
    joules: np.ndarray[Any, Any]  # of each tile, by the flow's power model


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Flow:
    root = tmp_path_factory.mktemp("flow")
    recorded = record_tiles(elaborate(SPEC, root / "rtl"), list(KINDS.elements()), root / "tiles", 1)

    def verify(folder: Path, *_: object) -> dict[str, Any]:
        shutil.copy(recorded[0].saif, folder / "activity.saif")
        return {"clock_ns": CLOCK_NS, "note": ""}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "verify", verify)
        run_flow(root / "flow", SPEC, "nangate45", 1, 0.0, None, Silent())
    folder = root / "flow"
    joules = tile_joules(flow_power_model(folder, SPEC), recorded, CLOCK_HZ)
    (job,) = json.loads((folder / "gen-000" / "implement" / "stage.json").read_text())["result"]["jobs"]
    return Flow(recorded, folder, job["metrics"], joules)


@pytest.mark.eda
def test_the_floorplan_holds_the_netlist_that_synthesis_reported(flow: Flow) -> None:
    config, synth, planned = LoopConfig(), flow.folder / "gen-000" / "synth", flow.folder / "gen-000" / "floorplan"
    found = json.loads((synth / "stage.json").read_text())["result"]["metrics"]
    mapped, flat, ports = stages._flat(SPEC, synth, config)
    count = {kind: len(flat.nodes(kind)) for kind in NodeKind}
    assert count[NodeKind.CELL] == found["synth__design__instance__count__stdcell"]
    assert count[NodeKind.HARD] == found["synth__design__instance__count__macros"] == SPEC.macros
    area = flat.node_size[flat.nodes(NodeKind.HARD)].prod(1).sum()
    assert area == pytest.approx(found["synth__design__instance__area__macros"], rel=1e-5)

    clustered, initial = stages._netlist(planned)
    soft = clustered.node_size[clustered.nodes(NodeKind.SOFT)].prod(1).sum()
    assert soft == pytest.approx(2 * found["synth__design__instance__area__stdcell"], rel=1e-6)  # bloating 2

    chosen = random_legal(clustered, initial, 3, config.halo_um)
    onto = stages.onto(flat, ports, clustered, chosen)
    assert not violations(flat, onto, config.halo_um)
    by_name = dict(zip(clustered.node_names, chosen.position, strict=True))
    for node in flat.nodes(NodeKind.HARD):
        assert np.array_equal(onto.position[node], by_name[flat.node_names[node]])
    assert len(mapped.gates.instance_names) == count[NodeKind.CELL] + count[NodeKind.HARD]


@pytest.mark.eda
def test_a_tile_s_power_is_what_the_flow_reports_for_its_activity(flow: Flow) -> None:
    assert 1e9 / SPEC.clock_ns == CLOCK_HZ
    seconds = flow.recorded[0].cycles / CLOCK_HZ
    assert flow.joules[0] / seconds == pytest.approx(flow.metrics["finish__power__total"], rel=1e-4)


@pytest.mark.eda
def test_perf_takes_the_energy_from_a_flow(flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles that were simulated stand in for those that are drawn."""
    done = {one.tile: one for one in flow.recorded}
    monkeypatch.setattr(energy, "record_tiles", lambda design, tiles, out, seed: [done[tile] for tile in tiles])
    source = tmp_path / "small.json"
    source.write_text(json.dumps(SMALL.to_json()))
    out, memory = tmp_path / "out", (40, 1)
    (out / "small").mkdir(parents=True)
    write_performance(str(source), SPEC, 1, None, None, None, memory, out, flow.folder, tiles=6, seed=3)
    total = json.loads((out / "performance.json").read_text())["small"]
    assert total["joules"] == pytest.approx(flow.joules.sum(), rel=0.1)
    assert total["joules_low"] < total["joules"] < total["joules_high"]
    assert len(json.loads((out / "small" / "energy.json").read_text())["tiles"]) == 6


@pytest.mark.eda
def test_the_interval_of_a_sample_covers_the_whole(flow: Flow) -> None:
    """Of samples of seven of the eleven tiles, nearly all have an interval that holds the true sum."""
    recorded = flow.recorded
    tiles = [one.tile for one in recorded]
    assert len(tiles) == 11
    assert all(0 <= one.cycles - one.tile.cycles(SPEC) <= 6 for one in recorded)
    joules = flow.joules
    counts = np.array([tile_counts(one, SPEC) for one in recorded], float)
    assert 1e-3 < joules.sum() / (counts[:, 0].sum() / CLOCK_HZ) < 0.2  # W

    rng = np.random.default_rng(1)
    covered, widths = [], []
    for seed in range(200):
        drawn = draw_tiles(SPEC, KINDS, 7, seed)
        pick = [int(rng.choice([i for i, tile in enumerate(tiles) if tile == one])) for one in drawn]
        whole = regress_costs(joules[pick], counts[pick]).of(counts.sum(axis=0).tolist())
        covered.append(whole.low <= joules.sum() <= whole.high)
        widths.append((whole.high - whole.low) / 2 / joules.sum())
    assert np.mean(covered) >= 0.9
    assert np.median(widths) < 0.1

    total = performance(SPEC, SMALL, CLOCK_HZ).with_energy(regress_costs(joules, counts)).total()
    assert total["joules"] == pytest.approx(joules.sum(), rel=0.03)  # waiting for irq is not in the model's cycles
    assert total["joules_low"] < total["joules"] < total["joules_high"]
