"""Readers against mutated files: ``python -m benchmarks.fuzz`` writes ``formats.json``, 10,000 mutations per format.

A reader either reads a mutated file or refuses it with an expected error of one line that names the file; anything else
(another exception, more than SECONDS of processor time for a file, more than MEMORY) fails the run.
"""

from __future__ import annotations

import resource
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from benchmarks.cost import write_large
from benchmarks.results import Figure, write_figures
from placer.formats.bookshelf import read_bookshelf
from placer.formats.def_ import read_def
from placer.formats.def_netlist import to_netlist
from placer.formats.lef import read_lef
from placer.formats.plc import read_header, read_plc
from placer.formats.protobuf import read_netlist
from placer.netlist import Netlist

COMMAND = "python -m benchmarks.fuzz"
MUTATIONS = 10_000
SECONDS = 10
MEMORY = 2 << 30  # bytes beyond what is in use at the start
SMALL = Path(__file__).parents[1] / "tests" / "designs" / "small"
WORDS = (
    b"nan inf -inf 1e308 -1 0 0.5 1e-300 99999999999999999999 0x10 1_0 ( ) ; + - : # * / \" ' { } \\ \x00 \xff \xc3\xa9"
    b" END DO BY STEP RECT POLYGON LAYER MASK ITERATE NEW PIN LIBRARY terminal /FIXED NetDegree node attr value"
).split(b" ")


@dataclass(frozen=True)
class Outcome:
    """What became of the mutations of one format."""

    accepted: int
    refused: int
    slowest_s: float  # processor time


def mutate(text: bytes, rng: np.random.Generator) -> bytes:
    """A text with one to four random changes: of bytes, spans, words or lines."""
    data = text
    for _ in range(int(rng.integers(1, 5))):
        what = int(rng.integers(7))
        a, b = sorted(rng.integers(0, len(data) + 1, 2).tolist())
        b = min(b, a + int(rng.integers(1, 200)))
        if what == 0:
            data = data[:a] + bytes(rng.integers(0, 256, int(rng.integers(1, 4)), np.uint8)) + data[a + 1 :]
        elif what == 1:
            data = data[:a] + data[b:]
        elif what == 2:
            data = data[:b] + data[a:b] * int(rng.integers(1, 4)) + data[b:]
        elif what == 3 and rng.random() < 0.3:
            data = data[:a]
        else:
            separator = b"\n" if what == 4 else b" "
            parts = data.split(separator)
            i, j = rng.integers(0, len(parts), 2).tolist()
            if what == 5:
                parts[i] = WORDS[int(rng.integers(len(WORDS)))]
            elif what == 6:
                parts.insert(i, parts[j])
            else:
                parts[i], parts[j] = parts[j], parts[i]
            data = separator.join(parts)
    return data


def fuzz(files: Mapping[str, bytes], mutated: str, read: Callable[[Path], Any], count: int, seed: int) -> Outcome:
    """Read mutations of one of a design's files.

    Args:
        files: name to content of each file of the design.
        mutated: name of the file that is mutated.
        read: reads the design from a folder that holds the files.
        count: number of mutations.
        seed: of the mutations.

    Raises:
        AssertionError: a refusal is not one line, or does not name a file.
        TimeoutError: a file took more than SECONDS of processor time.
    """
    rng = np.random.default_rng(seed)
    accepted, refused, slowest = 0, 0, 0.0
    before = signal.signal(signal.SIGPROF, _too_slow)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            for _ in range(count):
                (Path(folder) / mutated).write_bytes(mutate(files[mutated], rng))
                start = time.process_time()
                signal.setitimer(signal.ITIMER_PROF, SECONDS)
                try:
                    read(Path(folder))
                    accepted += 1
                except ValueError as error:
                    if getattr(error, "exit_code", None) is None:  # no refusal of ours
                        raise
                    refused += 1
                    if "\n" in str(error) or not any(word in str(error) for word in (*files, "DEF")):
                        raise AssertionError(f"expected one line that names the file, found {error!s:.200}") from error
                finally:
                    signal.setitimer(signal.ITIMER_PROF, 0)
                slowest = max(slowest, time.process_time() - start)
    finally:
        signal.signal(signal.SIGPROF, before)
    return Outcome(accepted, refused, slowest)


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"reading one mutated file took more than {SECONDS} s of processor time")


def _read_design(folder: Path) -> None:
    library = read_lef(folder / "design.lef")
    to_netlist(read_def(folder / "design.def"), library)


def fuzz_lef(count: int, seed: int) -> Outcome:
    """Mutations of a LEF file with all constructs."""
    files = {"technology.lef": (SMALL / "technology.lef").read_bytes()}
    return fuzz(files, "technology.lef", lambda folder: read_lef(folder / "technology.lef"), count, seed)


def fuzz_def(count: int, seed: int) -> Outcome:
    """Mutations of a DEF file with all constructs, read as far as the netlist."""
    files = {name: (SMALL / name).read_bytes() for name in ("design.def", "design.lef")}
    return fuzz(files, "design.def", _read_design, count, seed)


def fuzz_bookshelf(count: int, seed: int) -> Outcome:
    """Mutations of each file of a Bookshelf design in turn."""
    files = {
        f"d.{suffix}": (SMALL / f"d.{suffix}").read_bytes() for suffix in ("nodes", "nets", "pl", "scl", "wts", "aux")
    }
    share = -(-count // len(files))
    each = [
        fuzz(files, name, lambda folder: read_bookshelf(folder / "d.aux"), share, seed + i)
        for i, name in enumerate(files)
    ]
    return Outcome(sum(o.accepted for o in each), sum(o.refused for o in each), max(o.slowest_s for o in each))


def small_design() -> tuple[bytes, bytes, Netlist]:
    """A small netlist's text, a placement of it, and the netlist, for fuzzing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.pb.txt"
        write_large(path, 2000)
        text = b"\n".join(path.read_bytes().split(b"\n")[:900])
        text = text[: text.rindex(b"node {")]
        names = [line.split(b'"')[1] for line in text.split(b"\n") if b"  name:" in line]
        known = {name for name in names if b"/" in name}
        kept = [k for k in text.split(b"\n") if b"  input:" not in k or k.split(b'"')[1] in known]
        path.write_bytes(b"\n".join(kept))
        netlist, _ = read_netlist(path)
        text = path.read_bytes()
    plc = b"# Columns : 4  Rows : 5\n# Width : 100.5  Height : 90\n# Smoothing factor : 2\n"
    return text, plc + b"0 12.5 14.25 N 0\n", netlist


def read_plc_and_header(path: Path, netlist: Netlist) -> None:
    """Read all of a ``.plc`` file."""
    read_plc(path, netlist)
    read_header(path)


def fuzz_protobuf(count: int, seed: int) -> Outcome:
    """Mutations of a Circuit Training netlist."""
    text, _, _ = small_design()
    return fuzz({"d.pb.txt": text}, "d.pb.txt", lambda folder: read_netlist(folder / "d.pb.txt"), count, seed)


def fuzz_plc(count: int, seed: int) -> Outcome:
    """Mutations of a ``.plc`` placement."""
    _, text, netlist = small_design()
    return fuzz({"d.plc": text}, "d.plc", lambda folder: read_plc_and_header(folder / "d.plc", netlist), count, seed)


FORMATS = {"lef": fuzz_lef, "def": fuzz_def, "bookshelf": fuzz_bookshelf, "protobuf": fuzz_protobuf, "plc": fuzz_plc}


def limit_memory() -> None:
    """Let this process have MEMORY more than it has now."""
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY, resource.RLIM_INFINITY))


def main() -> None:
    """Run all formats under a limit of memory; the counts of each are written when it is through."""
    for run in FORMATS.values():
        run(6, 0)  # compiles and loads what the limit shall not count
    limit_memory()
    details: dict[str, dict[str, float]] = {}
    for name, run in FORMATS.items():
        outcome = run(MUTATIONS, 0)
        details[name] = asdict(outcome)
        slowest = max(detail["slowest_s"] for detail in details.values())
        figures = [
            Figure(
                f"fuzz_{name}_mutations", outcome.accepted + outcome.refused, "1", "higher", MUTATIONS, [0], COMMAND
            ),
            Figure("fuzz_slowest_read_s", slowest, "s", "lower", SECONDS, [0], COMMAND),
        ]
        write_figures("formats", figures, {"fuzz": details})


if __name__ == "__main__":
    main()
