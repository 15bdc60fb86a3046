"""Names as bytes: an open-addressing table that finds the entry of a name, and the escapes of protobuf strings."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numba import njit

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_ESCAPE = re.compile(r"\\([0-7]{1,3}|[xX][0-9a-fA-F]{1,2}|.)", re.DOTALL)
_BELOW_SPACE = re.compile(r'[\x00-\x1f"\\]')


def unescape(text: str) -> str:
    """The string that a quoted protobuf string stands for."""

    def one(match: re.Match[str]) -> str:
        what = match[1]
        if what[0] in "01234567":
            return chr(int(what, 8) & 255)
        if what[0] in "xX" and len(what) > 1:
            return chr(int(what[1:], 16))
        return _ESCAPES.get(what, what)

    return _ESCAPE.sub(one, text) if "\\" in text else text


def escape(text: str) -> str:
    """The inverse of ``unescape``, to stand between double quotes."""
    return _BELOW_SPACE.sub(lambda m: "\\" + m[0] if m[0] in '"\\' else f"\\{ord(m[0]):03o}", text)


@njit(cache=True)
def line_starts(text: Any, size: int, count: int) -> Any:
    """Offsets of the first ``count`` lines of ``text[:size]``, and the end of the last, [count + 1] int64."""
    starts = np.zeros(count + 1, np.int64)
    line = 0
    for k in range(size):
        if text[k] == 10:
            line += 1
            starts[line] = k + 1
    return starts


@njit(cache=True)
def _hash(text: Any, begin: int) -> Any:
    """FNV-1a of the line that begins there."""
    value = np.uint64(14695981039346656037)
    k = begin
    while text[k] != 10:
        value = (value ^ np.uint64(text[k])) * np.uint64(1099511628211)
        k += 1
    return value ^ (value >> np.uint64(29))


@njit(cache=True)
def _equal(a: Any, i: int, b: Any, j: int) -> bool:
    while a[i] == b[j]:
        if a[i] == 10:
            return True
        i += 1
        j += 1
    return False


@njit(cache=True)
def build_table(names: Any, starts: Any, table: Any) -> int:
    """Fill the table (a power of two of int32, all -1) with the names; the first repeated entry, or -1."""
    mask = np.uint64(table.shape[0] - 1)
    for entry in range(starts.shape[0] - 1):
        slot = _hash(names, starts[entry]) & mask
        while table[slot] >= 0:
            if _equal(names, starts[table[slot]], names, starts[entry]):
                return entry
            slot = (slot + np.uint64(1)) & mask
        table[slot] = entry
    return -1


@njit(cache=True)
def look_up(names: Any, starts: Any, table: Any, text: Any, at: Any) -> Any:
    """Entry of each name that begins at ``text[at]``, -1 where none has it or where ``at`` is below 0, int32."""
    mask = np.uint64(table.shape[0] - 1)
    found = np.full(at.shape[0], -1, np.int32)
    for k in range(at.shape[0]):
        if at[k] < 0:
            continue
        slot = _hash(text, at[k]) & mask
        while table[slot] >= 0:
            if _equal(names, starts[table[slot]], text, at[k]):
                found[k] = table[slot]
                break
            slot = (slot + np.uint64(1)) & mask
    return found


@njit(cache=True)
def classify(text: Any, at: Any, table: Any, lengths: Any) -> Any:
    """Row of the word table for each word at ``text[at]``; its number of rows if none; -1 if ``at`` < 0, int8."""
    found = np.full(at.shape[0], -1, np.int8)
    for k in range(at.shape[0]):
        if at[k] < 0:
            continue
        found[k] = lengths.shape[0]
        for row in range(lengths.shape[0]):
            same = text[at[k] + lengths[row]] == 10
            for c in range(lengths[row]):
                if not same or text[at[k] + c] != table[row, c]:
                    same = False
                    break
            if same:
                found[k] = row
                break
    return found
