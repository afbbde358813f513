"""Two things in one breath, in any order of what is said of each: whatever is asked, each language can word it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.languages import LANGUAGES
from edge.agent.typed_input import parse_typed
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import DeviceStarted, DialogueInput, TimerExpired, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue
from edge.records.speech import Say
from edge.speak.wording import Phrasing
from tests.rows import each_of
from tests.shipped import catalogue, form

RECEIVE = form("receive")
WRONG = {"en": "wet", "de": "nass", "es": "mojado", "fr": "mouillé", "it": "bagnato", "pl": "mokra", "pt": "molhado"}


def breaths(language: str) -> Iterator[str]:
    """Two pallets with a count and an item each, the first one wet."""

    def label(name: str) -> str:
        return RECEIVE[name].wording(language).labels[0]

    cases = RECEIVE["quantity"].unit_word(12, "CS", language)
    first = (f"{label('pallet_id')} 742", f"12 {cases}", WRONG[language], f"{label('item')} A100")
    for at, said in enumerate([*permutations(first)][::4]):
        second = (f"{label('pallet_id')} 863", f"9 {cases}", f"{label('item')} E500")
        order = [*permutations(second)][at % 6]
        yield ", ".join((" ".join(said), *order))


@each_of(("language", "said"), [(language, said) for language in LANGUAGES for said in breaths(language)])
def test_no_question_about_two_in_one_breath_lacks_a_value(language: str, said: str) -> None:
    rules = Rules(RECEIVE, catalogue(), language=language_named(language))
    dialogue, phrasing = Dialogue(rules), Phrasing(RECEIVE, language)
    name = f"{RECEIVE['pallet_id'].wording(language).labels[0]} 742"
    readings = [parse_typed(text, rules) for text in (said, name)]
    spoken = [UtteranceHeard(f"{at}", reading).with_verdict(rules) for at, reading in enumerate(readings)]
    happenings: list[DialogueInput] = [DeviceStarted(), *spoken, *[TimerExpired()] * 4]
    for happening in happenings:
        assert all(phrasing.text(order) for order in dialogue.handle(happening) if isinstance(order, Say))
