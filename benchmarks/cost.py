"""Exactness and speed of the proxy cost and of reading netlists: ``python -m benchmarks.cost`` writes ``cost.json``.

With names of sections (``python -m benchmarks.cost full moves``) it measures these only. All times are
medians on one core; XLA is kept to one thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.results import Figure, shared_data, write_figures
from placer.cost import CostModel
from placer.cost_jax import cost_arrays, proxy_cost
from placer.cost_smooth import smooth_cost
from placer.formats.plc import load_design, read_plc
from placer.formats.protobuf import read_netlist
from placer.incremental import IncrementalCost, apply_move, cost, undo
from placer.netlist import Netlist, NodeKind, Placement
from placer.validate import validate_cost

COMMAND = "python -m benchmarks.cost"
MOVES = 2000
PINS = 2_000_000


def median_seconds(run: Callable[[], Any], repeats: int, clock: Callable[[], float] = time.thread_time) -> float:
    """Median time of a call, after one that is not counted; by default the thread's own, whatever else runs."""
    run()
    times = []
    for _ in range(repeats):
        start = clock()
        run()
        times.append(clock() - start)
    return float(np.median(times))


def design(name: str, placement: str = "initial") -> tuple[Netlist, Placement]:
    """A benchmark design with one of its placements."""
    folder = shared_data() / "benchmarks" / name
    return load_design(folder / "netlist.pb.txt.gz", folder / f"{placement}.plc")


def legal_moves(
    netlist: Netlist, placement: Placement, kind: NodeKind, count: int, seed: int
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Nodes [count] and places [count, 2]: uniform over the canvas; a hard macro's overlaps no other hard macro."""
    rng = np.random.default_rng(seed)
    canvas = np.array([netlist.canvas.width, netlist.canvas.height])
    hard, movable = netlist.nodes(NodeKind.HARD), netlist.nodes(kind)
    nodes: list[int] = []
    places: list[NDArray[np.float64]] = []
    while len(nodes) < count:
        node = int(rng.choice(movable))
        half = netlist.node_size[node] / 2
        if (2 * half > canvas).any():
            continue
        place = half + rng.random(2) * (canvas - 2 * half)
        others = hard[hard != node] if kind == NodeKind.HARD else hard[:0]
        apart = np.abs(placement.position[others] - place) >= netlist.node_size[others] / 2 + half
        if apart.any(axis=1).all():
            nodes.append(node)
            places.append(place)
    return np.array(nodes, np.int32), np.array(places)


@njit(cache=True)
def _try_all(state: Any, nodes: Any, places: Any) -> float:
    """Try each move in compiled code: move, cost, undo."""
    total = 0.0
    for k in range(nodes.shape[0]):
        apply_move(state, nodes[k], places[k, 0], places[k, 1], state.orientation[nodes[k]])
        total += cost(state)
        undo(state)
    return total


def move_times(name: str, kind: NodeKind) -> dict[str, float]:
    """Microseconds of a move and its cost, from Python (median) and within compiled code with the undo (mean)."""
    netlist, placement = design(name, "legalized")
    moving = IncrementalCost(netlist, placement)
    nodes, places = legal_moves(netlist, placement, kind, MOVES, seed=0)
    times = []
    for node, (x, y) in zip(nodes.tolist(), places.tolist(), strict=True):
        start = time.perf_counter()
        moving.move(node, x, y)
        _ = moving.cost
        times.append(time.perf_counter() - start)
        moving.undo()
    compiled = median_seconds(lambda: _try_all(moving.state, nodes, places), 5) / MOVES
    quartiles = np.percentile(times[10:], [50, 90]) * 1e6
    return {"median": float(quartiles[0]), "p90": float(quartiles[1]), "compiled_with_undo": compiled * 1e6}


def batched_per_s(double: bool, batch: int, repeats: int) -> float:
    """Evaluations of ariane133 a second in batches of jittered placements."""
    netlist, placement = design("ariane133_ng45")
    with jax.enable_x64(double):
        arrays = cost_arrays(netlist)
        evaluate = jax.jit(jax.vmap(proxy_cost, in_axes=(None, 0, 0)))
        jitter = np.random.default_rng(0).normal(0.0, 20.0, (batch, *placement.position.shape))
        positions = jnp.asarray(placement.position + jitter, float)
        turns = jnp.asarray(np.repeat(placement.orientation[None], batch, axis=0))
        return batch / median_seconds(
            lambda: evaluate(arrays, positions, turns)[0].block_until_ready(), repeats, time.perf_counter
        )


def jax_errors() -> dict[str, float]:
    """Largest absolute error of each JAX form over all reference placements of ariane133, and the smooth cost's gap."""
    netlist, _ = design("ariane133_ng45")
    model = CostModel(netlist)
    names = ("initial", "legalized", "random", "random_flipped", "edges", "centre", "initial_flipped")
    folder = shared_data() / "benchmarks" / "ariane133_ng45"
    placements = [read_plc(folder / f"{name}.plc", netlist) for name in names]
    exact = [model.evaluate(p) for p in placements]

    def worst(of: Callable[..., Any], double: bool, chosen: slice, *more: float) -> float:
        with jax.enable_x64(double):
            arrays, evaluate = cost_arrays(netlist), jax.jit(of)
            return max(
                float(
                    np.max(
                        np.abs(np.array(evaluate(arrays, p.position, p.orientation, *more)) - list(vars(e).values()))
                    )
                )
                for p, e in zip(placements[chosen], exact[chosen], strict=True)
            )

    errors = {
        "jax_double": worst(proxy_cost, True, slice(None)),
        "jax_single": worst(proxy_cost, False, slice(None)),
    }
    # Of the smooth cost on the two placements that are near legal.
    return errors | {
        f"smooth_blur_{blur}": worst(smooth_cost, True, slice(0, 2), blur) for blur in (0.3, 0.1, 0.03, 0.01)
    }


def write_large(path: Path, pins: int) -> None:
    """A clustered netlist of this many macro pins: soft macros of 1,000 pins, half of which drive three sinks."""
    per_macro = 1000
    number = '  attr {\n    key: "%s"\n    value {\n      f: %s\n    }\n  }\n'
    word = '  attr {\n    key: "%s"\n    value {\n      placeholder: "%s"\n    }\n  }\n'
    rng = np.random.default_rng(0)
    macros = pins // per_macro
    with path.open("w") as file:
        for macro in range(macros):
            x, y = np.round(rng.uniform(0, 10_000, 2), 3).tolist()
            size = number % ("height", 61.25) + word % ("type", "macro") + number % ("width", 59.725)
            at = (number % ("x", x), number % ("y", y))
            file.write(f'node {{\n  name: "Grp_{macro}"\n{size}{"".join(at)}}}\n')
            owner = word % ("macro_name", f"Grp_{macro}") + word % ("type", "macro_pin")
            rest = owner + at[0] + number % ("x_offset", 0.0) + at[1] + number % ("y_offset", 0.0) + "}\n"
            sinks = rng.integers(0, macros, (per_macro // 2, 3)).tolist()
            entries = [f'node {{\n  name: "Grp_{macro}/Pinput_{k}"\n{rest}' for k in range(per_macro // 2)]
            for k, targets in enumerate(sinks):
                inputs = "".join(f'  input: "Grp_{t}/Pinput_{k}"\n' for t in targets)
                entries.append(f'node {{\n  name: "Grp_{macro}/Poutput_single_{k}"\n{inputs}{rest}')
            file.write("".join(entries))


def load_once(path: Path) -> tuple[float, float, int]:
    """Processor seconds, peak memory in GB and pins of one read of a netlist; meant for a process of its own."""
    start = time.process_time()
    netlist, _ = read_netlist(path)
    seconds = time.process_time() - start
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, len(netlist.pin_names)


def load_large() -> dict[str, float]:
    """Read a netlist of 2 million pins in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.pb.txt"
        write_large(path, PINS)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, memory, pins = pool.apply(load_once, (path,))
        size = path.stat().st_size / 1e9
    return {"seconds": seconds, "peak_memory_gb": memory, "pins": float(pins), "file_gb": size}


def figure(name: str, value: float, unit: str, bar: float | None, section: str) -> Figure:
    """A figure of this benchmark; rates are better when higher, all else when lower."""
    return Figure(name, value, unit, "higher" if unit == "1/s" else "lower", bar, [0], f"{COMMAND} {section}")


def exactness() -> None:
    """Errors against the reference values."""
    worst = max(check.worst for check in validate_cost(shared_data() / "benchmarks"))
    write_figures("cost", [figure("max_abs_error_vs_reference", worst, "1", 1e-6, "exactness")])


def full() -> None:
    """One full evaluation of each design."""
    times = {}
    for name in ("ariane133_ng45", "ariane136_ng45", "mempool_tile_ng45", "nvdla_ng45"):
        netlist, placement = design(name)
        model = CostModel(netlist)
        times[name] = median_seconds(lambda m=model, p=placement: m.evaluate(p), 100) * 1e3  # type: ignore[misc]
    figures = [
        figure("full_eval_ariane133_ms", times["ariane133_ng45"], "ms", 3.0, "full"),
        figure("full_eval_nvdla_ms", times["nvdla_ng45"], "ms", 6.0, "full"),
    ]
    write_figures("cost", figures, {"full_eval_ms": times})


def moves() -> None:
    """Incremental moves."""
    times = {
        f"{name}_{kind.name.lower()}": move_times(name, kind)
        for name in ("ariane133_ng45", "nvdla_ng45")
        for kind in (NodeKind.SOFT, NodeKind.HARD)
    }
    figures = [
        figure("soft_move_us", times["ariane133_ng45_soft"]["median"], "us", 50.0, "moves"),
        figure("hard_move_us", times["ariane133_ng45_hard"]["median"], "us", 300.0, "moves"),
    ]
    write_figures("cost", figures, {"move_us": times})


def batched() -> None:
    """Batches in JAX, in single precision, its default; double beside it."""
    on_gpu = jax.default_backend() == "gpu"
    batch, repeats = (2048, 10) if on_gpu else (16, 5)
    rates = {"single": batched_per_s(False, batch, repeats), "double": batched_per_s(True, batch, repeats)}
    name = "batched_evals_per_s_gpu" if on_gpu else "batched_evals_per_s_cpu"
    bar = 20_000.0 if on_gpu else None
    write_figures("cost", [figure(name, rates["single"], "1/s", bar, "batched")], {name: rates})


def load() -> None:
    """Reading 2 million pins; the time is the processor's, so that other work on the machine does not count."""
    large = load_large()
    write_figures("cost", [figure("load_2m_pins_s", large["seconds"], "s", 20.0, "load")], {"load_2m_pins": large})


def precision() -> None:
    """Errors of the JAX forms and the gap of the smooth cost."""
    write_figures("cost", [], {"max_abs_error": jax_errors()})


SECTIONS = (exactness, full, moves, load, batched, precision)


def main() -> None:
    """Measure the sections named on the command line, by default all; each writes its figures when it is done."""
    wanted = sys.argv[1:] or [section.__name__ for section in SECTIONS]
    for section in SECTIONS:
        if section.__name__ in wanted:
            section()


if __name__ == "__main__":
    main()
