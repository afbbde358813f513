"""Tables as one test: no row that fails is passed over, however it fails."""

from __future__ import annotations

import pytest

from tests.rows import each_of, every


def told(test: object, **fixtures: object) -> str:
    assert callable(test)
    with pytest.raises(pytest.fail.Exception) as failed:
        test(**fixtures)
    return str(failed.value)


def test_every_row_that_fails_is_told_whether_it_is_false_raises_or_does_not_raise() -> None:
    @each_of("number, wanted", [(1, 1), (2, 3), (0, 0), ("a", 1)])
    def table(number: int, wanted: int) -> None:
        assert number == wanted
        with pytest.raises(ZeroDivisionError):
            _ = wanted // (number - 1)

    assert told(table).startswith("3 of 4 rows:\n1: 2, 3\n    AssertionError")
    assert all(row in told(table) for row in ("2: 0, 0\n    Failed: DID NOT RAISE", "3: 'a', 1\n    AssertionError"))


def test_an_empty_table_shows_nothing() -> None:
    with pytest.raises(AssertionError, match="shows nothing"):
        every({}, print)
