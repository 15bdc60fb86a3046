"""The smooth cost: tends to the exact one, and its gradient is that of finite differences."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from placer.cost import CostModel
from placer.cost_jax import cost_arrays
from placer.cost_smooth import smooth_cost
from placer.formats.plc import load_design
from placer.netlist import Netlist, Placement
from tests.placer.test_cost import random_design, values


def on_canvas(seed: int) -> tuple[Netlist, Placement]:
    """A random design whose nodes all lie inside the canvas."""
    netlist, placement = random_design(seed, 9, 8, 1)
    rng = np.random.default_rng(seed)
    canvas = np.array([netlist.canvas.width, netlist.canvas.height])
    half = np.minimum(netlist.node_size / 2, canvas / 2)
    return netlist, Placement(half + rng.random(half.shape) * (canvas - 2 * half), placement.orientation)


def test_tends_to_the_exact_cost() -> None:
    netlist, placement = on_canvas(0)
    exact = values(CostModel(netlist).evaluate(placement))
    with jax.enable_x64(True):
        arrays, evaluate = cost_arrays(netlist), jax.jit(smooth_cost)
        smooth = [evaluate(arrays, placement.position, placement.orientation, blur) for blur in (0.3, 0.03, 1e-6)]
    gaps = np.abs(np.array(smooth) - exact)
    assert (gaps[0] > gaps[1]).all()
    np.testing.assert_allclose(gaps[2], 0.0, atol=1e-12)


def test_gradient_is_that_of_finite_differences() -> None:
    netlist, placement = on_canvas(3)
    with jax.enable_x64(True):
        arrays = cost_arrays(netlist)

        @jax.jit
        def total(position: jax.Array) -> jax.Array:
            terms = smooth_cost(arrays, position, placement.orientation, 0.3)
            return terms[0] + 0.5 * terms[1] + 0.5 * terms[2]

        at = jnp.asarray(placement.position)
        slope = np.asarray(jax.jit(jax.grad(total))(at))
        rng = np.random.default_rng(0)
        for _ in range(6):
            way = rng.normal(size=at.shape)
            finite = (float(total(at + 1e-5 * way)) - float(total(at - 1e-5 * way))) / 2e-5
            assert float((slope * way).sum()) == pytest.approx(finite, rel=1e-3, abs=1e-6)


def test_is_near_on_a_real_placement(shared: Path) -> None:
    folder = shared / "benchmarks" / "ariane133_ng45"
    netlist, placement = load_design(folder / "netlist.pb.txt.gz", folder / "initial.plc")
    exact = CostModel(netlist).evaluate(placement).total()
    arrays = cost_arrays(netlist)
    terms = jax.jit(smooth_cost)(arrays, placement.position, placement.orientation, 0.1)
    assert float(terms[0] + 0.5 * terms[1] + 0.5 * terms[2]) == pytest.approx(exact, rel=0.05)
