"""Alphanumeric: a string of capital letters and digits, "bravo seven one four"."""

from __future__ import annotations

from string import ascii_uppercase, digits

from dockvoice_protocol.forms.spoken.kinds.text import Spelt


class Alphanumeric(Spelt):
    """A string of capital letters and digits."""

    name = "alphanumeric"
    characters = ascii_uppercase + digits
    grammar = ("(<{field}_letter> | <group>)+",)
