"""The EDA side's readers against mutated files: ``python -m benchmarks.fuzz_eda`` writes to ``flow.json``.

Liberty, Yosys netlists, SAIF, technology descriptions and OpenROAD's metrics, 10,000 mutations of each; the rules are
those of :mod:`benchmarks.fuzz`, which does the same for LEF, DEF, Bookshelf and Circuit Training's formats.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.fuzz import MUTATIONS, Outcome, fuzz, limit_memory
from benchmarks.results import Figure, write_figures
from eda_adapters.activity import read_saif
from eda_adapters.gates import read_gates
from eda_adapters.liberty import LibertyCell, read_liberty
from eda_adapters.openroad.metrics import read_metrics
from eda_adapters.pdk import load_pdk, read_pdk

COMMAND = "python -m benchmarks.fuzz_eda"
CELLS = ("INV_X1", "NAND2_X1", "DFF_X1")
SAIF = """(SAIFILE (SAIFVERSION "2.0") (DIRECTION "backward") (DIVIDER / ) (TIMESCALE 1 ps) (DURATION 2000)
(INSTANCE bench (INSTANCE top (NET (clk (T0 1000) (T1 1000) (TX 0) (TC 20) (IG 0))
(d\\[3\\] (T0 500) (T1 1500) (TX 0) (TC 3))) (INSTANCE core (NET (q (T0 2000) (T1 0) (TX 0) (TC 0)))))))
"""


@cache
def small_liberty() -> bytes:
    """The head of Nangate45's Liberty and three of its cells."""
    text = load_pdk("nangate45").corner.liberty[0].read_text()
    first = re.search(r"^\s*cell\s*\(", text, re.M)
    assert first is not None
    cells = [
        match[0] for name in CELLS if (match := re.search(rf"^\s*cell\s*\({name}\).*?^\s*cell\s*\(", text, re.M | re.S))
    ]
    bodies = [re.sub(r"cell\s*\(\Z", "", cell).rstrip() for cell in cells]
    return "\n".join([text[: first.start()], *bodies, "}", ""]).encode()


def netlist_json() -> bytes:
    """Two registers' worth of a netlist as Yosys writes it."""
    cells = {
        "u0": {"hide_name": 0, "type": "NAND2_X1", "connections": {"A1": [2], "A2": [4], "ZN": [5]}},
        "u1": {"hide_name": 1, "type": "DFF_X1", "connections": {"D": [5], "CK": [3], "Q": [4], "QN": []}},
        "u2": {"hide_name": 0, "type": "INV_X1", "connections": {"A": ["1"], "ZN": [6]}},
    }
    ports = {
        "a": {"direction": "input", "bits": [2]},
        "clk": {"direction": "input", "bits": [3]},
        "y": {"direction": "output", "bits": [6, 4], "offset": 1, "upto": 1},
    }
    names = {"core.q": {"hide_name": 0, "bits": [4]}, "t": {"hide_name": 1, "bits": [5]}}
    return json.dumps(
        {"creator": "Yosys", "modules": {"top": {"ports": ports, "cells": cells, "netnames": names}}}
    ).encode()


@cache
def cells() -> dict[str, LibertyCell]:
    """Nangate45's cells."""
    return dict(read_liberty(*load_pdk("nangate45").corner.liberty).cells)


def _one(name: str, text: Callable[[], bytes], read: Callable[[Path], Any]) -> Callable[[int, int], Outcome]:
    def run(count: int, seed: int) -> Outcome:
        return fuzz({name: text()}, name, lambda folder: read(folder / name), count, seed)

    return run


def _metrics() -> bytes:
    values = {"finish__timing__setup__ws": -0.7, "finish__timing__hold__ws": 1e39, "flow__errors__count": 0}
    return json.dumps(values).encode()


def _read_saif(path: Path) -> None:
    read_saif(path, "top")


FORMATS = {
    "liberty": _one("small.lib", small_liberty, read_liberty),
    "yosys": _one("netlist.json", netlist_json, lambda path: read_gates(path, "top", cells())),
    "saif": _one("activity.saif", SAIF.encode, _read_saif),
    "pdk": _one("own.toml", lambda: read_pdk("nangate45").source.read_bytes(), read_pdk),
    "metrics": _one("finish.json", _metrics, read_metrics),
}


def main() -> None:
    """Run all formats under a limit of memory; the counts are written when all are through."""
    for run in FORMATS.values():
        run(6, 0)  # compiles and loads what the limit shall not count
    limit_memory()
    details = {name: asdict(run(MUTATIONS, 0)) for name, run in FORMATS.items()}
    total = sum(detail["accepted"] + detail["refused"] for detail in details.values())
    bar = 4 * MUTATIONS
    figure = Figure("fuzzed_inputs_without_traceback", total, "1", "higher", bar, [0], COMMAND)
    write_figures("flow", [figure], {"fuzz": details})


if __name__ == "__main__":
    main()
