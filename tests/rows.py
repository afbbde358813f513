"""A table as one test: each row is tried, and all that fail are told together, for their pattern tells more."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
Test = Callable[..., None]


def every(rows: Mapping[str, T] | Iterable[T], check: Callable[[T], None]) -> None:
    """Try `check` on each row; fail with every row that fails it, by its key or as it is written."""
    named = rows if isinstance(rows, Mapping) else {repr(row): row for row in rows}
    assert named, "an empty table shows nothing"
    failed = {name: fault for name, row in named.items() if (fault := _fault(check, row)) is not None}
    if failed:
        told = "\n".join(f"{name}\n    {fault}" for name, fault in failed.items())
        pytest.fail(f"{len(failed)} of {len(named)} rows:\n{told}", pytrace=False)


def each_of(
    names: str | Sequence[str], rows: Iterable[Any], *, ids: Iterable[Any] | Callable[[Any], Any] | None = None
) -> Callable[[Test], Test]:
    """As `pytest.mark.parametrize`, in one test: fixtures are made once for all rows, so that none may change them."""
    columns = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    listed = [_values(row, alone=len(columns) == 1) for row in rows]
    named = {f"{at}: {name}": row for at, (name, row) in enumerate(zip(_names(listed, ids), listed, strict=True))}

    def decorate(test: Test) -> Test:
        own = inspect.signature(test)

        @wraps(test)
        def whole(**fixtures: Any) -> None:
            def check(row: tuple[Any, ...]) -> None:
                test(**dict(zip(columns, row, strict=True)), **fixtures)

            every(named, check)

        rest = [one for name, one in own.parameters.items() if name not in columns]
        whole.__signature__ = own.replace(parameters=rest)  # type: ignore[attr-defined] # what pytest makes fixtures of
        return whole

    return decorate


def _values(row: Any, *, alone: bool) -> tuple[Any, ...]:
    return (row,) if alone else tuple(row)


def _names(rows: Sequence[tuple[Any, ...]], ids: Iterable[Any] | Callable[[Any], Any] | None) -> list[str]:
    if ids is None or callable(ids):
        told = repr if ids is None else ids
        return [", ".join(str(told(value)) for value in row) for row in rows]
    return [str(one) for one in ids]


def _fault(check: Callable[[T], None], row: T) -> str | None:
    try:
        check(row)
    except (Exception, pytest.fail.Exception) as fault:  # noqa: BLE001 - whatever it is, the other rows are tried
        return f"{type(fault).__name__}: {fault}".replace("\n", "\n    ")
    return None
