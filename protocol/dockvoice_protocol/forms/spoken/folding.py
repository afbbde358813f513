"""Folds words for comparison."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_STROKED = str.maketrans({"ł": "l", "ø": "o", "đ": "d"})  # Letters whose stroke Unicode does not decompose.
_WORDS = frozenset({*"àèé", "ändere"})
"""Words that only their accent tells from another one: Italian "è" (is) and "e" (and), German "andere" (others)."""
_CACHE_SIZE = 4096  # Cache size: more words than any form's vocabulary, more phrases than all languages have.

Phrase = tuple[str, ...]


@lru_cache(maxsize=_CACHE_SIZE)
def fold(text: str) -> str:
    """Lower case without accents, with ASCII apostrophes: models write "Stück", "STÜCK" and "Stuck" for one word."""
    if text.isascii():  # fast path with the same result, for nearly all words
        return text.lower()
    small = unicodedata.normalize("NFC", text).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return " ".join(word if word in _WORDS else _bare(word) for word in small.translate(_STROKED).split(" "))


@lru_cache(maxsize=_CACHE_SIZE)
def phrase(text: str) -> Phrase:
    """Folded words, split at blanks and hyphens."""
    return tuple(fold(text).replace("-", " ").split())


def _bare(word: str) -> str:
    apart = unicodedata.normalize("NFKD", word)
    return "".join(character for character in apart if not unicodedata.combining(character))
