"""What TensorBoard shows of a training run.

Written with tensorboardX, which needs nothing but numpy and protobuf; the writers of TensorFlow, PyTorch and clu each
bring a framework along.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from types import TracebackType

from tensorboardX import SummaryWriter

from placer.curve import Curve

TAGS = {
    "cost/mean": "cost",
    "cost/best": "best",
    "policy/entropy": "entropy",
    "policy/kl": "kl",
    "value/error": "value_error",
    "time/seconds": "seconds",
}
"""TensorBoard's tag of each column of the curve."""


class EventLog:
    """The event file of one run; written anew when a run is resumed, so that each update is in it once.

    Args:
        folder: it is made; event files of before are removed.
        curve: what the run has behind it.
        episodes: per update.
    """

    def __init__(self, folder: Path, curve: Curve, episodes: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._writer = SummaryWriter(str(folder))
        self._episodes = episodes
        for update in range(1, curve.updates + 1):
            self.add(curve, update)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, curve: Curve, update: int) -> None:
        """Log an update of a curve, counted from 1."""
        when = time.time() - (curve.elapsed - curve.seconds[update - 1])
        took = curve.seconds[update - 1] - (curve.seconds[update - 2] if update > 1 else 0.0)
        for tag, column in TAGS.items():
            self._writer.add_scalar(tag, getattr(curve, column)[update - 1], update, when)
        self._writer.add_scalar("time/episodes_per_s", self._episodes / max(took, 1e-9), update, when)
