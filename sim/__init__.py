"""Is the accelerator correct, and how many cycles does it take? Benches, golden models, workloads."""

from sim.cycle_model import CycleBreakdown, ProductError, bus_words, check_product, cycle_breakdown, cycles

__all__ = [
    "CycleBreakdown",
    "ProductError",
    "bus_words",
    "check_product",
    "cycle_breakdown",
    "cycles",
]
