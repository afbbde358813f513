"""The words of English that belong to no form: fillers, correction cues, what numbers and letters are made of."""

from __future__ import annotations

from edge.forms.spoken import letters, numbers

HESITATIONS = frozenset({"um", "uh", "er", "erm", "hmm"})
"""Sounds that mean nothing wherever they stand, even inside a number."""

_LINKS = """
and okay ok well hey so now please
moving move take going goes have has got i've that that's is it's there
to at the for of on over with thanks
"""
LINKS = frozenset(_LINKS.split())
"""Words around and between fields. Inside a number one of these is as strange as any other word."""

LINK_PHRASES = (("i", "have"), ("i", "am"), ("that", "is"), ("there", "are"), ("going", "to"), ("thank", "you"))
"""Links of several words, where one of them alone could be a letter."""

CUES = (
    ("no",),
    ("sorry",),
    ("correction",),
    ("rather",),
    ("i", "mean"),
    ("i", "meant"),
    ("make", "that"),
    ("make", "it"),
    ("no", "wait"),
    ("scratch", "that"),
)
"""What announces that the next mention of a field replaces the one before."""

HOMOPHONES = {"to": "two", "for": "four"}
"""Links that sound like a digit."""

COMMON = frozenset({"a", "i", "o", "and", "as", "in"})
"""Words of numbers and letters that are common words too, and say nothing by themselves."""

RESERVED = numbers.WORDS | letters.WORDS | HESITATIONS | LINKS | {word for cue in CUES for word in cue}
"""Words that cannot be a label or a unit of a form."""
