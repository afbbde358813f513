"""Digits: a string of digits, "seven four two", "seven forty-two", "double five"."""

from __future__ import annotations

from string import digits

from dockvoice_protocol.forms.spoken.kinds.text import Spelt


class Digits(Spelt):
    """A string of digits."""

    name = "digits"
    characters = sampled = digits
    grammar = ("<group>+", "<hundreds>")
