"""Episodes spread over all local accelerators, parameters on each of them (``jax.sharding``).

The program is that of one device; the compiler divides it along the episodes' axis where ``spread`` says so, and
results are those of one device but for the order of sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import jax
from jax import Array
from jax.sharding import AxisType, PartitionSpec

Tree = TypeVar("Tree")

EPISODES = "episodes"
"""Name of the mesh's axis."""


@contextmanager
def all_local_devices(episodes: int) -> Iterator[int]:
    """Within it, what is jitted runs on as many local devices as divide the number of episodes; gives their number."""
    devices = jax.local_devices()
    count = max(n for n in range(1, len(devices) + 1) if episodes % n == 0)
    if count == 1:
        yield 1
        return
    mesh = jax.make_mesh((count,), (EPISODES,), axis_types=(AxisType.Auto,), devices=devices[:count])
    with jax.set_mesh(mesh):
        yield count


def spread(values: Array) -> Array:
    """Divide an array's first axis, of episodes or of their steps, over the devices in use.

    One that their number does not divide stays whole; so an update's minibatches are divided, too, if the episodes are
    a multiple of devices times minibatches.
    """
    shape = jax.sharding.get_abstract_mesh().shape
    if values.shape[0] % shape.get(EPISODES, 1) or EPISODES not in shape:
        return values
    return jax.lax.with_sharding_constraint(values, PartitionSpec(EPISODES))


def everywhere(tree: Tree) -> Tree:
    """A pytree of arrays, whole on each of the devices in use."""
    if EPISODES not in jax.sharding.get_abstract_mesh().shape:
        return tree
    return jax.jit(lambda whole: jax.lax.with_sharding_constraint(whole, PartitionSpec()))(tree)
