"""Switching activity: a VCD dump as SAIF 2.0 (IEEE 1801 annex: time at 0, 1, X, Z and toggles of each bit)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

_NETS = {"wire", "reg", "logic", "tri", "supply0", "supply1", "integer", "bit"}
_RANGE = re.compile(r"\[(-?\d+)(?::(-?\d+))?\]$")


class VcdError(ValueError):
    """A VCD file that cannot be understood; the message has the line."""

    exit_code = 2


@dataclass
class _Bit:
    """One bit's value, when it got it, the time spent at 0, 1, x and z, and the number of 0-1 and 1-0 changes."""

    value: str = "x"
    since: int = 0
    spent: dict[str, int] = field(default_factory=lambda: {"0": 0, "1": 0, "x": 0, "z": 0})
    toggles: int = 0
    last_known: str = ""

    def change(self, value: str, now: int) -> None:
        if value == self.value:
            return
        self.spent[self.value] += now - self.since
        self.since = now
        self.value = value
        if value in "01":
            if self.last_known and self.last_known != value:
                self.toggles += 1
            self.last_known = value


@dataclass
class _Scope:
    """An instance or a generate block: its nets (name of each bit, its bits' owner and index) and what is inside."""

    name: str
    nets: list[tuple[str, str, int]] = field(default_factory=list)
    inside: list[_Scope] = field(default_factory=list)


def vcd_to_saif(vcd: Path, saif: Path) -> int:
    """Write the activity in a VCD file as SAIF; return the duration in the VCD's time units.

    The file is read once, as a stream. Memory arrays are not in a VCD. A change from x or z to 0 or 1 is no toggle
    unless the value before the x was the other one.

    Raises:
        VcdError: the file is no VCD.
        OSError: a file cannot be read or written.
    """
    with vcd.open() as source:
        top, bits, timescale = _header(source)
        now = _changes(source, bits, 0, None)
    _settle(bits, now)
    _write_saif(saif, top, bits, timescale, now)
    return now


def vcd_windows_to_saif(vcd: Path, windows: Sequence[tuple[float, float, Path]]) -> None:
    """Write the activity in parts of a VCD file, each (start in ns, end in ns, SAIF file), in the order of time.

    Raises:
        VcdError: the file is no VCD, or ends before a window does.
        OSError: a file cannot be read or written.
    """
    with vcd.open() as source:
        top, bits, timescale = _header(source)
        unit, now = _nanoseconds(timescale), 0
        for start, end, saif in windows:
            first, last = round(start / unit), round(end / unit)
            now = _changes(source, bits, now, first)
            _settle(bits, first)
            for word in bits.values():
                for bit in word:
                    bit.spent, bit.toggles = dict.fromkeys("01xz", 0), 0
            now = _changes(source, bits, now, last)
            if now < last:
                raise VcdError(f"{vcd}: it ends before {end} ns")
            _settle(bits, last)
            _write_saif(saif, top, bits, timescale, last - first)


def _settle(bits: dict[str, list[_Bit]], now: int) -> None:
    """Count the time up to now."""
    for word in bits.values():
        for bit in word:
            bit.spent[bit.value] += now - bit.since
            bit.since = now


def _write_saif(saif: Path, top: list[_Scope], bits: dict[str, list[_Bit]], timescale: str, duration: int) -> None:
    with saif.open("w") as sink:
        sink.write('(SAIFILE\n(SAIFVERSION "2.0")\n(DIRECTION "backward")\n(PROGRAM_NAME "chiploop")\n')
        sink.write(f"(DIVIDER / )\n(TIMESCALE {timescale})\n(DURATION {duration})\n")
        for scope in top:
            _write(sink, scope, bits, 1)
        sink.write(")\n")


def saif_duration(saif: Path) -> float:
    """The duration that a SAIF file covers, in ns, from its header."""
    duration, scale = 0, 1.0
    with saif.open() as source:
        for line in source:
            if match := re.match(r"\s*\(TIMESCALE\s+(\d+)\s*(\w+)\s*\)", line):
                scale = _nanoseconds(match[1] + match[2])
            elif match := re.match(r"\s*\(DURATION\s+(\d+)", line):
                duration = int(match[1])
            elif "(INSTANCE" in line:
                break
    return duration * scale


def _nanoseconds(timescale: str) -> float:
    number, unit = re.fullmatch(r"(\d+)\s*(\w+)", timescale).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0, "ps": 1e-3, "fs": 1e-6}[unit]


def _header(source: TextIO) -> tuple[list[_Scope], dict[str, list[_Bit]], str]:
    """Scopes, bits of each VCD identifier (most significant first) and the time unit."""
    top: list[_Scope] = []
    open_scopes: list[_Scope] = []
    bits: dict[str, list[_Bit]] = {}
    timescale = "1ns"
    for words in _declarations(source):
        kind = words[0]
        if kind == "$timescale":
            timescale = "".join(words[1:])
        elif kind == "$scope":
            scope = _Scope(words[2].removeprefix("\\"))
            (open_scopes[-1].inside if open_scopes else top).append(scope)
            open_scopes.append(scope)
        elif kind == "$upscope":
            open_scopes.pop()
        elif kind == "$var" and words[1] in _NETS and open_scopes:
            width, code = int(words[2]), words[3]
            bits.setdefault(code, [_Bit() for _ in range(width)])
            names = _bit_names("".join(words[4:]), width)
            open_scopes[-1].nets.extend((name, code, i) for i, name in enumerate(names))
        elif kind == "$enddefinitions":
            return top, bits, timescale
    raise VcdError(f"{source.name}: not a VCD file: it has no $enddefinitions")


def _declarations(source: TextIO) -> Iterator[list[str]]:
    """The words of each declaration of a VCD header, without its $end."""
    words: list[str] = []
    for line in source:
        for word in line.split():
            if word == "$end":
                yield words
                if words and words[0] == "$enddefinitions":
                    return
                words = []
            else:
                words.append(word)


def _bit_names(reference: str, width: int) -> list[str]:
    """The SAIF names of a variable's bits, most significant first; brackets of a bit are escaped."""
    match = _RANGE.search(reference)
    if match is None:
        return [reference] if width == 1 else [rf"{reference}\[{i}\]" for i in range(width - 1, -1, -1)]
    name = reference[: match.start()]
    first = int(match[1])
    last = int(match[2]) if match[2] is not None else first
    step = 1 if last >= first else -1
    return [rf"{name}\[{i}\]" for i in range(first, last + step, step)]


def _changes(source: TextIO, bits: dict[str, list[_Bit]], now: int, until: int | None) -> int:
    """Apply the value changes at ``now`` and later, those before ``until`` if it is given; the time reached.

    That is the last in the file, or the first from ``until`` on, whose changes come with the next call.
    """
    if until is not None and now >= until:
        return now
    for line in source:
        first = line[:1]
        if first == "#":
            now = int(line[1:])
            if until is not None and now >= until:
                return now
        elif first in "01xXzZ":
            if word := bits.get(line[1:].strip()):
                word[0].change(first.lower(), now)
        elif first in "bB":
            value, code = line[1:].split()
            if word := bits.get(code):
                fill = value[0].lower() if value[0] in "xXzZ" else "0"
                for bit, level in zip(word, value.lower().rjust(len(word), fill), strict=True):
                    if bit.value != level:
                        bit.change(level, now)
    return now


def _write(sink: TextIO, scope: _Scope, bits: dict[str, list[_Bit]], depth: int) -> None:
    pad = " " * depth
    sink.write(f"{pad}(INSTANCE {scope.name}\n")
    if scope.nets:
        sink.write(f"{pad} (NET\n")
        for name, code, index in scope.nets:
            bit = bits[code][index]
            spent = bit.spent
            sink.write(
                f"{pad}  ({name} (T0 {spent['0']}) (T1 {spent['1']}) (TZ {spent['z']}) (TX {spent['x']})"
                f" (TB 0) (TC {bit.toggles}))\n"
            )
        sink.write(f"{pad} )\n")
    for inner in scope.inside:
        _write(sink, inner, bits, depth + 1)
    sink.write(f"{pad})\n")
