"""The ``openroad`` program: where it is, its version, and what its commands take.

Commands come and go between versions, so the program itself is asked: OpenROAD keeps the argument text of each command
in the Tcl array ``sta::cmd_args``.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from eda_adapters.tool import REMEDIES, ToolError, find_tool, run_tool

EXECUTABLE, FLOW_SCRIPTS = "OPENROAD_EXE", "ORFS_ROOT"
"""Environment variables: the program, and a tree of OpenROAD-flow-scripts that has one."""

PROBE_TIMEOUT_S = 120.0

_IN_FLOW_SCRIPTS = ("tools/install/OpenROAD/bin/openroad", "dependencies/bin/openroad")
_PROBE = """set out [open {commands.txt} w]
foreach name [lsort [array names ::sta::cmd_args]] {
  puts $out "$name\\t[string map [list "\\n" " " "\\t" " "] $::sta::cmd_args($name)]"
}
close $out
"""


@dataclass(frozen=True)
class Program:
    """An ``openroad`` that answered."""

    path: Path
    version: str  # as it calls itself, such as "v2.0-22532-gac667f3cc7"
    commands: Mapping[str, str]  # command to the text of its arguments

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"OpenROAD {self.version}"

    def has(self, command: str) -> bool:
        """Whether there is such a command."""
        return command in self.commands

    def takes(self, command: str, option: str) -> bool:
        """Whether a command has an option, such as ``-exact``."""
        return option in re.findall(r"-\w+", self.commands.get(command, ""))


def find_openroad() -> Path:
    """The program: ``OPENROAD_EXE``, else ``openroad`` on PATH, else the one in the tree ``ORFS_ROOT``.

    Raises ToolError if there is none.
    """
    tree = os.environ.get(FLOW_SCRIPTS)
    if tree and not os.environ.get(EXECUTABLE):
        for place in _IN_FLOW_SCRIPTS:
            path = Path(tree) / place
            if os.access(path, os.X_OK):
                return path
    return find_tool("openroad", EXECUTABLE, f"{REMEDIES['openroad']}, or {FLOW_SCRIPTS} to a built tree")


def ask_openroad() -> Program:
    """Find the program and ask it for its version and commands (once per program file).

    Raises ToolError if it is missing, does not run, or does not answer as OpenROAD does.
    """
    path = find_openroad().resolve()
    return _ask(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _ask(path: Path, _modified: int) -> Program:
    with tempfile.TemporaryDirectory(prefix="chiploop-openroad-") as folder:
        work = Path(folder)
        (work / "probe.tcl").write_text(_PROBE)
        argv: list[str | Path] = [path, "-no_init", "-exit", "probe.tcl"]  # with its splash, which has the version
        run = run_tool(argv, cwd=work, log=work / "probe.log", timeout_s=PROBE_TIMEOUT_S, name="openroad")
        shown = re.search(r"^OpenROAD (\S+)", run.log.read_text(errors="replace"), re.M)
        answer = work / "commands.txt"
        lines = answer.read_text(errors="replace").splitlines() if answer.is_file() else []
    commands = dict(line.split("\t", 1) for line in lines if "\t" in line)
    if shown is None or "global_placement" not in commands:
        raise ToolError(f"{path}: did not answer as OpenROAD does; {REMEDIES['openroad']}")
    return Program(path, shown[1], commands)
