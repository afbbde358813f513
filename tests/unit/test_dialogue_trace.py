from __future__ import annotations

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Word
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import EntryCommitted, HeadsetFaultChanged, SpeechBegan, TimerExpired, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue, StepTrace
from edge.agree.dialogue.table import Event, State, Step
from edge.records import Commit, LastEntry
from edge.understand.reading_builder import read_recognised_words

ENTRY = "pallet seven four two twelve units dock b"


@pytest.fixture
def steps() -> list[StepTrace]:
    return []


@pytest.fixture
def dialogue(form: Form, catalogue: Catalogue, steps: list[StepTrace]) -> Dialogue:
    return Dialogue(Rules(form, catalogue), trace=steps.append)


def say(dialogue: Dialogue, text: str, rules: Rules) -> None:
    words = [Word(word, at * 0.4, at * 0.4 + 0.3, 0.99) for at, word in enumerate(text.split())]
    reading = read_recognised_words("test", words, rules.form, rules.catalogue)
    for order in dialogue.handle(UtteranceHeard(text, reading)):
        if isinstance(order, Commit):
            dialogue.handle(EntryCommitted(LastEntry("e1", order.draft, order.verdict.fields)))


def test_each_step_tells_what_happened_where_it_stood_and_where_it_led(
    dialogue: Dialogue, form: Form, catalogue: Catalogue, steps: list[StepTrace]
) -> None:
    rules = Rules(form, catalogue)
    say(dialogue, ENTRY, rules)
    dialogue.handle(SpeechBegan())
    say(dialogue, "yes", rules)
    assert [(step.event, step.before, step.step, step.after) for step in steps] == [
        (Event.ENTRY, State.IDLE, Step.BEGIN, State.HELD),
        (Event.SPEAKING, State.HELD, Step.LISTEN, State.HELD),
        (Event.YES, State.HELD, Step.COMMIT, State.IDLE),
        (Event.COMMITTED, State.IDLE, Step.REMEMBER, State.IDLE),
    ]
    assert str(steps[0]).startswith("entry: idle -> held; begin an entry; ordered ")


def test_no_step_tells_what_was_said(
    dialogue: Dialogue, form: Form, catalogue: Catalogue, steps: list[StepTrace]
) -> None:
    rules = Rules(form, catalogue)
    for text in ("pallet seven four two", "twelve units", "dock b", "no fifteen units", "yes", "last entry", "cancel"):
        say(dialogue, text, rules)
    for happening in (TimerExpired(), TimerExpired(), HeadsetFaultChanged("headset_lost")):
        dialogue.handle(happening)
    told = "\n".join(map(str, steps))
    assert len(steps) >= 10
    assert not any(value in told for value in ("742", "seven", "12", "twelve", "15", "fifteen", "dock", "pallet"))
