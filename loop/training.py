"""``chiploop train``: a policy for a netlist, here or by a Ray cluster, resumable; ``chiploop pretrain``: for many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live

from loop.errors import LoopError
from loop.store import write_atomically

if TYPE_CHECKING:
    from placer.curve import Progress
    from placer.policy import Params

POLICY = "policy.msgpack"

VARIANTS = 7
"""Of each netlist, that pre-training learns on beside it."""

KEEP_EVERY = 20
"""Updates of pre-training between two states of its policy file."""


@dataclass(frozen=True)
class Training:
    """What is trained, and by whom.

    Attributes:
        updates, seconds: budget; whichever is spent first ends training, as a plateau does.
        parent: policy to start from; None: a new one.
        workers: Ray actors that play the episodes; 0: this process.
        cluster: address of a running Ray cluster; None: one on this machine.
        halo: um kept free on each side of each hard macro.
        seed: of everything random.
        resume: go on where the folder's last checkpoint is.
    """

    updates: int | None = 200
    seconds: float | None = None
    parent: Path | None = None
    workers: int = 0
    cluster: str | None = None
    halo: float = 0.0
    seed: int = 0
    resume: bool = False


def train_policy(
    netlist_path: Path, plc: Path | None, lef: Sequence[Path], training: Training, out: Path, console: Console
) -> dict[str, Any]:
    """Train a policy and write it (``policy.msgpack``), the learning curve, checkpoints and a TensorBoard log.

    Args:
        netlist_path, plc, lef: as of ``loop.placing.place_netlist``.
        training: budget and the rest.
        out: folder for the results; it is made.
        console: where progress goes.

    Raises:
        LoopError: the parent cannot be read. CheckpointError: the folder's checkpoint is of another run. ClusterError:
        there is no Ray or no such cluster. InputError: the netlist is malformed or cannot be placed.
    """
    from loop.placing import load_netlist
    from placer.ppo import TrainConfig
    from placer.train import train

    design = load_netlist(netlist_path, plc, lef, training.seed)
    parent = read_policy(training.parent) if training.parent else None
    config = TrainConfig(updates=training.updates, seconds=training.seconds, halo=training.halo)
    out.mkdir(parents=True, exist_ok=True)  # before any work, which would be lost
    with ExitStack() as resources:
        actors = None
        if training.workers:
            from placer.ray_actors import RayCollector

            actors = resources.enter_context(RayCollector(training.workers, training.cluster))
        live = resources.enter_context(Live(console=console, transient=True)) if console.is_terminal else None

        def show(p: Progress) -> None:
            line = f"{p.done:4.0%}  {p}"
            if actors and actors.lost:
                line += f", actors lost {actors.lost} times"
            if live:
                live.update(line)
            else:
                console.print(line, soft_wrap=True)

        result = train(
            design.netlist, design.placement, config, parent, training.seed, out, training.resume, show, actors
        )
    write_policy(out / POLICY, result.params)
    found = {
        "netlist": netlist_path.name,
        "seed": training.seed,
        "training_ended": result.reason,
        "updates": result.curve.updates,
        "episodes": result.curve.updates * config.episodes,
        "best_cost": result.best_cost,
        "actors_lost": actors.lost if actors else 0,
        "curve": result.curve.as_dict(),
    }
    write_atomically(out / "training.json", json.dumps(found, indent=1))
    return found


def pretrain_policy(paths: Sequence[Path], training: Training, out: Path, console: Console) -> dict[str, Any]:
    """Train one policy on several netlists by turns, each also in ``VARIANTS`` variants; write it and the curve.

    One with a parent learns at half the rate. The policy file is written every ``KEEP_EVERY`` updates, too; a run that
    was killed goes on from it as a new one with that parent.

    Args:
        paths: of the netlists, each with its ``initial.plc`` beside it where its format needs one.
        training: budget in updates, parent, halo and seed; the rest is not looked at.
        out: folder for the results; it is made.
        console: where progress goes.

    Raises:
        LoopError: the parent cannot be read, or there is no budget in updates. InputError: a netlist is malformed or
        cannot be placed.
    """
    from loop.placing import load_netlist
    from placer.ppo import TrainConfig
    from placer.pretrain import pretrain, pretraining, problems_of, varied

    if training.updates is None:
        raise LoopError("pre-training has its budget in updates")
    designs = [load_netlist(path, None, (), training.seed) for path in paths]
    parent = read_policy(training.parent) if training.parent else None
    config = pretraining(TrainConfig(updates=training.updates, halo=training.halo), again=parent is not None)
    views, each = [], 1 + VARIANTS
    for design in designs:
        views.append((design.netlist, design.placement))
        for _ in range(VARIANTS):
            seed = training.seed * each * len(designs) + len(views)
            views.append(varied(design.netlist, design.placement, seed, halo=training.halo))
    out.mkdir(parents=True, exist_ok=True)

    def show(number: int, turn: int, cost: float, params: Params) -> None:
        console.print(f"update {number + 1}, {paths[turn // each]}, cost {cost:.4f}", soft_wrap=True)
        if (number + 1) % KEEP_EVERY == 0:
            write_policy(out / POLICY, params)

    result = pretrain(problems_of(views, config), config, parent, training.seed, show)
    write_policy(out / POLICY, result.params)
    found = {
        "netlists": [str(path) for path in paths],
        "seed": training.seed,
        "updates": len(result.cost),
        "netlist": (result.design // each).tolist(),
        "cost": result.cost.tolist(),
    }
    write_atomically(out / "training.json", json.dumps(found, indent=1))
    return found


def write_policy(path: Path, params: Params) -> None:
    """Write a policy's parameters, whole or not at all."""
    from flax.serialization import to_bytes

    write_atomically(path, to_bytes(params))


def read_policy(path: Path) -> Params:
    """A policy's parameters.

    Raises:
        LoopError: the file cannot be read or is no policy.
    """
    from flax.serialization import msgpack_restore

    try:
        found = msgpack_restore(path.read_bytes())
    except OSError as error:
        raise LoopError(f"{path}: {error.strerror}") from error
    except Exception as error:
        raise LoopError(f"{path}: not a policy; chiploop train writes one as {POLICY}") from error
    if not isinstance(found, dict) or "params" not in found:
        raise LoopError(f"{path}: not a policy; chiploop train writes one as {POLICY}")
    return found
