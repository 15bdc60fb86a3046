from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax

from sim.networks import NETWORKS, bert_base, llama_block, resnet18, resnet50, vit_base
from sim.workload import Workload, from_jax


def xla_flops(function: Callable[..., Any], *args: Any) -> float:
    """What XLA says that the compiled function does; loops count once there."""
    return float(jax.jit(function).lower(*args).compile().cost_analysis()["flops"])


def shapes(workload: Workload) -> set[tuple[int, int, int, int]]:
    return {(op.m, op.k, op.n, op.count) for op in workload.ops}


class Mlp(nn.Module):
    width: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.relu(nn.Dense(self.width)(x))
        x = nn.relu(nn.Dense(self.width)(x))
        return nn.Dense(10)(x)


def training_step(batch: int, width: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    model, optimiser = Mlp(width), optax.adam(1e-3)
    x, labels = jnp.ones((batch, 64)), jnp.zeros(batch, jnp.int32)
    params = model.init(jax.random.key(0), x)
    state = optimiser.init(params)

    def step(params: Any, state: Any, x: jax.Array, labels: jax.Array) -> Any:
        def loss(params: Any) -> jax.Array:
            logits = model.apply(params, x)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        value, gradient = jax.value_and_grad(loss)(params)
        updates, state_after = optimiser.update(gradient, state, params)
        return value, optax.apply_updates(params, updates), state_after

    return step, (params, state, x, labels)


def test_a_training_step_by_hand() -> None:
    step, args = training_step(batch=32, width=128)
    workload = from_jax(step, *args, name="mlp")
    # forwards 3 products; backwards each weight's gradient, and each input's but the first's
    forwards = {(32, 64, 128), (32, 128, 128), (32, 128, 10)}
    macs = sum(math.prod(shape) for shape in forwards)
    assert workload.macs == 3 * macs - 32 * 64 * 128
    assert workload.flops == 2 * workload.macs
    assert {(m, k, n) for m, k, n, _ in shapes(workload)} >= forwards
    assert {"max", "sub", "add", "sqrt"} <= set(workload.other_ops)
    # Two ReLUs, and the sums of their gradients over the batch for the biases.
    assert workload.passes["map two", 1, 32 * 128] >= 2
    assert workload.passes["reduce", 128, 32] == 2
    assert 0.6 * workload.other < workload.passed < workload.other  # Adam's roots and quotients are not


def test_a_training_step_has_the_flops_that_xla_counts() -> None:
    step, args = training_step(batch=256, width=512)
    workload = from_jax(step, *args, name="mlp")
    assert workload.flops == pytest.approx(xla_flops(step, *args), rel=0.05)
    assert workload.flops + workload.other == pytest.approx(xla_flops(step, *args), rel=0.02)


def attention(x: jax.Array, w: jax.Array) -> jax.Array:
    q, k, v = jnp.einsum("btd,sdhe->sbhte", x, w)
    weights = jax.nn.softmax(jnp.einsum("bhte,bhue->bhtu", q, k))
    return jnp.einsum("bhtu,bhue->bthe", weights, v)


def test_batched_products_of_attention() -> None:
    batch, tokens, width, heads, head = 2, 24, 64, 4, 16
    x, w = jnp.ones((batch, tokens, width)), jnp.ones((3, width, heads, head))
    workload = from_jax(attention, x, w, name="attention")
    projections = 3 * batch * tokens * width * heads * head
    assert workload.macs == projections + 2 * batch * heads * tokens * tokens * head
    assert (tokens, head, tokens, batch * heads) in shapes(workload)
    assert workload.flops == pytest.approx(xla_flops(attention, x, w), rel=0.1)


CONVOLUTIONS = [
    {"window_strides": (1, 1), "padding": "VALID"},
    {"window_strides": (2, 2), "padding": "VALID"},
    {"window_strides": (1, 1), "padding": "VALID", "rhs_dilation": (2, 2)},
    {"window_strides": (2, 1), "padding": "VALID", "feature_group_count": 2},
    {"window_strides": (1, 1), "padding": "VALID", "batch_group_count": 2},
]


def convolution_case(options: dict[str, Any]) -> tuple[Callable[..., Any], jax.Array, jax.Array]:
    image = jnp.ones((4, 6, 15, 14))
    kernel = jnp.ones((8, 6 // options.get("feature_group_count", 1), 3, 3))
    return lambda image, kernel: lax.conv_general_dilated(image, kernel, **options), image, kernel


@pytest.mark.parametrize("options", CONVOLUTIONS)
def test_convolutions_without_padding_are_exact(options: dict[str, Any]) -> None:
    convolve, image, kernel = convolution_case(options)
    workload = from_jax(convolve, image, kernel, name="conv")
    out = convolve(image, kernel).shape
    assert workload.macs == math.prod(out) * kernel.shape[1] * 9
    if "batch_group_count" not in options:
        assert workload.flops == xla_flops(convolve, image, kernel)
    assert all(op.kind == "conv" for op in workload.ops)


@pytest.mark.parametrize("options", CONVOLUTIONS[:4])
def test_the_weights_gradient_is_as_much_work_as_the_convolution(options: dict[str, Any]) -> None:
    convolve, image, kernel = convolution_case(options)
    gradient = jax.grad(lambda kernel: (convolve(image, kernel) * 3).sum())
    forwards = from_jax(convolve, image, kernel, name="conv")
    assert from_jax(gradient, kernel, name="gradient").macs == forwards.macs


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 5])
def test_the_inputs_gradient_does_not_multiply_the_zeros_of_a_stride(stride: int, window: int) -> None:
    image, kernel = jnp.ones((1, 1, 20, 20)), jnp.ones((1, 1, window, window))
    strides = (stride, stride)

    def gradient(image: jax.Array) -> jax.Array:
        return jax.grad(lambda x: lax.conv_general_dilated(x, kernel, strides, "VALID").sum())(image)

    # the input of the transposed convolution: the ones of the output's gradient, spread by the stride, in zero padding
    out = (20 - window) // stride + 1
    spread = np.zeros(20 + 2 * (window - 1) + window, bool)
    inside = np.arange(out) * stride + window - 1
    spread[inside] = True
    lattice = (np.arange(len(spread)) - (window - 1)) % stride == 0
    taps = sum(int(lattice[o : o + window].sum()) for o in range(20))
    assert from_jax(gradient, image, name="gradient").macs == taps**2


def test_loops_branches_and_wrappers_are_walked_through() -> None:
    x = jnp.ones((8, 16))
    weight = jnp.ones((16, 16))
    one = 8 * 16 * 16

    def count(function: Callable[..., Any]) -> int:
        return from_jax(function, x, name="case").macs

    assert count(lambda x: lax.scan(lambda c, _: (c @ weight, None), x, length=5)[0]) == 5 * one
    assert count(lambda x: lax.fori_loop(0, 7, lambda _, c: c @ weight, x)) == 7 * one
    assert count(lambda x: lax.scan(lambda c, _: (jax.jit(lambda c: c @ weight)(c), None), x, length=3)[0]) == 3 * one
    assert count(lambda x: lax.cond(x[0, 0] > 0, lambda c: c @ weight @ weight, lambda c: c @ weight, x)) == 2 * one
    assert count(jax.checkpoint(lambda x: jnp.sin(x @ weight))) == one
    assert count(jax.vmap(lambda row: row @ weight)) == one
    remat = jax.grad(lambda x: jax.checkpoint(lambda x: jnp.sin(x @ weight))(x).sum())
    assert count(remat) == 2 * one  # the product again, for its sine's derivative, and the gradient

    @jax.custom_vjp
    def doubled(x: jax.Array) -> jax.Array:
        return x @ weight

    doubled.defvjp(lambda x: (x @ weight, None), lambda _, g: ((g @ weight) @ weight,))
    assert count(doubled) == one
    assert count(jax.grad(lambda x: jnp.sin(doubled(x)).sum())) == 3 * one

    @jax.custom_jvp
    def own(x: jax.Array) -> jax.Array:
        return x @ weight

    own.defjvp(lambda primals, tangents: (own(primals[0]), tangents[0] @ weight))
    assert count(own) == one


def test_what_nobody_uses_is_not_counted() -> None:
    def wasteful(x: jax.Array) -> jax.Array:
        _ = x @ x.T
        return x + 1

    assert from_jax(wasteful, jnp.ones((4, 4)), name="waste").macs == 0


def test_a_loop_of_unknown_length_is_reported() -> None:
    def loop(x: jax.Array) -> Any:
        return lax.while_loop(lambda c: c.sum() < 1e9, lambda c: c @ c, x)

    once, bounded = (from_jax(loop, jnp.ones((4, 4)), name="loop", trips=trips) for trips in (1, 10))
    assert (once.macs, once.unbounded_loops) == (64, 1)
    assert (bounded.macs, bounded.unbounded_loops) == (640, 1)
    assert bounded.other_ops["reduce_sum"] == 160


def test_other_work_is_counted_by_elements() -> None:
    x = jnp.ones((8, 16))
    softmax = from_jax(jax.nn.softmax, x, name="softmax")
    assert softmax.macs == 0
    assert softmax.other_ops["exp"] == 128
    assert softmax.other_ops["reduce_sum"] == 128
    scattered = from_jax(lambda x: x.at[jnp.array([1, 2, 3])].add(1.0), x, name="scatter")
    assert scattered.other_ops["scatter-add"] == 3 * 16
    reduced = from_jax(lambda x: lax.reduce(x, 0.0, lax.max, (0,)), x, name="reduce")
    assert reduced.other_ops["reduce"] == 128
    turned = from_jax(lambda x: x.T.reshape(-1), x, name="turned")
    assert turned.other == 0
    assert turned.moved["transpose"] == 128


def test_a_workload_survives_json() -> None:
    step, args = training_step(batch=8, width=16)
    workload = from_jax(step, *args, name="mlp")
    assert Workload.from_json(json.loads(json.dumps(workload.to_json()))) == workload


def test_networks_have_the_published_work() -> None:
    # torchvision's model tables: ResNet-18 1.81 and ViT-B/16 17.56 GFLOPS, where one is a multiply-accumulate
    assert resnet18(1).macs / 1e9 == pytest.approx(1.81, abs=0.01)
    assert vit_base(1).macs / 1e9 == pytest.approx(17.56, abs=0.03)
    assert resnet50(1).macs / 1e9 == pytest.approx(4.09, abs=0.01)
    # TinyBERT (Jiao et al., 2020), table 1: BERT-base 22.5 GFLOPs at 128 tokens, two for each multiply-accumulate
    assert 2 * bert_base(1).macs / 1e9 == pytest.approx(22.5, abs=0.2)
    # Llama 2 7B has 6.738 G parameters: 32 blocks, two embeddings of 32000 x 4096, 65 norms of 4096
    linear = sum(op.macs for op in llama_block(1, tokens=1).ops if op.name not in ("scores", "mix"))
    assert linear == round((6_738_415_616 - 2 * 32000 * 4096 - 65 * 4096) / 32)
    for network in NETWORKS.values():
        assert network(4).macs == 4 * network(1).macs
