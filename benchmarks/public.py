"""The public Python evaluator beside ours: ``MACRO_PLACEMENT=/path/to/MacroPlacement python -m benchmarks.public``.

Evaluates the published initial placement and the best one that was found here (``benchmarks/results/placements``) of
each design with the evaluator of TILOS MacroPlacement (github.com/TILOS-AI-Institute/MacroPlacement, a checkout of
which ``MACRO_PLACEMENT`` names), and with ours: values and seconds. Two things of the public one are put right on the
way, as for the reference values: pins are clamped into the grid, and orientations are applied to pin offsets (its
``restore_placement`` only notes them).
"""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
import os
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.baselines import DESIGNS, design
from benchmarks.results import RESULTS, Figure, shared_data, write_figures
from placer.cost import CostModel
from placer.formats.plc import read_plc
from placer.netlist import Orientation

COMMAND = "python -m benchmarks.public"
MIRRORED = {"N": (1, 1), "FN": (-1, 1), "FS": (1, -1), "S": (-1, -1)}


def public_evaluator() -> ModuleType:
    """The module of the public evaluator; ends the program where there is none."""
    root = os.environ.get("MACRO_PLACEMENT")
    folder = Path(root or ".") / "CodeElements" / "Plc_client"
    if root is None or not (folder / "plc_client_os.py").exists():
        raise SystemExit(
            f"error: {folder}/plc_client_os.py: not found; set MACRO_PLACEMENT to a checkout of "
            "github.com/TILOS-AI-Institute/MacroPlacement"
        )
    sys.path.insert(0, str(folder))
    return importlib.import_module("plc_client_os")


def clamped(module: ModuleType) -> Any:
    """The public evaluator's class, with pins outside of the canvas counted in the nearest cell."""

    def cell(self: Any, x: float, y: float) -> tuple[int, int]:
        row, column = int(y // (self.height / self.grid_row)), int(x // (self.width / self.grid_col))
        return min(max(row, 0), self.grid_row - 1), min(max(column, 0), self.grid_col - 1)

    public = module.PlacementCost
    public._PlacementCost__get_grid_cell_location = lambda self, x_pos, y_pos: cell(self, x_pos, y_pos)
    return public


def by_public(public: Any, name: str, plc: Path) -> tuple[float, float]:
    """Proxy cost and seconds of the public evaluator."""
    netlist, _ = design(name)
    canvas = netlist.canvas
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "netlist.pb.txt"
        path.write_bytes(gzip.decompress((shared_data() / "benchmarks" / name / "netlist.pb.txt.gz").read_bytes()))
        model = public(str(path))
        model.set_placement_grid(canvas.columns, canvas.rows)
        model.set_canvas_size(canvas.width, canvas.height)
        model.set_routes_per_micron(canvas.h_routes_per_um, canvas.v_routes_per_um)
        model.set_macro_routing_allocation(canvas.h_macro_routes_per_um, canvas.v_macro_routes_per_um)
        model.set_congestion_smooth_range(float(canvas.smooth_range))
        before = {i: model.modules_w_pins[i].get_orientation() or "N" for i in model.hard_macro_indices}
        model.restore_placement(str(plc))
        for i, was in before.items():
            now = model.modules_w_pins[i].get_orientation()
            turned = tuple(a * b for a, b in zip(MIRRORED[was], MIRRORED[now], strict=True))
            model.update_macro_orientation(i, next(o for o, signs in MIRRORED.items() if signs == turned))
        began = time.process_time()
        cost = model.get_cost() + 0.5 * model.get_density_cost() + 0.5 * model.get_congestion_cost()
        return float(cost), time.process_time() - began


def main() -> None:
    """Compare on all designs and write ``benchmarks/results/public.json``."""
    assert set(MIRRORED) == {o.name for o in Orientation}
    public = clamped(public_evaluator())
    details: dict[str, dict[str, float]] = {}
    for name in DESIGNS:
        netlist, _ = design(name)
        model = CostModel(netlist)
        best = RESULTS / "placements" / f"{name}.plc"
        for label, plc in (("initial", shared_data() / "benchmarks" / name / "initial.plc"), ("best", best)):
            if not plc.exists():
                print(f"{plc}: not there yet; python -m benchmarks.proxy writes it")
                continue
            placement = read_plc(plc, netlist)
            theirs, seconds = by_public(public, name, plc)
            model.evaluate(placement)  # compiles
            began = time.process_time()
            ours = model.evaluate(placement).total()
            mine = time.process_time() - began
            details[f"{name} {label}"] = {"public": theirs, "ours": ours, "public_s": seconds, "ours_s": mine}
            print(
                f"{name:20} {label:8} public {theirs:.9f} in {seconds:6.1f} s   ours {ours:.9f} in {1e3 * mine:.1f} ms"
            )
    worst = max(abs(d["public"] - d["ours"]) for d in details.values())
    ratio = min(d["public_s"] / d["ours_s"] for d in details.values())
    figures = [
        Figure("public_evaluator_max_difference", worst, "1", "lower", 1e-6, (0,), COMMAND),
        Figure("speedup_over_public_evaluator", ratio, "1", "higher", None, (0,), COMMAND),
    ]
    write_figures("public", figures, {"placements": details})


if __name__ == "__main__":
    main()
