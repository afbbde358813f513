"""What is dictated once, and corrected however often, is in stock at most once, whatever the inventory refuses, and
whenever it does; and as long as it is there, the operator can take it away."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.records import Act, Receipt, ReceiptOutcome, Word
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import (
    DeviceStarted,
    DialogueInput,
    EntryCommitted,
    InventoryAnswered,
    TimerExpired,
    UtteranceHeard,
)
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.table import State
from edge.records import Commit, Draft, LastEntry
from edge.understand.reading_builder import read_recognised_words

REPOSITORY = Path(__file__).parent.parent.parent
FORM = load_form(REPOSITORY / "schemas" / "forms" / "pallet-move.schema.json")
RULES = Rules(FORM, Catalogue.load(REPOSITORY / "config" / "catalogue"))

FIRST = "pallet seven four two twelve units dock b"
CORRECTIONS = [
    *("no fifteen units", "correction dock c", "no pallet seven four three", "no", "nine units", "yes", "cancel"),
    *("no pallet seven four two nine units dock a", "scratch that pallet seven four three twelve units dock b"),
]
"""Said over the first: each of them is about that."""

ANOTHER = {(State.CONFIRMING, "no"), (State.CONFIRMING, "nine units"), (State.IDLE, "nine units")}
"""But said there, these are about another entry, or may be."""


@dataclass
class Sent:
    """An event on its way to the inventory."""

    event_id: str
    draft: Draft


@dataclass
class Place:
    """One device and its inventory, between which answers take their time."""

    dialogue: Dialogue = field(default_factory=lambda: Dialogue(RULES))
    stock: set[str] = field(default_factory=set)
    owed: deque[Sent] = field(default_factory=deque)
    sent: list[Sent] = field(default_factory=list)
    said: int = 0

    def say(self, words: str) -> None:
        if (self.dialogue.state, words) in ANOTHER:
            return
        heard = [Word(text, at * 0.4, at * 0.4 + 0.38, 0.94) for at, text in enumerate(words.split())]
        reading = read_recognised_words("test", heard, FORM, RULES.catalogue)
        self.said += 1
        self.take(UtteranceHeard(f"u{self.said}", reading))

    def take(self, happening: DialogueInput) -> None:
        for order in self.dialogue.handle(happening):
            if isinstance(order, Commit):
                event = Sent(f"e{len(self.sent) + 1}", order.draft)
                self.sent.append(event)
                self.owed.append(event)
                self.take(EntryCommitted(LastEntry(event.event_id, order.draft, order.verdict.fields)))

    def deliver(self, *, refuse: bool) -> None:
        """The inventory takes the next event, and answers; it changes only what it has."""
        if not self.owed:
            return
        event = self.owed.popleft()
        replaces = event.draft.replaces
        refused = refuse or (replaces is not None and replaces not in self.stock)
        if not refused:
            self.stock.discard(replaces or "")
            self.stock |= set() if event.draft.act is Act.CANCEL else {event.event_id}
        outcome = ReceiptOutcome.REFUSED if refused else ReceiptOutcome.APPLIED
        receipt = Receipt(event.event_id, outcome, ("not_on_site",) if refused else ())
        self.take(InventoryAnswered(receipt, replaces=replaces))

    def rest(self) -> None:
        for _ in range(4):
            self.take(TimerExpired())


ANSWERS = st.sampled_from(["apply", "refuse"])


@given(st.lists(st.sampled_from(CORRECTIONS) | st.sampled_from(["wait", "wait", "wait"]) | ANSWERS, max_size=25))
def test_it_is_in_stock_at_most_once_and_can_be_taken_away(happenings: list[str]) -> None:
    place = Place()
    place.take(DeviceStarted())
    place.say(FIRST)
    place.rest()
    for what in happenings:
        if what in {"apply", "refuse"}:
            place.deliver(refuse=what == "refuse")
        elif what == "wait":
            place.take(TimerExpired())
        else:
            place.say(what)
        assert len(place.stock) <= 1, [(one.event_id, one.draft.act.value, one.draft.replaces) for one in place.sent]
    place.rest()
    while place.owed:
        place.deliver(refuse=False)
    place.say("cancel")
    place.say("yes")
    while place.owed:
        place.deliver(refuse=False)
    assert place.stock == set()
