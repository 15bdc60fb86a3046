"""What a training step costs on a chip: seconds, joules, dollars and kg of CO2 equivalent, with their parts.

    energy    seconds * power * system_power_factor * PUE
    capital   price of a chip * system_cost_factor, spread over the seconds that it works in its life
    embodied  carbon of making a chip, spread in the same way

A price or a footprint of a chip is that of its share of a wafer, divided by yield. Costs of design and masks are not in
it: they depend on how many chips are made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cost_models.parameters import ParameterError, Parameters, load_parameters

SECONDS_PER_YEAR = 365.25 * 24 * 3600
JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True)
class ChipCost:
    """What one good, packaged and tested chip costs.

    Attributes:
        dies_per_wafer: whole dies on a wafer, good or not.
        die_yield: part of them without a fatal defect.
        die_dollars: price of a good die.
        package_test_dollars: package, test, and what the yield of packaging loses.
        embodied_kg: kg CO2e of making the chip and its package.
    """

    dies_per_wafer: float
    die_yield: float
    die_dollars: float
    package_test_dollars: float
    embodied_kg: float

    @property
    def dollars(self) -> float:
        """Price of the packaged chip."""
        return self.die_dollars + self.package_test_dollars


@dataclass(frozen=True)
class TrainingCost:
    """The cost of a training step, and of a run of ``steps`` steps on ``chips`` chips.

    Attributes:
        seconds_per_step: wall-clock time.
        joules_per_step: energy drawn from the grid.
        energy_dollars_per_step, capital_dollars_per_step: the parts of the step's price.
        energy_kg_per_step, embodied_kg_per_step: the parts of its kg CO2e.
        steps, chips: the run.
        chip: what a chip costs.
    """

    seconds_per_step: float
    joules_per_step: float
    energy_dollars_per_step: float
    capital_dollars_per_step: float
    energy_kg_per_step: float
    embodied_kg_per_step: float
    steps: int
    chips: int
    chip: ChipCost

    @property
    def dollars_per_step(self) -> float:
        """Energy and capital of a step."""
        return self.energy_dollars_per_step + self.capital_dollars_per_step

    @property
    def kg_co2e_per_step(self) -> float:
        """Emissions of a step's energy and its share of those of making the chip."""
        return self.energy_kg_per_step + self.embodied_kg_per_step

    @property
    def seconds(self) -> float:
        """Wall-clock time of the run."""
        return self.steps * self.seconds_per_step

    @property
    def joules(self) -> float:
        """Energy of the run."""
        return self.steps * self.joules_per_step

    @property
    def dollars(self) -> float:
        """Price of the run."""
        return self.steps * self.dollars_per_step

    @property
    def kg_co2e(self) -> float:
        """Emissions of the run."""
        return self.steps * self.kg_co2e_per_step


def dies_per_wafer(die_area_mm2: float, wafer_diameter_mm: float, scribe_width_mm: float = 0.0) -> float:
    """Whole square dies on a wafer with ``wafer_diameter_mm`` of usable diameter, as a real number.

    ``pi / (4 S) (d - 1.16 s)^2`` with the side s and the area S of a die and its saw street: the two-term formula
    with the coefficient that D. K. de Vries fits to exact counts (Investigation of gross die per wafer formulas,
    IEEE Transactions on Semiconductor Manufacturing 18, 2005). 0 for a die that is larger than the wafer.
    """
    side = math.sqrt(die_area_mm2) + scribe_width_mm
    usable = wafer_diameter_mm - 1.16 * side
    if usable <= 0 or math.hypot(side, side) > wafer_diameter_mm:
        return 0.0
    return math.pi / 4 * (usable / side) ** 2


def die_yield(die_area_mm2: float, defects_per_cm2: float, clustering: float) -> float:
    """Part of the dies without a fatal defect, by the negative binomial distribution of defects.

    ``(1 + A D / alpha)^-alpha`` (C. H. Stapper, IBM Journal of Research and Development 27, 1983); the yield formula of
    Hennessy and Patterson is the same with D = N * defects per level and alpha = N. Poisson for large alpha.
    """
    return (1 + die_area_mm2 / 100 * defects_per_cm2 / clustering) ** -clustering


def chip_cost(die_area_mm2: float, parameters: Parameters | None = None) -> ChipCost:
    """What a packaged, tested chip with a die of ``die_area_mm2`` costs.

    Embodied carbon: ``(fab energy * intensity + gases + materials) * area + package``, with the wafer's whole area
    shared by its good dies (U. Gupta et al., ACT, ISCA 2022, equations 4 and 5).

    Raises:
        ParameterError: the area is not positive, or no die of that area fits the wafer.
    """
    p = parameters or load_parameters()
    if not (math.isfinite(die_area_mm2) and die_area_mm2 > 0):
        raise ParameterError(f"the die area is {die_area_mm2:g} mm2: give a positive area")
    gross = dies_per_wafer(die_area_mm2, p.wafer_diameter - 2 * p.edge_exclusion, p.scribe_width)
    if gross < 1:
        raise ParameterError(f"a die of {die_area_mm2:g} mm2 does not fit a wafer of {p.wafer_diameter:g} mm")
    good = die_yield(die_area_mm2, p.defect_density, p.defect_clustering)
    dies = gross * good
    die_dollars = p.wafer_price / dies
    tested = (die_dollars + p.package_price + p.test_time / 3600 * p.tester_price) / p.package_yield
    wafer_cm2 = math.pi / 4 * p.wafer_diameter**2 / 100
    wafer_kg = wafer_cm2 * (p.fab_energy * p.fab_grid_intensity + p.fab_gas + p.fab_materials)
    return ChipCost(
        dies_per_wafer=gross,
        die_yield=good,
        die_dollars=die_dollars,
        package_test_dollars=tested - die_dollars,
        embodied_kg=(wafer_kg / dies + p.package_carbon) / p.package_yield,
    )


def training_cost(
    seconds_per_step: float,
    power_w: float,
    die_area_mm2: float,
    steps: int,
    chips: int = 1,
    parameters: Parameters | None = None,
) -> TrainingCost:
    """The cost of training.

    Args:
        seconds_per_step: wall-clock seconds of a step on all chips together.
        power_w: power of one chip while it works, in W.
        die_area_mm2: area of one chip's die, in mm2.
        steps: steps of the run, 0 or more.
        chips: chips that work on each step, 1 or more.
        parameters: what to assume; by default ``load_parameters()``.

    Raises:
        ParameterError: an argument is negative or not finite, or no die of that area fits a wafer.
    """
    p = parameters or load_parameters()
    for name, value in (("seconds_per_step", seconds_per_step), ("power_w", power_w)):
        if not (math.isfinite(value) and value >= 0):
            raise ParameterError(f"{name} is {value:g}: give 0 or more")
    if steps < 0 or chips < 1:
        raise ParameterError(f"steps is {steps} and chips is {chips}: give at least 0 steps and 1 chip")
    chip = chip_cost(die_area_mm2, p)
    joules = seconds_per_step * power_w * chips * p.system_power_factor * p.power_usage_effectiveness
    kwh = joules / JOULES_PER_KWH
    life_share = seconds_per_step * chips / (p.lifetime * SECONDS_PER_YEAR * p.lifetime_utilisation)
    return TrainingCost(
        seconds_per_step=seconds_per_step,
        joules_per_step=joules,
        energy_dollars_per_step=kwh * p.electricity_price,
        capital_dollars_per_step=life_share * chip.dollars * p.system_cost_factor,
        energy_kg_per_step=kwh * p.grid_intensity,
        embodied_kg_per_step=life_share * chip.embodied_kg,
        steps=steps,
        chips=chips,
        chip=chip,
    )
