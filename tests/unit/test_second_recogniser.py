from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_fields
from dockvoice_protocol.records import FieldReading, FieldValue, Reading, Word
from edge.understand.second_recogniser import corroborate_letters_by_transcript, find_contradictions
from tests.rows import each_of, rows_of

Otherwise = dict[str, list[FieldValue]]


def spoken(text: str) -> tuple[Word, ...]:
    """Words said one after the other; a comma is a pause."""
    words, now = [], 0.0
    for part in text.split():
        words.append(Word(part.strip(","), now, now + 0.3, 1.0))
        now += 0.7 if part.endswith(",") else 0.3
    return tuple(words)


@each_of(("first", "heard", "otherwise"), rows_of("second_recogniser", "heard"))
def test_a_second_recogniser_is_heard_on_the_words_in_question_alone(
    form: Form, catalogue: Catalogue, first: str, heard: str, otherwise: Otherwise
) -> None:
    found = find_contradictions(spoken(first), heard, form, catalogue)
    assert {name: [*both] for name, both in found.items()} == otherwise


@each_of(("first", "rival", "heard", "seconded"), rows_of("second_recogniser", "seconded"))
def test_a_letter_is_seconded_by_the_same_letter_in_a_word_of_its_own(
    form: Form, catalogue: Catalogue, first: str, rival: str, heard: str, seconded: bool
) -> None:
    before, after = checked(first, rival or None, heard, form, catalogue)
    assert after.seconded is seconded
    assert after.value == before.value
    assert (after.confidence > 0.9) is seconded


def test_an_a_is_never_borne_out_where_it_may_be_an_e(form: Form, catalogue: Catalogue) -> None:
    first, heard = "pallet four eight four, fifty pieces, dock a", "Palette four eight four, fifty pieces docket."
    before, after = checked(first, "E", heard, form, catalogue)
    assert after == before


def test_another_letter_that_cannot_have_been_said_takes_no_doubt_away(form: Form, catalogue: Catalogue) -> None:
    first, heard = "pallet four eight four, fifty pieces, dock f", "Palette four eight four, fifty pieces, dock A."
    before, after = checked(first, "B", heard, form, catalogue)
    assert after == before


def checked(
    first: str, rival: str | None, heard: str, form: Form, catalogue: Catalogue
) -> tuple[FieldReading, FieldReading]:
    """The dock of the first reader's words, before and after the check."""
    words = spoken(first)
    fields = dict(read_fields(words, form, catalogue))
    fields["dock"] = replace(fields["dock"], confidence=0.8, runner_up=rival)
    return fields["dock"], corroborate_letters_by_transcript(
        Reading("first", form.name, words, fields), heard, form, catalogue
    ).fields["dock"]
