"""Takes back what was added last to a draft, "two damaged", and leaves that as it was before, open or in review."""

from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.records import Act
from edge.agree.dialogue import drafting, parking
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import judge_draft
from edge.agree.dialogue.session import Addition, DialogueSession
from edge.agree.dialogue.table import State
from edge.agree.merging import with_support
from edge.agree.one_breath import pick_by_answer
from edge.agree.readings import find_differing_identifiers, likely_values, values_of, without_inherited
from edge.records import Draft, Park, StandingContext, StoreDropped


def find_addition(
    session: DialogueSession,
    before: Draft | None,
    waited: tuple[Draft, ...],
    queued: tuple[Draft, ...],
    held: StandingContext,
    utterance: UtteranceHeard,
    *,
    was_read_back: bool,
) -> Addition | None:
    """What the utterance added to; None where it began or completed the open draft, or took something back.

    `before` is the draft before the step, which `was_read_back` as a whole; `waited` are those in review then, `queued`
    those of them that waited for their turn, and `held` is what held for all entries.
    """
    draft = session.draft
    if draft is None or utterance.reading.act is Act.CANCEL:
        return None
    if any(utterance.utterance_id in one.said_in for one in session.context.fields.values()):
        return Addition(draft, held=held)
    was_open = before is not None and draft.utterance_id == before.utterance_id
    source = before if was_open else next((one for one in waited if one.utterance_id in draft.utterances), None)
    if source is None:
        return None
    left, now = likely_values(source.reading), likely_values(draft.reading)
    if left == now:
        return session.last_addition if was_open else None
    named = bool(session.identifiers_of(values_of(without_inherited(utterance.reading))))
    names, changes = session.rules.identifying_fields, not left.items() <= now.items()
    renames = bool(find_differing_identifiers(source.reading, draft.reading, names))  # "No, 743."
    of_whole = was_read_back and (not changes or named or renames or draft.act is not Act.RECORD)
    if (was_open and not of_whole) or utterance.utterance_id not in draft.utterances:
        return None
    is_queued = any(one.utterance_id == source.utterance_id for one in queued)
    if not was_open and (parts := pick_by_answer(source.reading, draft.reading, session.rules)):
        place = {name: one for name, one in source.reading.fields.items() if one.is_inherited}
        source = replace(draft, reading=replace(parts[0], fields={**place, **parts[0].fields}))
    return Addition(source, named=named and not renames, waited=not was_open, queued=is_queued)


def take_back_last(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Take back what the last utterance added to the open draft, and tell what is left; else empty.

    Silence does not commit an entry then: the whole of it may have been meant.
    """
    draft, added = session.open_draft, session.last_addition
    if added is None or added.held is not None or utterance.reading.fields:
        return []
    before, left = added.before, likely_values(added.before.reading)
    gone = {name: value for name, value in likely_values(draft.reading).items() if left.get(name) != value}
    told = parking.say_dropped_values(session, gone, draft)
    if added.waited:
        return [utterance.note_as_heeded(), told, *leave_as_before(session, added)]
    before = with_support(before, utterance.utterance_id)
    verdict = drafting.judge_after_utterance(session, before, utterance, aloud=True)
    orders = drafting.ask_or_read_back_or_commit(session, before, verdict, None)
    if session.state is State.HELD and before.act is not Act.CONTEXT:
        orders = session.ask(session.entry_question)
    return [utterance.note_as_heeded(), told, *orders]


def take_back_place(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Take back what was said last over the open question to hold for all that follows; else empty."""
    added = session.last_addition
    if added is None or added.held is None or utterance.reading.fields:
        return []
    now, was = session.context.fields, added.held.fields
    gone = {name: one.value for name, one in now.items() if one.value is not None and one != was.get(name)}
    doubted = session.context.doubted & was.keys() - gone.keys()  # What was doubted since still is.
    session.context, session.set_over_question = (
        added.held.with_doubted(doubted),
        session.set_over_question - gone.keys(),
    )
    told = parking.say_dropped_values(session, gone, session.open_draft)
    return [utterance.note_as_heeded(), told, *session.ask(session.current_question)]


def leave_as_before(session: DialogueSession, added: Addition) -> list[Order]:
    """Leave the open draft, as it was before the addition, for another: in review, or in the queue."""
    draft, before = session.open_draft, added.before
    if not added.waited:
        session.draft, session.verdict = before, judge_draft(before, session.rules)
        return parking.queue_or_park_open_draft(session)
    session.close_draft()
    kept = Park(before.utterance_id, parking.UNANSWERED, values_of(before.reading), before)
    began = [StoreDropped(draft)] if draft.utterance_id != before.utterance_id else []
    if added.queued:
        return [*began, kept, *parking.queue_first(session, before)]
    return [*began, kept, *parking.announce_parked(session, before.reading)]
