"""``chiploop place``: one netlist, one method, a time budget, and everything written that a person wants to see."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.table import Table

from loop.errors import LoopError
from loop.store import write_atomically
from loop.training import read_policy
from placer.cost import CostModel, ProxyCost
from placer.legalise import Infeasible
from placer.legality import violations
from placer.load import LoadedDesign, load_any
from placer.netlist import InputError, Netlist, NodeKind, Placement
from placer.picture import draw_map, draw_placement

if TYPE_CHECKING:
    from placer.search import Progress

METHODS = ("auto", "random", "greedy", "analytical", "force", "sa", "rl")


@dataclass(frozen=True)
class Effort:
    """How hard a method tries, and under which rule.

    Attributes:
        seconds: wall-clock budget of auto, sa and rl.
        moves: budget of auto and sa as evaluations of the cost per core, of rl as updates of the policy: then equal
            seeds give equal placements, bit for bit on one machine.
        seed: of everything random.
        halo: um kept free on each side of each hard macro.
        policy: file of the policy that rl starts from; None: a new one.
    """

    seconds: float = 60.0
    moves: int | None = None
    seed: int = 0
    halo: float = 0.0
    policy: Path | None = None


def load_netlist(path: Path, plc: Path | None, lef: Sequence[Path], seed: int) -> LoadedDesign:
    """Read a netlist with something to place; arguments and errors as of ``place_netlist``."""
    beside = path.parent / "initial.plc"
    design = load_any(path, plc or (beside if beside.exists() else None), lef, seed)
    netlist = design.netlist
    if not (np.isin(netlist.node_kind, (NodeKind.HARD, NodeKind.SOFT)) & ~netlist.node_fixed).any():
        raise InputError(f"{path}: there is nothing to place: expected a netlist with macros that are not fixed")
    return design


def place_netlist(
    netlist_path: Path,
    plc: Path | None,
    lef: Sequence[Path],
    method: str,
    effort: Effort,
    out: Path,
    console: Console,
) -> dict[str, Any]:
    """Place a netlist and write placement (in its own format, too), result and pictures into ``out``.

    Args:
        netlist_path: ``.pb.txt`` (Circuit Training), ``.def`` or ``.aux`` (Bookshelf); gzipped or not.
        plc: placement that gives the canvas and the fixed nodes; None: ``initial.plc`` beside the netlist where there
            is one, else a square canvas.
        lef: technology and cells of a ``.def``.
        method: one of METHODS.
        effort: how hard it tries.
        out: folder for the results; it is made.
        console: where the live table goes.

    Raises:
        LoopError: no such method. InputError: the netlist is malformed. Infeasible: it cannot be placed.
    """
    if method not in METHODS:
        raise LoopError(f"there is no placement method {method!r}; the methods are {', '.join(METHODS)}")
    if effort.policy and method != "rl":
        raise LoopError("--policy is for --method rl")
    design = load_netlist(netlist_path, plc, lef, effort.seed)
    netlist, initial = design.netlist, design.placement
    out.mkdir(parents=True, exist_ok=True)  # before any work, which would be lost
    began = time.monotonic()
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        try:
            placement, details = _place(netlist, initial, method, effort, out, live)
        except Infeasible as error:
            raise Infeasible(f"{netlist_path}: {error}") from error
    took = time.monotonic() - began
    wrong = violations(netlist, placement, effort.halo)
    if wrong:
        raise AssertionError(f"{method} left an illegal placement: {wrong[0]}")
    model = CostModel(netlist)
    cost = model.evaluate(placement)
    result = {
        "netlist": netlist_path.name,
        "method": method,
        "seed": effort.seed,
        "halo_um": effort.halo,
        "seconds": took,
        "proxy": cost.total(),
        **asdict(cost),
        "initial_proxy": model.evaluate(initial).total(),
        **details,
    }
    design.write(out, placement)
    write_atomically(out / "result.json", json.dumps(result, indent=1))
    maps = model.maps(placement)
    draw_placement(out / "placement.png", netlist, placement, f"{method}: proxy {cost.total():.4f}", nets=200)
    draw_map(out / "density.png", netlist, maps.density, "density", "covered area / area", placement)
    draw_map(out / "congestion_h.png", netlist, maps.horizontal, "horizontal congestion", "demand / supply", placement)
    draw_map(out / "congestion_v.png", netlist, maps.vertical, "vertical congestion", "demand / supply", placement)
    return result


def _place(
    netlist: Netlist, initial: Placement, method: str, effort: Effort, out: Path, live: Live
) -> tuple[Placement, dict[str, Any]]:
    """The placement, and what the method has to say of it."""
    if method == "rl":
        return _by_policy(netlist, initial, effort, out, live.update)
    return _search(netlist, initial, method, effort, live), {}


def _search(netlist: Netlist, initial: Placement, method: str, effort: Effort, live: Live) -> Placement:
    from placer.baselines.random_legal import random_legal

    seconds, moves, seed, halo = effort.seconds, effort.moves, effort.seed, effort.halo
    chains = len(os.sched_getaffinity(0))

    def show(p: Progress) -> None:
        live.update(_table(p.seconds, p.parts, p.cost, p.best, f"{p.moves / max(p.seconds, 1e-9):,.0f} moves/s"))

    if method == "greedy":
        from placer.baselines.greedy_packing import greedy_packing

        return greedy_packing(netlist, initial, seed, halo)
    if method == "analytical":
        from placer.analytical import place_macros

        return place_macros(netlist, initial, seed, halo)
    if method == "auto":
        from placer.portfolio import place_auto
        from placer.search import Rules

        return place_auto(netlist, initial, seconds, seed, show, moves, chains, Rules(halo)).found.placement
    start = random_legal(netlist, initial, seed, halo)
    if method == "force":
        from placer.baselines.force_directed import force_directed

        return force_directed(netlist, start)
    if method == "sa":
        from placer.baselines.annealing import anneal
        from placer.search import Rules

        return anneal(netlist, start, seconds, seed, show, moves, chains, Rules(halo)).placement
    return start


def _by_policy(
    netlist: Netlist, initial: Placement, effort: Effort, out: Path, show: Callable[[Table], None]
) -> tuple[Placement, dict[str, Any]]:
    """Train a policy on the netlist, then place with it; the curve, and why training ended."""
    from placer import train as learner
    from placer.curve import Progress as TrainProgress
    from placer.ppo import TrainConfig

    seconds = None if effort.moves else effort.seconds
    config = TrainConfig(updates=effort.moves, seconds=seconds, halo=effort.halo)

    def progress(p: TrainProgress) -> None:
        show(_table(p.seconds, None, p.cost, p.best, f"{p.done:.0%}, {p}"))

    parent = read_policy(effort.policy) if effort.policy else None
    result = learner.train(netlist, initial, config, parent, effort.seed, out, progress=progress)
    placed = learner.place(netlist, initial, result.params, effort.seed, config=config)
    model = CostModel(netlist)
    found = [p for p in (placed, result.best) if p is not None and not violations(netlist, p, effort.halo)]
    details = {
        "training_ended": result.reason,
        "updates": result.curve.updates,
        "episodes": result.curve.updates * config.episodes,
        "curve": result.curve.as_dict(),
    }
    return min(found, key=lambda p: model.evaluate(p).total()), details


def _table(seconds: float, parts: ProxyCost | None, cost: float, best: float, note: str) -> Table:
    table = Table("seconds", "cost", "wirelength", "density", "congestion", "best", "")
    cells = [f"{x:.4f}" for x in (parts.wirelength, parts.density, parts.congestion)] if parts else ["", "", ""]
    table.add_row(f"{seconds:.0f}" if seconds else "", f"{cost:.4f}", *cells, f"{best:.4f}", note)
    return table
