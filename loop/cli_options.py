"""What the commands share: the console, options, and what the values of options mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from loop.errors import LoopError

if TYPE_CHECKING:
    from loop.config import OpenroadSettings

console = Console(highlight=False, markup=False)


def finite(value: float | None) -> float | None:
    """Refuse what no range refuses: not a number, and infinity."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


Halo = Annotated[float, typer.Option(callback=finite, min=0.0, help="um kept free on each side of each hard macro")]
Seed = Annotated[int, typer.Option(min=0, help="of everything random")]


def openroad_settings(tool: str, pdk: str, **settings: Any) -> OpenroadSettings | None:
    """What ``--tool`` and the options for OpenROAD mean; they and the technology are looked at before any work."""
    from eda_adapters.pdk import load_pdk
    from loop.config import OpenroadSettings

    if tool not in ("embedded", "openroad"):
        raise LoopError(f"--tool {tool}: expected embedded or openroad")
    technology = load_pdk(pdk)
    chosen = OpenroadSettings(**settings)
    if tool == "openroad":
        from eda_adapters.openroad.options import FlowOptions
        from eda_adapters.openroad.program import ask_openroad
        from eda_adapters.openroad.scripts import check_technology

        FlowOptions(stop_at=chosen.stop_at)
        check_technology(technology)
        ask_openroad()
        return chosen
    if chosen != OpenroadSettings():
        raise LoopError("--stop-at, --detailed-route, --macro-placer and --threads are for --tool openroad")
    return None
