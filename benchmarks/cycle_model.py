"""The cycle model against the RTL on random products: ``python -m benchmarks.cycle_model``."""

from __future__ import annotations

import tempfile

from benchmarks.results import Figure, write_figures
from sim.validate import validate_cycles

COUNT = 50
SEED = 1


def main() -> None:
    """Run 50 random products on several accelerators in Icarus and write the figure."""
    with tempfile.TemporaryDirectory() as folder:
        validation = validate_cycles(COUNT, folder, SEED, progress=print)
    for row in validation.table():
        print("{:>20} {:>14} {:>11} {:>8} {:>8}".format(*row))
    figure = Figure(
        "cycle_model_exact_of_50",
        validation.exact,
        "products",
        "higher",
        COUNT,
        [SEED],
        "python -m benchmarks.cycle_model",
    )
    write_figures("loop", [figure], {"cycle_model": {"tool": validation.tool, "rows": validation.table()}})
    print(*validation.failures, sep="\n", end="")
    print(f"{validation.exact} of {COUNT} exact")


if __name__ == "__main__":
    main()
