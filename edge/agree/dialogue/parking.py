"""Parking: the steps that put a draft in review, queue it behind the next one, or drop it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading
from edge.agree.decide import AS_MEANT
from edge.agree.dialogue import context, context_doubts
from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import OF_VALUE, Topic, hold_if_accepted
from edge.agree.dialogue.session import DialogueSession
from edge.agree.merging import with_fields
from edge.agree.one_breath import split_if_several
from edge.agree.readings import likely_values, values_of, without_inherited
from edge.agree.sentence_parts import leads_to_place
from edge.agree.terms import find_spoken_units
from edge.records import Draft, Park, StoreDropped, make_copy_id
from edge.records.speech import Prompt, Say, Terms

UNANSWERED = "unanswered"  # The review reason of an utterance whose question got no answer.


def park_draft(session: DialogueSession) -> list[Order]:
    """Park the open draft in review and tell the operator.

    An unconfirmed cancellation or closing is dropped, and the standing context stays as last read back.
    """
    draft, values, besides = session.open_draft, _values_for_review(session), announce_other_draft_in_review(session)
    if session.settings.is_closing(draft) and draft.act is Act.RECORD:
        return drop_trailer_closing(session)
    asked = session.current_question.field
    draft, unset = _settle_context(session, draft)
    session.close_draft()
    if draft.act is Act.CONTEXT:
        return [*context.set_read_back_context_or_drop(session, draft), *besides]
    if draft.act is Act.CANCEL:
        return [StoreDropped(draft), session.say(Prompt.KEPT_AS_IT_IS), *besides]
    context_doubts.doubt_context_of_unrecorded(session, draft, asked)
    _remember_what_it_lacks(session, draft, asked)
    # A correction is parked without values: a reviewer's yes would make it a second entry.
    kept = Park(draft.utterance_id, UNANSWERED, {} if draft.act is Act.AMEND else values, draft)
    announced = _announce_objection(session, draft) or announce_parked(session, draft.reading)
    return [kept, *announced, *unset, *besides, *context.begin_waiting_context(session, draft)]


def _values_for_review(session: DialogueSession) -> Mapping[str, FieldValue]:
    """The accepted values, and those that were heard clearly, and are but implausible, as a second count."""
    causes = () if session.verdict is None else session.verdict.reasons
    doubted = {one.field for one in causes if one.reason not in AS_MEANT}
    said = values_of(session.open_draft.reading)
    known = {one.field: said[one.field] for one in causes if one.field in said and one.field not in doubted}
    return {**session.values, **known}


def announce_parked_before(session: DialogueSession, draft: Draft) -> Sequence[Say]:
    """Tell after a restart that a draft is in review: of an objection, that the entry which it names is kept."""
    objection = _announce_objection(session, draft)
    if not objection:
        return announce_parked(session, draft.reading)
    return session.make_repeatable_together([*say_draft(session, draft, Prompt.ABOUT), *objection])


def _announce_objection(session: DialogueSession, draft: Draft) -> Sequence[Say]:
    """Tell that the entry stands, and only an objection is in review; empty for any other draft."""
    if draft.act is not Act.AMEND or not session.recorded.changes_nothing(draft):
        return []
    session.named = replace(session.named, left=True)  # the next values may be what is wrong
    return session.make_repeatable_together([Say(Prompt.KEPT_AS_IT_IS), Say(Prompt.PARKED)])


def _remember_what_it_lacks(session: DialogueSession, draft: Draft, asked: str | None) -> None:
    """Remember the fields that it lacks or was asked for: said next without a name, they may be its."""
    lacks = session.rules.form.required_fields - values_of(draft.reading).keys()
    session.named = replace(session.named, lacks=session.named.lacks | lacks | ({asked} if asked else set()))


def _settle_context(session: DialogueSession, draft: Draft) -> tuple[Draft, list[Order]]:
    """The draft that goes to review, and the news of what it says of the context where none holds yet.

    What no readback has included holds for what follows, where it is sure.
    """
    if draft.act is not Act.RECORD or _is_read_back(session, draft):
        return _unset_context(session, draft)
    names = {*context.find_fields_becoming_context(session, draft)}
    names -= {*session.rules.identifying_fields, *dict(draft.stands)}
    said = {name: one for name, one in draft.reading.fields.items() if name in names}
    values = {name: value for name, value in likely_values(draft.reading).items() if name in said}
    if not values:
        return draft, []
    if any(one.value is None for one in said.values()) or not _is_sure_beside_question(session, draft, said):
        return draft, [session.say(Prompt.STANDING_ENDED, values)]
    context.set_fields_in_context(session, said, draft.utterance_id)
    return draft, [session.say(Prompt.STANDING, values)]


def _unset_context(session: DialogueSession, draft: Draft) -> tuple[Draft, list[Order]]:
    """The draft that goes to review, and the news that what its readback set "from now on" does not stand.

    Nor does it once the draft is recorded.
    """
    if not _is_read_back(session, draft) or draft.act is Act.CONTEXT:
        return draft, []
    names = {*context.find_fields_becoming_context(session, draft)} - {*session.rules.identifying_fields}
    values = {name: value for name, value in values_of(draft.reading).items() if name in names}
    return (replace(draft, stands=()), [session.say(Prompt.STANDING_ENDED, values)]) if values else (draft, [])


def _is_read_back(session: DialogueSession, draft: Draft) -> bool:
    """Whether the draft was the last one that was read back."""
    return session.read_back is not None and session.read_back.utterance_id == draft.utterance_id


def _is_sure_beside_question(session: DialogueSession, draft: Draft, names: Collection[str]) -> bool:
    """Whether the fields are without a doubt, where the open question is for a value of another field."""
    doubted = session.doubted or draft.utterance_id in session.needs_yes or session.topic not in OF_VALUE
    reasons = () if session.verdict is None else session.verdict.reasons
    asked = {session.current_question.field, *(one.field for one in reasons)}
    return not doubted and asked.isdisjoint(names)


def drop_trailer_closing(session: DialogueSession) -> list[Order]:
    """Drop a closing that got no yes, and tell the operator."""
    values = session.settings.to_trailer_field(session.values, session.rules.form)
    return [*drop_draft(session), session.say(Prompt.STAYS_OPEN, values)]


def drop_open_question(session: DialogueSession, *, corrects: bool = False) -> list[Order]:
    """Drop the open question whether to cancel, or to close a trailer, and tell that it stays as it is.

    Not of an entry where what was said `corrects` that, or cancels another one: what is said of it next tells so.
    """
    if session.topic is Topic.CLOSE:
        return drop_trailer_closing(session)
    closed, trailer = session.settings.is_closing(session.open_draft), session.current_question.fields
    announcement = session.say(Prompt.CLOSED, trailer) if closed else session.say(Prompt.KEPT_AS_IT_IS)
    return [*drop_draft(session), *([announcement] if closed or not corrects else [])]


def announce_other_draft_in_review(session: DialogueSession) -> Sequence[Say]:
    """Tell that the other draft of the open question stays in review."""
    other = session.current_question.other
    if other is None or other.utterance_id == session.open_draft.utterance_id:
        return []
    _remember_what_it_lacks(session, other, None)
    return announce_parked(session, other.reading)


def queue_or_park_open_draft(session: DialogueSession) -> list[Order]:
    """Queue the open draft behind the next one, once, and keep it in review until then.

    A correction, a closing, or a draft that needs a yes already, is parked.
    """
    draft, values = session.open_draft, _values_for_review(session)
    if draft.act is not Act.RECORD or session.settings.is_closing(draft) or draft.utterance_id in session.needs_yes:
        return park_draft(session)
    draft, unset = _settle_context(session, draft)
    besides, asked = [*announce_other_draft_in_review(session), *unset], session.current_question.field
    session.needs_yes.add(draft.utterance_id)
    context_doubts.doubt_context_of_unrecorded(session, draft, asked)
    _remember_what_it_lacks(session, draft, asked)
    session.close_draft()
    told = _queue(session, draft, first=True)
    return [Park(draft.utterance_id, UNANSWERED, values, draft), *told, *besides]


def queue_or_park_asked(session: DialogueSession, said: Reading, utterance_id: str) -> list[Order]:
    """Queue an entry whose value is implausible, or where another one that waits is named first; else park it."""
    names_queued = any(session.relate_to_claim(said, one) is Relation.SAME for one in session.queue.drafts)
    if names_queued:  # The answer that follows may be of the one that was asked about.
        session.needs_yes.add(utterance_id)
    if session.current_question.is_about_implausible_value or names_queued:
        return queue_or_park_open_draft(session)
    return park_draft(session)


def give_up_waiting_orders(session: DialogueSession) -> list[Order]:
    """Drop the orders that wait, and tell of each that its entry is kept, or the trailer not closed, or not set."""
    orders: list[Order] = []
    for one in session.waiting_orders:
        if one.act is Act.CONTEXT:
            orders.append(session.say(Prompt.NOT_RECORDED, values_of(one.reading)))
        elif session.settings.is_closing(one) and (trailer := values_of(one.reading)):
            dropped = [] if one.support else [StoreDropped(one)]  # With support it has no row of its own yet.
            orders += [*dropped, session.say(Prompt.STAYS_OPEN, trailer)]
        else:
            orders += [StoreDropped(one), *say_draft(session, one, Prompt.ABOUT), Say(Prompt.KEPT_AS_IT_IS)]
    session.waiting_orders = ()
    return orders


def queue_utterance(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> list[Order]:
    """Queue the utterance behind the open draft, and what waits already."""
    noted = utterance.note_utterance(hold_if_accepted(utterance.verdict))
    return [noted, *queue_entry(session, utterance, reading)]


def _queue(session: DialogueSession, draft: Draft, *, first: bool = False) -> list[Say]:
    """Queue a draft; those too many stay in review, and are announced."""
    left = session.queue.add(draft, first=first)
    return [said for one in left for said in announce_parked(session, one.reading)]


def queue_first(session: DialogueSession, draft: Draft) -> list[Say]:
    """Queue a draft before all that waits; those too many stay in review, and are announced."""
    return _queue(session, draft, first=True)


def tell_queued_parked(session: DialogueSession) -> list[Say]:
    """Tell that all that is queued stays in review, and empty the queue."""
    return [said for one in session.queue.clear() for said in announce_parked(session, one.reading)]


def queue_entry(
    session: DialogueSession,
    utterance: UtteranceHeard,
    said: Reading,
    support: tuple[str, ...] = (),
    *,
    behind: str | None = None,
) -> list[Order]:
    """Queue an entry behind the open draft; it is in review until its turn, so that it cannot be lost.

    `behind`: the claim before it of the same utterance, which this one has a copy of.
    """
    stands = tuple((name, utterance.utterance_id) for name in utterance.stands)
    reading, form, operator = replace(said, act=Act.RECORD), session.rules.form.name, session.recording_operator
    draft = Draft(utterance.utterance_id, form, reading, operator, support=support, stands=stands)
    if behind is not None:
        return queue_second(session, replace(draft, utterance_id=behind), said_in=utterance.utterance_id)
    return [Park(utterance.utterance_id, UNANSWERED, values_of(said), draft), *_queue(session, draft)]


def add_to_waiting(session: DialogueSession, waits: Draft, said: Mapping[str, FieldReading], by: str) -> Park:
    """Add what the utterance `by` gives to a draft that waits."""
    joined = with_fields(waits, said, by)
    session.queue.replace(joined.utterance_id, joined)
    return Park(joined.utterance_id, UNANSWERED, values_of(joined.reading), joined)


def queue_second(session: DialogueSession, before: Draft, *, said_in: str) -> list[Order]:
    """Queue a draft behind the claim whose id it comes with: it gets a copy of the utterance `said_in`."""
    return _queue_copy(session, before, second_id(before.utterance_id), said_in)


def queue_rest(session: DialogueSession, whole: Draft, rest: Reading) -> list[Order]:
    """Queue the others of several things of a draft before all that waits: they get a copy of its utterance."""
    draft = replace(whole, reading=rest)
    return _queue_copy(session, draft, rest_id(whole.utterance_id), whole.utterance_id, first=True)


def _queue_copy(
    session: DialogueSession, before: Draft, copy_id: str, said_in: str, *, first: bool = False
) -> list[Order]:
    lasting = tuple((name, copy_id) for name in leads_to_place(before.reading, session.rules))
    draft = replace(before, utterance_id=copy_id, stands=lasting)
    return [Park(copy_id, UNANSWERED, values_of(draft.reading), draft, said_in), *_queue(session, draft, first=first)]


def correct_second(session: DialogueSession, before: Draft | None) -> list[Order]:
    """Correct the place of the next thing of a breath with that of the first: "no, trailer 5502".

    It was said for both there, or holds for what follows.
    """
    draft = session.draft
    if before is None or draft is None or draft.utterance_id != before.utterance_id:
        return []
    ids = {second_id(before.utterance_id), rest_id(before.utterance_id)}
    second = next((one for one in session.queue.drafts if one.utterance_id in ids), None)
    if second is None:
        return []
    was, now, own = before.reading.fields, draft.reading.fields, second.reading.fields
    lasting = dict(draft.stands).keys()
    said = [name for name in session.rules.form.standing_fields if name in was and name in own]
    said = [name for name in said if was[name].words or name in lasting]
    moved = {name: now[name] for name in said if name in now and was[name].value == own[name].value != now[name].value}
    if not moved:
        return []
    second = replace(second, reading=replace(second.reading, fields={**own, **moved}))
    session.queue.replace(second.utterance_id, second)
    return [Park(second.utterance_id, UNANSWERED, values_of(second.reading), second)]


def second_id(utterance_id: str) -> str:
    """The id of the copy of an utterance that a second thing gets."""
    return make_copy_id(utterance_id, "next thing")


def rest_id(utterance_id: str) -> str:
    """The id of the copy that the others of several things get; not `second_id`, which a name behind them may have."""
    return make_copy_id(utterance_id, "other things")


def announce_parked(session: DialogueSession, reading: Reading) -> Sequence[Say]:
    """Tell that an utterance is in review, by its likely identifiers if it has any; of several in one breath, all."""
    session.named = replace(session.named, left=True)  # the next values may belong to it
    known = session.identifiers_of(likely_values(reading))
    parts = split_if_several(reading, session.rules)
    if not known and not parts:
        return [session.say(Prompt.PARKED)]
    each = [session.identifiers_of(values_of(part)) for part in parts] or [known]
    return [session.say(Prompt.PARKED_ENTRY, one) for one in each]


def say_draft(session: DialogueSession, draft: Draft, prompt: Prompt = Prompt.UNFINISHED) -> list[Say]:
    """The prompt that names the draft of the question behind it; empty if it has no values."""
    values = likely_values(draft.reading)
    terms = Terms(find_spoken_units(draft.reading, session.rules))
    return [Say(prompt, session.identifiers_of(values) or values, terms=terms)] if values else []


def say_dropped(session: DialogueSession, draft: Draft) -> Say:
    """The prompt that this draft is dropped: its name, or what was said; of a correction, what it changes."""
    said, amended = without_inherited(draft.reading), context.find_fields_amended(session, draft)
    values = likely_values(said)
    if session.recorded.replaces_recorded_entry(draft):
        values = {name: value for name, value in values.items() if name in amended}
    return say_dropped_values(session, session.identifiers_of(values) or values, draft)


def say_dropped_values(session: DialogueSession, values: Mapping[str, FieldValue], draft: Draft) -> Say:
    """The prompt that these values of a draft are dropped, counts with their units."""
    known, form = likely_values(draft.reading), session.rules.form
    values = {
        **values,
        **{one.name: known[one.name] for one in form.fields if one.unit_of in values and one.name in known},
    }
    terms = Terms(find_spoken_units(draft.reading, session.rules))
    prompt = Prompt.DROPPED_ENTRY if values else Prompt.DROPPED
    return session.make_repeatable(Say(prompt, values, terms=terms, form=draft.form))


def drop_draft(session: DialogueSession, *told: Say) -> list[Order]:
    """Drop the draft, record it as dropped, and tell so; behind that, what it had set for later entries."""
    order, besides = StoreDropped(session.open_draft), announce_other_draft_in_review(session)
    _, unset = _unset_context(session, session.open_draft)
    session.scanned = (), None  # the same label may be scanned again at once
    session.recorded.in_review = session.recorded.in_review.without(session.open_draft.utterance_id)
    session.close_draft()
    return [order, *told, *unset, *besides]
