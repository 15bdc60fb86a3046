from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cost_models import UNITS, ParameterError, Parameters, load_parameters
from cost_models.parameters import DEFAULT_PARAMETERS


@pytest.fixture
def text() -> str:
    return DEFAULT_PARAMETERS.read_text()


def read(tmp_path: Path, text: str) -> Parameters:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return load_parameters(path)


def test_every_parameter_has_a_value_a_unit_and_a_source() -> None:
    parameters = load_parameters()
    assert set(parameters.entries) == set(UNITS)
    assert {field.name for field in dataclasses.fields(Parameters)} == {*UNITS, "entries"}
    for key, entry in parameters.entries.items():
        assert getattr(parameters, key) == entry.value
        assert entry.unit == UNITS[key]
        assert len(entry.source) > 5


def test_a_changed_value_is_read(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text.replace("value = 0.0806", "value = 0.25")).electricity_price == 0.25


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[electricity_price]", "[electricity_prize]", ["electricity_prize", "unknown key"]),
        ("value = 0.0806", "value = -0.1", ["electricity_price.value", "0 or more"]),
        ("value = 0.0806", "value = nan", ["electricity_price.value", "USD/kWh"]),
        ("value = 0.0806", 'value = "8 cents"', ["electricity_price.value", "number"]),
        ("value = 0.0806", "value = true", ["electricity_price.value", "number"]),
        ('unit = "USD/kWh"', 'unit = "EUR/kWh"', ["electricity_price.unit", "USD/kWh"]),
        ('unit = "USD/kWh"', "", ["electricity_price", "unit"]),
        ("value = 0.52", "value = 1.2", ["lifetime_utilisation.value", "at most 1"]),
        ("value = 1.58", "value = 0.9", ["power_usage_effectiveness.value", "at least 1"]),
        ("value = 6.0", "value = 0", ["lifetime.value", "above 0"]),
        ('value = 3.0\nunit = "mm"', 'value = 150\nunit = "mm"', ["edge_exclusion", "300"]),
        ("[lifetime]", "[lifetime", ["not a TOML file"]),
    ],
)
def test_a_bad_file_is_one_line_with_file_and_key(
    tmp_path: Path, text: str, old: str, new: str, words: list[str]
) -> None:
    assert old in text
    with pytest.raises(ParameterError) as caught:
        read(tmp_path, text.replace(old, new, 1))
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in ["mine.toml", *words])
    assert caught.value.exit_code == 2


def test_a_missing_key_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ParameterError, match="proxy_worth is missing"):
        read(tmp_path, text[: text.index("[proxy_worth]")])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"absent\.toml: cannot read"):
        load_parameters(tmp_path / "absent.toml")
