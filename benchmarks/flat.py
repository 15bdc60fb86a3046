"""What flat placement reaches: ``python -m benchmarks.flat [iccad04 scaling]``, into ``placement.json``."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks import iccad04, scaling

SECTIONS: dict[str, Callable[[], None]] = {"iccad04": iccad04.measure, "scaling": scaling.measure}


def main() -> None:
    """Measure the sections and write ``benchmarks/results/placement.json``, each as it ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", nargs="*", default=list(SECTIONS), help="[default: all]")
    for name in parser.parse_args().section:
        if name not in SECTIONS:
            parser.error(f"unknown section {name!r}; there are {', '.join(SECTIONS)}")
        SECTIONS[name]()


if __name__ == "__main__":
    main()
