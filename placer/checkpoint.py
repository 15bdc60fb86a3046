"""Training states on disk: written whole or not at all, and tied to the run that they belong to."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import jax
import numpy as np
from flax import serialization

from placer.netlist import FloatArray, InputError
from placer.ppo import TrainConfig, TrainState
from placer.problem import Problem


class CheckpointError(InputError):
    """A checkpoint cannot be used; the message names the file and says what to do."""


@dataclass(frozen=True)
class Curve:
    """What the updates so far gave; U updates."""

    cost: FloatArray  # [U] mean cost of an update's episodes
    best: FloatArray  # [U] least cost so far
    seconds: FloatArray  # [U] of work until then


def fingerprint(problem: Problem, config: TrainConfig, seed: int) -> str:
    """Identifies a run: netlist, configuration and seed."""
    digest = hashlib.sha256(repr((asdict(config), seed)).encode())
    for leaf in jax.tree.leaves(problem):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


def write_checkpoint(path: Path, run: str, state: TrainState, curve: Curve) -> None:
    """Save a run's state and curve; an interrupted write leaves the old file."""
    tree = {
        "run": np.frombuffer(run.encode(), np.uint8),
        "state": {f.name: serialization.to_state_dict(getattr(state, f.name)) for f in fields(state)},
        "cost": curve.cost,
        "best": curve.best,
        "seconds": curve.seconds,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(serialization.msgpack_serialize(jax.tree.map(np.asarray, tree)))
    os.replace(partial, path)


def read_checkpoint(path: Path, run: str, like: TrainState) -> tuple[TrainState, Curve]:
    """Load a run's state and curve.

    Args:
        path: of the checkpoint.
        run: fingerprint that it must bear.
        like: a state of the same shapes.

    Raises:
        CheckpointError: the file is damaged or belongs to another run.
    """
    try:
        tree = serialization.msgpack_restore(path.read_bytes())
        found = bytes(tree["run"]).decode()
        parts = {
            f.name: serialization.from_state_dict(getattr(like, f.name), tree["state"][f.name]) for f in fields(like)
        }
        curve = Curve(*(np.array(tree[f.name]) for f in fields(Curve)))
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    except Exception as error:
        raise CheckpointError(f"{path}: not a checkpoint of this version; remove it to train anew") from error
    if found != run:
        raise CheckpointError(f"{path}: of another netlist, configuration or seed; remove it to train anew")
    return jax.tree.map(jax.numpy.asarray, TrainState(**parts)), curve
