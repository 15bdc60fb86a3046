"""A learning curve fitted to a training log: where the cost is heading, and how sure that is.

Dimension letters: S points of the log, B bootstrap samples, Q steps that are asked about.

Two saturating forms, each with four constants (floor, range, scale, shape; all positive), cost c at step s:

    power    c = floor + range * (1 + s / scale)^-shape        power law with an offset
    sigmoid  c = floor + range / (1 + (s / scale)^shape)       sigmoid in log s (ScaleRL, arXiv 2510.13786, equation 1)

The constants minimise a Huber loss on log residuals from many starts, as Hoffmann et al. (arXiv 2203.15556) do; the
threshold follows the noise (1.345 robust standard deviations) instead of being a constant of its own. Constants keep
full precision: rounding them was enough to overturn a published law (Besiroglu et al., arXiv 2404.10102).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

FloatArray = NDArray[np.float64]
Form = Literal["power", "sigmoid"]

MIN_POINTS = 8
MAX_POINTS = 240
HUBER = 1.345
MAD_TO_SIGMA = 1.4826
TAIL = 0.25
INTERVAL = 0.9
REFIT_ROUNDS = 60


class LearningCurveError(ValueError):
    """A training log that no curve can be fitted to; the message says why."""

    exit_code = 2


@dataclass(frozen=True)
class LearningCurve:
    """A fitted curve and the bootstrap samples of its constants.

    Attributes:
        form: the form with the smaller loss on the held-out tail of the log.
        floor, range, scale, shape: its constants: the cost that it tends to, what training takes off the first cost,
            the step at which that is under way, and how sharp the bend is.
        sigma: robust standard deviation of the log residuals, the seed and sampling noise of single points.
        tail_loss: mean Huber loss of each form on the held-out tail, in log units.
        samples: constants of refits to resampled residuals. [B, 4]
        sample_form: 0 where a sample is of the form "power", 1 where of "sigmoid"; both where the tail cannot tell the
            forms apart. [B]
        last_step: the last step of the log.
    """

    form: Form
    floor: float
    range: float
    scale: float
    shape: float
    sigma: float
    tail_loss: dict[str, float]
    samples: FloatArray
    sample_form: NDArray[np.int8]
    last_step: float

    def predict(self, steps: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The expected cost at some steps [Q]: mean, and the low and high end of its 90% interval; each [Q]."""
        at = np.asarray(steps, np.float64)
        mean = _FORMS[self.form](np.array([self.floor, self.range, self.scale, self.shape]), at)
        edge = (1 - INTERVAL) / 2
        low, high = np.quantile(self.sampled(at), (edge, 1 - edge), axis=0)
        return mean, np.minimum(low, mean), np.maximum(high, mean)

    def sampled(self, steps: ArrayLike) -> FloatArray:
        """The cost at some steps [Q] on each bootstrap sample's curve: [B, Q]."""
        at = np.asarray(steps, np.float64)[None, :]
        constants = [self.samples[:, i, None] for i in range(4)]
        power, sigmoid = _power(constants, at), _sigmoid(constants, at)
        return np.where(self.sample_form[:, None] == 0, power, sigmoid)


def fit_learning_curve(steps: ArrayLike, cost: ArrayLike, seed: int, samples: int = 200) -> LearningCurve:
    """Fit a saturating curve to a training log.

    Both forms are fitted to the first three quarters of the log, and the one that predicts the rest better is fitted
    to all of it. The interval comes from a circular block bootstrap of the residuals (D. N. Politis and J. P. Romano,
    1992), as points of one run are correlated; residuals are widened for the constants that they were fitted with.
    Where the tail's losses of the forms differ by less than their standard error, both give half of the samples.

    Args:
        steps: training steps done at each point, not decreasing, 0 or more. [S]
        cost: the cost at each point, positive. [S]
        seed: of the bootstrap.
        samples: bootstrap refits.

    Raises:
        LearningCurveError: fewer than 8 points, lengths that differ, steps that decrease, or a cost that is not a
            positive number.
    """
    at, value = _checked(steps, cost)
    at, value = _thinned(at, value)
    target = np.log(value)
    head = len(at) - max(2, round(TAIL * len(at)))
    tail: dict[Form, FloatArray] = {}
    for form in _FORMS:
        constants, sigma = _fit(form, at[:head], target[:head])
        miss = np.log(_FORMS[form](constants, at[head:])) - target[head:]
        tail[form] = _huber(miss, HUBER * sigma)
    loss = {form: float(np.mean(values)) for form, values in tail.items()}
    best: Form = "power" if loss["power"] <= loss["sigmoid"] else "sigmoid"
    difference = tail["power"] - tail["sigmoid"]
    unsure = abs(difference.mean()) <= difference.std(ddof=1) / np.sqrt(len(difference))
    rng = np.random.default_rng(seed)
    fitted = {form: _fit(form, at, target) for form in _FORMS if unsure or form == best}
    drawn = [
        (form, _bootstrap(form, constants, sigma, at, target, samples // len(fitted), rng))
        for form, (constants, sigma) in fitted.items()
    ]
    constants, sigma = fitted[best]
    return LearningCurve(
        form=best,
        floor=float(constants[0]),
        range=float(constants[1]),
        scale=float(constants[2]),
        shape=float(constants[3]),
        sigma=sigma,
        tail_loss={str(form): value for form, value in loss.items()},
        samples=np.concatenate([refits for _, refits in drawn]),
        sample_form=np.concatenate(
            [np.full(len(refits), 0 if form == "power" else 1, np.int8) for form, refits in drawn]
        ),
        last_step=float(at[-1]),
    )


def _power(constants: Sequence[FloatArray] | FloatArray, at: FloatArray) -> FloatArray:
    floor, span, scale, shape = constants
    return floor + span * (1 + at / scale) ** -shape


def _sigmoid(constants: Sequence[FloatArray] | FloatArray, at: FloatArray) -> FloatArray:
    floor, span, scale, shape = constants
    return floor + span / (1 + (at / scale) ** shape)


_FORMS: dict[Form, Callable[[FloatArray, FloatArray], FloatArray]] = {"power": _power, "sigmoid": _sigmoid}


def _checked(steps: ArrayLike, cost: ArrayLike) -> tuple[FloatArray, FloatArray]:
    at, value = np.asarray(steps, np.float64), np.asarray(cost, np.float64)
    if at.ndim != 1 or at.shape != value.shape:
        raise LearningCurveError(f"steps have shape {at.shape} and costs {value.shape}: give two equal lists")
    if len(at) < MIN_POINTS:
        raise LearningCurveError(f"{len(at)} points are too few to fit a learning curve: give at least {MIN_POINTS}")
    if not np.isfinite(at).all() or at[0] < 0 or (np.diff(at) < 0).any() or at[-1] == at[0]:
        raise LearningCurveError("the steps of a learning curve must be 0 or more and must not decrease")
    wrong = np.flatnonzero(~(np.isfinite(value) & (value > 0)))
    if len(wrong):
        raise LearningCurveError(f"the cost of point {wrong[0]} is {value[wrong[0]]:g}: costs must be positive")
    return at, value


def _thinned(at: FloatArray, value: FloatArray) -> tuple[FloatArray, FloatArray]:
    """At most MAX_POINTS points: means of equal runs of neighbours (geometric for the cost)."""
    size = -(-len(at) // MAX_POINTS)
    if size == 1:
        return at, value
    starts = np.arange(0, len(at), size)
    count = np.diff(np.append(starts, len(at)))
    return np.add.reduceat(at, starts) / count, np.exp(np.add.reduceat(np.log(value), starts) / count)


def _huber(miss: FloatArray, threshold: float) -> FloatArray:
    """Huber's loss of each residual (P. J. Huber, Annals of Mathematical Statistics 35, 1964)."""
    size = np.abs(miss)
    return np.where(size <= threshold, size**2 / 2, threshold * (size - threshold / 2))


def _fit(form: Form, at: FloatArray, target: FloatArray) -> tuple[FloatArray, float]:
    """Constants [4] with the least Huber loss from many starts, and the residuals' robust standard deviation."""
    starts = _starts(form, at, np.exp(target))
    rough = max(1e-6, _spread(np.diff(target)) / np.sqrt(2))
    solved = [_refine(form, start, at, target, rough) for start in starts]
    constants = min(solved, key=lambda pair: pair[1])[0]
    for _ in range(2):
        sigma = max(1e-9, _spread(np.log(_FORMS[form](constants, at)) - target))
        constants = _refine(form, constants, at, target, sigma)[0]
    return constants, sigma


def _spread(values: FloatArray) -> float:
    """A robust standard deviation: the median absolute deviation of a normal variable times 1.4826 is its sigma."""
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))


def _starts(form: Form, at: FloatArray, value: FloatArray, keep: int = 6) -> list[FloatArray]:
    """The best of a grid over scale and shape, with floor and range solved by least squares at each node."""
    span = at[-1] - at[0]
    scales = np.geomspace(max(span / 300, at[at > 0][0] / 2), 3 * at[-1], 16)
    shapes = np.array([0.25, 0.5, 1.0, 1.5, 2.5, 4.0])
    found: list[tuple[float, FloatArray]] = []
    for scale in scales:
        for shape in shapes:
            basis = _FORMS[form](np.array([0.0, 1.0, scale, shape]), at)
            design = np.stack([np.ones_like(basis), basis], axis=1) / value[:, None]
            floor, size = np.linalg.lstsq(design, np.ones_like(basis), rcond=None)[0]
            floor = max(floor, 1e-3 * value.min())
            size = max(size, 1e-6 * value.max())
            start = np.array([floor, size, scale, shape])
            found.append((float(np.abs(np.log(_FORMS[form](start, at) / value)).sum()), start))
    found.sort(key=lambda pair: pair[0])
    return [start for _, start in found[:keep]]


def _refine(
    form: Form, start: FloatArray, at: FloatArray, target: FloatArray, sigma: float
) -> tuple[FloatArray, float]:
    """The constants [4] that least squares with Huber's loss reaches from a start, and their loss."""
    low, high = _bounds(at, target)
    found = least_squares(
        lambda logs: np.log(_FORMS[form](np.exp(logs), at)) - target,
        np.clip(np.log(start), low + 1e-6, high - 1e-6),
        jac=lambda logs: _jacobian(form, np.exp(logs), at),
        bounds=(low, high),
        loss="huber",
        f_scale=HUBER * sigma,
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
        max_nfev=200,
    )
    return np.exp(found.x), float(found.cost)


def _bounds(at: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The lowest and highest logs of the constants that are considered: [4] each."""
    least, most, last = np.exp(target.min()), np.exp(target.max()), at[-1]
    return (
        np.log([1e-6 * least, 1e-9 * most, 1e-9 * last, 0.05]),
        np.log([most, 1e3 * most, 1e3 * last, 20.0]),
    )


def _jacobian(form: Form, constants: FloatArray, at: FloatArray) -> FloatArray:
    """Derivatives of the log of the curve by the logs of its constants [4, ...]: [..., S, 4]."""
    floor, span, scale, shape = (constant[..., None] for constant in constants)
    if form == "power":
        falls = (1 + at / scale) ** -shape
        by_scale = shape * falls * (at / scale) / (1 + at / scale)
        by_shape = -shape * falls * np.log1p(at / scale)
    else:
        ratio = (at / scale) ** shape
        falls = 1 / (1 + ratio)
        by_scale = shape * ratio * falls**2
        by_shape = -by_scale * np.log(np.maximum(at, 1e-300) / scale)
    parts = np.stack([np.broadcast_to(floor, falls.shape), span * falls, span * by_scale, span * by_shape], axis=-1)
    return parts / (floor + span * falls)[..., None]


def _bootstrap(
    form: Form,
    constants: FloatArray,
    sigma: float,
    at: FloatArray,
    target: FloatArray,
    samples: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Constants of refits to the fitted curve plus blocks of its residuals: [samples, 4]."""
    curve = np.log(_FORMS[form](constants, at))
    points = len(at)
    residuals = target - curve
    block = _block_length(residuals)
    blocks = -(-points // block)
    free = points / block - len(constants)
    residuals = residuals * np.sqrt(points / block / max(1.0, free))
    first = rng.integers(0, points, (samples, blocks, 1))
    places = (first + np.arange(block)).reshape(samples, -1)[:, :points] % points
    return _refit(form, constants, at, curve + residuals[places], HUBER * sigma)


def _refit(form: Form, start: FloatArray, at: FloatArray, targets: FloatArray, threshold: float) -> FloatArray:
    """Constants [B, 4] with the least Huber loss for each of the targets [B, S], all from one start [4].

    Levenberg and Marquardt's method on all of them at once, with weights for Huber's loss; a step that does not lower
    the loss is not taken.
    """
    low, high = _bounds(at, targets)
    logs = np.tile(np.clip(np.log(start), low, high), (len(targets), 1))
    damping = np.full(len(targets), 1e-3)

    def missed(logs: FloatArray) -> FloatArray:
        return np.log(_FORMS[form](np.exp(logs).T[..., None], at)) - targets

    miss = missed(logs)
    loss = _huber(miss, threshold).sum(axis=1)
    for _ in range(REFIT_ROUNDS):
        weight = np.minimum(1, threshold / np.maximum(np.abs(miss), 1e-300))
        slope = _jacobian(form, np.exp(logs).T, at)
        normal = np.einsum("bsi,bs,bsj->bij", slope, weight, slope, optimize=True)
        right = np.einsum("bsi,bs->bi", slope, weight * miss)
        diagonal = damping[:, None] * np.einsum("bii->bi", normal) + 1e-12 * np.trace(normal, axis1=1, axis2=2)[:, None]
        step = np.linalg.solve(normal + diagonal[..., None] * np.eye(4) + 1e-300 * np.eye(4), right[..., None])[..., 0]
        tried = np.clip(logs - step, low, high)
        miss_there = missed(tried)
        loss_there = _huber(miss_there, threshold).sum(axis=1)
        better = loss_there < loss
        settled = bool((np.abs(loss - loss_there) <= 1e-9 * loss).all())
        logs[better], miss[better], loss[better] = tried[better], miss_there[better], loss_there[better]
        damping = np.where(better, damping * 0.3, damping * 4)
        if settled:
            break
    return np.exp(logs)


def _block_length(residuals: FloatArray) -> int:
    """Carlstein's rule for first-order correlation (E. Carlstein, Annals of Statistics 14, 1986), 1 to S / 8."""
    centred = residuals - residuals.mean()
    total = float(centred @ centred)
    rho = 0.0 if total == 0 else max(0.0, float(centred[1:] @ centred[:-1]) / total)
    length = (np.sqrt(6) * rho / (1 - min(rho, 0.95) ** 2)) ** (2 / 3) * len(residuals) ** (1 / 3)
    return int(np.clip(round(length), 1, max(1, len(residuals) // 8)))
