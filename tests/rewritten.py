"""The Verilog sources with something changed: a fault to be found, or a rewrite to be proven."""

from __future__ import annotations

import shutil
from pathlib import Path

from rtl.elaborate import SOURCES


def rewritten(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    """Copy the sources into the new ``folder`` and change their file ``name``: what stands there, and what then."""
    shutil.copytree(SOURCES, folder)
    path = folder / name
    text = path.read_text()
    for old, new in changes:
        assert old in text, f"{old} is not in {name}"
        text = text.replace(old, new)
    path.write_text(text)
    return folder
