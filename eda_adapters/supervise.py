"""Run one program and end everything it started, also when the process that asked for it dies.

A script of its own, started by :func:`eda_adapters.tool.run_tool` in a session of its own as
``python -I -S supervise.py CONTROL_FD MEMORY_BYTES FILE_BYTES PROGRAM ARGUMENT...``; a limit of 0 is none.
``CONTROL_FD`` is a socket to the asking process. When that end closes, through a time limit or the death of
the asking process by any signal, the program and all its descendants are killed. This process is their
subreaper (prctl(2)), so descendants that left the process group are found too. When the program ends by
itself, what it left running is killed and one JSON object goes to the socket: ``status`` (as waitpid(2) gives
it), ``cpu_s``, ``peak_memory_bytes``, and ``error`` with why the program could not start.

The asking process has many threads (JAX), in which code between fork and exec may deadlock: here is only one.
"""

import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _children() -> list[int]:
    """Process ids of the direct children, from /proc/PID/stat (proc(5): the fourth field is the parent)."""
    own, found = os.getpid(), []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = Path(entry.path, "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == own:
                found.append(int(entry.name))
    return found


def _end_all() -> None:
    """Kill and reap until no child is left; a killed child's children become ours and go the same way."""
    while True:
        for pid in _children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _become(program: list[str], memory_bytes: int, file_bytes: int, supervisor: int) -> NoReturn:
    """Set the limits, then turn this forked process into the program."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for limit, value in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_FSIZE, file_bytes)):
        hard = resource.getrlimit(limit)[1]
        if value and (hard == resource.RLIM_INFINITY or value < hard):
            resource.setrlimit(limit, (value, value))
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    os.execvp(program[0], program)


def main() -> None:
    """Read the command line above, run the program, report."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    memory_bytes, file_bytes = int(sys.argv[2]), int(sys.argv[3])
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    error_read, error_write = os.pipe()

    supervisor = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _become(sys.argv[4:], memory_bytes, file_bytes, supervisor)
        except (OSError, ValueError) as error:
            os.write(error_write, str(error).encode())
            os._exit(127)
    os.close(error_write)
    start_error = os.read(error_read, 4096).decode()  # ends when exec succeeds, for the pipe closes on exec

    while True:
        ready, _, _ = select.select([control.fileno(), wake_read], [], [])
        if control.fileno() in ready:
            _end_all()
            return
        os.read(wake_read, 4096)
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            break
    _end_all()
    report = {
        "status": status,
        "error": start_error,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_memory_bytes": usage.ru_maxrss * 1024,
    }
    control.sendall(json.dumps(report).encode())


if __name__ == "__main__":
    main()
