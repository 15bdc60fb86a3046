"""Activity: Boolean expressions, SAIF files, and propagation against closed forms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eda_adapters.activity import busy_share, net_activity, read_saif
from eda_adapters.boolean import truth_table
from eda_adapters.gates import GateNetlist
from eda_adapters.liberty import LibertyCell, LibertyPin, Library, Sequential, Units
from placer.netlist import InputError
from tests.eda_adapters.tiny_design import tiny_gates


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("!(A1 & A2)", "not (a and b)"),
        ("A1 A2' + A3", "(a and not b) or c"),
        ("(A1 ^ A2) ^ A3", "(a != b) != c"),
        ("A1 ^ A2 & A3", "(a != b) and c"),  # Liberty: ^ binds more than &
        ("A1 * A2 | !A3", "(a and b) or not c"),
        ("(A1 + A2)' A3", "not (a or b) and c"),
        ("1 & A1", "a"),
        ("!!A2", "b"),
    ],
)
def test_truth_tables(text: str, python: str) -> None:
    expected = [bool(eval(python, {"a": bool(m & 1), "b": bool(m & 2), "c": bool(m & 4)})) for m in range(8)]
    assert truth_table(text, ("A1", "A2", "A3")).tolist() == expected


@pytest.mark.parametrize("text", ["A1 &", "(A1", "A1)", "B", "", "A1 ? A2", "!", "(" * 3000, "!" * 3000 + "A1"])
def test_bad_expressions_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="Liberty expression"):
        truth_table(text, ("A1", "A2"))


ICARUS = r"""(SAIFILE
(SAIFVERSION "2.0")
(DIRECTION "backward")
(TIMESCALE 1ps)
(DURATION 20000)
 (INSTANCE bench
  (NET (noise (T0 1) (T1 2) (TX 0) (TC 3)))
  (INSTANCE tiny
   (NET
    (a\[0\] (T0 5000) (T1 15000) (TZ 0) (TX 0) (TB 0) (TC 4))
   )
   (INSTANCE core
    (NET (q0 (T0 10000) (T1 10000) (TZ 0) (TX 0) (TB 0) (TC 6))
         (q1 (T0 4000) (T1 1000) (TZ 0) (TX 15000) (TB 0) (TC 2)))
   )
  )
  (INSTANCE other (NET (q0 (T0 1) (T1 1) (TC 99))))
 )
)
"""


def test_saif_names_are_relative_to_the_top(tmp_path: Path) -> None:
    path = tmp_path / "a.saif"
    path.write_text(ICARUS)
    saif = read_saif(path, "tiny")
    assert saif.duration == pytest.approx(20.0)
    assert saif.toggles == {"a[0]": 4, "core.q0": 6, "core.q1": 2}
    assert saif.probability == pytest.approx({"a[0]": 0.75, "core.q0": 0.5, "core.q1": 0.2})


def test_a_saif_with_module_names_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.saif"
    path.write_text(ICARUS.replace("(INSTANCE tiny", '(INSTANCE "tiny" dut'))
    assert read_saif(path, "tiny").toggles["core.q0"] == 6


@pytest.mark.parametrize(
    ("text", "says"), [("", "not a SAIF"), ("(SAIFILE )", "DURATION"), (ICARUS, "no instance nowhere")]
)
def test_bad_saif_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "a.saif"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_saif(path, "nowhere")


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(at=157, cut=5, text="")
@given(at=st.integers(0, len(ICARUS)), cut=st.integers(0, 12), text=st.text("()[]\\\\ 01.9TCSAIFNETx\n", max_size=8))
def test_mutated_saif_is_read_or_refused(tmp_path: Path, at: int, cut: int, text: str) -> None:
    path = tmp_path / "a.saif"
    path.write_text(ICARUS[:at] + text + ICARUS[at + cut :])
    try:
        saif = read_saif(path, "tiny")
    except InputError:
        return
    assert set(saif.toggles) == set(saif.probability)
    assert all(0 <= p <= 1 for p in saif.probability.values())


def pin(name: str, direction: str, function: str = "", clock: bool = False) -> LibertyPin:
    return LibertyPin(name, direction, 1.0, np.inf, clock, function, "", (), ())


def cell(name: str, *pins: LibertyPin, sequential: Sequential | None = None) -> LibertyCell:
    return LibertyCell(name, 1.0, 0.0, (), False, False, sequential, {p.name: p for p in pins})


def library(nand: str = "!(A1 & A2)") -> Library:
    flop = Sequential("ff", "IQ", "IQN", "D", "CK", "", "")
    cells = [
        cell("NAND2_X1", pin("A1", "input"), pin("A2", "input"), pin("ZN", "output", nand)),
        cell("INV_X1", pin("A", "input"), pin("ZN", "output", "!A")),
        cell("BUF_X1", pin("A", "input"), pin("Z", "output", "A")),
        cell(
            "DFF_X1",
            pin("D", "input"),
            pin("CK", "input", clock=True),
            pin("Q", "output", "IQ"),
            pin("QN", "output", "IQN"),
            sequential=flop,
        ),
    ]
    return Library(Units(1, 1, 1, 1.1, 25, 0.3, 0.7, 1, 0.5, np.inf), {c.name: c for c in cells})


def test_measured_nets_keep_their_values_and_others_follow(tmp_path: Path) -> None:
    """q0: 1/2 and 0.6 toggles, q1: 0.2 and 0.2 toggles in a cycle, independent: the NAND is low 10% of the time."""
    path, gates = tmp_path / "a.saif", tiny_gates()
    path.write_text(ICARUS)
    activity = net_activity(gates, library(), read_saif(path, "tiny"), cycle=2.0, clock="clk")
    at = {name: i for i, name in enumerate(gates.net_names)}
    assert activity.toggles[at["clk"]] == 2.0
    assert activity.toggles[at["q0"]] == pytest.approx(0.6)
    assert activity.probability[at["q1"]] == pytest.approx(0.2)
    assert activity.probability[at["n1"]] == pytest.approx(0.9, abs=0.02)
    # Two Markov chains: P(11 then 11) = P(1 to 1) of each times P(11); toggles = 2 (P(11) - P(11, 11)).
    stay = (1 - 0.6 / (2 * 0.5)) * (1 - 0.2 / (2 * 0.2))
    assert activity.toggles[at["n1"]] == pytest.approx(2 * 0.1 * (1 - stay), rel=0.15)
    assert activity.toggles[at["n2"]] == pytest.approx(activity.toggles[at["n1"]])
    assert activity.probability[at["n2"]] == pytest.approx(1 - activity.probability[at["n1"]])
    assert activity.annotated[at["q0"]]
    assert not activity.annotated[at["n1"]]


def test_xor_of_independent_noise_and_constants() -> None:
    gates = tiny_gates()
    activity = net_activity(gates, library("A1 ^ A2"), None, 1.0, "clk")
    at = {name: i for i, name in enumerate(gates.net_names)}
    both = 0.1 * 0.9 * 2  # exactly one of two independent inputs toggles
    assert activity.toggles[at["n1"]] == pytest.approx(both, rel=0.15)
    rail = replace(gates, pin_net=np.where(gates.pin_net == at["q1"], -2, gates.pin_net).astype(np.int32))
    tied = net_activity(rail, library("!(A1 & A2)"), None, 1.0, "clk")
    assert tied.probability[at["n2"]] == pytest.approx(tied.probability[at["q0"]], abs=0.1)


def test_other_output_of_a_register_is_its_complement() -> None:
    gates = tiny_gates()
    at = {name: i for i, name in enumerate(gates.net_names)}
    names = [*gates.pin_names, "QN"]
    with_qn = GateNetlist(
        **{
            **vars(gates),
            "net_names": (*gates.net_names, "q0n"),
            "net_rtl": (*gates.net_rtl, ()),
            "pin_names": tuple(names),
            "pin_instance": np.append(gates.pin_instance, 0).astype(np.int32),
            "pin_net": np.append(np.where(gates.pin_net == at["q1"], 9, gates.pin_net), 9).astype(np.int32),
            "pin_is_driver": np.append(gates.pin_is_driver & (gates.pin_net != at["q1"]), True),
        }
    )
    activity = net_activity(with_qn, library(), None, 1.0, "clk")
    assert activity.probability[at["n1"]] == 1.0  # NAND of a signal and its complement
    assert activity.toggles[at["n1"]] == 0.0


def test_a_combinational_loop_is_named() -> None:
    gates = tiny_gates()
    at = {name: i for i, name in enumerate(gates.net_names)}
    looped = replace(gates, pin_net=np.where(gates.pin_net == at["q1"], at["n2"], gates.pin_net).astype(np.int32))
    with pytest.raises(InputError, match="combinational loop through net n"):
        net_activity(looped, library(), None, 1.0, "clk")


def test_registers_that_rest_together_are_seen(tmp_path: Path) -> None:
    """Registers that toggle at random in a quarter of the cycles: an XOR of two changes in no other cycle."""
    assert busy_share(np.array([0.5, 0.5, 0.0]), np.array([0.125, 0.125, 0.0])) == pytest.approx(0.25)
    assert busy_share(np.zeros(0), np.zeros(0)) == 1.0
    gates, path = tiny_gates(), tmp_path / "a.saif"
    path.write_text(
        '(SAIFILE (SAIFVERSION "2.0") (TIMESCALE 1 ns) (DURATION 4000) (INSTANCE tiny (INSTANCE core (NET'
        " (q0 (T0 2000) (T1 2000) (TC 500)) (q1 (T0 2000) (T1 2000) (TC 500)) (q2 (T0 4000) (T1 0) (TC 0))))))"
    )
    activity = net_activity(gates, library("A1 ^ A2"), read_saif(path, "tiny"), 1.0, "clk")
    assert activity.busy == pytest.approx(0.25)
    # In a busy cycle each toggles with 1/2, exactly one of both with 1/2: 0.125 in a cycle, not 2 x 0.125 x 0.875.
    assert activity.toggles[gates.net_names.index("n1")] == pytest.approx(0.125, rel=0.2)
