"""Closing: the steps that close a trailer and reopen it. A closing is an entry, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.records import Act, FieldReading, FieldValue, PlaceKind, Reading, ReceivingPlace
from edge.agree.dialogue import answers, context, drafting, status, trailers
from edge.agree.dialogue.events import UtteranceHeard
from edge.agree.dialogue.orders import Order
from edge.agree.dialogue.questions import About, Question, as_held_verdict
from edge.agree.dialogue.session import DeferredAction, DialogueSession
from edge.agree.merging import agreement_mark, with_support
from edge.agree.readings import values_of
from edge.agree.received import find_missing_pallets
from edge.records import Because, Commit, Confirmation, Draft, Outcome, Reason, StandingEntry, Verdict
from edge.records.speech import Prompt, Say


def ask_to_close_trailer(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Tell what was received of a trailer, and ask whether to close it."""
    return _ask_to_close(session, heard, trailers.find_queried_place(session, heard))


def _ask_to_close(session: DialogueSession, heard: UtteranceHeard, place: ReceivingPlace | None) -> list[Order]:
    form = session.settings.closing
    if form is None or form.closes is None or FieldRole.TRAILER not in session.rules.form.roles:
        return drafting.ask_to_repeat(session, heard)
    if place is None or place.kind is not PlaceKind.TRAILER:
        return [
            *status.record_utterance(session, heard),
            *session.make_repeatable_together(trailers.ask_which_place(session)),
        ]
    if session.recorded.find_closing(place.name, session.settings, session.lately.now) is not None:
        return [
            *status.record_utterance(session, heard),
            session.say(Prompt.CLOSED, trailers.as_place_field(session, place)),
        ]
    said = heard.reading
    sure = min(word.confidence for word in said.words)
    read = FieldReading(place.name, tuple(word.text for word in said.words), sure)
    reading = Reading(said.interpreter, form.name, said.words, {form.closes: read})
    if form.faults(values_of(reading)):
        return drafting.ask_to_repeat(session, heard)
    told = _say_receipt_summary(session, place)
    verdict = Verdict(Outcome.ACCEPT, (Because(Reason.COMPLETE),), {form.closes: place.name})
    session.open(Draft(heard.utterance_id, form.name, reading, session.recording_operator), verdict)
    asked = session.ask(Question(About.CLOSE, fields=trailers.as_place_field(session, place)))
    session.make_repeatable_together([*told, *(order for order in asked if isinstance(order, Say))])
    return [heard.note_utterance(as_held_verdict(verdict)), *told, *asked]


def commit_and_ask_to_close(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Close a trailer over a readback: the held entry is committed first and counted; a doubted one is finished."""
    draft, verdict = session.open_draft, session.verdict
    if session.doubted or session.queued_draft is not None or verdict is None or verdict.outcome is not Outcome.ACCEPT:
        return ask_open_question_before_closing(session, heard)
    place = trailers.find_queried_place(session, heard)  # before the commit, since the draft may name it
    if draft.act is not Act.CONTEXT:
        _count_commit(session, "", draft, verdict.fields)
    return [*drafting.commit_draft(session), *_ask_to_close(session, heard, place)]


def _count_commit(session: DialogueSession, event_id: str, draft: Draft, fields: Mapping[str, FieldValue]) -> None:
    """Add a commit to `session.lately`, which was loaded before it."""
    entries = (one for one in session.lately.entries if one.event_id not in {event_id, draft.replaces})
    latest = StandingEntry(event_id, draft.form, fields, draft.operator, session.lately.now)
    session.lately = replace(session.lately, entries=(latest, *entries))


def _count_last_and_ask_to_close(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    last = session.recorded.last
    if last is not None and last.draft.act is not Act.CANCEL and not last.refused:
        _count_commit(session, last.event_id, last.draft, last.fields)
    return ask_to_close_trailer(session, heard)


def ask_open_question_before_closing(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Repeat the open question first, and close the trailer after it."""
    noted, draft = heard.note_as_heeded(Reason.COMMAND), session.open_draft
    asked = (
        [session.say_question(session.question)]
        if session.question is not None
        else session.ask(session.is_entry_right)
    )
    if session.settings.is_closing(draft) or draft.act is Act.CANCEL:
        return [noted, *asked]
    if session.deferred_action is None:  # a queued sign-on comes first
        session.deferred_action = DeferredAction(
            lambda: _count_last_and_ask_to_close(session, heard), newcomer=False, counts=True
        )
    if session.about is About.ENTRY_RIGHT:
        return [noted, *asked]
    return [noted, *drafting.name_unfinished_draft(session, draft), *asked]


def _say_receipt_summary(session: DialogueSession, place: ReceivingPlace) -> list[Say]:
    """Say the totals received for a trailer, its entries in review, and its missing pallets."""
    numbers, aside = trailers.list_reviews_at_place(session, place)
    lacking = (
        find_missing_pallets(place, session.expected, trailers.find_receiving_form(session), session.lately.entries)
        or ()
    )
    gone = [one for one in lacking if one not in numbers]
    told = trailers.say_count_and_numbers(session, Prompt.MISSING, Prompt.MISSING_MANY, gone)
    return [*trailers.read_out_totals(session, place), *aside, *told]


# Answers to "Close trailer 5501?".


def close_or_reopen_or_take_yes(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Close or reopen the trailer on a yes to that question; any other question takes the yes."""
    match session.about:
        case About.CLOSE:
            return _commit_closing(session, heard)
        case About.REOPEN:
            return _reopen_trailer(session, heard)
        case _:
            return answers.take_yes(session, heard)


def _commit_closing(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Commit the closing; a context with this trailer ends."""
    told = session.asked.fields
    session.draft = with_support(session.open_draft, heard.utterance_id)
    if told.items() <= context.standing_values(session).items():
        context.end_context(session)  # the closing prompt announces the end
    return [heard.note_as_heeded(), *drafting.commit_draft(session), session.say(Prompt.CLOSED, told)]


# A closed trailer.


def _reopen_trailer(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Cancel the closing of the entry's trailer on a yes, and go on with the entry."""
    draft, verdict, told = session.open_draft, session.verdict, session.asked.fields
    trailer = str(told[str(session.asked.field)])
    last = session.recorded.find_closing(trailer, session.settings, session.lately.now)
    if verdict is None or last is None:  # reopened meanwhile
        return drafting.revise_draft(session, heard, draft)
    cancelled = Draft(
        *(heard.utterance_id, last.draft.form, heard.reading, session.recording_operator),
        act=Act.CANCEL,
        replaces=session.recorded.find_effective_event(last.event_id),
    )
    draft = replace(draft, agreed=(*draft.agreed, agreement_mark(drafting.REOPENED, trailer)))
    # Always held, since a step commits one entry.
    goes_on = drafting.ask_or_hold_or_commit(session, draft, replace(verdict, confirm=Confirmation.READBACK), None)
    nothing = Verdict(Outcome.ACCEPT, (), {})
    return [
        heard.note_utterance(as_held_verdict(nothing)),
        Commit(cancelled, nothing),
        Say(Prompt.REOPENED, told),
        *goes_on,
    ]
