"""A random legal placement: what every other placer starts from or must beat."""

from __future__ import annotations

import numpy as np

from placer.legalise import legalise
from placer.netlist import Netlist, NodeKind, Placement


def random_legal(netlist: Netlist, initial: Placement, seed: int, halo: float = 0.0) -> Placement:
    """Hard macros uniformly at random, made legal; soft macros uniformly at random; random orientations.

    Args:
        netlist: what is placed.
        initial: where ports and fixed nodes are; nothing else of it is used.
        seed: the same seed gives the same placement, bit for bit.
        halo: um by which each hard macro is inflated on each side against other hard macros.

    Raises:
        Infeasible: the macros do not fit.
    """
    random = np.random.default_rng(seed)
    movable = ~netlist.node_fixed & (netlist.node_kind != NodeKind.PORT)  # [N]
    canvas = np.array([netlist.canvas.width, netlist.canvas.height])
    room = np.maximum(canvas - netlist.node_size, 0.0)  # [N, 2] um
    drawn = netlist.node_size / 2 + room * random.random(netlist.node_size.shape)
    turned = random.integers(0, 4, len(netlist.node_kind)).astype(np.int8)
    position = np.where(movable[:, None], drawn, initial.position)
    orientation = np.where(movable & (netlist.node_kind == NodeKind.HARD), turned, initial.orientation).astype(np.int8)
    return legalise(netlist, Placement(position, orientation), halo=halo, seed=seed)
