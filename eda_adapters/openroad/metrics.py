"""OpenROAD's metrics file: one JSON object whose keys may repeat, with 1e+39 for a slack that nothing constrains."""

from __future__ import annotations

import json
import math
from pathlib import Path

from placer.netlist import InputError

_UNCONSTRAINED = 1e30


def read_metrics(path: Path) -> dict[str, float]:
    """The numbers of a metrics file, the last one of a key that repeats; infinite where nothing is constrained.

    Values that are no numbers are left out. Raises InputError if the file is absent or not such an object.
    """
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"its metrics file {path.name} cannot be read ({error})") from error
    if not isinstance(found, dict):
        raise InputError(f"its metrics file {path.name} is not a JSON object")
    numbers = {}
    for key, value in found.items():
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            continue
        if isinstance(value, bool) or math.isnan(number):
            continue
        numbers[key] = math.copysign(math.inf, number) if abs(number) > _UNCONSTRAINED else number
    return numbers
