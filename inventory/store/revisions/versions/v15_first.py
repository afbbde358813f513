"""The tables of 1.0, which `inventory.store.tables` creates; later migrations start here."""

from __future__ import annotations

revision, down_revision = "15", None


def upgrade() -> None:
    """Does nothing: a database without tables gets the newest version."""
