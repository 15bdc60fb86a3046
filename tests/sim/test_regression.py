from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from eda_adapters.tool import ToolError
from rtl import AcceleratorSpec
from rtl.spec import DESIGNS
from sim import regression
from sim.coverage import Coverage, all_bins, read_bins
from sim.regression import MATRIX, regress, simulators_for


def test_the_matrix_names_what_comes_along() -> None:
    assert {design for design, _ in MATRIX} == {path.stem for path in DESIGNS.glob("*.toml")} - {"large"}
    assert simulators_for("base") == ("verilator",)
    assert simulators_for("tiny")[0] == simulators_for("mine.toml")[0] == "icarus"


@pytest.mark.eda
def test_a_design_in_one_simulator_with_two_seeds(tmp_path: Path) -> None:
    said: list[str] = []
    found = regress(tmp_path, [1, 2], 2, [("tiny", ["icarus"])], said.append)
    assert found.passed
    assert [run.seed for run in found.runs] == [1, 2]
    assert all(run.products == run.exact >= 10 for run in found.runs)
    assert len(said) == 2
    assert found.coverage["tiny"] >= 0.95
    assert found.coverage["tiny"] >= max(run.coverage for run in found.runs)
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["runs"][1]["command"] == "chiploop sim tiny --simulator icarus --seed 2"


def test_a_simulator_that_fails_is_one_failed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_options: object) -> None:
        raise ToolError("vvp: it crashed; log: x\nmore")

    monkeypatch.setattr(regression, "verify", broken)
    shutil.copy(DESIGNS / "tiny.toml", tmp_path / "mine.toml")
    found = regress(tmp_path, [7], 1, [(str(tmp_path / "mine.toml"), ["icarus"])])
    assert not found.passed
    assert found.runs[0].failure == "vvp: it crashed; log: x"
    assert set(found.coverage.values()) == {0.0}


def test_coverage_knows_its_bins_and_adds_up(tmp_path: Path) -> None:
    spec, path = AcceleratorSpec(), tmp_path / "coverage.tsv"
    first = Coverage(spec, path)
    first.product(9, 8, 5, (0, 3, 510 - 18), accumulate=False)
    hit = read_bins(path)
    assert hit <= all_bins(spec)
    assert ("tiles along the rows", "2 tiles, last full") in hit
    assert ("tiles along N", "2 tiles, last partial") in hit
    assert ("streamed side", "above, odd") in hit
    assert ("activations at", "the start") in hit
    second = Coverage(spec, path)
    second.product(2, 8, 5, (0, 3, 0), accumulate=True)
    assert read_bins(path) > hit
    assert len(path.read_text().splitlines()) == len(read_bins(path))
    with pytest.raises(KeyError, match="no coverage bin"):
        first.hit("status", "unheard of")
