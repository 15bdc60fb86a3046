"""Rewriting of an elaborated design: changes of its syntax trees, and what else follows from them.

A rewrite here only says what it would change. Whoever takes the result has to show that it is right: that every cycle
is the same where ``Rewrite.keeps_cycles`` says so, and that the products are where it does not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from pyverilog.vparser import ast

from rtl.elaborate import SOURCES, Design, write_source
from rtl.sram import SramShape, sram_model
from rtl.syntax import Transformer, read_verilog, to_verilog


class RewriteError(ValueError):
    """A rewrite that there is none of, or that finds nothing in a design that it could change."""

    exit_code = 2


@dataclass(frozen=True)
class MovedWords:
    """Words of a memory that another macro holds after a rewrite.

    Attributes:
        module: where both macros are.
        before, after: names of the two instances there.
        first: of the words before, the one that is word 0 after.
        words: how many.
    """

    module: str
    before: str
    after: str
    first: int
    words: int


@dataclass(frozen=True)
class Rewritten:
    """A design that was written anew.

    Attributes:
        design: its files in their new folder.
        modules: names of those that are new or changed.
        moved: words that lie in other macros.
    """

    design: Design
    modules: tuple[str, ...]
    moved: tuple[MovedWords, ...]


@dataclass
class Draft:
    """A design while it is rewritten.

    Attributes:
        design: as it was.
        srams: how many macros of each shape it has.
        latency: cycles that a product takes more than the spec says.
        moved: words that lie in other macros.
    """

    design: Design
    srams: dict[SramShape, int]
    latency: int
    moved: list[MovedWords] = field(default_factory=list)
    _trees: dict[str, ast.Source] = field(default_factory=dict)  # of modules that are changed
    _added: dict[str, str] = field(default_factory=dict)

    @property
    def modules(self) -> list[str]:
        """The names of all modules but the SRAM macros'."""
        return [path.stem for path in self.design.logic_sources]

    def change(self, name: str, transformer: Transformer) -> None:
        """Let a transformer go through a module, which counts as changed if the transformer says so."""
        tree = self._trees.get(name) or read_verilog(self._path(name))
        if transformer.changes(tree.description.definitions[0]):
            self._trees[name] = tree

    def add(self, name: str) -> None:
        """Bring in a module of ``rtl/verilog/operators``."""
        if name not in self.modules:
            self._added[name] = (SOURCES / "operators" / f"{name}.v").read_text()

    def write(self, out: Path) -> Rewritten:
        """Write all files into ``out``, those of unchanged modules as they were."""
        out.mkdir(parents=True, exist_ok=True)
        changed = {name: to_verilog(tree) for name, tree in self._trees.items()} | self._added
        texts = {path.stem: path.read_text() for path in self.design.logic_sources} | changed
        logic = [write_source(out / f"{name}.v", text) for name, text in texts.items()]
        models = tuple(write_source(out / f"{shape.module}.v", sram_model(shape)) for shape in sorted(self.srams))
        design = replace(
            self.design, sources=(*logic, *models), sram_models=models, srams=self.srams, latency=self.latency
        )
        return Rewritten(design, tuple(changed), tuple(self.moved))

    def _path(self, name: str) -> Path:
        return next(path for path in self.design.logic_sources if path.stem == name)


class Rewrite(ABC):
    """A way to write a design's Verilog anew."""

    keeps_cycles: ClassVar[bool]
    """Whether every output is to be the same in every cycle."""

    @abstractmethod
    def apply(self, draft: Draft) -> None:
        """Change the draft; RewriteError where it has nothing to change."""


def rewrite(design: Design, change: Rewrite, out_dir: str | Path) -> Rewritten:
    """Write a design anew into ``out_dir``.

    Raises:
        RewriteError: the rewrite has nothing to change in this design.
        RtlError: a source does not parse.
    """
    draft = Draft(design, dict(design.srams), design.latency)
    change.apply(draft)
    return draft.write(Path(out_dir))
