"""Where benchmark figures are written, and where the benchmark netlists are read from."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

RESULTS = Path(__file__).parent / "results"


def shared_data() -> Path:
    """The folder of benchmark netlists and technology data: ``$CHIPLOOP_SHARED``, by default ``../shared``."""
    default = Path(__file__).resolve().parents[2] / "shared"
    return Path(os.environ.get("CHIPLOOP_SHARED", default))


@dataclass(frozen=True)
class Figure:
    """One measured number and the bar that it is held against (None: reported, not held)."""

    name: str
    value: float
    unit: str
    better: Literal["lower", "higher"]
    bar: float | None
    seeds: Sequence[int]
    command: str

    @property
    def holds(self) -> bool:
        """Whether the bar is reached; a figure without a bar always holds."""
        if self.bar is None:
            return True
        return self.value <= self.bar if self.better == "lower" else self.value >= self.bar


def machine() -> str:
    """The processor and the number of cores that figures were measured on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores"


def read_results(file: str) -> dict[str, Any]:
    """All that ``benchmarks/results/<file>.json`` holds; no figures where it is not there."""
    path = RESULTS / f"{file}.json"
    return dict(json.loads(path.read_text())) if path.exists() else {"figures": []}


def write_figures(file: str, figures: Sequence[Figure], details: Mapping[str, Any] | None = None) -> Path:
    """Write ``benchmarks/results/<file>.json``: the figures and, beside them, what else is known.

    Figures of the same file that this run did not measure are kept as they are.
    """
    path = RESULTS / f"{file}.json"
    old = read_results(file)
    stamp = {"machine": machine(), "date": datetime.date.today().isoformat()}
    new = {f.name: asdict(f) | stamp for f in figures}
    kept = [f for f in old["figures"] if f["name"] not in new]
    data = {**old, **(details or {}), "figures": kept + list(new.values())}
    RESULTS.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(data, indent=1) + "\n")
    partial.replace(path)
    return path
