"""The sayings of `tests/data/sayings.jsonl`: nothing is recorded that a careful scribe would not have written down, and
what he would write down at once is recorded at once. `python -m tests.scribe` prints the table."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from tests.scribe import Grade, Saying, graded, named, sayings, spared

SAYINGS = list(sayings())

AT_ONCE = 0.95
"""Of what a scribe would record at once: what remains is asked about, and an operator bears that once an hour."""

_graded = cache(graded)


@pytest.mark.parametrize("saying", SAYINGS, ids=named)
def test_it_is_written_down_as_a_scribe_would_have(saying: Saying) -> None:
    grade, made = _graded(saying)
    told = f'{saying.language} "{saying.said}": {made}, where a scribe has {" or ".join(saying.expected)}'
    assert grade is not Grade.WRONG, f"written down wrongly: {told}"
    assert grade is not Grade.ASKED or saying.said in spared(), f"needlessly asked: {told}"


@pytest.mark.parametrize("kind", ["sentence", "number", "talk"])
def test_what_a_scribe_would_record_at_once_is_recorded_at_once(kind: str) -> None:
    grades = Counter(_graded(saying)[0] for saying in SAYINGS if saying.kind == kind and saying.at_once)
    assert grades[Grade.RIGHT] >= AT_ONCE * grades.total(), grades


def test_every_saying_listed_as_contestable_is_there_and_has_its_reason() -> None:
    known = {saying.said for saying in SAYINGS}
    listed = {saying.said for saying in SAYINGS if saying.contestable}
    assert spared().keys() <= known
    assert all(saying.contestable != "" for saying in SAYINGS)
    assert all(spared().values())
    assert len(listed) < len(SAYINGS) / 10, "then these are no longer the sayings that were collected"
