"""What several test folders share: where the benchmark netlists and technology data lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.results import shared_data


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of benchmark data; the test is skipped where it is absent."""
    path = shared_data()
    if not (path / "benchmarks").is_dir():
        pytest.skip(f"no benchmark data at {path}; set CHIPLOOP_SHARED to the folder that holds it")
    return path
