"""Tables of version 1, which applied events as they came, in any order: where those in the field begin.

New tables are made whole, as `inventory.store.tables` says, and begin at the last version.
"""

from __future__ import annotations

revision, down_revision = "1", None


def upgrade() -> None:
    """Nothing leads to the first version: whoever has no tables gets the newest."""
