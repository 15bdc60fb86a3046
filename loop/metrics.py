"""The metrics of a generation: METRICS2.1 names, what they mean, and which direction is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OBJECTIVE = "placer_step"  # the workload that the loop optimises for
WORKLOADS = (OBJECTIVE, "resnet18", "vit_base")  # the others are held out: nothing is tuned on them
DOLLARS = "cost__step__dollars__{workload}"


def dollars(workload: str) -> str:
    """Name of the metric: price of one step of a workload, in dollars."""
    return DOLLARS.format(workload=workload)


@dataclass(frozen=True)
class MetricInfo:
    """How a metric is shown: label, unit, factor from the stored unit, direction."""

    name: str
    label: str
    unit: str
    better: Literal["lower", "higher", ""]
    scale: float = 1.0
    digits: int = 4  # significant digits


REPORTED = (
    MetricInfo(dollars(OBJECTIVE), "training cost per step", "n$", "lower", 1e9),
    MetricInfo("cost__step__seconds", "time per training step", "ms", "lower", 1e3),
    MetricInfo("cost__step__joules", "energy per training step", "mJ", "lower", 1e3),
    MetricInfo("cost__step__co2e", "carbon per training step", "mg CO2e", "lower", 1e6),
    MetricInfo("cost__run__dollars", "training cost of the run", "n$", "lower", 1e9),
    MetricInfo("sim__throughput__tops", "throughput", "GOP/s", "higher", 1e3),
    MetricInfo("sim__utilization", "utilisation of the array", "%", "higher", 100, 3),
    MetricInfo("sim__cycles__stall", "stall cycles per step", "M", "lower", 1e-6),
    MetricInfo("sim__other__ops", "non-matrix operations per step", "M", "", 1e-6),
    MetricInfo("finish__timing__setup__min_period", "minimum clock period", "ns", "lower"),
    MetricInfo("finish__timing__setup__ws", "worst setup slack at the target", "ns", "higher"),
    MetricInfo("finish__timing__setup__tns", "total negative slack", "ns", "higher"),
    MetricInfo("finish__power__total", "power at the target clock", "mW", "lower", 1e3),
    MetricInfo("finish__route__wirelength__estimated", "wire length (Steiner estimate)", "mm", "lower", 1e-3),
    MetricInfo("finish__route__wirelength", "wire length (routed)", "mm", "lower", 1e-3),
    MetricInfo("finish__design__die__area", "die area", "mm2", "lower", 1e-6),
    MetricInfo("finish__design__instance__area", "cell and macro area", "mm2", "lower", 1e-6),
    MetricInfo("synth__design__instance__count__stdcell", "standard cells", "", "lower", 1.0, 6),
    MetricInfo("synth__design__instance__count__macros", "SRAM macros", "", ""),
    MetricInfo("place__proxy__total", "proxy cost (RL)", "", "lower"),
    MetricInfo("place__proxy__wirelength", "proxy: wirelength", "", "lower"),
    MetricInfo("place__proxy__density", "proxy: density", "", "lower"),
    MetricInfo("place__proxy__congestion", "proxy: congestion", "", "lower"),
)
