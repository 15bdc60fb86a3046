"""Training states on disk (orbax): written whole or not at all, and tied to the run that they belong to."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType

import jax
import numpy as np
import orbax.checkpoint as ocp

from placer.curve import Curve
from placer.netlist import InputError
from placer.policy import Params
from placer.ppo import TrainConfig, TrainState
from placer.problem import Problem

KEPT = 2
"""Checkpoints that are kept: the last one, and one to fall back on."""


class CheckpointError(InputError):
    """A checkpoint cannot be used; the message names its folder and says what to do."""


def fingerprint(problem: Problem, config: TrainConfig, seed: int, params: Params | None = None) -> str:
    """Identifies a run: netlist, configuration, seed, and the parameters that it starts from."""
    digest = hashlib.sha256(repr((asdict(config), seed)).encode())
    for leaf in jax.tree.leaves((problem, params)):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


class Checkpoints:
    """The checkpoints of one run, in one folder; step numbers are those of updates.

    Args:
        folder: it is made; one that holds checkpoints is emptied unless the run is resumed.
        run: fingerprint.
        resume: keep what is there.
    """

    def __init__(self, folder: Path, run: str, resume: bool) -> None:
        self._folder, self._run = folder.resolve(), run
        if not resume:
            shutil.rmtree(self._folder, ignore_errors=True)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=KEPT, enable_async_checkpointing=False, cleanup_tmp_directories=True
        )
        self._manager = ocp.CheckpointManager(self._folder, options=options, item_names=("state", "run"))

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._manager.close()

    def save(self, state: TrainState, curve: Curve) -> None:
        """Write a state and its curve; an interrupted write leaves the older ones."""
        run = ocp.args.JsonSave({"fingerprint": self._run, "curve": curve.as_dict()})
        self._manager.save(curve.updates, args=ocp.args.Composite(state=ocp.args.StandardSave(state), run=run))

    def latest(self, like: TrainState) -> tuple[TrainState, Curve] | None:
        """The last state and its curve; None where there is none.

        Args:
            like: a state of the same shapes.

        Raises:
            CheckpointError: the checkpoint is damaged or belongs to another run.
        """
        step = self._manager.latest_step()
        if step is None:
            return None
        path = self._folder / str(step)
        try:
            found = self._manager.restore(step, args=ocp.args.Composite(run=ocp.args.JsonRestore()))["run"]
            same = found["fingerprint"] == self._run
            curve = Curve(**{f.name: np.array(found["curve"][f.name], np.float64) for f in fields(Curve)})
        except Exception as error:
            raise CheckpointError(f"{path}: {_DAMAGED}") from error
        if not same:
            raise CheckpointError(
                f"{path}: of another netlist, configuration, seed or parent; remove {self._folder} to train anew"
            )
        target = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        try:
            args = ocp.args.Composite(state=ocp.args.StandardRestore(target))
            return self._manager.restore(step, args=args)["state"], curve
        except Exception as error:
            raise CheckpointError(f"{path}: {_DAMAGED}") from error


_DAMAGED = "not a whole checkpoint of this version; remove it to go on from the one before, or anew if it is the only"
