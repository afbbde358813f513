"""Letters that rhyme, checked by second recognisers that do what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_fields
from dockvoice_protocol.records import Reading
from edge.understand.local import letter_check
from edge.understand.local.letter_check import LetterCheck
from tests.unit.test_second_hearing import Scripted
from tests.unit.test_witness import spoken

HEARD = "Pallet 742, twelve units, dock B."
PCM = b"\x01\x00" * 1600


@pytest.fixture
def doubtful(form: Form, catalogue: Catalogue) -> Reading:
    words = spoken("pallet seven four two, twelve units, dock b")
    fields = dict(read_fields(words, form, catalogue))
    return Reading("first", form.name, words, {**fields, "dock": replace(fields["dock"], runner_up="D")})


def check(second: Scripted, form: Form, catalogue: Catalogue, readings: Sequence[Reading]) -> list[bool]:
    """Whether the dock of each reading was seconded, one after the other."""

    async def run() -> list[bool]:
        checking = LetterCheck(second, form, catalogue)
        assert await checking.check(readings[0], PCM, None) is readings[0], "it is not open yet"
        second.open()
        found = []
        for reading in readings:
            begun = await asyncio.to_thread(checking.begin, reading, PCM)
            found.append((await checking.check(reading, PCM, begun)).fields["dock"].seconded)
        return found

    return asyncio.run(run())


def test_what_both_hear_is_seconded_and_only_a_letter_in_doubt_is_heard_again(
    form: Form, catalogue: Catalogue, doubtful: Reading
) -> None:
    sure = replace(doubtful, fields={**doubtful.fields, "dock": replace(doubtful.fields["dock"], runner_up=None)})
    second = Scripted(HEARD, HEARD)
    assert check(second, form, catalogue, [doubtful, sure, doubtful]) == [True, False, True]
    assert second.asked == 2


def test_a_letter_stays_in_doubt_where_no_answer_comes_in_time_and_after_three_failures_none_is_asked_for(
    form: Form, catalogue: Catalogue, doubtful: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letter_check, "_LONGEST_S", 0.05)
    second = Scripted(None, HEARD, None, Unavailable("it ended"), None, HEARD)
    assert check(second, form, catalogue, [doubtful] * 6) == [False, True, False, False, False, False]
    assert (second.asked, second.cancelled) == (5, 3)
