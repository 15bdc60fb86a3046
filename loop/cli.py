"""The command line: ``chiploop place | sim | flow | loop | ppa | validate | pdk``.

Exit codes: 0 done, 2 the request or its input is at fault, 3 a tool or the machine is, 1 a defect of chiploop itself.
Heavy modules are imported by the command that needs them, so that help and cached runs are quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import click
import typer
from rich.console import Console

from loop.errors import USER_ERROR, describe, exit_code

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Hardware-in-the-loop chip-design optimizer: a JAX placer lays out the accelerator that trains it.",
)
errors = Console(stderr=True, highlight=False, soft_wrap=True)
console = Console(highlight=False)


@app.command()
def loop(
    run: Annotated[Path, typer.Option(help="run folder")] = Path("runs/default"),
    generations: Annotated[int, typer.Option(min=1, help="how many turns, the first included")] = 3,
    spec: Annotated[Path | None, typer.Option(help="TOML file of the first accelerator; default: the 4 x 4 design")] = None,
    pdk: Annotated[str, typer.Option(help="name of a PDK, or path of its TOML file")] = "nangate45",
    seed: Annotated[int, typer.Option(help="seed of everything random")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a run folder that exists")] = False,
) -> None:
    """Close the loop: chip, PPA, training cost, next budget, generation after generation.

    Example: [bold]chiploop loop --run runs/mine --generations 3[/bold]
    """
    from loop.config import LoopConfig
    from loop.engine import run_loop
    from loop.progress import LoopProgress
    from rtl import AcceleratorSpec

    first = AcceleratorSpec.from_toml(spec) if spec else AcceleratorSpec()
    with LoopProgress(console) as progress:
        run_loop(run, LoopConfig(spec=first, pdk=pdk, seed=seed), generations, resume, progress)
    ppa(run)


@app.command()
def ppa(run: Annotated[Path, typer.Argument(help="run folder")] = Path("runs/default")) -> None:
    """Write the PPA report of a run: report.html and report.md in its folder.

    Example: [bold]chiploop ppa runs/default[/bold]
    """
    from loop.report import write_report

    html, markdown = write_report(run)
    console.print(f"report: {html}\n        {markdown}")


def main() -> None:
    """Run the command line; an expected error is one line on standard error and exit code 2 or 3."""
    try:
        app(standalone_mode=False)
    except click.exceptions.Abort:
        errors.print("stopped; run again with --resume to go on")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        errors.print("stopped; run again with --resume to go on")
        sys.exit(130)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        errors.print(f"[bold red]error:[/bold red] {describe(error)}", markup=True)
        sys.exit(code)
