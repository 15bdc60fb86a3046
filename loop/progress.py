"""What a person sees while the loop runs: one line per stage, a bar where a stage reports its progress."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text


class Listener(Protocol):
    """Hears of the loop's progress."""

    def stage(self, generation: int, name: str) -> None:
        """A stage begins."""

    def advance(self, done: float, note: str) -> None:
        """The running stage is done to this part (0 to 1)."""

    def finished(self, cached: bool, note: str) -> None:
        """The running stage has ended."""

    def verdict(self, generation: int, text: str) -> None:
        """A generation has been judged."""


class LoopProgress:
    """Listener that draws on a terminal; into a file or a pipe it prints one line per finished stage."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._name = ""
        self._since = 0.0

    def __enter__(self) -> LoopProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stage(self, generation: int, name: str) -> None:
        """A stage begins."""
        self._name = f"gen {generation}  {name}"
        self._since = time.monotonic()
        self._task = self._bar.add_task(self._name, total=None, note="")

    def advance(self, done: float, note: str) -> None:
        """The running stage is done to this part (0 to 1)."""
        if self._task is not None:
            self._bar.update(self._task, total=1.0, completed=done, note=note)

    def finished(self, cached: bool, note: str) -> None:
        """The running stage has ended."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        took = "cached" if cached else f"{time.monotonic() - self._since:6.1f} s"
        self._console.print(f"{self._name:<22}{took:>10}  {note}", soft_wrap=True)

    def verdict(self, generation: int, text: str) -> None:
        """A generation has been judged."""
        self._console.print(Text.assemble((f"gen {generation}", "bold"), f"  {text}"), soft_wrap=True)
