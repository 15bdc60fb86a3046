"""What does training on it cost, and is more training worth it?"""

from cost_models.parameters import UNITS, Entry, ParameterError, Parameters, load_parameters
from cost_models.training_cost import ChipCost, TrainingCost, chip_cost, die_yield, dies_per_wafer, training_cost

__all__ = [
    "UNITS",
    "ChipCost",
    "Entry",
    "ParameterError",
    "Parameters",
    "TrainingCost",
    "chip_cost",
    "die_yield",
    "dies_per_wafer",
    "load_parameters",
    "training_cost",
]
