"""A training step that the accelerator can do whole: dense layers, ReLU, squared errors, gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

Params = tuple[tuple[Any, Any], ...]  # of each layer the weights [I, O] and the biases [O]


def training_step(sizes: tuple[int, ...], seed: int, rate: float = 0.05) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A step as a pure function of parameters, inputs and targets, which gives the loss and the new parameters.

    Args:
        sizes: examples, and the width of the inputs and of each layer.
        seed: of all values.
        rate: by which the gradients are taken off.

    Returns:
        The function and values for its arguments, float32.
    """
    import jax
    import jax.numpy as jnp

    examples, *widths = sizes
    rng = np.random.default_rng(seed)
    params = tuple(
        (
            rng.normal(0.0, fan_in**-0.5, (fan_in, fan_out)).astype(np.float32),
            rng.normal(0.0, 0.1, fan_out).astype(np.float32),
        )
        for fan_in, fan_out in pairwise(widths)
    )

    def loss(params: Params, inputs: Any, targets: Any) -> Any:
        values = inputs
        for i, (weight, bias) in enumerate(params):
            values = values @ weight + bias
            if i < len(params) - 1:
                values = jax.nn.relu(values)
        return jnp.mean(jnp.square(values - targets))

    def step(params: Params, inputs: Any, targets: Any) -> Any:
        error, gradients = jax.value_and_grad(loss)(params, inputs, targets)
        return error, jax.tree.map(lambda value, slope: value - rate * slope, params, gradients)

    inputs = rng.normal(0.0, 1.0, (examples, widths[0])).astype(np.float32)
    targets = rng.normal(0.0, 1.0, (examples, widths[-1])).astype(np.float32)
    return step, (params, inputs, targets)
