"""What docs/audit.md says that no audit covers, by table and column: a table for the device, one for the inventory."""

from __future__ import annotations

import re
from pathlib import Path

_ROW = re.compile(r"\| `(\w+)` \| (.+?) \|")
_NAME = re.compile(r"`(\w+)`")


def audit_page(repository: Path, heading: str) -> dict[str, set[str]]:
    """The columns that the page lists under this heading, by table."""
    page = (repository / "docs" / "audit.md").read_text(encoding="utf-8")
    section = page.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    listed: dict[str, set[str]] = {}
    for table, columns in _ROW.findall(section):
        listed.setdefault(table, set()).update(_NAME.findall(columns))
    return listed
