"""How far our cost is from the reference values of the benchmark designs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from placer.cost import CostModel
from placer.formats.plc import load_design, read_plc
from placer.netlist import InputError


@dataclass(frozen=True)
class CostCheck:
    """Our cost minus the reference's, for one placement of one design."""

    design: str
    placement: str
    wirelength: float
    density: float
    congestion: float
    proxy: float  # with weights 1, 0.5, 0.5

    @property
    def worst(self) -> float:
        """The largest absolute error of the parts and of their sum."""
        return max(abs(self.wirelength), abs(self.density), abs(self.congestion), abs(self.proxy))


def validate_cost(folder: Path) -> tuple[CostCheck, ...]:
    """Compare with all reference values: a row per design and placement.

    Args:
        folder: has a folder per design with ``netlist.pb.txt.gz``, ``costs.json`` and the placements that it names.

    Raises:
        InputError: there is no design in the folder, or a file is malformed.
    """
    checks = []
    for costs in sorted(folder.glob("*/costs.json")):
        design = costs.parent
        netlist, _ = load_design(design / "netlist.pb.txt.gz", design / "initial.plc")
        model = CostModel(netlist)
        for name, reference in json.loads(costs.read_text())["cases"].items():
            cost = model.evaluate(read_plc(design / f"{name}.plc", netlist))
            checks.append(
                CostCheck(
                    design.name,
                    name,
                    cost.wirelength - reference["wirelength"],
                    cost.density - reference["density"],
                    cost.congestion - reference["congestion"],
                    cost.total() - reference["proxy_1_half_half"],
                )
            )
    if not checks:
        raise InputError(f"{folder}: expected folders with a netlist.pb.txt.gz and a costs.json each, found none")
    return tuple(checks)
