"""Counts in sentences for people."""

from __future__ import annotations


def many(count: int, one: str, more: str | None = None) -> str:
    """A count and what is counted: `1 device`, `2 devices`; `more` is the plural where it is not `one` with an s."""
    return f"{count} {one if count == 1 else more or f'{one}s'}"
