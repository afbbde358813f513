"""The ways in which a field can be spoken."""

from __future__ import annotations

from enum import StrEnum


class Spoken(StrEnum):
    """How the words for a field become its value."""

    DIGITS = "digits"
    """A string of digits: "seven four two", "seven forty-two", "double five"."""
    ALPHANUMERIC = "alphanumeric"
    """A string of capital letters and digits: "bravo seven one four"."""
    CARDINAL = "cardinal"
    """A whole number: "one hundred and ten"."""
    LETTER = "letter"
    """One capital letter: "b", "bravo", "b as in bravo"."""
    ENUM = "enum"
    """One of the values listed in the form or the catalogue, spoken as written there."""
