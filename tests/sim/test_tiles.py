from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtl import AcceleratorSpec
from sim.saif import VcdError, vcd_windows_to_saif
from sim.throughput import throughput
from sim.tiles import draw_tiles, tiles_of
from sim.workload import LayerOp, Workload

SIZES = st.tuples(st.integers(1, 200), st.integers(1, 200), st.integers(1, 120))
SEQUENTIAL = AcceleratorSpec(act_banks=1, weight_banks=1, words_per_bank=64)


@settings(max_examples=40, deadline=None)
@given(SIZES, st.integers(1, 4), st.sampled_from([SEQUENTIAL, AcceleratorSpec(dataflow="output_stationary")]))
def test_tiles_are_the_whole_workload(size: tuple[int, int, int], count: int, spec: AcceleratorSpec) -> None:
    whole = throughput(spec, Workload("one", (LayerOp("a", *size, count),), {}, {}), 1e9)
    tiles = tiles_of(whole.by_op)
    assert sum(tile.macs * times for tile, times in tiles.items()) == whole.macs
    assert sum(tile.words(spec) * times for tile, times in tiles.items()) == whole.bus_bytes * 8 // spec.bus_bits
    if whole.by_op[0][1].beside == "nothing":
        assert sum(tile.cycles(spec) * times for tile, times in tiles.items()) == whole.cycles


def test_tiles_are_drawn_by_their_cycles() -> None:
    ops = (LayerOp("a", 64, 9, 10, 1), LayerOp("b", 20, 40, 12, 1))
    tiles = tiles_of(throughput(SEQUENTIAL, Workload("two", ops, {}, {}), 1e9).by_op)
    cycles = {tile: times * tile.cycles(SEQUENTIAL) for tile, times in tiles.items()}
    drawn = Counter(tile for seed in range(4000) for tile in draw_tiles(SEQUENTIAL, tiles, 5, seed))
    for tile, part in cycles.items():
        assert drawn[tile] / 20_000 == pytest.approx(part / sum(cycles.values()), abs=0.015)
    every = Counter(draw_tiles(SEQUENTIAL, tiles, 100, 7))
    for tile, part in cycles.items():
        assert abs(every[tile] - 100 * part / sum(cycles.values())) <= 1
    assert draw_tiles(SEQUENTIAL, tiles, 5, 7) == draw_tiles(SEQUENTIAL, tiles, 5, 7)


VCD = (
    "$timescale 1ps $end\n$scope module top $end\n$var wire 1 ! a $end\n$upscope $end\n$enddefinitions $end\n"
    "#0\n0!\n#1000\n1!\n#2000\n0!\n#3500\n1!\n#6000\n0!\n#9000\n1!\n#10000\n"
)


def test_windows_share_the_time_and_the_toggles_of_a_dump(tmp_path: Path) -> None:
    vcd = tmp_path / "a.vcd"
    vcd.write_text(VCD)
    windows = [(1.0, 3.0, tmp_path / "1.saif"), (3.0, 4.0, tmp_path / "2.saif"), (7.0, 8.0, tmp_path / "3.saif")]
    vcd_windows_to_saif(vcd, windows)
    nets = [next(line for line in file.read_text().splitlines() if "(a " in line) for _, _, file in windows]
    assert "(T0 1000) (T1 1000)" in nets[0]
    assert "(TC 2)" in nets[0]
    assert "(T0 500) (T1 500)" in nets[1]
    assert "(TC 1)" in nets[1]
    assert "(T0 1000) (T1 0)" in nets[2]
    assert "(TC 0)" in nets[2]
    assert "(DURATION 2000)" in windows[0][2].read_text()
    with pytest.raises(VcdError, match=r"ends before 11\.0 ns"):
        vcd_windows_to_saif(vcd, [(1.0, 11.0, tmp_path / "4.saif")])
