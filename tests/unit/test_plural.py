from __future__ import annotations

import pytest

from edge.plural import many


@pytest.mark.parametrize(("count", "told"), [(0, "0 devices"), (1, "1 device"), (2, "2 devices")])
def test_one_is_not_told_as_many(count: int, told: str) -> None:
    assert many(count, "device") == told


def test_a_plural_of_its_own() -> None:
    assert [many(count, "entry", "entries") for count in (1, 2)] == ["1 entry", "2 entries"]
