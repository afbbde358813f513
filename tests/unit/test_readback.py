from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_transcript
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.sentences import sample_value
from dockvoice_protocol.languages import LANGUAGES, load_table
from dockvoice_protocol.records import FieldValue
from edge.agent.typed_input import parse_typed
from edge.agree.decide import Rules
from edge.agree.terms import build_terms, find_spoken_units
from edge.hear.microphone_health import FaultKind
from edge.records import Draft
from edge.records.speech import Prompt, Say
from edge.speak.wording import Phrasing, Readback, prompts, words_by_code
from tests.reading.languages import said_in
from tests.rows import each_of, every, rows_of
from tests.tiers import sized

ROOT = Path(__file__).parent.parent.parent
FORMS = load_forms(ROOT / "schemas/forms")
CATALOGUE = Catalogue.load(ROOT / "config/catalogue")
MOVE, COUNT = FORMS["pallet-move"], FORMS["stock-count"]
ENTRY: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 15, "dock": "B"}

SSCC = "376130321109103420"  # its check digit fits

SLOTS = re.compile(r"\{(\w+)\}")

AWKWARD = (1, 2, 13, 14, 15, 19, 30, 50, 65, 75, 90, 100, 115, 150, 215, 250, 1013, 2000, 99999)


def entries(form: Form, count: int) -> list[dict[str, FieldValue]]:
    chance = Random(form.name)
    made = [
        {one.name: sample_value(one, CATALOGUE, chance) for one in form.fields if one.required} for _ in range(count)
    ]
    counted = [entry for entry in made if "quantity" in entry]
    for entry, quantity in zip(counted, AWKWARD, strict=False):
        entry["quantity"] = quantity
    return made


ONE_IN = sized(quick=40, test=20, nightly=1)
"""While working, one entry in so many is read back, in each language others."""


def some(entries: list[dict[str, FieldValue]], language: str) -> list[dict[str, FieldValue]]:
    return entries[LANGUAGES.index(language) % ONE_IN :: ONE_IN]


def test_a_language_that_the_device_does_not_speak_is_refused() -> None:
    with pytest.raises(ValueError, match="xx"):
        Readback(MOVE, "xx")


@each_of("language", LANGUAGES)
def test_each_language_has_every_prompt_with_the_slots_of_the_english_one(language: str) -> None:
    for prompt, text in prompts(language).items():
        assert sorted(SLOTS.findall(text)) == sorted(SLOTS.findall(prompts("en")[prompt])), prompt
        assert "{" not in SLOTS.sub("", text), prompt


@each_of("language", LANGUAGES)
def test_each_language_names_every_fault_of_a_microphone(language: str) -> None:
    told = {fault.value for fault in FaultKind} | {"muted", "not_recording", "storage_locked"}
    assert set(words_by_code("faults", language)) == set(words_by_code("mended", language)) == told


READ_BACK = {"entry", "field", "beside"}


@each_of("language", LANGUAGES)
def test_every_slot_of_every_prompt_is_filled(language: str) -> None:
    def is_filled(prompt: Prompt) -> None:
        slots = {name: "filled" for name in SLOTS.findall(prompts(language)[prompt]) if name not in READ_BACK}
        slots |= {"day": "2026-11-22"} if "day" in slots else {}
        works = (MOVE.name, COUNT.name)
        said = Say(prompt, ENTRY, slots, works=works, beside=ENTRY)
        text = Phrasing(MOVE, language, {COUNT.name: COUNT}).text(said)
        assert "{" not in text
        own = {"example", "others", "listed", "day"}  # what the form and the language give them
        assert all("filled" in text for name in slots if name not in own and "ork" not in name)
        named = (MOVE, COUNT) if "orks}" in prompts(language)[prompt] else ()
        assert all(form.spoken_names(language)[0].lower() in text.lower() for form in named)
        if "{entry}" in prompts(language)[prompt]:
            assert "7 4 2, 15" in text

    every(Prompt, is_filled)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@each_of("language", LANGUAGES)
def test_what_is_read_back_says_the_entry_it_was_made_from(form: Form, language: str) -> None:
    readback = Readback(form, language)
    for entry in some(entries(form, 60), language):
        line = readback.entry_line(entry, twice=False)
        heard = {
            name: (said.value, said.rivals) for name, said in read_transcript(line, form, CATALOGUE, language).items()
        }
        told = {name: (meant, ()) for name, meant in entry.items()}
        if form.name in {"pallet-move", "stock-count"}:
            assert heard == told, line
        else:  # In a transcript the breath of a separator, "menos" and "no" may mean more than one thing: asked about.
            sure = {one: (value, rivals) for one, (value, rivals) in heard.items() if value is not None and not rivals}
            assert sure.items() <= told.items(), line
        twice = readback.entry_line(entry)
        for name, said in read_transcript(twice, form, CATALOGUE, language).items():
            assert said.value in {entry[name], None}, twice


@each_of(("language", "name", "given", "clauses"), rows_of("readback", "a_field_is_read_back_so"))
def test_a_field_is_read_back_so_that_it_is_not_misheard(
    language: str, name: str, given: FieldValue, clauses: list[str]
) -> None:
    def plain(text: str) -> str:
        return text.translate(str.maketrans("éè", "ee"))

    assert [*map(plain, Readback(MOVE, language).entry_clauses({name: given}))] == [*map(plain, clauses)]


@each_of("language", LANGUAGES)
def test_a_readback_begins_with_the_only_identifier_and_no_other_clause_is_without_its_label(language: str) -> None:
    def first(form: Form, prompt: Prompt = Prompt.READBACK) -> str:
        return Phrasing(form, language).clauses(Say(prompt, entries(form, 1)[0]))[0]

    begun = [form for form in FORMS.values() if [one for one in form.fields if one.identifier] == [form.fields[0]]]
    assert len(begun) > 1
    assert all(first(form)[0].isdigit() or first(form).split()[1][0].isdigit() for form in begun)
    assert not first(MOVE, Prompt.CONFIRM_ENTRY)[0].isdigit()
    two = replace(MOVE, fields=tuple(replace(one, identifier=True) for one in MOVE.fields))
    assert not first(two)[0].isdigit()


@each_of("language", LANGUAGES)
def test_a_readback_has_the_unit_that_was_said_and_of_a_key_the_end(language: str) -> None:
    said, pallet, told = said_in(language)["read_back"]
    rules = Rules(MOVE, CATALOGUE, language=language_named(language))

    def heard(text: str, *others: str) -> str:
        draft = Draft("u1", MOVE.name, parse_typed(text, rules))
        fields = {name: one.value for name, one in draft.reading.fields.items() if one.value is not None}
        say = Say(Prompt.READBACK, fields, terms=build_terms(draft, [{"pallet_id": one} for one in others], rules))
        return Phrasing(MOVE, language).text(say)

    assert heard(said) == told
    key = said.replace(pallet, SSCC)
    assert heard(key).startswith(prompts_of(language)["ending"].format(end="3 4 2 0,"))
    assert heard(key, f"9{SSCC[1:]}").startswith("3 7 6 1 3 0")
    assert heard(said.replace(pallet, f"{SSCC[:-1]}1")).startswith("3 7 6 1 3 0")


def prompts_of(language: str) -> Mapping[str, str]:
    return load_table(language, "prompts")


@each_of(
    ("text", "told"),
    [
        ("pallet 742, twelve cases and three pieces, dock A", {12: "cases", 3: "pieces"}),
        ("pallet 742, twelve cases, no, fifteen boxes, dock A", {15: "boxes"}),
        ("pallet 742, quantity 12, dock A", {}),
        ("pallet 742, twelve pcs, dock A", {12: "pcs"}),
    ],
)
def test_a_unit_is_told_with_the_number_that_it_was_said_with(text: str, told: dict[int, str]) -> None:
    rules = Rules(MOVE, CATALOGUE)
    units = find_spoken_units(parse_typed(text, rules), rules).get("quantity", {})
    assert {value: units[value] for value in told} == told
    assert told or not units


NOTICE = FORMS["receive-notice"]


@each_of(("language", "fields", "told"), rows_of("readback", "what_is_odd_about_a_value"))
def test_what_is_odd_about_a_value_is_said(language: str, fields: dict[str, FieldValue], told: str) -> None:
    assert Phrasing(NOTICE, language).text(Say(Prompt.CONFIRM_UNUSUAL, fields, known={"uom": "CS"})) == told


def test_where_a_pallet_is_expected_is_told_if_that_is_known() -> None:
    say = Say(Prompt.CONFIRM_ELSEWHERE, {"pallet_id": "744"}, beside={"trailer": "5502"})
    assert Phrasing(NOTICE).text(say) == "pallet 7 4 4 is for trailer 5 5 0 2. Take it here?"
    assert Phrasing(NOTICE).text(replace(say, beside={})) == "Not on the list: pallet 7 4 4. Take it?"


@each_of(
    ("form", "name", "value", "told"),
    [
        (NOTICE, "trailer", "55", "Number too short: trailer 5 5. Which trailer?"),
        (
            NOTICE,
            "trailer",
            "123456789012345",
            "Number too long: trailer 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5. Which trailer?",
        ),
        (NOTICE, "trailer", "55A", "Not possible: trailer 5 5 A. Which trailer?"),
        (NOTICE, "quantity", 100000, "Too high: 100000 cases. How many?"),
        (FORMS["damage"], "quantity", -1, "Too low: minus 1 cases. How many?"),
    ],
)
def test_why_a_value_cannot_be_is_said(form: Form, name: str, value: FieldValue, told: str) -> None:
    say = Say(Prompt.ASK_IMPOSSIBLE, {name: value}, asked=name, known={"uom": "CS"})
    assert Phrasing(form).text(say) == told


@each_of(
    ("known", "told"),
    [
        ({"uom": "CS"}, ("10 cases, or 24 cases?", "How many?")),
        ({}, ("quantity 10, or quantity 24?", "How many?")),
        ({"uom": "EA", "damaged": 2}, ("10 pieces, or 24 pieces?", "How many good ones?")),
    ],
)
def test_counts_are_offered_in_their_unit_and_good_ones_asked_for_beside_damaged(
    known: dict[str, FieldValue], told: tuple[str, str]
) -> None:
    phrasing = Phrasing(NOTICE)
    offered = Say(Prompt.CHOOSE, asked="quantity", candidates=(10, 24), known=known)
    asked = Say(Prompt.ASK_FIELD, asked="quantity", known=known, named=frozenset(known))
    assert (phrasing.text(offered), phrasing.text(asked)) == told


@each_of(("language", "told"), rows_of("readback", "letters_are_spelled_in_one_way"))
def test_letters_are_spelled_in_one_way_and_no_dock_is_a_town(language: str, told: list[str]) -> None:
    move, notice = Readback(MOVE, language), Readback(NOTICE, language)
    docks = [" ".join(move.entry_clauses({"dock": letter})) for letter in "AB"]
    assert [*docks, notice.entry_clauses({"trailer": "MSCU663"})[-1].removesuffix(" 6 6 3")] == told


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@each_of("language", LANGUAGES)
def test_help_gives_an_entry_of_the_form_to_copy(form: Form, language: str) -> None:
    phrasing = Phrasing(form, language)
    before, behind = prompts(language)[Prompt.HELP].split("{example}")
    example = phrasing.text(Say(Prompt.HELP)).removeprefix(before).removesuffix(behind)
    said = read_transcript(example, form, CATALOGUE, language)
    demanded = {one.name for one in form.fields if one.required}
    assert said.keys() <= demanded, example
    assert set(form.identifies) & demanded <= said.keys(), example
