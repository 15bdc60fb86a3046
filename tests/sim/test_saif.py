"""The VCD converter against a count by hand, a brute-force count, and Verilator's own SAIF of the same run."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtl import AcceleratorSpec, elaborate
from sim import Activity, verify
from sim.saif import VcdError, saif_duration, vcd_to_saif
from sim.verification import activity_product

NET = re.compile(r"\s*\((\S+) \(T0 (\d+)\) \(T1 (\d+)\) \(TZ (\d+)\) \(TX (\d+)\) \(TB \d+\) \(TC (\d+)\)\)")
HEAD = "$timescale 1ps $end\n$scope module top $end\n$var wire 1 ! a $end\n$var reg 3 % b [2:0] $end\n"
SMALL = (
    HEAD + "$scope begin row[1] $end\n$var wire 1 & c $end\n$var parameter 4 ' P $end\n$upscope $end\n$upscope $end\n"
    "$enddefinitions $end\n$dumpvars\nx!\nbx %\n0&\n$end\n#10\n1!\nb10 %\n#25\n0!\nb1 %\n1&\n#30\nz!\n#40\n1!\n#50\n"
)


def nets(saif: Path) -> dict[str, tuple[int, int, int, int, int]]:
    """(T0, T1, TZ, TX, TC) of each net, by its path."""
    found: dict[str, tuple[int, int, int, int, int]] = {}
    path: list[str] = []
    for line in saif.read_text().splitlines():
        if match := re.match(r"\s*\(INSTANCE (\S+)", line):
            path.append(match[1])
        elif match := NET.match(line):
            t0, t1, tz, tx, tc = map(int, match.groups()[1:])
            found["/".join([*path, match[1]])] = (t0, t1, tz, tx, tc)
        elif line.strip() == ")" and path and not line.startswith(" " * (len(path) + 1)):
            path.pop()
    return found


def test_small_dump_is_counted_as_by_hand(tmp_path: Path) -> None:
    vcd, saif = tmp_path / "a.vcd", tmp_path / "a.saif"
    vcd.write_text(SMALL)
    assert vcd_to_saif(vcd, saif) == 50
    assert nets(saif) == {
        "top/a": (5, 25, 10, 10, 2),
        r"top/b\[2\]": (40, 0, 0, 10, 0),
        r"top/b\[1\]": (25, 15, 0, 10, 1),
        r"top/b\[0\]": (15, 25, 0, 10, 1),
        "top/row[1]/c": (25, 25, 0, 0, 1),
    }
    assert saif_duration(saif) == pytest.approx(0.05)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from("01xz"), st.text("01xz", min_size=3, max_size=3))))
def test_random_dumps_are_counted_as_step_by_step(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("saif")
    now, text = 0, HEAD + "$upscope $end\n$enddefinitions $end\n"
    history: list[str] = []  # the four bits in each time unit
    levels = "xxxx"
    for wait, a, b in changes:
        history += [levels] * wait
        now += wait
        levels = a + b
        text += f"#{now}\n{a}!\nb{b} %\n"
    (folder / "a.vcd").write_text(text)
    assert vcd_to_saif(folder / "a.vcd", folder / "a.saif") == now
    found = nets(folder / "a.saif")
    for i, name in enumerate(["top/a", r"top/b\[2\]", r"top/b\[1\]", r"top/b\[0\]"]):
        seen = [step[i] for step in [*history, levels]]
        known = [level for level in seen if level in "01"]
        toggles = sum(before != after for before, after in itertools.pairwise(known))
        assert found[name] == (*(seen[:-1].count(level) for level in "01zx"), toggles)


def test_a_file_that_is_no_vcd_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.vcd"
    path.write_text("hello\n")
    with pytest.raises(VcdError, match=r"a\.vcd: not a VCD file"):
        vcd_to_saif(path, tmp_path / "a.saif")


@pytest.mark.eda
@pytest.mark.slow
def test_both_simulators_record_the_same_activity(tmp_path: Path) -> None:
    spec = AcceleratorSpec()
    design = elaborate(spec, tmp_path / "rtl")
    records: dict[str, Activity] = {}
    for simulator in ("icarus", "verilator"):
        result = verify(design, tmp_path, simulator, seed=3, saif=tmp_path / f"{simulator}.saif")
        assert result.passed, result.failure
        assert result.activity is not None
        records[simulator] = result.activity
        assert [(run.m, run.k, run.n) for run in result.activity.products] == [activity_product(spec)] * 2
    icarus, verilator = (nets(records[name].saif) for name in ("icarus", "verilator"))
    assert records["icarus"].cycles == records["verilator"].cycles
    duration = round(1000 * saif_duration(records["icarus"].saif))
    assert len(icarus) > 5000
    near = 0
    for name, (t0, t1, tz, tx, tc) in icarus.items():
        assert t0 + t1 + tz + tx == duration
        # Verilator knows no x: what Icarus counts as x is 0 or 1 there, and the first level may count as a toggle.
        other0, other1, _, _, toggles = verilator[name]
        assert t0 <= other0 <= t0 + tx + tz
        assert t1 <= other1 <= t1 + tx + tz
        assert tx or tc <= toggles <= tc + 1
        near += abs(toggles - tc) <= 1
    assert near > 0.98 * len(icarus)
    total = sum(net[-1] for net in icarus.values())
    assert sum(verilator[name][-1] for name in icarus) == pytest.approx(total, rel=0.01)
