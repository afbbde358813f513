"""The dialogue driver: runs the dialogue beside dictation, with its timers, one event at a time.

One step is one transaction: the verdicts, the entry with its event, and the draft after it are stored first, then the
other orders are carried out. So after a power cut at any moment, the next start finds the committed entries and the
open draft, and asks about the draft again. While the disk is full, the dialogue is blocked: whatever it announces to
the operator must be stored first.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.instants import to_zone
from dockvoice_protocol.records import Act, CommandTrait, FieldValue, Operator, Receipt, ShiftEvent, make_operators
from edge.agree.dialogue.interface import (
    DeviceStarted,
    DialogueInput,
    EntryCommitted,
    InventoryAnswered,
    LawAlarm,
    OfficeDecided,
    OfficeDecision,
    Order,
    ShiftBegan,
    SpeechBegan,
    StartTimer,
    StopTimer,
    TimerExpired,
    UtteranceHeard,
)
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.questions import Question
from edge.agree.dialogue.session import LONGEST_UNLOADING, MOST_ENTRIES, DialogueSettings, InReview
from edge.agree.dialogue.table import State
from edge.agree.readings import values_of
from edge.config import ReadbackPolicy, Settings
from edge.deliver.device_events import withheld_event
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.review import CORRECTED_REASON
from edge.keep.storage import DiskFull
from edge.records import (
    NOTHING_STANDS,
    Commit,
    Draft,
    DurableOrder,
    Entry,
    EventIds,
    LastEntry,
    Note,
    OutboxRow,
    Park,
    RecentEntries,
    Shift,
    StandingContext,
    StoreDropped,
    StoreFormOrLanguageChange,
    Verdict,
)
from edge.records.speech import AdjustVoice, PlayEarcon, Prompt, Say, StopSpeaking
from edge.understand.llm.prompt import PromptState

_MOST_IN_A_DAY = 5_000  # Limit of a query for entries: one every seventeen seconds, day and night.
_MINUTE_S = 60
_MOST_ASKED = 50  # Limit of drafts under review: more than an operator resumes by voice in a shift.

logger = logging.getLogger(__name__)

Render = Callable[[Entry, EventIds], dict[str, Any]]  # Makes an entry's event.


@dataclass(slots=True)
class _Planned:
    """One step of the dialogue; `draft`, `operator` and `context` are the state after it."""

    orders: tuple[Order, ...]
    draft: Draft | None
    operator: str | None
    context: StandingContext
    changes: bool  # Whether it changes anything that the journal stores.
    decided: bool  # Whether another person's decision has changed the utterances under review.
    refused: frozenset[str]  # The rejected events without a replacement, before it.
    is_stored: bool = False  # A retry goes on behind that.
    row: OutboxRow | None = None  # The pending event that it committed.
    next: _Planned | None = None  # The step for the entry that it committed.


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step of the dialogue, after it is stored."""

    orders: tuple[Order, ...]  # The orders left to carry out; the journal stores none of them.
    row: OutboxRow | None  # The pending event that it committed.


def make_dialogue_settings(settings: Settings, closing: Form | None = None) -> DialogueSettings:
    """Derive the dialogue settings from the agent's. `closing` is the form that closes trailers."""
    agree = settings.agree
    return DialogueSettings(
        undo_s=agree.undo_s,
        patience_s=agree.patience_s,
        holds_sure=settings.speak.read_back is ReadbackPolicy.ALWAYS,
        operators=make_operators(agree.operators) or None,
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

    def start(self, journal: Journal) -> StepResult:
        """Resume the dialogue in the state that the journal has."""
        kept = journal.dialogue.load_state()
        work = self._dialogue.restore_form_and_language(kept.work, kept.operator)
        self._dialogue.history.in_review = self._in_review(journal)
        last = journal.dialogue.last_entry()
        entries = tuple(journal.dialogue.latest_entries(MOST_ENTRIES))
        held = {one.event_id: one.replaces for one in journal.review.held_entries()}
        turned_down = held if last is None else held | journal.dialogue.load_refused_chain(last.event_id)
        owed = journal.outbox.count_unsettled()
        self._dialogue.set_recent_entries(RecentEntries(datetime.now().astimezone()))
        who = kept.operator or self._dialogue.recording_operator
        away = None if who is None else journal.shifts.load_break_reason(who)
        stood = kept.draft, kept.operator, last, owed, frozenset(held), entries, away, turned_down
        started = DeviceStarted(*stood, context=kept.context, shift=self._shift())
        stepped = self.store(journal, self.plan(started))
        return replace(stepped, orders=(*work, *stepped.orders))

    def _in_review(self, journal: Journal) -> InReview:
        drafts = journal.review.drafts(self._dialogue.rules.form.name, _MOST_ASKED)
        elsewhere = (form for form in journal.review.forms_under_review() if form != self._dialogue.rules.form.name)
        return InReview(journal.review.count_under_review(), tuple(drafts), tuple(elsewhere))

    def preload(self, journal: Journal, happening: DialogueInput) -> None:
        """Load into the dialogue what it needs from the journal to handle this event."""
        recorded = self._dialogue.history
        recorded.owed = journal.outbox.count_unsettled()
        if refused := frozenset(recorded.turned_down):
            recorded.clear_refusals(journal.dialogue.select_accepted_or_pending(refused))
        counts = self._dialogue.counts_when_finished
        if counts or isinstance(happening, UtteranceHeard):
            now = datetime.now().astimezone()
            reading = happening.reading if isinstance(happening, UtteranceHeard) else None
            asked = None if reading is None else reading.command
            asks = counts or (asked is not None and CommandTrait.OF_RECORD in asked.traits)
            # "That's all, trailer done" is read as no command yet.
            asks |= reading is not None and reading.act is Act.RECORD and not values_of(reading)
            entries = journal.queries.standing_entries_since(now - LONGEST_UNLOADING, _MOST_IN_A_DAY) if asks else ()
            self._dialogue.set_recent_entries(RecentEntries(now, entries))

    def plan(self, happening: DialogueInput) -> _Planned:
        """Let the dialogue handle an event. Its orders must be recorded before the next one."""
        dialogue = self._dialogue
        before, refused = (dialogue.draft, dialogue.operator, dialogue.context), frozenset(dialogue.history.refused)
        orders = tuple(dialogue.handle(happening))
        after = draft, operator, standing = dialogue.draft, dialogue.operator, dialogue.context
        changes = before != after or any(isinstance(order, DurableOrder) for order in orders)
        return _Planned(orders, draft, operator, standing, changes, isinstance(happening, OfficeDecided), refused)

    def detect_new_shift(self) -> ShiftBegan | None:
        """The event for a new shift of the site; None where the shift is unchanged."""
        now = self._shift()
        return None if now is None or now == self._dialogue.shift else ShiftBegan(now)

    def store(self, journal: Journal, planned: _Planned) -> StepResult:
        """Store a planned step in one transaction.

        Raises StorageFailed: nothing was stored, and the call may be retried; without a retry the dialogue must be
        resumed from the journal.
        """
        if not planned.is_stored:
            self._store_orders(journal, planned)
        remaining, asked = list[Order](), list[Order]()
        for order in planned.orders:
            match order:
                case Commit() if planned.next is not None:
                    # The sound for "stored" precedes the prompts of this step, and these what the next one asks.
                    behind = self.store(journal, planned.next).orders
                    remaining += (one for one in behind if not isinstance(one, Say))
                    asked += (one for one in behind if isinstance(one, Say))
                case Note() | Park() | Commit() | StoreDropped() | ShiftEvent():
                    pass
                case Say():
                    remaining += self._fill_from_journal(journal, order)
                case LawAlarm(breach, trace):
                    logger.error("conversation: %s of %s: put aside: %s", breach.law, ", ".join(breach.claims), trace)
                case _:
                    remaining.append(order)
        if mended := planned.refused - self._dialogue.history.refused:
            # After a crash before this line they stay under review, where the later entries are shown too.
            journal.review.discard_held_entries(mended, partial(withheld_event, reason=CORRECTED_REASON))
        return StepResult(_keep_first_timer([*remaining, *asked]), planned.row)

    def _store_orders(self, journal: Journal, planned: _Planned) -> None:
        """Store a step's durable orders, and plan the step for the entry that they commit."""
        if planned.changes or planned.decided:
            orders = [order for order in planned.orders if isinstance(order, DurableOrder)]
            planned.row = journal.store_dialogue_step(
                orders, planned.draft, planned.operator, self._render, planned.context
            )
            self._dialogue.history.in_review = self._in_review(journal)
        planned.is_stored = True
        committed = next((order for order in planned.orders if isinstance(order, Commit)), None)
        if committed is not None and planned.row is not None:
            now = datetime.now().astimezone()
            entry = LastEntry(planned.row.event_id, committed.draft, committed.verdict.fields, recorded_at=now)
            planned.next = self.plan(EntryCommitted(entry))

    def _fill_from_journal(self, journal: Journal, say: Say) -> list[Say]:
        """The prompts to speak for `say`: totals and counts are filled in from the journal."""
        match say:
            case Say(Prompt.GOODBYE, _, slots):
                return [say, *_shift_totals_prompts(journal, slots["name"])]
            case Say(Prompt.TOTAL, _, slots):
                return _shift_totals_prompts(journal, slots["name"]) or [_say(Prompt.TOTAL_NONE)]
            case Say(Prompt.LISTENED):
                return _last_listener_prompts(journal, self._dialogue.recording_operator)
            case Say(Prompt.TALLY | Prompt.TALLY_ALL, fields):
                return [
                    replace(say, slots={"count": str(_count_today(journal, self._dialogue.rules.form.name, fields))})
                ]
            case _:
                return [say]


def _keep_first_timer(orders: Iterable[Order]) -> tuple[Order, ...]:
    """The orders without a second timer: that of the commit's own step stands first, and was ordered last."""
    timed, kept = False, []
    for order in orders:
        is_timer = isinstance(order, StartTimer | StopTimer)
        if not (is_timer and timed):
            kept.append(order)
        timed |= is_timer
    return tuple(kept)


def _shift_totals_prompts(journal: Journal, operator: str) -> list[Say]:
    """The prompts with the ending shift's totals: entries, rejected ones, drafts under review (own; all, if more)."""
    totals = journal.shifts.last_shift_totals(operator)
    if totals is None:  # its beginning is past the retention period and removed
        return []
    counted = {form: str(count) for form, count in totals.recorded.items()}
    if len(counted) > 1:
        prompts = [
            Say(Prompt.TOTAL_OF_FORM, slots={"form": form.replace("-", " "), "count": count}, works=(form,))
            for form, count in counted.items()
        ]
    else:
        prompts = [_say(Prompt.TOTAL, count=count) for count in counted.values()] or [_say(Prompt.TOTAL_NONE)]
    if totals.turned_down:
        prompts.append(_say(Prompt.TOTAL_TURNED_DOWN, count=str(totals.turned_down)))
    if totals.aside:
        prompts.append(_say(Prompt.TOTAL_ASIDE, count=str(totals.aside)))
    waiting = journal.review.count_under_review()
    return prompts if waiting <= totals.aside else [*prompts, _say(Prompt.IN_ALL_ASIDE, count=str(waiting))]


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
    standing = journal.queries.standing_kept_entries(form, midnight, _MOST_IN_A_DAY)
    return sum(all(one.fields.get(name) == value for name, value in fields.items()) for one in standing)


def to_inventory_answer(journal: Journal, receipt: Receipt) -> InventoryAnswered:
    """The inventory's answer with the entry that it concerns; for a cancellation, the entry to be cancelled."""
    entry = journal.queries.entry(receipt.event_id)
    replaces = None if entry is None else entry.replaces
    if entry is not None and entry.act is Act.CANCEL:
        entry = journal.queries.entry(str(entry.replaces))
    fields, form = ({}, None) if entry is None else (entry.fields, entry.form)
    return InventoryAnswered(receipt, fields, replaces, form)


_T = TypeVar("_T")

step_log = logging.getLogger("dockvoice.dialogue")
"""Logs each step of the dialogue at level INFO; `dockvoice run --trace` shows them."""

LONGEST_S = 60.0
"""The longest time by which speech in progress postpones a timeout: twice the longest utterance of the usual settings.
Endless noise must not postpone it for ever."""

_MOST_REPEATS = 3  # Repeats of a prompt that a noise cut off; in a loud place every repeat would be cut off too.

_WORDS = frozenset(
    {Prompt.OFFICE_RECORDED, Prompt.OFFICE_CORRECTED, Prompt.OFFICE_DROPPED, Prompt.OFFICE_DROPPED_ONE, Prompt.DECLINED}
)
"""Prompts that announce decisions made by another person; one prompt announces all that are pending."""

POLL_S = 0.1  # Poll interval of the timers; too short to notice.
VoiceOrder = Say | PlayEarcon | StopSpeaking | AdjustVoice  # Orders for the voice output.


@dataclass(frozen=True, slots=True)
class DialogueStatus:
    """The dialogue's state after a step, for displays."""

    state: State
    draft: Draft | None  # The open draft.
    question: Question | None  # The open question.
    operator: str | None  # The operator signed on.
    voice_orders: tuple[VoiceOrder, ...]  # The step's orders for the voice output.
    noted: tuple[Note | Park, ...] = ()  # The records that it stored for utterances that make no entry by themselves.
    row: OutboxRow | None = None  # The pending event of the entry that it committed.
    form: str | None = None  # The current form.
    language: str | None = None  # The current language; None: the device's own.
    context: StandingContext = NOTHING_STANDS  # Values that apply to all following entries.


class DialogueDriver:
    """Runs one device's dialogue with its operator. Use it in the event loop only, unless a method says otherwise."""

    def __init__(
        self,
        dialogue: Dialogue,
        executor: JournalThread,
        render: Render,
        *,
        order: Callable[[VoiceOrder], None],
        is_silent: Callable[[], bool],
        on_entry: Callable[[OutboxRow], None],
        publish: Callable[[DialogueStatus], None],
        attentive: Callable[[], bool],
        cut_off: Callable[[], bool],
        shift: Callable[[], Shift | None] = lambda: None,
        switch_form_or_language: Callable[[StoreFormOrLanguageChange], None] = lambda _: None,
    ) -> None:
        """`order` is called with each order for the voice, `on_entry` with each committed event, `publish` after steps.

        `is_silent`: whether the device says nothing now. `attentive`: whether the operator speaks or an utterance is
        still being read, which may be the answer before a timeout. `cut_off`: whether a prompt was spoken over since
        the last call. `shift`: the site's current shift. `switch_form_or_language` changes both in all parts but the
        dialogue.
        """
        self._switch_form_or_language = switch_form_or_language
        self._cut_off = cut_off
        self._said: tuple[Say, ...] = ()
        self._repeats = 0
        self._attentive = attentive
        self._dialogue = dialogue
        self._steps = DialogueSteps(dialogue, render, shift)
        self._executor = executor
        self._order = order
        self._is_silent = is_silent
        self._on_entry = on_entry
        self._publish = publish
        self._posted: asyncio.Queue[DialogueInput] = asyncio.Queue()
        self._unannounced: list[str] = []  # Utterances with a decision that is not announced yet.
        self._gave_word = False  # Whether the last steps announced all pending decisions.
        self._turn = asyncio.Lock()
        self._stopping = False
        self._patience: float | None = None
        self._due: float | None = None
        self._counts = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def timeout_left_s(self) -> float | None:
        """Seconds until the timeout; None without a timer. The countdown starts when the prompt has ended."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    @property
    def awaits_answer(self) -> bool:
        """Whether a question or a readback is open. Thread-safe."""
        return self._dialogue.is_entry_open

    @property
    def state_and_draft(self) -> tuple[State, Draft | None]:
        """The state and the open draft."""
        return self._dialogue.state, self._dialogue.draft

    def try_switch_catalogue(self, catalogue: Catalogue, forms: Sequence[Form] = ()) -> bool:
        """Switch to this catalogue and these forms; False, without doing so, while a draft is open or a step runs."""
        idle = not self._turn.locked() and self._posted.empty()
        return idle and self._dialogue.replace_catalogue(catalogue, forms)

    def model_prompt_state(self) -> PromptState:
        """The state of the dialogue as it is sent to models: names of fields, no values."""
        draft, question = self._dialogue.draft, self._dialogue.question
        known = {} if draft is None or draft.act is Act.CANCEL else draft.reading.fields
        return PromptState(
            pending=tuple(name for name, said in known.items() if said.value is not None),
            asked=None if question is None else question.field,
            confirming=self._dialogue.state is State.CONFIRMING,
            last=self._dialogue.history.last is not None,
            standing=tuple(self._dialogue.context.fields),
        )

    def set_operators(self, operators: tuple[Operator, ...] | None) -> None:
        """Set the operators that may sign on, before the start; None: no sign-on is needed."""
        self._dialogue.operators = operators

    async def start(self) -> None:
        """Resume the dialogue from the journal, and announce the decisions that are not announced yet."""
        self._loop = asyncio.get_running_loop()
        async with self._turn:
            self._carry_out(await self._executor(self._steps.start))
            for one in await self._executor(lambda journal: journal.review.unannounced_decisions()):
                fate, _, why = one.fate.partition(":")
                about = one.utterance_id, OfficeDecision(fate), one.fields
                await self._announce_decision(OfficeDecided(*about, form=one.form, why=why or None))

    async def run_step(self, happening: DialogueInput) -> OutboxRow | None:
        """Run and store the step for an event; return the outbox row that it committed. Raises StorageFailed."""
        async with self._turn:
            return await self._run_step(happening)

    async def decide(self, said: UtteranceHeard) -> Verdict:
        """Run and store the step for an utterance; return the dialogue's verdict on it. Raises StorageFailed."""
        async with self._turn:
            await self._run_step(said)
            return self._dialogue.verdict

    async def run_between_steps(self, work: Callable[[Journal], _T], make_event: Callable[[_T], OfficeDecided]) -> _T:
        """Do `work` on the journal between two steps, then run the step for `make_event` of its result.

        Raises what `work` raises. `work` stays done where the announcement fails: if the device is stopped while its
        disk is full, the journal has the decision as not announced, and the next start announces it.
        """
        async with self._turn:
            done = await self._executor(work)
            try:
                await self._announce_decision(make_event(done))
            except DiskFull as fault:
                logger.warning("what a person decided is told at the next start: %s", fault)
            return done

    async def _announce_decision(self, decided: OfficeDecided) -> None:
        await self._run_step(decided, unannounced=decided.utterance_id)

    async def _run_step(self, happening: DialogueInput, unannounced: str | None = None) -> OutboxRow | None:
        """Plan, store and carry out the step for an event, and before it the one for a new shift.

        `unannounced` is an utterance whose decision is unannounced in the journal until a prompt announces it.
        """
        row, began = None, self._steps.detect_new_shift()
        for one in (happening,) if began is None else (began, happening):
            await self._executor(partial(self._steps.preload, happening=one))
            planned = self._steps.plan(one)
            record = partial(self._executor, partial(self._steps.store, planned=planned))
            stepped = await self._executor.retry_while_disk_full(record, "the conversation waits", self._on_disk_full)
            self._carry_out(stepped, tuple(order for order in planned.orders if isinstance(order, Note | Park)))
            self._gave_word |= any(isinstance(order, Say) and order.prompt in _WORDS for order in stepped.orders)
            row = stepped.row
        self._unannounced += [] if unannounced is None else [unannounced]
        # Mark decisions only once they are announced: after a power cut before that, the next start announces them.
        while self._unannounced and self._gave_word:
            await self._executor(lambda journal: journal.review.mark_announced(self._unannounced[0]))
            del self._unannounced[0]
        self._gave_word = False
        return row

    def post(self, happening: DialogueInput) -> None:
        """Queue an event; it runs after all earlier ones."""
        self._posted.put_nowait(happening)

    def post_speech_began(self) -> None:
        """Queue the event that speech began. Thread-safe."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.post, SpeechBegan())

    def stop_disk_retries(self) -> None:
        """Stop waiting for disk space: a full disk raises from now on."""
        self._stopping = True

    async def run(self) -> None:
        """Run the steps for posted events, timeouts and changes of shift, until cancelled."""
        while True:
            try:
                happening = await asyncio.wait_for(self._posted.get(), POLL_S)
            except TimeoutError:
                self._repeat_cut_off_prompts()
                if (began := self._steps.detect_new_shift()) is not None:
                    await self.run_step(began)
                if not self._is_timed_out():
                    continue
                await asyncio.sleep(0)  # lets the ear hand over a finished utterance first
                if not self._is_timed_out():
                    continue
                happening = TimerExpired()
            await self.run_step(happening)

    def _repeat_cut_off_prompts(self) -> None:
        """Repeat prompts that sound cut off without becoming an utterance, at most _MOST_REPEATS times.

        Otherwise the timeout would commit a readback that a cough cut off as if the operator had heard it.
        """
        if self._attentive() or self._turn.locked() or not self._cut_off() or self._repeats >= _MOST_REPEATS:
            return
        self._repeats += 1
        for say in self._said:
            self._order(say)
        self._counts = False

    def _is_timed_out(self) -> bool:
        """Whether the timeout has passed, counted from the end of the prompts, and no speech is in progress."""
        if self._due is None or self._patience is None or self._turn.locked():
            return False
        now = time.monotonic()
        self._counts = self._counts or self._is_silent()
        if not self._counts:
            self._due = now + self._patience
        return now >= self._due and (not self._attentive() or now - self._due > LONGEST_S)

    def _on_disk_full(self, fault: DiskFull) -> None:
        if self._stopping:
            raise fault

    def _carry_out(self, stepped: StepResult, noted: tuple[Note | Park, ...] = ()) -> None:
        for order in stepped.orders:
            match order:
                case StartTimer(seconds):
                    self._patience, self._due, self._counts = seconds, time.monotonic() + seconds, False
                case StopTimer():
                    self._due = None
                case StoreFormOrLanguageChange():
                    self._switch_form_or_language(order)
                case Say() | PlayEarcon() | StopSpeaking() | AdjustVoice():
                    self._order(order)
                case _:
                    pass
        if stepped.row is not None:
            self._on_entry(stepped.row)
        voice_orders = tuple(order for order in stepped.orders if isinstance(order, VoiceOrder))
        self._remember_prompts_to_repeat(voice_orders)
        now = self._dialogue
        stands = now.state, now.draft, now.question, now.operator, voice_orders, noted, stepped.row, *now.work
        self._publish(DialogueStatus(*stands, context=now.context))

    def _remember_prompts_to_repeat(self, voice_orders: tuple[VoiceOrder, ...]) -> None:
        if said := tuple(order for order in voice_orders if isinstance(order, Say)):
            self._said, self._repeats = said, 0
            self._dialogue.record_question_start(time.perf_counter())
        if any(not isinstance(order, StopSpeaking) for order in voice_orders):
            self._cut_off()  # called to reset it: the speech that cut the device off has led to a step
