"""The legaliser: strict legality on random cases, least movement, and an exact packer on small ones."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.legaliser_cases import case, macros_only
from placer.formats.plc import load_design, read_plc
from placer.legalise import Infeasible, legalise
from placer.legality import is_legal, violations
from placer.netlist import InputError, Placement


def upright(position) -> Placement:
    position = np.asarray(position, float)
    return Placement(position, np.zeros(len(position), np.int8))


def free(count: int) -> np.ndarray:
    return np.zeros(count, bool)


@pytest.mark.parametrize("first", range(0, 100, 25))
def test_every_feasible_random_case_is_solved(first):
    for seed in range(first, first + 25):
        c = case(seed)
        rules = {"halo": c.halo, "grid": c.grid, "blockages": c.blockages, "fences": c.fences}
        assert violations(c.netlist, c.solution, **rules) == [], seed
        legal = legalise(c.netlist, c.placement, **rules)
        assert violations(c.netlist, legal, **rules) == [], seed
        fixed = c.netlist.node_fixed
        assert np.array_equal(legal.position[fixed], c.placement.position[fixed])


def fits(sizes: list[tuple[int, int]], width: int, height: int) -> bool:
    """Whether rectangles of whole sizes pack: places each in turn at every whole position of the canvas."""
    if not sizes:
        return True
    taken = np.zeros((width, height), bool)

    def place(k: int) -> bool:
        if k == len(sizes):
            return True
        w, h = sizes[k]
        for x in range(width - w + 1):
            for y in range(height - h + 1):
                if not taken[x : x + w, y : y + h].any():
                    taken[x : x + w, y : y + h] = True
                    if place(k + 1):
                        return True
                    taken[x : x + w, y : y + h] = False
        return False

    return place(0)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=5),
    width=st.integers(4, 7),
    height=st.integers(4, 7),
    seed=st.integers(0, 1000),
)
def test_infeasible_exactly_when_an_exact_packer_says_so(sizes, width, height, seed):
    # Rectangles of whole sizes that pack at all pack at whole positions (push all to the lower left).
    netlist = macros_only(np.array(sizes, float), width, height, free(len(sizes)))
    position = np.random.default_rng(seed).uniform(0, 7, (len(sizes), 2))
    if fits(sorted(sizes, reverse=True), width, height):
        assert is_legal(netlist, legalise(netlist, upright(position)))
    else:
        with pytest.raises(Infeasible, match=r"no legal placement exists|larger than|times the area"):
            legalise(netlist, upright(position))


def test_a_full_canvas_of_exact_sizes_is_packed():
    netlist = macros_only(np.full((16, 2), 2.5), 10.0, 10.0, free(16))
    legal = legalise(netlist, upright(np.full((16, 2), 5.0)))
    assert violations(netlist, legal) == []


def test_a_legal_placement_is_returned_as_it_is():
    c = case(3)
    assert legalise(c.netlist, c.solution, halo=c.halo) is c.solution


def test_least_movement_of_two_macros():
    # Overlapping by 2 in x: the least movement is 2 in total.
    netlist = macros_only(np.full((2, 2), 4.0), 20.0, 20.0, free(2))
    start = upright([[9.0, 10.0], [11.0, 10.0]])
    legal = legalise(netlist, start)
    assert np.abs(legal.position - start.position).sum() == pytest.approx(2.0, abs=1e-5)


def test_movement_is_near_the_best_of_all_orders():
    """Against brute force: all left/below relations of three macros, each by its own linear programme."""
    from scipy.optimize import linprog

    random = np.random.default_rng(5)
    for _ in range(3):
        size = random.uniform(2, 5, (3, 2))
        start = random.uniform(3, 9, (3, 2))
        netlist = macros_only(size, 12.0, 12.0, free(3))
        legal = legalise(netlist, upright(start))
        moved = np.abs(legal.position - start).sum()
        best = np.inf
        pairs = list(itertools.combinations(range(3), 2))
        for ways in itertools.product(range(4), repeat=3):
            total = 0.0
            for d in range(2):
                rows, bound = [], []
                for (a, b), way in zip(pairs, ways, strict=True):
                    if way // 2 == d:
                        lo, hi = (a, b) if way % 2 else (b, a)
                        row = np.zeros(6)
                        row[lo], row[hi] = 1, -1
                        rows.append(row)
                        bound.append(-(size[lo, d] + size[hi, d]) / 2)
                for i in range(3):
                    for sign in (1, -1):
                        row = np.zeros(6)
                        row[i], row[3 + i] = sign, -1
                        rows.append(row)
                        bound.append(sign * start[i, d])
                bounds = [(size[i, d] / 2, 12 - size[i, d] / 2) for i in range(3)] + [(0, None)] * 3
                solved = linprog([0, 0, 0, 1, 1, 1], np.array(rows), bound, bounds=bounds)
                total += solved.fun if solved.success else np.inf
            best = min(best, total)
        assert moved <= 1.5 * best + 1e-4


def test_manufacturing_grid_and_halo():
    size = np.array([[10.005, 7.3], [10.0, 7.3], [3.14, 9.995]])
    netlist = macros_only(size, 40.0, 30.0, free(3))
    legal = legalise(netlist, upright(np.full((3, 2), 15.0)), halo=1.0, grid=0.005)
    assert violations(netlist, legal, halo=1.0, grid=0.005) == []
    low = (legal.position - size / 2) / 0.005
    assert np.abs(low - np.round(low)).max() < 1e-6
    assert violations(netlist, legal, halo=15.0) != []


def test_edge_halo_keeps_the_distance_to_the_edge():
    netlist = macros_only(np.full((1, 2), 4.0), 10.0, 10.0, free(1))
    assert legalise(netlist, upright([[0.0, 0.0]]), halo=1.0).position.tolist() == [[2.0, 2.0]]
    assert legalise(netlist, upright([[0.0, 0.0]]), halo=1.0, edge_halo=True).position.tolist() == [[3.0, 3.0]]


def test_each_violation_is_told():
    netlist = macros_only(np.full((2, 2), 4.0), 10.0, 10.0, free(2))
    kinds = {
        v.kind
        for v in violations(
            netlist,
            upright([[1.0, 5.0], [3.0, 5.0]]),
            grid=0.3,
            blockages=[(3.0, 3.0, 4.0, 4.0)],
            fences={"macro0": (5.0, 5.0, 10.0, 10.0)},
        )
    }
    assert kinds == {"overlap", "outside", "grid", "blockage", "fence"}
    assert "overlap: macro0, macro1 by 2 um" in map(str, violations(netlist, upright([[2, 5], [4, 5]])))


def test_one_bit_of_overlap_is_a_violation():
    netlist = macros_only(np.full((2, 2), 4.0), 10.0, 10.0, free(2))
    assert is_legal(netlist, upright([[2.0, 5.0], [6.0, 5.0]]))
    assert not is_legal(netlist, upright([[2.0, 5.0], [np.nextafter(6.0, 0.0), 5.0]]))


def test_bad_input_is_refused_in_one_line():
    netlist = macros_only(np.full((2, 2), 4.0), 10.0, 10.0, free(2))
    with pytest.raises(InputError, match="macro1 is not a number"):
        legalise(netlist, upright([[2.0, 5.0], [np.nan, 5.0]]))
    with pytest.raises(InputError, match="'nobody'"):
        legalise(netlist, upright([[2.0, 5.0], [6.0, 5.0]]), fences={"nobody": (0, 0, 1, 1)})
    stuck = replace(netlist, node_fixed=np.ones(2, bool))
    with pytest.raises(Infeasible, match="fixed macros"):
        legalise(stuck, upright([[2.0, 5.0], [3.0, 5.0]]))


def test_a_published_design_moves_far_less_than_the_published_legaliser(shared):
    folder = shared / "benchmarks" / "ariane133_ng45"  # its initial placement has macros outside the canvas
    netlist, start = load_design(folder / "netlist.pb.txt.gz", folder / "initial.plc")
    published = read_plc(folder / "legalized.plc", netlist)
    legal = legalise(netlist, start)
    assert is_legal(netlist, legal)
    moved, moved_there = (np.abs(p.position - start.position).sum() for p in (legal, published))
    assert moved < 0.25 * moved_there
    again = legalise(netlist, start)
    assert again.position.tobytes() == legal.position.tobytes()
