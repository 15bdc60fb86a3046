from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtl import AcceleratorSpec
from sim.networks import bert_base
from sim.performance import COLUMNS, performance
from sim.throughput import op_throughput, throughput
from sim.workload import LayerOp, Workload

SPEC = AcceleratorSpec(rows=8, cols=8, act_banks=4, weight_banks=4, result_banks=32, words_per_bank=128)
SIZES = st.tuples(st.integers(1, 300), st.integers(1, 300), st.integers(1, 200))


@settings(max_examples=40, deadline=None)
@given(SIZES, st.sampled_from(["weight_stationary", "output_stationary"]))
def test_no_layer_is_below_its_roofline(size: tuple[int, int, int], dataflow: str) -> None:
    spec = AcceleratorSpec(dataflow=dataflow)
    m, k, n = size
    (layer,) = performance(spec, Workload("one", (LayerOp("a", m, k, n, 3),), {}, {}), 1e9).layers
    assert layer.cycles >= layer.roofline_cycles >= 3 * m * k * n / 16
    assert layer.cycles == 3 * op_throughput(spec, m, k, n).cycles
    row = layer.row()
    assert row["roofline_distance"] == layer.cycles / layer.roofline_cycles
    # the roofline in its usual form, from rates: throughput at most peak, and at most bandwidth times intensity
    rate, intensity = float(row["gops_per_s"] or 0), float(row["ops_per_byte"] or 0)
    assert rate <= 2 * 16 * (1 + 1e-9)
    assert rate <= 4 * intensity * (1 + 4 / layer.cycles)


def test_the_total_is_that_of_the_layers_and_of_the_throughput() -> None:
    found = performance(SPEC, bert_base(), 5e8, power_w=0.25, area_mm2=1.5)
    total, same = found.total(), throughput(SPEC, bert_base(), 5e8)
    assert (total["cycles"], total["dram_bytes"]) == (same.cycles, same.bus_bytes)
    assert total["seconds"] == pytest.approx(same.seconds)
    assert total["utilisation"] == pytest.approx(same.utilisation)
    assert total["tops"] == pytest.approx(same.ops_per_s * 1e-12)
    assert total["joules"] == pytest.approx(0.25 * same.seconds)
    assert total["edp_js"] == pytest.approx(0.25 * same.seconds**2)
    assert total["tops_per_w"] == pytest.approx(2e-12 * same.macs / total["joules"])
    assert total["tops_per_mm2"] == pytest.approx(total["tops"] / 1.5)
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert list(rows[0]) == COLUMNS
    for column in ("cycles", "stall_cycles", "sram_bytes", "dram_bytes", "compute_cycles"):
        assert sum(int(row[column]) for row in rows) == total[column]
    assert sum(float(row["joules"]) for row in rows) == pytest.approx(total["joules"])


def test_unknown_power_and_area_give_no_figures() -> None:
    total = performance(SPEC, bert_base(), 5e8).total()
    assert not {"joules", "edp_js", "tops_per_w", "tops_per_mm2"} & set(total)
    assert "joules" in COLUMNS


@pytest.mark.parametrize("options", [{"power_w": 0.0}, {"area_mm2": -1.0}, {"power_w": float("nan")}])
def test_numbers_not_above_0_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        performance(SPEC, bert_base(), 5e8, **options)


def test_nothing_to_do_is_refused() -> None:
    with pytest.raises(ValueError, match="no matrix product"):
        performance(SPEC, Workload("none", (), {"exp": 3}, {}), 1e9)
