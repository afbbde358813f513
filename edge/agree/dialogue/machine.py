"""The dialogue machine, from a verdict to an agreed entry. Pure: events come in, orders go out.

An utterance is read in the context of the dialogue (`rereading`) and classified (`classification`). `table.py` maps
each state and event to a step: a function of `drafting`, `corrections`, `amendments`, `standing`, `answers`,
`yes_no_answers`, `instead_of_answer`, `repeating`, `scans`, `review`, `receipts`, `trailers`, `works`, `context`,
`shifts` or `status`, which changes the one `DialogueSession` and returns the orders. Before each step that takes
values, `standing` keeps them apart from an open context, and `several` takes one of several things at a time. Two rules
hold behind every step: `claims` audits what it did, and `reference` says whose question is open. The driver of the
dialogue writes the durable orders and the draft in one transaction first, then carries out the other orders. If the
write fails, the driver discards the dialogue and restarts it from the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import is_correction
from dockvoice_protocol.records import Act, Operator, ShiftEvent
from edge.agree.decide import Rules
from edge.agree.dialogue import (
    amendments,
    answers,
    claims,
    context,
    context_doubts,
    corrections,
    drafting,
    next_or_instead,
    not_chosen,
    parking,
    receipts,
    reference,
    repeating,
    rereading,
    review,
    scans,
    several,
    shifts,
    splitting,
    standing,
    status,
    take_back,
    trailers,
    works,
    yes_no_answers,
)
from edge.agree.dialogue.classification import classify_happening
from edge.agree.dialogue.interface import (
    NOT_JUDGED,
    DeviceStarted,
    DialogueInput,
    LawAlarm,
    Order,
    StartTimer,
    StopTimer,
    TimerExpired,
    UtteranceHeard,
)
from edge.agree.dialogue.questions import Question, Topic, hold_if_accepted
from edge.agree.dialogue.session import MOST_EXTENSIONS, DialogueSession, DialogueSettings, FormSet, History
from edge.agree.dialogue.table import AGREEING, CLOSED, QUESTIONS, TABLE, Event, State, Step
from edge.agree.readings import name_behind_next
from edge.records import (
    Commit,
    Draft,
    Note,
    Outcome,
    Park,
    RecentEntries,
    Shift,
    StandingContext,
    StoreFormOrLanguageChange,
)
from edge.records.speech import AdjustVoice, Earcon, PlayEarcon, Prompt, Say


def _answer_query(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Answer a query command without changing state; without a command, give help or the last entry."""
    usual = status.say_help if session.state is State.SIGNED_OFF else trailers.say_named_or_last_entry
    answer = usual if utterance.reading.command is None else status.ANSWERS[utterance.reading.command]
    return [*status.record_utterance(session, utterance), *session.make_repeatable_together(answer(session, utterance))]


SPEECH_STEPS: Mapping[Step, Callable[[DialogueSession, UtteranceHeard], list[Order]]] = {
    Step.NOTE: status.record_utterance,
    Step.BEGIN: amendments.begin_or_replace_last,
    Step.NEXT: corrections.begin_next_or_correct_held,
    Step.CORRECT: corrections.correct_held,
    Step.AMEND: amendments.correct_named_or_last,
    Step.ANSWER: answers.answer_open_question,
    Step.SCAN: scans.apply_scan,
    Step.SCAN_FAULT: scans.announce_scan_fault,
    Step.PROVE: answers.compare_check_digits,
    Step.AGREE: yes_no_answers.close_or_reopen_trailer_or_accept_yes,
    Step.DISAGREE: yes_no_answers.reject_open_question,
    Step.NEITHER: yes_no_answers.ask_for_value_not_offered,
    Step.WHAT_IS_WRONG: yes_no_answers.ask_what_is_wrong,
    Step.KEEP: corrections.put_named_utterance_under_review,
    Step.COMMIT: drafting.commit_on_yes,
    Step.DOUBT: drafting.ask_to_repeat_possible_no,
    Step.NOT_UNDERSTOOD: repeating.ask_to_repeat,
    Step.ASK_AGAIN: repeating.reject_answer,
    Step.NOT_HEARD: repeating.reject_indistinct,
    Step.DROP: yes_no_answers.handle_cancel_over_open,
    Step.FORGET: yes_no_answers.drop_open_or_park_again,
    Step.OBJECT: standing.ask_what_is_wrong_with_context_or_last,
    Step.TAKE_BACK: amendments.ask_to_cancel_named_or_last,
    Step.DEFER: repeating.defer_until_model_answers,
    Step.PUT_OFF: drafting.require_yes_until_model_answers,
    Step.TURN_AWAY: status.park_unaccepted_values,
    Step.TAKE_NOTHING_BACK: status.refuse_to_take_back,
    Step.TELL: _answer_query,
    Step.CLOSE: trailers.ask_to_close_trailer,
    Step.CLOSE_NEXT: trailers.commit_and_ask_to_close,
    Step.FINISH_FIRST: trailers.ask_open_question_before_closing,
    Step.TAKE_UP: review.ask_about_oldest_review,
    Step.TELL_OPEN: review.repeat_open_question_or_readback,
    Step.PUT_ASIDE: review.park_on_request,
    Step.SET: standing.set_context,
    Step.PAUSE: status.begin_pause,
    Step.RESUME: status.end_pause,
    Step.ADJUST: status.adjust_voice,
    Step.SIGN_ON: shifts.sign_on,
    Step.WHO: shifts.ask_who_signs_on,
    Step.SIGN_ON_ASKED: shifts.sign_on_candidate,
    Step.SOMEBODY_ELSE: shifts.ask_about_next_candidate,
    Step.WHO_AGAIN: shifts.ask_who_again,
    Step.SIGN_OFF: shifts.sign_off,
    Step.SWITCH: works.switch_form,
    Step.ASK_WORK: works.ask_form_before_anything_else,
    Step.NOT_HEARD_HERE: works.announce_language_not_recognised,
}
"""The function of each step that takes an utterance."""

_DICTATION = frozenset({Step.BEGIN, Step.NEXT, Step.CORRECT, Step.AMEND, Step.ANSWER, Step.SCAN, Step.PROVE})
"""The steps that take values: before them the standing context, and several things in one breath, are kept apart."""

OTHER_STEPS: Mapping[Step, Callable[[DialogueSession, Any], list[Order]]] = {
    Step.NOTHING: lambda *_: [],
    Step.COMMIT: drafting.end_undo_window,
    Step.WHICH: drafting.ask_which_value,
    Step.LAPSE: repeating.handle_question_timeout,
    Step.LET_GO: status.park_draft_during_pause,
    Step.LISTEN: status.stop_speaking,
    Step.REMEMBER: receipts.record_commit,
    Step.COUNT: receipts.count_receipt,
    Step.NEWS: receipts.queue_refusal_or_link_news,
    Step.DECIDED: review.apply_office_decision,
    Step.ALARM: status.announce_fault_or_end,
    Step.NEW_SHIFT: context.end_context_with_shift,
    Step.UNUSED: shifts.sign_off_after_idle_timeout,
    Step.NOBODY: shifts.abandon_sign_on,
    Step.ROSTER: shifts.replace_roster,
    Step.RESTORE: status.restore_after_restart,
}
"""The functions of all other steps. The table passes each only the event type that it expects."""

_TRACED_FIELDS: Mapping[type, str] = {
    Note: "verdict.outcome",
    Park: "why",
    Commit: "draft.act",
    ShiftEvent: "change",
    StoreFormOrLanguageChange: "form",
    Say: "prompt",
    PlayEarcon: "earcon",
    AdjustVoice: "what",
    StartTimer: "seconds",
}
"""By order type, the attribute that the trace shows beside its name."""


@dataclass(frozen=True, slots=True)
class StepTrace:
    """Trace of one step: names of states, steps, prompts and reasons, never a spoken word or a value."""

    event: Event  # The row of the table.
    before: State  # The column of the table.
    step: Step  # The cell of the table.
    after: State
    orders: tuple[Order, ...]

    def __str__(self) -> str:
        ordered = ", ".join(map(_describe_order, self.orders)) or "nothing"
        return f"{self.event}: {self.before} -> {self.after}; {self.step}; ordered {ordered}"


def _describe_order(order: Order) -> str:
    name = type(order).__name__
    return f"{name}({attrgetter(_TRACED_FIELDS[type(order)])(order)})" if type(order) in _TRACED_FIELDS else name


class Dialogue:
    """The dialogue of one device, which fills one form at a time."""

    def __init__(
        self,
        rules: Rules,
        settings: DialogueSettings | None = None,
        trace: Callable[[StepTrace], None] = lambda _: None,
        forms: Sequence[Form] = (),
    ) -> None:
        """`settings` default to `DialogueSettings()`. `trace` is called after each step.

        `forms` are the device's forms, including that of `rules`; empty: only that one.
        """
        at_hand = FormSet(tuple(forms) or (rules.form,), rules.language)
        self._session = DialogueSession(rules, settings or DialogueSettings(), at_hand)
        self._trace = trace
        self.verdict = NOT_JUDGED
        """The verdict on the latest utterance as it was read in its context; HOLD in place of ACCEPT."""

    def restore_form_and_language(self, work: StoreFormOrLanguageChange | None, operator: str | None) -> list[Order]:
        """Restore the form and language from before a restart, if the device still has the form.

        Call it before `DeviceStarted`. If the form is gone or was never chosen, a signed-on operator is asked for it.
        """
        if work is None:
            return []
        session = self._session
        session.operator = operator
        known = work if session.works.find_form(work.form) else replace(work, form=None)
        if known.form is None and operator is None:
            known = replace(known, form=session.rules.form.name)
        return works.set_form_and_language(session, known)

    @property
    def state(self) -> State:
        """The current state of the table."""
        return self._session.state

    @property
    def is_entry_open(self) -> bool:
        """Whether an entry is being agreed, or a sign-on is being confirmed."""
        return self.state in AGREEING or self.state is State.IDENTIFYING

    def replace_catalogue(self, catalogue: Catalogue, forms: Sequence[Form] = ()) -> bool:
        """Replace the catalogue; False (unchanged) while a draft is open or queued.

        `forms` are the device's forms with their new wording; empty: unchanged.
        """
        session = self._session
        if self.is_entry_open or session.draft is not None or session.queue.first is not None:
            return False
        session.works.forms = tuple(forms) or session.works.forms
        form = session.works.find_form(session.rules.form.name) or session.rules.form
        session.rules = replace(session.rules, catalogue=catalogue, form=form)
        return True

    @property
    def rules(self) -> Rules:
        """The rules of the current form and language."""
        return self._session.rules

    def rules_of(self, form: str) -> Rules | None:
        """The rules of the named form; None if the device does not have it."""
        found = self._session.works.find_form(form)
        return None if found is None else replace(self._session.rules, form=found)

    @property
    def work(self) -> tuple[str, str | None]:
        """The current form's name, and the code of the chosen language; None: the device's own."""
        return self._session.rules.form.name, self._session.works.language

    @property
    def draft(self) -> Draft | None:
        """The open draft, with the orders that wait behind it."""
        draft, behind = self._session.draft, self._session.waiting_orders
        return replace(draft, behind=behind) if draft is not None and behind else draft

    @property
    def question(self) -> Question | None:
        """The open question."""
        return self._session.question

    @property
    def operator(self) -> str | None:
        """The operator who is signed on."""
        return self._session.operator

    @property
    def context(self) -> StandingContext:
        """The standing context: values that later entries inherit."""
        return self._session.context

    @property
    def shift(self) -> Shift | None:
        """The site's current shift; None: unknown."""
        return self._session.shift

    @property
    def recording_operator(self) -> str | None:
        """The operator to record entries under."""
        return self._session.recording_operator

    @property
    def history(self) -> History:
        """The latest entries on record, with their state at the inventory."""
        return self._session.recorded

    @property
    def counts_when_finished(self) -> bool:
        """Whether the entries on record will be counted as soon as nothing is open: a trailer is done."""
        return any(map(self._session.settings.is_closing, self._session.waiting_orders))

    def set_recent_entries(self, lately: RecentEntries) -> None:
        """Set the current entries on record, which the next event needs."""
        self._session.lately = lately

    @property
    def operators(self) -> tuple[Operator, ...] | None:
        """The operators who may sign on; None: no sign-on is needed. Set it before `DeviceStarted`."""
        return self._session.settings.operators

    @operators.setter
    def operators(self, operators: tuple[Operator, ...] | None) -> None:
        self._session.settings = replace(self._session.settings, operators=operators)
        self._session.state = self._session.state_without_open_entry

    def record_question_start(self, at: float) -> None:
        """Record when the current question began to be spoken, in the driver's clock; a repeat keeps the first time."""
        session, spoken = self._session, self._session.spoken
        put = (session.question or session.identifying, session.draft)
        if spoken.put != put:
            spoken.put, spoken.put_at = put, at

    def handle(self, happening: DialogueInput) -> list[Order]:
        """Process one event; return the orders it leads to, in order."""
        session = self._session
        arrived, happening = _carry_out_before(session, happening)
        before, question, draft = session.state, session.question, session.draft
        if isinstance(happening, UtteranceHeard):
            session.expected = happening.known.expected
            happening = splitting.split_off_next(session, happening)
            happening = rereading.read_in_context(session, happening).with_verdict(session.rules)
            self.verdict = hold_if_accepted(happening.verdict)
        event = classify_happening(session, happening)
        waited, queued, held = session.recorded.in_review.drafts, session.queue.drafts, session.context
        restored = happening.draft if isinstance(happening, DeviceStarted) else None
        step, open_before, asked = TABLE[before][event], _collect_open_claims(session, restored), _asked_for(session)
        utterance = _audit_input(session, happening, event)
        if isinstance(happening, UtteranceHeard):
            orders = splitting.queue_next(session, happening, _take_utterance(session, step, happening))
            orders += parking.correct_second(session, draft)
            orders[:0] = not_chosen.put_aside_what_was_not_chosen(session, draft, happening, orders)
        else:
            orders = OTHER_STEPS[step](session, happening)
        audited = _audit_step(session, open_before, asked, orders, utterance)
        orders = audited.orders
        session.renamed = next_or_instead.find_draft_before_rename(session, draft)
        changed = (before, question) != (session.state, session.question)
        closes = session.draft is None or (draft is not None and session.draft.utterance_id != draft.utterance_id)
        if draft is not None and closes and draft.act is not Act.CONTEXT:  # A sign goes on behind a place.
            session.breath.forget()
        if isinstance(happening, UtteranceHeard):
            was_read_back = before is State.HELD or (question is not None and question.about is Topic.ENTRY_RIGHT)
            session.last_addition = take_back.find_addition(
                session, draft, waited, tuple(queued), held, happening, was_read_back=was_read_back
            )
            _take_doubts_and_breath(session, happening, event, orders, question)
            _prepend_earcon(session, orders, event, changed=changed)
        acts = isinstance(happening, UtteranceHeard | TimerExpired | DeviceStarted)  # events that involve the operator
        session.news.interrupted = event is Event.SPEAKING or (session.news.interrupted and not acts)
        orders = [*arrived, *orders, *_carry_out_queued(session, orders, agreed=event is Event.YES)]
        orders = reference.end_with_open_thing(session, happening, orders)
        if session.draft is not None and (draft is None or session.draft.utterance_id != draft.utterance_id):
            orders = receipts.announce_ended_context_before(session, orders)
        session.draft = session.breath.go_on_with(session.draft, draft)
        said = (order for order in reversed(orders) if isinstance(order, Say))
        session.spoken.latest = next(said, session.spoken.latest)
        orders += _update_timer(session, event, anew=changed or (acts and event is not Event.NOISE))
        trace = StepTrace(event, before, step, session.state, tuple(orders))
        self._trace(trace)
        return [*orders, *(LawAlarm(one, str(trace)) for one in audited.breaches)]


def _take_utterance(session: DialogueSession, step: Step, utterance: UtteranceHeard) -> list[Order]:
    if step is not Step.NOTE:
        session.placeless = None
    if session.renamed is not None and next_or_instead.takes_back_instead(session, utterance.reading):
        return next_or_instead.take_back_instead(session, utterance, session.renamed)
    if step not in _DICTATION:
        return SPEECH_STEPS[step](session, utterance)
    apart = standing.keep_open_context_apart(session, utterance)
    return apart or several.take_apart(session, utterance, SPEECH_STEPS[step])


def _carry_out_queued(session: DialogueSession, before: Sequence[Order], *, agreed: bool) -> list[Order]:
    """Carry out what was queued until nothing is open: a sign-on, waiting orders, a draft, the roster, and news.

    `agreed`: by a yes, behind which a correction of an entry is no longer held: what is said next is of none.
    """
    draft, is_held = session.draft, session.state is State.HELD and not session.doubted
    if agreed and is_held and draft is not None and session.recorded.replaces_recorded_entry(draft):
        orders = drafting.commit_draft(session)
    else:
        orders = context.set_context_before_queued(session)
    before = [*before, *orders]
    ends = session.state is State.IDLE and session.queue.first is None
    orders += context.begin_waiting_context(session) if ends else []
    behind = session.deferred_action
    if behind is None or not behind.newcomer:
        orders += amendments.ask_waiting_order(session, before)
    is_due = behind is not None and (behind.newcomer or session.queue.first is None)
    if behind is not None and is_due and session.state is State.IDLE:
        session.deferred_action = session.placeless = None  # Which trailer is done was asked of what is left now.
        orders += behind.carry_out()
    commits = any(isinstance(order, Commit) for order in before)  # That one is to be counted, too.
    if session.state is State.IDLE and not commits and session.queue.first is None:
        orders += trailers.ask_waiting_closing(session, before)
    if session.state is State.IDLE and session.queue.first is not None:
        orders += review.take_up_queued_draft(session, before)
    if session.state in CLOSED and not session.news.interrupted:
        orders += shifts.apply_roster(session)
    if session.state is State.IDLE and not session.news.interrupted:
        orders += receipts.announce_queued_news(session)
    return orders


def _carry_out_before(session: DialogueSession, happening: DialogueInput) -> tuple[list[Order], DialogueInput]:
    """Carry out what comes before the step of an utterance: a change of operator, a yes first, an order within."""
    arrived, happening = _change_operator(session, happening)
    if not isinstance(happening, UtteranceHeard):
        return arrived, happening
    happening = replace(happening, reading=name_behind_next(happening.reading, session.rules))
    agreed, rest = yes_no_answers.take_leading_yes(session, happening)
    ordered, rest = splitting.take_what_is_of_another(session, rest)
    return [*arrived, *agreed, *ordered], rest


def _change_operator(session: DialogueSession, happening: DialogueInput) -> tuple[list[Order], DialogueInput]:
    """Carry out a sign-on or sign-off that waits behind an open entry, before an utterance about another thing.

    That one is the newcomer's, and not of the one who leaves.
    """
    behind = session.deferred_action
    if not isinstance(happening, UtteranceHeard) or behind is None or session.draft is None:
        return [], happening
    if not (behind.newcomer or behind.leaves):
        return [], happening
    another = session.relate_to_claim(happening.reading) in {claims.Relation.ANOTHER, claims.Relation.NAME}
    if happening.reading.act is not Act.RECORD or not another:
        return [], happening
    session.deferred_action = None
    return behind.carry_out(), replace(happening, aloud=True)  # A step commits one entry.


def _collect_open_claims(session: DialogueSession, restored: Draft | None = None) -> claims.OpenDraftsSnapshot:
    """The open claims: the draft, or the one that a restart restores, its question's other one, and the queued one."""
    other = session.current_question.other
    closing = None if session.settings.closing is None else session.settings.closing.name
    besides = session.context.fields, *(one.reading.fields for one in session.waiting_orders)
    drafts = session.draft or restored, other, *session.queue.drafts
    return claims.collect_open_claims(drafts, session.recorded.in_review.drafts, closing, besides)


def _asked_for(session: DialogueSession) -> claims.QuestionFacts:
    """The fields, or the pair of things, that the open question asks about."""
    match session.question:
        case None:
            return claims.QuestionFacts()
        case Question(about=Topic.INSTEAD | Topic.NEXT_OR_INSTEAD | Topic.WRONG):
            return claims.QuestionFacts(names_both=True)
        case Question(field=name, prompt=prompt):
            both = prompt is Prompt.ONE_BY_ONE
            return claims.QuestionFacts(frozenset({name}) if name is not None else frozenset(), names_both=both)


def _audit_input(session: DialogueSession, happening: DialogueInput, event: Event) -> claims.UtteranceFacts | None:
    """The facts of an utterance that the audit of claims checks; None for other events."""
    if not isinstance(happening, UtteranceHeard):
        return None
    said, language = happening.whole, session.rules.language
    counts = event in {Event.ENTRY, Event.PART, Event.SCANNED, Event.CORRECTION, Event.UNCLEAR}
    amends = said.act is not Act.RECORD or is_correction(said.words, language)
    takes_back = next_or_instead.takes_back_instead(session, said)
    renames = takes_back or corrections.renames_what_was_told(session, happening.reading)
    renames |= amends and corrections.may_rename_open_claim_unasked(session, said)
    return claims.UtteranceFacts(happening.utterance_id, said, amends, renames, counts)


def _audit_step(
    session: DialogueSession,
    before: claims.OpenDraftsSnapshot,
    asked: claims.QuestionFacts,
    orders: list[Order],
    utterance: claims.UtteranceFacts | None,
) -> claims.AuditResult:
    """The orders after the audit of claims; closes the claims that it parked."""
    audited = claims.park_lawbreaking_claims(
        before, _collect_open_claims(session), orders, utterance, asked, session.rules.identifying_fields
    )
    if session.draft is not None and session.draft.utterance_id in audited.closed:
        session.close_draft()
    session.queue.remove(audited.closed)
    return audited


def _take_doubts_and_breath(
    session: DialogueSession, utterance: UtteranceHeard, event: Event, orders: Sequence[Order], asked: Question | None
) -> None:
    """Doubt what the utterance may have told of the context, and remember its words, which the next may continue."""
    notes = [one for one in orders if isinstance(one, Note) and one.utterance_id == utterance.utterance_id]
    repeats = any(one.verdict.outcome is Outcome.REPEAT for one in notes)
    context_doubts.doubt_by_utterance(session, utterance.reading, repeats=repeats, refuses=event is Event.NO)
    context_doubts.doubt_untaken(session, utterance.reading, orders, asked)
    other = session.current_question.other
    is_open = session.state in AGREEING
    claims_open = [one.reading for one in (session.draft, other) if is_open and one is not None]
    if not utterance.reading.is_scan:
        session.breath.remember_unless_wordless(utterance.whole, utterance.ended, session.rules, claims_open)


def _prepend_earcon(session: DialogueSession, orders: list[Order], event: Event, *, changed: bool) -> None:
    """Prepend the earcon of an utterance to the orders; none for noise, or where they have that for not understood."""
    if event is not Event.NOISE and PlayEarcon(Earcon.NOT_UNDERSTOOD) not in orders:
        spoken = session.question is None or not session.question.unspoken
        asks = changed and spoken and (session.state in QUESTIONS or session.state is State.IDENTIFYING)
        orders.insert(0, PlayEarcon(Earcon.QUESTION if asks else Earcon.HEARD))


def _update_timer(session: DialogueSession, event: Event, *, anew: bool) -> list[Order]:
    """Start, extend or stop the timer: every open state has a deadline, which speech extends and noise does not.

    `anew` restarts it: after a change of state, or an event that involves the operator.
    """
    timer, seconds = session.timer, _deadline_s(session)
    if seconds is None:
        stopping, timer.runs = timer.runs, False
        return [StopTimer()] if stopping else []
    if event is Event.SPEAKING:
        timer.extensions -= 1
    elif anew:
        timer.extensions = MOST_EXTENSIONS
    put_off = event is Event.SPEAKING and timer.extensions >= 0
    if timer.runs and timer.seconds == seconds and not (anew or put_off):
        return []
    timer.runs, timer.seconds = True, seconds
    return [StartTimer(seconds)]


def _deadline_s(session: DialogueSession) -> float | None:
    """The deadline of the current state in seconds; None: no timer."""
    state, settings = session.state, session.settings
    asks = state in AGREEING or state is State.IDENTIFYING
    news = bool(session.news.queued) and state is State.IDLE
    if asks or news or (state is State.PAUSED and session.draft is not None):
        unspoken = session.question is not None and session.question.unspoken
        return settings.undo_s if state is State.HELD or unspoken else settings.patience_s
    return settings.idle_s if state in CLOSED and session.operator is not None else None
