"""Training runs that are killed: by SIGKILL and resumed, and with a Ray actor killed; on a synthetic netlist.

``python -m benchmarks.rl resume`` and ``python -m benchmarks.rl ray`` measure; run as a program, this module is one
training run, which prints the number of each update.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from placer.curve import Progress
from placer.policy import PolicyConfig
from placer.ppo import TrainConfig
from placer.synthetic import synthetic
from placer.train import CHECKPOINTS, train

MACROS = 16
CONFIG = TrainConfig(
    updates=12, checkpoint_updates=2, plateau_updates=0, policy=PolicyConfig(grid=16, deconv=(16, 8, 8))
)
KILLS = 3
SEED = 1


def one_run(folder: Path) -> None:
    """Train, or go on with it."""
    train(*synthetic(MACROS, 0), CONFIG, None, SEED, folder, True, lambda progress: print(progress.update, flush=True))


def final_state(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """All arrays of a run's last checkpoint (parameters, optimizer, best placement), and its curve."""
    options = ocp.CheckpointManagerOptions(read_only=True)
    with ocp.CheckpointManager((folder / CHECKPOINTS).resolve(), options=options) as manager:
        args = ocp.args.Composite(state=ocp.args.StandardRestore(), run=ocp.args.JsonRestore())
        found = manager.restore(manager.latest_step(), args=args)
    arrays = {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree.leaves_with_path(found["state"])}
    return arrays, found["run"]["curve"]


def _start(folder: Path, cache: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.training_runs", str(folder)]
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(cache)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def killed_and_resumed() -> dict[str, Any]:
    """A run killed at random moments against an undisturbed one, bit for bit; each process is new."""
    chance = random.Random(SEED)
    killed_after, struck = [], 0
    with tempfile.TemporaryDirectory() as folder:
        whole, torn, cache = (Path(folder) / name for name in ("whole", "torn", "cache"))
        with _start(whole, cache) as process:
            process.communicate()
        for _ in range(KILLS):
            wait_for = chance.randint(1, 3)
            with _start(torn, cache) as process:
                lines = process.stdout or ()
                seen = list(itertools.islice(lines, wait_for))
                time.sleep(chance.uniform(0.0, 2.0))  # into an update, or into the writing of a checkpoint
                process.send_signal(signal.SIGKILL)
                killed_after.append([int(line) for line in [*seen, *lines]][-1:])
            struck += process.returncode == -signal.SIGKILL
        with _start(torn, cache) as process:
            process.communicate()
        (a, first), (b, second) = final_state(whole), final_state(torn)
    equal = a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)
    columns = [name for name in first if name != "seconds"]
    equal &= all(first[name] == second[name] for name in columns)
    complete = len(first["cost"]) == CONFIG.updates
    return {
        "equal": float(equal and complete and struck == KILLS),
        "arrays": len(a),
        "values": sum(array.size for array in a.values()),
        "updates": len(first["cost"]),
        "killed_after_update": killed_after,
    }


def with_a_killed_actor() -> dict[str, Any]:
    """Two Ray actors collect, and one is killed (SIGKILL) while it plays; then the same run undisturbed."""
    from placer.ray_actors import RayCollector

    config = replace(CONFIG, updates=4)
    netlist, initial = synthetic(MACROS, 0)
    with RayCollector(2) as actors:
        victim, _ = actors.processes()

        def kill_soon(progress: Progress) -> None:
            if progress.update == 1:
                threading.Timer(random.Random(SEED).uniform(0.0, 1.0), os.kill, (victim, signal.SIGKILL)).start()

        disturbed = train(netlist, initial, config, seed=SEED, progress=kill_soon, collector=actors).curve
        lost, alive = actors.lost, len(actors.processes())
        undisturbed = train(netlist, initial, config, seed=SEED, collector=actors).curve
    return {
        "ended": float(disturbed.updates == config.updates and lost > 0),
        "actors_lost": lost,
        "actors_alive_afterwards": alive,
        "costs_equal_undisturbed": bool(np.array_equal(disturbed.cost, undisturbed.cost)),
        "cost": disturbed.cost.tolist(),
    }


if __name__ == "__main__":
    one_run(Path(sys.argv[1]))
