"""Partition of a flat netlist's cells into groups of nearly equal area that few nets cross, by Mt-KaHyPar.

Mt-KaHyPar: Gottesbüren, Heuer, Maas, Sanders, Schlag, ACM Transactions on Algorithms 20(1), 2024. It runs in a process
of its own under a time limit, for a crash in native code must not end the program. Its fixed vertices are not used:
with them, version 1.7 does not end on some inputs and crashes on vertices without weight.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placer.clustering import MOST_SINKS
from placer.netlist import BoolArray, InputError, IntArray, Netlist, NodeKind

CELLS_PER_GROUP = 150
"""Mean number of cells in a group; the published groupings of four designs have 113 to 271."""
IMBALANCE = 0.1
"""A group's area is at most this part above the mean."""
PORT_SHARE = 0.1
"""Bundles of ports that seed groups, over groups."""
SEED_WEIGHT = 2
"""Weight of the nets of macros and port bundles, over that of nets between cells."""
_ATTEMPTS = 5
_UNIT = 100  # weight of a cell of mean area


class PartitionError(RuntimeError):
    """Mt-KaHyPar failed or did not end in time, with several seeds."""

    exit_code = 3


def partition(
    flat: Netlist,
    cells_per_group: float = CELLS_PER_GROUP,
    imbalance: float = IMBALANCE,
    seed: int = 0,
    threads: int = 1,
) -> IntArray:
    """Group of each cell, -1 for all other nodes, shape [N].

    Nets, with their weights, are the hyperedges; those that grouping drops are left out. The objective is the sum over
    nets of weight x (groups that the net touches - 1). Macros and ports are the seeds: a macro with all its pins, and
    a bundle of ports that follow each other in the file (as those of a bus do), is one vertex without area whose nets
    weigh SEED_WEIGHT times as much, so that the cells around it come into one group. The result depends on the seed
    alone, not on ``threads``.

    Where cells are so large that no such balance exists, the bound is loosened to twice the largest cell's share.

    Raises:
        InputError: ``cells_per_group`` or ``imbalance`` is not above 0.
        PartitionError: Mt-KaHyPar failed.
    """
    if not cells_per_group > 0 or not imbalance > 0:
        raise InputError(
            f"partition: expected cells_per_group and imbalance above 0, found {cells_per_group} and {imbalance}"
        )
    is_cell = flat.node_kind == NodeKind.CELL
    groups = np.full(len(is_cell), -1, np.int32)
    cells = int(is_cell.sum())
    count = round(cells / cells_per_group)
    if count < 2:
        groups[is_cell] = 0
        return groups

    vertex = _vertices(flat, count)
    area = flat.node_size.prod(axis=1)
    unit = max(float(area[is_cell].mean()) / _UNIT, np.finfo(np.float64).tiny)
    vertex_weight = np.ones(int(vertex.max()) + 1, np.int64)
    vertex_weight[vertex[is_cell]] = np.maximum(np.rint(area[is_cell] / unit), 1)
    largest_share = float(vertex_weight.max()) * count / float(vertex_weight.sum())
    start, members, edge_weight = _hyperedges(flat, vertex, is_cell)
    problem: dict[str, NDArray[Any]] = {
        "start": start,
        "members": members,
        "edge_weight": edge_weight,
        "vertex_weight": vertex_weight,
    }
    settings = {"count": count, "threads": threads, "imbalance": max(imbalance, 2 * largest_share)}
    limit_s = 60 + 2e-4 * cells * count**0.5
    for attempt in range(_ATTEMPTS):
        found = _run(problem, settings | {"seed": seed + 1_000_003 * attempt}, limit_s)
        if found is not None:
            groups[is_cell] = found[vertex[is_cell]]
            return groups
    raise PartitionError(
        f"Mt-KaHyPar: expected a partition of {cells} cells into {count} groups within {limit_s:.0f} s;"
        f" it failed with {_ATTEMPTS} seeds; change cells_per_group or imbalance"
    )


def _vertices(flat: Netlist, count: int) -> IntArray:
    """Vertex of the hypergraph that each node belongs to [N]: its own, or that of its bundle of ports."""
    ports = flat.nodes(NodeKind.PORT)
    bundles = max(1, min(len(ports), int(count * PORT_SHARE)))
    vertex = np.zeros(len(flat.node_kind), np.int32)
    others = flat.node_kind != NodeKind.PORT
    vertex[others] = np.arange(int(others.sum()))
    vertex[ports] = int(others.sum()) + np.arange(len(ports)) * bundles // max(len(ports), 1)
    return vertex


def _hyperedges(flat: Netlist, vertex: IntArray, is_cell: BoolArray) -> tuple[IntArray, IntArray, IntArray]:
    """Offsets [H + 1], distinct vertices and weights [H] of the nets that join two vertices and are not dropped."""
    degree = np.diff(flat.net_start)
    net = np.repeat(np.arange(len(degree)), degree)
    kept = degree[net] <= MOST_SINKS + 1
    node = flat.pin_node[flat.net_pins][kept]
    seeded = np.zeros(len(degree), np.bool_)
    seeded[net[kept][~is_cell[node]]] = True
    pairs = np.unique(np.stack([net[kept], vertex[node]], axis=1), axis=0)
    nets, size = np.unique(pairs[:, 0], return_counts=True)
    joins = size > 1
    members = pairs[np.repeat(joins, size), 1].astype(np.int32)
    start = np.concatenate([[0], np.cumsum(size[joins])]).astype(np.int32)
    weight = np.maximum(np.rint(flat.net_weight[nets]), 1) * np.where(seeded[nets], SEED_WEIGHT, 1)
    return start, members, weight[joins].astype(np.int32)


def _run(problem: Mapping[str, NDArray[Any]], settings: Mapping[str, float], limit_s: float) -> IntArray | None:
    """Part of each vertex, None where the child process fails or does not end in time."""
    with tempfile.TemporaryDirectory(prefix="partition-") as folder:
        for name, array in problem.items():
            np.save(Path(folder) / f"{name}.npy", array)
        (Path(folder) / "settings.json").write_text(json.dumps(settings))
        try:
            done = subprocess.run(
                [sys.executable, "-m", "placer.partitioning_process", folder],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
        result = Path(folder) / "groups.npy"
        return np.load(result) if done.returncode == 0 and result.exists() else None
