"""Imports point one way, as docs/design.md says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("placer", "rtl", "sim", "eda_adapters", "cost_models", "loop", "benchmarks", "tests")
MAY_IMPORT = {
    "placer": (),
    "rtl": (),
    "cost_models": (),
    "sim": ("rtl", "eda_adapters.tool"),
    "eda_adapters": ("placer.netlist", "placer.formats", "placer.legality", "placer.analytical", "rtl"),
    "loop": ("placer", "rtl", "sim", "eda_adapters", "cost_models"),
}


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_point_one_way(folder: str) -> None:
    allowed = (folder, *MAY_IMPORT[folder])
    for path in (ROOT / folder).rglob("*.py"):
        for name in imported(path):
            if name.split(".")[0] in OURS:
                assert any(name == a or name.startswith(a + ".") for a in allowed), f"{path.relative_to(ROOT)}: {name}"


def test_no_folder_is_a_bag_of_things() -> None:
    names = {p.stem for folder in OURS for p in (ROOT / folder).rglob("*")}
    assert not names & {"utils", "util", "common", "helpers", "misc"}
