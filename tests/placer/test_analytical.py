"""Global placement: transforms against their sums, gradients against differences, placements that spread and stay."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from placer.analytical import place_macros
from placer.analytical.electrostatics import cosines, density_gradient, field, sum_cosines, sum_sines
from placer.analytical.global_placement import global_place, global_place_all, respread
from placer.analytical.nesterov import Schedule
from placer.analytical.system import half_perimeter, system_of
from placer.analytical.wirelength import wirelength
from placer.cost import CostModel
from placer.legality import violations
from placer.netlist import Canvas, InputError, Netlist, NodeKind, Placement


def random_design(hard: int, cells: int, seed: int = 0, side: float = 60.0) -> tuple[Netlist, Placement]:
    """Macros 8 x 6 um, cells 1 to 3 x 1 um (kind SOFT), a port in each corner, nets between near numbers."""
    random = np.random.default_rng(seed)
    count = hard + cells + 4
    kind = np.array([NodeKind.HARD] * hard + [NodeKind.SOFT] * cells + [NodeKind.PORT] * 4, np.int8)
    size = np.concatenate([np.tile([8.0, 6.0], (hard, 1)), np.ones((cells, 2)), np.zeros((4, 2))])
    size[hard : hard + cells, 0] = random.integers(1, 4, cells)
    order = random.permutation(count)
    nets = []
    for _ in range(2 * count):
        middle, degree = random.integers(0, count), int(random.integers(2, 4))
        nets.append(order[np.unique((middle + random.integers(-6, 7, degree)) % count)])
    pin_node = np.concatenate(nets).astype(np.int32)
    offset = random.uniform(-0.5, 0.5, (len(pin_node), 2)) * size[pin_node]
    netlist = Netlist(
        name="random",
        canvas=Canvas(side, side, 8, 8, smooth_range=1),
        node_names=tuple(f"n{i}" for i in range(count)),
        node_kind=kind,
        node_size=size,
        node_fixed=kind == NodeKind.PORT,
        pin_names=tuple(f"n{n}/p{i}" for i, n in enumerate(pin_node)),
        pin_node=pin_node,
        pin_offset=offset,
        net_start=np.cumsum([0] + [len(net) for net in nets]).astype(np.int32),
        net_pins=np.arange(len(pin_node), dtype=np.int32),
        net_weight=random.integers(1, 3, len(nets)).astype(float),
    )
    position = np.full((count, 2), side / 2)
    position[-4:] = [[0, 0], [side, 0], [0, side], [side, side]]
    return netlist, Placement(position, np.zeros(count, np.int8))


def scattered(netlist: Netlist, start: Placement, seed: int = 1) -> np.ndarray:
    """Positions anywhere, ports in place."""
    room = np.array([netlist.canvas.width, netlist.canvas.height]) - netlist.node_size
    drawn = np.random.default_rng(seed).random(netlist.node_size.shape) * room + netlist.node_size / 2
    return np.where(netlist.node_fixed[:, None], start.position, drawn)


def nothing(netlist: Netlist) -> np.ndarray:
    """No node frozen."""
    return np.zeros(len(netlist.node_kind), np.bool_)


def test_transforms_are_their_sums():
    random = np.random.default_rng(0)
    for n in (8, 64):
        values = random.normal(size=(3, n)).astype(np.float32)
        k, at = np.arange(n), np.arange(n) + 0.5
        table = np.cos(np.pi * np.outer(k, at) / n)  # [k, n]
        np.testing.assert_allclose(cosines(jnp.asarray(values)), values @ table.T, atol=1e-4)
        np.testing.assert_allclose(sum_cosines(jnp.asarray(values)), values @ table, atol=1e-4)
        sines = np.sin(np.pi * np.outer(k, at) / n)
        np.testing.assert_allclose(sum_sines(jnp.asarray(values)), values @ sines, atol=1e-4)


def test_field_satisfies_poisson():
    """The field's divergence is the density less its mean, where both are a wave of the grid."""
    x, y = (np.arange(32) + 0.5) / 32, (np.arange(16) + 0.5) / 16
    span = np.array([3.0, 2.0])
    u, v = 3, 2
    density = 1 + np.outer(np.cos(np.pi * u * x), np.cos(np.pi * v * y))
    wave = np.pi * np.array([u, v]) / span
    along_x, along_y = jax.jit(field)(jnp.asarray(density, jnp.float32), jnp.asarray(span, jnp.float32))
    strength = wave / (wave @ wave)
    np.testing.assert_allclose(along_x, strength[0] * np.outer(np.sin(np.pi * u * x), np.cos(np.pi * v * y)), atol=1e-6)
    np.testing.assert_allclose(along_y, strength[1] * np.outer(np.cos(np.pi * u * x), np.sin(np.pi * v * y)), atol=1e-6)


def test_wirelength_is_exact_and_its_gradient_a_difference():
    netlist, start = random_design(4, 30)
    placement = replace(start, position=scattered(netlist, start))
    system, fillers = system_of(netlist, placement, nothing(netlist), 1.0)
    at = np.concatenate([placement.position, fillers])
    gradient, exact = jax.jit(wirelength)(system, jnp.asarray(at, jnp.float32), jnp.float32(0.01))
    assert float(exact) == pytest.approx(half_perimeter(netlist, placement), rel=1e-5)
    step = 1e-3
    for node in range(0, 34, 5):
        moved = [placement.position.copy() for _ in range(2)]
        moved[0][node, 0] -= step
        moved[1][node, 0] += step
        low, high = (half_perimeter(netlist, replace(placement, position=m)) for m in moved)
        assert float(gradient[node, 0]) == pytest.approx((high - low) / (2 * step), abs=0.02)


def test_charge_is_kept_and_pushes_apart():
    netlist, start = random_design(2, 0)
    position = start.position.copy()
    position[:2] = [[27.0, 30.0], [33.0, 30.0]]
    system, fillers = system_of(netlist, start, nothing(netlist), 1.0, bins=(64, 64))
    at = np.concatenate([position, np.tile([30.0, 50.0], (len(fillers), 1))])
    push, overflow = jax.jit(density_gradient)(system, jnp.asarray(at, jnp.float32))
    assert float(push[0, 0]) > 0 > float(push[1, 0])  # the gradient: energy falls as they part
    assert float(overflow) == pytest.approx(2 * 6 / 96, abs=0.01)  # they share 2 x 6 um


def test_spreads_at_little_wirelength():
    netlist, start = random_design(8, 200)
    result = global_place(netlist, start)
    assert result.overflow <= 0.07
    assert np.array_equal(result.placement.position[-4:], start.position[-4:])
    random = replace(start, position=scattered(netlist, start))
    assert result.length < 0.6 * half_perimeter(netlist, random)


def test_few_bodies_among_large_macros_spread_to_a_low_density():
    """A body alone is denser than the target in a bin of its own size: bins are as large as what it takes."""
    netlist, start = random_design(4, 250, side=400.0)
    size = netlist.node_size.copy()
    size[:4] = [190.0, 150.0]
    netlist = replace(netlist, node_size=size)
    position = start.position.copy()
    position[:4] = [[100, 100], [300, 100], [100, 300], [300, 300]]
    hard = netlist.node_kind == NodeKind.HARD
    spread = global_place(netlist, Placement(position, start.orientation), 0, 0.15, frozen=hard)
    assert spread.overflow <= Schedule().overflow
    assert spread.iterations < Schedule().iterations / 2


def test_what_is_never_reached_ends_where_it_came_nearest():
    netlist, start = random_design(6, 300)
    near = global_place(netlist, start, 0, 0.5, schedule=Schedule(0.2))
    never = global_place(netlist, start, 0, 0.5, schedule=Schedule(-1.0, iterations=3000))
    assert never.overflow < near.overflow
    assert never.iterations < 3000
    assert never.length < 1.5 * near.length


def test_a_batch_is_its_starts():
    netlist, start = random_design(4, 60)
    alone = global_place(netlist, start, 3)
    both = global_place_all(netlist, start, (3, 5))
    assert both[0].length == pytest.approx(alone.length, rel=0.02)
    assert not np.array_equal(both[0].placement.position, both[1].placement.position)


def test_frozen_nodes_stay():
    netlist, start = random_design(4, 60)
    placed = replace(start, position=scattered(netlist, start))
    hard = netlist.node_kind == NodeKind.HARD
    result = global_place(netlist, placed, frozen=hard)
    assert np.array_equal(result.placement.position[hard], placed.position[hard])
    assert result.length < 0.8 * half_perimeter(netlist, placed)  # the others did not
    again = respread(netlist, result, result.placement, hard, schedule=Schedule(fewest=20))
    assert again.iterations >= 20
    assert again.length < 1.1 * result.length


def test_more_than_the_canvas_holds_is_refused():
    netlist, start = random_design(40, 2000)
    with pytest.raises(InputError, match="times the canvas"):
        global_place(netlist, start)


def test_macros_end_legal_and_near_their_nets():
    netlist, start = random_design(12, 100)
    placed = place_macros(netlist, start)
    assert violations(netlist, placed) == []
    model = CostModel(netlist)
    random = replace(start, position=scattered(netlist, start))
    assert model.evaluate(placed).wirelength < 0.6 * model.evaluate(random).wirelength
