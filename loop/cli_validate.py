"""``chiploop validate cost | sim | flow``: a model beside what it models, and the error."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from loop.cli_options import console
from loop.errors import LoopError

validate_app = typer.Typer(no_args_is_help=True, help="Compare a model with what it models, and print the error.")


@validate_app.command("cost")
def validate_cost(
    data: Annotated[Path | None, typer.Option(help="folder of designs [default: $CHIPLOOP_SHARED/benchmarks]")] = None,
) -> None:
    """Compare the proxy cost with all reference values.

    Example: [bold]chiploop validate cost[/bold]
    """
    from placer.validate import validate_cost as validate

    default = Path(os.environ.get("CHIPLOOP_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "benchmarks"
    checks = validate(data or default)
    table = Table("design", "placement", "wirelength", "density", "congestion", "proxy", title="our cost - reference")
    for c in checks:
        table.add_row(c.design, c.placement, *(f"{x:+.1e}" for x in (c.wirelength, c.density, c.congestion, c.proxy)))
    console.print(table)
    console.print(f"largest error over {len(checks)} placements: {max(c.worst for c in checks):.2e}")


@validate_app.command("sim")
def validate_sim(
    products: Annotated[int, typer.Option(min=1, help="random products, spread over several accelerators")] = 50,
    out: Annotated[Path, typer.Option(help="folder for the simulator's files")] = Path("runs/validate-sim"),
) -> None:
    """Compare the cycle model with the RTL, and the RTL with SCALE-Sim, with a reason for every cycle of difference.

    Example: [bold]chiploop validate sim --products 50[/bold]
    """
    from sim import validate_cycles

    found = validate_cycles(products, out.resolve(), jobs=len(os.sched_getaffinity(0)))
    for header, *rows in (found.table(), found.reasons()):
        table = Table(*header)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    console.print(
        f"{found.exact} of {len(found.comparisons)} exact, average error {found.mean_error:.2%},"
        f" worst {found.worst_error:.2%} ({found.tool}); against SCALE-Sim at most {found.worst_unexplained}"
        " cycles unexplained"
    )
    if found.failures:
        raise LoopError(found.failures[0])


@validate_app.command("flow")
def validate_flow(
    data: Annotated[Path | None, typer.Option(help="measured pairs [default: benchmarks/results/flow.json]")] = None,
) -> None:
    """Compare the embedded flow's estimate with OpenROAD's figures of the same placements, as last measured.

    "itself" is the tau between OpenROAD's slack and its own with another seed.

    Example: [bold]chiploop validate flow[/bold]
    """
    from eda_adapters.openroad.agreement import FEWEST_RANKED, agreements, read_pairs

    pairs = read_pairs(data or Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "flow.json")
    table = Table(
        Column("design", no_wrap=True), "runs", "tau slack", "itself", "tau length", "length", "period", "power",
        box=SIMPLE_HEAD, padding=(0, 1, 0, 0),
        title="embedded estimate against OpenROAD: Kendall's tau, and mean error after factors from the other designs",
    )  # fmt: skip
    for row in agreements(pairs):
        taus = (
            f"{tau:+.2f}" if count >= FEWEST_RANKED else ""
            for tau, count in (
                (row.tau_worst_slack, row.placements),
                (row.own_tau_worst_slack, row.twice),
                (row.tau_wirelength, row.placements),
            )
        )
        shares = (f"{error:.1%}" for error in (row.wirelength_error, row.min_period_error, row.power_error))
        table.add_row(row.design, str(row.placements), *taus, *shares)
    console.print(table)
    console.print(f"{len(pairs)} placements, {', '.join(sorted({p.tool for p in pairs}))}")
