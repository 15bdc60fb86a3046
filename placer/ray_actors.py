"""Episodes played by actors on a Ray cluster; what a run learns does not depend on which of them live.

An update's episodes are cut into parts of one size, by the number of actors that were asked for. A part's result
follows from parameters and keys alone, so that any actor may play any part, twice if need be. An actor that dies is
restarted by Ray and given work again once it answers; until then, or for ever, the others do its work, and this
process does where none is left.
"""

from __future__ import annotations

import os
from collections import deque
from types import TracebackType
from typing import Any

import jax
import numpy as np

from placer.netlist import InputError
from placer.policy import Params
from placer.ppo import Episodes, TrainConfig
from placer.problem import Problem
from placer.train import collect_here

RESTARTS = 8
"""How often Ray restarts an actor before it is done without."""

PATIENCE = 900.0
"""Seconds without any answer after which what is running is given up: compiling may take minutes."""


class ClusterError(InputError):
    """There is no Ray, or no such cluster; the message says what to do."""


def play_part(problem: Problem, params: Params, config: TrainConfig, keys: np.ndarray[Any, Any]) -> Episodes:
    """The episodes of some keys' data, as numpy arrays."""
    return jax.device_get(collect_here(problem, params, config, jax.random.wrap_key_data(jax.numpy.asarray(keys))))


class Player:
    """Plays episodes on a processor; one process of the cluster."""

    def __init__(self) -> None:
        jax.config.update("jax_platforms", "cpu")  # accelerators are the learner's

    def play(self, problem: Problem, params: Params, config: TrainConfig, keys: np.ndarray[Any, Any]) -> Episodes:
        """As ``play_part``."""
        return play_part(problem, params, config, keys)

    def pid(self) -> int:
        """Of its process; that it answers says that it is alive."""
        return os.getpid()


class RayCollector:
    """A collector for ``placer.train.train``; a context manager that gives actors and cluster back.

    Args:
        workers: actors, each with one CPU.
        address: of a running cluster; None: ``$RAY_ADDRESS`` where that is set, else a cluster on this machine.
        patience: seconds without any answer after which what is running is given up.

    Attributes:
        lost: how often an actor was found dead or silent.

    Raises:
        ClusterError: Ray is not installed, or there is no cluster at that address, or it has too few CPUs.
    """

    def __init__(self, workers: int, address: str | None = None, patience: float = PATIENCE) -> None:
        try:
            import ray
        except ImportError as error:
            raise ClusterError("there is no Ray in this environment; run pip install 'chiploop[ray]'") from error
        self._ray, self._patience, self.workers, self.lost = ray, patience, workers, 0
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        where = address or os.environ.get("RAY_ADDRESS") or "local"
        try:
            ray.init(where, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ClusterError(f"no Ray cluster at {where}: {error}; start one with ray start --head") from error
        found = int(ray.cluster_resources().get("CPU", 0))
        if found < workers:
            ray.shutdown()
            raise ClusterError(f"the cluster has {found} CPUs, one for each actor: ask for at most {found} workers")
        actor = ray.remote(num_cpus=1, max_restarts=RESTARTS)(Player)
        self._waking = {handle.pid.remote(): handle for handle in (actor.remote() for _ in range(workers))}
        self._idle: list[Any] = []
        self._problem: tuple[Problem, Any] | None = None

    def __enter__(self) -> RayCollector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ray.shutdown()

    def processes(self) -> list[int]:
        """Process numbers of the actors that live, once all have answered; between updates."""
        while self._waking and (ready := self._ray.wait(list(self._waking), timeout=self._patience)[0]):
            self._greet(ready)
        return [self._ray.get(actor.pid.remote()) for actor in self._idle]

    def __call__(self, problem: Problem, params: Params, config: TrainConfig, keys: jax.Array) -> Episodes:
        """Play one episode per key [T]."""
        ray = self._ray
        if self._problem is None or self._problem[0] is not problem:
            self._problem = (problem, ray.put(jax.device_get(problem)))
        sent = ray.put(jax.device_get(params))
        parts = np.split(np.asarray(jax.random.key_data(keys)), len(keys) // _part(len(keys), self.workers))
        todo = deque(range(len(parts)))
        done: dict[int, Episodes] = {}
        running: dict[Any, tuple[int, Any]] = {}
        while len(done) < len(parts):
            while todo and self._idle:
                part, actor = todo.popleft(), self._idle.pop()
                running[actor.play.remote(self._problem[1], sent, config, parts[part])] = part, actor
            waited = [*running, *self._waking]
            ready, _ = ray.wait(waited, timeout=self._patience) if waited else ([], [])
            if not ready:  # none is left, or none answers
                self._waking.clear()  # restarted, and silent all the same
                for part, actor in running.values():
                    todo.append(part)
                    ray.kill(actor, no_restart=False)
                    self._wake(actor)
                running.clear()
                here = todo.popleft()
                done[here] = play_part(problem, params, config, parts[here])
            for reference in ready:
                if reference not in running:
                    self._greet([reference])
                    continue
                part, actor = running.pop(reference)
                try:
                    done[part] = ray.get(reference)
                    self._idle.append(actor)
                except ray.exceptions.RayTaskError:  # a defect, which every actor would meet
                    raise
                except ray.exceptions.RayError:
                    todo.append(part)
                    self._wake(actor)
        return _joined([done[part] for part in range(len(parts))])

    def _wake(self, actor: Any) -> None:
        """Count an actor as lost until it answers again."""
        self.lost += 1
        self._waking[actor.pid.remote()] = actor

    def _greet(self, references: list[Any]) -> None:
        """Give work again to those that have answered; one that has died for good is done without."""
        for reference in references:
            actor = self._waking.pop(reference)
            try:
                self._ray.get(reference, timeout=0)
                self._idle.append(actor)
            except self._ray.exceptions.ActorUnavailableError:
                self._waking[actor.pid.remote()] = actor
            except self._ray.exceptions.RayError:
                self.lost += 1


def _part(episodes: int, workers: int) -> int:
    """Episodes of a part: all parts alike, so that each is compiled once, and enough parts for all workers."""
    return max(n for n in range(1, -(-episodes // workers) + 1) if episodes % n == 0)


def _joined(parts: list[Episodes]) -> Episodes:
    """Parts, one after the other along the episodes' axis."""
    steps = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *(part.steps for part in parts))
    outcome = jax.tree.map(lambda *leaves: np.concatenate(leaves), *(part.outcome for part in parts))
    return Episodes(steps, outcome)
