"""Words that a site gives its forms: which are refused and why, and what is understood with those that are taken."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.events import Topics, make_status, parse_status
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_transcript, sentences_with_further_words
from dockvoice_protocol.forms.taught import WordAlreadyKnown, add_published_words, add_word
from dockvoice_protocol.records.master import MOST_WORDS, Cells, MasterData, word_faults
from edge.agent.learning import UnknownPhraseCounter
from edge.agent.site_publications import override_files
from edge.agree.decide import Rules
from edge.config import Settings
from edge.understand.local.factory import find_unknown_words
from tests.dictated import KEY, payload
from tests.rows import every
from tests.unit.test_learning import COLLI, DOOR, ENTRY, WHOLE, spoken

ENGLISH = {"language": "en"}
DOOR_IS_DOCK = {"form": "pallet-move", "field": "dock", "as": "label", "word": "door"} | ENGLISH
CRATES = {
    "form": "receive-notice",
    "field": "quantity",
    "as": "unit",
    "means": "CS",
    "word": "crates",
    "language": "en",
}


@pytest.fixture(scope="module")
def forms(repository: Path) -> Any:
    return load_forms(repository / "schemas" / "forms")


def refused(form: Form, catalogue: Catalogue, row: Cells) -> str:
    with pytest.raises(Misconfigured) as fault:
        add_published_words(form, [row], catalogue)
    return str(fault.value)


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "another field's label": ({"word": "pallet"}, "'pallet' already belongs to 'pallet_id'"),
    "another field's unit": ({"word": "units"}, "'units' already belongs to 'quantity'"),
    "a number": ({"word": "seven"}, "cannot open a field: 'seven' is a number"),
    "a letter": ({"word": "bravo"}, "cannot open a field: 'bravo' is a number, a letter"),
    "a hesitation": ({"word": "um"}, "cannot open a field: 'um' is a number, a letter or a filler"),
    "a correction": ({"word": "sorry"}, "'sorry'"),
    "a question": ({"word": "where"}, "by which the language corrects, denies, asks or doubts"),
    "a denial": ({"word": "there is no"}, "by which the language corrects, denies, asks or doubts"),
    "a command": ({"word": "say again"}, "'say again': is a command to the device"),
    "no such field": ({"field": "gate"}, "'gate': the form has no such field; it has pallet_id, quantity, dock"),
    "a language nobody reads": ({"language": "xx"}, "language 'xx' is not read here; allowed: en, de"),
    "a unit of what counts nothing": ({"as": "unit"}, "the field 'dock' counts nothing, so it has no units"),
    "not as it is written": ({"word": "Tür!"}, "words in small letters"),
}


def test_a_word_that_means_something_else_is_refused_with_what_it_means(forms: Any, catalogue: Catalogue) -> None:
    def is_refused(one: tuple[dict[str, str], str]) -> None:
        row, told = one
        assert told in refused(forms["pallet-move"], catalogue, DOOR_IS_DOCK | row)

    every(REFUSED, is_refused)


def test_a_language_in_which_the_field_has_no_words_is_refused_since_it_would_lose_those_it_has(
    catalogue: Catalogue, forms: Any
) -> None:
    """Where a form says nothing in a language its English words are understood: one word there would end that."""
    form = forms["pallet-move"]
    schema = {**form.schema, "properties": {**form.schema["properties"]}}
    schema["properties"]["dock"] = {k: v for k, v in schema["properties"]["dock"].items() if k != "x-languages"}
    told = refused(replace(form, schema=schema), catalogue, DOOR_IS_DOCK | {"word": "tor", "language": "de"})
    assert "field 'dock' has no words in 'de'; it has some in en" in told


def test_a_word_that_the_file_has_already_is_told_to_whoever_adds_it_and_is_no_trouble_to_a_device(
    forms: Any, catalogue: Catalogue
) -> None:
    """A file that was given the word meanwhile must not cost the device all that was published."""
    form = forms["pallet-move"]
    known = [DOOR_IS_DOCK | {"word": "dock"}, DOOR_IS_DOCK | {"field": "quantity", "as": "unit", "word": "unit"}]
    for row in known:
        with pytest.raises(WordAlreadyKnown, match="already"):
            add_word(dict(form.schema), row)
    learned = add_published_words(form, [*known, DOOR_IS_DOCK], catalogue)
    assert learned["dock"].wording("en").labels.count("dock") == 1
    assert "door" in learned["dock"].wording("en").labels
    cases = CRATES | {"word": "cases"}
    assert add_published_words(forms["receive-notice"], [cases], catalogue)["quantity"].codes["cases"] == "CS"
    assert "already belongs" in refused(forms["receive-notice"], catalogue, cases | {"means": "BX"})


def test_a_unit_says_which_it_means(forms: Any, catalogue: Catalogue) -> None:
    told = refused(forms["receive-notice"], catalogue, CRATES | {"means": "XX"})
    assert (
        "'crates': as a unit of 'quantity' it means one of CS, CT, BX, EA, BG, BE, BJ, DR, PU, RO, SA; found 'XX'"
        in told
    )
    told = refused(forms["pallet-move"], catalogue, DOOR_IS_DOCK | {"as": "unit", "field": "quantity", "means": "CS"})
    assert "no field of the form holds the unit of 'quantity'; leave 'means' empty" in told
    learned = add_published_words(forms["receive-notice"], [CRATES, CRATES | {"word": "sacks"}], catalogue)
    said = read_transcript("pallet 742, twelve crates", learned, catalogue)
    assert (said["quantity"].value, said["uom"].value) == (12, "CS")
    said = read_transcript("pallet 742, twelve sacks", learned, catalogue)
    assert said["uom"].value == "CS", "a word of the site keeps its meaning"


def test_a_taught_form_understands_the_word_and_its_file_stays_as_it_was(forms: Any, catalogue: Catalogue) -> None:
    form = forms["pallet-move"]
    german = DOOR_IS_DOCK | {"word": "tür", "language": "de"}
    learned = add_published_words(form, [DOOR_IS_DOCK, german, CRATES], catalogue)
    assert "dock" not in read_transcript(DOOR, form, catalogue)
    assert read_transcript("pallet 742, twelve units, door b", learned, catalogue)["dock"].value == "B"
    assert read_transcript("Palette 742, zwölf Stück, Tür B", learned, catalogue, "de")["dock"].value == "B"
    assert "en" not in form.schema["properties"]["dock"].get("x-languages", {})
    told = " ".join(sentences_with_further_words(learned, catalogue))
    assert "door" in told, "a recogniser is told sentences with it"


FAULTS: dict[str, tuple[dict[str, str], str, str]] = {
    "no form": ({"form": ""}, "form", "found ''; allowed is the name of a form"),
    "a path": ({"form": "../x"}, "form", "found '../x'; allowed is the name of a form"),
    "no field": ({"field": "A b"}, "field", "allowed is the name of a field"),
    "a command": ({"as": "command"}, "as", "found 'command'; allowed is label or unit"),
    "capitals": ({"word": "Door"}, "word", "allowed is words in small letters"),
    "figures": ({"word": "door 7"}, "word", "allowed is words in small letters"),
    "a sentence": ({"word": "take it to the door"}, "word", "allowed is words in small letters"),
    "far too long": ({"word": "d" * 61}, "word", "allowed is words in small letters"),
    "a tag": ({"language": "de-AT"}, "language", "found 'de-AT'; allowed is a code of two letters"),
    "a meaning of a label": ({"means": "CS"}, "means", "leave it empty"),
}


def test_what_is_wrong_with_a_row_is_told_by_its_column() -> None:
    def is_told(one: tuple[dict[str, str], str, str]) -> None:
        row, column, told = one
        (fault,) = word_faults([("line 2", DOOR_IS_DOCK | row)])
        assert fault[:2] == ("line 2", column)
        assert told in fault[2]

    every(FAULTS, is_told)
    twice = [("line 2", DOOR_IS_DOCK), ("line 3", DOOR_IS_DOCK | {"as": "unit", "field": "quantity"})]
    assert [fault[2] for fault in word_faults(twice)] == ["'door' stands in line 2 too; one word means one thing"]
    letters = "abcdefghijklmnop"
    many = [(f"line {n}", DOOR_IS_DOCK | {"word": f"x{letters[n // 16]}{letters[n % 16]}"}) for n in range(240)]
    (too_many,) = word_faults(many)
    assert too_many[0] == f"line {MOST_WORDS}"
    assert "is beyond the 200 that a site may have" in too_many[2]


def test_what_is_published_is_refused_as_a_whole_where_a_form_at_hand_cannot_learn_it(
    forms: Any, catalogue: Catalogue
) -> None:
    published = MasterData("hall", "words", 7, (DOOR_IS_DOCK,))
    found = override_files(catalogue, [published], [forms["pallet-move"]])
    assert (found.words, found.versions) == ((DOOR_IS_DOCK,), {"words": 7})
    with pytest.raises(Misconfigured, match="already belongs to 'pallet_id'"):
        override_files(
            catalogue, [replace(published, rows=(DOOR_IS_DOCK | {"word": "pallet"},))], [forms["pallet-move"]]
        )
    with pytest.raises(Misconfigured, match="words, row 1, column as"):
        override_files(catalogue, [replace(published, rows=(DOOR_IS_DOCK | {"as": "x"},))], [])


def test_words_that_the_devices_recogniser_does_not_hear_are_named() -> None:
    words = [DOOR_IS_DOCK, DOOR_IS_DOCK | {"word": "qwlorx"}, DOOR_IS_DOCK | {"word": "tor", "language": "de"}]
    assert find_unknown_words(load_settings(Settings, None), words) == ("qwlorx",)
    stands_in = Settings(understand={"engine": "pocketsphinx"})
    assert find_unknown_words(stands_in, words) == ("door", "qwlorx"), "it hears the words of the form's own file alone"
    assert find_unknown_words(stands_in, []) == ()


def test_a_device_counts_what_it_does_not_understand_and_tells_no_more_of_it(tmp_path: Path, rules: Rules) -> None:
    told: list[list[dict[str, Any]]] = []
    spoken(tmp_path, rules, [DOOR, WHOLE, *([DOOR] * 2), (COLLI, ENTRY), COLLI])
    current = [rules]
    counts = UnknownPhraseCounter(
        tmp_path, lambda form: current[0] if form == "pallet-move" else None, lambda: False, told.append
    )
    asyncio.run(counts.count_and_publish())
    (door,) = told[-1]
    assert {name: door[name] for name in ("said", "form", "language", "times", "recorded")} == {
        "said": "door #",
        "form": "pallet-move",
        "language": "en",
        "times": 3,
        "recorded": 0,
    }, "colli was said twice alone, and is not told"
    assert door["lacking"][0] == "dock"
    assert set(door) == {"said", "form", "language", "times", "recorded", "lacking", "last"}
    said = make_status(
        "online", site="north", device="dock-3", key=KEY.public, unknown_words=told[-1], time=datetime.now(UTC)
    )
    assert parse_status(payload(said), Topics("dockvoice", "north", "dock-3"))["unknown_words"] == told[-1]
    form = add_published_words(rules.form, [DOOR_IS_DOCK], rules.catalogue)
    current[0] = replace(rules, form=form, catalogue=replace(rules.catalogue, words=(DOOR_IS_DOCK,)))
    asyncio.run(counts.count_and_publish())
    assert told[-1] == [], "once the word is known it is counted no more"
