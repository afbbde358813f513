from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_transcript
from dockvoice_protocol.forms.spoken.sentences import NUMBER_WORDS
from dockvoice_protocol.records import Act
from edge.understand.llm.prompt import LONGEST, Context, DialogueTurn, ModelPrompt, PromptLeakDetector, load_template
from edge.understand.llm.tool import build_tools
from tests.rows import each_of

FULL = Context(
    pending=("pallet_id", "quantity"),
    asked="dock",
    confirming=True,
    last=True,
    turns=(DialogueTurn(Act.RECORD, ("pallet_id", "quantity"), asked="dock"),) * 40,
)
COUNTS = NUMBER_WORDS - {"and", "o"}


@pytest.fixture
def prompt(form: Form, catalogue: Catalogue) -> ModelPrompt:
    return ModelPrompt(form, catalogue)


def of(values: dict[str, list[str]]) -> Catalogue:
    return Catalogue({name: dict.fromkeys(listed, ()) for name, listed in values.items()})


# ---- what must not be in it ----


@pytest.mark.parametrize("context", [Context(), FULL], ids=["nothing said", "much said"])
def test_nothing_in_it_could_come_back_as_a_record(
    prompt: ModelPrompt, form: Form, catalogue: Catalogue, context: Context
) -> None:
    text = prompt.text(context)
    assert not re.search("[0-9]", text)
    assert not COUNTS & set(re.findall("[a-z]+", load_template().template.lower()))
    for line in text.splitlines():
        found = read_transcript(line, form, catalogue)
        assert {name for name, field in found.items() if field.value is not None} <= {"dock"}


def test_the_context_cannot_hold_a_value(form: Form, catalogue: Catalogue) -> None:
    told = ModelPrompt(form, catalogue).text(FULL)
    assert "known of it: pallet, quantity" in told
    assert "just asked for: dock" in told
    assert "naming pallet, quantity; the device asked for dock" in told
    assert "742" not in ModelPrompt(form, catalogue).text(
        Context(pending=("742",), turns=(DialogueTurn(Act.RECORD, ("742",)),))
    )


# ---- how long it may be ----


@each_of("name", ["pallet-move", "stock-count"])
def test_all_together_is_far_below_what_models_take(name: str, repository: Path, catalogue: Catalogue) -> None:
    form = load_forms(repository / "schemas" / "forms")[name]
    whole = ModelPrompt(form, catalogue).text(FULL) + json.dumps(build_tools(form))
    assert len(whole) <= LONGEST


def test_hints_go_first_then_the_past_and_then_the_form_is_refused(form: Form) -> None:
    docks = of({"docks": ["A", "B"]})
    whole = ModelPrompt(form, docks).text(FULL)

    def with_room(room: int) -> str:
        return ModelPrompt(form, docks, LONGEST - room).text(FULL)

    assert with_room(len(whole)) == whole
    assert "Dock: A, B" not in with_room(len(whole) - 1)
    assert "An entry is at hand" in with_room(len(whole) - 1)
    assert with_room(len(whole) - 200).endswith("Nothing went before.")
    with pytest.raises(Misconfigured, match=r"form 'pallet-move': is too large for a model; part it"):
        with_room(100)


# ---- what must be in it ----


# ---- leaks ----


def test_every_sentence_of_the_prompt_is_known_again(prompt: ModelPrompt, form: Form) -> None:
    leaks = PromptLeakDetector(prompt.text(Context()), build_tools(form))
    sentences = re.split(r"[.\n:]+", load_template().template)
    long = [sentence for sentence in sentences if len(sentence.split()) >= 8 and "`" not in sentence]
    assert len(long) >= 8
    assert all(leaks.is_leaked_in(["pallet seven", sentence.upper()]) for sentence in long)


@pytest.mark.parametrize(
    "said",
    [
        "pallet seven four two twelve units going to dock b",
        "okay now pallet number nine nine five one quantity thirty dock alpha please",
        "no sorry the last one was fifteen units and not fifty",
        "",
    ],
)
def test_what_operators_say_is_no_leak(prompt: ModelPrompt, form: Form, said: str) -> None:
    assert not PromptLeakDetector(prompt.text(FULL), build_tools(form)).is_leaked_in([said])
