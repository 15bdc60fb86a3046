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
    gradient = jnp.zeros_like(position)
    exact = jnp.zeros((), position.dtype)
    for ends, offsets, real, weight in zip(system.ends, system.offsets, system.real, system.weights, strict=True):
        at = position[ends] + offsets  # [D, M, 2]
        top, bottom = at.max(0), at.min(0)
        exact += jnp.sum((top - bottom) * weight[:, None])
        mask = real[:, :, None]
        pull = mask * (_slope(at, top, gamma, mask, 1.0) - _slope(at, bottom, gamma, mask, -1.0)) * weight[:, None]
        gradient = gradient.at[ends.ravel()].add(pull.reshape(-1, 2), mode="promise_in_bounds")
    return gradient, exact


def _slope(at: Array, extreme: Array, gamma: Array, mask: Array, sign: float) -> Array:
    """Derivative of the weighted average of ends [D, M, 2] near their greatest (sign 1) or least (-1) one."""
    share = jnp.exp(sign * (at - extreme) / gamma) * mask
    total = share.sum(0)
    average = extreme + (share * (at - extreme)).sum(0) / total
    return share / total * (1.0 + sign * (at - average) / gamma)
