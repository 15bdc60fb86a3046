"""The report's plots, as SVG text that stands in the page."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from loop.archive import Generation
from loop.metrics import OBJECTIVE, dollars
from sim.performance import Performance

COLOURS = {"kept": "#1b7f5c", "rolled back": "#c2573a", "failed": "#8a8f98"}
INK = "#20242b"


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _axes(width: float, height: float, count: int = 1) -> tuple[Figure, list]:  # type: ignore[type-arg]
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(1, count)))
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color="#e4e7eb", linewidth=0.7)
        axis.set_axisbelow(True)
        axis.tick_params(colors=INK, labelsize=9)
    return figure, axes


def pareto(generations: Sequence[Generation]) -> str:
    """Throughput against power, and throughput against die area, one point per generation, with the Pareto front."""
    figure, axes = _axes(9.5, 3.6, 2)
    sides = (("finish__power__total", 1e3, "power, mW"), ("finish__design__die__area", 1e-6, "die area, mm²"))
    for axis, (name, scale, label) in zip(axes, sides, strict=True):
        points = []
        for g in generations:
            cost, speed = g.mean(name), g.mean("sim__throughput__tops")
            if cost is None or speed is None:
                continue
            points.append((cost * scale, speed * 1e3))
            axis.plot(*points[-1], "o", color=COLOURS[g.status], markersize=9)
            axis.annotate(f"gen {g.number}", points[-1], xytext=(7, 5), textcoords="offset points", fontsize=9)
        front = pareto_front(points)
        axis.plot(*zip(*front, strict=True), color=INK, linewidth=1, linestyle=":", zorder=1) if front else None
        axis.set_xlabel(label)
        axis.set_ylabel("throughput, GOP/s")
        axis.margins(0.2)
    return _svg(figure)


def roofline(found: Sequence[Performance]) -> str:
    """Throughput against operations per byte, a point for each layer, under the roofs of array and bus."""
    figure, (axis,) = _axes(7.5, 4.2)
    peak, bandwidth = found[0].peak_ops_per_s, found[0].bus_bytes_per_s
    rows = [layer.row() for one in found for layer in one.layers]
    intensity = np.array([float(row["ops_per_byte"] or 0) for row in rows])
    reach = np.geomspace(min(intensity.min(), peak / bandwidth) / 2, max(intensity.max(), peak / bandwidth) * 2, 64)
    axis.loglog(reach, np.minimum(peak, bandwidth * reach) * 1e-9, color=INK, linewidth=1.2)
    for one, colour in zip(found, [*COLOURS.values(), "#3c6fb0", "#b08a3c"] * len(found), strict=False):
        points = [layer.row() for layer in one.layers]
        x, y = ([float(row[name] or 0) for row in points] for name in ("ops_per_byte", "gops_per_s"))
        axis.plot(x, y, "o", color=colour, markersize=5, alpha=0.8, label=one.workload.name)
    axis.set_xlabel("operations per byte over the bus")
    axis.set_ylabel("GOP/s")
    axis.legend(frameon=False, fontsize=9)
    return _svg(figure)


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other beats on both (first value lower, second higher), by the first value."""
    front: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or point[1] > front[-1][1]:
            front.append(point)
    return front


def learning_curve(generation: Generation) -> str:
    """The placer's training log, the fitted curve with its interval, and the next budget."""
    figure, (axis,) = _axes(4.6, 3.0)
    steps = [p.step for p in generation.curve]
    axis.plot(steps, [p.cost for p in generation.curve], ".", color="#4a6fa5", markersize=4, label="training log")
    band = generation.decision.get("curve")
    if band:
        axis.plot(band["step"], band["mean"], color=INK, linewidth=1.4, label="fit")
        axis.fill_between(band["step"], band["low"], band["high"], color=INK, alpha=0.12, linewidth=0, label="90%")
    axis.axvline(generation.budget, color="#8a8f98", linewidth=1, linestyle="--", label="trained")
    axis.set_xlabel("policy updates")
    axis.set_ylabel("proxy cost")
    axis.legend(frameon=False, fontsize=8)
    return _svg(figure)


def training_cost(generations: Sequence[Generation]) -> str:
    """Price of one training step over the generations, with its spread over seeds."""
    figure, (axis,) = _axes(9.5, 2.8)
    for g in generations:
        values = np.array(list(g.values(dollars(OBJECTIVE)).values())) * 1e9
        if len(values):
            axis.plot([g.number] * len(values), values, "o", color=COLOURS[g.status], alpha=0.55, markersize=6)
            axis.plot([g.number - 0.15, g.number + 0.15], [values.mean()] * 2, color=COLOURS[g.status], linewidth=2)
    axis.set_xticks([g.number for g in generations], [f"gen {g.number}\n{g.status}" for g in generations])
    axis.set_ylabel("n$ per training step")
    axis.margins(x=0.1, y=0.2)
    return _svg(figure)


def placers(rows: Sequence[dict[str, float | int | str | None]]) -> str:
    """Proxy cost by method and generation, as bars."""
    figure, (axis,) = _axes(9.5, 2.8)
    methods = (("random", "#b9bec7"), ("sa", "#d9a441"), ("rl", "#4a6fa5"))
    generations = sorted({int(r["generation"] or 0) for r in rows})
    for shift, (method, colour) in enumerate(methods):
        at = [(int(r["generation"] or 0), float(r["proxy"] or 0)) for r in rows if r["method"] == method]
        bars = axis.bar(
            [generations.index(g) + (shift - 1) * 0.26 for g, _ in at], [v for _, v in at], 0.24, color=colour
        )
        axis.bar_label(bars, fmt="%.3f", fontsize=8)
        bars.set_label({"random": "random legal", "sa": "simulated annealing", "rl": "RL policy"}[method])
    axis.set_xticks(range(len(generations)), [f"gen {g}" for g in generations])
    axis.set_ylabel("proxy cost")
    axis.margins(y=0.15)
    axis.legend(frameon=False, fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.18))
    return _svg(figure)
