"""What puts the standing context in doubt: an utterance that may have told of it and that no entry took. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dockvoice_protocol.forms.spoken import is_correction
from dockvoice_protocol.records import Act, Reading
from edge.agree.dialogue import context, waiting_context
from edge.agree.dialogue.interface import Order
from edge.agree.dialogue.questions import Question, Topic
from edge.agree.dialogue.session import DialogueSession
from edge.agree.merging import has_lone_one, has_number_word
from edge.agree.off_talk import find_mentioned_fields
from edge.agree.readings import possible_values
from edge.records import Commit, Draft, Park


def unset_named_identifiers(session: DialogueSession, reading: Reading) -> None:
    """Remove the identifiers that an unrecorded utterance named: the next values may belong to that thing.

    So "rear, minus nine", after a trailer that was not understood, does not go to the old one.
    """
    named = {
        name
        for name in session.rules.identifying_fields
        if name in reading.fields and not reading.fields[name].is_inherited
    }
    stands = session.context.fields
    if left := named & stands.keys():
        kept = {name: one for name, one in stands.items() if name not in left}
        still = tuple(name for name in session.context.not_read_back if name in kept)
        elsewhere = session.context.fields_elsewhere
        session.context = replace(session.context, fields=kept, not_read_back=still, elsewhere=elsewhere)


def doubt_context_of_unrecorded(session: DialogueSession, draft: Draft, asked: str | None) -> None:
    """Doubt what an entry that goes to review has otherwise, or lacks: what it said of that may have been of all.

    So "pallet 742, from now on door 13", and "trailer 5502, door four or five" over it. Of a correction, what is asked;
    "actually trailer 5502", which may be of what follows too, is of that in any case.
    """
    stands_anew = context.find_fields_moved(session, draft) & dict(draft.stands).keys()
    if anew := {
        name: one for name, one in draft.reading.fields.items() if name in stands_anew and one.value is not None
    }:
        context.set_fields_in_context(session, anew, draft.utterance_id)
        session.context = session.context.with_doubted(anew.keys())
    unset_named_identifiers(session, draft.reading)
    stands, said = context.inheritable_fields(session), draft.reading.fields
    other = {name for name, one in stands.items() if name not in said or said[name].value != one.value}
    told = other if draft.act is Act.RECORD else stands.keys() & {asked, *context.find_fields_moved(session, draft)}
    session.context = session.context.with_doubted(told)


def doubt_context(session: DialogueSession, reading: Reading) -> None:
    """Doubt the fields of the context that an utterance may have told of, which was not understood.

    A number without a label may be of any of them; over an open entry only one that may name a thing.
    """
    if session.draft is not None and session.draft.act is Act.CONTEXT:
        session.doubted = True
        return
    may_be_article = len(reading.words) > 1 and has_lone_one(reading, session.rules)
    numbered = has_number_word((word.text for word in reading.words), session.rules) and not may_be_article
    told = find_mentioned_fields(reading, session.rules)
    is_of_any = numbered and not told and (context.is_between_entries(session) or session.named.left)
    session.context = session.context.with_doubted(session.context.fields.keys() if is_of_any else told)


def doubt_by_utterance(session: DialogueSession, reading: Reading, *, repeats: bool, refuses: bool) -> None:
    """Doubt what an utterance may have told of the context: one that is not understood, a "no", "not trailer 5501".

    `repeats`: it is to be said again. `refuses`: it is a no, which may be of what waits to be the context; so may a
    correction, "no, trailer 5503".
    """
    if repeats:
        doubt_context(session, reading)
    corrects = is_correction(reading.words, session.rules.language)
    if repeats or refuses or (corrects and reading.fields.keys() & waiting_context.list_fields(session, None)):
        waiting_context.doubt(session)
    if context.is_entry_open(session) and (corrects or reading.act is Act.CANCEL):
        session.context = session.context.with_doubted(session.set_over_question)
    stands = session.context.fields
    denied = {name for name, one in reading.fields.items() if name in stands and stands[name].value in one.denied}
    session.context = session.context.with_doubted(denied)


def doubt_untaken(session: DialogueSession, reading: Reading, orders: Iterable[Order], asked: Question | None) -> None:
    """Doubt the context where an utterance surely says another value that no entry took, or a trailer alone."""
    drafts = [order.draft for order in orders if isinstance(order, Commit | Park)]
    held = [one.reading.fields for one in (session.draft, *session.queue.drafts, *drafts) if one is not None]
    held += [one.reading.fields for one in waiting_context.list_waiting(session, None)]
    once, stands = session.rules.form.standing_fields, session.context.fields
    other = {name: one.value for name, one in reading.fields.items() if one.value is not None and not one.is_inherited}
    left = {name for name, value in other.items() if not any(value in possible_values(of.get(name)) for of in held)}
    is_alone = other.keys() <= {*once} and not is_correction(reading.words, session.rules.language)
    if (
        is_alone
        and asked is not None
        and asked.about is Topic.ENTRY_RIGHT
        and not waiting_context.list_waiting(session, None)
    ):
        left |= other.keys() & {*once[:1]}  # "Trailer 5502" over "Correct?" may be of what follows as well.
    told = {name for name in left if name in stands and stands[name].value != other[name]}
    session.context = session.context.with_doubted(told)
