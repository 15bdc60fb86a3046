"""The benchmark against OpenROAD, with the program that stands in for it: runs are kept, failures are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.flow import Subject, compare, figures
from eda_adapters.openroad.agreement import agreements
from eda_adapters.openroad.flow import StageError
from tests.eda_adapters.test_openroad import PDK, Case, case, openroad
from tests.eda_adapters.tiny_design import tiny_gates

__all__ = ["case", "openroad"]  # fixtures

pytestmark = pytest.mark.eda


@pytest.fixture
def subject(case: Case) -> Subject:
    gates = replace(
        tiny_gates(),
        instance_names=case.netlist.node_names[:8],
        instance_masters=(*tiny_gates().instance_masters, case.sram.name, case.sram.name),
    )
    return Subject(gates, (case.sram,), case.netlist, case.placement, 2.0, "clk")


def test_a_pair_is_measured_once(
    subject: Subject, openroad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_OPENROAD", "crash:cts")
    with pytest.raises(StageError, match="stage cts"):
        compare(subject, "tiny", "00", subject.start, PDK, tmp_path)
    assert not (tmp_path / "pair.json").exists()
    monkeypatch.setenv("FAKE_OPENROAD", "")
    found = compare(subject, "tiny", "00", subject.start, PDK, tmp_path)
    assert found.routed == {"worst_slack": 0.5, "wirelength": 4649.0, "min_period": 1.75, "power": 1e-3}
    assert found.estimated["wirelength"] > 10
    assert not found.again
    twice = compare(subject, "tiny", "00", subject.start, PDK, tmp_path, again=True)
    assert twice == replace(found, again=found.routed)  # the stand-in says the same whatever the seed
    for folder, seed in (("openroad", 0), ("openroad-1", 1)):
        assert f"-random_seed {seed}\n" in (tmp_path / folder / "globalplace.tcl").read_text()
    openroad.unlink()
    assert compare(subject, "tiny", "00", subject.start, PDK, tmp_path) == twice
    shown = {figure.name: figure for figure in figures(agreements([found, replace(found, placement="01")]))}
    assert shown["openroad_designs"].value == 1
    assert not shown["openroad_designs"].holds
