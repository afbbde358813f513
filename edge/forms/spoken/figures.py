"""Numbers that a transcript writes in figures: "742", "1,200", "7:42"."""

from __future__ import annotations

import re

FIGURES = re.compile(r"[0-9]+")
CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}")
"""How models write "seven forty-two" that they take for a time of day. A name made of digits is still these digits."""


def is_figures(word: str) -> bool:
    """Is the word written in the digits 0 to 9, and nothing else?"""
    return FIGURES.fullmatch(word) is not None


def count(word: str) -> int | None:
    """Figures as a count. With a leading zero they name something, and count nothing."""
    return int(word) if is_figures(word) and (word == "0" or word[0] != "0") else None


def spelt(word: str) -> str | None:
    """Figures as a string of digits, those of a time of day included."""
    if is_figures(word):
        return word
    return word.replace(":", "") if CLOCK.fullmatch(word) else None
