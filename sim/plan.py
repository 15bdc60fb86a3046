"""A product as a program for an accelerator with a DMA engine: which tile does what, and what moves meanwhile.

The product is cut into rounds. In a round every tile does a job of one size, beside its neighbour's in M or N: along N
the tiles share the activations, along M the weights, and what is shared is sent to all of them at once. K is innermost:
sums over K stay in the tiles. While a round is computed the next one's operands come into the other half of the
scratchpads, and the last one's results leave, as far as the halves have banks of their own
(``AcceleratorSpec.loads_beside``, ``reads_beside``).

In memory all matrices are row by row, each row beginning with a word of its own: activations [M, K] (output-stationary:
their transpose [K, M]), weights [K, N] and results [M, N]. Where the spec has ``transpose``, activations and weights
may also lie the other way round each, as a backward pass finds them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rtl import AcceleratorSpec
from rtl.commands import Command, Op
from rtl.memory_map import Space
from sim.tiling import Beside, Order


@dataclass(frozen=True)
class Plan:
    """How a product is cut.

    Attributes:
        size: M, K, N of the product.
        job: M, K, N of a tile's largest job; where K or M is cut and lies along a word, a multiple of the word.
        order: along which of N and M the rounds go first.
        beside: what moves while the tiles work.
        split: along which of N and M the tiles of a round lie.
    """

    size: tuple[int, int, int]
    job: tuple[int, int, int]
    order: Order
    beside: Beside
    split: Order


Turned = tuple[bool, bool]
UPRIGHT = (False, False)


@dataclass(frozen=True)
class Place:
    """Where the matrices of a product lie in memory, in words: first word and words from row to row of each.

    ``turned`` says of activations and of weights whether they lie the other way round.
    """

    act: tuple[int, int]
    weight: tuple[int, int]
    result: tuple[int, int]
    turned: Turned = UPRIGHT

    @classmethod
    def packed(
        cls, spec: AcceleratorSpec, size: tuple[int, int, int], base: int = 0, turned: Turned = UPRIGHT
    ) -> Place:
        """Activations, weights and results one behind the other from word ``base`` on."""
        m, k, n = size
        act = (k, m) if spec.output_stationary != turned[0] else (m, k)
        weight = (n, k) if turned[1] else (k, n)
        strides = [-(-columns // spec.operands_per_word) for _, columns in (act, weight)]
        second = base + act[0] * strides[0]
        result = second + weight[0] * strides[1]
        return cls((base, strides[0]), (second, strides[1]), (result, -(-n // spec.results_per_word)), turned)


Slice = tuple[int, int]  # first and size


Job = tuple[Slice, Slice]  # rows and columns of a tile's piece of the results


class _Round(NamedTuple):
    loads: list[Command]
    runs: list[Command]
    stores: list[Command]
    tiles: int  # a bit for each tile that takes part


def commands(spec: AcceleratorSpec, plan: Plan, place: Place) -> Iterator[Command]:
    """The program of a product, from its first load to its last store."""
    rounds = _rounds(spec, plan, place)
    if plan.beside == "nothing":
        for one in rounds:
            yield from (load._replace(wait=True) for load in one.loads)
            yield from one.runs
            yield from one.stores
        return
    now = next(rounds)
    stores: list[Command] = []
    yield from now.loads
    for after in itertools.chain(rounds, (None,)):
        yield from now.runs
        if plan.beside == "all":  # what a tile of this round did before is done
            yield from (store._replace(wait=store.tiles & ~now.tiles != 0) for store in stores)
            stores = now.stores
        if after is not None:
            yield from (load._replace(wait=load.tiles & ~now.tiles != 0) for load in after.loads)
        if plan.beside == "loads":
            yield from now.stores
        now = after or now
    yield from stores


def _rounds(spec: AcceleratorSpec, plan: Plan, place: Place) -> Iterator[_Round]:
    steps = [job * (spec.tiles if plan.split == side else 1) for job, side in zip(plan.job, "mkn", strict=True)]
    m, k, n = (
        [(at, min(step, size - at)) for at in range(0, size, step)] for size, step in zip(plan.size, steps, strict=True)
    )
    pairs = itertools.product(m, n) if plan.order == "n" else ((rows, columns) for columns in n for rows in m)
    halves = spec.act_depth // 2, spec.weight_depth // 2, spec.result_depth // 2
    bases = [0, 0, 0]
    held: list[tuple[Slice, Slice] | None] = [None, None]
    for rows, columns in pairs:
        jobs = list(_jobs(plan, rows, columns))
        bases[2] ^= halves[2] * (plan.beside == "all")
        for depth in k:
            loads: list[Command] = []
            for which, key in enumerate(((rows, depth), (depth, columns))):
                if held[which] == key:
                    continue
                held[which] = key
                bases[which] ^= halves[which] * (plan.beside != "nothing")
                if plan.split == "nm"[which]:
                    loads.append(_load(spec, place, which, (1 << len(jobs)) - 1, rows, depth, columns, bases[which]))
                else:
                    loads += (
                        _load(spec, place, which, 1 << tile, job[0], depth, job[1], bases[which])
                        for tile, job in enumerate(jobs)
                    )
            stores = [_store(spec, place, 1 << tile, *job, bases[2]) for tile, job in enumerate(jobs)]
            runs = list(_runs(jobs, depth, (*bases, int(depth is not k[0]))))
            yield _Round(loads, runs, stores if depth is k[-1] else [], (1 << len(jobs)) - 1)


def _jobs(plan: Plan, rows: Slice, columns: Slice) -> Iterator[Job]:
    """What each tile does of a round, the first tiles first."""
    whole, step = (columns, plan.job[2]) if plan.split == "n" else (rows, plan.job[0])
    for at in range(0, whole[1], step):
        piece = (whole[0] + at, min(step, whole[1] - at))
        yield (rows, piece) if plan.split == "n" else (piece, columns)


def _runs(jobs: list[Job], depth: Slice, rest: tuple[int, ...]) -> Iterator[Command]:
    """One command for all tiles whose jobs have one size: at most two."""
    sizes = [(rows[1], depth[1], columns[1]) for rows, columns in jobs]
    for size in dict.fromkeys(sizes):
        yield Command(Op.RUN, sum(1 << tile for tile, other in enumerate(sizes) if other == size), (*size, *rest))


def _load(
    spec: AcceleratorSpec, place: Place, which: int, tiles: int, rows: Slice, depth: Slice, columns: Slice, base: int
) -> Command:
    space = (Space.ACTIVATIONS, Space.WEIGHTS)[which]
    vectors, elements = (depth, columns) if which else (depth, rows) if spec.output_stationary else (rows, depth)
    first, stride = (place.act, place.weight)[which]
    if place.turned[which]:
        address = first + elements[0] * stride + vectors[0] // spec.operands_per_word
        args = (address, stride, elements[1], vectors[1], base, vectors[1])
        return Command(Op.LOAD_TRANSPOSED, tiles, args, space)
    return _transfer(Op.LOAD, tiles, space, first, stride, vectors, elements, spec.operands_per_word, base, vectors[1])


def _store(spec: AcceleratorSpec, place: Place, tiles: int, rows: Slice, columns: Slice, base: int) -> Command:
    block = rows[1] + rows[1] % 2
    return _transfer(
        Op.STORE, tiles, Space.RESULTS, *place.result, rows, columns, spec.results_per_word, base, block
    )._replace(wait=True)


def _transfer(
    op: Op,
    tiles: int,
    space: Space,
    first: int,
    stride: int,
    vectors: Slice,
    elements: Slice,
    per_word: int,
    base: int,
    block: int,
) -> Command:
    address = first + vectors[0] * stride + elements[0] // per_word
    return Command(op, tiles, (address, stride, vectors[1], -(-elements[1] // per_word), base, block), space)
