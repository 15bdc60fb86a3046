"""How time and memory of flat placement grow with the netlist: a section of ``benchmarks.flat``.

Each size is placed in a process of its own. A small netlist, and two iterations of the one to be placed, compile what
is needed before the clock starts; the time is processor time, from the netlist to legal cells. The memory is the
process's peak.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.rent import rent_netlist
from benchmarks.results import Figure, read_results, write_figures
from placer.analytical.flat_placement import place_flat
from placer.analytical.global_placement import global_place
from placer.analytical.nesterov import Schedule
from placer.analytical.row_legality import row_violations
from placer.analytical.rows import rows_of
from placer.analytical.system import half_perimeter

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
EXPONENT = 0.65
SEED = 0


def measure(sizes: tuple[int, ...] = SIZES) -> None:
    """Place netlists of all sizes, write the fitted exponents after each."""
    for cells in sizes:
        argv = [sys.executable, "-m", "benchmarks.scaling", str(cells)]
        run = subprocess.run(argv, capture_output=True, text=True, check=True)
        write(json.loads(run.stdout.splitlines()[-1]))


def place_one(cells: int) -> dict[str, Any]:
    """Place one netlist; time, memory and wirelength."""
    small, start, lines = rent_netlist(1000, EXPONENT, SEED)
    place_flat(small, start, rows_of(lines), SEED)
    netlist, placement, lines = rent_netlist(cells, EXPONENT, SEED)
    rows = rows_of(lines)
    global_place(netlist, placement, SEED, schedule=Schedule(iterations=2))
    began = time.process_time()
    found = place_flat(netlist, placement, rows, SEED)
    seconds = time.process_time() - began
    wrong = row_violations(netlist, found.placement, rows)
    if wrong:
        raise AssertionError(f"{cells} cells: the placement is not legal: {wrong[0]}")
    return {
        "cells": cells,
        "pins": len(netlist.pin_node),
        "seconds": round(seconds, 1),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 3),
        "hpwl_per_net_um": half_perimeter(netlist, found.placement) / len(netlist.net_weight),
    }


def write(result: dict[str, Any]) -> None:
    """Add one size, and the exponents over all sizes that are there."""
    done = {**read_results("placement").get("scaling", {}).get("sizes", {}), str(result["cells"]): result}
    sizes = sorted(done.values(), key=lambda entry: entry["cells"])
    figures = []
    if len(sizes) == len(SIZES):
        log = np.log([[s["cells"], s["seconds"], s["peak_memory_gb"]] for s in sizes])
        time_, memory = (float(np.polyfit(log[:, 0], log[:, k], 1)[0]) for k in (1, 2))
        command = "python -m benchmarks.flat scaling"
        unit = "exponent of {} in cells, 10k to 1M"
        figures = [
            Figure("scaling_exponent", time_, unit.format("processor time"), "lower", 1.15, (SEED,), command),
            Figure("scaling_memory_exponent", memory, unit.format("peak memory"), "lower", 1.15, (SEED,), command),
        ]
    write_figures("placement", figures, {"scaling": {"rent_exponent": EXPONENT, "sizes": done}})


if __name__ == "__main__":
    print(json.dumps(place_one(int(sys.argv[1]))))
