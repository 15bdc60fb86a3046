"""Is the accelerator correct, and how many cycles does it take? Benches, golden models, workloads."""

from sim.cycle_model import CycleBreakdown, ProductError, bus_words, check_product, cycle_breakdown, cycles
from sim.system_model import Memory, ProgramCycles, program_cycles
from sim.validate import Validation, exact_of, validate_cycles
from sim.verification import Activity, BenchTest, Measured, VerifyResult, random_products, verify

__all__ = [
    "Activity",
    "BenchTest",
    "CycleBreakdown",
    "Measured",
    "Memory",
    "ProductError",
    "ProgramCycles",
    "Validation",
    "VerifyResult",
    "bus_words",
    "check_product",
    "cycle_breakdown",
    "cycles",
    "exact_of",
    "program_cycles",
    "random_products",
    "validate_cycles",
    "verify",
]
