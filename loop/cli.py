"""The command line: ``chiploop COMMAND``; ``chiploop --help`` lists them.

Exit codes: 0 done, 2 the request or its input is at fault, 3 a tool or the machine is, 1 a defect of chiploop itself,
130 stopped by Ctrl-C. Heavy modules are imported by the command that needs them, so that help and cached runs are
quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loop.cli_design import design_app, rtl_app
from loop.cli_options import Seed, console, openroad_settings
from loop.cli_placer import placer_app
from loop.cli_validate import validate_app
from loop.errors import LoopError, describe, exit_code

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Hardware-in-the-loop chip-design optimizer: a JAX placer lays out the accelerator that trains it.",
)
pdk_app = typer.Typer(no_args_is_help=True, help="Technologies.")
app.add_typer(placer_app)
app.add_typer(design_app)
app.add_typer(validate_app, name="validate")
app.add_typer(pdk_app, name="pdk")
app.add_typer(rtl_app, name="rtl")
errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


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
    from rtl import AcceleratorSpec, load_spec

    first = load_spec(spec) if spec else AcceleratorSpec()
    config = LoopConfig(spec=first, pdk=pdk, seed=seed, openroad=openroad_settings(tool, pdk))
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
