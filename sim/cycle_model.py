"""Exactly the cycles that the RTL takes for a product, in closed form.

The cycle counter of the accelerator runs from the cycle after the start command to the cycle in which it is done.
The sequencers in ``rtl/verilog/`` say what happens when. The array's rows split one side of the product, K (weight-
stationary) or M (output-stationary), and a vector of the other one streams in each cycle. With S and X these two,
T = ceil(S / rows) * ceil(N / cols) tiles, and period = max(X rounded up to even, 2 * rows):

             weight-stationary (X = M)                       output-stationary (X = K)
    check    max(ceil(S / rows), ceil(N / cols)) + 1         the same: counts tiles to see whether the product fits
    fill     rows: the first tile's weights are shifted in   0
    compute  T * X: a vector of activations in each cycle    T * X
    stall    (T - 1) * (period - X)                          T * (period - X)
    drain    rows + cols + 5: the last vector passes         2 * rows + cols + 5: the last tile's results leave
             the array and is written                        the array and are written

Loading operands and reading results over the bus is not in it: the bus works beside the array, and whoever plans
the transfers adds them (``bus_words``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtl import AcceleratorSpec

IntArray = NDArray[np.int64]

JOB_SETUP_CYCLES = 9
"""Cycles between products for the host's eight register writes, one a cycle, and for the start to be seen."""


class ProductError(ValueError):
    """A product that the accelerator refuses: a size is not positive or the operands do not fit its scratchpads."""

    exit_code = 2


@dataclass(frozen=True)
class CycleBreakdown:
    """Where the cycles of one product go, and what its SRAM macros are asked for.

    Attributes:
        m, k, n: the product's sizes.
        compute: cycles in which an activation vector enters the array.
        stall: cycles in which the array waits: for weights, for results to leave, or for the parity of the banks.
        fill: cycles for the first tile's weights.
        drain: cycles until the last result is written.
        control: cycles in which the sequencer checks the sizes.
        act_reads, weight_reads, result_reads, result_writes: accesses of SRAM macros by the array, in words of
            bus_bits bits.
        pes: processing elements of the tile.
    """

    m: int
    k: int
    n: int
    compute: int
    stall: int
    fill: int
    drain: int
    control: int
    act_reads: int
    weight_reads: int
    result_reads: int
    result_writes: int
    pes: int

    @property
    def total(self) -> int:
        """All cycles: what the RTL's counter shows."""
        return self.compute + self.stall + self.fill + self.drain + self.control

    @property
    def macs(self) -> int:
        """The multiply-accumulate operations of the product."""
        return self.m * self.k * self.n

    @property
    def utilisation(self) -> float:
        """The part of the array's multiply-accumulate slots that the product uses, 0 to 1."""
        return self.macs / (self.total * self.pes)


def vectors(spec: AcceleratorSpec, m: Any, k: Any, n: Any) -> tuple[Any, Any, Any]:
    """Vectors of activations, weights and results that an m x k by k x n product occupies, or of arrays of them."""
    n_tiles = -(-n // spec.cols)
    act = -(-m // spec.rows) * k if spec.output_stationary else -(-k // spec.rows) * m
    return act, n_tiles * k, n_tiles * (m + m % 2)


def check_product(spec: AcceleratorSpec, m: int, k: int, n: int) -> None:
    """Raise ProductError with what the RTL would refuse an m x k by k x n product at base addresses 0 for."""
    if min(m, k, n) < 1:
        raise ProductError(f"the product {m} x {k} x {n} has a size below 1")
    depths = (spec.act_depth, spec.weight_depth, spec.result_depth)
    for name, need, depth in zip(("activation", "weight", "result"), vectors(spec, m, k, n), depths, strict=True):
        if need > depth:
            raise ProductError(
                f"the product {m} x {k} x {n} needs {need} {name} vectors and the scratchpad holds {depth}:"
                " split it, or give the spec more banks or words"
            )


def product_fits(spec: AcceleratorSpec, m: int, k: int, n: int) -> bool:
    """Whether the RTL takes an m x k by k x n product at base addresses 0."""
    try:
        check_product(spec, m, k, n)
    except ProductError:
        return False
    return True


def cycle_breakdown(
    spec: AcceleratorSpec, m: int, k: int, n: int, accumulate: bool = False, fits: bool = True
) -> CycleBreakdown:
    """The cycles and SRAM accesses of the product of an m x k and a k x n matrix.

    Args:
        spec: the accelerator.
        m, k, n: sizes of the product.
        accumulate: the results are added to those in the scratchpad.
        fits: raise ProductError if the scratchpads cannot hold the product; false: count as if they could.

    Raises:
        ProductError: a size is below 1, or, with ``fits``, the RTL would refuse the product.
    """
    if fits:
        check_product(spec, m, k, n)
    elif min(m, k, n) < 1:
        raise ProductError(f"the product {m} x {k} x {n} has a size below 1")
    s_tiles = -(-(m if spec.output_stationary else k) // spec.rows)
    n_tiles = -(-n // spec.cols)
    tiles = s_tiles * n_tiles
    compute, stall, fill, drain, control = _phases(spec, m, k, n, max)
    if spec.output_stationary:
        writes, reads = n_tiles * m, n_tiles * m * accumulate
    else:
        writes, reads = tiles * m, (tiles if accumulate else tiles - n_tiles) * m
    act, weight, _ = bus_words(spec, m, k, n)
    return CycleBreakdown(
        m=m,
        k=k,
        n=n,
        compute=compute,
        stall=stall,
        fill=fill,
        drain=drain,
        control=control,
        act_reads=n_tiles * act,
        weight_reads=(s_tiles if spec.output_stationary else 1) * weight,
        result_reads=reads * spec.result_lanes,
        result_writes=writes * spec.result_lanes,
        pes=spec.rows * spec.cols,
    )


def cycles(spec: AcceleratorSpec, m: int, k: int, n: int) -> int:
    """The RTL's cycles from start to done for an m x k by k x n product; ProductError where the RTL would refuse."""
    check_product(spec, m, k, n)
    return sum(_phases(spec, m, k, n, max))


def cycles_of_all(spec: AcceleratorSpec, products: IntArray) -> IntArray:
    """The cycles [J] of many products [J, 3] at once; ProductError with the first that the RTL would refuse."""
    m, k, n = products.T
    needs = np.stack(vectors(spec, m, k, n), axis=1)
    refused = (products < 1).any(axis=1) | (needs > (spec.act_depth, spec.weight_depth, spec.result_depth)).any(axis=1)
    if refused.any():
        check_product(spec, *map(int, products[refused][0]))
    return sum(_phases(spec, m, k, n, np.maximum))


def _phases(spec: AcceleratorSpec, m: Any, k: Any, n: Any, larger: Callable[[Any, Any], Any]) -> tuple[Any, ...]:
    """Cycles to compute, of stalls, to fill, to drain, and to check: of one product, or of arrays of them."""
    rows, cols = spec.rows, spec.cols
    output = spec.output_stationary
    split, stream = (m, k) if output else (k, m)
    s_tiles = -(-split // rows)
    n_tiles = -(-n // cols)
    tiles = s_tiles * n_tiles
    waits = larger(stream + stream % 2, 2 * rows) - stream
    stalling, fill, drain = (tiles, 0, 2 * rows + cols + 5) if output else (tiles - 1, rows, rows + cols + 5)
    return tiles * stream, stalling * waits, fill, drain, larger(s_tiles, n_tiles) + 1


def bus_words(spec: AcceleratorSpec, m: int, k: int, n: int) -> tuple[int, int, int]:
    """Bus words, each a cycle, that load the activations, load the weights, and read the results of a product."""
    split, stream = (m, k) if spec.output_stationary else (k, m)
    load_act = stream * -(-split // spec.operands_per_word)
    load_weight = k * -(-n // spec.operands_per_word)
    read_result = m * -(-n // spec.results_per_word)
    return load_act, load_weight, read_result
