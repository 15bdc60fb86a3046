from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from loop.errors import LoopError
from loop.performing import write_performance
from rtl import AcceleratorSpec

MEMORY = (40, 1)  # cycles of latency, and for each word


def test_files_and_table_of_a_workload(tmp_path: Path) -> None:
    source = tmp_path / "mine.csv"
    source.write_text("Layer, M, N, K\na, 64, 32, 48\nb, 10, 20, 30\n")
    (table,) = write_performance(str(source), AcceleratorSpec(), 1, None, 0.1, None, MEMORY, tmp_path / "out")
    assert table.row_count == 3
    assert "tops per w" in str(table.caption)
    total = json.loads((tmp_path / "out" / "performance.json").read_text())["mine"]
    assert total["cycles"] > 64 * 32 * 48 / 16
    assert len((tmp_path / "out" / "layers-mine.csv").read_text().splitlines()) == 3
    assert ElementTree.parse(tmp_path / "out" / "roofline.svg").getroot().tag.endswith("svg")


def test_the_clock_is_the_specs_by_default(tmp_path: Path) -> None:
    source = tmp_path / "mine.csv"
    source.write_text("Layer, M, N, K\na, 64, 32, 48\n")
    for clock in (None, 1e9):
        write_performance(
            str(source), AcceleratorSpec(clock_ns=4.0), 1, clock, None, None, MEMORY, tmp_path / str(clock)
        )
    slow, fast = (
        json.loads((tmp_path / name / "performance.json").read_text())["mine"] for name in ("None", "1000000000.0")
    )
    assert slow["seconds"] == pytest.approx(4 * fast["seconds"])


def test_a_wrong_number_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(LoopError, match="above 0"):
        write_performance("resnet18", AcceleratorSpec(), 1, -1.0, None, None, MEMORY, tmp_path)


def test_a_slower_memory_takes_longer_behind_a_dma_engine(tmp_path: Path) -> None:
    spec = AcceleratorSpec(edge="dma", tiles=2)
    (tmp_path / "one.csv").write_text("Layer, M, N, K,\nfirst, 40, 8, 60,\n")
    cycles = []
    for memory in ((1, 1), (100, 1), (100, 9)):
        write_performance(str(tmp_path / "one.csv"), spec, 1, None, None, None, memory, tmp_path / "out")
        (found,) = json.loads((tmp_path / "out" / "performance.json").read_text()).values()
        cycles.append(found["cycles"])
    assert cycles == sorted(set(cycles))
