"""What synthesis makes of the accelerator computes the same, bit by bit and in as many cycles."""

from __future__ import annotations

from pathlib import Path

import pytest

from eda_adapters.pdk import load_pdk
from eda_adapters.synthesis import synthesize
from rtl import AcceleratorSpec, Design, elaborate
from rtl.spec import DESIGNS
from sim import VerifyResult, verify
from sim.cycle_model import vectors

pytestmark = [pytest.mark.eda, pytest.mark.slow]

TINY = AcceleratorSpec.from_toml(DESIGNS / "tiny.toml")
PRODUCTS = ((16, 16, 16), (3, 6, 7))
"""The first one fills both operand scratchpads of ``tiny``."""


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Design:
    folder = tmp_path_factory.mktemp("netlist")
    design = elaborate(TINY, folder / "rtl")
    pdk = load_pdk("nangate45")
    synthesize(design, pdk, folder, 2.0)
    return design.mapped(folder / "synth.v", pdk.verilog)


def run(design: Design, folder: Path) -> VerifyResult:
    return verify(design, folder, seed=3, products=PRODUCTS, only="random_products")


def test_a_product_fills_the_scratchpads() -> None:
    assert vectors(TINY, *PRODUCTS[0])[:2] == (TINY.act_depth, TINY.weight_depth)


def test_the_mapped_netlist_is_bit_and_cycle_exact(mapped: Design, tmp_path: Path) -> None:
    result = run(mapped, tmp_path)
    assert result.passed, result.failure
    assert [(run.m, run.k, run.n) for run in result.cycles] == list(PRODUCTS)


def test_one_wrong_gate_is_found(mapped: Design, tmp_path: Path) -> None:
    netlist = tmp_path / "wrong.v"
    before, gate, after = mapped.sources[0].read_text().partition("NAND2_X1")
    assert gate
    netlist.write_text(before + "NOR2_X1" + after)
    assert not run(mapped.mapped(netlist, mapped.sources[1:-1]), tmp_path).passed
