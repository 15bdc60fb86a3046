"""The closed form against a schedule that is stepped cycle by cycle, and against accesses that are counted one by one.

That it equals the RTL is in test_validate.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rtl import AcceleratorSpec
from sim import ProductError, bus_words, cycle_breakdown, cycles
from sim.cycle_model import cycles_of_all, product_fits
from sim.golden import act_words, operand_type, result_type, result_words, weight_words
from sim.validate import SPECS

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
specs = st.sampled_from(SPECS)


def stepped(spec: AcceleratorSpec, m: int, k: int, n: int) -> int:
    """The cycles of a schedule made from the hardware's constraints, one tile after the other.

    A tile's weights come in over `rows` cycles and must be complete before its activations start; they may start when
    the last row has taken over the weights before them, rows - 1 cycles after its activations started. Activations
    take M cycles, and tiles start at an even distance.
    """
    tiles = -(-k // spec.rows) * -(-n // spec.cols)
    start = spec.rows
    for _ in range(tiles - 1):
        loaded = start + spec.rows - 1 + spec.rows
        begin = max(start + m, loaded)
        start = begin + (begin - start) % 2
    control = max(-(-k // spec.rows), -(-n // spec.cols)) + 1
    if spec.output_stationary:
        return stepped_outputs(spec, m, k, n)
    pipeline = spec.rows + spec.cols + 5
    return control + start + m + pipeline


def stepped_outputs(spec: AcceleratorSpec, m: int, k: int, n: int) -> int:
    """The same for an output-stationary array.

    A tile's operands take K cycles. Results leave a row every second cycle once the next tile begins, which may not
    begin before those of the tile before have left; tiles start at an even distance, and all rows' time is waited for.
    """
    start = 0
    for _ in range(-(-m // spec.rows) * -(-n // spec.cols)):
        start += max(k, 2 * spec.rows)
        start += start % 2
    control = max(-(-m // spec.rows), -(-n // spec.cols)) + 1
    return control + start + 2 * spec.rows - 1 + spec.cols + 6


@given(specs, sizes)
def test_total_is_that_of_the_stepped_schedule(spec: AcceleratorSpec, size: tuple[int, int, int]) -> None:
    assert cycle_breakdown(spec, *size, fits=False).total == stepped(spec, *size)


@given(specs, sizes, st.booleans())
def test_accesses_are_those_counted_tile_by_tile(
    spec: AcceleratorSpec, size: tuple[int, int, int], accumulate: bool
) -> None:
    m, k, n = size
    p = spec.operands_per_word
    acts = weights = reads = writes = 0
    for n0 in range(0, n, spec.cols):
        for m0 in range(0, m, spec.rows) if spec.output_stationary else ():
            live_rows, live_cols = min(spec.rows, m - m0), min(spec.cols, n - n0)
            acts += k * len(range(0, live_rows, p))
            weights += k * len(range(0, live_cols, p))
            reads += live_rows * spec.result_lanes * accumulate
            writes += live_rows * spec.result_lanes
        for k0 in () if spec.output_stationary else range(0, k, spec.rows):
            live_rows, live_cols = min(spec.rows, k - k0), min(spec.cols, n - n0)
            acts += m * len(range(0, live_rows, p))
            weights += live_rows * len(range(0, live_cols, p))
            reads += m * spec.result_lanes * (k0 > 0 or accumulate)
            writes += m * spec.result_lanes
    found = cycle_breakdown(spec, m, k, n, accumulate, fits=False)
    assert (found.act_reads, found.weight_reads) == (acts, weights)
    assert (found.result_reads, found.result_writes) == (reads, writes)


@given(specs, sizes)
def test_utilisation_is_a_part_and_full_tiles_approach_one(spec: AcceleratorSpec, size: tuple[int, int, int]) -> None:
    assert 0 < cycle_breakdown(spec, *size, fits=False).utilisation < 1
    m, k = (20 * spec.rows, 1000) if spec.output_stationary else (1000, 20 * spec.rows)
    full = cycle_breakdown(spec, m, k, 20 * spec.cols, fits=False)
    assert full.stall == 0
    assert full.utilisation > 0.999


@pytest.mark.parametrize("size", [(0, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_sizes_below_one_are_refused(size: tuple[int, int, int]) -> None:
    with pytest.raises(ProductError, match="size below 1"):
        cycles(AcceleratorSpec(), *size)


def test_a_product_that_does_not_fit_is_refused_with_what_it_needs() -> None:
    spec = AcceleratorSpec()
    assert cycles(spec, 1, spec.weight_depth, 1) > 0
    with pytest.raises(ProductError, match="1025 weight vectors and the scratchpad holds 1024"):
        cycles(spec, 1, spec.weight_depth + 1, 1)


@given(specs, sizes)
def test_bus_words_are_those_of_the_memory_image(spec: AcceleratorSpec, size: tuple[int, int, int]) -> None:
    import numpy as np

    m, k, n = size
    assume(product_fits(spec, m, k, n))
    images = (
        act_words(spec, np.zeros((m, k), operand_type(spec))),
        weight_words(spec, np.zeros((k, n), operand_type(spec))),
        result_words(spec, np.zeros((m, n), result_type(spec))),
    )
    assert bus_words(spec, m, k, n) == tuple(len(dict(image)) for image in images)


@given(specs, st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40)), min_size=1))
def test_many_products_at_once_are_those_one_by_one(
    spec: AcceleratorSpec, products: list[tuple[int, int, int]]
) -> None:
    fitting = [product for product in products if product_fits(spec, *product)]
    if fitting:
        assert cycles_of_all(spec, np.array(fitting)).tolist() == [cycles(spec, *product) for product in fitting]
    if len(fitting) < len(products):
        with pytest.raises(ProductError, match="scratchpad holds"):
            cycles_of_all(spec, np.array(products))
    with pytest.raises(ProductError, match="below 1"):
        cycles_of_all(spec, np.array([(1, 0, 1)]))
