"""The process in which ``partitioning`` runs Mt-KaHyPar, on files in a folder."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path

import mtkahypar
import numpy as np


def main(folder: Path) -> None:
    """Partition the hypergraph that ``partitioning`` left in a folder, and leave ``groups.npy`` there."""
    settings = json.loads((folder / "settings.json").read_text())
    start, members, vertex_weight, edge_weight = (
        np.load(folder / f"{name}.npy").tolist() for name in ("start", "members", "vertex_weight", "edge_weight")
    )
    hyperedges = [members[a:b] for a, b in pairwise(start)]
    mtkahypar.set_seed(settings["seed"])
    initializer = mtkahypar.initialize(settings["threads"], False)
    context = initializer.context_from_preset(mtkahypar.PresetType.DETERMINISTIC)
    context.set_partitioning_parameters(settings["count"], settings["imbalance"], mtkahypar.Objective.KM1)
    context.logging = False
    hypergraph = initializer.create_hypergraph(
        context, len(vertex_weight), len(hyperedges), hyperedges, vertex_weight, edge_weight
    )
    groups = np.array(hypergraph.partition(context).get_partition(), np.int32)
    np.save(folder / "groups.npy", groups)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
