"""Words of daily life in a form: those of spelling alphabets, and phrases with which an entry begins."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dockvoice_protocol.errors import ManyFaults
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import form_from_schema, load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import generate_sentences, jsgf_grammar, read_fields, vocabulary
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.reader import cached_lexicon, make_timed_words
from dockvoice_protocol.forms.spoken.rough import rough_sentences
from dockvoice_protocol.records import FieldValue, Word
from edge.agree.decide import Rules, decide
from edge.records import ClosedBy, Outcome
from edge.understand.llm.prompt import Context, ModelPrompt
from edge.understand.reading_builder import read_recognised_words
from tests.rows import each_of, rows_of

NO_CATALOGUE = Catalogue.from_rows({})
A_LOT = ["mocha", "with", "a", "lot", "of", "milk"]


@pytest.fixture(scope="module")
def schema(repository: Path) -> dict[str, Any]:
    text = (repository / "tests" / "data" / "forms" / "drink-order.schema.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@pytest.fixture(scope="module")
def form(repository: Path) -> Form:
    return load_form(repository / "tests" / "data" / "forms" / "drink-order.schema.json")


def with_table(schema: dict[str, Any]) -> dict[str, Any]:
    """The form with a field that is a letter."""
    voice = {"labels": ["table"], "spoken": "letter", "ask": "Which table?", "readback": "table {value}"}
    table = {"type": "string", "pattern": "^[A-Z]$", "x-voice": voice}
    return schema | {"properties": schema["properties"] | {"table": table}}


def decided(text: str, form: Form, language: str = "en") -> tuple[Outcome, dict[str, FieldValue]]:
    spoken = language_named(language)
    words = make_timed_words(text, form, NO_CATALOGUE, spoken)
    reading = read_recognised_words("test", words, form, NO_CATALOGUE, spoken)
    verdict = decide(reading, ClosedBy.PAUSE, Rules(form, NO_CATALOGUE, 0.5, language=spoken))
    return verdict.outcome, dict(verdict.fields)


@each_of(("text", "fields"), rows_of("form_openings", "an_entry_begins_as_the_form"))
def test_an_entry_begins_as_the_form_says_and_has_sugar_in_it(
    text: str, fields: dict[str, FieldValue], form: Form
) -> None:
    assert decided(text, form) == (Outcome.ACCEPT, fields)


@each_of(("text", "milk", "sugar"), rows_of("form_openings", "words_of_a_value_are_no"))
def test_words_of_a_value_are_no_other_words(text: str, milk: str, sugar: str | None, repository: Path) -> None:
    choices = load_form(repository / "tests" / "data" / "forms" / "barista.schema.json")
    fields = {"coffee_drink": "mocha", "milk_amount": milk} | ({} if sugar is None else {"sugar_amount": sugar})
    assert decided(text, choices) == (Outcome.ACCEPT, fields)


def test_a_short_stop_inside_a_value_makes_no_other_words_of_it(repository: Path) -> None:
    choices = load_form(repository / "tests" / "data" / "forms" / "barista.schema.json")
    words = [Word(text, at * 0.3, at * 0.3 + (0.3 if text != "a" else 0.2), 1.0) for at, text in enumerate(A_LOT)]
    assert read_fields(words, choices, NO_CATALOGUE)["milk_amount"].value == "a lot of milk"


def test_parts_of_values_are_words_without_a_meaning_of_their_own(repository: Path) -> None:
    choices = load_form(repository / "tests" / "data" / "forms" / "barista.schema.json")
    parts = cached_lexicon(choices, NO_CATALOGUE, language_named("en")).parts_of_values
    assert {"almond", "ounce", "skim"} <= parts
    assert parts.isdisjoint({"milk", "eight", "of", "a", "coffee"})


def test_values_alone_are_joined_as_people_join_them(repository: Path) -> None:
    choices = load_form(repository / "tests" / "data" / "forms" / "barista.schema.json")
    endless = generate_sentences(choices, NO_CATALOGUE, Random(1))
    said = " ".join(next(endless).text for _ in range(200)).split()
    assert {"with", "and"} <= set(said)


def test_other_languages_have_beginnings_of_their_own(form: Form) -> None:
    assert decided("Ich hätte gern kaffee, groß, zwei zucker", form, "de")[0] is Outcome.ACCEPT
    assert decided("give me kaffee", form, "de")[0] is not Outcome.ACCEPT


@each_of("text", ["can you get a latte", "don't give me a latte", "i want a latte", "small latte, give me"])
def test_what_the_form_does_not_name_asks_and_wishes_as_before(text: str, form: Form) -> None:
    assert decided(text, form)[0] is not Outcome.ACCEPT


def test_without_its_beginnings_the_same_form_takes_them_for_questions_and_wishes(schema: dict[str, Any]) -> None:
    voice = {key: told for key, told in schema["x-voice"].items() if key != "openings"}
    plain = form_from_schema(schema | {"x-voice": voice}, "drink-order", "drink-order")
    assert decided("can i get a small latte with two sugars", plain)[0] is not Outcome.ACCEPT
    assert decided("give me a small latte", plain)[0] is not Outcome.ACCEPT


@each_of(("text", "outcome", "fields"), rows_of("form_openings", "sugar"))
def test_sugar_is_a_letter_where_a_letter_is_possible(
    text: str, outcome: str, fields: dict[str, FieldValue], schema: dict[str, Any]
) -> None:
    assert decided(text, form_from_schema(with_table(schema), "drink-order", "drink-order")) == (
        Outcome[outcome],
        fields,
    )


def test_the_words_by_which_everybody_spells_open_no_field_of_a_form_that_is_spelt(schema: dict[str, Any]) -> None:
    def labelled(document: dict[str, Any]) -> dict[str, Any]:
        roast = document["properties"]["roast"]
        golf = roast | {"x-voice": roast["x-voice"] | {"labels": ["golf"]}}
        return document | {"properties": document["properties"] | {"roast": golf}}

    assert form_from_schema(labelled(schema), "drink-order", "drink-order")["roast"].labels == ("golf",)
    with pytest.raises(ManyFaults, match="'golf' cannot open a field"):
        form_from_schema(labelled(with_table(schema)), "drink-order", "drink-order")


@each_of(("opening", "told"), rows_of("form_openings", "what_no_entry_can_begin_with"))
def test_what_no_entry_can_begin_with_is_told(opening: str, told: str, schema: dict[str, Any]) -> None:
    with pytest.raises(ManyFaults) as caught:
        form_from_schema(
            schema | {"x-voice": schema["x-voice"] | {"openings": [opening]}}, "drink-order", "drink-order"
        )
    assert told in str(caught.value)


def test_recognisers_and_models_are_told_with_what_an_entry_begins(form: Form) -> None:
    endless = generate_sentences(form, NO_CATALOGUE, Random(1))
    said = [next(endless).text for _ in range(100)]
    begun = [sum(text.startswith(one) for text in said) for one in form.openings["en"]]
    assert min(begun) > 0
    assert 30 < sum(begun) < 70
    assert {"give", "can", "i'd", "sugar"} <= vocabulary(form, NO_CATALOGUE)
    assert "can i get" in jsgf_grammar(form, NO_CATALOGUE)
    rough = rough_sentences(form, NO_CATALOGUE, language_named("de"), lambda _: True)
    assert any(text.startswith("ich hätte gern") for text in rough)
    assert "give me, can i get, i'd like" in ModelPrompt(form, NO_CATALOGUE).text(Context())
