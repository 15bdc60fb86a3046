"""The policy and value network: an edge-based graph network and convolutions over the grid.

The graph is encoded once per set of parameters, for it holds nothing that changes in an episode; a step then costs a
few small matrix products and convolutions. No parameter's shape depends on the netlist, so that a policy moves on to
other netlists. Letters as in ``placer.problem``; T: a batch of observations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from placer.env import MAPS, Observation
from placer.graph import Graph

Params = dict[str, Any]
"""A network's parameters, a pytree of arrays."""

PRIOR = (0.0, 0.0, -10.0, 2.0, 0.0, 0.0, -20.0, -2.0, -15.0)
"""What each map adds to the logits before any training: a policy begins with cells that are near to what a macro is
connected to, touch what is there, lie at the canvas's edge, where the wires of others do not pass, and take little of
what soft macros and routes need."""

PICK_SCALE = 10.0
"""By how much the weights of the maps change with the network's output: they are some tens, outputs are about one."""

SHARPNESS_SCALE = 10.0
"""How fast the prior's preferences grow or fade as a whole: each is multiplied by exp(this times a parameter). A
handful of parameters that all steps of all episodes inform is learnt from a few batches; the network's many are not."""

INFEASIBLE = -1e9
"""Logit of a masked cell: its probability is exactly 0 in single precision, and gradients stay finite."""


@dataclass(frozen=True)
class PolicyConfig:
    """Sizes of the network; they fix the shapes of its parameters.

    Attributes:
        grid: cells G of the location head on each axis, a power of two and at least 8.
        node_dim, layers: width and number of the graph network's layers.
        edge_layers: widths of the network that makes a message from an edge's two nodes.
        hidden: width of the joint embedding of macro, graph and scalars.
        deconv: channels of the location head, the first at 4 x 4 cells, doubling the resolution each time up to G.
        map_channels: channels of the two layers over the maps, at a quarter of the resolution.
        value: widths of the value head.
        prior: what each map adds to the logits before any training; zeros for a policy that begins with no preference.
    """

    grid: int = 32
    node_dim: int = 16
    layers: int = 2
    edge_layers: tuple[int, ...] = (16,)
    hidden: int = 48
    deconv: tuple[int, ...] = (16, 8, 8, 8)
    map_channels: int = 16
    value: tuple[int, ...] = (32, 8)
    prior: tuple[float, ...] = PRIOR


NATURE = PolicyConfig(
    grid=128,
    node_dim=32,
    layers=3,
    edge_layers=(65, 32),
    hidden=64,
    deconv=(32, 16, 8, 4, 2, 2),
    map_channels=16,
    value=(32, 8),
)
"""Sizes after Mirhoseini et al., Nature 594 (2021): grid of 128, nodes of 32, deconvolutions of 16, 8, 4, 2
channels."""


class Convolution(nn.Module):
    """A 3 x 3 convolution as one matrix product, which is much faster than XLA's own inside of loops on CPUs."""

    channels: int

    @nn.compact
    def __call__(self, image: Array) -> Array:
        """Images [T, X, Y, channels in] to [T, X, Y, channels]."""
        x, y = image.shape[1:3]
        wide = jnp.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)))
        patches = jnp.concatenate([wide[:, i : i + x, j : j + y] for i in range(3) for j in range(3)], -1)
        return nn.Dense(self.channels)(patches)


def fold(image: Array) -> Array:
    """Blocks of 2 x 2 cells to channels: [T, X, Y, C] to [T, X / 2, Y / 2, 4 C]."""
    t, x, y, c = image.shape
    return image.reshape(t, x // 2, 2, y // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(t, x // 2, y // 2, 4 * c)


def unfold(image: Array) -> Array:
    """The inverse of ``fold``; after a convolution it makes a deconvolution (Shi et al., 2016)."""
    t, x, y, c = image.shape
    return image.reshape(t, x, y, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5).reshape(t, 2 * x, 2 * y, c // 4)


class PolicyNetwork(nn.Module):
    """Graph encoder, location head and value head."""

    config: PolicyConfig

    def setup(self) -> None:
        """Create the layers."""
        c = self.config
        self.node_in = nn.Dense(c.node_dim)
        self.messages = [[nn.Dense(width) for width in (*c.edge_layers, c.node_dim)] for _ in range(c.layers)]
        self.node_norms = [nn.LayerNorm() for _ in range(c.layers)]
        self.query = nn.Dense(c.node_dim)
        self.blocks = nn.Dense(c.map_channels)
        self.convolution = Convolution(c.map_channels)
        self.pooled = nn.Dense(c.hidden)
        self.joint = [nn.Dense(c.hidden) for _ in range(2)]
        self.coarse = nn.Dense(16 * c.deconv[0])
        self.deconvolutions = [Convolution(4 * n) for n in c.deconv[1:]]
        self.pick = nn.Dense(MAPS + c.deconv[-1], kernel_init=nn.initializers.normal(0.01))
        self.sharpness = self.param("sharpness", nn.initializers.zeros, (MAPS,))
        self.value_layers = [nn.Dense(width) for width in c.value]
        self.value_out = nn.Dense(1, kernel_init=nn.initializers.normal(0.01))

    def __call__(self, graph: Graph, observation: Observation) -> tuple[Array, Array]:
        """Encode and decide; see ``encode`` and ``decide``."""
        return self.decide(self.encode(graph), graph.present, observation)

    def encode(self, graph: Graph) -> Array:
        """Embeddings of all nodes [A, node_dim]: the mean of their edges' messages, layer by layer."""
        count = graph.nodes.shape[0]
        present = (graph.edge_weight > 0)[:, None]
        ends = graph.edge.reshape(-1)
        degree = jnp.zeros((count, 1)).at[ends].add(jnp.repeat(present.astype(jnp.float32), 2, 0))
        nodes = nn.relu(self.node_in(graph.nodes))
        for message, norm in zip(self.messages, self.node_norms, strict=True):
            first, second = nodes[graph.edge[:, 0]], nodes[graph.edge[:, 1]]
            weight = graph.edge_weight[:, None]
            both = jnp.stack(
                [jnp.concatenate([first, second, weight], 1), jnp.concatenate([second, first, weight], 1)], 1
            )
            for layer in message:
                both = nn.relu(layer(both))
            both = both * present[:, None]
            total = jnp.zeros_like(nodes).at[ends].add(both.reshape(-1, nodes.shape[1]))
            nodes = norm(nodes + total / jnp.maximum(degree, 1.0))
        return nodes

    def decide(self, nodes: Array, present: Array, observation: Observation) -> tuple[Array, Array]:
        """Masked logits [T, G * G] and normalised values [T] of observations [T] of one netlist's episodes.

        Args:
            nodes: [A, node_dim] from ``encode``.
            present: [A] false for padding.
            observation: [T].
        """
        grid = self.config.grid
        features = nn.relu(self.blocks(fold(fold(observation.maps))))  # [T, G / 4, G / 4, channels]
        features = nn.relu(self.convolution(features))
        batch = features.shape[0]
        side = min(4, grid // 4)
        coarse = features.reshape(batch, side, grid // 4 // side, side, grid // 4 // side, -1).mean((2, 4))
        current = nodes[observation.turn]  # [T, node_dim]
        closeness = self.query(current) @ nodes.T / jnp.sqrt(nodes.shape[1])
        attention = jax.nn.softmax(jnp.where(present, closeness, INFEASIBLE), -1)
        mean = jnp.broadcast_to((nodes * present[:, None]).sum(0) / present.sum(), current.shape)
        joint = jnp.concatenate([current, attention @ nodes, mean, observation.scalars], -1)
        joint = nn.relu(self.joint[0](joint) + self.pooled(coarse.reshape(batch, -1)))
        joint = nn.relu(self.joint[1](joint))

        image = nn.relu(self.coarse(joint)).reshape(batch, 4, 4, -1)
        for deconvolution in self.deconvolutions:
            if image.shape[1] == grid // 4:
                image = jnp.concatenate([image, features], -1)
            image = nn.relu(unfold(deconvolution(image)))
        pick = self.pick(joint)  # [T, MAPS + channels]: weights of the layers
        preference = jnp.array(self.config.prior) * jnp.exp(SHARPNESS_SCALE * self.sharpness)
        logits = jnp.einsum("txyc,tc->txy", observation.maps, preference + PICK_SCALE * pick[:, :MAPS])
        logits += jnp.einsum("txyc,tc->txy", image, pick[:, MAPS:])
        logits = jnp.where(observation.mask, logits.reshape(batch, -1), INFEASIBLE)

        value = joint
        for layer in self.value_layers:
            value = nn.relu(layer(value))
        return logits, self.value_out(value)[:, 0]


def encode(config: PolicyConfig, params: Params, graph: Graph) -> Array:
    """Embeddings of a graph's nodes; see ``PolicyNetwork.encode``."""
    nodes: Any = PolicyNetwork(config).apply(params, graph, method="encode")
    return nodes


def decide(
    config: PolicyConfig, params: Params, nodes: Array, present: Array, observation: Observation
) -> tuple[Array, Array]:
    """Logits and values of observations; see ``PolicyNetwork.decide``."""
    decision: Any = PolicyNetwork(config).apply(params, nodes, present, observation, method="decide")
    return decision


def entropy(logits: Array) -> Array:
    """Entropy in nats of masked logits [..., actions]."""
    log_p = jax.nn.log_softmax(logits)
    return -(jnp.exp(log_p) * log_p).sum(-1)


def log_probability(logits: Array, action: Array) -> Array:
    """Logarithm of the probability of actions [...] under masked logits [..., actions]."""
    return jnp.take_along_axis(jax.nn.log_softmax(logits), action[..., None], -1)[..., 0]
