from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from edge.forms.spoken.letters import letter
from edge.forms.spoken.numbers import cardinal, digits
from edge.forms.spoken.values import alphanumeric

TABLE = tomllib.loads((Path(__file__).parent / "tables" / "spoken_values.toml").read_text())


@pytest.mark.parametrize("words", TABLE["no_cardinal"])
def test_no_count(words: str) -> None:
    assert cardinal(words.split()) is None


@pytest.mark.parametrize(("words", "value"), TABLE["cardinal"].items())
def test_a_count(words: str, value: int) -> None:
    assert cardinal(words.split()) == value


@pytest.mark.parametrize("words", TABLE["no_digits"])
def test_no_string_of_digits(words: str) -> None:
    assert digits(words.split()) is None


@pytest.mark.parametrize(("words", "value"), TABLE["digits"].items())
def test_a_string_of_digits(words: str, value: str) -> None:
    assert digits(words.split()) == value


@pytest.mark.parametrize("words", TABLE["no_letter"])
def test_no_letter(words: str) -> None:
    assert letter(words.split()) is None


@pytest.mark.parametrize(("words", "value"), TABLE["letter"].items())
def test_a_letter(words: str, value: str) -> None:
    assert letter(words.split()) == value


@pytest.mark.parametrize("words", TABLE["no_alphanumeric"])
def test_no_code(words: str) -> None:
    assert alphanumeric(words.split()) is None


@pytest.mark.parametrize(("words", "value"), TABLE["alphanumeric"].items())
def test_a_code(words: str, value: str) -> None:
    assert alphanumeric(words.split()) == value
