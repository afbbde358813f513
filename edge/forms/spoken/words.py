"""The words of English that belong to no form: fillers, correction cues, what numbers and letters are made of."""

from __future__ import annotations

from edge.forms.spoken import letters, numbers

HESITATIONS = frozenset({"um", "uh", "er", "erm", "hmm"})
"""Sounds that mean nothing wherever they stand, even inside a number."""

_LINKS = """
and okay ok well hey so now please
moving move going have has i've that that's is it's
to at the for of on with
"""
LINKS = frozenset(_LINKS.split())
"""Words around and between fields. Inside a number one of these is as strange as any other word."""

LINK_PHRASES = (("i", "have"), ("i", "am"), ("that", "is"), ("going", "to"))
"""Links of several words, where one of them alone could be a letter."""

CUES = (("no",), ("sorry",), ("correction",), ("rather",), ("i", "mean"))
"""What announces that the next mention of a field replaces the one before."""

RESERVED = numbers.WORDS | letters.WORDS | HESITATIONS | LINKS | {word for cue in CUES for word in cue}
"""Words that cannot be a label or a unit of a form."""
