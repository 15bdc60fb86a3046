"""Liberty's syntax, without its meaning: a file becomes a tree of :class:`Group`.

Grammar: Liberty User Guides and Reference Manual, volume 1, "Syntax of a library file": a group is
``name (arguments) { statements }``; a statement is a group, ``name : value ;`` or ``name (arguments) ;``.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from placer.netlist import InputError

LARGEST = 1 << 30
"""Bytes that a packed file may unpack to."""

_STRING = r'"(?:[^"\\]++|\\.)*+"'
_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_STATEMENT = re.compile(
    rf"""[\s;\\]*+
    (?: (?P<end>\}})
      | (?P<name>[A-Za-z_][\w.\[\]]*+)\s*+
        (?: :\s*+ (?P<value>{_STRING}|[^;{{}}"\n]++)
          | \( (?P<arguments>(?:[^()"]++|{_STRING})*+) \) \s*+ (?P<open>\{{)? )
      | (?P<finish>\Z)
    )""",
    re.X | re.S,
)
_ARGUMENT = re.compile(rf"{_STRING}|[^\s,\\]++")


@dataclass(frozen=True)
class Group:
    """One group of a Liberty file: its statements by name, with quotes and continuation marks taken off."""

    name: str
    arguments: tuple[str, ...]
    where: str  # "file:line" of its start
    values: dict[str, str] = field(default_factory=dict)  # the last of each simple attribute
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the last of each complex attribute
    groups: list[Group] = field(default_factory=list)

    def all(self, name: str) -> list[Group]:
        """The groups of one name directly in this one."""
        return [group for group in self.groups if group.name == name]

    def first(self, name: str) -> Group | None:
        """The first group of one name directly in this one."""
        return next((group for group in self.groups if group.name == name), None)

    def number(self, key: str, default: float | None = None) -> float:
        """The number of a simple attribute; InputError if it is none, or absent without a default."""
        text = self.values.get(key)
        if text is None:
            if default is None:
                raise InputError(f"{self.where}: {self.name} has no {key}")
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{self.where}: {self.name}: {key} is {text!r}, expected a finite number")
        return value


def liberty_text(path: Path) -> str:
    """The text of a Liberty file, unpacked where the name ends in ``.gz``. InputError if it cannot be read."""
    try:
        if path.suffix != ".gz":
            return path.read_text(encoding="utf-8", errors="replace")
        with gzip.open(path) as packed:
            data = packed.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > LARGEST:
        raise InputError(f"{path}: unpacks to more than {LARGEST >> 20} MiB; is this a Liberty file?")
    return data.decode("utf-8", "replace")


def parse_liberty(path: Path) -> Group:
    """The ``library`` group of a Liberty file. InputError names file and line of the first thing wrong."""
    text = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), liberty_text(path))
    root = Group("", (), f"{path}:1")
    stack, position, line, counted = [root], 0, 1, 0
    while True:
        match = _STATEMENT.match(text, position)
        if match is None:
            start = len(text) - len(text[position:].lstrip(" \t\r\n;\\"))
            seen = text[start : start + 40].split("\n")[0]
            line = text.count("\n", 0, start) + 1
            raise InputError(f"{path}:{line}: expected a Liberty statement or '}}', found {seen!r}")
        position = match.end()
        name, value, top = match["name"], match["value"], stack[-1]
        if value is not None:
            top.values[name] = _unquoted(value)
        elif name is not None:
            arguments = tuple(_unquoted(argument) for argument in _ARGUMENT.findall(match["arguments"]))
            if match["open"] is None:
                top.lists[name] = arguments
                continue
            start = match.start("name")
            line, counted = line + text.count("\n", counted, start), start
            group = Group(name, arguments, f"{path}:{line}")
            top.groups.append(group)
            stack.append(group)
        elif match["end"] is not None:
            if len(stack) == 1:
                line = text.count("\n", 0, position) + 1
                raise InputError(f"{path}:{line}: '}}' closes no group")
            stack.pop()
        else:
            break
    if len(stack) > 1:
        raise InputError(f"{path}: the file ends inside group {stack[-1].name}, opened at {stack[-1].where}")
    library = root.first("library")
    if library is None:
        raise InputError(f"{path}:1: expected a library group; is this a Liberty file?")
    return library


def _unquoted(text: str) -> str:
    text = text.strip()
    if text.startswith('"'):
        text = text[1:-1].replace("\\\n", "").strip()
    return text
