"""Training on 8 simulated devices, and by real Ray actors one of which is killed; in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from runpy import run_path
from typing import Any

import jax
import numpy as np
import pytest

from placer.curve import Progress
from placer.devices import all_local_devices, spread
from placer.netlist import Netlist, Placement
from placer.policy import Params
from placer.ppo import TrainConfig, initial_state
from placer.ray_actors import ClusterError, RayCollector
from placer.train import TrainResult, problem_for, train

pytest.importorskip("ray", reason="needs Ray: pip install 'chiploop[ray]'")

HERE = Path(__file__)
FAST_COMPILER = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


def tiny_run() -> tuple[Netlist, Placement, TrainConfig, Params]:
    """Netlist, start, configuration and first parameters; 8 devices divide episodes and minibatches."""
    tiny = run_path(str(HERE.parent / "test_training.py"))
    netlist, initial = tiny["design"]()
    config = replace(tiny["CONFIG"], updates=3, episodes=16, epochs=1, minibatches=2, checkpoint_updates=1)
    shapes = jax.eval_shape(lambda: initial_state(problem_for(netlist, initial, config), config, 0).params)
    random = np.random.default_rng(1)
    return netlist, initial, config, jax.tree.map(lambda s: random.normal(0, 0.1, s.shape).astype(s.dtype), shapes)


def on_devices(folder: str) -> dict[str, Any]:
    """Resumed after the second of three updates."""

    def stop(progress: Progress) -> None:
        if progress.update == 2:
            raise InterruptedError

    run, out = tiny_run(), Path(folder)
    with contextlib.suppress(InterruptedError):
        train(*run, out_dir=out, progress=stop)
    result = train(*run, out_dir=out, resume=True)
    with all_local_devices(run[2].episodes):
        episodes = jax.jit(spread)(jax.numpy.zeros(run[2].episodes))
    return report(result) | {
        "episodes_each": episodes.sharding.shard_shape(episodes.shape)[0],
        "devices": sorted({len(leaf.sharding.device_set) for leaf in jax.tree.leaves(result.params)}),
    }


def by_actors(folder: str) -> dict[str, Any]:
    """Two actors; one is killed after the first of three updates. The same again without that."""
    refused = ""
    try:
        RayCollector(1000)
    except ClusterError as error:
        refused = str(error)
    run = tiny_run()
    with RayCollector(2) as actors:
        victim, _ = actors.processes()

        def kill(progress: Progress) -> None:
            if progress.update == 1:
                os.kill(victim, signal.SIGKILL)

        disturbed = train(*run, progress=kill, collector=actors)
        lost = actors.lost
        undisturbed = train(*run, collector=actors)
        alive = len(actors.processes())
    return report(undisturbed) | {"refused": refused, "lost": lost, "alive": alive, "disturbed": report(disturbed)}


def report(result: TrainResult) -> dict[str, Any]:
    curve = result.curve.as_dict()
    del curve["seconds"]
    return {"curve": curve, "params": [np.asarray(leaf).ravel().tolist() for leaf in jax.tree.leaves(result.params)]}


def in_a_process(program: str, folder: Path, devices: int) -> dict[str, Any]:
    flags = f"--xla_force_host_platform_device_count={devices} {FAST_COMPILER}"
    settings = {"XLA_FLAGS": flags, "PYTHONPATH": str(HERE.parents[2]), "JAX_COMPILATION_CACHE_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-W", "error", HERE, program, folder / "run"], capture_output=True, text=True, check=False,
        env={**os.environ, **settings},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def actors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return in_a_process("by_actors", tmp_path_factory.mktemp("actors"), 1)


def test_a_killed_actor_changes_nothing_but_the_time(actors: dict[str, Any]) -> None:
    assert actors["lost"] >= 1
    assert len(actors["disturbed"]["curve"]["cost"]) == 3
    assert actors["disturbed"] == {name: actors[name] for name in ("curve", "params")}  # to the last bit
    assert actors["alive"] == 2  # it has been restarted
    assert "at most" in actors["refused"]


def test_eight_devices_learn_what_one_learns(actors: dict[str, Any], tmp_path: Path) -> None:
    eight = in_a_process("on_devices", tmp_path, 8)
    assert eight["devices"] == [8]
    assert eight["episodes_each"] == 2  # of 16
    for name, values in actors["curve"].items():
        assert eight["curve"][name] == pytest.approx(values, rel=1e-3, abs=1e-5), name
    for a, b in zip(actors["params"], eight["params"], strict=True):
        # Adam's first steps are as long as the learning rate, 0.003, whatever the gradient: noise about zero included
        np.testing.assert_allclose(a, b, atol=3e-3)
        assert np.mean(np.abs(np.subtract(a, b))) < 1e-4


if __name__ == "__main__":
    print(json.dumps({"on_devices": on_devices, "by_actors": by_actors}[sys.argv[1]](sys.argv[2])))
