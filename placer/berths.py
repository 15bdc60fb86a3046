"""The guarantee that an episode ends legally: every macro that is still to come owns a berth, at all times.

A berth is a rectangle that a macro fits into. Before the episode all movable macros are packed once, which gives each a
berth of its own, and what space is left is filled with spare berths. Berths are disjoint and clear of fixed macros, and
they never move. A macro that is placed kills the berths that it overlaps. Macros whose berths were killed (orphans)
move to spare ones. With f_j the spare berths that macro j fits into, and U the berths that a position kills, a position
is admissible if

    U <= f_j   for each orphan j

since then each orphan finds as many surviving spares as there are orphans, whatever the others take (Hall's condition,
conservatively). A macro's own berth counts as a spare at its turn, so its own berth is always admissible: the mask is
never empty. Only a design for which no packing is found at all is refused (``Infeasible``).

Letters as in ``placer.problem``; P: berths: the first H are the macros' own, as many or ``LEAST_SPARES`` are spare.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from placer.legalise import FINE_UM, Infeasible, Scale, centres_of, pack, packing_of
from placer.netlist import Canvas, IntArray, Netlist, Placement
from placer.packing import Int64Array, Packing, insert_in_order

LEAST_SPARES = 32

LEVELS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 60)
"""Numbers of spares that are told apart; in between, the lower one counts."""

BASE = 64.0
"""Above the greatest number of berths that a position may kill: a sum of at most that many powers of it shows the
greatest term."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Berths:
    """The berths of a netlist, before the episode.

    Attributes:
        centre, size: of the rectangles, without halo; padding has size 0.
        fits: 1 where a macro fits into a berth.
    """

    centre: Array  # [P, 2] um
    size: Array  # [P, 2] um
    fits: Array  # [H, P]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Claims:
    """Who owns which berth.

    Attributes:
        alive: no placed macro overlaps the berth.
        berth: of each macro; that of a macro placed already means nothing.
    """

    alive: Array  # [P] bool
    berth: Array  # [H]


def berths_of(
    netlist: Netlist, initial: Placement, movable: IntArray, halo: float, spacing: float, room: int
) -> Berths:
    """Pack the movable macros, and fill the rest of the canvas with spare berths.

    Args:
        netlist: whose fixed hard macros are obstacles, where ``initial`` has them.
        initial: placement.
        movable: [hard_count] nodes of the movable hard macros, in the order of placement.
        halo: um around each hard macro.
        spacing: um, clearance of the environment; berths keep twice as much apart.
        room: H, slots of hard macros.

    Raises:
        Infeasible: there is no packing, or none was found.
    """
    total = room + max(room, LEAST_SPARES)
    centre, size = np.zeros((total, 2)), np.zeros((total, 2))
    count = len(movable)
    real = netlist.node_size[movable]
    if count:
        scale = Scale(FINE_UM, False, 0)
        scale = replace(scale, halo=int(scale.up(np.array(halo + spacing))))
        packing = packing_of(netlist, initial, movable, scale, (), None, False, 0)
        edge = int(scale.up(np.array(spacing)))
        packing = replace(packing, low=packing.low + edge, high=packing.high - edge)
        packing, corner = _aligned(packing, netlist.canvas, scale)
        centre[:count], size[:count] = centres_of(netlist, movable, packing, corner, scale), real
        taken = np.concatenate([packing.blocks, np.concatenate([corner, corner + packing.size], 1)])
        again = np.resize(np.arange(count), total - room)  # one more of each macro, the largest first, and so on
        low, high, order = packing.low[again], packing.high[again], np.arange(total - room)
        columns = np.tile([1.0, 1e-3], (total - room, 1))  # cost of distance: fill column by column
        spare, failed, failures = insert_in_order(packing.size[again], low, high, low, columns, taken, order)
        found = np.setdiff1d(order, failed[:failures])
        place = slice(room, room + len(found))
        size[place] = real[again[found]]
        centre[place] = (2 * spare + packing.size[again])[found] * (scale.unit / 2)
    fits = np.zeros((room, total))
    fits[:count] = (real[:, None] <= size * (1 + 1e-6)).all(-1)
    return Berths(*(jnp.asarray(values.astype(np.float32)) for values in (centre, size, fits)))


def _aligned(packing: Packing, canvas: Canvas, scale: Scale) -> tuple[Packing, Int64Array]:
    """A packing of the macros, each in whole cells of the cost's grid if there is room for that, and its corners.

    What straddles a line of that grid blocks the routes of both sides.
    """
    cell = np.array([canvas.width / canvas.columns, canvas.height / canvas.rows]) / scale.unit
    whole = (np.ceil(packing.size / cell) * cell - 1).astype(np.int64)
    wide = replace(packing, size=whole, high=packing.high + packing.size - whole)
    if (wide.high >= wide.low).all():
        with contextlib.suppress(Infeasible):
            return wide, pack(wide)
    return packing, pack(packing)


def first_claims(berths: Berths) -> Claims:
    """Each macro owns the berth of its number."""
    return Claims(berths.size[:, 0] > 0, jnp.arange(berths.fits.shape[0], dtype=jnp.int32))


def spares(claims: Claims, waiting: Array) -> Array:
    """[P] bool: alive and not owned by a macro of ``waiting`` [H]."""
    count = claims.alive.shape[0]
    owned = jnp.zeros(count, bool).at[jnp.where(waiting, claims.berth, count)].set(True, mode="drop")
    return claims.alive & ~owned


def killed(berths: Berths, claims: Claims, lines: tuple[Array, Array], size: Array, gap: Array) -> tuple[Array, Array]:
    """Which alive berths a macro of ``size`` [2] clashes with on lines of positions: [F, P] for x and for y."""
    clash = [
        (jnp.abs(at[:, None] - berths.centre[None, :, axis]) < (berths.size[:, axis] + size[axis]) / 2 + gap)
        for axis, at in enumerate(lines)
    ]
    return (clash[0] & claims.alive).astype(jnp.float32), clash[1].astype(jnp.float32)


def admissible(
    berths: Berths, claims: Claims, waiting: Array, clash: tuple[Array, Array]
) -> tuple[Array, Array, Array]:
    """How many berths each position kills [F, F], where that is admissible [F, F], and which berths are so [P].

    Args:
        berths, claims: of the episode.
        waiting: [H] macros that come after the one at turn.
        clash: from ``killed``.
    """
    spare = spares(claims, waiting)
    options = berths.fits @ spare.astype(jnp.float32)  # [H]
    level = jnp.sum(options[:, None] >= jnp.array(LEVELS[1:]), 1)  # [H] index into LEVELS
    code = jnp.where(waiting, BASE ** -level.astype(jnp.float32), 0.0)
    code = jnp.zeros(claims.alive.shape[0]).at[claims.berth].add(code)  # [P] 0 for spares
    count = clash[0] @ clash[1].T
    fewest = jnp.ceil(-jnp.log((clash[0] * code) @ clash[1].T) / np.log(BASE) - 1e-3)  # [F, F] level, infinite: none
    allowed = jnp.array((*LEVELS, LEVELS[-1]))[jnp.clip(fewest, 0, len(LEVELS)).astype(jnp.int32)]
    return count, count <= allowed, claims.alive & (spare | ((code > 0) & (code < 1)))


def settle(berths: Berths, claims: Claims, waiting: Array, hit: Array) -> Claims:
    """Claims after a macro was placed that overlaps berths ``hit`` [P]: orphans take the smallest spares that fit."""
    alive = claims.alive & ~hit
    area = berths.size.prod(1)
    first = (claims.berth, waiting & ~alive[claims.berth], spares(replace(claims, alive=alive), waiting))

    def move(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        berth, orphan, spare = carry
        who = jnp.argmax(orphan)
        to = jnp.argmin(jnp.where(spare & (berths.fits[who] > 0), area, jnp.inf)).astype(jnp.int32)
        return berth.at[who].set(to), orphan.at[who].set(False), spare.at[to].set(False)

    berth, _, _ = jax.lax.while_loop(lambda carry: carry[1].any(), move, first)
    return Claims(alive, berth)
