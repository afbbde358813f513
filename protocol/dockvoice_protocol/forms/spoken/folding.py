"""Folding: the form in which words are compared."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_STROKED = str.maketrans({"ł": "l", "ø": "o", "đ": "d"})
"""Letters whose stroke is no accent of its own to Unicode."""
_WORDS = frozenset("àèé")
"""Letters that are words of their own with their accent, and other words or letters without: "è" is, "e" is and."""
_REMEMBERED = 4096
"""Words whose folding is kept, more than the vocabulary of any form; and phrases, those of all languages."""

Phrase = tuple[str, ...]


@lru_cache(maxsize=_REMEMBERED)
def fold(text: str) -> str:
    """Small letters without accents, one apostrophe: models write "Stück", "STÜCK" and "Stuck" for one word."""
    if text.isascii():  # nearly all is, and for it this is the same
        return text.lower()
    small = unicodedata.normalize("NFC", text).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return " ".join(word if word in _WORDS else _bare(word) for word in small.translate(_STROKED).split(" "))


@lru_cache(maxsize=_REMEMBERED)
def phrase(text: str) -> Phrase:
    """Words as they are compared, a hyphen parting two."""
    return tuple(fold(text).replace("-", " ").split())


def _bare(word: str) -> str:
    apart = unicodedata.normalize("NFKD", word)
    return "".join(character for character in apart if not unicodedata.combining(character))
