"""What does training on it cost, and is more training worth it?"""

from cost_models.budget import BudgetDecision, BudgetRow, next_budget
from cost_models.learning_curve import LearningCurve, LearningCurveError, fit_learning_curve
from cost_models.parameters import UNITS, Entry, ParameterError, Parameters, load_parameters
from cost_models.training_cost import ChipCost, TrainingCost, chip_cost, die_yield, dies_per_wafer, training_cost

__all__ = [
    "UNITS",
    "BudgetDecision",
    "BudgetRow",
    "ChipCost",
    "Entry",
    "LearningCurve",
    "LearningCurveError",
    "ParameterError",
    "Parameters",
    "TrainingCost",
    "chip_cost",
    "die_yield",
    "dies_per_wafer",
    "fit_learning_curve",
    "load_parameters",
    "next_budget",
    "training_cost",
]
