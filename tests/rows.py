"""Shapes of tests: a table as one, whose failing rows are told together, and a coroutine as one."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial, wraps
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
Test = Callable[..., None]

TABLES = Path(__file__).parent / "unit" / "tables"


def every(rows: Mapping[str, T] | Iterable[T], check: Callable[[T], None]) -> None:
    """Try `check` on each row; fail with every row that fails it, by its key or as it is written."""
    named = rows if isinstance(rows, Mapping) else {repr(row): row for row in rows}
    assert named, "an empty table shows nothing"
    failed = {name: fault for name, row in named.items() if (fault := _fault(check, row)) is not None}
    if failed:
        told = "\n".join(f"{name}\n    {fault}" for name, fault in failed.items())
        pytest.fail(f"{len(failed)} of {len(named)} rows:\n{told}", pytrace=False)


@cache
def rows_of(file: str, name: str) -> list[Any]:
    """The rows of a table of `tests/unit/tables`; those that are shorter than others end in None."""
    rows = tomllib.loads((TABLES / f"{file}.toml").read_text(encoding="utf-8"))[name]
    width = max((len(row) for row in rows if isinstance(row, list)), default=0)
    return [[*row, *[None] * (width - len(row))] if isinstance(row, list) else row for row in rows]


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


def acted(setting: Callable[..., None], **options: Any) -> Callable[[Callable[..., Any]], Test]:
    """The coroutine is the test: `setting` runs it, with `options`, and gives it its first argument.

    What else `setting` demands, and what else the coroutine takes, are fixtures.
    """

    def decorate(play: Callable[..., Any]) -> Test:
        own, theirs = (
            [one for one in list(inspect.signature(of).parameters.values())[1:] if one.default is one.empty]
            for of in (play, setting)
        )
        theirs = [one for one in theirs if one.name not in options]

        @wraps(play)
        def whole(**fixtures: Any) -> None:
            begun = partial(play, **{one.name: fixtures[one.name] for one in own})
            setting(begun, **{one.name: fixtures[one.name] for one in theirs}, **options)

        named = {one.name: one.replace(kind=one.KEYWORD_ONLY) for one in (*own, *theirs)}
        whole.__signature__ = inspect.Signature([*named.values()])  # type: ignore[attr-defined] # as above
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
