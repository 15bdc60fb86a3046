"""The layout in the scratchpads against docs/rtl.md, element by element, and the product against plain integers."""

from __future__ import annotations

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtl import AcceleratorSpec
from rtl.memory_map import MemoryMap, Space
from sim.golden import QUIET_NAN, act_words, product, result_words, weight_words

SPECS = [
    AcceleratorSpec(),
    AcceleratorSpec(rows=8, cols=16, act_banks=2, weight_banks=4, result_banks=16, bus_bits=64),
    AcceleratorSpec(rows=12, cols=8, act_banks=3, weight_banks=4, result_banks=16),
    AcceleratorSpec(rows=8, cols=4, dataflow="output_stationary"),
    AcceleratorSpec(rows=6, cols=4, act_banks=6, operands="bfloat16"),
    AcceleratorSpec(rows=4, cols=8, result_banks=16, dataflow="output_stationary", operands="bfloat16"),
]
BFLOATS = SPECS[4:]


def element(spec: AcceleratorSpec, words: dict[int, int], space: Space, vector: int, index: int, bits: int) -> int:
    """The signed element `index` of a vector (its bits as an integer), found as the table in docs/rtl.md says."""
    per_word = spec.bus_bits // bits
    word = words[MemoryMap.of(spec).address(space, vector, index // per_word)]
    value = word >> (bits * (index % per_word)) & ((1 << bits) - 1)
    return value - (1 << bits) if value >> (bits - 1) else value


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s.rows}x{s.cols}-{s.dataflow}-{s.operands}")
@settings(max_examples=20)
@given(m=st.integers(1, 9), k=st.integers(1, 30), n=st.integers(1, 40), base=st.integers(0, 20), data=st.data())
def test_every_element_is_where_the_table_says(
    spec: AcceleratorSpec, m: int, k: int, n: int, base: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    bits = spec.operand_bits
    kind = np.int8 if bits == 8 else np.int16
    a, w = (rng.integers(-(1 << bits - 1), 1 << bits - 1, shape).astype(kind) for shape in ((m, k), (k, n)))
    c = rng.integers(-(2**31), 2**31, (m, n)).astype(np.int32)
    acts, weights, results = (dict(f(spec, x, base)) for f, x in ((act_words, a), (weight_words, w), (result_words, c)))
    for i, kk in np.ndindex(m, k):
        vector, index = base + kk // spec.rows * m + i, kk % spec.rows
        if spec.output_stationary:
            vector, index = base + i // spec.rows * k + kk, i % spec.rows
        assert element(spec, acts, Space.ACTIVATIONS, vector, index, bits) == a[i, kk]
    for kk, j in np.ndindex(k, n):
        vector = base + j // spec.cols * k + kk
        assert element(spec, weights, Space.WEIGHTS, vector, j % spec.cols, bits) == w[kk, j]
    for i, j in np.ndindex(m, n):
        vector = base + j // spec.cols * (m + m % 2) + i
        assert element(spec, results, Space.RESULTS, vector, j % spec.cols, 32) == c[i, j]


@given(st.integers(0, 2**32))
def test_product_is_that_of_integers_modulo_2_to_32(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.integers(-128, 128, (3, 5)).astype(np.int8)
    w = rng.integers(-128, 128, (5, 2)).astype(np.int8)
    onto = rng.choice(np.array([-(2**31), 2**31 - 1, 7]), (3, 2)).astype(np.int32)
    for i, j in np.ndindex(3, 2):
        exact = int(onto[i, j]) + sum(int(a[i, x]) * int(w[x, j]) for x in range(5))
        wrapped = (exact + 2**31) % 2**32 - 2**31
        assert product(AcceleratorSpec(), a, w, onto)[i, j] == wrapped


def rounded(value: Fraction) -> np.float32:
    """The float32 nearest to a number, ties to even, by the definition of the format."""
    if value == 0:
        return np.float32(0)
    exponent = -149
    while abs(value) >= Fraction(2) ** (exponent + 24):
        exponent += 1
    units = round(value / Fraction(2) ** exponent)  # Python rounds ties to even
    with np.errstate(over="ignore"):
        return np.float32(np.ldexp(float(units), exponent))


@pytest.mark.parametrize("spec", BFLOATS, ids=lambda s: s.dataflow)
@settings(max_examples=50)
@given(seed=st.integers(0, 2**32))
def test_bfloat16_sums_are_rounded_one_by_one_in_the_order_of_the_array(spec: AcceleratorSpec, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = rng.choice([1.0, 1e30, 1e-25])
    a, w = ((rng.normal(0, 1, shape) * scale).astype(ml_dtypes.bfloat16) for shape in ((1, 15), (15, 1)))
    onto = rng.normal(0, 1, (1, 1)).astype(np.float32)
    step = 15 if spec.output_stationary else spec.rows
    total = onto[0, 0]
    for first in range(0, 15, step):
        partial = np.float32(0)
        for k in range(first, min(first + step, 15)):
            term = rounded(Fraction(float(a[0, k])) * Fraction(float(w[k, 0])))
            if not np.isfinite([partial, term]).all():
                return
            partial = rounded(Fraction(float(partial)) + Fraction(float(term)))
        if not np.isfinite([total, partial]).all():
            return
        total = rounded(Fraction(float(total)) + Fraction(float(partial)))
    assert product(spec, a, w, onto)[0, 0] == total


@pytest.mark.parametrize("spec", BFLOATS, ids=lambda s: s.dataflow)
def test_infinities_and_nans(spec: AcceleratorSpec) -> None:
    def one(*pairs: tuple[float, float]) -> np.uint32:
        a, w = (np.array(x).astype(ml_dtypes.bfloat16) for x in zip(*pairs, strict=True))
        return product(spec, a[None, :], w[:, None]).view(np.uint32)[0, 0]

    inf, nan = float("inf"), float("nan")
    assert one((inf, 2), (1, 1)) == 0x7F800000
    assert one((inf, -2)) == 0xFF800000
    assert one((3e38, 3e38)) == 0x7F800000
    assert one((inf, 1), (-inf, 1)) == one((inf, 0)) == one((nan, 1)) == one((1, 1), (-1, nan)) == QUIET_NAN
    assert one((-0.0, 1)) == one((1, 1), (-1, 1)) == 0
