"""The PPA report: generations side by side, as one self-contained HTML page and a Markdown table."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import jinja2

from loop import plots
from loop.archive import Archive, Generation
from loop.errors import LoopError
from loop.gate import noise_floor
from loop.metrics import OBJECTIVE, REPORTED, MetricInfo, dollars
from loop.store import write_atomically

METHODS = ("random", "sa", "rl")
PPA_OF_PROXY = (
    ("finish__timing__setup__min_period", "minimum clock period"),
    ("finish__route__wirelength__estimated", "wire length"),
    ("finish__power__total", "power"),
)


@dataclass(frozen=True)
class Cell:
    """One figure in the table: value, change against the parent, and what the change is worth."""

    text: str
    delta: str
    judgement: str  # better, worse, noise, or nothing


def write_report(run: Path) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.md`` into the run folder and return their paths.

    Raises:
        LoopError: the folder holds no archive, or an empty one.
    """
    database = run / "archive.sqlite"
    if not database.exists():
        raise LoopError(f"{database}: no such archive; run `chiploop loop --run {run}` first")
    archive = Archive(database)
    generations = archive.generations()
    archive.close()
    if not generations:
        raise LoopError(f"{database}: no generation is finished yet; run `chiploop loop --run {run} --resume`")
    content = _content(run, generations)
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(
        loader=loader, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    written = []
    for name in ("report.html", "report.md"):
        environment.autoescape = name.endswith(".html")
        write_atomically(run / name, environment.get_template(name + ".j2").render(content))
        written.append(run / name)
    return written[0], written[1]


def _content(run: Path, generations: Sequence[Generation]) -> dict[str, Any]:
    by_number = {g.number: g for g in generations}
    kept = [g for g in generations if g.status == "kept"]
    comparison = placer_rows(generations)
    return {
        "run": run.name,
        "generations": generations,
        "rows": [
            (info, _tool(generations, info.name), [_cell(g, by_number, info) for g in generations])
            for info in REPORTED
            if any(g.values(info.name) for g in generations)
        ],
        "pictures": {g.number: _pictures(run, g) for g in generations},
        "curves": {g.number: plots.learning_curve(g) for g in generations if g.curve},
        "pareto": plots.pareto(generations),
        "training_cost": plots.training_cost(generations),
        "placer_plot": plots.placers(comparison) if comparison else "",
        "comparison": comparison,
        "winners": _winners(comparison),
        "tau": [(label, *proxy_tau(comparison, name)) for name, label in PPA_OF_PROXY],
        "best": kept[-1] if kept else None,
        "gain": _total_gain(kept),
    }


def _total_gain(kept: Sequence[Generation]) -> float | None:
    costs = [g.mean(dollars(OBJECTIVE)) for g in kept]
    return None if len(costs) < 2 or not costs[0] or not costs[-1] else 1 - costs[-1] / costs[0]


def _tool(generations: Sequence[Generation], name: str) -> str:
    return ", ".join(sorted({m.tool for g in generations for m in g.metrics if m.name == name}))


def _cell(generation: Generation, by_number: dict[int, Generation], info: MetricInfo) -> Cell:
    values = generation.values(info.name)
    if not values:
        return Cell("–", "", "")
    mean = sum(values.values()) / len(values)
    spread = (
        f" ± {noise_floor(values) * mean * info.scale:.2g}"
        if len(values) > 2 and mean and noise_floor(values) > 1e-9
        else ""
    )
    text = f"{mean * info.scale:.{info.digits}g}{spread}"
    parent = by_number.get(generation.parent) if generation.parent is not None else None
    before = parent.mean(info.name) if parent else None
    if not parent or not before:
        return Cell(text, "", "")
    change = mean / before - 1
    floor = max((noise_floor(v) for v in (values, parent.values(info.name)) if len(v) > 2), default=0.0)
    if abs(change) <= abs(floor) or not info.better:
        judgement = "noise" if info.better else ""
    else:
        judgement = "better" if (change < 0) == (info.better == "lower") else "worse"
    return Cell(text, f"{change:+.1%}", judgement)


def _pictures(run: Path, generation: Generation) -> list[tuple[str, str]]:
    """(caption, data URI) of each picture that the generation's stages left."""
    found = []
    for stage in sorted(set(generation.stages.values())):
        for path in sorted((run / stage).glob("**/*.png")):
            data = base64.b64encode(path.read_bytes()).decode()
            found.append((path.stem.replace("_", " "), f"data:image/png;base64,{data}"))
    return found


def placer_rows(generations: Sequence[Generation]) -> list[dict[str, Any]]:
    """For each generation and placement method: proxy cost, seconds, and the PPA of the same placement."""
    rows = []
    for g in generations:
        seen = g.observations or {}
        for method in METHODS:
            prefix = "" if method == "rl" else method + "__"

            def figure(name: str, g: Generation = g, prefix: str = prefix, seen: Any = seen) -> float | None:
                value = g.mean(prefix + name)
                return seen.get(prefix + name) if value is None else value

            proxy = figure("place__proxy__total")
            if proxy is not None:
                row = {"generation": g.number, "method": method, "proxy": proxy}
                row |= {name: figure(name) for name, _ in PPA_OF_PROXY}
                rows.append(row | {"seconds": seen.get(f"{method}__seconds")})
    return rows


def proxy_tau(rows: Sequence[dict[str, Any]], name: str) -> tuple[float | None, int]:
    """Kendall's tau between proxy and a figure of PPA, over pairs of placements of the same design; number of pairs."""
    score, pairs = 0, 0
    for a, b in combinations(rows, 2):
        if a["generation"] != b["generation"] or a[name] is None or b[name] is None:
            continue
        pairs += 1
        product = (a["proxy"] - b["proxy"]) * (a[name] - b[name])
        score += (product > 0) - (product < 0)
    return (score / pairs if pairs else None), pairs


def _winners(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One sentence per generation: which placement method reached the lowest proxy cost."""
    names = {"random": "random legal placement", "sa": "simulated annealing", "rl": "the RL policy"}
    sentences = []
    for number in sorted({r["generation"] for r in rows}):
        here = sorted((r for r in rows if r["generation"] == number), key=lambda r: r["proxy"])
        order = ", then ".join(f"{names[r['method']]} ({r['proxy']:.4f})" for r in here)
        sentences.append(f"Generation {number}: lowest proxy by {order}.")
    return sentences
