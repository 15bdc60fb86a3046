from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtl import AcceleratorSpec, SpecError, parameters
from rtl.spec import DATAFLOWS, OPERAND_BITS

DESIGNS = Path(__file__).parents[2] / "rtl" / "designs"


@st.composite
def specs(draw: st.DrawFn) -> AcceleratorSpec:
    bus_bits = draw(st.sampled_from([32, 64, 128]))
    operands = draw(st.sampled_from(sorted(OPERAND_BITS)))
    step = bus_bits // OPERAND_BITS[operands]
    rows = step * draw(st.integers(1, 64 // step))
    cols = step * draw(st.integers(1, 64 // step))
    return AcceleratorSpec(
        rows=rows,
        cols=cols,
        act_banks=rows // step * draw(st.integers(1, 64)),
        weight_banks=cols // step * draw(st.integers(1, 64)),
        result_banks=2 * cols * 32 // bus_bits * draw(st.integers(1, 64)),
        words_per_bank=draw(st.sampled_from([64, 256, 2048])),
        bus_bits=bus_bits,
        clock_ns=draw(st.floats(0.1, 1000.0)),
        dataflow=draw(st.sampled_from(DATAFLOWS)),
        operands=operands,
        **draw(st.sampled_from([{}, {"edge": "dma", "vector": draw(st.booleans()), "transpose": draw(st.booleans())}])),
    )


def test_default_design_has_at_least_16_macros() -> None:
    assert AcceleratorSpec().macros >= 16


def test_default_file_is_the_default() -> None:
    assert AcceleratorSpec.from_toml(DESIGNS / "default.toml") == AcceleratorSpec()


MACROS = {"tiny": range(1, 16), "large": range(101, 10_000), "cluster": range(65, 101)}


@pytest.mark.parametrize("path", sorted(DESIGNS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_designs_are_valid(path: Path) -> None:
    assert AcceleratorSpec.from_toml(path).macros in MACROS.get(path.stem, range(16, 65))


@given(spec=specs(), other=specs())
def test_toml_and_hash_tell_specs_apart(
    tmp_path_factory: pytest.TempPathFactory, spec: AcceleratorSpec, other: AcceleratorSpec
) -> None:
    path = tmp_path_factory.getbasetemp() / "spec.toml"
    path.write_text(spec.to_toml())
    again = AcceleratorSpec.from_toml(path)
    assert again == spec
    assert again.content_hash == spec.content_hash
    assert (spec.content_hash == other.content_hash) == (spec == other)


@given(specs())
def test_addresses_hold_every_scratchpad(spec: AcceleratorSpec) -> None:
    values = parameters(spec)
    assert max(spec.act_depth, spec.weight_depth, spec.result_depth) <= 1 << values["VECTOR_BITS"]
    assert max(spec.act_lanes, spec.weight_lanes, spec.result_lanes) <= 1 << values["LANE_BITS"]
    operands = spec.act_depth * spec.rows + spec.weight_depth * spec.cols
    capacity = operands * spec.operand_bits + spec.result_depth * spec.cols * 32
    assert capacity == (spec.macros - spec.table_banks) * spec.words_per_bank * spec.bus_bits


@pytest.mark.parametrize(
    ("change", "named", "remedy"),
    [
        ({"rows": 6}, "rows is 6", "multiple of 4"),
        ({"rows": 0}, "rows is 0", "from 4 to 64"),
        ({"cols": 68}, "cols is 68", "from 4 to 64"),
        ({"cols": 4.0}, "cols is 4.0", "whole number"),
        ({"rows": True}, "rows is True", "whole number"),
        ({"bus_bits": 48}, "bus_bits is 48", "32, 64 or 128"),
        ({"bus_bits": 64}, "rows is 4", "multiple of 8"),
        ({"words_per_bank": 300}, "words_per_bank is 300", "256"),
        ({"act_banks": 0}, "act_banks is 0", "multiple of 1"),
        ({"rows": 8, "act_banks": 3}, "act_banks is 3", "multiple of 2"),
        ({"result_banks": 12}, "result_banks is 12", "multiple of 8"),
        ({"weight_banks": -4}, "weight_banks is -4", "from 1 to 64"),
        ({"clock_ns": 0.0}, "clock_ns is 0", "from 0.1 to 1000 ns"),
        ({"clock_ns": float("nan")}, "clock_ns is nan", "from 0.1 to 1000 ns"),
        ({"dataflow": "both"}, "dataflow is 'both'", "weight_stationary or output_stationary"),
        ({"edge": "apb"}, "edge is 'apb'", "bus or axi4"),
        ({"operands": 8}, "operands is 8", "int8 or bfloat16"),
        ({"vector": 1}, "vector is 1", "true or false"),
        ({"vector": True}, "vector is true", 'edge = "dma"'),
        ({"clock_ns": "fast"}, "clock_ns is 'fast'", "number of nanoseconds"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(change: dict[str, object], named: str, remedy: str) -> None:
    with pytest.raises(SpecError) as error:
        AcceleratorSpec(**(asdict(AcceleratorSpec()) | change))
    assert named in str(error.value)
    assert remedy in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[accelerator\n", "not TOML"),
        ("rows = 4\n", "[accelerator]"),
        ("[accelerator]\nrow = 4\n", "unknown key 'row'"),
        ("[accelerator]\nrows = 5\n", "rows is 5"),
        ("[accelerator]\n[other]\n", "[accelerator]"),
        ("accelerator = 3\n", "[accelerator]"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(SpecError) as error:
        AcceleratorSpec.from_toml(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="No such file"):
        AcceleratorSpec.from_toml(tmp_path / "none.toml")
