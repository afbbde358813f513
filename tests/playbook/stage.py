"""Where a play is acted: the real dialogue, decision, reader and journal, in a time that only the play lets pass."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from dockvoice_protocol.events import parse_event
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import (
    Act,
    ExpectedLine,
    ExpectedList,
    NotUnderstoodReason,
    Operator,
    PlaceKind,
    Reading,
    Receipt,
    ReceiptOutcome,
    ReceivingPlace,
    Transcript,
    Word,
    make_operators,
)
from edge.agent.dialogue_driver import StepResult
from edge.agent.review import DeviceIdentity, Reviewer, commit_reviewed, parse_assignments
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import (
    HeadsetFaultChanged,
    InventoryLinkChanged,
    OfficeDecided,
    OfficeDecision,
    ReadingContradicted,
    RosterChanged,
    SpeechBegan,
)
from edge.agree.dialogue.session import DialogueSettings
from edge.agree.dialogue.table import AGREEING, State
from edge.agree.expectations import Expectations
from edge.deliver.device_events import entry_event
from edge.keep.journal import Journal
from edge.keep.queries import KeptUtterance
from edge.records import Acoustics, ClosedBy, Outcome, Shift, StoreFormOrLanguageChange
from edge.records.speech import AdjustVoice, PlayEarcon, Say, StopSpeaking
from edge.speak.wording import Phrasing
from edge.understand.reading_builder import read_recognised_words
from edge.understand.second_recogniser import find_contradictions
from edge.understand.stt.transcript_reader import TranscriptParser
from lab.typed_conversation import TypedConversation, to_scanner_characters
from tests.playbook.script import DOES, Line
from tests.shipped import catalogue_in, form, form_in

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent

PLAIN = Acoustics(snr_db=30.0, level_db=-20.0, clipped=0.0, speech_seconds=4.0, second_voice=0.0)
"""How an operator sounds."""

SURE = 0.94  # How sure of a word whoever hears it is, unless the play says otherwise.


class Stage:
    """One play's device, inventory and clock."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._now = 0.0
        self._form = "pallet-move"
        self._at_hand: list[str] = []
        self._language = "en"
        self._shift: Shift | None = None
        self.manner = DialogueSettings(closing=form("close-trailer"))
        self._said: list[str] = []
        self._orders: list[Any] = []
        self._events: list[dict[str, Any]] = []
        self._sentence: tuple[str, tuple[Word, ...]] = "", ()
        self._talk: TypedConversation | None = None
        self._journal: Journal | None = None
        self._lists: dict[ReceivingPlace, ExpectedList] = {}

    def end(self) -> None:
        """The play is over: nothing that the device said may be untold."""
        assert self._said == [], f"at the end the device had also said: {self._said}"

    def leave(self) -> None:
        """Close what is open."""
        if self._journal is not None:
            self._journal.close()

    def act(self, line: Line) -> None:
        """Do what the line does, or see that it is true."""
        if line.rule in DOES:
            assert self._said == [], f"before this the device also said: {self._said}"
            self._orders = []
        getattr(self, f"on_{line.rule}")(*line.words)

    # What is set up.

    def on_form(self, name: str) -> None:
        self._form = name

    def on_at_hand(self, listed: str) -> None:
        self._at_hand = [name.strip() for name in listed.split(",")]
        self._form = self._at_hand[0]

    def on_operators(self, listed: str) -> None:
        pairs = (pair.split("=") for pair in listed.split(","))
        self.manner = replace(self.manner, operators=make_operators({name.strip(): who.strip() for name, who in pairs}))

    def on_numbered(self, listed: str) -> None:
        self.manner = replace(self.manner, operators=_numbered(listed))

    def on_roster(self, listed: str) -> None:
        self.manner = replace(self.manner, operators=_numbered(listed))
        self._tell(lambda: self._device.handle_event(RosterChanged(self.manner.operators)))

    def on_idle(self, minutes: str) -> None:
        self.manner = replace(self.manner, idle_s=float(minutes) * 60)

    def on_language(self, code: str) -> None:
        self._language = code

    def on_at_once(self) -> None:
        self.manner = replace(self.manner, holds_sure=False)

    # What happens.

    def on_says(self, text: str) -> None:
        self._hear(self._reading(text))

    def on_types(self, text: str) -> None:
        self._tell(lambda: self._device.say(text))

    def on_scans(self, label: str) -> None:
        self._tell(lambda: self._device.scan(to_scanner_characters(label)))

    def on_silence(self) -> None:
        due = self._device.due
        if due is not None:
            self.on_pass(str(due - self._now))

    def on_cut_off(self, text: str) -> None:
        self._hear(self._reading(text), ClosedBy.BROKEN_OFF)

    def on_noisy(self, text: str) -> None:
        self._hear(self._reading(text), acoustics=replace(PLAIN, snr_db=1.0))

    def on_afar(self, text: str) -> None:
        self._hear(self._reading(text), acoustics=replace(PLAIN, level_db=-60.0))

    def on_mumbles(self) -> None:
        self._hear(Reading("play", self._form, (), {}, NotUnderstoodReason.NO_WORDS))

    def on_unread(self, text: str) -> None:
        self._hear(replace(self._reading(text), deferrable=True))

    def on_begins(self) -> None:
        self._tell(lambda: self._device.handle_event(SpeechBegan()))

    def on_witness(self, text: str) -> None:
        which, words = self._sentence
        rules = self._device.rules
        otherwise = find_contradictions(words, text, rules.form, rules.catalogue)
        assert otherwise, "the witness heard nothing otherwise: the play would show nothing"
        self._tell(lambda: self._device.handle_event(ReadingContradicted(which, otherwise)))

    def on_pass(self, seconds: str) -> None:
        until = self._now + float(seconds)
        while self._device.due is not None and self._device.due <= until:
            self._now = self._device.due
            self._tell(self._device.expire_deadline)
        self._now = until

    def on_applies(self, number: str) -> None:
        self._answer(number, ReceiptOutcome.APPLIED)

    def on_knows(self, number: str) -> None:
        self._answer(number, ReceiptOutcome.DUPLICATE)

    def on_has(self, number: str, reason: str) -> None:
        self._answer(number, ReceiptOutcome.DUPLICATE, reason)

    def on_refuses(self, number: str, reason: str) -> None:
        self._answer(number, ReceiptOutcome.REFUSED, reason)

    def on_accepts(self, listed: str) -> None:
        office = DeviceIdentity("north", "dock-3", None, clock_believed=True)
        values = parse_assignments(
            [pair.strip().replace(" ", "=", 1) for pair in listed.split(",")], self._device.rules.form
        )
        found = self._oldest()
        assert self._journal is not None
        row = commit_reviewed(self._journal, found.utterance_id, values, self._device.rules, Reviewer("ann"), office)
        self._events.append(parse_event(row.body.encode()))
        (entry,) = self._journal.dialogue.latest_entries(1)
        decision = OfficeDecision.RECORDED if entry.fields == found.fields else OfficeDecision.CORRECTED
        decided = OfficeDecided(found.utterance_id, decision, entry.fields, entry)
        self._tell(lambda: self._device.handle_event(decided))

    def on_discards(self) -> None:
        found = self._oldest()
        assert self._journal is not None
        self._journal.review.discard(found.utterance_id, "ann", "no such pallet", lambda _: {})
        decided = OfficeDecided(found.utterance_id, OfficeDecision.DROPPED, found.fields)
        self._tell(lambda: self._device.handle_event(decided))

    def on_brings(self, kind: str, name: str, listed: str) -> None:
        place, lines = ReceivingPlace(PlaceKind(kind), name), []
        for line in listed.split(";"):
            pallet, quantity, uom, item = line.replace(":", "").removeprefix(" received").split()
            received = line.startswith(" received")
            lines.append(ExpectedLine("N1", pallet, item, int(quantity), uom, lot_needed=False, received=received))
        self._lists[place] = ExpectedList("north", place, 1, tuple(lines))

    def on_lost(self) -> None:
        self._tell(lambda: self._device.handle_event(InventoryLinkChanged(up=False)))

    def on_back(self) -> None:
        self._tell(lambda: self._device.handle_event(InventoryLinkChanged(up=True)))

    def on_fails(self, fault: str) -> None:
        self._tell(lambda: self._device.handle_event(HeadsetFaultChanged(fault)))

    def on_healed(self, fault: str) -> None:
        self._tell(lambda: self._device.handle_event(HeadsetFaultChanged(fault, healed=True)))

    def on_shift(self, name: str, day: str) -> None:
        self._shift = day, name
        self._tell(lambda: self._device.handle_event(InventoryLinkChanged(up=True)))  # whatever happens next

    def on_cut(self) -> None:
        self.leave()
        self._talk = self._journal = None
        assert self._device.state is not State.HELD, "what was held would be committed in silence"

    # What must be true.

    def on_device(self, text: str) -> None:
        assert self._said, "the device said nothing"
        said = self._said.pop(0)
        assert said == text, f"it said: {said}"

    def on_sounds(self, earcon: str) -> None:
        assert earcon in [order.earcon for order in self._orders if isinstance(order, PlayEarcon)]

    def on_silent(self) -> None:
        assert StopSpeaking() in self._orders

    def on_talks_on(self) -> None:
        assert StopSpeaking() not in self._orders

    def on_adjusts(self, how: str) -> None:
        assert [order.what.value for order in self._orders if isinstance(order, AdjustVoice)] == [how]

    def on_state(self, name: str) -> None:
        assert self._device.state.value == name

    def on_nothing_waits(self) -> None:
        assert self._device.due is None

    def on_something_waits(self) -> None:
        assert self._device.due is not None

    def on_of(self, form: str) -> None:
        assert self._last["data"]["form"] == form

    def on_entry(self, listed: str) -> None:
        told = dict(pair.strip().split(" ", 1) for pair in listed.split(","))
        assert {name: str(value) for name, value in self._last["data"]["fields"].items()} == told

    def on_event(self, kind: str, number: str, of: str | None) -> None:
        event = self._last
        assert (event["type"], event["sequence"]) == (f"dockvoice.entry.{kind}.v1", number)
        named = event["data"].get("amends") or event["data"].get("cancels")
        assert named == (None if of is None else self._events[int(of) - 1]["id"])

    def on_no_event(self) -> None:
        assert self._events == []

    def on_rests(self, count: str) -> None:
        assert 1 + len(self._last["data"].get("support", ())) == int(count)

    def on_record(self, operator: str) -> None:
        assert self._last["data"]["operator"] == (None if operator == "nobody" else operator)

    def on_worked(self, listed: str) -> None:
        assert self._journal is not None
        ended = [one for one in self._journal.shifts.shifts_and_breaks(100) if one.ended is not None]
        told = [" ".join(filter(None, (one.operator, one.kind, one.reason))) for one in ended]
        assert sorted(told) == sorted(one.strip() for one in listed.split(","))

    def on_review(self, count: str) -> None:
        assert self._journal is not None
        assert len(self._journal.review.list_under_review()) == int(count)

    def on_cancelled(self, count: str) -> None:
        assert self._journal is not None
        found = list(self._journal._db.rows("SELECT 1 FROM utterances WHERE outcome = ?", Outcome.CANCEL.value))
        assert len(found) == int(count)

    # How it is done.

    @property
    def _device(self) -> TypedConversation:
        if self._talk is None:
            self._journal = Journal.open(self._directory)
            render = partial(entry_event, site="north", device="dock-3")
            forms = self.forms
            self._talk = TypedConversation(
                *(self.rules, self._journal, render, lambda: self._now, self.manner),
                forms=forms,
                expected=lambda: Expectations(self._lists.values()),
                shift=lambda: self._shift,
            )
            self._phrasing = partial(Phrasing, others={one.name: one for one in forms})
            self._spoken = self._language
            self._tell(self._talk.start)
        return self._talk

    @property
    def rules(self) -> Rules:
        return self._rules_of(self._form)

    @property
    def forms(self) -> list[Form]:
        """Those at hand."""
        return [self._rules_of(name).form for name in self._at_hand]

    def _rules_of(self, name: str) -> Rules:
        ours = HERE / "forms" / f"{name}.schema.json"
        shipped = REPOSITORY / "schemas" / "forms" / f"{name}.schema.json"
        form = form_in(ours if ours.exists() else shipped)
        return Rules(form, catalogue_in(HERE / "catalogue"), language=language_named(self._language))

    @property
    def _last(self) -> dict[str, Any]:
        assert self._events, "there was no event"
        return self._events[-1]

    def _reading(self, text: str) -> Reading:
        rules = self._device.rules
        if self._language != "en":
            reader = TranscriptParser(rules.form, rules.catalogue, self._language)
            return reader.read(Transcript("play", text, SURE), SURE, len(text.split()) * 0.4)
        words = [_word(number, said) for number, said in enumerate(text.split())]
        return read_recognised_words("play", words, rules.form, rules.catalogue)

    def _hear(self, reading: Reading, closing: ClosedBy = ClosedBy.PAUSE, acoustics: Acoustics | None = None) -> None:
        self._tell(lambda: self._device.handle_reading(reading, closing, acoustics))
        if reading.act is Act.RECORD and len(reading.fields) > 1:
            self._sentence = self._device.latest, reading.words

    def _oldest(self) -> KeptUtterance:
        assert self._journal is not None
        return self._journal.review.list_under_review()[0]

    def _answer(self, number: str, outcome: ReceiptOutcome, *reasons: str) -> None:
        event_id = self._events[int(number) - 1]["id"]
        self._tell(lambda: self._device.handle_receipt(Receipt(event_id, outcome, reasons)))

    def _tell(self, happen: Any) -> None:
        device = self._device
        phrasing = self._phrasing(device.rules.form, self._spoken)
        stepped: StepResult = happen()
        self._orders += stepped.orders
        for order in stepped.orders:
            if isinstance(order, StoreFormOrLanguageChange):
                self._spoken = order.language or self._language
                phrasing = self._phrasing(device.rules.form, self._spoken)
            elif isinstance(order, Say):
                self._said.append(phrasing.text(order))
                # No language words it with a slot left open.
                assert all(self._phrasing(device.rules.form, other).text(order) for other in LANGUAGES)
        if stepped.row is not None:
            self._events.append(parse_event(stepped.row.body.encode()))
        assert device.state not in AGREEING or device.due is not None, "it would wait for ever"


def _numbered(listed: str) -> tuple[Operator, ...]:
    """`471 ana = op-17, 472 ben = op-18 may receive speaks es`: number, spoken name, name on record, and rights."""
    return tuple(_operator(*pair.split()) for pair in listed.split(","))


def _operator(number: str, spoken: str, _: str, who: str, *rights: str) -> Operator:
    told = dict(zip(rights[::2], rights[1::2], strict=True))
    forms = tuple(told["may"].split("+")) if "may" in told else None
    return Operator(who, number, (spoken,), told.get("speaks"), forms)


def _word(number: int, said: str) -> Word:
    text, _, confidence = said.partition("~")
    return Word(text, number * 0.4, number * 0.4 + 0.38, float(confidence or SURE))
