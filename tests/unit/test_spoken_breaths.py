"""Which numbers a pause may have cut in two."""

from __future__ import annotations

from dockvoice_protocol.forms.spoken import are_one_number, number_tail
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.records import Word
from tests.rows import each_of, rows_of


def words(said: str) -> list[Word]:
    return [Word(text, at * 0.4, at * 0.4 + 0.38, 1.0) for at, text in enumerate(said.split())]


@each_of(("before", "after"), rows_of("spoken_breaths", "what_makes_one_number_together_may"))
def test_what_makes_one_number_together_may_have_been_one(before: str, after: str) -> None:
    assert are_one_number(words(before), words(after))


@each_of(("before", "after"), rows_of("spoken_breaths", "what_makes_none_together_was_never"))
def test_what_makes_none_together_was_never_one(before: str, after: str) -> None:
    assert not are_one_number(words(before), words(after))


@each_of(("before", "after"), rows_of("spoken_breaths", "what_makes_one_measure_together_may"))
def test_what_makes_one_measure_together_may_have_been_one(before: str, after: str) -> None:
    assert are_one_number(words(before), words(after), measures=True)


@each_of(("before", "after"), rows_of("spoken_breaths", "what_makes_no_measure_together_was_never_one"))
def test_what_makes_no_measure_together_was_never_one(before: str, after: str) -> None:
    assert not are_one_number(words(before), words(after), measures=True)


def test_a_form_without_measures_has_no_sign() -> None:
    assert not are_one_number(words("minus"), words("eighteen units"))


def test_every_language_has_its_own_numbers() -> None:
    french = language_named("fr")
    assert are_one_number(words("palette sept soixante"), words("dix unités"), french)
    assert number_tail(words("Palette 742"), french) == ("742",)


def test_a_word_that_is_cut_in_two_is_one_number() -> None:
    german, italian = language_named("de"), language_named("it")
    assert are_one_number(words("vierund"), words("zwanzig Kartons"), german)
    assert are_one_number(words("vier"), words("undzwanzig"), german)
    assert are_one_number(words("vent"), words("uno"), italian)
    assert not are_one_number(words("Palette sieben vier drei"), words("zehn Kartons"), german)
