"""What tests say in each language: a file of tests/data/languages for each that has a folder."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from typing import Any

from dockvoice_protocol.languages import LANGUAGES
from tests.shipped import ROOT


@cache
def said_in(code: str) -> dict[str, Any]:
    """What is said in a language, by what it is for."""
    return tomllib.loads((ROOT / "tests" / "data" / "languages" / f"{code}.toml").read_text(encoding="utf-8"))


def that_say(what: str) -> Sequence[str]:
    """The languages whose file has something for this."""
    return [code for code in LANGUAGES if what in said_in(code)]


def of_each(what: str) -> Sequence[tuple[Any, ...]]:
    """The rows of a table that each file has, behind the code of their language."""
    rows = ((code, row) for code in that_say(what) for row in said_in(code)[what])
    return [(code, *(row if isinstance(row, list) else (row,))) for code, row in rows]
