"""``chiploop flow``: one design from RTL to power, performance and area."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from loop import stages
from loop.config import LoopConfig, OpenroadSettings
from loop.gate import noise_floor
from loop.metrics import REPORTED
from loop.progress import Listener
from loop.store import Store, locked
from loop.turn import Turn, back, front
from rtl import AcceleratorSpec


def run_flow(
    root: Path,
    spec: AcceleratorSpec,
    pdk: str,
    seeds: int,
    seconds: float,
    openroad: OpenroadSettings | None,
    listener: Listener,
) -> Table:
    """Verify, synthesise, place the macros by annealing, implement; a table of the figures with their spread.

    Args:
        root: folder for the stages; what is done there already is not done again.
        spec: the design.
        pdk: name or TOML file of the technology.
        seeds: implementations.
        seconds: budget of the annealing; not spent where OpenROAD places the macros.
        openroad: implement with OpenROAD; None: with the embedded flow.
        listener: hears of the progress.
    """
    config = LoopConfig(spec=spec, pdk=pdk, implementation_seeds=tuple(range(1, seeds + 1)), openroad=openroad)
    if openroad and openroad.openroad_macros:
        seconds = 0.0
    with locked(root):
        turn = Turn(0, Store(root), listener)
        chip = front(turn, spec, config)
        placed = turn.stage(
            "anneal", {"floorplan": chip.planned, "seconds": seconds, "seed": config.seed}, ("placer",),
            lambda folder, _: stages.anneal(folder, chip.planned.folder, seconds, config),
        )  # fmt: skip
        jobs = [("sa", seed) for seed in config.implementation_seeds]
        done = back(turn, "implement", chip, placed, jobs, config)
    table = Table("figure", "value", "2 sigma", "unit", "tool")
    for info in REPORTED:
        name = info.name.replace("finish__", f"{config.last_stage}__")
        known = {j["seed"]: j["metrics"][name] for j in done.result["jobs"] if name in j["metrics"]}
        if not known:
            continue
        mean = sum(known.values()) / len(known)
        spread = f"{noise_floor(known) * mean * info.scale:.2g}" if len(known) > 1 and mean else ""
        tool = done.result["jobs"][0]["tools"][name]
        table.add_row(info.label, f"{mean * info.scale:.{info.digits}g}", spread, info.unit, tool)
    return table
