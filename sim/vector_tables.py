"""Tables for the vector unit: any function of one number, as lines (float32) or as bytes (int8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from sim.vector import FIRST_SEGMENT, Bits

SAMPLES = 257


def segments() -> NDArray[np.float64]:
    """Both ends of each segment [64, 2], those above zero first; the outermost, which has none, up to 28."""
    edges = (np.arange(FIRST_SEGMENT, FIRST_SEGMENT + 33, dtype=np.uint32) << np.uint32(21)).view(np.float32)
    above = np.stack([edges[:-1], edges[1:]], axis=1).astype(np.float64)
    above[0, 0] = 0.0
    above[-1, 1] = 2 * above[-1, 0]
    return np.concatenate([above, -above])


def line_table(function: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Bits:
    """The entries [64] of a function: in each segment the line through its ends, moved so that it errs alike both ways.

    Slopes and intercepts are bfloat16; the intercept makes up for the rounding of the slope.
    """
    ends = segments()
    x = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * np.linspace(0.0, 1.0, SAMPLES)
    y = function(x)
    slope = ((y[:, -1] - y[:, 0]) / (x[:, -1] - x[:, 0])).astype(ml_dtypes.bfloat16)
    rest = y - slope.astype(np.float64)[:, None] * x
    intercept = ((rest.max(axis=1) + rest.min(axis=1)) / 2).astype(ml_dtypes.bfloat16)
    return _halves(slope) << np.uint32(16) | _halves(intercept)


def byte_table(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]], scale_in: float, scale_out: float
) -> Bits:
    """The entries [64] of a function of int8 numbers: function(scale_in * number) / scale_out, rounded and clipped."""
    numbers = np.arange(256, dtype=np.uint8).view(np.int8)
    values = np.clip(np.rint(function(scale_in * numbers.astype(np.float64)) / scale_out), -128, 127)
    return values.astype(np.int8).view("<u4").astype(np.uint32)


def _halves(values: NDArray[Any]) -> Bits:
    return values.view(np.uint16).astype(np.uint32)
