"""Enum: one of the values listed in the form or the catalogue, spoken as written there."""

from __future__ import annotations

from dockvoice_protocol.forms.spoken.kinds.text import Choice


class Enumeration(Choice):
    """One of the values that are listed."""

    name = "enum"
    listed = True
