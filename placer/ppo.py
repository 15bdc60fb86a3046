"""Proximal policy optimisation (Schulman et al., 2017) of the placement policy: one update as one pure function.

An update collects a batch of episodes of one netlist, then learns from them; the two may happen in different
processes. All random numbers of an update come from the seed and the update's number, and those of an episode from its
own key, whoever plays it. Letters as in ``placer.problem``; L: steps of an episode (H), T: a batch of episodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import Array

from placer import env
from placer.devices import spread
from placer.env import Observation, Outcome
from placer.graph import Graph
from placer.policy import Params, PolicyConfig, PolicyNetwork, decide, encode, entropy, log_probability
from placer.problem import Problem


@dataclass(frozen=True)
class TrainConfig:
    """How a policy is trained. The defaults are for tens of macros on two cores.

    Attributes:
        updates: budget, in updates of the policy; None: seconds alone count.
        seconds: budget in seconds of wall-clock time; None: updates alone count.
        episodes: per update.
        epochs, minibatches: passes over an update's steps, and parts per pass.
        learning_rate: Adam's, falling linearly to a tenth.
        warmup_updates: over which it rises in a run that begins with a given policy. Adam's moments begin anew there,
            and first steps of full size would lead away from what was learnt.
        clip: of the probability ratio.
        discount, trace: of generalised advantage estimation (Schulman et al., 2016).
        entropy_start, entropy_end: weight of the entropy bonus, linear over the budget.
        entropy_enough: nats per step beyond which entropy has no bonus.
        value_weight: of the value's loss.
        gradient_norm: at which gradients are clipped.
        soft_iterations: of the soft macros' placement at an episode's end.
        weights: of wirelength, density and congestion.
        halo: um around each hard macro.
        fine: positions per cell of the policy's grid on each axis.
        plateau_updates: training ends when the mean cost of this many updates is not better than that of as many before
            by ``plateau_gain`` (relative) and no better placement was found meanwhile.
        checkpoint_updates: updates between checkpoints.
        policy: sizes of the network.
    """

    updates: int | None = 100
    seconds: float | None = None
    episodes: int = 16
    epochs: int = 2
    minibatches: int = 6
    learning_rate: float = 2e-3
    warmup_updates: int = 3
    clip: float = 0.2
    discount: float = 1.0
    trace: float = 0.99
    entropy_start: float = 0.01
    entropy_end: float = 0.001
    entropy_enough: float = 100.0
    value_weight: float = 0.5
    gradient_norm: float = 0.5
    soft_iterations: int = 30
    weights: tuple[float, float, float] = (1.0, 0.5, 0.5)
    halo: float = 0.0
    fine: int = 4
    plateau_updates: int = 40
    plateau_gain: float = 0.002
    checkpoint_updates: int = 20
    policy: PolicyConfig = field(default_factory=PolicyConfig)

    @property
    def compiled(self) -> TrainConfig:
        """The same without budget and rates, of which compiled code is independent."""
        same = replace(self, updates=None, seconds=None, plateau_updates=0, plateau_gain=0.0, checkpoint_updates=0)
        same = replace(same, learning_rate=0.0, warmup_updates=0)
        return replace(same, entropy_start=0.0, entropy_end=0.0, entropy_enough=0.0)

    def rates(self, done: Array | float = 0.0, inherited: int | None = None) -> Rates:
        """The rates of an update.

        Args:
            done: part of the budget that is spent before, 0 to 1.
            inherited: updates since the run began with a given policy; None: it began with a new one.
        """
        rise = 1.0 if inherited is None else min(1.0, (inherited + 1) / (self.warmup_updates + 1))
        return Rates(
            self.learning_rate * (1 - 0.9 * done) * rise,
            self.entropy_start + (self.entropy_end - self.entropy_start) * done,
            self.entropy_enough,
        )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rates:
    """How much an update learns; see ``TrainConfig``."""

    learning: Array | float  # []
    entropy: Array | float  # [] weight of the bonus
    entropy_enough: Array | float  # [] nats per step


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """All that an update changes; with the seed it determines the rest of a training run.

    ``value_mean`` and ``value_variance`` are running moments of the returns, by which values are normalised.
    """

    params: Params
    optimizer: optax.OptState
    value_mean: Array  # []
    value_variance: Array  # []
    update: Array  # []
    best_cost: Array  # []
    best_position: Array  # [N, 2] um
    best_orientation: Array  # [N]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rollout:
    """A batch of episodes; arrays [L, T, ...]."""

    observation: Observation
    action: Array  # [L, T]
    log_probability: Array  # [L, T]
    value: Array  # [L, T] in units of the return


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Episodes:
    """A batch of finished episodes."""

    steps: Rollout
    outcome: Outcome  # arrays [T, ...]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Batch:
    """Steps to learn from; arrays [steps, ...]."""

    observation: Observation
    action: Array  # [steps]
    log_probability: Array  # [steps]
    advantage: Array  # [steps]
    target: Array  # [steps] normalised return


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Metrics:
    """What an update reports; costs are those of its episodes."""

    cost: Array  # [] mean
    best: Array  # [] least
    entropy: Array  # [] nats per step
    kl: Array  # [] nats per step, of the policy before to that after
    value_error: Array  # [] mean square, normalised


def optimizer(config: TrainConfig) -> optax.GradientTransformation:
    """Adam with clipped gradients; the learning rate is applied by ``update``."""
    return optax.chain(optax.clip_by_global_norm(config.gradient_norm), optax.scale_by_adam(eps=1e-5))


@partial(jax.jit, static_argnames="config")
def _new_params(problem: Problem, config: PolicyConfig, key: Array) -> Params:
    _, first = env.reset(problem)
    batch = jax.tree.map(lambda leaf: leaf[None], first)
    return dict(PolicyNetwork(config).init(key, problem.graph, batch))


def initial_state(problem: Problem, config: TrainConfig, seed: int, params: Params | None = None) -> TrainState:
    """A fresh state, with given parameters or new ones."""
    if params is None:
        params = _new_params(problem, config.policy, jax.random.key(seed))
    nodes = problem.base_position.shape[0]
    return TrainState(
        params=params,
        optimizer=optimizer(config).init(params),
        value_mean=jnp.float32(0),
        value_variance=jnp.float32(0),
        update=jnp.int32(0),
        best_cost=jnp.float32(jnp.inf),
        best_position=jnp.zeros((nodes, 2)),
        best_orientation=jnp.zeros(nodes, jnp.int32),
    )


def play(
    problem: Problem, params: Params, config: TrainConfig, keys: Array, temperature: float | Array = 1.0
) -> tuple[env.State, Rollout]:
    """Play one episode per key [T]; returns the final states [T] and the steps."""
    nodes = encode(config.policy, params, problem.graph)
    start = env.reset(problem)
    batch = keys.shape[0]
    start = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (batch, *leaf.shape)), start)
    move = jax.vmap(env.step, (None, 0, 0))

    def turn(carry: tuple[env.State, Observation], i: Array) -> tuple[tuple[env.State, Observation], Rollout]:
        state, seen = carry
        logits, value = decide(config.policy, params, nodes, problem.graph.present, seen)
        now = jax.vmap(jax.random.fold_in, (0, None))(keys, i)
        action = jax.vmap(jax.random.categorical)(now, logits / temperature)
        return move(problem, state, action), Rollout(seen, action, log_probability(logits, action), value)

    (state, _), steps = jax.lax.scan(turn, start, jnp.arange(problem.hard_size.shape[0]))
    return state, steps


def advantages(value: Array, active: Array, final: Array, discount: float, trace: float) -> Array:
    """Generalised advantage estimates [L, T] of episodes whose only reward ``final`` [T] comes after the last step.

    Args:
        value: [L, T] before each step, in units of the reward.
        active: [L, T] whether the step was part of the episode.
        final: [T].
        discount, trace: gamma and lambda.
    """
    after = jnp.concatenate([active[1:], jnp.zeros_like(active[:1])])
    last = active & ~after

    def back(carry: tuple[Array, Array], at: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], Array]:
        following, gain = carry
        here, is_active, is_last = at
        error = jnp.where(is_last, final, discount * following) - here
        gain = jnp.where(is_active, error + jnp.where(is_last, 0.0, discount * trace * gain), 0.0)
        return (here, gain), gain

    zero = jnp.zeros_like(final)
    _, gains = jax.lax.scan(back, (zero, zero), (value, active, last), reverse=True)
    return gains


def loss(params: Params, graph: Graph, config: TrainConfig, batch: Batch, rates: Rates) -> tuple[Array, Array]:
    """The clipped surrogate, the value's loss and the entropy bonus; and [3]: entropy, KL and value error.

    Args:
        params: of the network.
        graph: of the netlist whose steps these are.
        config: clip and weights.
        batch: steps, all of them active.
        rates: of which the entropy's count.
    """
    nodes = encode(config.policy, params, graph)
    logits, value = decide(config.policy, params, nodes, graph.present, batch.observation)
    weight = batch.observation.active / jnp.maximum(batch.observation.active.sum(), 1)
    change = jnp.where(batch.observation.active, log_probability(logits, batch.action) - batch.log_probability, 0.0)
    ratio = jnp.exp(change)
    clipped = jnp.clip(ratio, 1 - config.clip, 1 + config.clip)
    surrogate = jnp.minimum(ratio * batch.advantage, clipped * batch.advantage)
    error = (value - batch.target) ** 2
    spread = entropy(logits)
    kl = ratio - 1 - change  # Schulman's low-variance estimate
    report = jnp.stack([spread, kl, error]) @ weight
    total = (
        -(surrogate * weight).sum()
        + config.value_weight * report[2]
        - rates.entropy * jnp.minimum(report[0], rates.entropy_enough)
    )
    return total, report


Score = Callable[[Array, Array], Array]
"""Costs [T] of an update's episodes, and its random key, to the costs that are learnt from."""


def episode_keys(key: Array, update: Array | int, config: TrainConfig) -> Array:
    """Keys [T] of an update's episodes; ``key`` is that of the whole run."""
    return jax.random.split(jax.random.split(jax.random.fold_in(key, update), 3)[0], config.episodes)


def collect(problem: Problem, params: Params, config: TrainConfig, keys: Array) -> Episodes:
    """Play one episode per key [T] to its end, soft macros and cost included; on all devices in use."""
    final, steps = play(problem, params, config, spread(keys))
    return Episodes(steps, jax.vmap(env.finish, (None, 0, None))(problem, final.position, config.soft_iterations))


def update(
    state: TrainState,
    problem: Problem,
    key: Array,
    config: TrainConfig,
    rates: Rates,
    score: Score | None = None,
) -> tuple[TrainState, Metrics]:
    """Collect a batch of episodes and learn from them; arguments as of ``learn``."""
    episodes = collect(problem, state.params, config, episode_keys(key, state.update, config))
    return learn(state, problem.graph, key, config, episodes, rates, score)


def merged_moments(mean: Array, variance: Array, values: Array, share: Array | float) -> tuple[Array, Array]:
    """Mean [] and variance [] of a mixture: values [T] with weight ``share``, and what had the moments before.

    No square of a mean is taken off another one, which would leave nothing of a small variance in single precision
    (T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance", The American Statistician
    37(3), 1983).
    """
    apart = values.mean() - mean
    within = (1 - share) * variance + share * values.var()
    return mean + share * apart, within + share * (1 - share) * apart**2


def learn(
    state: TrainState,
    graph: Graph,
    key: Array,
    config: TrainConfig,
    episodes: Episodes,
    rates: Rates,
    score: Score | None = None,
) -> tuple[TrainState, Metrics]:
    """Improve the policy on episodes that it played.

    Args:
        state: before.
        graph: of the netlist.
        key: of the whole run.
        config: of the run, static; its budget and rates do not count.
        episodes: of ``state.params``.
        rates: of this update.
        score: changes the costs that are learnt from (a control experiment shuffles them).
    """
    _, shuffle_key, score_key = jax.random.split(jax.random.fold_in(key, state.update), 3)
    steps, outcome = episodes.steps, episodes.outcome
    cost = outcome.cost if score is None else score(outcome.cost, score_key)

    # Normalise returns by running moments, the first batch's at first.
    share = jnp.maximum(0.1, 1.0 / (state.update + 1.0))
    mean, variance = merged_moments(state.value_mean, state.value_variance, -cost, share)
    deviation = jnp.sqrt(jnp.maximum(variance, 1e-8))
    value = steps.value * deviation + mean
    active = steps.observation.active
    gain = advantages(value, active, -cost, config.discount, config.trace)
    target = (gain + value - mean) / deviation
    share = active / jnp.maximum(active.sum(), 1)
    centre = (gain * share).sum()
    gain = (gain - centre) / (jnp.sqrt((share * (gain - centre) ** 2).sum()) + 1e-8)

    batch = Batch(steps.observation, steps.action, steps.log_probability, gain, target)
    batch = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), batch)
    length = batch.action.shape[0]
    part = length // config.minibatches
    chain = optimizer(config)

    def descend(carry: tuple[Params, optax.OptState], chosen: Array) -> tuple[tuple[Params, optax.OptState], Array]:
        params, moments = carry
        some = jax.tree.map(lambda leaf: spread(leaf[chosen]), batch)
        slope, report = jax.grad(loss, has_aux=True)(params, graph, config, some, rates)
        change, moments = chain.update(slope, moments, params)
        params = jax.tree.map(lambda p, c: p - rates.learning * c, params, change)
        return (params, moments), report

    orders = jax.vmap(lambda k: jax.random.permutation(k, length))(jax.random.split(shuffle_key, config.epochs))
    orders = orders[:, : part * config.minibatches].reshape(-1, part)
    (params, moments), reports = jax.lax.scan(descend, (state.params, state.optimizer), orders)

    first = jnp.argmin(outcome.cost)
    better = outcome.cost[first] < state.best_cost
    after = TrainState(
        params,
        moments,
        mean,
        variance,
        state.update + 1,
        jnp.where(better, outcome.cost[first], state.best_cost),
        jnp.where(better, outcome.position[first], state.best_position),
        jnp.where(better, outcome.orientation[first], state.best_orientation),
    )
    metrics = Metrics(
        outcome.cost.mean(),
        outcome.cost.min(),
        reports[0, 0],
        reports[-1, 1],
        reports[0, 2],
    )
    return after, metrics
