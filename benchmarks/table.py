"""Print all committed figures, and which of their bars hold: ``python -m benchmarks.table``."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table

from benchmarks.results import RESULTS


def main() -> None:
    """Read ``benchmarks/results/*.json`` and print one table."""
    table = Table("file", "figure", "value", "unit", "bar", "holds", "command")
    for path in sorted(RESULTS.glob("*.json")):
        for figure in json.loads(path.read_text())["figures"]:
            bar, value = figure["bar"], figure["value"]
            sign = "<=" if figure["better"] == "lower" else ">="
            holds = "" if bar is None else "yes" if (value <= bar if sign == "<=" else value >= bar) else "no"
            shown = "" if bar is None else f"{sign} {bar:g}"
            style = "red" if holds == "no" else ""
            row = (path.stem, figure["name"], f"{value:.6g}", figure["unit"], shown, holds, figure["command"])
            table.add_row(*row, style=style)
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
