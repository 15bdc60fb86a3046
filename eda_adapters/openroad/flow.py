"""Run the OpenROAD flow, stage by stage, in one folder, and check that what was placed is what is scored."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from eda_adapters.openroad.design import PhysicalDesign, PlacedMacro
from eda_adapters.openroad.metrics import read_metrics
from eda_adapters.openroad.options import FlowOptions
from eda_adapters.openroad.program import Program, ask_openroad
from eda_adapters.openroad.reproducible import pack_stage
from eda_adapters.openroad.scripts import Flow, check_program, inputs, script, seeded
from eda_adapters.technology import Pdk
from eda_adapters.tool import ToolError, ToolRun, run_tool
from placer.formats.def_ import read_def
from placer.formats.lef import LefLibrary
from placer.netlist import InputError


@dataclass(frozen=True)
class FlowResult:
    """What the flow ended with."""

    metrics: Mapping[str, float]  # METRICS2.1 keys of all stages, "STAGE__..."; um, um2, ns, W as the Liberty has them
    macros: tuple[PlacedMacro, ...]  # as they lie in the last DEF
    layout: Path  # DEF of the last stage
    stages: tuple[str, ...]  # those that were run
    tool: str  # name and version
    seeded: Mapping[str, str]  # command to what the seed changed
    threads: int
    seconds: Mapping[str, float]  # wall clock of each stage
    cpu_seconds: Mapping[str, float]


class StageError(ToolError):
    """A stage failed; the message says which, why, and how to repeat it."""


def run_flow(
    design: PhysicalDesign,
    library: LefLibrary,
    pdk: Pdk,
    out_dir: Path,
    options: FlowOptions | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> FlowResult:
    """Run the stages that the options ask for.

    Args:
        design: netlist, constraints, die, macros, ports.
        library: LEF of everything, for the size of macros.
        pdk: the technology; it must have routing rules.
        out_dir: folder of the run: scripts, logs, metrics, databases and DEF of each stage.
        options: how (default: all stages but the detailed route).
        progress: called with each stage's name as it starts.

    Raises:
        StageError: a stage failed, ran out of time, memory or disk, or wrote what cannot be used; ``STAGE.tar.gz`` in
            ``out_dir`` repeats it.
        ToolError: the program is missing or too old.
        PdkError: the technology lacks what OpenROAD must know.
    """
    flow = Flow(design, pdk, options or FlowOptions(), ask_openroad())
    check_program(flow)
    folder = out_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    metrics: dict[str, float] = {}
    seconds: dict[str, float] = {}
    cpu: dict[str, float] = {}
    before = None
    macros: tuple[PlacedMacro, ...] = ()
    stages = flow.options.stages()
    for stage in stages:
        progress(stage)
        run, found = _run_stage(stage, before, flow, folder)
        macros = _check_macros(stage, flow, run, folder, library)
        seconds[stage], cpu[stage] = run.seconds, run.cpu_seconds
        metrics |= {key if key.startswith(f"{stage}__") else f"{stage}__{key}": value for key, value in found.items()}
        before = stage
    return FlowResult(
        metrics, macros, folder / f"{stages[-1]}.def", stages, flow.program.name, seeded(flow), flow.options.threads,
        seconds, cpu,
    )  # fmt: skip


def arguments(program: Program, stage: str, threads: int) -> list[str]:
    """OpenROAD's command line but for the script: it ends with the script and takes nothing from the user's home."""
    words = ["-no_init", "-no_splash", "-exit", "-threads", str(threads), "-metrics", f"{stage}.json"]
    return [str(program.path), *words]


def _run_stage(stage: str, before: str | None, flow: Flow, folder: Path) -> tuple[ToolRun, dict[str, float]]:
    """Run one stage; its metrics. What an earlier run of it left is removed first."""
    text = script(stage, before, flow)
    for suffix in ("odb", "sdc", "def", "json"):
        (folder / f"{stage}.{suffix}").unlink(missing_ok=True)
    (folder / f"{stage}.tcl").write_text(text)
    options = flow.options
    words = arguments(flow.program, stage, options.threads)
    log = folder / f"{stage}.log"
    try:
        run = run_tool(
            [*words, f"{stage}.tcl"],
            cwd=folder,
            log=log,
            timeout_s=options.timeout_s,
            memory_bytes=options.memory_bytes,
            file_bytes=options.file_bytes,
            name="openroad",
        )
        found = read_metrics(folder / f"{stage}.json")
        for suffix in ("odb", "sdc", "def"):
            if not (folder / f"{stage}.{suffix}").is_file():
                raise ValueError(f"it wrote no {stage}.{suffix}")
        if not any(key.startswith(f"{stage}__") for key in found):
            raise ValueError(f"its metrics have no {stage}__ figure")
    except (ToolError, ValueError) as error:
        raise _failed(stage, before, flow, folder, text, error) from error
    return run, found


def _failed(stage: str, before: str | None, flow: Flow, folder: Path, text: str, error: Exception) -> StageError:
    """The error of a failed stage, with OpenROAD's own words if it had any, and its reproducible."""
    log = folder / f"{stage}.log"
    said = re.findall(r"^(?:\[ERROR .*|Error: .*)$", log.read_text(errors="replace"), re.M) if log.is_file() else []
    first, _, rest = str(error).partition("\n")
    why = f"{said[0][:300]} ({first})" if said else first
    try:
        needed = inputs(flow, before) + ([folder / f"{before}.{suffix}" for suffix in ("odb", "sdc")] if before else [])
        words = arguments(flow.program, stage, flow.options.threads)[1:]
        archive = pack_stage(folder / f"{stage}.tar.gz", folder, text, needed, words)
        again = f"repeat it: tar xzf {shlex.quote(str(archive))} && {stage}/run.sh"
    except OSError as problem:
        again = f"its reproducible could not be written: {problem}"
    tail = f"\n{rest}" if rest else ""
    return StageError(f"openroad failed at stage {stage}: {why}; {again}{tail}")


def _check_macros(stage: str, flow: Flow, run: ToolRun, folder: Path, library: LefLibrary) -> tuple[PlacedMacro, ...]:
    """The macros of the stage's DEF; StageError if one of them is not where it was put, or none is wanted there."""
    path = folder / f"{stage}.def"
    try:
        written = read_def(path)
    except InputError as error:
        raise StageError(str(run.garbage(f"its DEF cannot be read: {error}"))) from error
    blocks = {name for name, macro in library.macros.items() if macro.cls == "BLOCK"}
    found = {
        c.name.replace("\\", ""): PlacedMacro(c.name.replace("\\", ""), c.x, c.y, c.orient)
        for c in written.components
        if c.master in blocks
    }
    if flow.options.openroad_macros:
        return tuple(found.values())
    half = 0.5 / written.dbu + 1e-9
    for wanted in flow.design.macros:
        got = found.get(wanted.name)
        if got is None:
            raise StageError(str(run.garbage(f"macro {wanted.name} is not in {path}")))
        away = max(abs(got.x - wanted.x), abs(got.y - wanted.y))
        if got.orient != wanted.orient or away > half:
            raise StageError(
                str(
                    run.garbage(
                        f"macro {wanted.name} lies at ({got.x:g}, {got.y:g}) {got.orient} in {path.name}, not at"
                        f" ({wanted.x:g}, {wanted.y:g}) {wanted.orient} where it was put"
                    )
                )
            )
    extra = found.keys() - {wanted.name for wanted in flow.design.macros}
    if extra:
        raise StageError(str(run.garbage(f"macro {min(extra)} is in {path.name}, and was given no position")))
    return tuple(found[wanted.name] for wanted in flow.design.macros)
