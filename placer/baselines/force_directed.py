"""Force-directed placement of soft macros, as in Circuit Training.

Nets pull their pins together as springs, from driver to each sink; nodes that overlap push each other apart. A
step moves every soft macro along its force, scaled so that the largest force moves by the greatest distance that
a step may. Stages with their numbers of steps and strengths are those of Circuit Training's configuration
(google-research/circuit_training, ``environment.py``: 100 steps each, attraction 100, 1e-3, 1e-5, repulsion 0,
1e6, 1e7); the forces are those of TILOS MacroPlacement, ``plc_client_os.py``.

Dimension letters: N nodes, T two-pin connections; see ``placer.netlist``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from placer.netlist import BoolArray, FloatArray, Netlist, NodeKind, Placement


@dataclass(frozen=True)
class Stage:
    """Steps of one strength of attraction and repulsion."""

    steps: int
    attraction: float
    repulsion: float


CIRCUIT_TRAINING = (Stage(100, 100.0, 0.0), Stage(100, 1e-3, 1e6), Stage(100, 1e-5, 1e7))
"""The stages of Circuit Training's configuration."""


def force_directed(
    netlist: Netlist,
    placement: Placement,
    stages: Sequence[Stage] = CIRCUIT_TRAINING,
    from_centre: bool = True,
    port_factor: float = 1.0,
) -> Placement:
    """Place the soft macros; hard macros, ports and fixed nodes stay. Deterministic.

    Args:
        netlist: what is placed.
        placement: where all other nodes are.
        stages: steps and strengths.
        from_centre: begin with all soft macros at the canvas's centre instead of their given positions.
        port_factor: factor on the attraction of connections with a port.
    """
    movable = (netlist.node_kind == NodeKind.SOFT) & ~netlist.node_fixed  # [N]
    canvas = np.array([netlist.canvas.width, netlist.canvas.height])
    position = placement.position.copy()
    if from_centre:
        position[movable] = canvas / 2
    sign = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])[placement.orientation]  # [N, 2]
    offset = netlist.pin_offset * sign[netlist.pin_node]  # [P, 2] um
    degree = np.diff(netlist.net_start)  # [E]
    net = np.repeat(np.arange(len(degree)), np.maximum(degree - 1, 0))  # [T]
    sinks = np.ones(len(netlist.net_pins), np.bool_)
    sinks[netlist.net_start[:-1][degree > 0]] = False
    sink = netlist.net_pins[sinks]  # [T]
    driver = netlist.net_pins[netlist.net_start[:-1][net]]  # [T]
    weight = netlist.net_weight[net].copy()  # [T]
    is_port = netlist.node_kind == NodeKind.PORT
    weight[is_port[netlist.pin_node[driver]] | is_port[netlist.pin_node[sink]]] *= port_factor
    ends = np.stack([netlist.pin_node[driver], netlist.pin_node[sink]], 1).astype(np.int64)  # [T, 2]
    apart = offset[sink] - offset[driver]  # [T, 2] um
    solid = np.flatnonzero((netlist.node_kind == NodeKind.HARD) | (netlist.node_kind == NodeKind.SOFT))
    for stage in stages:
        _relax(
            position,
            netlist.node_size,
            canvas,
            movable,
            solid,
            ends,
            apart,
            weight,
            stage.steps,
            float(canvas.max()) / max(stage.steps, 1),
            stage.attraction,
            stage.repulsion,
        )
    return Placement(position, placement.orientation)


@njit(cache=True)
def _relax(
    position: FloatArray,
    size: FloatArray,
    canvas: FloatArray,
    movable: BoolArray,
    solid: NDArray[np.int64],
    ends: NDArray[np.int64],
    apart: FloatArray,
    weight: FloatArray,
    steps: int,
    reach: float,
    attraction: float,
    repulsion: float,
) -> None:
    """Move the movable nodes by ``steps`` steps of at most ``reach`` um in x and in y, in place.

    Args:
        position, size: of all nodes, [N, 2] um.
        canvas: width and height in um, [2].
        movable: [N].
        solid: nodes that repel each other.
        ends: driver's and sink's node of each connection, [T, 2].
        apart: sink's pin offset minus the driver's, [T, 2] um.
        weight: of each connection, [T].
        steps, reach: number and greatest length of the steps.
        attraction, repulsion: strengths.
    """
    force = np.zeros_like(position)
    for _ in range(steps):
        force[:] = 0.0
        for t in range(len(ends)):
            a, b = ends[t]
            for d in range(2):
                pull = attraction * weight[t] * (position[b, d] - position[a, d] + apart[t, d])
                force[a, d] += pull
                force[b, d] -= pull
        if repulsion > 0:
            _repel(position, size, movable, solid, repulsion, force)
        for d in range(2):
            largest = 0.0
            for n in range(len(force)):
                if movable[n]:
                    largest = max(largest, abs(force[n, d]))
            if largest == 0.0:
                continue
            for n in range(len(force)):
                if movable[n]:
                    moved = position[n, d] + reach * force[n, d] / largest
                    low = min(size[n, d], canvas[d]) / 2
                    position[n, d] = min(max(moved, low), canvas[d] - low)


@njit(cache=True)
def _repel(
    position: FloatArray,
    size: FloatArray,
    movable: BoolArray,
    solid: NDArray[np.int64],
    repulsion: float,
    force: FloatArray,
) -> None:
    """Add the repulsion of overlapping nodes to ``force`` [N, 2]; arguments as in ``_relax``."""
    for p in range(len(solid)):
        i = solid[p]
        for q in range(p):
            j = solid[q]
            if not (movable[i] or movable[j]):
                continue
            dx, dy = position[i, 0] - position[j, 0], position[i, 1] - position[j, 1]
            if abs(dx) >= (size[i, 0] + size[j, 0]) / 2 or abs(dy) >= (size[i, 1] + size[j, 1]) / 2:
                continue
            distance = np.hypot(dx, dy)
            if distance < 1e-9:  # at one point: push apart along a direction of the pair's own
                angle = 2.399963 * (i + 0.618 * j)
                dx, dy, distance = np.cos(angle), np.sin(angle), 1.0
            reach = (np.hypot(size[i, 0], size[i, 1]) + np.hypot(size[j, 0], size[j, 1])) / 2
            push = repulsion * max(reach - distance, 0.0) / reach
            force[i, 0] += push * dx / distance
            force[i, 1] += push * dy / distance
            force[j, 0] -= push * dx / distance
            force[j, 1] -= push * dy / distance
