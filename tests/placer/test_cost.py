"""The proxy cost: its full, incremental and JAX forms against reference values and against its definition."""

from __future__ import annotations

import json
from dataclasses import replace
from math import floor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placer.baselines.random_legal import random_legal
from placer.cost import CostModel, ProxyCost
from placer.cost_jax import cost_arrays, proxy_cost
from placer.formats.plc import load_design, read_plc
from placer.incremental import IncrementalCost
from placer.netlist import Canvas, InputError, Netlist, NodeKind, Orientation, Placement
from placer.synthetic import synthetic

DESIGNS = ("ariane133_ng45", "ariane136_ng45", "mempool_tile_ng45", "nvdla_ng45")


def reference_cost(netlist: Netlist, placement: Placement) -> tuple[float, float, float]:
    """Wirelength, density and congestion of a placement."""
    canvas = netlist.canvas
    nc, nr = canvas.columns, canvas.rows
    gw, gh = canvas.width / nc, canvas.height / nr
    horizontal, vertical = np.zeros((nr, nc)), np.zeros((nr, nc))
    length = 0.0
    for net, weight in enumerate(netlist.net_weight):
        pins = netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]]
        ends = [pin_at(netlist, placement, int(pin)) for pin in pins]
        xs, ys = [e[0] for e in ends], [e[1] for e in ends]
        length += weight * (max(xs) - min(xs) + max(ys) - min(ys))
        cells = [(min(max(floor(y / gh), 0), nr - 1), min(max(floor(x / gw), 0), nc - 1)) for x, y in ends]
        charge_net(horizontal, vertical, cells[0], list(dict.fromkeys(cells)), weight)
    wirelength = length / (netlist.net_weight.sum() * (canvas.width + canvas.height))
    horizontal /= gh * canvas.h_routes_per_um
    vertical /= gw * canvas.v_routes_per_um
    if canvas.smooth_range:
        horizontal, vertical = spread(horizontal.T, canvas.smooth_range).T, spread(vertical, canvas.smooth_range)
        horizontal, vertical = horizontal.copy(), vertical.copy()
    area = np.zeros((nr, nc))
    for node, kind in enumerate(netlist.node_kind):
        if kind not in (NodeKind.HARD, NodeKind.SOFT):
            continue
        (x, y), (w, h) = placement.position[node], netlist.node_size[node]
        cover(area, x, y, w, h, gw, gh)
        if kind == NodeKind.HARD:
            block(horizontal, vertical, x, y, w, h, netlist)
    density = sorted((area / (gw * gh)).ravel(), reverse=True)
    if nc * nr < 10:
        some = [d for d in density if d > 0]
        half_mean = 0.5 * sum(some) / len(some) if some else 0.0
    else:
        top = max(floor(0.1 * nc * nr), 1)
        half_mean = 0.5 * sum(density[:top]) / top
    both = sorted([*horizontal.ravel(), *vertical.ravel()], reverse=True)
    top = floor(0.05 * 2 * nc * nr)
    return float(wirelength), float(half_mean), float(sum(both[:top]) / top if top else both[0])


def pin_at(netlist: Netlist, placement: Placement, pin: int) -> tuple[float, float]:
    node = netlist.pin_node[pin]
    x, y = placement.position[node]
    if netlist.node_kind[node] != NodeKind.HARD:
        return float(x), float(y)
    dx, dy = netlist.pin_offset[pin]
    name = ("N", "FN", "FS", "S")[placement.orientation[node]]
    return float(x + (-dx if name in ("FN", "S") else dx)), float(y + (-dy if name in ("FS", "S") else dy))


def charge_net(
    horizontal: np.ndarray,
    vertical: np.ndarray,
    source: tuple[int, int],
    cells: list[tuple[int, int]],
    weight: float,
) -> None:
    def h_run(row: int, a: int, b: int) -> None:
        horizontal[row, min(a, b) : max(a, b)] += weight

    def v_run(column: int, a: int, b: int) -> None:
        vertical[min(a, b) : max(a, b), column] += weight

    if len(cells) != 3:
        for row, column in cells:
            h_run(source[0], source[1], column)
            v_run(column, source[0], row)
        return
    (x1, y1), (x2, y2), (x3, y3) = sorted((column, row) for row, column in cells)
    if x1 < x2 < x3 and min(y1, y3) < y2 < max(y1, y3):
        h_run(y1, x1, x2)
        h_run(y2, x2, x3)
        v_run(x2, y1, y2)
        v_run(x3, y2, y3)
    elif x2 == x3 and x1 < x2 and y1 < min(y2, y3):
        h_run(y1, x1, x2)
        v_run(x2, y1, max(y2, y3))
    elif y2 == y3:
        h_run(y1, x1, x2)
        h_run(y2, x2, x3)
        v_run(x2, y1, y2)
    else:
        (ya, xa), (yb, xb), (yc, xc) = sorted(cells)
        h_run(yb, min(xa, xb, xc), max(xa, xb, xc))
        v_run(xa, ya, yb)
        v_run(xc, yb, yc)


def spread(values: np.ndarray, reach: int) -> np.ndarray:
    """Each column's value spread equally over the columns within reach."""
    out = np.zeros_like(values)
    count = values.shape[1]
    for column in range(count):
        low, high = max(column - reach, 0), min(column + reach, count - 1)
        for other in range(low, high + 1):
            out[:, other] += values[:, column] / (high - low + 1)
    return out


def cover(area: np.ndarray, x: float, y: float, w: float, h: float, gw: float, gh: float) -> None:
    for row in range(area.shape[0]):
        for column in range(area.shape[1]):
            dx = min(x + w / 2, (column + 1) * gw) - max(x - w / 2, column * gw)
            dy = min(y + h / 2, (row + 1) * gh) - max(y - h / 2, row * gh)
            if dx > 0 and dy > 0:
                area[row, column] += dx * dy


def block(
    horizontal: np.ndarray, vertical: np.ndarray, x: float, y: float, w: float, h: float, netlist: Netlist
) -> None:
    canvas = netlist.canvas
    nr, nc = horizontal.shape
    gw, gh = canvas.width / nc, canvas.height / nr
    share: dict[tuple[int, int], tuple[float, float]] = {}
    for row in range(nr):
        for column in range(nc):
            dx = min(x + w / 2, (column + 1) * gw) - max(x - w / 2, column * gw)
            dy = min(y + h / 2, (row + 1) * gh) - max(y - h / 2, row * gh)
            if dx > 0 and dy > 0:
                share[row, column] = dx, dy
    if not share:
        return
    rows, columns = sorted({r for r, _ in share}), sorted({c for _, c in share})
    part_y = len(rows) > 1 and any(abs(share[r, columns[0]][1] - gh) > 1e-5 for r in (rows[0], rows[-1]))
    part_x = len(columns) > 1 and any(abs(share[rows[0], c][0] - gw) > 1e-5 for c in (columns[0], columns[-1]))
    for (row, column), (dx, dy) in share.items():
        if not (part_y and row == rows[-1]):
            vertical[row, column] += dx * canvas.v_macro_routes_per_um / (gw * canvas.v_routes_per_um)
        if not (part_x and column == columns[-1]):
            horizontal[row, column] += dy * canvas.h_macro_routes_per_um / (gh * canvas.h_routes_per_um)


def random_design(seed: int, columns: int, rows: int, smooth: int = 0, nets: int = 40) -> tuple[Netlist, Placement]:
    """A netlist of hard and soft macros and ports with nets of 1 to 9 pins, and a placement, in part off the canvas."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(columns * rng.uniform(5, 20), rows * rng.uniform(5, 20), columns, rows, smooth_range=smooth)
    hard, soft, ports = 5, 6, 4
    kind = np.repeat([NodeKind.PORT, NodeKind.HARD, NodeKind.SOFT], [ports, hard, soft]).astype(np.int8)
    size = rng.uniform(1, 30, (len(kind), 2)) * (kind != NodeKind.PORT)[:, None]
    pin_node = np.concatenate([np.arange(len(kind)), rng.integers(ports, ports + hard, 25)]).astype(np.int32)
    is_hard_pin = (kind == NodeKind.HARD)[pin_node]
    offset = rng.uniform(-0.5, 0.5, (len(pin_node), 2)) * size[pin_node] * is_hard_pin[:, None]
    ends = [rng.choice(len(pin_node), rng.integers(1, 10)) for _ in range(nets)]
    netlist = Netlist(
        name="random",
        canvas=canvas,
        node_names=tuple(f"n{k}" for k in range(len(kind))),
        node_kind=kind,
        node_size=size,
        node_fixed=kind == NodeKind.PORT,
        pin_names=tuple(f"p{k}" for k in range(len(pin_node))),
        pin_node=pin_node,
        pin_offset=offset,
        net_start=np.cumsum([0, *map(len, ends)]).astype(np.int32),
        net_pins=np.concatenate(ends).astype(np.int32),
        net_weight=rng.choice([1.0, 2.0, 7.0, 0.3], nets),
    )
    position = rng.uniform(-0.1, 1.1, (len(kind), 2)) * [canvas.width, canvas.height]
    return netlist, Placement(position, rng.integers(0, 4, len(kind)).astype(np.int8))


def values(cost: ProxyCost) -> tuple[float, float, float]:
    return cost.wirelength, cost.density, cost.congestion


def on_jax(netlist: Netlist, placement: Placement) -> list[float]:
    with jax.enable_x64(True):
        arrays = cost_arrays(netlist)
        return [float(v) for v in jax.jit(proxy_cost)(arrays, placement.position, placement.orientation)]


@pytest.mark.parametrize("design", DESIGNS)
def test_equals_reference_values(shared: Path, design: str) -> None:
    folder = shared / "benchmarks" / design
    netlist, _ = load_design(folder / "netlist.pb.txt.gz", folder / "initial.plc")
    model = CostModel(netlist)
    with jax.enable_x64(True):
        arrays, evaluate = cost_arrays(netlist), jax.jit(proxy_cost)
        for name, case in json.loads((folder / "costs.json").read_text())["cases"].items():
            placement = read_plc(folder / f"{name}.plc", netlist)
            expected = [case[key] for key in ("wirelength", "density", "congestion")]
            cost = model.evaluate(placement)
            np.testing.assert_allclose(values(cost), expected, rtol=0, atol=1e-9, err_msg=name)
            assert cost.total() == pytest.approx(case["proxy_1_half_half"], abs=1e-9)
            if design in ("ariane133_ng45", "nvdla_ng45"):
                ours = evaluate(arrays, placement.position, placement.orientation)
                np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9, err_msg=name)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9), st.integers(0, 3))
def test_full_cost_is_the_definition(seed: int, columns: int, rows: int, smooth: int) -> None:
    netlist, placement = random_design(seed, columns, rows, smooth)
    ours = values(CostModel(netlist).evaluate(placement))
    np.testing.assert_allclose(ours, reference_cost(netlist, placement), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("columns", "rows", "smooth"), [(6, 8, 2), (2, 2, 0)])
def test_jax_cost_is_the_definition(columns: int, rows: int, smooth: int) -> None:
    netlist, placement = random_design(3, columns, rows, smooth)
    np.testing.assert_allclose(on_jax(netlist, placement), reference_cost(netlist, placement), rtol=1e-10, atol=1e-12)


def test_all_ways_to_route_three_cells() -> None:
    """Every arrangement of three cells on a 4 x 4 grid, each as a net of its own."""
    cells = [(x, y) for x in range(4) for y in range(4)]
    rng = np.random.default_rng(0)
    for _ in range(40):
        chosen = rng.permutation(16)[:3]
        at = np.array([cells[c] for c in chosen]) * 10.0 + 5.0
        netlist = Netlist(
            "three", Canvas(40, 40, 4, 4, smooth_range=0), ("a", "b", "c"), np.full(3, NodeKind.PORT, np.int8),
            np.zeros((3, 2)), np.ones(3, np.bool_), ("a", "b", "c"), np.arange(3, dtype=np.int32), np.zeros((3, 2)),
            np.array([0, 3], np.int32), np.arange(3, dtype=np.int32), np.ones(1),
        )  # fmt: skip
        placement = Placement(at, np.zeros(3, np.int8))
        expected = reference_cost(netlist, placement)
        np.testing.assert_allclose(values(CostModel(netlist).evaluate(placement)), expected, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 8), st.integers(0, 2))
def test_incremental_cost_has_the_bits_of_the_full_cost(seed: int, columns: int, rows: int, smooth: int) -> None:
    netlist, placement = random_design(seed, columns, rows, smooth)
    rng = np.random.default_rng(seed)
    model, moving = CostModel(netlist), IncrementalCost(netlist, placement)
    kept = placement
    for _ in range(60):
        for _ in range(rng.integers(1, 4)):
            random_change(rng, moving)
        assert moving.parts == model.evaluate(moving.placement)
        assert moving.cost == pytest.approx(moving.parts.total(), rel=1e-14)
        if rng.random() < 0.5:
            moving.undo()
            np.testing.assert_array_equal(moving.placement.position, kept.position)
            np.testing.assert_array_equal(moving.placement.orientation, kept.orientation)
            assert moving.parts == model.evaluate(kept)
        else:
            moving.commit()
            kept = moving.placement


def random_change(rng: np.random.Generator, moving: IncrementalCost) -> None:
    canvas, count = moving.netlist.canvas, len(moving.netlist.node_names)
    node, other = rng.choice(count, 2, replace=False).tolist()
    what = rng.integers(4)
    if what == 0:
        moving.move(node, *(rng.uniform(-0.1, 1.1, 2) * [canvas.width, canvas.height]))
    elif what == 1:
        x, y = moving.placement.position[node]
        moving.move(node, x + rng.normal(), y + rng.normal())
    elif what == 2:
        moving.swap(node, other)
    else:
        moving.flip(node, int(rng.integers(4)))


@pytest.mark.parametrize("design", DESIGNS[:1])
def test_three_forms_agree_over_a_long_walk(shared: Path, design: str) -> None:
    folder = shared / "benchmarks" / design
    netlist, placement = load_design(folder / "netlist.pb.txt.gz", folder / "initial.plc")
    model, moving = CostModel(netlist), IncrementalCost(netlist, placement)
    rng = np.random.default_rng(1)
    with jax.enable_x64(True):
        arrays, evaluate = cost_arrays(netlist), jax.jit(proxy_cost)
        for step in range(5000):
            random_change(rng, moving)
            if rng.random() < 0.3:
                moving.undo()
            elif rng.random() < 0.5:
                moving.commit()
            if step % 100 == 99:
                at = moving.placement
                assert moving.parts == model.evaluate(at)
                ours = evaluate(arrays, at.position, at.orientation)
                np.testing.assert_allclose(ours, values(moving.parts), rtol=1e-11)


def test_jax_batch_is_the_same_as_one_by_one() -> None:
    netlist, placement = random_design(5, 7, 6, 1)
    rng = np.random.default_rng(0)
    positions = placement.position + rng.normal(0, 5, (8, *placement.position.shape))
    turns = rng.integers(0, 4, (8, len(placement.orientation)))
    with jax.enable_x64(True):
        arrays = cost_arrays(netlist)
        batch = jax.jit(jax.vmap(proxy_cost, in_axes=(None, 0, 0)))(arrays, jnp.asarray(positions), jnp.asarray(turns))
    model = CostModel(netlist)
    for k in range(8):
        expected = values(model.evaluate(Placement(positions[k], turns[k].astype(np.int8))))
        np.testing.assert_allclose([part[k] for part in batch], expected, rtol=1e-10)


def test_single_precision_is_near() -> None:
    netlist, placement = random_design(11, 8, 8)
    with jax.enable_x64(False):
        ours = jax.jit(proxy_cost)(cost_arrays(netlist), placement.position, placement.orientation)
        assert all(v.dtype == jnp.float32 for v in ours)
    np.testing.assert_allclose(ours, values(CostModel(netlist).evaluate(placement)), rtol=1e-4)


def test_orientations_mirror_pin_offsets() -> None:
    netlist, placement = random_design(2, 6, 6)
    model = CostModel(netlist)
    for turn in Orientation:
        turned = Placement(placement.position, np.full_like(placement.orientation, turn))
        expected = reference_cost(netlist, turned)
        np.testing.assert_allclose(values(model.evaluate(turned)), expected, rtol=1e-10)


def test_positions_must_be_places() -> None:
    netlist, placement = random_design(0, 5, 5)
    model = CostModel(netlist)
    for wrong in (np.nan, np.inf, 1e30):
        position = placement.position.copy()
        position[3, 1] = wrong
        with pytest.raises(InputError, match="'n3'"):
            model.evaluate(Placement(position, placement.orientation))
    with pytest.raises(InputError, match="15 nodes"):
        model.evaluate(Placement(placement.position[1:], placement.orientation[1:]))


def test_moves_are_checked() -> None:
    netlist, placement = random_design(0, 5, 5)
    moving = IncrementalCost(netlist, placement)
    with pytest.raises(IndexError):
        moving.move(15, 0.0, 0.0)
    with pytest.raises(ValueError, match="0 to 3"):
        moving.flip(4, 4)


def test_maps_hold_the_cost() -> None:
    netlist, placement = random_design(4, 9, 8, 1)
    model = CostModel(netlist)
    cost, maps = model.evaluate(placement), model.maps(placement)
    top = np.sort(maps.density, axis=None)[::-1][:7]
    assert 0.5 * top.mean() == pytest.approx(cost.density)
    both = np.sort(np.concatenate([maps.horizontal, maps.vertical], axis=None))[::-1][:7]
    assert both.mean() == pytest.approx(cost.congestion)


@pytest.mark.parametrize("turn", [(True, False), (False, True), (True, True)])
def test_a_placement_costs_what_its_mirror_image_costs(turn: tuple[bool, bool]) -> None:
    netlist, initial = synthetic(10, 3)
    placed = random_legal(netlist, initial, 0)
    canvas = np.array([netlist.canvas.width, netlist.canvas.height])
    there = replace(netlist, pin_offset=np.where(turn, -netlist.pin_offset, netlist.pin_offset))
    image = replace(placed, position=np.where(turn, canvas - placed.position, placed.position))
    a, b = CostModel(netlist).evaluate(placed), CostModel(there).evaluate(image)
    assert b.wirelength == pytest.approx(a.wirelength, rel=1e-9)
    assert b.density == pytest.approx(a.density, rel=1e-9)
    assert b.congestion == pytest.approx(a.congestion, rel=0.05)  # of the two ways around a corner one is chosen
