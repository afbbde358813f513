"""Rough sentences: of words that can be heard, as they are written, and the same at every start."""

from __future__ import annotations

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.spoken import read_transcript
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.rough import form_words, rough_sentences, surrounding_phrases
from dockvoice_protocol.languages import LANGUAGES
from tests.rows import each_of
from tests.shipped import ROOT
from tests.tiers import sized

FORMS = load_forms(ROOT / "schemas" / "forms")
CATALOGUE = Catalogue.load(ROOT / "config" / "catalogue")
MOVE = FORMS["pallet-move"]


@each_of("code", LANGUAGES[:: sized(quick=3, test=3, nightly=1)])
def test_they_hold_no_word_that_cannot_be_heard(code: str) -> None:
    language = language_named(code)
    said = [word for one, _ in form_words(MOVE, CATALOGUE, language) for word in one.lower().split()]
    heard = {word for word in said if hash_of(word) % 4}  # three quarters of them

    def knows(one: str) -> bool:
        return heard.issuperset(one.lower().split())

    told = rough_sentences(MOVE, CATALOGUE, language, knows)
    assert told == rough_sentences(MOVE, CATALOGUE, language, knows)
    assert {word for one in told for word in one.split()} <= heard


def hash_of(word: str) -> int:
    return sum(word.encode())


@each_of("code", LANGUAGES[:: sized(quick=3, test=3, nightly=1)])
def test_the_reader_finds_each_field_in_them(code: str) -> None:
    told = rough_sentences(MOVE, CATALOGUE, language_named(code), lambda _: True)[:8]
    found = {field for one in told for field in read_transcript(one, MOVE, CATALOGUE, code)}
    assert found == {field.name for field in MOVE.fields}


def test_they_keep_accents_and_write_numbers_as_one_word_and_apart() -> None:
    told = rough_sentences(MOVE, CATALOGUE, language_named("de"), lambda _: True, names=("14", "Ana"))
    words = {word for one in told for word in one.split()}
    assert words >= {"fünf", "stück", "siebenundzwanzig", "und", "für"}
    assert {"anmelden als eins vier", "anmelden als ana"} & set(told) or {"anmelden als ein vier"} & set(told)
    assert "sieben" not in surrounding_phrases(language_named("de"))
