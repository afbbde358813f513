"""The numbers of each language, and words as its reader gets them."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

from edge.forms.spoken.folding import fold
from edge.forms.spoken.numerals import Numerals

LANGUAGES = ("en", "de", "fr", "es", "it", "pl", "pt")
_DIRECTORY = Path(__file__).parent.parent / "edge" / "forms" / "spoken" / "languages"


@cache
def numerals(code: str) -> Numerals:
    apart = _DIRECTORY / f"{code}.numbers.toml"
    path = apart if apart.exists() else _DIRECTORY / f"{code}.toml"
    return Numerals(tomllib.loads(path.read_text(encoding="utf-8"))["numbers"])


def words(code: str, said: str) -> list[str]:
    """Folded words, numbers in one word taken apart."""
    pieces = re.split(r"[\s,-]+", said)
    return [part for piece in pieces if piece for part in numerals(code).morphemes(fold(piece))]


def counts(code: str, said: str) -> dict[int, float]:
    """What all the words may count, with the costs."""
    parts = words(code, said)
    return {one.value: one.cost for one in numerals(code).counts(parts, 0) if one.end == len(parts)}


def groups(code: str, said: str) -> dict[str, float]:
    """The digits that all the words may be as one group."""
    parts = words(code, said)
    return {one.text: one.cost for one in numerals(code).groups(parts, 0) if one.end == len(parts)}
