"""What a recogniser is told to expect: sentences, a JSGF grammar, a vocabulary."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import check_speakable, command_phrases, jsgf_grammar, sample_sentences, vocabulary
from tests import shipped
from tests.rows import each_of

once = cache(sample_sentences)  # Sampling takes most of a second, and gives the same each time.


@pytest.fixture(scope="module", params=["pallet-move", "stock-count"])
def form(request: pytest.FixtureRequest) -> Form:
    return shipped.form(request.param)


@pytest.fixture(scope="module")
def pallet_move() -> Form:
    return shipped.form()


def docks(values: Mapping[str, tuple[str, ...]]) -> Catalogue:
    return Catalogue(MappingProxyType({"docks": MappingProxyType(dict(values))}))


@each_of(
    ("values", "told"),
    [
        ({"AB": ()}, "'AB' breaks the rules of field 'dock'"),
        ({"A": (), "7": ()}, "'7' breaks the rules of field 'dock'"),
    ],
)
@each_of("make", [sample_sentences, jsgf_grammar, check_speakable])
def test_a_known_value_that_breaks_the_form_is_told(
    make: Any, values: Mapping[str, tuple[str, ...]], told: str, pallet_move: Form
) -> None:
    with pytest.raises(Misconfigured, match=re.escape(told)):
        make(pallet_move, docks(values))


def unpatterned(repository: Path, directory: Path, spoken: str) -> Form:
    """The pallet move with docks of any look."""
    schema = json.loads((repository / "schemas" / "forms" / "pallet-move.schema.json").read_text())
    del schema["properties"]["dock"]["pattern"]
    schema["properties"]["dock"]["x-voice"]["spoken"] = spoken
    path = directory / "pallet-move.schema.json"
    path.write_text(json.dumps(schema))
    return load_form(path)


@pytest.mark.parametrize("spoken", ["letter", "digits", "alphanumeric"])
def test_a_value_without_words_is_told(spoken: str, repository: Path, tmp_path: Path) -> None:
    form = unpatterned(repository, tmp_path, spoken)
    with pytest.raises(Misconfigured, match=f"'East-1' cannot be said as {spoken}; give it words"):
        sample_sentences(form, docks({"East-1": ()}))


def test_every_word_of_the_sentences_is_in_the_vocabulary(form: Form, catalogue: Catalogue) -> None:
    words = {word for phrase in once(form, catalogue) for word in phrase.split()}
    assert words <= vocabulary(form, catalogue)


def test_what_people_say_besides_the_fields_occurs(pallet_move: Form, catalogue: Catalogue) -> None:
    text = "\n".join(once(pallet_move, catalogue))
    fillers = ["um", "uh", "okay", "please", "moving", "that is", "going to", "i have", "with", "at", "to"]
    numbers = ["double", "triple", "oh", "hundred and", "forty two", "quantity"]
    for words in [*fillers, "no", "sorry", "correction", *numbers, "b as in bravo", "dock b", "dock bravo"]:
        assert re.search(rf"\b{words}\b", text), words


def test_exceptions_and_check_digits_are_answers_too(repository: Path) -> None:
    playbook = repository / "tests" / "playbook"
    form = load_form(playbook / "forms" / "goods-check.schema.json")
    grammar = jsgf_grammar(form, Catalogue.load(playbook / "catalogue"), command_phrases())
    assert "<exception> = damaged [damaged] | short [short] | wet [wet];" in grammar
    assert "<check> = apple | <digit>+;" in grammar
    assert "<answer> = <pallet_id_value> | <bay_value>;" in grammar
