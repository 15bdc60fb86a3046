"""Density as charge: the field that pushes bodies to where there is room.

J. Lu et al., "ePlace: electrostatics-based placement using fast Fourier transform and Nesterov's method", ACM TODAES
20(2), 2015; macros beside cells as in J. Lu et al., "ePlace-MS", IEEE TCAD 34(5), 2015. The Poisson equation with
Neumann boundary is solved in cosines; the transforms are J. Makhoul's ("A fast cosine transform in one and two
dimensions", IEEE TASSP 28(1), 1980).
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from placer.analytical.system import System

REACH = 3  # bins that a piece may touch in each direction


def density_gradient(system: System, position: Array) -> tuple[Array, Array]:
    """The gradient of the potential energy, and the overflow.

    Args:
        position: [B, 2] um.

    Returns:
        Gradient [B, 2]; the share of the movable area that lies above the target density (fillers not counted).
    """
    stencil = _stencil(system, position)
    across, up = _overlaps(system, position)  # [K, X], [K, Y]

    def spread(pieces: slice) -> Array:
        flat = jnp.zeros(system.columns * system.rows, position.dtype)
        for index, share in stencil:
            flat = flat.at[index[pieces]].add((share * system.piece_weight)[pieces], mode="promise_in_bounds")
        return flat.reshape(system.columns, system.rows)

    blocks = (across * system.block_weight[:, None]).T @ up
    bodies = spread(slice(0, system.real_pieces)) + blocks
    pushes = []
    for force in field(bodies + spread(slice(system.real_pieces, None)), system.span):
        there = force.ravel()
        on_pieces = sum(there.at[index].get(mode="promise_in_bounds") * share for index, share in stencil)  # [S]
        push = jnp.zeros(len(position), position.dtype)
        push = push.at[system.owner].add(on_pieces * system.piece_weight, mode="promise_in_bounds")
        on_blocks = system.block_weight * ((across @ force) * up).sum(1)  # [K]
        pushes.append(push.at[system.block].add(on_blocks, mode="promise_in_bounds"))
    area = system.cell[0] * system.cell[1]
    movable = jnp.sum(jnp.where(system.movable & (system.pins > 0), system.charge, 0.0))
    overflow = jnp.sum(jnp.maximum(bodies - system.target, 0.0)) * area / jnp.maximum(movable, area)
    return -jnp.stack(pushes, 1) * area, overflow


def _stencil(system: System, position: Array) -> list[tuple[Array, Array]]:
    """The nine bins that each piece may touch, and the share of a bin that it covers there; [S] each."""
    places = []
    for axis, count in enumerate((system.columns, system.rows)):
        half, cell = system.piece_half[:, axis], system.cell[axis]
        centre = position[:, axis][system.owner] + (system.shift if axis == 0 else 0.0)
        centre = jnp.clip(centre, half, system.span[axis] - half)
        low, high = (centre - half) / cell, (centre + half) / cell
        places.append((low, high, jnp.clip(jnp.floor(low), 0, count - 1)))
    # What follows is computed again wherever it is used: cheaper than to hold nine bins of each piece.
    across, up = lax.optimization_barrier(places)

    def line(place: tuple[Array, Array, Array], k: int, count: int) -> tuple[Array, Array]:
        low, high, first = place
        at = first + k
        return jnp.minimum(at.astype(jnp.int32), count - 1), jnp.maximum(
            jnp.minimum(high, at + 1) - jnp.maximum(low, at), 0.0
        )

    columns = [line(across, k, system.columns) for k in range(REACH)]
    rows = [line(up, k, system.rows) for k in range(REACH)]
    return [(x * system.rows + y, wide * tall) for x, wide in columns for y, tall in rows]


def _overlaps(system: System, position: Array) -> tuple[Array, Array]:
    """Share of each column and row of bins that a block covers, [K, X] and [K, Y]."""
    centre = position[system.block]
    result = []
    for axis, count in enumerate((system.columns, system.rows)):
        low = ((centre - system.block_half) / system.cell)[:, axis, None]
        high = ((centre + system.block_half) / system.cell)[:, axis, None]
        edge = jnp.arange(count, dtype=position.dtype)
        result.append(jnp.maximum(jnp.minimum(high, edge + 1) - jnp.maximum(low, edge), 0.0))
    return result[0], result[1]


def field(density: Array, span: Array) -> tuple[Array, Array]:
    """The electric field of a density, in x and y, [X, Y] each; ``span`` [2] um is the size of the whole."""
    columns, rows = density.shape
    waves_x = jnp.pi * jnp.arange(columns, dtype=density.dtype)[:, None] / span[0]
    waves_y = jnp.pi * jnp.arange(rows, dtype=density.dtype)[None, :] / span[1]
    squared = (waves_x**2 + waves_y**2).at[0, 0].set(1.0)
    coefficient = cosines(cosines(density).T).T / squared  # over 4 / (X Y), half of that on the axes
    coefficient = coefficient.at[0, 0].set(0.0) * (4.0 / (columns * rows))
    coefficient = coefficient.at[0, :].multiply(0.5).at[:, 0].multiply(0.5)
    along_x = sum_sines((sum_cosines(coefficient * waves_x)).T).T
    along_y = sum_cosines((sum_sines(coefficient * waves_y)).T).T
    return along_x, along_y


def cosines(values: Array) -> Array:
    """``X_k = sum_n x_n cos(pi k (n + 1/2) / N)`` along the last axis."""
    n = values.shape[-1]
    folded = jnp.concatenate([values[..., 0::2], values[..., 1::2][..., ::-1]], -1)
    turned = jnp.fft.rfft(folded) * _turn(n)
    return jnp.concatenate([turned.real, -turned.imag[..., 1 : n // 2][..., ::-1]], -1)


def sum_cosines(coefficients: Array) -> Array:
    """``y_n = sum_k a_k cos(pi k (n + 1/2) / N)`` along the last axis."""
    n = coefficients.shape[-1]
    scaled = (coefficients * (n / 2)).at[..., 0].multiply(2.0)
    mirrored = jnp.concatenate([jnp.zeros_like(scaled[..., :1]), scaled[..., :0:-1]], -1)
    half = n // 2 + 1
    folded = jnp.fft.irfft((scaled[..., :half] - 1j * mirrored[..., :half]) * jnp.conj(_turn(n)), n)
    return jnp.stack([folded[..., : n // 2], folded[..., n // 2 :][..., ::-1]], -1).reshape(coefficients.shape)


def sum_sines(coefficients: Array) -> Array:
    """``y_n = sum_k b_k sin(pi k (n + 1/2) / N)`` along the last axis."""
    n = coefficients.shape[-1]
    mirrored = jnp.concatenate([jnp.zeros_like(coefficients[..., :1]), coefficients[..., :0:-1]], -1)
    return sum_cosines(mirrored) * (1.0 - 2.0 * (jnp.arange(n) % 2))


def _turn(n: int) -> Array:
    """``exp(-i pi k / 2N)`` for k of a real transform, [N / 2 + 1]."""
    return jnp.asarray(np.exp(-0.5j * np.pi * np.arange(n // 2 + 1) / n), jnp.complex64)
