"""run_tool against small programs that fail in every way that tools do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from eda_adapters.tool import ToolError, ToolRun, find_tool, run_tool


def python(tmp_path: Path, code: str, timeout_s: float = 20, **options: object) -> ToolRun:
    return run_tool(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=tmp_path,
        log=tmp_path / "log.txt",
        timeout_s=timeout_s,
        name="fake",
        **options,  # type: ignore[arg-type]
    )


def gone(pid_file: Path) -> bool:
    """Whether the process named in a file is dead within 5 s."""
    pid = int(pid_file.read_text())
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


ORPHANS = """
import os, time, pathlib
for name in ("child", "stray"):
    if os.fork() == 0:
        if name == "stray":
            os.setsid()
        pathlib.Path(name).write_text(str(os.getpid()))
        time.sleep(600)
while not all(pathlib.Path(n).exists() and pathlib.Path(n).read_text() for n in ("child", "stray")):
    time.sleep(0.01)
"""


def test_success_reports_time_and_log(tmp_path: Path) -> None:
    code = (
        "import sys; print('out', flush=True); print('err', file=sys.stderr, flush=True);print(repr(sys.stdin.read()))"
    )
    run = python(tmp_path, code)
    assert run.tail == "out\nerr\n''"
    assert run.log.read_text().startswith("$ cd ")
    assert 0 < run.cpu_seconds < 5
    assert run.peak_memory_bytes > 1 << 20
    assert "wrote no JSON" in str(run.garbage("wrote no JSON"))


def test_environment_is_added(tmp_path: Path) -> None:
    run = python(tmp_path, "import os; print(os.environ['ADDED'], len(os.environ) > 1)", env={"ADDED": "yes"})
    assert run.tail == "yes True"


def test_exit_status_with_last_lines(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="fake failed with exit status 7") as caught:
        python(tmp_path, "for i in range(100): print('line', i)\nraise SystemExit(7)")
    lines = str(caught.value).splitlines()
    assert lines[1:] == [f"  | line {i}" for i in range(92, 100)]
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_crash_names_the_signal(tmp_path: Path, number: signal.Signals) -> None:
    with pytest.raises(ToolError, match=number.name):
        python(tmp_path, f"import os; os.kill(os.getpid(), {int(number)})")


def test_time_limit_ends_all_descendants(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ToolError, match=r"time limit of 1\.5 s.*CHIPLOOP_TIMEOUT_SCALE"):
        python(tmp_path, ORPHANS + "time.sleep(600)", timeout_s=1.5)
    assert time.monotonic() - started < 10
    assert gone(tmp_path / "child")
    assert gone(tmp_path / "stray")


def test_time_limit_scales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIPLOOP_TIMEOUT_SCALE", "0.001")
    with pytest.raises(ToolError, match=r"limit of 0\.3 s"):
        python(tmp_path, "import time; time.sleep(60)", timeout_s=300)
    monkeypatch.setenv("CHIPLOOP_TIMEOUT_SCALE", "fast")
    with pytest.raises(ToolError, match="expected a number above 0"):
        python(tmp_path, "pass")


def test_tool_that_ignores_sigterm_is_ended(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile 1: print('x' * 1000)"
    with pytest.raises(ToolError, match="time limit"):
        python(tmp_path, code, timeout_s=0.5, log_bytes=1 << 20)
    assert (tmp_path / "log.txt").stat().st_size < 2 << 20


def test_what_a_tool_leaves_running_is_ended(tmp_path: Path) -> None:
    python(tmp_path, ORPHANS)
    assert gone(tmp_path / "child")
    assert gone(tmp_path / "stray")


def test_flood_keeps_first_and_last_output(tmp_path: Path) -> None:
    run = python(tmp_path, "print('first'); print('x\\n' * 10**6); print('last')", log_bytes=10_000)
    text = run.log.read_text()
    assert "first" in text
    assert text.endswith("last\n")
    assert "bytes more" in text
    assert len(text) < 80_000


def test_binary_output_does_not_break_the_message(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="exit status 1"):
        python(tmp_path, "import os; os.write(1, bytes(range(256)) * 100); raise SystemExit(1)")


def test_disk_full_for_the_log(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="disk full"):
        run_tool(["true"], cwd=tmp_path, log=Path("/dev/full"), timeout_s=5)


def test_disk_full_for_the_tool(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="disk is full"):
        python(tmp_path, "f = open('/dev/full', 'w'); f.write('x'); f.close()")


def test_limits_on_memory_and_files(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="limit of 256 MiB"):
        python(tmp_path, "x = bytearray(1 << 30)", memory_bytes=256 << 20)
    with pytest.raises(ToolError, match="larger than its limit"):
        python(tmp_path, ORPHANS.split("for")[0] + "import signal; signal.signal(25, signal.SIG_DFL)\n"
               "f = open('big', 'wb')\nwhile 1: f.write(bytes(4096))", file_bytes=1 << 16)  # fmt: skip


def test_program_that_cannot_start(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("no program")
    script.chmod(0o755)
    for program in ("/no/such/program", script):
        with pytest.raises(ToolError, match="could not be started"):
            run_tool([program], cwd=tmp_path, log=tmp_path / "log", timeout_s=5)


def test_find_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_tool("sh").name == "sh"
    with pytest.raises(ToolError, match="nonesuch: not found on PATH and NONESUCH is not set; buy it"):
        find_tool("nonesuch", "NONESUCH", "buy it")
    monkeypatch.setenv("NONESUCH", str(tmp_path))
    with pytest.raises(ToolError, match=f"NONESUCH={tmp_path} is not a program"):
        find_tool("nonesuch", "NONESUCH")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="apt-get install opensta"):
        find_tool("sta")


def test_killed_caller_takes_the_tool_along(tmp_path: Path) -> None:
    caller = (
        "import sys; from pathlib import Path; from eda_adapters.tool import run_tool\n"
        f"run_tool([sys.executable, '-c', {ORPHANS + 'time.sleep(600)'!r}], cwd=Path({str(tmp_path)!r}),"
        f" log=Path({str(tmp_path / 'log')!r}), timeout_s=600)"
    )
    process = subprocess.Popen([sys.executable, "-c", caller])
    files = [tmp_path / "child", tmp_path / "stray"]
    for _ in range(400):
        if all(file.exists() and file.read_text() for file in files):
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert all(gone(file) for file in files)


def test_interrupt_ends_the_tool(tmp_path: Path) -> None:
    # A shell's background job starts with interrupts ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt() -> None:
        while not (tmp_path / "stray").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            python(tmp_path, ORPHANS + "time.sleep(600)", timeout_s=60)
    finally:
        signal.signal(signal.SIGINT, before)
    thread.join()
    assert gone(tmp_path / "child")
    assert gone(tmp_path / "stray")


def test_tools_run_side_by_side_in_threads(tmp_path: Path) -> None:
    results: list[str] = []

    def one(i: int) -> None:
        results.append(python(tmp_path / str(i), f"print({i})").tail)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["0", "1", "2", "3", "4", "5"]
