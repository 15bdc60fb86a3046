"""Programs from JAX functions, against JAX itself and, in a simulator, against the RTL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rtl import AcceleratorSpec, elaborate
from sim import verify
from sim.lowering import lower
from sim.program import ProgramError
from sim.system_model import DRAM, program_cycles
from sim.training_step import training_step

SPEC = AcceleratorSpec(
    words_per_bank=64, operands="bfloat16", edge="dma", dma_words=32, vector=True, transpose=True, act_banks=2
)
OUTPUT = AcceleratorSpec(
    rows=8,
    cols=4,
    act_banks=2,
    weight_banks=1,
    result_banks=4,
    words_per_bank=64,
    bus_bits=64,
    dataflow="output_stationary",
    operands="bfloat16",
    edge="dma",
    tiles=2,
    vector=True,
    transpose=True,
)


@pytest.mark.parametrize("spec", [SPEC, OUTPUT], ids=["weight-stationary", "output-stationary"])
def test_a_training_step_is_that_of_jax_but_for_rounding(spec: AcceleratorSpec) -> None:
    function, args = training_step((9, 14, 10, 6), 1)
    found = lower(spec, function, *args)
    assert found.products == 5  # two forwards, two of weights, one of what comes in between
    expected = jax.tree.leaves(function(*args))
    assert len(found.outputs) == len(expected) == 5
    for matrix, value, before in zip(found.outputs[1:], expected[1:], jax.tree.leaves(args[0]), strict=True):
        np.testing.assert_allclose(matrix.values, np.atleast_2d(value), atol=2e-3)
        assert np.abs(np.atleast_2d(before) - matrix.values).max() > 5e-3  # it has moved
    assert found.outputs[0].values.item() == pytest.approx(float(expected[0]), rel=0.01)


def test_steps_one_after_another_learn() -> None:
    function, (params, inputs, targets) = training_step((9, 14, 10, 6), 2, rate=0.3)
    losses = []
    for _ in range(12):
        loss, *after = (matrix.values for matrix in lower(SPEC, function, params, inputs, targets).outputs)
        losses.append(float(loss.item()))
        params = tuple((after[i], after[i + 1][0]) for i in (0, 2))
    assert losses[-1] < 0.6 * losses[0]


A = np.random.default_rng(1).normal(size=(5, 7)).astype(np.float32)
B = np.random.default_rng(2).normal(size=(5, 7)).astype(np.float32)
ROW = A[0] + 1
OPERATIONS: dict[str, Callable[..., Any]] = {
    "sum, difference and product": lambda a, b, row: (a + b) * (a - b),
    "rows and numbers beside a matrix": lambda a, b, row: 2.0 - (a + row) * 3.0 - (row - 1.5),
    "larger and smaller": lambda a, b, row: (
        jnp.maximum(a, b) + jnp.minimum(a, row) + jnp.minimum(jnp.maximum(b, 0.5), 0)
    ),
    "choice": lambda a, b, row: jnp.where(a > b, a, b * b) + jnp.where(a < 0.25, 0.0, -b),
    "truth values": lambda a, b, row: jnp.where(((a >= b) & (b > 0)) | ~(a <= 1.0), abs(a), b),
    "one row many times": lambda a, b, row: jnp.broadcast_to(row, (4, 7)),
    "sums of one row many times": lambda a, b, row: jnp.broadcast_to(row, (6, 7)).sum(axis=0) + row,
    "sums of rows": lambda a, b, row: a - (a * b).sum(axis=1, keepdims=True),
    "sums over rows": lambda a, b, row: a - (a * b).sum(axis=0),
    "squares, quotient by a number": lambda a, b, row: a**2 / 8.0 + jnp.square(b),
    "the sum of a vector": lambda a, b, row: a * row.sum(),
    "the sum of a column": lambda a, b, row: a * (a * b).sum(axis=1).sum(),
    "a sum of all": lambda a, b, row: (a - b).sum() + row.sum(),
    "a constant everywhere": lambda a, b, row: jax.grad(lambda x: (x * 2.0).mean())(a),
    "maxima of rows": lambda a, b, row: a - (a * b).max(axis=1, keepdims=True),
    "maxima over rows": lambda a, b, row: a - (a * b).max(axis=0),
    "the maximum of a vector": lambda a, b, row: a * row.max(),
    "a maximum of all": lambda a, b, row: (a - b).max() - (-row).max(),
    "the maximum of one row many times": lambda a, b, row: jnp.broadcast_to(row, (6, 7)).max(axis=0) + row,
    "the maximum of a constant": lambda a, b, row: a + jnp.full((5, 7), 2.0).max(axis=0),
    "the sum of a constant": lambda a, b, row: a + jnp.full((5, 7), 2.0).sum(axis=0),
    "what is calculated again for the gradient": lambda a, b, row: jax.checkpoint(lambda x: x * x)(a) + b,
}


@pytest.mark.parametrize("function", OPERATIONS.values(), ids=OPERATIONS)
def test_operations_are_those_of_jax(function: Callable[..., Any]) -> None:
    found = lower(SPEC, function, A, B, ROW)
    assert found.outputs[0].values.shape == np.atleast_2d(function(A, B, ROW)).shape
    np.testing.assert_allclose(found.outputs[0].values, np.atleast_2d(function(A, B, ROW)), rtol=2e-6, atol=2e-6)
    assert found.products == 0
    assert program_cycles(SPEC, DRAM, found.commands).total > 0


def test_a_product_s_transpose_is_another_product() -> None:
    found = lower(SPEC, lambda a, b: (a @ b.T).T + 1.0, A, B)
    np.testing.assert_allclose(found.outputs[0].values, B @ A.T + 1.0, atol=0.05)
    assert found.products == 1


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda a, b: jnp.sqrt(a), "sqrt: no command does it"),
        (lambda a, b: a / b, "div: no command does it"),
        (lambda a, b: jnp.sort(a), "sort: no command does it"),
        (lambda a, b: a.astype(jnp.int32), "convert_element_type: no command does it"),
        (lambda a, b: a.T, "a transpose is asked for of what is no product"),
        (lambda a, b: a.T + b.T, "a transpose is asked for of what is no product"),
        (lambda a, b: a.reshape(7, 5), r"a matrix \(5, 7\) becomes one \(7, 5\)"),
        (lambda a, b: jnp.einsum("ij,kj->ikj", a, b), "dot_general: two matrices are multiplied along one side"),
        (lambda a, b: a @ b[0], "no command does it"),
        (lambda a, b: (a * b).sum(axis=0) @ b.T, "two matrices are multiplied along one side"),
        (lambda a, b: a / 0.0, "div: no command does it"),
        (lambda a, b: jax.lax.fori_loop(0, 3, lambda i, x: x * 2.0, a), "scan: no command does it"),
        (lambda a, b: jax.lax.cond(True, jnp.square, jnp.abs, a), "cond: no command does it"),
    ],
)
def test_what_no_command_does_is_refused(function: Callable[..., Any], said: str) -> None:
    with pytest.raises(ProgramError, match=said):
        lower(SPEC, function, A, B)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda a: a + a.sum(axis=1), "a column of 5 numbers is taken as a row"),
        (lambda a: a.sum(axis=0) + a.sum(axis=1), r"a matrix \(5, 1\) beside one \(1, 5\)"),
        (
            lambda a: a + a.sum(axis=0)[:, None],
            r"a matrix \(1, 5\) becomes one|a row of 5 numbers is taken as a column",
        ),
    ],
)
def test_rows_and_columns_of_square_matrices_are_told_apart(function: Callable[..., Any], said: str) -> None:
    with pytest.raises(ProgramError, match=said):
        lower(SPEC, function, A[:, :5])


def test_it_takes_a_vector_unit_and_transposes() -> None:
    with pytest.raises(ProgramError, match="vector = true and transpose = true"):
        lower(AcceleratorSpec(), lambda a: a + 1.0, A)


@pytest.mark.eda
def test_the_rtl_does_a_training_step_bit_and_cycle_exactly(tmp_path: Path) -> None:
    result = verify(elaborate(SPEC, tmp_path / "rtl"), tmp_path, seed=3, only="training.")
    assert result.passed, result.failure
    assert [test.name for test in result.tests] == ["sim.benches.training.dense_network"]
