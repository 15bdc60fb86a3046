"""``chiploop place --flat``: macros and standard cells of a Bookshelf design together, legal in its rows."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from loop.store import write_atomically
from placer.analytical.flat_placement import place_flat
from placer.analytical.row_legality import row_violations
from placer.analytical.rows import rows_of
from placer.formats.bookshelf import read_bookshelf
from placer.formats.bookshelf_writer import write_bookshelf
from placer.legality import violations
from placer.netlist import InputError
from placer.picture import draw_placement


def place_flat_design(path: Path, out: Path, seed: int = 0) -> dict[str, Any]:
    """Place all movable nodes of a design and write it, a picture and ``result.json`` into ``out``.

    Args:
        path: the ``.aux`` file, packed or not.
        out: folder for the results; it is made.
        seed: of the start.

    Returns:
        What ``result.json`` holds: the half-perimeter wirelength at the end and after each step, seconds.

    Raises:
        InputError: the design is in another format, malformed, or does not fit.
    """
    if not path.name.removesuffix(".gz").endswith(".aux"):
        raise InputError(f"{path}: expected a Bookshelf design (.aux); other formats are placed without --flat")
    shelf = read_bookshelf(path)
    try:
        rows = rows_of(shelf.rows, shelf.origin)
    except InputError as error:
        raise InputError(f"{path}: {error}; its .scl file gives them") from error
    out.mkdir(parents=True, exist_ok=True)  # before any work, which would be lost
    began = time.monotonic()
    found = place_flat(shelf.netlist, shelf.placement, rows, seed)
    seconds = time.monotonic() - began
    wrong = [str(v) for v in violations(shelf.netlist, found.placement)]
    wrong += row_violations(shelf.netlist, found.placement, rows)
    if wrong:
        raise AssertionError(f"flat placement left an illegal placement: {wrong[0]}")
    result = {
        "netlist": path.name,
        "seed": seed,
        "seconds": seconds,
        "hpwl_um": found.lengths["detailed"],
        "hpwl_um_after": found.lengths,
    }
    write_bookshelf(out / path.name.removesuffix(".gz"), replace(shelf, placement=found.placement))
    write_atomically(out / "result.json", json.dumps(result, indent=1))
    title = f"flat: wirelength {found.lengths['detailed']:.4g} um"
    draw_placement(out / "placement.png", shelf.netlist, found.placement, title, nets=0)
    return result
