"""The eight orientations of LEF/DEF and Bookshelf, and how they become the four that a placement knows."""

from __future__ import annotations

from placer.netlist import Orientation

ORIENTATIONS = ("N", "S", "E", "W", "FN", "FS", "FE", "FW")

SPLIT = {
    "N": (False, Orientation.N),
    "FN": (False, Orientation.FN),
    "FS": (False, Orientation.FS),
    "S": (False, Orientation.S),
    "W": (True, Orientation.N),
    "FW": (True, Orientation.FN),
    "FE": (True, Orientation.FS),
    "E": (True, Orientation.S),
}
"""An orientation as a rotation by 90 degrees to W, done first and once (or not), then one without rotation."""

JOIN = {split: orient for orient, split in SPLIT.items()}
"""The inverse of SPLIT."""


def turn(x: float, y: float, orient: str) -> tuple[float, float]:
    """A point turned by an orientation about the origin (LEF/DEF 5.8: a flip, if any, comes before the rotation)."""
    if orient.startswith("F"):
        x, y, orient = {"FN": (-x, y, "N"), "FS": (-x, y, "S"), "FE": (-x, y, "W"), "FW": (-x, y, "E")}[orient]
    return {"N": (x, y), "S": (-x, -y), "E": (y, -x), "W": (-y, x)}[orient]
