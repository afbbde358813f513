"""A table as one test: each row is tried, and all that fail are told together, for their pattern tells more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import pytest

T = TypeVar("T")


def every(rows: Mapping[str, T] | Iterable[T], check: Callable[[T], None]) -> None:
    """Try `check` on each row; fail with every row that fails it, by its key or as it is written."""
    named = rows if isinstance(rows, Mapping) else {repr(row): row for row in rows}
    assert named, "an empty table shows nothing"
    failed = {name: fault for name, row in named.items() if (fault := _fault(check, row)) is not None}
    if failed:
        told = "\n".join(f"{name}\n    {fault}" for name, fault in failed.items())
        pytest.fail(f"{len(failed)} of {len(named)} rows:\n{told}", pytrace=False)


def _fault(check: Callable[[T], None], row: T) -> str | None:
    try:
        check(row)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the other rows are tried
        return f"{type(fault).__name__}: {fault}".replace("\n", "\n    ")
    return None
