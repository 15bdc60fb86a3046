"""What a run of the loop is asked to do."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loop.errors import LoopError
from rtl import AcceleratorSpec


@dataclass(frozen=True)
class Limits:
    """What no generation may exceed; see :mod:`loop.constitution`."""

    max_pes: int = 32  # processing elements: keeps a generation within minutes on 2 cores
    max_macros: int = 48  # SRAM macros
    max_budget: int = 30  # policy updates that a placer may be trained for in one generation
    min_budget: int = 10  # policy updates that it gets in any case
    budget_step: int = 5  # policy updates between the budgets that are weighed


@dataclass(frozen=True)
class OpenroadSettings:
    """OpenROAD in place of the embedded place and route; see :class:`eda_adapters.openroad.options.FlowOptions`."""

    stop_at: str = "finish"
    detailed_route: bool = False
    openroad_macros: bool = False
    threads: int = 1


@dataclass(frozen=True)
class LoopConfig:
    """A run of the loop. Two runs with equal configurations and equal programs give equal archives.

    Attributes:
        spec: the first generation's accelerator.
        pdk: name of a PDK or path of its TOML file.
        seed: of the random stream of everything that is not an implementation seed.
        implementation_seeds: each candidate is implemented once with each; the gate pairs by them.
        first_budget: policy updates of the first generation; the model decides the later ones.
        simulator: icarus or verilator.
        utilisation: share of the rows outside macros and halos that standard cells fill.
        halo_um: um kept free on each side of a macro.
        openroad: implement with OpenROAD; None: with the embedded flow.
    """

    spec: AcceleratorSpec = field(default_factory=AcceleratorSpec)
    pdk: str = "nangate45"
    seed: int = 0
    implementation_seeds: tuple[int, ...] = (1, 2, 3)
    first_budget: int = 20
    simulator: str = "icarus"
    utilisation: float = 0.6
    halo_um: float = 5.0
    openroad: OpenroadSettings | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def last_stage(self) -> str:
        """What the figures of an implementation begin with."""
        return self.openroad.stop_at if self.openroad else "finish"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return json.loads(json.dumps(asdict(self)))


def pin(config: LoopConfig, path: Path) -> None:
    """Write the configuration beside the archive, or check that it is the one that the run was started with.

    Raises:
        LoopError: the run folder belongs to another configuration.
    """
    from loop.store import read_record, write_atomically

    text = json.dumps(config.to_json(), indent=1, sort_keys=True)
    if not path.exists():
        write_atomically(path, text)
        return
    old = read_record(path)
    changed = [key for key, value in config.to_json().items() if old.get(key) != value]
    if changed:
        key = changed[0]
        raise LoopError(
            f"{path}: this run was started with {key} = {old.get(key)!r}, not {config.to_json()[key]!r}; "
            "keep the value, or name another folder with --run"
        )
