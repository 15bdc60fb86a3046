"""Proposals: valid, near, untried, within the constitution."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from loop.archive import Generation
from loop.config import Limits
from loop.constitution import Unconstitutional, check
from loop.governor import neighbours, propose
from rtl import AcceleratorSpec


def kept(spec: AcceleratorSpec, number: int = 0, status: str = "kept") -> Generation:
    return Generation(number, None, status, asdict(spec), 1, {}, {}, {})  # type: ignore[arg-type]


def test_neighbours_are_valid_distinct_and_differ_from_the_spec() -> None:
    spec = AcceleratorSpec()
    near = neighbours(spec)
    assert len(near) >= 6
    assert spec not in near
    assert len({s.content_hash for s in near}) == len(near)


def test_proposals_walk_through_every_neighbour_once_in_the_estimate_s_order() -> None:
    spec = AcceleratorSpec()
    archive = [kept(spec)]

    def estimate(s: AcceleratorSpec) -> float:
        return -s.rows * s.cols + s.clock_ns

    wide = Limits(max_pes=4096, max_macros=4096)
    seen: list[AcceleratorSpec] = []
    while len(seen) < len(neighbours(spec)):
        found = propose(archive, 1, wide, estimate)
        assert found is not None
        seen.append(found)
        archive.append(kept(found, len(archive), "rolled back"))
    assert sorted(seen, key=estimate)[0] == seen[0]
    assert {s.content_hash for s in seen} == {s.content_hash for s in neighbours(spec)}
    assert propose(archive, 1, wide, estimate) is None


def test_the_constitution_bounds_proposals() -> None:
    spec = AcceleratorSpec()
    limits = Limits(max_pes=16, max_macros=16)
    found = propose([kept(spec)], 1, limits, lambda s: -float(s.rows * s.cols))
    assert found is not None
    check(found, 1, limits)
    with pytest.raises(Unconstitutional, match="clause 'size': 64 processing elements, at most 16"):
        check(AcceleratorSpec(rows=8, cols=8, act_banks=4, weight_banks=4, result_banks=16), 1, limits)
    with pytest.raises(Unconstitutional, match="clause 'budget'"):
        check(spec, 10_000, Limits())
