"""Which places of the open entry hold for the next ones, too: the first door on a trailer, one put right. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dockvoice_protocol.records import Act, FieldReading
from edge.agree.dialogue import context, waiting_context
from edge.agree.dialogue.interface import UtteranceHeard
from edge.agree.dialogue.session import DialogueSession
from edge.agree.readings import possible_values
from edge.records import Draft, Reason


def mark_answer_as_context(session: DialogueSession, draft: Draft, utterance: UtteranceHeard) -> Draft:
    """The draft, whose answer becomes the context: it says so, or the context lacks the field that was asked for."""
    name, question, before = session.current_question.field, session.current_question, session.open_draft.reading.fields
    form = session.rules.form
    if name not in form.standing_fields or name not in draft.reading.fields or draft.act is not Act.RECORD:
        return draft
    first = (
        not form.is_identified_by_context
        and question.why is Reason.FIELD_MISSING
        and name not in before
        and name not in session.context.fields
    )
    if name not in utterance.stands and (
        not first or session.recorded.is_in_review(draft) or context.is_of_other_trailer(session, draft)
    ):
        return draft
    others = tuple(one for one in draft.stands if one[0] != name)
    return replace(draft, stands=(*others, (name, utterance.utterance_id)))


def mark_places_as_context(session: DialogueSession, draft: Draft, utterance: UtteranceHeard) -> Draft:
    """The revised draft, whose places become the context where it is the first entry there.

    The first door on a trailer does, and a place put right before another entry took it, with all that is said beside.
    """
    form, said, before = session.rules.form, utterance.reading, session.open_draft
    dictated = before.act is draft.act is Act.RECORD and not (said.is_scan or form.is_identified_by_context)
    places = [name for name in form.standing_fields if name in said.fields and not said.fields[name].is_inherited]
    stands = session.context.fields  # A place that holds already, said again before another one, is no news.
    own = [name for name in places if name not in stands or stands[name].value != said.fields[name].value] or places
    waits = waiting_context.list_fields(session, None)
    if not dictated or not own or not waits.isdisjoint(own):
        return draft
    if session.recorded.is_in_review(draft) and context.is_of_other_trailer(session, draft):
        return draft
    corrects = context.puts_right(session, said)
    takes = {name: draft.reading.fields[name] for name in own if name in draft.reading.fields}
    of_said = all(
        one.value is not None and one.value in possible_values(said.fields[name]) for name, one in takes.items()
    )
    if not of_said or not all(_is_first_there(session, name, takes, corrects=corrects) for name in own[:1]):
        return draft
    if corrects and form.standing_fields[0] in takes:  # The door and order that held were said of this trailer.
        takes = {name: one for name, one in draft.reading.fields.items() if name in form.standing_fields}
    others = tuple(one for one in draft.stands if one[0] not in takes)
    return replace(draft, stands=(*others, *((name, utterance.utterance_id) for name in takes)))


def _is_first_there(session: DialogueSession, name: str, takes: Mapping[str, FieldReading], *, corrects: bool) -> bool:
    """Whether the open entry is the first with a place on the trailer of the context, or that puts the place right."""
    stands, draft = session.context.fields, session.open_draft
    was, now = draft.reading.fields.get(name), takes.get(name)
    if not stands or now is None:
        return False
    if name not in stands:
        return not (corrects or was is not None or context.is_of_other_trailer(session, draft))
    is_own = was is not None and was.is_inherited and was.value == stands[name].value != now.value
    return corrects and is_own and not context.is_taken_by_another(session, name, {*draft.utterances})
