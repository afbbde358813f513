"""Documents with a change, a JSON Merge Patch (RFC 7396), and the tables of what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parent.parent / "unit" / "tables"


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the document with the patch applied; null removes a key."""
    changed = {key: value for key, value in document.items() if patch.get(key, "") is not None}
    for key, value in patch.items():
        if isinstance(value, dict):
            changed[key] = merged(changed[key] if isinstance(changed.get(key), dict) else {}, value)
        elif value is not None:
            changed[key] = value
    return changed


def faults_of(table: str) -> list[tuple[str, dict[str, Any], list[str]]]:
    """The rows of a table: what is wrong, the change that makes it so, and the parts of the message."""
    lines = (TABLES / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()
    return [(row["fault"], row["change"], row["told"]) for row in map(json.loads, lines)]
