"""The tables with which 1.0 begins. `inventory.tables` makes them whole; what changes them later begins here."""

from __future__ import annotations

revision, down_revision = "15", None


def upgrade() -> None:
    """Nothing leads to the first version: whoever has no tables gets the newest."""
