"""The main job measured: ``python -m benchmarks.loop [--parts run,kill]``, with the machine otherwise idle.

``run`` takes three generations with the defaults in an empty folder, then the same again from the cache. ``kill`` takes
that run again, killed with SIGKILL at five random times and resumed, and compares the archives; it needs ``run``'s.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.results import Figure, write_figures
from loop.archive import Archive, Generation
from loop.metrics import OBJECTIVE, dollars

KILLS = 5
COMMAND = "make bench-loop"
RUNS = Path("runs")


def start(run: Path) -> subprocess.Popen[bytes]:
    """Start a loop in a process group of its own."""
    argv = [sys.executable, "-m", "loop.cli", "loop", "--run", str(run), "--resume"]
    return subprocess.Popen(argv, start_new_session=True)


def finish(run: Path) -> float:
    """Run a loop to its end; seconds."""
    began = time.monotonic()
    process = start(run)
    if process.wait() != 0:
        raise SystemExit(f"the loop in {run} ended with exit code {process.returncode}")
    return time.monotonic() - began


def measure_run(run: Path) -> list[Figure]:
    """Three generations, and again from the cache."""
    shutil.rmtree(run, ignore_errors=True)
    seconds, again = finish(run), finish(run)
    archive = Archive(run / "archive.sqlite")
    generations = archive.generations()
    archive.close()

    def ratio(other: str) -> float:
        return statistics.median(_proxy(g, "") / _proxy(g, other) for g in generations)

    def price(generation: Generation) -> float:
        return generation.mean(dollars(OBJECTIVE)) or float("nan")

    first, last = generations[0], [g for g in generations if g.status == "kept"][-1]
    return [
        Figure("generations_3_s", seconds, "s", "lower", 900, (0,), COMMAND),
        Figure("cached_rerun_s", again, "s", "lower", 20, (0,), COMMAND),
        Figure("rl_vs_random_proxy_ratio", ratio("random__"), "1", "lower", None, (0,), COMMAND),
        Figure("rl_vs_sa_proxy_ratio", ratio("sa__"), "1", "lower", None, (0,), COMMAND),
        Figure("training_cost_usd_per_step_first", price(first), "USD", "lower", None, (1, 2, 3), COMMAND),
        Figure("training_cost_usd_per_step_last", price(last), "USD", "lower", None, (1, 2, 3), COMMAND),
    ]


def measure_kills(reference: Path, run: Path, seed: int) -> tuple[Figure, dict[str, object]]:
    """Kill a run at random times, one after another, and compare what it ends with."""
    shutil.rmtree(run, ignore_errors=True)
    total = _figure("generations_3_s")
    rng = random.Random(seed)
    times = [rng.uniform(0.2, 1.8) * total / (KILLS + 1) for _ in range(KILLS)]
    killed = []
    for seconds in times:
        process = start(run)
        try:
            process.wait(seconds)
            break
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            killed.append(seconds)
    finish(run)
    equal = Archive(run / "archive.sqlite").digest() == Archive(reference / "archive.sqlite").digest()
    figure = Figure("kill_resume_equal_of_5", len(killed) if equal else 0, "kills", "higher", KILLS, (seed,), COMMAND)
    return figure, {"killed_after_s": killed, "archives_equal": equal}


def _proxy(generation: Generation, prefix: str) -> float:
    name = prefix + "place__proxy__total"
    value = generation.mean(name)
    return value if value is not None else (generation.observations or {})[name]


def _figure(name: str) -> float:
    results = json.loads((Path(__file__).parent / "results" / "loop.json").read_text())["figures"]
    return float(next(f["value"] for f in results if f["name"] == name))


def main() -> None:
    """Measure what ``--parts`` names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="run,kill")
    parser.add_argument("--seed", type=int, default=1, help="of the times of the kills")
    asked = parser.parse_args()
    if "run" in asked.parts:
        write_figures("loop", measure_run(RUNS / "bench"))
    if "kill" in asked.parts:
        figure, details = measure_kills(RUNS / "bench", RUNS / "bench-kill", asked.seed)
        write_figures("loop", [figure], {"kill_resume": details})


if __name__ == "__main__":
    main()
