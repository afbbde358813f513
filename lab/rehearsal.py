"""A rehearsal: one typed conversation run step by step, and its result: entries recorded, in review and given up.

A step is an utterance, or a slash command for an outside event (a scan, a receipt, a power cut): see `_STEPS`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.scanned import AS_DELIVERED, ScannerFormat
from dockvoice_protocol.records import (
    ExpectedLine,
    ExpectedList,
    Operator,
    PlaceKind,
    Receipt,
    ReceiptOutcome,
    ReceivingPlace,
)
from edge.agent.dialogue_driver import Render, StepResult
from edge.agent.review import DeviceIdentity, Reviewer, commit_reviewed, parse_assignments
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import HeadsetFaultChanged, InventoryLinkChanged, OfficeDecided, OfficeDecision
from edge.agree.dialogue.session import MOST_ENTRIES, DialogueSettings
from edge.agree.expectations import Expectations
from edge.keep.journal import Journal
from edge.keep.queries import KeptUtterance
from edge.records import Draft, Outcome, Shift, StoreFormOrLanguageChange
from edge.records.speech import Say
from edge.speak.wording import Phrasing
from lab.typed_conversation import SCANNED, TypedConversation, to_scanner_characters

_Json = dict[str, Any]

WAIT = "/wait"  # Silence, until the device does something.

_STEPS = (
    f"{WAIT} silence, until the device does something",
    "/scan TEXT a label is scanned",
    "/list trailer 5501: 742 24 CS A100; 743 6 EA A200 lot; 744 5 CS A100 received   this is announced",
    "/refuse NUMBER REASON the inventory refuses an event",
    "/accept FIELD VALUE, FIELD VALUE the office accepts the oldest that waits, these values over what was read",
    "/discard the office discards the oldest that waits",
    "/cut the power is cut, and comes back",
    "/lost, /back the network",
    "/fail FAULT, /heal FAULT the headset",
    "/shift NAME DATE another shift begins",
)

_REFERENCE_KEYS = ("amends", "cancels")  # How an event names the one that it is about.

_IN_OFFICE = "office"  # The reviewer's name in a rehearsal.


class WrongStep(ValueError):
    """Invalid step; the message gives the value found and the values allowed."""


@dataclass(frozen=True, slots=True)
class Play:
    """Settings of a conversation before it begins: rules, language, scanner, forms, operators, expected lists."""

    rules: Rules
    language: str
    sending: ScannerFormat | None = None  # The scanner's setup, if there is one: a line that begins with ] is a label.
    at_hand: tuple[Form, ...] = ()  # The forms that may be switched between.
    operators: tuple[Operator, ...] | None = None  # The operators that may sign on; None: those of the settings.
    lists: tuple[ExpectedList, ...] = ()  # The announced lists.


@dataclass(slots=True)
class Rehearsal:
    """Runs one typed conversation over a journal of its own."""

    play: Play
    directory: Path
    render: Render
    settings: DialogueSettings
    _talk: TypedConversation = field(init=False)
    _journal: Journal = field(init=False)
    _lists: dict[ReceivingPlace, ExpectedList] = field(init=False)
    _shift: Shift | None = None
    _form: Form = field(init=False)
    _events: list[_Json] = field(default_factory=list)
    _ids: dict[str, int] = field(default_factory=dict)
    _lines: dict[str, str] = field(default_factory=dict)  # Text by utterance.
    said: list[str] = field(default_factory=list)  # All that the device said.

    def __post_init__(self) -> None:
        self._lists = {one.place: one for one in self.play.lists}
        self._form = self.play.rules.form
        if self.play.operators is not None:
            self.settings = replace(self.settings, operators=self.play.operators)

    def begin(self) -> _Json:
        """Start the device; return its first prompts."""
        return self._record_turn("", self._open_conversation())

    def _open_conversation(self) -> StepResult:
        self._journal = Journal.open(self.directory)
        self._talk = TypedConversation(
            self.play.rules,
            self._journal,
            self.render,
            time.monotonic,
            self.settings,
            sending=self.play.sending or AS_DELIVERED,
            forms=self.play.at_hand,
            expected=lambda: Expectations(self._lists.values()),
            shift=lambda: self._shift,
        )
        return self._talk.start()

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def step(self, line: str) -> _Json:
        """Execute one line; return the device's prompts and events. Raises WrongStep."""
        if line.startswith("/"):
            word, _, rest = line.partition(" ")
            does = getattr(self, f"_do_{word[1:]}", None)
            if does is None:
                raise WrongStep(f"found the step {word!r}, allowed are {'; '.join(_STEPS)}")
            try:
                return self._record_turn(line, *does(rest.strip()))
            except (ValueError, IndexError, KeyError, UnreadableInput) as fault:
                raise WrongStep(f"{line!r:.120}: {fault}; allowed are {'; '.join(_STEPS)}") from fault
        if self.play.sending is not None and line.startswith(SCANNED):
            return self._record_turn(line, *self._do_scan(line))
        stepped = self._talk.say(line)
        self._lines[self._talk.latest] = line
        return self._record_turn(line, stepped)

    def result(self) -> _Json:
        """The result of the whole conversation, as JSON: events, entries, reviews, prompts."""
        kept = self._journal.queries.histories()
        entries = self._journal.queries.standing_entries_since(datetime.min.replace(tzinfo=UTC), MOST_ENTRIES)
        waiting = self._journal.review.list_under_review()
        drafts = {
            one.utterance_id: one
            for form in {one.form for one in waiting}
            for one in self._journal.review.drafts(form, MOST_ENTRIES)
        }
        why = {one.utterance_id: self._journal.queries.history(one.utterance_id).review for one in waiting}
        rests = {one.utterance_id: [one.utterance_id] for one in waiting}
        rests |= {name: [name, *one.support] for name, one in drafts.items() if name in rests}
        draft = self._talk.open_draft
        used = {name for one in kept if one.event_id is not None for name in (one.utterance_id, *one.support)}
        used |= {name for names in rests.values() for name in names} | set(self._talk.source_utterance_ids)
        return {
            "events": self._events,
            "stands": [
                {
                    "sequence": self._ids[one.event_id],
                    "form": one.form,
                    "operator": one.operator,
                    "fields": dict(one.fields),
                }
                for one in reversed(entries)
                if not one.refused
            ],
            "waits": [
                {
                    "form": one.form,
                    "operator": drafts[one.utterance_id].operator if one.utterance_id in drafts else None,
                    "fields": dict(one.fields),
                    "why": why.get(one.utterance_id),
                    "said": self._lines_of(rests[one.utterance_id], drafts.get(one.utterance_id)),
                }
                for one in waiting
            ],
            "given_up": list(self._unrecorded_lines(used)),
            "said": self.said,
            "parked": len(waiting),
            "state": self._talk.state.value,
            "standing": dict(self._talk.standing_values),
            "open": None if draft is None else {name: one.value for name, one in draft.reading.fields.items()},
        }

    def _lines_of(self, names: Iterable[str], draft: Draft | None) -> list[str]:
        """The lines that gave a draft; of a second thing of a line its own words first."""
        lines = [self._lines[name] for name in names if name in self._lines]
        if draft is None or draft.utterance_id in self._lines:
            return lines
        return [" ".join(word.text for word in draft.reading.words), *lines]

    def _unrecorded_lines(self, used: set[str]) -> Iterator[_Json]:
        """Utterances that were withdrawn or not understood, or of which a value is in no entry."""
        for name, line in self._lines.items():
            reading = None if name in used else self._journal.queries.reading(name)
            if reading is None or reading.command is not None:
                continue
            values = {one: said.value for one, said in reading.fields.items() if said.value is not None}
            outcome = self._journal.queries.history(name).outcome
            if outcome == Outcome.CANCEL:
                yield {"said": [line], "fields": values, "why": "taken back"}
            elif values or outcome == Outcome.REPEAT:
                yield {"said": [line], "fields": values, "why": "not understood"}

    # Events around the operator.

    def _do_wait(self, _: str) -> Sequence[StepResult]:
        return [] if self._talk.due is None else [self._talk.expire_deadline()]

    def _do_scan(self, text: str) -> Sequence[StepResult]:
        stepped = self._talk.scan(to_scanner_characters(text))
        self._lines[self._talk.latest] = text
        return [stepped]

    def _do_list(self, text: str) -> Sequence[StepResult]:
        announced = parse_expected_list(text)
        self._lists[announced.place] = announced
        return []

    def _do_refuse(self, text: str) -> Sequence[StepResult]:
        number, reason = text.split(maxsplit=1)
        event_id = {sequence: one for one, sequence in self._ids.items()}[int(number)]
        return [self._talk.handle_receipt(Receipt(event_id, ReceiptOutcome.REFUSED, (reason,)))]

    def _do_accept(self, text: str) -> Sequence[StepResult]:
        office = DeviceIdentity("site", "device", None, clock_believed=True)
        given = [pair.strip().replace(" ", "=", 1) for pair in text.split(",") if pair.strip()]
        found = self._oldest_review()
        rules = replace(self._talk.rules, form=self._form_named(found.form))
        row = commit_reviewed(
            self._journal, found.utterance_id, parse_assignments(given, rules.form), rules, Reviewer(_IN_OFFICE), office
        )
        self._add_event(row.event_id, row.sequence, json.loads(row.body))
        (entry,) = self._journal.dialogue.latest_entries(1)
        decision = OfficeDecision.RECORDED if entry.fields == found.fields else OfficeDecision.CORRECTED
        return [self._talk.handle_event(OfficeDecided(found.utterance_id, decision, entry.fields, entry))]

    def _do_discard(self, _: str) -> Sequence[StepResult]:
        found = self._oldest_review()
        self._journal.review.discard(found.utterance_id, _IN_OFFICE, "rehearsed", lambda _: {})
        return [self._talk.handle_event(OfficeDecided(found.utterance_id, OfficeDecision.DROPPED, found.fields))]

    def _do_cut(self, _: str) -> Sequence[StepResult]:
        self.close()
        return [self._open_conversation()]

    def _do_lost(self, _: str) -> Sequence[StepResult]:
        return [self._talk.handle_event(InventoryLinkChanged(up=False))]

    def _do_back(self, _: str) -> Sequence[StepResult]:
        return [self._talk.handle_event(InventoryLinkChanged(up=True))]

    def _do_fail(self, fault: str) -> Sequence[StepResult]:
        return [self._talk.handle_event(HeadsetFaultChanged(fault))]

    def _do_heal(self, fault: str) -> Sequence[StepResult]:
        return [self._talk.handle_event(HeadsetFaultChanged(fault, healed=True))]

    def _do_shift(self, text: str) -> Sequence[StepResult]:
        name, day = text.split()
        self._shift = day, name
        return [self._talk.handle_event(InventoryLinkChanged(up=True))]  # whatever happens next

    def _oldest_review(self) -> KeptUtterance:
        return self._journal.review.list_under_review()[0]

    def _form_named(self, name: str) -> Form:
        return next((one for one in self.play.at_hand if one.name == name), self.play.rules.form)

    # The result of the line.

    def _record_turn(self, line: str, *steps: StepResult) -> _Json:
        before, first = len(self._events), len(self.said)
        for stepped in steps:
            self.said += self._texts(stepped)
            if stepped.row is not None:
                self._add_event(stepped.row.event_id, stepped.row.sequence, json.loads(stepped.row.body))
        state = self._talk.state.value
        return {"line": line, "said": self.said[first:], "events": self._events[before:], "state": state}

    def _add_event(self, event_id: str, sequence: int, event: _Json) -> None:
        self._ids[event_id] = sequence
        data = event["data"]
        named = {name: self._ids.get(data[name]) for name in _REFERENCE_KEYS if name in data}
        content = {"form": data.get("form"), "operator": data.get("operator"), "fields": data.get("fields", {})}
        self._events.append({"sequence": sequence, "type": event["type"], **content, **named})

    def _texts(self, stepped: StepResult) -> Iterator[str]:
        """The texts of the device's prompts in a step; after a change of form, worded for the new form."""
        for order in stepped.orders:
            if isinstance(order, StoreFormOrLanguageChange):
                self._form = self._talk.rules.form
            elif isinstance(order, Say):
                yield _phrasing(self._form, self.play.language, self.play.at_hand).text(order)


@cache
def _phrasing(form: Form, language: str, at_hand: tuple[Form, ...]) -> Phrasing:
    return Phrasing(form, language, {one.name: one for one in at_hand})


_ANNOUNCED = re.compile(r"(trailer|door) (\w+): *(.+)")


def parse_expected_list(text: str) -> ExpectedList:
    """Parse `trailer 5501: 742 24 CS A100 lot; 743 6 EA A200 received` into an expected list. Raises ValueError."""
    found = _ANNOUNCED.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"found {text!r:.60}, allowed is {_STEPS[2]}")
    kind, name, lines = found.groups()
    read = []
    for line in lines.split(";"):
        pallet, quantity, uom, item, *more = line.split()
        lot, received = "lot" in more, "received" in more
        read.append(ExpectedLine("N1", pallet, item, int(quantity), uom, lot_needed=lot, received=received))
    return ExpectedList("site", ReceivingPlace(PlaceKind(kind), name), 1, tuple(read))


def parse_operators(text: str) -> tuple[Operator, ...]:
    """Parse `471 ana = op-17, 82 ben = op-18` (number, spoken name, name on record). Raises ValueError."""
    found = [re.fullmatch(r"\s*(\d+) (\w+) = (\S+)\s*", one) for one in text.split(",")]
    if None in found:
        raise ValueError(f"found {text!r:.60}, allowed is `471 ana = op-17, 82 ben = op-18`")
    return tuple(Operator(who, number, (spoken,)) for number, spoken, who in (one.groups() for one in found if one))
