"""Pre-training on several netlists, and that netlists of about the same size share compiled code."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placer.baselines.random_legal import random_legal
from placer.legality import is_legal
from placer.netlist import InputError, NodeKind, Placement
from placer.policy import Params
from placer.ppo import initial_state
from placer.pretrain import (
    FILLED,
    LEAST_SIZE,
    LEAST_SOFT,
    MOST_HARD,
    MOST_SIZE,
    PORT_SHIFT,
    pretrain,
    problems_of,
    varied,
)
from placer.problem import problem_of
from placer.synthetic import synthetic
from placer.train import collect_here, learn_here, train
from tests.placer.test_training import CONFIG, design

SHORT = replace(CONFIG, updates=4, episodes=4, epochs=2, checkpoint_updates=2)


def test_a_netlist_of_the_same_bucket_compiles_nothing_again() -> None:
    netlist, initial = design()
    one = replace(SHORT, updates=1)
    train(netlist, initial, one)
    # Another netlist: one soft macro and two nets fewer, other sizes and weights; and another budget.
    keep = np.arange(8) != 3
    first, end = netlist.net_start[:-1], netlist.net_start[1:]
    nets = [netlist.net_pins[a:b] for a, b in zip(first, end, strict=True)]
    left = [net for net in nets if 3 not in netlist.pin_node[net]]
    number = np.cumsum(keep) - 1
    pins = np.concatenate(left)
    other = replace(
        netlist,
        node_names=tuple(np.array(netlist.node_names)[keep]),
        node_kind=netlist.node_kind[keep],
        node_size=netlist.node_size[keep] * 1.1,
        node_fixed=netlist.node_fixed[keep],
        pin_names=tuple(np.array(netlist.pin_names)[pins]),
        pin_node=number[netlist.pin_node[pins]].astype(np.int32),
        pin_offset=netlist.pin_offset[pins],
        net_start=np.cumsum([0] + [len(net) for net in left]).astype(np.int32),
        net_pins=np.arange(len(pins), dtype=np.int32),
        net_weight=np.linspace(1.0, 2.0, len(left)),
    )
    before = learn_here._cache_size(), collect_here._cache_size()  # type: ignore[attr-defined]
    slower = replace(one, updates=2, learning_rate=1e-4, entropy_start=0.1, entropy_enough=1.0)
    train(other, Placement(initial.position[keep], initial.orientation[keep]), slower)
    assert (learn_here._cache_size(), collect_here._cache_size()) == before  # type: ignore[attr-defined]


def test_pretraining_on_one_netlist_is_training() -> None:
    netlist, initial = design()
    problems = problems_of([(netlist, initial), design(20.0)], SHORT)
    alone = pretrain(problems[:1], SHORT, seed=3)
    result = train(netlist, initial, SHORT, seed=3)
    np.testing.assert_array_equal(alone.cost, result.curve.cost)
    for a, b in zip(jax.tree.leaves(alone.params), jax.tree.leaves(result.params), strict=True):
        np.testing.assert_array_equal(a, b)
    both = pretrain(problems, SHORT, seed=3)
    assert sorted(both.design[:2]) == sorted(both.design[2:]) == [0, 1]
    assert np.isfinite(both.cost).all()


def test_the_rate_rises_where_a_policy_is_given_and_only_there() -> None:
    (problem,) = problems_of([design()], SHORT)
    given = initial_state(problem, SHORT, 5).params

    def after_one_update(params: Params | None, rate: float, warmup: int) -> list[jax.Array]:
        config = replace(SHORT, updates=1, learning_rate=rate, warmup_updates=warmup)
        both = pretrain([problem], config, params, 5).params, train(*design(), config, params, 5).params
        one, other = (jax.tree.leaves(found) for found in both)
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
        return one

    whole, quarter = SHORT.learning_rate, SHORT.learning_rate / 4
    for a, b in zip(after_one_update(given, whole, 3), after_one_update(given, quarter, 0), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(after_one_update(None, whole, 3), after_one_update(given, whole, 0), strict=True):
        np.testing.assert_array_equal(a, b)
    rises = [replace(SHORT, warmup_updates=3).rates(0.0, update).learning / whole for update in range(5)]
    assert rises == pytest.approx([1 / 4, 2 / 4, 3 / 4, 1, 1])


@given(hard=st.integers(4, 14), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_variant_has_the_same_wires_and_room_for_its_macros(hard: int, seed: int) -> None:
    netlist, initial = synthetic(hard, 3)
    halo = 2.0 * (seed % 2)
    other, start = varied(netlist, initial, seed, (10, 14), halo)
    assert (other.canvas.columns, other.canvas.rows) in {(10, 10), (14, 14)}
    macros, soft, ports = (netlist.nodes(kind) for kind in (NodeKind.HARD, NodeKind.SOFT, NodeKind.PORT))
    area = netlist.canvas.width * netlist.canvas.height
    filled = other.node_size[np.concatenate([macros, soft])].prod(1).sum() / area
    taken, had = (n.node_size[macros].prod(1).sum() / area for n in (other, netlist))
    assert max(FILLED[0], taken + LEAST_SOFT) - 1e-9 <= filled <= FILLED[1] + 1e-9
    assert taken <= max(MOST_HARD, had) + 1e-9
    np.testing.assert_array_equal(other.net_pins, netlist.net_pins)
    np.testing.assert_array_equal(other.pin_node, netlist.pin_node)
    scale = other.node_size[macros] / netlist.node_size[macros]
    assert (scale <= MOST_SIZE).all()
    assert (scale >= LEAST_SIZE).all()
    if (scale <= 1).all():
        assert is_legal(other, random_legal(netlist, initial, seed))
    problem_of(other, start, 16, 2, halo=halo)  # the environment has a way in which all fit
    # Pins keep their places on what they belong to, and ports lie on the outline, not far from where they were.
    part = netlist.node_size[netlist.pin_node] > 0
    before, after = ((n.pin_offset / np.where(part, n.node_size[n.pin_node], 1))[part] for n in (netlist, other))
    np.testing.assert_allclose(after, before, atol=1e-12)
    sides = np.array([netlist.canvas.width, netlist.canvas.height])
    at = start.position[ports] / sides
    np.testing.assert_allclose(np.minimum(at, 1 - at).min(1), 0.0, atol=1e-9)
    assert (np.abs(at - initial.position[ports] / sides).sum(1) <= PORT_SHIFT + 1e-9).all()


def test_equal_seeds_make_equal_variants_and_what_is_fixed_stays() -> None:
    netlist, initial = synthetic(8, 0)
    fixed = netlist.node_fixed.copy()
    fixed[[netlist.nodes(kind)[0] for kind in (NodeKind.HARD, NodeKind.SOFT)]] = True
    netlist = replace(netlist, node_fixed=fixed)
    (one, there), (same, again), (other, _) = (varied(netlist, initial, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.node_size, same.node_size)
    np.testing.assert_array_equal(there.position, again.position)
    assert not np.array_equal(one.node_size, other.node_size)
    assert one.canvas == netlist.canvas
    held = netlist.node_fixed
    np.testing.assert_array_equal(one.node_size[held], netlist.node_size[held])
    ports = netlist.nodes(NodeKind.PORT)
    assert not np.array_equal(there.position[ports], initial.position[ports])


def test_netlists_of_two_grids_share_what_learns() -> None:
    netlist, initial = design()
    grids = [replace(netlist, canvas=replace(netlist.canvas, columns=n, rows=n)) for n in (8, 10)]
    problems = problems_of([(one, initial) for one in grids], SHORT)
    pretrain(problems[:1], SHORT)
    before = learn_here._cache_size(), collect_here._cache_size()  # type: ignore[attr-defined]
    pretrain(problems[1:], SHORT)
    after = learn_here._cache_size(), collect_here._cache_size()  # type: ignore[attr-defined]
    assert after == (before[0], before[1] + 1)


def test_a_policy_of_another_network_is_refused_with_one_line() -> None:
    (problem,) = problems_of([design()], SHORT)
    other = replace(SHORT, policy=replace(SHORT.policy, deconv=(SHORT.policy.deconv[0] * 2, *SHORT.policy.deconv[1:])))
    params = jax.tree.map(lambda s: np.zeros(s.shape), jax.eval_shape(lambda: initial_state(problem, other, 0).params))
    for start in (lambda: pretrain([problem], SHORT, params), lambda: train(*design(), SHORT, params)):
        with pytest.raises(InputError, match=r"of another network: .* and should be") as error:
            start()
        assert "\n" not in str(error.value)
