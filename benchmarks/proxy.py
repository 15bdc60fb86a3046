"""How good placements get: ``python -m benchmarks.proxy [ten hour minute mirrored share members]``.

Proxy cost of ``chiploop place --method auto`` on the four published netlists, single-threaded runs side by side: two at
a time, in ``hour`` all four designs at once. So on two cores a run never has more than one core, and in ``hour`` half
of one. Only ``minute`` gives both cores to one run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from typing import Any

import numpy as np

from benchmarks.baselines import DESIGNS, design
from benchmarks.results import RESULTS, Figure, write_figures
from placer.baselines.annealing import anneal
from placer.baselines.random_legal import random_legal
from placer.cost import CostModel
from placer.formats.plc import read_plc, write_plc
from placer.legalise import legalise
from placer.legality import is_legal
from placer.netlist import Canvas, Netlist, NodeKind, Placement
from placer.portfolio import place_auto
from placer.search import Progress

COMMAND = "python -m benchmarks.proxy"
SEEDS = (1, 2, 3)
MOVES = 400_000
"""Evaluations of a run that is compared with another: what else the machine does has no part in it."""

MIRROR_SEEDS = (1, 2, 3, 4, 5, 6, 7, 8)
"""Short runs of one view differ by up to 2% from seed to seed: three do not tell a difference of 1% from none."""

KEPT = ("design", "view", "seed", "proxy")
"""What is written of a run that is only compared with others."""

BARS_60MIN = {"ariane133_ng45": 0.6512, "ariane136_ng45": 0.6493, "mempool_tile_ng45": 0.7353, "nvdla_ng45": 0.6716}
MEAN_BAR_10MIN = 0.678

View = Callable[[Netlist, Placement], tuple[Netlist, Placement]]


def as_it_is(netlist: Netlist, initial: Placement) -> tuple[Netlist, Placement]:
    """The design as published."""
    return netlist, initial


def mirrored(netlist: Netlist, initial: Placement) -> tuple[Netlist, Placement]:
    """The design in a mirror: left is right."""
    position = initial.position * [-1, 1] + [netlist.canvas.width, 0]
    return replace(netlist, pin_offset=netlist.pin_offset * [-1, 1]), replace(initial, position=position)


def transposed(netlist: Netlist, initial: Placement) -> tuple[Netlist, Placement]:
    """The design with its axes exchanged; orientations FN and FS change places."""
    c = netlist.canvas
    canvas = Canvas(
        c.height, c.width, c.rows, c.columns, c.v_routes_per_um, c.h_routes_per_um, c.v_macro_routes_per_um,
        c.h_macro_routes_per_um, c.smooth_range,
    )  # fmt: skip
    turned = np.array([0, 2, 1, 3], np.int8)[initial.orientation]
    swapped = replace(
        netlist,
        canvas=canvas,
        node_size=netlist.node_size[:, ::-1].copy(),
        pin_offset=netlist.pin_offset[:, ::-1].copy(),
    )
    return swapped, Placement(initial.position[:, ::-1].copy(), turned)


VIEWS: dict[str, View] = {"as_it_is": as_it_is, "mirrored": mirrored, "transposed": transposed}


def curve_of(curve: Sequence[Progress]) -> list[tuple[float, float]]:
    """Seconds and best cost, thinned."""
    points = [(round(p.seconds, 1), round(p.best, 5)) for p in curve]
    return points[:: max(1, len(points) // 40)] + points[-1:]


def checked(netlist: Netlist, initial: Placement, placement: Placement) -> float:
    """Cost of a placement that keeps the published rules: legal, and ports where they were."""
    if not is_legal(netlist, placement):
        raise AssertionError(f"{netlist.name}: the placement is not legal")
    still = netlist.node_fixed | (netlist.node_kind == NodeKind.PORT)
    if not np.array_equal(placement.position[still], initial.position[still]):
        raise AssertionError(f"{netlist.name}: something fixed has moved")
    return CostModel(netlist).evaluate(placement).total()


def run(
    name: str, seed: int, seconds: float, chains: int = 1, view: str = "as_it_is", moves: int | None = None
) -> dict[str, Any]:
    """One run of the portfolio; what it found, and its placement."""
    netlist, initial = VIEWS[view](*design(name))
    auto = place_auto(netlist, initial, seconds, seed, moves=moves, chains=chains)
    found = auto.found
    return {
        "design": name,
        "seed": seed,
        "seconds": seconds,
        "chains": chains,
        "view": view,
        "proxy": checked(netlist, initial, found.placement),
        **asdict(found.parts),
        "evaluations": found.moves,
        "race": auto.race,
        "gains": auto.gains,
        "runs": auto.runs,
        "curve": curve_of(found.curve),
        "placement": found.placement,
    }


def side_by_side(
    jobs: Sequence[tuple[Any, ...]], work: Callable[..., dict[str, Any]] = run, together: int = 2
) -> list[dict[str, Any]]:
    """Do jobs some at a time, each in a process of its own."""
    with ProcessPoolExecutor(together, mp_context=get_context("spawn")) as pool:
        return [job.result() for job in [pool.submit(work, *job) for job in jobs]]


def keep_best(found: Sequence[dict[str, Any]]) -> None:
    """Write the best placement of each design, where it is better than the one that lies there."""
    for name in DESIGNS:
        of_design = [r for r in found if r["design"] == name]
        if not of_design:
            continue
        best = min(of_design, key=lambda r: float(r["proxy"]))
        path = RESULTS / "placements" / f"{name}.plc"
        netlist, _ = design(name)
        if path.exists() and CostModel(netlist).evaluate(read_plc(path, netlist)).total() <= best["proxy"]:
            continue
        path.parent.mkdir(exist_ok=True)
        write_plc(path, netlist, best["placement"])


def plain(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results without their placements, as JSON."""
    return [{k: v for k, v in r.items() if k != "placement"} for r in found]


def mean(found: Sequence[dict[str, Any]], **where: object) -> float:
    """Mean proxy cost of the results that match."""
    return float(np.mean([r["proxy"] for r in found if all(r[k] == v for k, v in where.items())]))


def figure(name: str, value: float, bar: float | None, section: str, seeds: Sequence[int] = SEEDS) -> Figure:
    """A figure that should be low."""
    return Figure(name, value, "proxy cost", "lower", bar, tuple(seeds), f"{COMMAND} {section}")


def ten() -> None:
    """Ten minutes a design, three seeds, one core each."""
    found = side_by_side([(name, seed, 600.0) for seed in SEEDS for name in DESIGNS])
    keep_best(found)
    figures = [figure(f"{name}_proxy_10min", mean(found, design=name), None, "ten") for name in DESIGNS]
    figures.append(figure("mean_proxy_10min", mean(found), MEAN_BAR_10MIN, "ten"))
    write_figures("placement", figures, {"ten_minutes": plain(found)})


def hour() -> None:
    """Sixty minutes for all four designs at once."""
    found = side_by_side([(name, 1, 3600.0) for name in DESIGNS], together=len(DESIGNS))
    keep_best(found)
    figures = [
        figure(f"{r['design'].removesuffix('_ng45')}_proxy_60min", r["proxy"], BARS_60MIN[r["design"]], "hour", (1,))
        for r in found
    ]
    write_figures("placement", figures, {"sixty_minutes": plain(found)})


def minute() -> None:
    """Sixty seconds on two cores."""
    found = [run("ariane133_ng45", seed, 60.0, chains=2) for seed in SEEDS]
    write_figures("placement", [figure("ariane133_proxy_60s", mean(found), 0.70, "minute")], {"minute": plain(found)})


def mirror() -> None:
    """The same designs mirrored and transposed: the largest relative change of a design's mean."""
    found = side_by_side([(n, seed, 0.0, 1, view, MOVES) for n in DESIGNS for view in VIEWS for seed in MIRROR_SEEDS])
    changes = {
        f"{name} {view}": mean(found, design=name, view=view) / mean(found, design=name, view="as_it_is") - 1
        for name in DESIGNS
        for view in VIEWS
        if view != "as_it_is"
    }
    largest = max(abs(v) for v in changes.values())
    write_figures(
        "placement",
        [Figure("mirrored_max_change", largest, "1", "lower", 0.01, MIRROR_SEEDS, f"{COMMAND} mirrored")],
        {"mirrored": {"changes": changes, "runs": [{key: r[key] for key in KEPT} for r in found]}},
    )


def from_initial(name: str, frozen: str) -> dict[str, Any]:
    """Anneal from the legalised published placement with one kind of macro frozen."""
    netlist, initial = design(name)
    start = legalise(netlist, initial)
    kinds = {"hard": [NodeKind.HARD], "soft": [NodeKind.SOFT], "none": []}[frozen]
    held = replace(netlist, node_fixed=netlist.node_fixed | np.isin(netlist.node_kind, kinds))
    found = anneal(held, start, seed=1, moves=MOVES)
    before = CostModel(netlist).evaluate(start).total()
    return {"design": name, "frozen": frozen, "before": before, "proxy": checked(netlist, initial, found.placement)}


def share() -> None:
    """What hard and soft macros each bring, from the published initial placement."""
    found = side_by_side([(n, f) for n in DESIGNS for f in ("hard", "soft", "none")], from_initial)
    shares = {}
    for name in DESIGNS:
        gain = {r["frozen"]: r["before"] - r["proxy"] for r in found if r["design"] == name}
        shares[name] = {"hard_alone": gain["soft"] / gain["none"], "soft_alone": gain["hard"] / gain["none"]}
    value = float(np.mean([s["hard_alone"] for s in shares.values()]))
    write_figures(
        "placement",
        [Figure("hard_macro_share_of_gain", value, "1", "higher", None, (1,), f"{COMMAND} share")],
        {"share_of_gain": {"shares": shares, "runs": found}},
    )


def by_annealing(name: str, seed: int) -> dict[str, Any]:
    """Annealing alone, from a random start."""
    netlist, initial = design(name)
    found = anneal(netlist, random_legal(netlist, initial, seed), seed=seed, moves=MOVES)
    return {"design": name, "seed": seed, "proxy": checked(netlist, initial, found.placement)}


def members() -> None:
    """The portfolio against its best member, annealing, with as many evaluations."""
    jobs = [(name, seed) for name in DESIGNS for seed in SEEDS]
    portfolio = side_by_side([(*job, 0.0, 1, "as_it_is", MOVES) for job in jobs])
    alone = side_by_side(jobs, by_annealing)
    ratio = float(np.mean([a["proxy"] / b["proxy"] for a, b in zip(portfolio, alone, strict=True)]))
    write_figures(
        "placement",
        [Figure("auto_vs_annealing_proxy_ratio", ratio, "1", "lower", 1.0, SEEDS, f"{COMMAND} members")],
        {"members": {"auto": plain(portfolio), "annealing": alone}},
    )


SECTIONS = {"ten": ten, "minute": minute, "mirrored": mirror, "share": share, "members": members, "hour": hour}


def main() -> None:
    """Measure the sections named on the command line, by default all."""
    for name in sys.argv[1:] or SECTIONS:
        SECTIONS[name]()


if __name__ == "__main__":
    main()
