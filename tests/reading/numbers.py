"""The numbers of each language, and words as its reader gets them."""

from __future__ import annotations

import re
from functools import cache

from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.numerals import Numerals
from dockvoice_protocol.languages import load_table


@cache
def numerals(code: str) -> Numerals:
    return Numerals(load_table(code, "grammar")["numbers"])


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
