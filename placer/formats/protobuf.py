"""Circuit Training's netlist, a protobuf in text form (``.pb.txt``, also gzipped), clustered or flat.

Each node of the file is a port, a macro, a pin of a macro or a standard cell. A port, a cell or a macro's pin that
has ``input`` lines drives one net, and these are its sinks. In a clustered netlist types are ``PORT``, ``MACRO``
(hard) and ``macro`` (soft); in a flat one all are in lower case, and a hard macro shows by its ``ref_name``.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from placer.formats import protobuf_names as names_of
from placer.formats import protobuf_scan as ps
from placer.netlist import Canvas, InputError, Netlist, NodeKind, Orientation, Placement

METADATA = "__metadata__"
BLOCK = 1 << 24

# Types of a file's entries, in the order of this table.
_TYPES = ("PORT", "port", "MACRO", "macro", "MACRO_PIN", "macro_pin", "STDCELL", "stdcell")
_PORT, _HARD, _SOFT, _PIN, _CELL, _META = range(6)
_KIND = np.array([_PORT, _PORT, _HARD, _SOFT, _PIN, _PIN, _CELL, _CELL, _META], np.int8)
_NODE_KIND = {_PORT: NodeKind.PORT, _HARD: NodeKind.HARD, _SOFT: NodeKind.SOFT, _CELL: NodeKind.CELL}
_TYPE_TABLE = ps.word_table(*_TYPES)
_ORIENTATION_TABLE = ps.word_table(*(o.name for o in Orientation))
# Which numbers a kind of entry uses; what else a file gives is kept as an attribute.
_USES = np.zeros((6, len(ps.NUMBERS)), np.bool_)
_USES[[_PORT, _HARD, _SOFT, _CELL, _PIN], ps.X] = True
_USES[[_PORT, _HARD, _SOFT, _CELL, _PIN], ps.Y] = True
_USES[[_HARD, _SOFT, _CELL], ps.WIDTH] = True
_USES[[_HARD, _SOFT, _CELL], ps.HEIGHT] = True
_USES[_PIN, [ps.X_OFFSET, ps.Y_OFFSET]] = True


class _Columns:
    """The scanner's growing output; see ``protobuf_scan.scan`` for what each array holds."""

    def __init__(self) -> None:
        self.state = np.zeros(ps.STATE_SIZE, np.int64)
        self.state[ps.S_LINE] = 1
        self.counts = np.zeros(4, np.int64)
        self.names, self.inputs, self.words = (np.zeros(1, np.uint8) for _ in range(3))
        self.numbers = np.zeros((1, len(ps.NUMBERS)))
        self.word_at = np.zeros((1, 3), np.int64)
        self.lines = np.zeros(1, np.int64)
        self.input_entry = np.zeros(1, np.int32)
        self.input_line = np.zeros(1, np.int64)
        self.extras = np.zeros((1, 4), np.int64)
        self.slow = np.zeros((1, 4), np.int64)

    def scan(self, block: bytes) -> int:
        """Take in whole lines; the scanner's code."""
        text = np.frombuffer(block, np.uint8)
        nodes, inputs, attributes = ps.count_fields(text)
        for name, slot in (("names", ps.S_NAMES), ("inputs", ps.S_INPUTS), ("words", ps.S_WORDS)):
            self._reserve(name, int(self.state[slot]), len(block))
        for name in ("numbers", "word_at", "lines"):
            self._reserve(name, int(self.counts[0]) + 1, nodes + 1)
        for name in ("input_entry", "input_line"):
            self._reserve(name, int(self.counts[1]), inputs)
        self._reserve("extras", int(self.counts[2]), attributes + 1)
        self._reserve("slow", int(self.counts[3]), attributes + 1)
        return int(
            ps.scan(
                text, self.state, self.names, self.inputs, self.words, self.numbers, self.word_at, self.lines,
                self.input_entry, self.input_line, self.extras, self.slow, self.counts,
            )
        )  # fmt: skip

    def _reserve(self, name: str, used: int, more: int) -> None:
        old = getattr(self, name)
        if used + more > old.shape[0]:
            new = np.empty((max(used + more, used * 3 // 2), *old.shape[1:]), old.dtype)
            new[:used] = old[:used]
            setattr(self, name, new)

    def text(self, name: str, slot: int) -> str:
        """One of the byte arrays as text."""
        return getattr(self, name)[: self.state[slot]].tobytes().decode()

    def word(self, at: int) -> str:
        """The word that begins at this offset."""
        span = 64
        while (end := self.words[at : at + span].tobytes().find(b"\n")) < 0:
            span *= 8
        return names_of.unescape(self.words[at : at + end].tobytes().decode())


def open_text(path: Path) -> IO[bytes]:
    """A file's bytes, unpacked where it is gzipped."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def blocks(path: Path, size: int = BLOCK) -> Iterator[bytes]:
    """A text file, gzipped or not, in blocks of whole lines; raises InputError where it cannot be read."""
    rest = b""
    try:
        with open_text(path) as file:
            while data := file.read(size):
                cut = data.rfind(b"\n") + 1
                if cut:
                    yield rest + data[:cut]
                    rest = data[cut:]
                else:
                    rest += data
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    yield rest + b"\n"


def read_netlist(path: Path | str, canvas: Canvas | None = None) -> tuple[Netlist, Placement]:
    """Read a netlist, and the placement that it holds.

    Args:
        path: a ``.pb.txt`` file, gzipped or not.
        canvas: the area to place on, which such a file does not know (``plc.load_design`` takes it from a ``.plc``).
            By default a square that the macros and cells fill to 60%, grown to hold all ports, in 10 x 10 cells.

    Raises:
        InputError: the file is malformed; the message gives file, line and what was expected.
    """
    path = Path(path)
    columns = _Columns()
    for block in blocks(path):
        code = columns.scan(block)
        if code != ps.OK:
            raise InputError(f"{path}:{columns.state[ps.S_LINE]}: expected {ps.EXPECTED[code]}")
    if columns.state[ps.S_STATE] != ps.TOP:
        raise InputError(f"{path}:{columns.state[ps.S_LINE] - 1}: the file ends within a node; expected '}}'")
    try:
        return _assemble(path, columns, canvas)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: expected names in UTF-8, found the byte 0x{error.object[error.start]:02x}"
        ) from error


def _assemble(path: Path, columns: _Columns, canvas: Canvas | None) -> tuple[Netlist, Placement]:
    entries, n_inputs, n_extras, n_slow = (int(n) for n in columns.counts)
    numbers, lines = columns.numbers[:entries], columns.lines[:entries]

    def fail(entry: Any, expected: str) -> InputError:
        return InputError(f"{path}:{lines[entry]}: expected {expected}")

    for entry, key, at, line in columns.slow[:n_slow].tolist():
        try:
            number = float(columns.word(at))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError(
                f"{path}:{line}: expected a finite number for {ps.NUMBERS[key]}, found {columns.word(at)!r}"
            )
        numbers[entry, key] = number

    # Entries by name.
    name_at = names_of.line_starts(columns.names, columns.state[ps.S_NAMES], entries)
    table = np.full(1 << max(4, (2 * entries).bit_length()), -1, np.int32)
    repeated = names_of.build_table(columns.names, name_at, table)
    all_names = columns.text("names", ps.S_NAMES)
    names = all_names.split("\n")
    del names[entries:]
    if "\\" in all_names:
        names = [names_of.unescape(name) for name in names]
    del all_names
    if repeated >= 0:
        raise fail(repeated, f"a name that is not used above, found {names[repeated]!r}")

    # What each entry is.
    word_at = columns.word_at[:entries]
    types = names_of.classify(columns.words, word_at[:, 0], *_TYPE_TABLE)
    for entry in np.flatnonzero((types < 0) | (types == len(_TYPES))).tolist():
        if names[entry] != METADATA:
            raise fail(entry, f"type PORT, MACRO, MACRO_PIN, macro, macro_pin or stdcell for {names[entry]!r}")
        types[entry] = len(_TYPES)
    kind = _KIND[types]
    orientation = names_of.classify(columns.words, word_at[:, 2], *_ORIENTATION_TABLE)
    for entry in np.flatnonzero(orientation == len(Orientation))[:1]:
        raise fail(entry, f"orientation N, FN, FS or S for {names[entry]!r}")
    orientation = np.maximum(orientation, 0)

    attributes = _attributes(columns, names, n_extras)
    if (kind == _SOFT).any():
        masters = [n for n, a in attributes.items() if "ref_name" in a]
        with_master = np.isin(np.flatnonzero(kind == _SOFT), _entries_of(names, masters, kind))
        kind[np.flatnonzero(kind == _SOFT)[with_master]] = _HARD

    is_pin, is_node = kind == _PIN, (kind != _PIN) & (kind != _META)
    has_pin = is_pin | (kind == _PORT) | (kind == _CELL)
    node_of = np.cumsum(is_node, dtype=np.int32) - 1
    pin_of = np.where(has_pin, np.cumsum(has_pin, dtype=np.int32) - 1, -1).astype(np.int32)

    # Numbers: which are needed, which are used, which are kept as attributes.
    sized = (kind == _HARD) | (kind == _SOFT) | (kind == _CELL)
    for key in (ps.WIDTH, ps.HEIGHT):
        for entry in np.flatnonzero(sized & ~(numbers[:, key] > 0))[:1]:
            raise fail(entry, f"a {ps.NUMBERS[key]} above 0 for {names[entry]!r}")

    # Pins' macros and nets.
    macro = names_of.look_up(columns.names, name_at, table, columns.words, np.where(is_pin, word_at[:, 1], -1))
    bad = is_pin & ((macro < 0) | ~((kind == _HARD) | (kind == _SOFT))[macro])
    for entry in np.flatnonzero(bad)[:1]:
        raise fail(entry, f"a macro_name that names a macro for pin {names[entry]!r}")
    input_at = names_of.line_starts(columns.inputs, columns.state[ps.S_INPUTS], n_inputs)[:-1]
    sink = names_of.look_up(columns.names, name_at, table, columns.inputs, input_at)
    input_entry, input_line = columns.input_entry[:n_inputs], columns.input_line[:n_inputs]
    for k in np.flatnonzero((sink < 0) | (pin_of[sink] < 0))[:1]:
        name = columns.inputs[input_at[k] : input_at[k] + 200].tobytes().split(b"\n")[0].decode(errors="replace")
        raise InputError(
            f"{path}:{input_line[k]}: expected an input that is a port, a cell or a macro's pin, found {name!r}"
        )
    for k in np.flatnonzero(pin_of[input_entry] < 0)[:1]:
        raise InputError(f"{path}:{input_line[k]}: expected inputs only in ports, cells and macros' pins")
    fanout = np.bincount(input_entry, minlength=entries)
    drivers = np.flatnonzero(fanout)
    net_start = np.zeros(len(drivers) + 1, np.int32)
    np.cumsum(fanout[drivers] + 1, out=net_start[1:])
    net_pins = np.empty(n_inputs + len(drivers), np.int32)
    is_driver = np.zeros(len(net_pins), np.bool_)
    is_driver[net_start[:-1]] = True
    net_pins[is_driver], net_pins[~is_driver] = pin_of[drivers], pin_of[sink]
    weight = numbers[:, ps.WEIGHT]
    for entry in np.flatnonzero(weight < 0)[:1]:
        raise fail(entry, f"a weight of 0 or more for {names[entry]!r}")

    used = _USES[kind]
    used[:, ps.WEIGHT] = fanout > 0
    soft_pin = is_pin & (kind[macro] == _SOFT)
    offsets = [ps.X_OFFSET, ps.Y_OFFSET]
    used[np.ix_(soft_pin, offsets)] = numbers[np.ix_(soft_pin, offsets)] == 0
    kept = np.argwhere(~np.isnan(numbers) & ~used)
    for entry, key in kept.tolist():
        value = repr(float(numbers[entry, key]))
        attributes[names[entry]] = {**attributes.get(names[entry], {}), f"{ps.NUMBERS[key]}:f": value}
    del used

    nodes, pins = np.flatnonzero(is_node), np.flatnonzero(has_pin)
    node_kind = np.array([_NODE_KIND.get(k, 0) for k in range(_META + 1)], np.int8)[kind[nodes]]
    size = np.where(sized[nodes, None], numbers[nodes][:, [ps.WIDTH, ps.HEIGHT]], 0.0)
    position = np.nan_to_num(numbers[nodes][:, [ps.X, ps.Y]])
    offset = np.where((is_pin & ~soft_pin)[pins, None], np.nan_to_num(numbers[pins][:, offsets]), 0.0)
    netlist = Netlist(
        name=path.name.removesuffix(".gz").removesuffix(".txt").removesuffix(".pb"),
        canvas=canvas or _default_canvas(size, position),
        node_names=tuple(map(names.__getitem__, nodes.tolist())),
        node_kind=node_kind,
        node_size=size,
        node_fixed=node_kind == NodeKind.PORT,
        pin_names=tuple(map(names.__getitem__, pins.tolist())),
        pin_node=node_of[np.where(is_pin, macro, np.arange(entries))[pins]],
        pin_offset=offset,
        net_start=net_start,
        net_pins=net_pins,
        net_weight=np.where(np.isnan(weight[drivers]), 1.0, weight[drivers]),
        attributes=attributes,
        node_index=(nodes - np.cumsum(kind == _META)[nodes]).astype(np.int32),
    )
    return netlist, Placement(position, orientation[nodes])


def _entries_of(names: list[str], wanted: list[str], kind: NDArray[np.int8]) -> list[int]:
    """Entries of lower-case macros that have one of the wanted names."""
    some = set(wanted)
    return [e for e in np.flatnonzero(kind == _SOFT).tolist() if names[e] in some]


def _attributes(columns: _Columns, names: list[str], count: int) -> dict[str, Mapping[str, str]]:
    """What the file says beyond the fields of ``Netlist``; equal sets of attributes share one mapping.

    A key is the file's; for a value that is not a placeholder, ``:`` and the value's field follow it (for a placeholder
    too, where the key itself ends so).
    """
    attributes: dict[str, Mapping[str, str]] = {}
    shared: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
    for entry, key_at, value, value_at in columns.extras[:count].tolist():
        key = columns.word(key_at)
        if value != ps.PLACEHOLDER or typed(key):
            key = f"{key}:{ps.VALUE_FIELDS[value]}"
        name = names[entry]
        items = (*attributes.get(name, {}).items(), (key, columns.word(value_at)))
        attributes[name] = shared.setdefault(items, dict(items))
    return attributes


def typed(key: str) -> bool:
    """Whether an attribute's key ends in the field of its value."""
    bare, _, field = key.rpartition(":")
    return bool(bare) and field in ps.VALUE_FIELDS


def _default_canvas(size: NDArray[np.float64], position: NDArray[np.float64]) -> Canvas:
    """A square of which the nodes fill 60%, that holds the centres of all, in 10 x 10 cells."""
    side = math.sqrt(float(size.prod(axis=1).sum()) / 0.6)
    side = max(side, float(position.max(initial=0.0)), 1.0)
    return Canvas(side, side, 10, 10)


def file_index(netlist: Netlist) -> NDArray[np.int32]:
    """Number of each node as ``.plc`` files count, [N]: the file's own, or else nodes in order, then macro pins."""
    if netlist.node_index is not None:
        return netlist.node_index
    return np.arange(len(netlist.node_names), dtype=np.int32)
