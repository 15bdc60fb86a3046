"""What energy from sampled tiles cannot be had of; ``test_flow`` has what it can."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from loop.energy import flow_power_model, sampled_energy
from loop.errors import LoopError
from rtl import AcceleratorSpec
from sim.performance import performance
from sim.workload import LayerOp, Workload

SPEC = AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=64)
SMALL = Workload("small", (LayerOp("a", 32, 9, 10, 1),), {}, {})


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
        sampled_energy(performance(spec, SMALL, 5e8), tmp_path / "none", count, 1, tmp_path / "out")
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
