from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from edge.forms.spoken.letters import letter
from edge.forms.spoken.numbers import cardinal, digits
from edge.forms.spoken.values import alphanumeric
from tests.rows import every

TABLE = tomllib.loads((Path(__file__).parent / "tables" / "spoken_values.toml").read_text())


Reading = Callable[[list[str]], Any]


def is_read(read: Reading, row: tuple[str, Any]) -> None:
    words, value = row
    assert read(words.split()) == value


def is_nothing(read: Reading, words: str) -> None:
    assert read(words.split()) is None


def test_no_count() -> None:
    every(TABLE["no_cardinal"], partial(is_nothing, cardinal))


def test_a_count() -> None:
    every(TABLE["cardinal"].items(), partial(is_read, cardinal))


def test_no_string_of_digits() -> None:
    every(TABLE["no_digits"], partial(is_nothing, digits))


def test_a_string_of_digits() -> None:
    every(TABLE["digits"].items(), partial(is_read, digits))


def test_no_letter() -> None:
    every(TABLE["no_letter"], partial(is_nothing, letter))


def test_a_letter() -> None:
    every(TABLE["letter"].items(), partial(is_read, letter))


def test_no_code() -> None:
    every(TABLE["no_alphanumeric"], partial(is_nothing, alphanumeric))


def test_a_code() -> None:
    every(TABLE["alphanumeric"].items(), partial(is_read, alphanumeric))
