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
        design, references = costs.parent, _references(costs)
        netlist, _ = load_design(design / "netlist.pb.txt.gz", design / "initial.plc")
        model = CostModel(netlist)
        for name, (wirelength, density, congestion, proxy) in references.items():
            cost = model.evaluate(read_plc(design / f"{name}.plc", netlist))
            checks.append(
                CostCheck(
                    design.name,
                    name,
                    cost.wirelength - wirelength,
                    cost.density - density,
                    cost.congestion - congestion,
                    cost.total() - proxy,
                )
            )
    if not checks:
        raise InputError(f"{folder}: expected folders with a netlist.pb.txt.gz and a costs.json each, found none")
    return tuple(checks)


def _references(path: Path) -> dict[str, list[float]]:
    """Placement to its wirelength, density, congestion and proxy cost, in a file of reference values."""
    parts = ("wirelength", "density", "congestion", "proxy_1_half_half")
    try:
        cases = json.loads(path.read_text())["cases"]
        return {name: [float(values[part]) for part in parts] for name, values in cases.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: not a file of reference costs ({type(error).__name__}: {error}); expected a JSON object"
            f' {{"cases": {{PLACEMENT: {{{", ".join(parts)}}}}}}}'
        ) from error
