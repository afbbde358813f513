from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.forms.spoken.rough import surrounding_phrases
from dockvoice_protocol.records import Operator
from edge.agent.dialogue_driver import make_dialogue_settings
from edge.agent.parts import load_named_form, make_rules
from edge.config import Settings

INTERPRETERS = {
    "there": {"kind": "chat-audio", "client": "openai", "model": "gpt-audio-mini", "language": "de-AT"},
    "here": {"kind": "moonshine"},
}


def language(**understand: Any) -> str:
    clients = {"openai": {"kind": "openai", "key": "none"}}
    settings = load_settings(
        Settings, None, understand={"clients": clients, "interpreters": INTERPRETERS, **understand}
    )
    form, catalogue = load_named_form(settings, "pallet-move"), Catalogue.load(settings.catalogue_directory)
    return make_rules(settings, form, catalogue).language.code


@pytest.fixture(autouse=True)
def ordinary_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKVOICE_CONFIG", raising=False)


def test_what_is_said_around_dictation_is_known_by_its_words_and_pairs_of_words_without_a_number_or_letter() -> None:
    remarks = surrounding_phrases(ENGLISH)
    assert "see" in remarks
    pairs = {pair for said in remarks for pair in pairwise(said.split())}
    assert {("see", "you"), ("you", "later"), ("all", "good"), ("could", "be"), ("right", "then")} <= pairs
    assert not [said for said in remarks if any(map(ENGLISH.may_be_in_identifier, said.split()))]


def test_a_model_is_spoken_to_in_its_own_language() -> None:
    assert language(mode="cloud-first", first="there") == "de"
    assert language(mode="panel", second="there") == "de"
    assert language(mode="cloud-first", first="here") == "en"


def test_the_manner_of_a_site_names_who_may_sign_on() -> None:
    assert make_dialogue_settings(load_settings(Settings, None)).operators is None
    assert make_dialogue_settings(load_settings(Settings, None, agree={"operators": {"ana": "op-17"}})).operators == (
        Operator("op-17", spoken=("ana",)),
    )
