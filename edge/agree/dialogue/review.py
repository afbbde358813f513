"""Review: the steps that park the open entry, and take up drafts from review by voice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dockvoice_protocol.records import Act, FieldValue
from edge.agree.decide import NO_CIRCUMSTANCES, Circumstances
from edge.agree.dialogue import context, drafting, parking, status, what_follows, works
from edge.agree.dialogue.interface import OfficeDecided, OfficeDecision, Order, UtteranceHeard
from edge.agree.dialogue.questions import Topic, judge_draft
from edge.agree.dialogue.session import DialogueSession, entry_terms
from edge.agree.dialogue.table import AGREEING, QUESTIONS, State
from edge.agree.merging import unconfirm_doubtful_fields
from edge.agree.off_talk import has_unread_words
from edge.agree.readings import likely_values, values_of
from edge.agree.terms import find_spoken_units
from edge.records import Commit, ConfirmationKind, Draft, Outcome, Park
from edge.records.speech import Prompt, Say, Terms


def ask_about_oldest_review(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Ask about the oldest draft in review that was not asked about in this round.

    It stays in review until its entry is committed or dropped, so that no end of the question loses it. Without one,
    tell how many events and utterances are pending.
    """
    drafts = [one for one in session.recorded.in_review.drafts if _can_be_asked(session, one)]
    if not drafts:
        elsewhere = [form for form in session.works.allowed_forms if form.name in session.recorded.in_review.elsewhere]
        announcements = [works.say_forms(session, Prompt.ASIDE_ELSEWHERE, *elsewhere)] if elsewhere else []
        return [
            *status.record_utterance(session, utterance),
            *session.make_repeatable_together([*status.say_pending_counts(session, utterance), *announcements]),
        ]
    asked = session.recorded.asked_again
    if all(one.utterance_id in asked for one in drafts):
        asked.clear()
    draft = next(one for one in drafts if one.utterance_id not in asked)
    asked.add(draft.utterance_id)
    return [*status.record_utterance(session, utterance), *_ask_about(session, draft)]


def take_up_queued_draft(session: DialogueSession, before: Sequence[Order]) -> list[Order]:
    """Take up the draft that waits first, since nothing else is open; `before` are the orders of the step until now.

    Where they commit the one before it, what is sure, and was said whole behind that, is read back as any other entry,
    "pallet 742, 12 cases, and pallet 743, 8 cases"; what was open before, or got a value later, needs a yes.
    """
    draft = session.queue.take_first()
    if draft.utterance_id in session.needs_yes:  # One that was open before has what stood then.
        return _ask_about(session, draft)
    # What waits was said behind it, or behind another one that waits.
    draft = replace(draft, reading=context.fill_new_entry_from_context(session, draft.reading, draft))
    commits = [order for order in before if isinstance(order, Commit)]
    return _ask_about(session, draft, commits, may_hold=bool(commits) and not draft.support)


def _can_be_asked(session: DialogueSession, draft: Draft) -> bool:
    """Whether its entry can be made now: not another operator's, nor a correction of any but the last entry.

    An answer would stand under the one who had put it aside.
    """
    last = session.recorded.last
    if draft.operator not in {None, session.recording_operator}:
        return False
    return draft.act is Act.RECORD or (draft.act is Act.AMEND and last is not None and last.event_id == draft.replaces)


def _ask_about(
    session: DialogueSession, draft: Draft, behind: Sequence[Commit] = (), *, may_hold: bool = False
) -> list[Order]:
    """Ask a draft's question after reading out what is known of it; of several things that of the first one.

    `may_hold`: where nothing is to be asked, silence agrees to it. It is checked against the commits ahead of it,
    and all remembered entries, however old, as a possible double, and against the expected receipts.
    """
    rules, known = session.rules, NO_CIRCUMSTANCES
    first, rest = what_follows.queue_all_but_first(session, draft)
    if rest:
        return [*rest, *_ask_about(session, first, behind, may_hold=may_hold)]
    if draft.act is Act.RECORD:
        stand = [one.fields for one in session.recorded.list_standing_entries() if one.draft.form == draft.form]
        agreed = [one.verdict.fields for one in behind if one.draft.form == draft.form]
        known = Circumstances(recent=(*stand, *agreed), expected=session.expected)
    reading = replace(unconfirm_doubtful_fields(draft.reading, known, rules), act=draft.reading.act)
    draft = replace(draft, reading=reading, operator=draft.operator or session.recording_operator)
    verdict = replace(judge_draft(draft, rules, known), confirm=ConfirmationKind.READBACK)
    if has_unread_words(draft.reading, rules):  # "On hold" is no part of what is read back.
        session.needs_yes.add(draft.utterance_id)
    orders = drafting.ask_or_read_back_or_commit(session, draft, verdict, None)
    if session.state is State.HELD and may_hold:
        return orders
    if session.state is State.HELD:  # silence must not commit a draft from review
        orders = session.ask(session.entry_question)
    if another := _say_what_is_not_on_record(session, draft, orders):
        return [*another, *orders]
    introduction = parking.say_draft(session, draft)
    # A question that reads the entry back needs no introduction.
    spoken = session.current_question.fields or any(
        session.current_question.field in one.fields for one in introduction
    )
    return orders if spoken else [*introduction, *orders]


def _say_what_is_not_on_record(session: DialogueSession, draft: Draft, orders: Sequence[Order]) -> list[Say]:
    """The values that the entry on record has not, ahead of the question whether to record another; else empty."""
    asked = (order for order in orders if isinstance(order, Say) and order.prompt is Prompt.CONFIRM_ANOTHER)
    on_record = next((say.fields for say in asked), None)
    if on_record is None:
        return []
    own = {name: value for name, value in likely_values(draft.reading).items() if on_record.get(name) != value}
    return [Say(Prompt.ABOUT, own, terms=Terms(find_spoken_units(draft.reading, session.rules)))]


def repeat_open_question_or_readback(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Repeat what is open; over the question whether to close a trailer, ask about drafts in review first."""
    if session.topic is Topic.CLOSE:
        return [*parking.drop_trailer_closing(session), *ask_about_oldest_review(session, utterance)]
    if session.question is not None and session.state in QUESTIONS:
        return [*status.record_utterance(session, utterance), session.say_question(session.question)]
    return [*status.record_utterance(session, utterance), *drafting.hold_draft(session)]


def park_on_request(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Park the open entry on the operator's request."""
    return [utterance.note_as_heeded(), *parking.park_draft(session)]


_OTHER = "other"  # The code of a reason without a text.

_OFFICE = {OfficeDecision.RECORDED: Prompt.OFFICE_RECORDED, OfficeDecision.CORRECTED: Prompt.OFFICE_CORRECTED}


def apply_office_decision(session: DialogueSession, decided: OfficeDecided) -> list[Order]:
    """Close a draft in review that the office decided about, and queue the news for the operator.

    An entry that the system behind the inventory declined stays on record; the operator hears of it and may correct it.
    """
    recorded = session.recorded
    if decided.decision is OfficeDecision.DECLINED:
        session.news.queued.append(render_declined(session.identifiers_of(decided.fields, decided.form), decided))
        return []
    if decided.entry is not None:
        recorded.entries.append(decided.entry)
    recorded.resolve_refusals(decided.held)
    session.news.queued.append(_decision_announcement(session, decided))
    changed, closed = _park_what_was_changed(session, decided), _close_decided(session, decided.utterance_id)
    return [*changed, *closed, *_ask_if_meant_again(session, decided)]


def _ask_if_meant_again(session: DialogueSession, decided: OfficeDecided) -> list[Order]:
    """Ask whether the held entry is to be recorded too, where the office has recorded that thing meanwhile.

    Not while the operator speaks: then it needs a yes, and is asked behind his words.
    """
    draft, entry = session.draft, decided.entry
    if draft is None or entry is None or session.state is not State.HELD or draft.act is not Act.RECORD:
        return []
    recorded = Circumstances(recent=(entry.fields,) if entry.draft.form == draft.form else ())
    verdict = judge_draft(draft, session.rules, recorded)
    if verdict.outcome is not Outcome.ASK:
        return []
    if session.news.interrupted:
        session.doubted = True
        return []
    return drafting.ask_or_read_back_or_commit(session, draft, verdict, None)


def _park_what_was_changed(session: DialogueSession, decided: OfficeDecided) -> list[Order]:
    """Park what the operator has changed of the draft since it was put aside, as a correction of the entry."""
    draft, entry = session.draft, decided.entry
    aside = next((one for one in session.recorded.in_review.drafts if one.utterance_id == decided.utterance_id), None)
    if draft is None or entry is None or aside is None or draft.utterance_id != aside.utterance_id:
        return []
    before, now = values_of(aside.reading), values_of(draft.reading)
    changed = {name for name, value in now.items() if value not in {before.get(name), entry.fields.get(name)}}
    if not changed or not draft.support:
        return []
    fields = {**entry.draft.reading.fields, **{name: draft.reading.fields[name] for name in changed}}
    reading = replace(entry.draft.reading, fields=fields)
    by, form = draft.support[-1], entry.draft.form
    correction = Draft(by, form, reading, draft.operator, act=Act.AMEND, replaces=entry.event_id)
    session.news.queued.extend(parking.announce_parked(session, correction.reading))
    return [Park(correction.utterance_id, parking.UNANSWERED, {}, correction)]


def render_declined(identifiers: Mapping[str, FieldValue], decided: OfficeDecided) -> Say:
    """The prompt for a declined entry; `identifiers` are its identifiers, if it has any, which are read out alone."""
    return Say(Prompt.DECLINED, identifiers or decided.fields, {"reason": decided.why or _OTHER}, form=decided.form)


def _decision_announcement(session: DialogueSession, decided: OfficeDecided) -> Say:
    form = decided.form
    if decided.decision in _OFFICE:
        terms = Terms() if decided.entry is None else entry_terms(session, decided.entry)
        return Say(_OFFICE[decided.decision], decided.fields, terms=terms, form=form)
    known = session.identifiers_of(decided.fields, form)
    return Say(Prompt.OFFICE_DROPPED, known, form=form) if known else Say(Prompt.OFFICE_DROPPED_ONE)


def _close_decided(session: DialogueSession, utterance_id: str) -> list[Order]:
    """Close what is open about it; an entry that a question compares it with is asked about instead."""
    draft, question, state = session.draft, session.question, session.state
    session.queue.replace(utterance_id)
    if draft is not None and draft.utterance_id == utterance_id:
        besides = parking.announce_other_draft_in_review(session)
        session.close_draft()
        if state not in AGREEING:
            session.state = state
        return [*besides]
    if draft is None or question is None or question.other is None or question.other.utterance_id != utterance_id:
        return []
    if question.about is Topic.CANCEL:
        session.question = None
        return parking.drop_draft(session)
    if state is State.PAUSED:
        session.question = session.entry_question
        return []
    return session.ask(session.entry_question)
