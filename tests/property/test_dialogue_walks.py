"""Whatever happens in whatever order: the dialogue goes only where its table says, what is open has a deadline, left
alone it comes to rest, nothing is committed twice, or committed and dropped, and no entry lacks what it must have."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.scanned import read_scan
from dockvoice_protocol.records import Act, Operator, Receipt, ReceiptOutcome, Word
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import (
    DeviceStarted,
    DialogueInput,
    EntryCommitted,
    HeadsetFaultChanged,
    InventoryAnswered,
    InventoryLinkChanged,
    OfficeDecided,
    OfficeDecision,
    Order,
    RosterChanged,
    ShiftBegan,
    SpeechBegan,
    StartTimer,
    StopTimer,
    TimerExpired,
    UtteranceHeard,
    classify_event,
)
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.session import DialogueSettings
from edge.agree.dialogue.table import AGREEING, QUESTIONS, Event, State, list_following_states
from edge.records import ClosedBy, Commit, LastEntry, Note, Park, StoreDropped
from edge.understand.reading_builder import read_recognised_words

REPOSITORY = Path(__file__).parent.parent.parent
LOADED = load_form(REPOSITORY / "tests" / "playbook" / "forms" / "goods-check.schema.json")
TAKES = {"pallet_id": ("21",), "bay": ("10",)}
FORM = replace(LOADED, fields=tuple(replace(field, scan=TAKES.get(field.name, ())) for field in LOADED.fields))
RULES = Rules(FORM, Catalogue.load(REPOSITORY / "tests" / "playbook" / "catalogue"))

ONCE = Rules(
    load_form(REPOSITORY / "tests" / "playbook" / "forms" / "trailer-count.schema.json"),
    Catalogue.load(REPOSITORY / "tests" / "playbook" / "catalogue"),
)
"""Whose trailer and door are said once."""

CREW = (Operator("op-17", "471", ("ana",)), Operator("op-18", "472", ("anna",)), Operator("op-19", "19"))

SAID = [
    *("pallet five four three two bay a", "pallet five four three three bay d", "pallet five five five", "bay b", "d"),
    *("no bay d", "correction pallet five five one", "four seven", "one two", "damaged", "damaged damaged", "grumble"),
    *("no pallet five four three two bay d", "scratch that pallet five four three three bay d"),
    *("five four three two", "three three", "[unk]", "never mind"),
    *("yes", "no", "cancel", "say again", "how many waiting", "last entry", "help", "pause", "resume", "louder"),
    *(
        "sign on ana",
        "sign on zoe",
        "sign on four~0.2 seven one",
        "sign on nineteen",
        "sign off",
        "bay a bay b",
        "what time is it now then",
        "pallet five four bay~0.2 a~0.2",
    ),
    *("]C1215432", "]C1215433", "]C110A", "]C1215432\x1d10A", "]C1215551\x1d10D", "]C121", "]C1400742"),
]

SAID_ONCE = [
    *("trailer five five oh one door twelve", "trailer five five oh two", "door thirteen", "door thirteen from now on"),
    *("no door fourteen", "order four five five zero zero one two", "door one~0.2 two", "take it to door three please"),
    *("pallet five four three two nine cases", "pallet five four three three ten cases door nine", "nine cases"),
    *("pallet five four three four", "pallet five four three five nine cases door three from now on", "same again"),
    *(
        "same again pallet five four three six",
        "no pallet five four three two nine cases",
        "twelve",
        "five five oh one",
    ),
    *("grumble", "yes", "no", "cancel", "where am i", "pause", "resume", "sign on ana", "sign off", "never mind"),
]


def heard(said: str, number: int, rules: Rules = RULES, closing: ClosedBy = ClosedBy.PAUSE) -> UtteranceHeard:
    if said.startswith("]"):
        reading = read_scan(f"{said}\n", FORM, RULES.catalogue, date(2026, 11, 21))
        # The trigger may be pulled twice, and a second apart is as soon as any label may come after another.
        return UtteranceHeard(f"u{number}", reading, closing, began=float(number))
    words = [
        Word(text, at * 0.4, at * 0.4 + 0.38, float(sure or 0.94))
        for at, (text, _, sure) in enumerate(word.partition("~") for word in said.split())
    ]
    reading = read_recognised_words("test", words, rules.form, rules.catalogue)
    return UtteranceHeard(f"u{number}", reading, closing)


spoken = st.sampled_from(SAID)
others = st.sampled_from(
    [
        SpeechBegan(),
        TimerExpired(),
        OfficeDecided("u1", OfficeDecision.RECORDED, {"pallet_id": "742"}),
        OfficeDecided("u2", OfficeDecision.DROPPED),
        RosterChanged(CREW[:1]),
        RosterChanged(CREW),
        RosterChanged(None),
        InventoryLinkChanged(up=False),
        InventoryLinkChanged(up=True),
        HeadsetFaultChanged("headset_lost"),
        HeadsetFaultChanged("headset_lost", healed=True),
        InventoryAnswered(Receipt("e1", ReceiptOutcome.REFUSED, ("not_on_site",))),
        InventoryAnswered(Receipt("e1", ReceiptOutcome.APPLIED)),
        ShiftBegan(("2026-11-21", "late")),
        ShiftBegan(("2026-11-21", "night")),
    ]
)


class Walk:
    def __init__(self, manner: DialogueSettings, rules: Rules = RULES) -> None:
        self.rules = rules
        self.dialogue = Dialogue(rules, manner)
        self.heard: set[str] = set()
        self.waits = False
        self.became: Counter[str] = Counter()
        self.take(DeviceStarted())

    def take(self, happening: DialogueInput) -> None:
        if isinstance(happening, UtteranceHeard):
            self.heard.add(happening.utterance_id)
            happening = happening.with_verdict(self.rules)
        before, event = self.dialogue.state, classify_event(happening, self.rules)
        waits = self.dialogue._session.queue.first is not None
        orders = self.dialogue.handle(happening)
        allowed = list_following_states(before, event)
        if waits and State.IDLE in allowed:  # its turn has come
            allowed |= QUESTIONS
        if State.IDLE in allowed and self.dialogue.operator is None:  # nobody speaks who is not on the roster
            allowed |= {State.SIGNED_OFF}
        if event is Event.UNCLEAR:
            allowed |= list_following_states(before, Event.DOUBTED_SIGN_ON)
        if event is Event.NOISE:  # talk that answers a question is none
            allowed |= list_following_states(before, Event.UNCLEAR)
        if isinstance(happening, UtteranceHeard) and self.rules.form.standing_fields:  # as what stands, or with it
            allowed = allowed.union(
                *(list_following_states(before, one) for one in (Event.CONTEXT, Event.ENTRY, Event.PART))
            )
        assert self.dialogue.state in allowed, (before, event, self.dialogue.state)
        for order in orders:
            self.see(order)
        open_ = self.dialogue.state in AGREEING
        assert (self.dialogue.draft is not None) >= open_
        assert self.waits or not open_, "it would wait for ever"

    def see(self, order: Order) -> None:
        match order:
            case StartTimer():
                self.waits = True
            case StopTimer():
                self.waits = False
            case Commit(draft):
                self.became[draft.utterance_id] += 1
                assert self.became[draft.utterance_id] == 1, "committed twice"
                fields = order.verdict.fields
                required = {field.name for field in self.rules.form.fields if field.required}
                assert draft.act is Act.CANCEL or fields.keys() >= required, "something is lacking"
                assert draft.act is not Act.CONTEXT
                for name, one in draft.reading.fields.items():
                    by = {*one.said_in} & self.heard
                    assert one.words or by or f"{name}={one.value}" in draft.agreed, "nobody said so"
                self.take(EntryCommitted(LastEntry(f"e{sum(self.became.values())}", draft, fields)))
            case StoreDropped(draft):
                assert draft.utterance_id not in self.became
            case Note(utterance_id) | Park(utterance_id):
                assert utterance_id not in self.became
            case _:
                pass


@pytest.mark.parametrize("operators", [None, CREW])
@given(st.lists(spoken | others, max_size=25))
def test_any_walk_keeps_to_the_table_and_comes_to_rest(
    operators: tuple[Operator, ...] | None, happenings: list[str | DialogueInput]
) -> None:
    come_to_rest(Walk(DialogueSettings(operators=operators)), happenings)


@given(st.lists(st.sampled_from(SAID_ONCE) | others, max_size=25))
def test_what_is_said_once_is_never_an_entry_nor_in_one_unsaid(happenings: list[str | DialogueInput]) -> None:
    come_to_rest(Walk(DialogueSettings(operators=CREW, operator="op-1"), ONCE), ["sign on ana", *happenings])


def come_to_rest(walk: Walk, happenings: list[str | DialogueInput]) -> None:
    for number, happening in enumerate(happenings):
        walk.take(heard(happening, number, walk.rules) if isinstance(happening, str) else happening)
    for _ in range(4):
        if walk.waits:
            walk.waits = False
            walk.take(TimerExpired())
    assert not walk.waits
    assert walk.dialogue.draft is None
