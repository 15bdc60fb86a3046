"""Own grouping against the published one: ``python -m benchmarks.clustering`` writes ``clustering.json``.

Both groupings of a design's flat netlist, of as many groups each, start from the same placement, and the same
annealer makes as many proposals on each. The proxy costs that it reaches are compared.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks.results import Figure, shared_data, write_figures
from placer.baselines.annealing import anneal
from placer.clustering import group, read_groups
from placer.formats.plc import read_canvas
from placer.formats.protobuf import read_netlist
from placer.netlist import IntArray, Netlist, NodeKind
from placer.partitioning import partition

COMMAND = "python -m benchmarks.clustering"
DESIGN = "ariane133_ng45"
MOVES = 400_000
SEEDS = (0, 1)


def cut(flat: Netlist, groups: IntArray) -> float:
    """Sum over nets of weight x (groups of cells that the net touches - 1)."""
    net = np.repeat(np.arange(len(flat.net_weight)), np.diff(flat.net_start))
    node = flat.pin_node[flat.net_pins]
    cell = flat.node_kind[node] == NodeKind.CELL
    touched = np.unique(np.stack([net[cell], groups[node[cell]]], axis=1), axis=0)[:, 0]
    count = np.bincount(touched, minlength=len(flat.net_weight))
    return float((flat.net_weight * np.maximum(count - 1, 0)).sum())


def main() -> None:
    """Group, anneal and write what each grouping reaches."""
    folder = shared_data() / "benchmarks" / DESIGN
    flat, placement = read_netlist(folder / "flat.pb.txt.gz", read_canvas(folder / "initial.plc"))
    published = read_groups(folder / "groups.final", flat)
    cells = flat.node_kind == NodeKind.CELL
    count = len(np.unique(published[cells]))
    start = time.perf_counter()
    own = partition(flat, cells_per_group=int(cells.sum()) / count, threads=2)
    seconds = time.perf_counter() - start
    details: dict[str, dict[str, object]] = {}
    proxies: dict[str, list[float]] = {}
    for name, groups in (("published", published), ("own", own)):
        netlist, initial = group(flat, placement, groups)
        proxies[name] = [anneal(netlist, initial, moves=MOVES, seed=seed).cost for seed in SEEDS]
        details[name] = {
            "groups": len(netlist.nodes(NodeKind.SOFT)),
            "nets": len(netlist.net_weight),
            "cut": cut(flat, groups),
            "proxies": proxies[name],
        }
    ratio = float(np.mean(proxies["own"]) / np.mean(proxies["published"]))
    figures = [
        Figure("own_over_published_grouping_proxy", ratio, "1", "lower", None, SEEDS, COMMAND),
        Figure("partition_ariane133_s", seconds, "s", "lower", None, [0], COMMAND),
    ]
    write_figures("clustering", figures, {"design": DESIGN, "anneal_moves": MOVES, "groupings": details})


if __name__ == "__main__":
    main()
