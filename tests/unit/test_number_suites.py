"""Of the numbers in public suites none is read as another one, and few are refused, as counts and as identifiers."""

from __future__ import annotations

import pytest

from tests.reading.languages import that_say
from tests.reading.suites import SHORTEST, Number, Understood, numbers
from tests.tiers import SEED, sized

EVERY = sized(quick=20, test=5, nightly=1)  # Of so many rows one, another by another seed.

REFUSED = 0.05  # Of each language, at most.

ONE = 2.0  # A number may be asked about in however small a sample, as a count and as an identifier.


def rows(language: str) -> list[Number]:
    return [one for one in numbers() if one.language == language][SEED % EVERY :: EVERY]


@pytest.mark.parametrize("language", that_say("frame"))
def test_numbers_of_public_suites_are_understood(language: str) -> None:
    judged = {f"as a count: {one.said} = {one.value}": one.as_count() for one in rows(language)}
    longer = (one for one in rows(language) if one.value >= SHORTEST)
    judged |= {f"as an identifier: {one.said} = {one.value}": one.as_identifier() for one in longer}
    assert [told for told, what in judged.items() if what is Understood.WRONG] == []
    refused = [told for told, what in judged.items() if what is Understood.REFUSED]
    assert len(refused) <= max(ONE, REFUSED * len(judged)), refused
