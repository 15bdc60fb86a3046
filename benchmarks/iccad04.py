"""Flat mixed-size placement of ICCAD04 against RePlAce's published wirelength: a section of ``benchmarks.flat``.

The designs are those of github.com/mgwoo/RePlAce, folder IBM (periphery pins on the canvas's edges, positions
zeroed); ``$CHIPLOOP_ICCAD04`` names a copy of that folder.
"""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import Figure, read_results, write_figures
from placer.analytical.flat_placement import place_flat
from placer.analytical.row_legality import row_violations
from placer.analytical.rows import rows_of
from placer.analytical.system import half_perimeter
from placer.formats.bookshelf import BookshelfDesign, read_bookshelf
from placer.legality import violations

VARIABLE = "CHIPLOOP_ICCAD04"
SOURCE = (
    "github.com/mgwoo/RePlAce, doc/result_table.png: RePlAce + NTUplace3 detailed placement, WLCalc; the binary of"
    " C.-K. Cheng, A. B. Kahng, I. Kang, L. Wang, 'RePlAce', IEEE TCAD 38(9), 2019"
)
PUBLISHED = {
    "ibm01": 2_282_370.0,
    "ibm02": 4_759_440.0,
    "ibm03": 6_435_680.0,
    "ibm04": 7_261_170.0,
    "ibm06": 5_807_790.0,
    "ibm07": 9_856_720.0,
    "ibm08": 11_467_000.0,
    "ibm09": 12_000_600.0,
    "ibm10": 27_428_500.0,
    "ibm11": 16_997_600.0,
    "ibm12": 30_633_300.0,
    "ibm13": 22_013_800.0,
    "ibm14": 34_180_200.0,
}
SEED = 0


def measure(names: list[str] | None = None) -> None:
    """Place the designs and write figures after each; says so and does nothing where the designs are not there."""
    folder = os.environ.get(VARIABLE)
    if not folder or not Path(folder).is_dir():
        print(f"skipped: set {VARIABLE} to a copy of the folder IBM of github.com/mgwoo/RePlAce")
        return
    for name in names or list(PUBLISHED):
        write_design(name, place_design(read_bookshelf(_aux(Path(folder), name))))


def place_design(design: BookshelfDesign) -> dict[str, Any]:
    """Place one design; its wirelength beside the published one, and what it took."""
    began, processor = time.monotonic(), time.process_time()
    rows = rows_of(design.rows, design.origin)
    found = place_flat(design.netlist, design.placement, rows, SEED)
    wrong = [str(v) for v in violations(design.netlist, found.placement)]
    wrong += row_violations(design.netlist, found.placement, rows)
    if wrong:
        raise AssertionError(f"{design.netlist.name}: the placement is not legal: {wrong[0]}")
    length = half_perimeter(design.netlist, found.placement)
    published = PUBLISHED[design.netlist.name]
    return {
        "name": design.netlist.name,
        "hpwl": round(length),
        "replace_hpwl": published,
        "ratio": length / published,
        "after_each_step": {step: round(value) for step, value in found.lengths.items()},
        "turned": int(np.count_nonzero(found.placement.orientation != design.placement.orientation)),
        "seconds": round(time.monotonic() - began, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }


def write_design(name: str, result: dict[str, Any]) -> None:
    """Add a design's result to the file, and the figures over those that are there."""
    done = {**read_results("placement").get("iccad04", {}).get("designs", {}), name: result}
    done = {key: done[key] for key in PUBLISHED if key in done}
    ratios = [entry["ratio"] for entry in done.values()]
    command = "python -m benchmarks.flat iccad04"
    figures = []
    if len(done) == len(PUBLISHED):
        mean, worst = float(np.mean(ratios)), float(np.max(ratios))
        figures = [
            Figure(
                "iccad04_hpwl_ratio_to_replace", mean, "HPWL / published HPWL, mean", "lower", 1.0, (SEED,), command
            ),
            Figure("iccad04_worst_ratio_to_replace", worst, "HPWL / published HPWL", "lower", 1.03, (SEED,), command),
        ]
    note = "Ports are points; macros lie on rows and sites; no node is rotated by 90 degrees."
    write_figures("placement", figures, {"iccad04": {"source": SOURCE, "rules": note, "designs": done}})


def _aux(folder: Path, name: str) -> Path:
    """The ``.aux`` file of a design, packed or not."""
    plain = folder / name / f"{name}.aux"
    return plain if plain.exists() else plain.with_name(plain.name + ".gz")
