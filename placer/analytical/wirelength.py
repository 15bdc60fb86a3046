"""The weighted-average model of wirelength and its gradient.

M.-K. Hsu, Y.-W. Chang, V. Balabanov, "TSV-aware analytical placement for 3D IC designs", DAC 2011.
"""

from __future__ import annotations

import functools

import jax.numpy as jnp
from jax import Array, lax

from placer.analytical.system import System

UNROLLED = 8
"""Classes of nets with at most so many ends are computed end by end: all is elementwise then, and fuses."""


def wirelength(system: System, position: Array, gamma: Array) -> tuple[Array, Array]:
    """The gradient of the smooth wirelength, and the exact half-perimeter wirelength.

    Args:
        position: [B, 2] um.
        gamma: um; the smooth extent of a net tends to the exact one as it tends to 0.

    Returns:
        Gradient [B, 2] (um per um), half-perimeter wirelength in um.
    """
    every = jnp.concatenate([ends.ravel() for ends in system.ends])
    exact, gradient = jnp.zeros((), position.dtype), []
    for axis in range(2):
        bodies = position[:, axis][every]
        pulls, begin = [], 0
        for offsets, real, weight in zip(system.offsets, system.real, system.weights, strict=True):
            degree, count = real.shape
            lines = 1 if degree <= UNROLLED else degree
            ends = []
            for d in range(0, degree, lines):
                body = lax.dynamic_slice(bodies, (begin + d * count,), (lines * count,)).reshape(lines, count)
                ends.append(body + offsets[d : d + lines, :, axis])
            begin += degree * count
            pull, extent = _slopes(ends, [real[d : d + lines] for d in range(0, degree, lines)], weight, gamma)
            pulls += [part.ravel() for part in pull]
            exact += jnp.sum(extent * weight)
        zero = jnp.zeros(len(position), position.dtype)
        gradient.append(zero.at[every].add(jnp.concatenate(pulls), mode="promise_in_bounds"))
    return jnp.stack(gradient, 1), exact


def _slopes(ends: list[Array], real: list[Array], weight: Array, gamma: Array) -> tuple[list[Array], Array]:
    """The derivative of the weighted extents of nets by their ends, and the exact extents.

    Args:
        ends: places of the nets' ends, [1, M] each or all in one [D, M].
        real: of the same shapes, 1 for an end and 0 for padding.
        weight: [M] of the nets.
    """
    top = functools.reduce(jnp.maximum, [at.max(0) for at in ends])
    bottom = functools.reduce(jnp.minimum, [at.min(0) for at in ends])
    slopes = [jnp.zeros_like(at) for at in ends]
    for sign, extreme in ((1.0, top), (-1.0, bottom)):
        away = [(at - extreme) / gamma for at in ends]
        share = [jnp.exp(sign * z) * there for z, there in zip(away, real, strict=True)]
        total = sum(s.sum(0) for s in share)
        mean = sum((s * z).sum(0) for s, z in zip(share, away, strict=True)) / total
        scale = sign * weight / total
        slopes = [
            slope + s * scale * (1.0 + sign * (z - mean)) for slope, s, z in zip(slopes, share, away, strict=True)
        ]
    return slopes, top - bottom
