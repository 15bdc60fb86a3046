"""What stages do beside their work; ``test_flow`` has stages that hand files to each other."""

from __future__ import annotations

import json
from pathlib import Path

from loop import stages


def test_a_stopwatch_goes_on_after_an_interruption(tmp_path: Path) -> None:
    path = tmp_path / "seconds.json"
    path.write_text(json.dumps(100.0))
    assert 100.0 <= stages.Stopwatch(path).note() < 110.0
    assert json.loads(path.read_text()) >= 100.0
