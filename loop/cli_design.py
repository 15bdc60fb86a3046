"""``chiploop sim | regress | perf | flow | rtl``: one accelerator by itself, without a loop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from loop.cli_options import console, finite, openroad_settings
from loop.errors import LoopError

design_app = typer.Typer()
rtl_app = typer.Typer(no_args_is_help=True, help="The accelerator's Verilog.")


@design_app.command()
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
    from rtl import load_spec
    from sim.regression import simulators_for

    chosen = simulator or simulators_for(design)[0]
    try:
        result = stages.verify(out.resolve(), load_spec(design), chosen, seed, test, waves)
        console.print(result["note"])
    finally:
        for file in sorted((out / "sim").glob("*.vcd")) if waves else ():
            console.print(f"waveforms: {file}")


@design_app.command()
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


@design_app.command()
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
        float | None, typer.Option(callback=finite, help="clock frequency [default: what the spec aims at]")
    ] = None,
    power_mw: Annotated[
        float | None, typer.Option(callback=finite, help="power at that clock, for energy figures")
    ] = None,
    area_mm2: Annotated[float | None, typer.Option(callback=finite, help="die area, for TOPS/mm2")] = None,
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
    from rtl import load_spec

    clock = clock_mhz * 1e6 if clock_mhz is not None else None
    power = power_mw * 1e-3 if power_mw is not None else None
    memory = (memory_latency, memory_interval)
    for table in write_performance(
        workload, load_spec(design), batch, clock, power, area_mm2, memory, out, flow, tiles, seed
    ):
        console.print(table)
    console.print(f"files: {out}")


@design_app.command()
def flow(
    design: Annotated[str, typer.Argument(help="TOML file of a spec, or the name of one that comes along")] = "default",
    pdk: Annotated[str, typer.Option(help="name of a PDK, or path of its TOML file")] = "nangate45",
    seeds: Annotated[int, typer.Option(min=1, help="implementations, for the spread of each figure")] = 3,
    time: Annotated[float, typer.Option(callback=finite, min=0.0, help="seconds of annealing for the macros")] = 20.0,
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
    from rtl import load_spec

    if macro_placer not in ("ours", "openroad"):
        raise LoopError(f"--macro-placer {macro_placer}: expected ours or openroad")
    own = macro_placer == "openroad"
    settings = openroad_settings(
        tool, pdk, stop_at=stop_at, detailed_route=detailed_route, openroad_macros=own, threads=threads
    )
    folder = out or Path("runs") / f"flow-{Path(design).stem}"
    with LoopProgress(console) as progress:
        table = run_flow(folder, load_spec(design), pdk, seeds, time, settings, progress)
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
    from rtl import load_spec

    folder = (out or Path("runs") / f"rtl-{Path(design).stem}").resolve()
    rewrite_design(design, load_spec(design), changes, folder, seeds, jobs, console.print)
    console.print(f"files: {folder / 'rtl'}")
