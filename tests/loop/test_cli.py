"""The command line as a person meets it: help with examples, one line for what is wrong, the right exit code."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loop.cli import app
from loop.errors import LoopError, describe, exit_code
from loop.stages import DesignFailure
from placer.netlist import InputError
from placer.validate import validate_cost
from tests.loop.test_placing import NETLIST


def chiploop(*args: str, path: str | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    env = dict(os.environ, PYTHONPATH=str(root), COLUMNS="200", TERM="dumb") | ({"PATH": path} if path else {})
    argv = [sys.executable, "-m", "loop.cli", *args]
    return subprocess.run(argv, capture_output=True, text=True, env=env, cwd=cwd or root, timeout=300, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ["loop"],
        ["ppa"],
        ["place"],
        ["sim"],
        ["flow"],
        ["validate", "cost"],
        ["validate", "sim"],
        ["validate", "flow"],
        ["pdk", "check"],
    ],
)
def test_help_shows_an_example(command: list[str]) -> None:
    shown = chiploop(*command, "--help")
    assert shown.returncode == 0
    assert "Example: chiploop " + " ".join(command) in shown.stdout


def one_line(result: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]


def test_a_spec_that_does_not_fit(tmp_path: Path) -> None:
    spec = tmp_path / "bad.toml"
    spec.write_text("[accelerator]\nrows = 5\n")
    one_line(chiploop("loop", "--spec", str(spec), "--run", str(tmp_path / "run")), 2, str(spec), "rows is 5")
    assert not (tmp_path / "run").exists()


def test_an_unknown_method_and_a_missing_or_broken_netlist(tmp_path: Path) -> None:
    netlist = tmp_path / "n.pb.txt"
    one_line(chiploop("place", str(netlist)), 2, str(netlist))
    netlist.write_text('node {\n  name: "a"\n  inp')
    one_line(chiploop("place", str(netlist), "--method", "random"), 2, f"{netlist}:")
    one_line(chiploop("place", str(netlist), "--method", "magic"), 2, "magic", "random, greedy")
    netlist.write_text("")
    one_line(chiploop("place", str(netlist), "--method", "random"), 2, f"{netlist}: there is nothing to place")


def test_an_unknown_design_simulator_and_technology_are_found_before_any_work(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out")]
    one_line(chiploop("sim", "tinny", *out), 2, "no design tinny: expected the path of a TOML file, or one of 8x8")
    one_line(chiploop("flow", "tiny", "--pdk", "gf180", *out), 2, "no PDK gf180")
    assert not (tmp_path / "out").exists()
    one_line(chiploop("sim", "tiny", "--simulator", "vcs", *out), 2, "no simulator 'vcs': choose one of icarus")


def test_what_stands_in_brackets_is_shown(tmp_path: Path) -> None:
    spec = tmp_path / "[bold]empty.toml"
    spec.touch()
    one_line(chiploop("sim", str(spec)), 2, str(spec), "expected one table [accelerator]")


def test_a_folder_that_cannot_be_made_is_found_before_the_work(tmp_path: Path) -> None:
    netlist, file = tmp_path / "n.pb.txt", tmp_path / "file"
    netlist.write_text(NETLIST)
    file.touch()
    argv = ["place", str(netlist), "--method", "sa", "--time", "1000", "--out", str(file)]
    one_line(chiploop(*argv), 2, f"{file}: File exists; name another folder")


@pytest.mark.parametrize(
    "argv",
    [
        ["place", "n.pb.txt", "--halo", "nan"],
        ["place", "n.pb.txt", "--time", "inf"],
        ["place", "n.pb.txt", "--seed", "-1"],
        ["flow", "--time", "nan"],
        ["perf", "--clock-mhz", "nan"],
        ["perf", "--area-mm2", "inf"],
        ["sim", "--seed", "-1"],
        ["train", "n.pb.txt", "--time", "nan"],
    ],
)
def test_a_number_that_is_none_is_refused(argv: list[str]) -> None:
    shown = CliRunner().invoke(app, argv)
    assert shown.exit_code == 2
    assert f"Invalid value for '{argv[-2]}'" in shown.stderr


@pytest.mark.eda
def test_a_missing_simulator_is_a_tool_error_and_nothing_is_half_written(tmp_path: Path) -> None:
    result = chiploop("sim", "default", "--out", str(tmp_path / "out"), path=str(tmp_path))
    one_line(result, 3, "iverilog")


def test_openroad_is_asked_for_before_any_work(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out")]
    one_line(chiploop("flow", "--tool", "openroad", *out, path=str(tmp_path)), 3, "openroad: not found", "OPENROAD_EXE")
    one_line(chiploop("flow", "--tool", "openroad", "--stop-at", "place", *out), 2, "stop at place", "globalplace")
    one_line(chiploop("flow", "--tool", "magic", *out), 2, "--tool magic: expected embedded or openroad")
    one_line(chiploop("flow", "--macro-placer", "theirs", *out), 2, "--macro-placer theirs")
    one_line(chiploop("flow", "--stop-at", "cts", *out), 2, "--stop-at", "are for --tool openroad")
    assert not (tmp_path / "out").exists()


def test_reference_costs_that_are_none(tmp_path: Path) -> None:
    costs = tmp_path / "design" / "costs.json"
    costs.parent.mkdir()
    for text in ("{", "[]", '{"cases": {"initial": {"wirelength": 1}}}'):
        costs.write_text(text)
        with pytest.raises(InputError, match=r"costs\.json: not a file of reference costs"):
            validate_cost(tmp_path)


def test_a_report_without_a_run(tmp_path: Path) -> None:
    one_line(chiploop("ppa", str(tmp_path)), 2, "chiploop loop --run")


def test_an_interrupt_says_how_to_go_on(tmp_path: Path) -> None:
    program = tmp_path / "layer.py"
    program.write_text("raise KeyboardInterrupt\n")
    result = chiploop("perf", str(program), "--out", str(tmp_path / "out"))
    assert result.returncode == 130
    assert result.stderr.strip() == "stopped; loop and train go on with --resume, flow when it is run again"


def test_exit_codes_and_lines_of_expected_errors() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "runs/x")
    assert exit_code(full) == 3
    assert "disk is full" in describe(full)
    assert "runs/x" in describe(full)
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", "a.toml")
    assert exit_code(missing) == 2
    assert describe(missing) == "a.toml: No such file or directory"
    denied = PermissionError(errno.EACCES, "Permission denied", "runs")
    assert describe(denied) == "runs: Permission denied; change its permissions, or name another place"
    assert exit_code(LoopError("x")) == 2
    assert exit_code(DesignFailure("x")) == 1
    assert exit_code(KeyError("a defect of ours")) is None
