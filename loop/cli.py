"""The command line: ``chiploop COMMAND``; ``chiploop --help`` lists them.

Exit codes: 0 done, 2 the request or its input is at fault, 3 a tool or the machine is, 1 a defect of chiploop itself,
130 stopped by Ctrl-C. Heavy modules are imported by the command that needs them, so that help and cached runs are
quick.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from loop.errors import LoopError, describe, exit_code
from loop.validating import validate_app

if TYPE_CHECKING:
    from loop.config import OpenroadSettings
    from rtl import AcceleratorSpec

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Hardware-in-the-loop chip-design optimizer: a JAX placer lays out the accelerator that trains it.",
)
pdk_app = typer.Typer(no_args_is_help=True, help="Technologies.")
rtl_app = typer.Typer(no_args_is_help=True, help="The accelerator's Verilog.")
app.add_typer(validate_app, name="validate")
app.add_typer(pdk_app, name="pdk")
app.add_typer(rtl_app, name="rtl")
errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
console = Console(highlight=False, markup=False)


INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def _finite(value: float | None) -> float | None:
    """Refuse what no range refuses: not a number, and infinity."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


Halo = Annotated[float, typer.Option(callback=_finite, min=0.0, help="um kept free on each side of each hard macro")]
Seed = Annotated[int, typer.Option(min=0, help="of everything random")]


@app.command()
def loop(
    run: Annotated[Path, typer.Option(help="run folder")] = Path("runs/default"),
    generations: Annotated[int, typer.Option(min=1, help="how many turns, the first included")] = 3,
    spec: Annotated[
        Path | None, typer.Option(help="TOML file of the first accelerator, or a name [default: the 4 x 4 design]")
    ] = None,
    pdk: Annotated[str, typer.Option(help="name of a PDK, or path of its TOML file")] = "nangate45",
    seed: Seed = 0,
    tool: Annotated[str, typer.Option(help="what implements placements: embedded or openroad")] = "embedded",
    resume: Annotated[bool, typer.Option("--resume", help="go on with a run folder that exists")] = False,
) -> None:
    """Close the loop: chip, PPA, training cost, next budget, generation after generation.

    Example: [bold]chiploop loop --run runs/mine --generations 3[/bold]
    """
    from loop.config import LoopConfig
    from loop.engine import run_loop
    from loop.progress import LoopProgress
    from rtl import AcceleratorSpec

    first = _spec(spec) if spec else AcceleratorSpec()
    config = LoopConfig(spec=first, pdk=pdk, seed=seed, openroad=_openroad(tool, pdk))
    with LoopProgress(console) as progress:
        run_loop(run, config, generations, resume, progress)
    ppa(run)


@app.command()
def ppa(run: Annotated[Path, typer.Argument(help="run folder")] = Path("runs/default")) -> None:
    """Write the PPA report of a run: report.html and report.md in its folder.

    Example: [bold]chiploop ppa runs/default[/bold]
    """
    from loop.report import write_report

    html, markdown = write_report(run)
    console.print(f"report: {html}\n        {markdown}")


@app.command()
def place(
    netlist: Annotated[Path, typer.Argument(help="netlist: .pb.txt (Circuit Training), .def or .aux (Bookshelf)")],
    method: Annotated[str, typer.Option(help="auto, analytical, sa, rl, force, greedy or random")] = "auto",
    time: Annotated[float, typer.Option(callback=_finite, min=0.0, help="budget in seconds")] = 60.0,
    moves: Annotated[
        int | None,
        typer.Option(min=1, help="budget in moves per core, of rl in policy updates; reproducible bit for bit"),
    ] = None,
    plc: Annotated[Path | None, typer.Option(help="canvas and fixed nodes [default: initial.plc beside it]")] = None,
    lef: Annotated[list[Path] | None, typer.Option(help="technology and cells of a .def; may be repeated")] = None,
    halo: Halo = 0.0,
    seed: Seed = 0,
    policy: Annotated[
        Path | None, typer.Option(help="rl: start from this policy; with --time 0 place by it as it is")
    ] = None,
    flat: Annotated[bool, typer.Option("--flat", help="place the standard cells of a .aux too, in its rows")] = False,
    out: Annotated[Path | None, typer.Option(help="folder for the results [default: runs/place/METHOD]")] = None,
) -> None:
    """Place the macros of a netlist; writes .plc (DEF, Bookshelf where it came so), JSON, pictures of cost and maps.

    With --flat the standard cells are placed too, legally, by the analytical placer; that takes what time it takes.

    Example: [bold]chiploop place netlist.pb.txt.gz --method auto --time 60[/bold]
    """
    from loop.placing import Effort, place_netlist

    if flat:
        from loop.flat import place_flat_design

        folder = out or Path("runs/place/flat")
        found = place_flat_design(netlist, folder, seed)
        console.print(f"wirelength {found['hpwl_um']:.6g} um, legal, after {found['seconds']:.1f} s; in {folder}")
        return
    folder = out or Path("runs/place") / method
    result = place_netlist(netlist, plc, lef or (), method, Effort(time, moves, seed, halo, policy), folder, console)
    parts = ", ".join(f"{name} {result[name]:.4f}" for name in ("wirelength", "density", "congestion"))
    if "training_ended" in result:
        console.print(f"training ended: {result['training_ended']}")
    console.print(f"proxy {result['proxy']:.4f} ({parts}) after {result['seconds']:.1f} s, legal; written to {folder}")


@app.command()
def train(
    netlist: Annotated[Path, typer.Argument(help="netlist: .pb.txt (Circuit Training), .def or .aux (Bookshelf)")],
    updates: Annotated[int | None, typer.Option(min=1, help="budget in policy updates [default: 200]")] = None,
    time: Annotated[
        float | None, typer.Option(callback=_finite, min=0.0, help="budget in seconds, instead or too")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="start from this policy [default: a new one]")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Ray actors that play the episodes; 0: this process")] = 0,
    cluster: Annotated[str | None, typer.Option(help="address of a Ray cluster [default: this machine]")] = None,
    plc: Annotated[Path | None, typer.Option(help="canvas and fixed nodes [default: initial.plc beside it]")] = None,
    lef: Annotated[list[Path] | None, typer.Option(help="technology and cells of a .def; may be repeated")] = None,
    halo: Halo = 0.0,
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the folder's last checkpoint")] = False,
    out: Annotated[Path, typer.Option(help="folder for policy, curve, checkpoints and TensorBoard log")] = Path(
        "runs/train"
    ),
) -> None:
    """Train a placement policy on a netlist, on all local accelerators, or with the help of a Ray cluster.

    Killed in the middle? The same command with --resume goes on from the last checkpoint.

    Example: [bold]chiploop train netlist.pb.txt.gz --updates 400 --workers 2[/bold]
    """
    from loop.training import POLICY, Training, train_policy

    if cluster and not workers:
        raise LoopError("--cluster needs --workers, the number of actors")
    budget = updates if updates or time else 200
    training = Training(budget, time, policy, workers, cluster, halo, seed, resume)
    found = train_policy(netlist, plc, lef or (), training, out, console)
    console.print(f"training ended: {found['training_ended']}")
    console.print(f"best proxy cost {found['best_cost']:.4f}; the policy is {out / POLICY}")


@app.command()
def pretrain(
    netlists: Annotated[list[Path], typer.Argument(help="netlists as of chiploop train, initial.plc beside each")],
    updates: Annotated[int, typer.Option(min=1, help="budget in policy updates, over all netlists")] = 1000,
    policy: Annotated[Path | None, typer.Option(help="start from this policy [default: a new one]")] = None,
    halo: Halo = 0.0,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="folder for policy and curve")] = Path("runs/pretrain"),
) -> None:
    """Train one placement policy on many netlists, to start from on others (chiploop train --policy).

    Example: [bold]chiploop pretrain designs/*/netlist.pb.txt.gz --updates 2000[/bold]
    """
    from loop.training import POLICY, Training, pretrain_policy

    pretrain_policy(netlists, Training(updates, None, policy, halo=halo, seed=seed), out, console)
    console.print(f"the policy is {out / POLICY}")


@app.command()
def sim(
    design: Annotated[str, typer.Argument(help="TOML file of a spec, or the name of one that comes along")] = "default",
    simulator: Annotated[
        str | None, typer.Option(help="icarus or verilator [default: icarus, where it is not too slow]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="of all stimuli")] = 1,
    test: Annotated[
        str | None, typer.Option(help="this test alone, as random_products or vector.random_passes [default: all]")
    ] = None,
    waves: Annotated[bool, typer.Option("--waves", help="record waveforms, a VCD file for each bench")] = False,
    out: Annotated[Path, typer.Option(help="folder for logs, activity and waveforms")] = Path("runs/sim"),
) -> None:
    """Simulate a design against its golden model with cocotb, bit for bit and cycle for cycle.

    Example: [bold]chiploop sim default --simulator verilator --test random_products --waves[/bold]
    """
    from loop import stages
    from sim.regression import simulators_for

    chosen = simulator or simulators_for(design)[0]
    try:
        result = stages.verify(out.resolve(), _spec(design), chosen, seed, test, waves)
        console.print(result["note"])
    finally:
        for file in sorted((out / "sim").glob("*.vcd")) if waves else ():
            console.print(f"waveforms: {file}")


@app.command()
def regress(
    designs: Annotated[
        list[str] | None, typer.Argument(help="names or TOML files [default: all that come along]")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="how many, from 1 on")] = 2,
    jobs: Annotated[int, typer.Option(min=1, help="runs at a time")] = 2,
    out: Annotated[Path, typer.Option(help="folder for all files, results.json among them")] = Path("runs/regress"),
) -> None:
    """Simulate designs in every simulator with several seeds, and say what their benches covered.

    Example: [bold]chiploop regress tiny default --seeds 3[/bold]
    """
    from sim.regression import MATRIX, regress, simulators_for

    matrix = [(design, simulators_for(design)) for design in designs or dict(MATRIX)]
    found = regress(out.resolve(), range(1, seeds + 1), jobs, matrix, console.print)
    header, *rows = found.table()
    table = Table(*header)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for design, part in found.coverage.items():
        missed = "; ".join(": ".join(bin) for bin in found.missed[design])
        console.print(f"{design}: {part:.1%} of the coverage bins hit{f', missed: {missed}' if missed else ''}")
    failed = [run for run in found.runs if not run.passed]
    if failed:
        raise LoopError(f"{len(failed)} of {len(found.runs)} runs failed; the first again: {failed[0].command}")


@app.command()
def perf(
    workload: Annotated[
        str,
        typer.Argument(
            help="placer_step, resnet18, resnet50, vit_base, bert_base, llama_block; or a .csv, .onnx, .py, .json file"
        ),
    ] = "placer_step",
    design: Annotated[str, typer.Option(help="TOML file of a spec, or the name of one that comes along")] = "base",
    batch: Annotated[int, typer.Option(min=1, help="batch size")] = 1,
    clock_mhz: Annotated[
        float | None, typer.Option(callback=_finite, help="clock frequency [default: what the spec aims at]")
    ] = None,
    power_mw: Annotated[
        float | None, typer.Option(callback=_finite, help="power at that clock, for energy figures")
    ] = None,
    area_mm2: Annotated[float | None, typer.Option(callback=_finite, help="die area, for TOPS/mm2")] = None,
    flow: Annotated[
        Path | None, typer.Option(help="folder of a flow of this design: energy from the activity of sampled tiles")
    ] = None,
    tiles: Annotated[int, typer.Option(min=1, help="tiles to sample for that")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="of the sample and of its operands")] = 0,
    memory_latency: Annotated[int, typer.Option(min=1, help="cycles to a word of memory, where there is a DMA")] = 40,
    memory_interval: Annotated[int, typer.Option(min=1, help="cycles for each word of memory")] = 1,
    out: Annotated[Path, typer.Option(help="folder for layers-*.csv, performance.json, roofline.svg")] = Path(
        "runs/perf"
    ),
) -> None:
    """Say what each layer of a workload costs on a design, by the cycle model, and how far from the roofline it ends.

    Example: [bold]chiploop perf bert_base --design base --clock-mhz 500[/bold]
    """
    from loop.performing import write_performance

    clock = clock_mhz * 1e6 if clock_mhz is not None else None
    power = power_mw * 1e-3 if power_mw is not None else None
    memory = (memory_latency, memory_interval)
    for table in write_performance(
        workload, _spec(design), batch, clock, power, area_mm2, memory, out, flow, tiles, seed
    ):
        console.print(table)
    console.print(f"files: {out}")


@app.command()
def flow(
    design: Annotated[str, typer.Argument(help="TOML file of a spec, or the name of one that comes along")] = "default",
    pdk: Annotated[str, typer.Option(help="name of a PDK, or path of its TOML file")] = "nangate45",
    seeds: Annotated[int, typer.Option(min=1, help="implementations, for the spread of each figure")] = 3,
    time: Annotated[float, typer.Option(callback=_finite, min=0.0, help="seconds of annealing for the macros")] = 20.0,
    tool: Annotated[str, typer.Option(help="what implements the placement: embedded or openroad")] = "embedded",
    stop_at: Annotated[str, typer.Option(help="openroad: last stage, floorplan to finish")] = "finish",
    detailed_route: Annotated[bool, typer.Option("--detailed-route", help="openroad: route in detail")] = False,
    macro_placer: Annotated[str, typer.Option(help="openroad: whose macro placement, ours or openroad")] = "ours",
    threads: Annotated[int, typer.Option(min=1, help="openroad: threads of one run")] = 1,
    out: Annotated[Path | None, typer.Option(help="folder for all files [default: runs/flow-DESIGN]")] = None,
) -> None:
    """Take one design from RTL to power, performance and area, macros placed by annealing.

    Example: [bold]chiploop flow default --seeds 3 --tool openroad --stop-at globalroute[/bold]
    """
    from loop.flow import run_flow
    from loop.progress import LoopProgress

    if macro_placer not in ("ours", "openroad"):
        raise LoopError(f"--macro-placer {macro_placer}: expected ours or openroad")
    own = macro_placer == "openroad"
    settings = _openroad(
        tool, pdk, stop_at=stop_at, detailed_route=detailed_route, openroad_macros=own, threads=threads
    )
    folder = out or Path("runs") / f"flow-{Path(design).stem}"
    with LoopProgress(console) as progress:
        table = run_flow(folder, _spec(design), pdk, seeds, time, settings, progress)
    console.print(table)
    console.print(f"files: {folder}")


@rtl_app.command("rewrite")
def rtl_rewrite(
    design: Annotated[str, typer.Argument(help="TOML file of a spec, or the name of one that comes along")],
    changes: Annotated[
        list[str],
        typer.Argument(help="adders=ripple or carry_select, multipliers=carry_save, banks=2, pipeline=1"),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="of the benches, where cycles change")] = 2,
    jobs: Annotated[int, typer.Option(min=1, help="runs of the benches at a time")] = 2,
    out: Annotated[Path | None, typer.Option(help="folder for all files [default: runs/rtl-DESIGN]")] = None,
) -> None:
    """Write a design's Verilog anew; each change needs Yosys's proof, or all benches where it changes the cycles.

    Example: [bold]chiploop rtl rewrite tiny adders=ripple pipeline=1[/bold]
    """
    from loop.rewriting import rewrite_design

    folder = (out or Path("runs") / f"rtl-{Path(design).stem}").resolve()
    rewrite_design(design, _spec(design), changes, folder, seeds, jobs, console.print)
    console.print(f"files: {folder / 'rtl'}")


@pdk_app.command("check")
def pdk_check(name: Annotated[str, typer.Argument(help="name of a PDK, or path of its TOML file")]) -> None:
    """Say what a PDK has, what is missing, and what that costs.

    Example: [bold]chiploop pdk check nangate45[/bold]
    """
    from eda_adapters.pdk import read_pdk
    from eda_adapters.pdk_check import check_pdk

    findings = check_pdk(read_pdk(name))
    for f in findings:
        console.print(f"{f.state:<8} {f.key:<22} {f.message}", soft_wrap=True)
    missing = [f for f in findings if f.state == "missing"]
    if missing:
        raise LoopError(
            f"{name}: {len(missing)} of {len(findings)} things are missing; the first: {missing[0].message}"
        )


def _openroad(tool: str, pdk: str, **settings: Any) -> OpenroadSettings | None:
    """What ``--tool`` and the options for OpenROAD mean; they and the technology are looked at before any work."""
    from eda_adapters.pdk import load_pdk
    from loop.config import OpenroadSettings

    if tool not in ("embedded", "openroad"):
        raise LoopError(f"--tool {tool}: expected embedded or openroad")
    technology = load_pdk(pdk)
    chosen = OpenroadSettings(**settings)
    if tool == "openroad":
        from eda_adapters.openroad.options import FlowOptions
        from eda_adapters.openroad.program import ask_openroad
        from eda_adapters.openroad.scripts import check_technology

        FlowOptions(stop_at=chosen.stop_at)
        check_technology(technology)
        ask_openroad()
        return chosen
    if chosen != OpenroadSettings():
        raise LoopError("--stop-at, --detailed-route, --macro-placer and --threads are for --tool openroad")
    return None


def _spec(design: str | Path) -> AcceleratorSpec:
    from rtl import load_spec

    return load_spec(design)


def main() -> None:
    """Run the command line; an expected error is one line on standard error and exit code 2 or 3."""
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            errors.print("stopped; loop and train go on with --resume, flow when it is run again")
        raise
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        errors.print("error:", style="bold red", end=" ")
        errors.print(describe(error))
        sys.exit(code)


if __name__ == "__main__":
    main()
