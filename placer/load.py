"""Any design that the formats hold, made ready for the macro placer; and the way of its result back into the format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from placer.clustering import group
from placer.formats.bookshelf import read_bookshelf
from placer.formats.bookshelf_writer import write_bookshelf
from placer.formats.def_ import read_def, write_def
from placer.formats.def_netlist import to_netlist, with_placement
from placer.formats.lef import read_lef
from placer.formats.plc import load_design, write_plc
from placer.formats.protobuf import read_netlist
from placer.formats.protobuf_writer import write_netlist
from placer.netlist import InputError, Netlist, NodeKind, Placement
from placer.partitioning import partition

Writer = Callable[[Path, Placement], tuple[Path, ...]]
"""Writes a placement of the loaded netlist into a folder; the files written."""


@dataclass(frozen=True)
class LoadedDesign:
    """A netlist of hard macros, soft macros and ports, where they lie, and how a placement of it is written."""

    netlist: Netlist
    placement: Placement
    write: Writer


def load_any(
    path: str | Path, plc: str | Path | None = None, lef: Sequence[str | Path] = (), seed: int = 0
) -> LoadedDesign:
    """Read a design by the end of its name: ``.pb.txt`` (Circuit Training), ``.def`` or ``.aux`` (Bookshelf).

    Where it holds standard cells they are grouped into soft macros. ``write`` then puts into a folder: always
    ``placement.plc``, beside it ``netlist.pb.txt`` where grouping made the netlist; and ``NAME.def`` or ``NAME.aux``
    with its files, in which hard macros lie as placed and all else as it was.

    Args:
        path: the file; ``.pb.txt`` and ``.def`` may be packed (``.gz``).
        plc: canvas and positions for a ``.pb.txt``.
        lef: technology and cells for a ``.def``.
        seed: of the grouping.

    Raises:
        InputError: the format is unknown, LEF files are missing, or a file is malformed.
    """
    path = Path(path)
    name = path.name.removesuffix(".gz")
    if name.endswith(".pb.txt"):
        netlist, placement = load_design(path, plc) if plc else read_netlist(path)
        return _ready(netlist, placement, lambda folder, placed: (), seed)
    if name.endswith(".def"):
        if not lef:
            raise InputError(f"{path}: expected the LEF files of its cells and macros, too; give each with --lef")
        design = read_def(path)
        library = read_lef(*lef)
        try:
            flat, placement = to_netlist(design, library)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

        def write_as_def(folder: Path, placed: Placement) -> tuple[Path, ...]:
            target = folder / name
            write_def(target, with_placement(design, flat, placed, macros_only=True))
            return (target,)

        return _ready(flat, placement, write_as_def, seed)
    if name.endswith(".aux"):
        shelf = read_bookshelf(path)

        def write_as_bookshelf(folder: Path, placed: Placement) -> tuple[Path, ...]:
            target = folder / name
            write_bookshelf(target, replace(shelf, placement=placed))
            return (target,)

        return _ready(shelf.netlist, shelf.placement, write_as_bookshelf, seed)
    raise InputError(f"{path}: expected a netlist that ends in .pb.txt, .def or .aux")


def _ready(flat: Netlist, flat_placement: Placement, write_flat: Writer, seed: int) -> LoadedDesign:
    """Group the cells, if any, and write a result in all forms; ``write_flat`` gets a placement of the flat netlist."""
    has_cells = bool((flat.node_kind == NodeKind.CELL).any())
    if has_cells:
        netlist, placement = group(flat, flat_placement, partition(flat, seed=seed))
    else:
        netlist, placement = flat, flat_placement

    def write(folder: Path, placed: Placement) -> tuple[Path, ...]:
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / "placement.plc"]
        write_plc(files[0], netlist, placed)
        if has_cells:
            files.append(folder / "netlist.pb.txt")
            write_netlist(files[1], netlist, placed)
        kept = np.flatnonzero(flat.node_kind != NodeKind.CELL)  # they come first in the grouped netlist
        position, orientation = flat_placement.position.copy(), flat_placement.orientation.copy()
        position[kept], orientation[kept] = placed.position[: len(kept)], placed.orientation[: len(kept)]
        return (*files, *write_flat(folder, Placement(position, orientation)))

    return LoadedDesign(netlist, placement, write)
