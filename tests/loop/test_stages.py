"""Stages that hand files to each other agree on what is in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from loop import stages
from loop.config import LoopConfig
from placer.legality import violations
from placer.netlist import NodeKind
from rtl import AcceleratorSpec


@pytest.mark.eda
def test_the_floorplan_holds_the_netlist_that_synthesis_reported(tmp_path: Path) -> None:
    spec = AcceleratorSpec()
    config = LoopConfig()
    synth, planned, placed = (tmp_path / name for name in ("synth", "floorplan", "random"))
    for folder in (synth, planned, placed):
        folder.mkdir()
    found = stages.synthesise(synth, spec, config.pdk)["metrics"]
    mapped, flat, ports = stages._flat(spec, synth, config)
    count = {kind: len(flat.nodes(kind)) for kind in NodeKind}
    assert count[NodeKind.CELL] == found["synth__design__instance__count__stdcell"]
    assert count[NodeKind.HARD] == found["synth__design__instance__count__macros"] == spec.macros
    area = flat.node_size[flat.nodes(NodeKind.HARD)].prod(1).sum()
    assert area == pytest.approx(found["synth__design__instance__area__macros"], rel=1e-6)

    stages.floorplan(planned, spec, synth, config)
    clustered, initial = stages._netlist(planned)
    soft = clustered.node_size[clustered.nodes(NodeKind.SOFT)].prod(1).sum()
    assert soft == pytest.approx(2 * found["synth__design__instance__area__stdcell"], rel=1e-6)  # bloating 2

    from placer.baselines.random_legal import random_legal

    chosen = random_legal(clustered, initial, 3, config.halo_um)
    onto = stages.onto(flat, ports, clustered, chosen)
    assert not violations(flat, onto, config.halo_um)
    by_name = dict(zip(clustered.node_names, chosen.position, strict=True))
    for node in flat.nodes(NodeKind.HARD):
        assert np.array_equal(onto.position[node], by_name[flat.node_names[node]])
    assert len(mapped.gates.instance_names) == count[NodeKind.CELL] + count[NodeKind.HARD]


def test_a_stopwatch_goes_on_after_an_interruption(tmp_path: Path) -> None:
    path = tmp_path / "seconds.json"
    path.write_text(json.dumps(100.0))
    assert 100.0 <= stages.Stopwatch(path).note() < 110.0
    assert json.loads(path.read_text()) >= 100.0
