"""Dialogue steps as transactions: the dialogue's orders are stored first, then carried out.

One step is one transaction: the verdicts, the entry with its event, and the draft after it. So after a power cut at any
moment, the next start finds the committed entries and the open draft, and asks about the draft again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.instants import to_zone
from dockvoice_protocol.records import Act, FieldValue, Receipt, Shifted, Trait, operators_of
from edge.agree.dialogue.events import (
    Committed,
    Happening,
    InventoryAnswered,
    OfficeDecided,
    ShiftBegan,
    Started,
    UtteranceHeard,
)
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.orders import LawAlarm, Order
from edge.agree.dialogue.session import LONGEST_UNLOADING, MOST_ENTRIES, DialogueSettings, InReview
from edge.agree.dialogue.table import State
from edge.config import ReadBack, Settings
from edge.deliver.device_events import withheld_event
from edge.keep.journal import Journal
from edge.keep.review import PUT_RIGHT
from edge.records import (
    Commit,
    Draft,
    Drop,
    Durable,
    Entry,
    LastEntry,
    Minted,
    Note,
    OutboxRow,
    Park,
    RecentEntries,
    Shift,
    StandingContext,
)
from edge.records.speech import Prompt, Say
from edge.understand.llm.prompt import PromptState

_MOST_IN_A_DAY = 5_000  # Limit of a query for entries: one every seventeen seconds, day and night.
_MINUTE_S = 60
_MOST_ASKED = 50  # Limit of drafts under review: more than an operator resumes by voice in a shift.

logger = logging.getLogger(__name__)

Render = Callable[[Entry, Minted], dict[str, Any]]  # Makes an entry's event.


@dataclass(frozen=True, slots=True)
class _Planned:
    """One step of the dialogue, before it is stored; `draft`, `operator` and `context` are the state after it."""

    orders: tuple[Order, ...]
    draft: Draft | None
    operator: str | None
    context: StandingContext
    changes: bool  # Whether it changes anything that the journal stores.
    decided: bool  # Whether another person's decision has changed the utterances under review.
    refused: frozenset[str]  # The rejected events without a replacement, before it.


@dataclass(frozen=True, slots=True)
class Stepped:
    """One step of the dialogue, after it is stored."""

    orders: tuple[Order, ...]  # The orders left to carry out; the journal stores none of them.
    row: OutboxRow | None  # The pending event that it committed.


def dialogue_settings(settings: Settings, closing: Form | None = None) -> DialogueSettings:
    """Derive the dialogue settings from the agent's. `closing` is the form that closes trailers."""
    agree = settings.agree
    return DialogueSettings(
        undo_s=agree.undo_s,
        patience_s=agree.patience_s,
        holds_sure=settings.speak.read_back is ReadBack.ALWAYS,
        operators=operators_of(agree.operators) or None,
        operator=settings.operator,
        closing=closing,
        idle_s=None if agree.idle_signoff_minutes is None else agree.idle_signoff_minutes * _MINUTE_S,
    )


class DialogueSteps:
    """Plans a dialogue's steps and stores them in the journal, one at a time."""

    def __init__(self, dialogue: Dialogue, render: Render, shift: Callable[[], Shift | None] = lambda: None) -> None:
        """`render` makes an entry's event; `shift` returns the site's current shift."""
        self._dialogue = dialogue
        self._render = render
        self._shift = shift

    def start(self, journal: Journal) -> Stepped:
        """Resume the dialogue in the state that the journal has."""
        kept = journal.dialogue.load_state()
        work = self._dialogue.resume(kept.work, kept.operator)
        self._dialogue.recorded.aside = self._in_review(journal)
        last = journal.dialogue.last_entry()
        entries = tuple(journal.dialogue.entries(MOST_ENTRIES))
        held = {one.event_id: one.replaces for one in journal.review.held()}
        turned_down = held if last is None else held | journal.dialogue.refused_chain(last.event_id)
        owed = journal.outbox.count_unsettled()
        self._dialogue.set_recent_entries(RecentEntries(datetime.now().astimezone()))
        who = kept.operator or self._dialogue.recording_operator
        away = None if who is None else journal.shifts.load_break_reason(who)
        stood = kept.draft, kept.operator, last, owed, frozenset(held), entries, away, turned_down
        started = Started(*stood, context=kept.context, shift=self._shift())
        stepped = self.record(journal, self.plan(started))
        return replace(stepped, orders=(*work, *stepped.orders))

    def _in_review(self, journal: Journal) -> InReview:
        drafts = journal.review.drafts(self._dialogue.rules.form.name, _MOST_ASKED)
        elsewhere = (form for form in journal.review.forms() if form != self._dialogue.rules.form.name)
        return InReview(journal.review.count_under_review(), tuple(drafts), tuple(elsewhere))

    def look_up(self, journal: Journal, happening: Happening) -> None:
        """Load into the dialogue what it needs from the journal to handle this event."""
        recorded = self._dialogue.recorded
        recorded.owed = journal.outbox.count_unsettled()
        if refused := frozenset(recorded.turned_down):
            recorded.mark_accepted(journal.dialogue.accepted_or_pending(refused))
        if isinstance(happening, UtteranceHeard):
            now, asked = datetime.now().astimezone(), happening.reading.command
            asks = asked is not None and Trait.OF_RECORD in asked.traits
            entries = journal.queries.standing_entries_since(now - LONGEST_UNLOADING, _MOST_IN_A_DAY) if asks else ()
            self._dialogue.set_recent_entries(RecentEntries(now, entries))

    def plan(self, happening: Happening) -> _Planned:
        """Let the dialogue handle an event. Its orders must be recorded before the next one."""
        dialogue = self._dialogue
        before, refused = (dialogue.draft, dialogue.operator, dialogue.context), frozenset(dialogue.recorded.refused)
        orders = tuple(dialogue.handle(happening))
        after = draft, operator, standing = dialogue.draft, dialogue.operator, dialogue.context
        changes = before != after or any(isinstance(order, Durable) for order in orders)
        return _Planned(orders, draft, operator, standing, changes, isinstance(happening, OfficeDecided), refused)

    def shift_begun(self) -> ShiftBegan | None:
        """The event for a new shift of the site; None where the shift is unchanged."""
        now = self._shift()
        return None if now is None or now == self._dialogue.shift else ShiftBegan(now)

    def record(self, journal: Journal, planned: _Planned) -> Stepped:
        """Store a planned step in one transaction.

        Raises StorageFailed: nothing was stored, and the call may be retried; without a retry the dialogue must be
        resumed from the journal.
        """
        row = None
        if planned.changes or planned.decided:
            orders = [order for order in planned.orders if isinstance(order, Durable)]
            row = journal.turn(orders, planned.draft, planned.operator, self._render, planned.context)
            self._dialogue.recorded.aside = self._in_review(journal)
        heard: list[Order] = []
        for order in planned.orders:
            match order:
                case Commit(draft, verdict) if row is not None:
                    # The sound for "stored" precedes the prompts that follow.
                    now = datetime.now().astimezone()
                    entry = LastEntry(row.event_id, draft, verdict.fields, recorded_at=now)
                    heard += self._dialogue.handle(Committed(entry))
                case Note() | Park() | Commit() | Drop() | Shifted():
                    pass
                case Say():
                    heard += self._fill_from_journal(journal, order)
                case LawAlarm(breach, trace):
                    logger.error("conversation: %s of %s: put aside: %s", breach.law, ", ".join(breach.claims), trace)
                case _:
                    heard.append(order)
        if mended := planned.refused - self._dialogue.recorded.refused:
            # After a crash before this line they stay under review, where the later entries are shown too.
            journal.review.end_repeated(mended, partial(withheld_event, reason=PUT_RIGHT))
        return Stepped(tuple(heard), row)

    def _fill_from_journal(self, journal: Journal, say: Say) -> list[Say]:
        """The prompts to speak for `say`: totals and counts are filled in from the journal."""
        match say:
            case Say(Prompt.GOODBYE, _, slots):
                return [say, *_shift_totals_prompts(journal, slots["name"])]
            case Say(Prompt.TOTAL, _, slots):
                return _shift_totals_prompts(journal, slots["name"]) or [_say(Prompt.TOTAL_NONE)]
            case Say(Prompt.LISTENED):
                return _last_listener_prompts(journal, self._dialogue.recording_operator)
            case Say(Prompt.TALLY, fields):
                return [
                    replace(say, slots={"count": str(_count_today(journal, self._dialogue.rules.form.name, fields))})
                ]
            case _:
                return [say]


def _shift_totals_prompts(journal: Journal, operator: str) -> list[Say]:
    """The prompts with the ending shift's totals: entries, rejected ones, drafts under review (own; all, if more)."""
    totals = journal.shifts.last_shift_totals(operator)
    if totals is None:  # its beginning is past the retention period and removed
        return []
    counted = {form: str(count) for form, count in totals.recorded.items()}
    if len(counted) > 1:
        told = [
            Say(Prompt.TOTAL_OF_FORM, slots={"form": form.replace("-", " "), "count": count}, works=(form,))
            for form, count in counted.items()
        ]
    else:
        told = [_say(Prompt.TOTAL, count=count) for count in counted.values()] or [_say(Prompt.TOTAL_NONE)]
    if totals.turned_down:
        told.append(_say(Prompt.TOTAL_TURNED_DOWN, count=str(totals.turned_down)))
    if totals.aside:
        told.append(_say(Prompt.TOTAL_ASIDE, count=str(totals.aside)))
    waiting = journal.review.count_under_review()
    return told if waiting <= totals.aside else [*told, _say(Prompt.IN_ALL_ASIDE, count=str(waiting))]


def _last_listener_prompts(journal: Journal, operator: str | None) -> list[Say]:
    """The prompts on who listened last to this operator's recordings, when and why; and how often that was."""
    if (last := journal.clips.latest_listener(operator)) is None:
        return [_say(Prompt.LISTENED_NONE)]
    at, times = to_zone(last.at, None), [_say(Prompt.LISTENED_TIMES, count=str(last.times))] if last.times > 1 else []
    said = {"who": last.who, "time": f"{at:%H:%M}", "why": last.reason}
    if at.date() == datetime.now().astimezone().date():
        return [*times, Say(Prompt.LISTENED, slots=said)]
    return [*times, Say(Prompt.LISTENED_ON, slots={**said, "day": at.date().isoformat()})]


def _say(prompt: Prompt, **slots: str) -> Say:
    return Say(prompt, slots=slots)


def _count_today(journal: Journal, form: str, fields: Mapping[str, FieldValue]) -> int:
    """The number of current entries of this form with these values since midnight, by the device's clock."""
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    standing = journal.queries.entries_standing(form, midnight, _MOST_IN_A_DAY)
    return sum(all(one.fields.get(name) == value for name, value in fields.items()) for one in standing)


def model_prompt_state(dialogue: Dialogue) -> PromptState:
    """The state of the dialogue as it is sent to models: names of fields, no values."""
    draft, question = dialogue.draft, dialogue.question
    known = {} if draft is None or draft.act is Act.CANCEL else draft.reading.fields
    return PromptState(
        pending=tuple(name for name, said in known.items() if said.value is not None),
        asked=None if question is None else question.field,
        confirming=dialogue.state is State.CONFIRMING,
        last=dialogue.recorded.last is not None,
        standing=tuple(dialogue.context.fields),
    )


def to_inventory_answer(journal: Journal, receipt: Receipt) -> InventoryAnswered:
    """The inventory's answer with the entry that it concerns; for a cancellation, the entry to be cancelled."""
    entry = journal.queries.entry(receipt.event_id)
    replaces = None if entry is None else entry.replaces
    if entry is not None and entry.act is Act.CANCEL:
        entry = journal.queries.entry(str(entry.replaces))
    fields, form = ({}, None) if entry is None else (entry.fields, entry.form)
    return InventoryAnswered(receipt, fields, replaces, form)
