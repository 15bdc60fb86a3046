"""The stages of one turn, and the two halves that a loop and a single flow have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loop import stages
from loop.config import LoopConfig
from loop.progress import Listener
from loop.store import Stage, Store
from rtl import AcceleratorSpec


class Turn:
    """The stages of one generation, as they are run or looked up."""

    def __init__(self, number: int, store: Store, listener: Listener) -> None:
        self.number = number
        self.store = store
        self.listener = listener
        self.done: dict[str, Stage] = {}

    def stage(
        self,
        name: str,
        inputs: Mapping[str, Any],
        folders: tuple[str, ...],
        work: Callable[[Path, Listener], dict[str, Any]],
    ) -> Stage:
        """Run or look up a stage. ``inputs`` are plain values and other stages, which stand for their keys."""
        self.listener.stage(self.number, name)
        keys = {k: v.key if isinstance(v, Stage) else v for k, v in inputs.items()}
        stage = self.store.run(self.number, name, keys, folders, lambda folder: work(folder, self.listener))
        self.listener.finished(stage.cached, str(stage.result.get("note", "")))
        self.done[name] = stage
        return stage

    def folders(self) -> dict[str, str]:
        """Stage name to folder, relative to the run folder."""
        return {name: str(stage.folder.relative_to(self.store.root)) for name, stage in self.done.items()}


@dataclass(frozen=True)
class Front:
    """A design that is verified, mapped and floorplanned."""

    spec: AcceleratorSpec
    verified: Stage
    synthesised: Stage
    planned: Stage


def front(turn: Turn, spec: AcceleratorSpec, config: LoopConfig) -> Front:
    """From the spec to a clustered netlist on a die; DesignFailure where the design is wrong."""
    plain = {"spec": asdict(spec)}
    verified = turn.stage(
        "verify", plain | {"simulator": config.simulator, "seed": config.seed}, ("rtl", "sim"),
        lambda folder, _: stages.verify(folder, spec, config.simulator, config.seed),
    )  # fmt: skip
    synthesised = turn.stage(
        "synth", plain | {"pdk": config.pdk}, ("rtl", "eda_adapters"),
        lambda folder, _: stages.synthesise(folder, spec, config.pdk),
    )  # fmt: skip
    planned = turn.stage(
        "floorplan",
        {
            "synth": synthesised,
            "pdk": config.pdk,
            "utilisation": config.utilisation,
            "halo": config.halo_um,
            "seed": config.seed,
        },
        ("eda_adapters", "placer"),
        lambda folder, _: stages.floorplan(folder, spec, synthesised.folder, config),
    )
    return Front(spec, verified, synthesised, planned)


def back(
    turn: Turn, name: str, chip: Front, placements: Stage, jobs: Sequence[tuple[str, int]], config: LoopConfig
) -> Stage:
    """Implement placements of a stage: ``jobs`` are (method, seed), and ``METHOD.plc`` is in the stage's folder."""
    return turn.stage(
        name,
        {"synth": chip.synthesised, "verify": chip.verified, "placements": placements, "pdk": config.pdk, "jobs": jobs}
        | ({"openroad": asdict(config.openroad)} if config.openroad else {}),
        ("eda_adapters", "placer"),
        lambda folder, listener: stages.implement(
            folder, chip.spec, chip.synthesised.folder, chip.planned.folder, chip.verified, placements.folder, jobs,
            config, listener
        ),
    )  # fmt: skip
