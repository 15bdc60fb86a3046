"""``chiploop place | train | pretrain``: the placer on netlists, without a loop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loop.cli_options import Halo, Seed, console, finite
from loop.errors import LoopError

placer_app = typer.Typer()


@placer_app.command()
def place(
    netlist: Annotated[Path, typer.Argument(help="netlist: .pb.txt (Circuit Training), .def or .aux (Bookshelf)")],
    method: Annotated[str, typer.Option(help="auto, analytical, sa, rl, force, greedy or random")] = "auto",
    time: Annotated[float, typer.Option(callback=finite, min=0.0, help="budget in seconds")] = 60.0,
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


@placer_app.command()
def train(
    netlist: Annotated[Path, typer.Argument(help="netlist: .pb.txt (Circuit Training), .def or .aux (Bookshelf)")],
    updates: Annotated[int | None, typer.Option(min=1, help="budget in policy updates [default: 200]")] = None,
    time: Annotated[
        float | None, typer.Option(callback=finite, min=0.0, help="budget in seconds, instead or too")
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


@placer_app.command()
def pretrain(
    netlists: Annotated[list[Path], typer.Argument(help="netlists as of chiploop train, initial.plc beside each")],
    updates: Annotated[int, typer.Option(min=1, help="budget in policy updates, over all netlists")] = 1000,
    policy: Annotated[Path | None, typer.Option(help="start from this policy [default: a new one]")] = None,
    halo: Halo = 0.0,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="folder for policy and curve")] = Path("runs/pretrain"),
) -> None:
    """Train one placement policy on many netlists, to start from on others (chiploop train --policy).

    With --policy it goes on from one, at half the rate; another --seed gives it other variants of the netlists.

    Example: [bold]chiploop pretrain designs/*/netlist.pb.txt.gz --updates 2000[/bold]
    """
    from loop.training import POLICY, Training, pretrain_policy

    pretrain_policy(netlists, Training(updates, None, policy, halo=halo, seed=seed), out, console)
    console.print(f"the policy is {out / POLICY}")
