"""What a run of the flow is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from placer.netlist import InputError

STAGES = ("floorplan", "globalplace", "detailedplace", "cts", "globalroute", "detailedroute", "finish")
"""The stages in their order, named as OpenROAD-flow-scripts names them; detailedroute is left out unless asked for."""


@dataclass(frozen=True)
class FlowOptions:
    """How the flow runs.

    Attributes:
        stop_at: the last stage to run, one of STAGES.
        detailed_route: whether wires are routed in detail; their parasitics are extracted if the technology has rules.
        openroad_macros: OpenROAD's own macro placer instead of the design's positions: the baseline.
        halo: um left and right, below and above of a macro, that OpenROAD's macro placer keeps free.
        cell_halo: um free of rows around each macro, likewise.
        density: share of each bin that global placement fills; None: a tenth above the least that is possible.
        routability: whether global placement spreads cells where a trial route is congested, again and again: a few per
            cent of wire length for four fifths of its time.
        repair: whether timing is repaired after clock-tree synthesis.
        congestion_iterations: of global routing.
        seed: of what takes one; see :func:`eda_adapters.openroad.scripts.seeded`.
        threads: that OpenROAD may use.
        timeout_s: wall-clock limit of each stage in seconds.
        memory_bytes: limit on the address space.
        file_bytes: limit on the size of each file.
    """

    stop_at: str = "finish"
    detailed_route: bool = False
    openroad_macros: bool = False
    halo: tuple[float, float] = (5.0, 5.0)
    cell_halo: tuple[float, float] = (2.0, 2.0)
    density: float | None = None
    routability: bool = True
    repair: bool = True
    congestion_iterations: int = 50
    seed: int = 0
    threads: int = 1
    timeout_s: float = 3600.0
    memory_bytes: int | None = 16 << 30
    file_bytes: int = 4 << 30

    def __post_init__(self) -> None:
        if self.stop_at not in STAGES:
            raise InputError(f"stop at {self.stop_at}: expected one of {', '.join(STAGES)}")
        if self.density is not None and not 0 < self.density <= 1:
            raise InputError(f"density is {self.density:g}: give a share above 0 and at most 1")

    def stages(self) -> tuple[str, ...]:
        """The stages to run, in their order."""
        wanted = STAGES[: STAGES.index(self.stop_at) + 1]
        routed = self.detailed_route or self.stop_at == "detailedroute"
        return tuple(stage for stage in wanted if stage != "detailedroute" or routed)
