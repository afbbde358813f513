"""Letters that rhyme, checked by second recognisers that do what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_fields
from dockvoice_protocol.records import FieldReading, Reading
from edge.understand.letter_rescoring import corroborate_letters_by_rescoring, list_letter_texts
from edge.understand.local import letter_check
from edge.understand.local.letter_check import LetterCheck
from tests.rows import each_of
from tests.unit.test_second_hearing import Scripted
from tests.unit.test_second_recogniser import spoken

HEARD = "Pallet 742, twelve units, dock B."
PCM = b"\x01\x00" * 1600


@pytest.fixture
def doubtful(form: Form, catalogue: Catalogue) -> Reading:
    return in_doubt("pallet seven four two, twelve units, dock b", "D", form, catalogue)


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


@each_of(
    ("letters", "sure", "heard", "seconded", "rival"),
    [
        # It fits better than any other by far: nothing more is asked.
        ({"E": -1.0, "G": -6.0, "D": -5.0}, 0.8, [], True, "G"),
        # Not by far, or the first recogniser is unsure itself: what is heard decides, as where nothing is scored.
        ({"E": -1.0, "G": -2.0}, 0.8, ["Pallet 742, twelve units, dock E."], True, "G"),
        ({"E": -1.0, "G": -2.0}, 0.8, ["Pallet 742, twelve units, docky."], False, "G"),
        ({"E": -1.0, "G": -6.0, "D": -5.0}, 0.5, ["Pallet 742, twelve units, docky."], False, "G"),
        # Another one fits better: that is what is offered, and what is heard counts no more.
        ({"E": -6.0, "D": -1.0}, 0.8, [], False, "D"),
    ],
)
def test_a_letter_is_seconded_where_it_fits_the_sound_better_than_any_other_by_far(
    form: Form,
    catalogue: Catalogue,
    letters: Mapping[str, float],
    sure: float,
    heard: list[str],
    seconded: bool,
    rival: str,
) -> None:
    doubtful = in_doubt("pallet seven four two, twelve units, dock e", "G", form, catalogue, sure)

    async def run() -> FieldReading:
        second = Scripted(*heard, letters=letters)
        second.open()
        return (await LetterCheck(second, form, catalogue).check(doubtful, PCM, None)).fields["dock"]

    dock = asyncio.run(run())
    assert (dock.value, dock.seconded, dock.runner_up) == ("E", seconded, rival)


@pytest.mark.parametrize("heard", ["Pallet 742, twelve units, dock A.", "Pallet 742, twelve units, docky."])
def test_an_a_that_may_hide_an_e_is_not_seconded_however_well_it_fits(
    form: Form, catalogue: Catalogue, heard: str
) -> None:
    doubtful = in_doubt("pallet seven four two, twelve units, dock a", "E", form, catalogue)

    async def run() -> bool:
        second = Scripted(heard, letters={"A": -1.0, "E": -9.0})
        second.open()
        return (await LetterCheck(second, form, catalogue).check(doubtful, PCM, None)).fields["dock"].seconded

    assert not asyncio.run(run())


@each_of(
    ("said", "rival", "scored"),
    [
        ("pallet seven four two, twelve units, dock e", "G", "abcdefgh"),
        ("dock e, as in echo, pallet seven four two, twelve units", "G", "abcdefgh"),
        # By its code word alone.
        ("pallet seven four two, twelve units, dock echo", "G", ""),
    ],
)
def test_a_letter_is_scored_beside_all_that_the_field_may_have(
    form: Form, catalogue: Catalogue, said: str, rival: str, scored: str
) -> None:
    texts = list_letter_texts(in_doubt(said, rival, form, catalogue), form, catalogue)
    before, _, behind = said.replace(",", "").partition(" e") if scored else ("", "", "")
    assert [one.text for one in texts] == [f"{before} {letter.upper()}{behind}" for letter in scored]


@each_of(("fits", "seconded"), [(3.5, False), (4.5, True)])
def test_a_g_must_fit_better_than_other_letters_since_some_a_b_fitted_it(
    form: Form, catalogue: Catalogue, fits: float, seconded: bool
) -> None:
    doubtful = in_doubt("pallet seven four two, twelve units, dock g", "D", form, catalogue)
    texts = list_letter_texts(doubtful, form, catalogue)
    scores = [0.0 if one.letter == "G" else -fits for one in texts]
    assert corroborate_letters_by_rescoring(doubtful, texts, scores).reading.fields["dock"].seconded is seconded


def test_a_letter_is_not_scored_beside_one_that_its_fit_does_not_tell_from_it(form: Form, catalogue: Catalogue) -> None:
    doubtful = in_doubt("pallet seven four two, twelve units, dock b", "D", form, catalogue)
    listed = replace(catalogue, entries={**catalogue.entries, "docks": dict.fromkeys("BDP", ())})
    assert list_letter_texts(doubtful, form, catalogue)
    assert not list_letter_texts(doubtful, form, listed)


def in_doubt(said: str, rival: str, form: Form, catalogue: Catalogue, sure: float = 0.8) -> Reading:
    """The reading of these words, with another dock beside the one that was said, and how sure that one is."""
    words = spoken(said)
    fields = dict(read_fields(words, form, catalogue))
    dock = replace(fields["dock"], runner_up=rival, confidence=sure)
    return Reading("first", form.name, words, {**fields, "dock": dock})
