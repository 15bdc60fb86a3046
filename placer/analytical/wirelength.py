"""The weighted-average model of wirelength and its gradient.

M.-K. Hsu, Y.-W. Chang, V. Balabanov, "TSV-aware analytical placement for 3D IC designs", DAC 2011.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from placer.analytical.system import System


def wirelength(system: System, position: Array, gamma: Array) -> tuple[Array, Array]:
    """The gradient of the smooth wirelength, and the exact half-perimeter wirelength.

    Args:
        position: [B, 2] um.
        gamma: um; the smooth extent of a net tends to the exact one as it tends to 0.

    Returns:
        Gradient [B, 2] (um per um), half-perimeter wirelength in um.
    """
    every = jnp.concatenate([ends.ravel() for ends in system.ends])
    offsets = jnp.concatenate([o.reshape(-1, 2) for o in system.offsets])
    places = jnp.stack([position[:, axis][every] + offsets[:, axis] for axis in range(2)])  # the long axis is last
    exact = jnp.zeros((), position.dtype)
    pulls, begin = [], 0
    for ends, real, weight in zip(system.ends, system.real, system.weights, strict=True):
        at = places[:, begin : begin + ends.size].reshape(2, *ends.shape)  # [2, D, M]
        begin += ends.size
        top, bottom = at.max(1, keepdims=True), at.min(1, keepdims=True)
        exact += jnp.sum((top - bottom) * weight)
        pull = _slope(at, top, gamma, real, 1.0) - _slope(at, bottom, gamma, real, -1.0)
        pulls.append((pull * weight).reshape(2, -1))
    pull = jnp.concatenate(pulls, 1)
    zero = jnp.zeros(len(position), position.dtype)
    gradient = [zero.at[every].add(pull[axis], mode="promise_in_bounds") for axis in range(2)]
    return jnp.stack(gradient, 1), exact


def _slope(at: Array, extreme: Array, gamma: Array, real: Array, sign: float) -> Array:
    """Derivative of the weighted average of ends [2, D, M] near their greatest (sign 1) or least (-1) one."""
    share = jnp.exp(sign * (at - extreme) / gamma) * real
    scale = 1.0 / share.sum(1, keepdims=True)
    average = extreme + (share * (at - extreme)).sum(1, keepdims=True) * scale
    return share * scale * (1.0 + sign * (at - average) / gamma)
