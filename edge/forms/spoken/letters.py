"""English letter words, as a recogniser is told to expect them."""

from __future__ import annotations

from edge.forms.spoken.language import CODE_WORDS, LETTERS

AS_IN = ("as", "in")
"""What joins a letter to the word that explains it."""
WORDS = frozenset({*LETTERS, *(word for phrase in CODE_WORDS for word in phrase), *AS_IN})
"""Every word that can be part of a spoken letter."""
