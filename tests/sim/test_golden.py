"""The layout in the scratchpads against docs/rtl.md, element by element, and the product against plain integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtl import AcceleratorSpec
from rtl.memory_map import MemoryMap, Space
from sim.golden import act_words, product, result_words, weight_words

SPECS = [
    AcceleratorSpec(),
    AcceleratorSpec(rows=8, cols=16, act_banks=2, weight_banks=4, result_banks=16, bus_bits=64),
    AcceleratorSpec(rows=12, cols=8, act_banks=3, weight_banks=4, result_banks=16),
]


def element(spec: AcceleratorSpec, words: dict[int, int], space: Space, vector: int, index: int, bits: int) -> int:
    """The signed element `index` of a vector, found as the table in docs/rtl.md says."""
    per_word = spec.bus_bits // bits
    word = words[MemoryMap.of(spec).address(space, vector, index // per_word)]
    value = word >> (bits * (index % per_word)) & ((1 << bits) - 1)
    return value - (1 << bits) if value >> (bits - 1) else value


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s.rows}x{s.cols}")
@settings(max_examples=20)
@given(m=st.integers(1, 9), k=st.integers(1, 30), n=st.integers(1, 40), base=st.integers(0, 20), data=st.data())
def test_every_element_is_where_the_table_says(
    spec: AcceleratorSpec, m: int, k: int, n: int, base: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    a = rng.integers(-128, 128, (m, k)).astype(np.int8)
    w = rng.integers(-128, 128, (k, n)).astype(np.int8)
    c = rng.integers(-(2**31), 2**31, (m, n)).astype(np.int32)
    acts, weights, results = (dict(f(spec, x, base)) for f, x in ((act_words, a), (weight_words, w), (result_words, c)))
    for i, kk in np.ndindex(m, k):
        vector = base + kk // spec.rows * m + i
        assert element(spec, acts, Space.ACTIVATIONS, vector, kk % spec.rows, 8) == a[i, kk]
    for kk, j in np.ndindex(k, n):
        vector = base + j // spec.cols * k + kk
        assert element(spec, weights, Space.WEIGHTS, vector, j % spec.cols, 8) == w[kk, j]
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
        assert product(a, w, onto)[i, j] == wrapped
