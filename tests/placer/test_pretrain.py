"""Pre-training on several netlists, and that netlists of about the same size share compiled code."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from placer.baselines.random_legal import random_legal
from placer.cost import CostModel
from placer.legality import is_legal
from placer.netlist import InputError, NodeKind, Placement
from placer.ppo import initial_state
from placer.pretrain import mirrored, pretrain, problems_of
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
    train(other, Placement(initial.position[keep], initial.orientation[keep]), replace(one, updates=2))
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


@pytest.mark.parametrize(("x", "y"), [(True, False), (False, True), (True, True)])
def test_a_mirrored_placement_costs_the_same(x: bool, y: bool) -> None:
    netlist, initial = synthetic(10, 3)
    there, other = mirrored(netlist, initial, x, y)
    placed = random_legal(netlist, initial, 0)
    _, image = mirrored(netlist, placed, x, y)
    assert is_legal(there, image)
    ports = netlist.nodes(NodeKind.PORT)
    np.testing.assert_allclose(image.position[ports], other.position[ports])
    a, b = CostModel(netlist).evaluate(placed), CostModel(there).evaluate(image)
    assert b.wirelength == pytest.approx(a.wirelength, rel=1e-9)
    assert b.density == pytest.approx(a.density, rel=1e-9)
    assert b.congestion == pytest.approx(a.congestion, rel=0.05)  # of the two ways around a corner one is chosen
    again, same = mirrored(there, image, x, y)
    np.testing.assert_array_equal(again.pin_offset, netlist.pin_offset)
    np.testing.assert_allclose(same.position, placed.position)


def test_a_policy_of_another_network_is_refused_with_one_line() -> None:
    (problem,) = problems_of([design()], SHORT)
    other = replace(SHORT, policy=replace(SHORT.policy, deconv=(SHORT.policy.deconv[0] * 2, *SHORT.policy.deconv[1:])))
    params = jax.tree.map(lambda s: np.zeros(s.shape), jax.eval_shape(lambda: initial_state(problem, other, 0).params))
    for start in (lambda: pretrain([problem], SHORT, params), lambda: train(*design(), SHORT, params)):
        with pytest.raises(InputError, match=r"of another network: .* and should be") as error:
            start()
        assert "\n" not in str(error.value)


def test_a_warm_start_lies_between_the_policy_and_a_fresh_draw() -> None:
    (problem,) = problems_of([design()], SHORT)
    fresh, given = (initial_state(problem, SHORT, seed).params for seed in (0, 1))
    for kept, near, far in ((1.0, given, fresh), (0.0, fresh, given)):
        start = initial_state(problem, replace(SHORT, kept=kept), 0, given).params
        assert jax.tree.all(jax.tree.map(np.array_equal, start, near))
        assert not jax.tree.all(jax.tree.map(np.array_equal, start, far))
    mixed = initial_state(problem, replace(SHORT, kept=0.75), 0, given).params
    for leaf, one, other in zip(*map(jax.tree.leaves, (mixed, given, fresh)), strict=True):
        np.testing.assert_allclose(leaf, (3 * one + other) / 4, rtol=1e-5, atol=1e-7)
