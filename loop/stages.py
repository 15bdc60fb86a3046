"""What each stage of a generation does, from files to files.

A stage writes into the folder that it is given and returns plain values; it knows nothing of generations. Modules that
take long to import are imported by the stage that needs them, so that a run from the cache is quick.
"""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.config import LoopConfig
from loop.metrics import OBJECTIVE
from loop.progress import Listener
from loop.store import Stage, write_atomically
from loop.training import POLICY, read_policy, write_policy
from placer.netlist import Netlist, NodeKind, Placement
from rtl import AcceleratorSpec, SramShape, elaborate
from rtl.elaborate import TOP

if TYPE_CHECKING:
    from eda_adapters.gates import GateNetlist
    from eda_adapters.implement import Ppa
    from eda_adapters.liberty import Library
    from eda_adapters.sram import SramMacro
    from eda_adapters.technology import Pdk
    from placer.ppo import TrainConfig

NETLIST, INITIAL = "netlist.pb.txt.gz", "initial.plc"


class DesignFailure(ValueError):
    """A design is wrong or infeasible: its generation failed, the loop goes on; by itself it is a defect of ours."""

    exit_code = 1


def verify(
    folder: Path, spec: AcceleratorSpec, simulator: str, seed: int, only: str | None = None, waves: bool = False
) -> dict[str, Any]:
    """Check the design bit-exactly and its cycles against the model; record its switching activity, and waveforms."""
    import sim

    design, saif = elaborate(spec, folder / "rtl"), folder / "activity.saif"
    result = sim.verify(design, folder / "sim", simulator, seed, None, saif, only, waves=waves)  # type: ignore[arg-type]
    if not result.passed:
        raise DesignFailure(f"verification: {result.failure}")
    off = [c for c in result.cycles if c.cycles != c.model]
    if off:
        raise DesignFailure(f"the cycle model says {off[0].model} and the RTL {off[0].cycles} for {off[0]}")
    activity = result.activity
    assert activity is not None
    passes = sum(c.vector for c in result.cycles)
    ran = f"{len(result.cycles) - passes} products{f' and {passes} passes' if passes else ''}"
    return {
        "tests": len(result.tests),
        "products": [asdict(c) for c in result.cycles],
        "activity_cycles": activity.cycles,
        "clock_ns": activity.clock_ns,
        "tool": result.tool,
        "note": f"{len(result.tests)} tests passed, {ran} bit- and cycle-exact ({result.tool})",
    }


def synthesise(folder: Path, spec: AcceleratorSpec, pdk: str) -> dict[str, Any]:
    """Map the design to the technology's cells."""
    from eda_adapters.pdk import load_pdk
    from eda_adapters.synthesis import synthesize

    done = synthesize(elaborate(spec, folder / "rtl"), load_pdk(pdk), folder, spec.clock_ns)
    cells, macros = (int(done.metrics[f"synth__design__instance__count__{kind}"]) for kind in ("stdcell", "macros"))
    return {
        "metrics": dict(done.metrics),
        "tool": done.tool,
        "top": done.gates.top,
        "note": f"{cells} cells, {macros} SRAM macros ({done.tool})",
    }


def floorplan(folder: Path, spec: AcceleratorSpec, synth: Path, config: LoopConfig) -> dict[str, Any]:
    """Size the die, put the ports on its edge, and cluster the cells into soft macros."""
    from placer.clustering import group
    from placer.formats.plc import write_plc
    from placer.formats.protobuf_writer import write_netlist
    from placer.partitioning import partition

    _, flat, placement = _flat(spec, synth, config)
    netlist, initial = group(flat, placement, partition(flat, seed=config.seed))
    write_netlist(folder / NETLIST, netlist, initial)
    write_plc(folder / INITIAL, netlist, initial)
    canvas = netlist.canvas
    return {
        "note": f"{canvas.width:.0f} x {canvas.height:.0f} um, {canvas.columns} x {canvas.rows} grid, "
        f"{len(netlist.nodes(NodeKind.SOFT))} soft macros, {len(netlist.net_weight)} nets"
    }


def workloads(folder: Path, planned: Path, config: LoopConfig) -> dict[str, Any]:
    """What designs are measured on: the placer's own training step, and held-out networks."""
    from placer.train import training_step_example
    from sim.networks import resnet18, vit_base
    from sim.workload import from_jax

    function, args = training_step_example(*_netlist(planned), train_config(config, 1))
    found = [from_jax(function, *args, name=OBJECTIVE), resnet18(), vit_base()]
    write_atomically(folder / "workloads.json", json.dumps({w.name: w.to_json() for w in found}, indent=1))
    own = found[0]
    return {
        "note": f"the placer's training step: {own.macs / 1e6:.0f} M multiply-adds in {len(own.ops)} shapes, "
        f"{own.other / 1e6:.0f} M other operations"
    }


def train(
    folder: Path, planned: Path, budget: int, parent: Path | None, config: LoopConfig, listener: Listener
) -> dict[str, Any]:
    """Train the placer's policy, from the parent's where there is one; an interrupted training goes on."""
    from placer import train as learner
    from placer.curve import Progress

    def progress(p: Progress) -> None:
        clock.note()
        listener.advance(p.done, str(p))

    clock = Stopwatch(folder / "seconds.json")
    netlist, initial = _netlist(planned)
    params = read_policy(parent / POLICY) if parent else None
    settings = train_config(config, budget)
    result = learner.train(netlist, initial, settings, params, config.seed, folder, resume=True, progress=progress)
    write_policy(folder / POLICY, result.params)
    curve = result.curve
    columns = [column.tolist() for column in (curve.cost, curve.best, curve.entropy, curve.kl)]
    return {
        "curve": [[step, *row] for step, row in enumerate(zip(*columns, strict=True), 1)],
        "best": result.best_cost,
        "reason": result.reason,
        "seconds": clock.note(),
        "note": f"cost {columns[0][0]:.4f} to {columns[0][-1]:.4f}; {result.reason}",
    }


def place(folder: Path, planned: Path, trained: Path, config: LoopConfig) -> dict[str, Any]:
    """Place with the trained policy, and at random for comparison; both legal, halos kept.

    Both get the environment's soft macros and flips, so that they differ in where the hard macros are.
    """
    from placer.baselines.random_legal import random_legal
    from placer.train import place as by_policy
    from placer.train import settle

    netlist, initial = _netlist(planned)
    settings = train_config(config, 1)
    params = read_policy(trained / POLICY)
    clock = Stopwatch(folder / "seconds.json")
    learned = by_policy(netlist, initial, params, config.seed, config=settings)
    seconds = clock.note()
    random = random_legal(netlist, initial, config.seed, config.halo_um)
    proxy = {
        "rl": _score(folder / "rl.plc", netlist, learned),
        "random": _score(folder / "random.plc", netlist, settle(netlist, initial, random, settings)),
    }
    return {
        "proxy": proxy,
        "seconds": seconds,
        "note": f"proxy {proxy['rl']['total']:.4f}, random legal {proxy['random']['total']:.4f}",
    }


def anneal(folder: Path, planned: Path, seconds: float, config: LoopConfig) -> dict[str, Any]:
    """Anneal from the random legal placement for the wall-clock time that the policy took, on all cores."""
    from placer.baselines.annealing import anneal as annealed
    from placer.baselines.random_legal import random_legal
    from placer.search import Rules

    netlist, initial = _netlist(planned)
    start = random_legal(netlist, initial, config.seed, config.halo_um)
    cores = len(os.sched_getaffinity(0))
    result = annealed(netlist, start, seconds, config.seed, chains=cores, rules=Rules(config.halo_um))
    proxy = _score(folder / "sa.plc", netlist, result.placement)
    return {"proxy": proxy, "seconds": seconds, "note": f"proxy {proxy['total']:.4f} in {seconds:.0f} s"}


def implement(
    folder: Path,
    spec: AcceleratorSpec,
    synth: Path,
    planned: Path,
    verified: Stage,
    placements: Path,
    jobs: Sequence[tuple[str, int]],
    config: LoopConfig,
    listener: Listener,
) -> dict[str, Any]:
    """Implement placements, each with a seed, side by side: cells, wires, timing, power.

    A job that is done leaves ``job.json`` in its folder, so that an interrupted stage goes on with the rest.
    """
    arguments = [
        (folder / f"{method}-{seed}", spec, synth, planned, verified.folder / "activity.saif",
         float(verified.result["clock_ns"]), placements / f"{method}.plc", method, seed, config)
        for method, seed in jobs
    ]  # fmt: skip
    workers = min(len(os.sched_getaffinity(0)), len(jobs))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_die_with_parent) as pool:
        futures = [pool.submit(_implement, *a) for a in arguments]
        for number, future in enumerate(as_completed(futures), 1):
            future.result()
            listener.advance(number / len(futures), f"{number} of {len(futures)} implementations")
    results = [future.result() for future in futures]
    periods = [r["metrics"][f"{config.last_stage}__timing__setup__min_period"] for r in results]
    return {
        "jobs": results,
        "note": f"minimum period {min(periods):.3f} to {max(periods):.3f} ns over {len(jobs)} runs",
    }


def _implement(
    folder: Path,
    spec: AcceleratorSpec,
    synth: Path,
    planned: Path,
    saif: Path,
    saif_cycle: float,
    plc: Path,
    method: str,
    seed: int,
    config: LoopConfig,
) -> dict[str, Any]:
    """One job of ``implement``, in a process of its own."""
    from placer.formats.plc import read_plc

    record = folder / "job.json"
    if record.exists():
        return json.loads(record.read_text())
    mapped, flat, ports = _flat(spec, synth, config)
    clustered, _ = _netlist(planned)
    placement = onto(flat, ports, clustered, read_plc(plc, clustered))
    ppa = _implementer(config)(
        mapped.gates, flat, placement, mapped.pdk, mapped.srams, spec.clock_ns, folder, seed, saif, saif_cycle
    )
    ppa.files["picture"].rename(folder / f"{method}_seed_{seed}.png")
    result = {"method": method, "seed": seed, "metrics": dict(ppa.metrics), "tools": dict(ppa.tools)}
    write_atomically(record, json.dumps(result))
    return result


def _implementer(config: LoopConfig) -> Callable[..., Ppa]:
    """The embedded flow, or OpenROAD's with the run's settings."""
    if config.openroad is None:
        from eda_adapters.implement import implement

        return implement
    from eda_adapters.openroad.implement import implement as by_openroad
    from eda_adapters.openroad.options import FlowOptions

    halo = (config.halo_um, config.halo_um)
    return partial(by_openroad, options=FlowOptions(**asdict(config.openroad), halo=halo))


def _die_with_parent() -> None:
    """Have the kernel end this worker when the loop is killed (prctl PR_SET_PDEATHSIG, Linux)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Stopwatch:
    """Seconds of work on a stage, those before an interruption included as far as they were noted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = json.loads(path.read_text()) if path.exists() else 0.0
        self._since = time.monotonic()

    def note(self) -> float:
        """Write the seconds so far down and return them."""
        seconds = float(self._before + time.monotonic() - self._since)
        write_atomically(self._path, json.dumps(seconds))
        return seconds


@dataclass(frozen=True)
class Mapped:
    """A synthesised design as later stages need it."""

    gates: GateNetlist
    pdk: Pdk
    srams: tuple[SramMacro, ...]


def train_config(config: LoopConfig, updates: int) -> TrainConfig:
    """The learner's settings in a loop; a plateau does not end training, since the cost model decides the budget."""
    from placer.ppo import TrainConfig

    return TrainConfig(updates=updates, halo=config.halo_um, plateau_updates=0, checkpoint_updates=5)


def mapped_design(spec: AcceleratorSpec, synth: Path, pdk_name: str) -> tuple[Mapped, Library]:
    """A synthesised design in a technology, from its stage's folder, and the Liberty cells of its masters."""
    from eda_adapters.drive import strengthen
    from eda_adapters.gates import read_gates
    from eda_adapters.liberty import read_liberty
    from eda_adapters.pdk import load_pdk
    from eda_adapters.sram import generate_sram

    pdk = load_pdk(pdk_name)
    srams = (generate_sram(SramShape(spec.words_per_bank, spec.bus_bits), pdk, synth / "sram"),)
    library = read_liberty(*pdk.corner.liberty, *(s.lib for s in srams))
    gates = strengthen(read_gates(synth / "synth.json", TOP, library.cells), library.cells, pdk)
    return Mapped(gates, pdk, srams), library


def _flat(spec: AcceleratorSpec, synth: Path, config: LoopConfig) -> tuple[Mapped, Netlist, Placement]:
    """The flat netlist of a synthesised design on its die, and its initial placement."""
    from eda_adapters.floorplan import floorplan as plan
    from placer.formats.lef import read_lef

    mapped, _ = mapped_design(spec, synth, config.pdk)
    library = read_lef(*mapped.pdk.lefs, *(s.lef for s in mapped.srams))
    halo = (config.halo_um, config.halo_um)
    return mapped, *plan(mapped.gates, library, mapped.pdk, config.utilisation, halo)


def _netlist(planned: Path) -> tuple[Netlist, Placement]:
    """The clustered netlist, and the initial placement with its ports."""
    from placer.formats.plc import load_design

    return load_design(planned / NETLIST, planned / INITIAL)


def _score(plc: Path, netlist: Netlist, placement: Placement) -> dict[str, float]:
    """Write a placement; its exact proxy cost and the parts of it."""
    from placer.cost import CostModel
    from placer.formats.plc import write_plc

    write_plc(plc, netlist, placement)
    cost = CostModel(netlist).evaluate(placement)
    return {"total": cost.total(), **{k: float(v) for k, v in asdict(cost).items()}}


def onto(flat: Netlist, ports: Placement, clustered: Netlist, placement: Placement) -> Placement:
    """A flat netlist's placement with the hard macros where a clustered netlist's placement has them."""
    where = {clustered.node_names[i]: i for i in clustered.nodes(NodeKind.HARD)}
    position, orientation = ports.position.copy(), ports.orientation.copy()
    for node in flat.nodes(NodeKind.HARD):
        source = where[flat.node_names[node]]
        position[node], orientation[node] = placement.position[source], placement.orientation[source]
    return Placement(position, orientation)
