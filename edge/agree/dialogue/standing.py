"""Standing: the steps that set the standing context and tell it; `context` computes it."""

from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.forms.spoken import is_correction, split_at_listed
from dockvoice_protocol.records import Act, Command, FieldReading, Reading
from edge.agree.decide import NO_CIRCUMSTANCES
from edge.agree.dialogue import (
    amendments,
    answers,
    context,
    context_reading,
    corrections,
    drafting,
    parking,
    reference,
    repeating,
    status,
    waiting_context,
)
from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import OF_VALUE, Question, Topic, judge_draft, next_question
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import State
from edge.agree.merging import with_fields
from edge.agree.off_talk import has_no_other_words
from edge.agree.readings import find_differing_identifiers, values_of, without_inherited
from edge.agree.sentence_parts import leads_to_place
from edge.records import Commit, Draft, Outcome, Park, Verdict
from edge.records.speech import Prompt, Say

_ANSWERED_BY_CONTEXT = frozenset({Topic.FIELD, Topic.CHOICE, Topic.FIELD_RIGHT, Topic.REOPEN})
"""The questions that a context field may answer."""


def set_context(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Begin or change the context for later entries, read back like a held entry. An open entry never changes."""
    draft = session.draft
    said, rules = utterance.reading, session.rules
    waits = draft is not None and said.fields.keys() <= waiting_context.list_fields(session, draft)
    waiting_context.forget(session, utterance.reading.fields)
    if draft is None:
        return _begin_context(session, utterance)
    if context.is_between_entries(session):
        return [*parking.drop_open_question(session), *_begin_context(session, utterance)]
    if draft.act is Act.CONTEXT:
        return _change_open_context(session, utterance, draft)
    if session.state is State.HELD and not session.doubted:
        # As before the next entry; but a single field may correct the readback, so that is queued.
        lasts = len(said.fields) > 1 or split_at_listed("from_now_on", said.words, rules.language) is not None
        lasts |= utterance.follows or bool(leads_to_place(said, rules)) or (waits and has_no_other_words(said))
        alone = not lasts and draft.act is Act.RECORD and said.fields.keys() <= draft.reading.fields.keys()
        left = parking.queue_or_park_open_draft(session) if alone else drafting.commit_draft(session)
        return [*left, *_begin_context(session, utterance)]
    if session.current_question.field in utterance.reading.fields and session.topic in _ANSWERED_BY_CONTEXT:
        return answers.answer_open_question(
            session, replace(_as_answer_to_open(session, utterance), stands=tuple(utterance.reading.fields))
        )
    return _set_over_question(session, utterance)


def _begin_context(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    draft = _build_context_draft(session, utterance)
    verdict = utterance.verdict if utterance.reading.act is Act.CONTEXT else judge_draft(draft, session.rules)
    return drafting.begin_draft(session, utterance, draft, verdict)


def _build_context_draft(session: DialogueSession, utterance: UtteranceHeard) -> Draft:
    reading = replace(drafting.read_with_acoustic_doubts(session, utterance), act=Act.RECORD)
    return Draft(utterance.utterance_id, session.rules.form.name, reading, session.recording_operator, act=Act.CONTEXT)


def _change_open_context(session: DialogueSession, utterance: UtteranceHeard, draft: Draft) -> list[Order]:
    """Add to the open context, or change it; another trailer, which corrects nothing, is the next."""
    takes_back = is_correction(utterance.reading.words, session.rules.language)
    corrects = session.doubted or takes_back
    head = session.rules.form.standing_fields[:1]
    held = replace(draft.reading, fields={**session.context.fields, **draft.reading.fields})
    another = find_differing_identifiers(held, utterance.reading, head)
    if session.state is State.HELD and another and not corrects:
        return [*drafting.commit_draft(session), *_begin_context(session, utterance)]
    given = [] if takes_back else _give_context_to_queued(session, draft, utterance.reading)
    if session.current_question.field in utterance.reading.fields and session.topic is not Topic.PROOF:
        return [*given, *answers.answer_open_question(session, _as_answer_to_open(session, utterance))]
    adds = utterance.reading.fields.keys().isdisjoint(draft.reading.fields)
    left = (
        _commit_entry_left(session) if session.state is State.HELD and adds and not (corrects or draft.support) else []
    )
    reading = drafting.read_with_acoustic_doubts(session, _as_answer_to_open(session, utterance))
    return [
        *given,
        *left,
        *drafting.revise_draft(session, utterance, with_fields(draft, reading.fields, utterance.utterance_id)),
    ]


def _give_context_to_queued(session: DialogueSession, draft: Draft, reading: Reading) -> list[Order]:
    """Give what waits behind the open context its fields that are said otherwise now: those hold for what follows."""
    before, form, orders = {**session.context.fields, **draft.reading.fields}, session.rules.form, list[Order]()
    differ = {name for name, one in reading.fields.items() if name in before and one.value != before[name].value}
    if differ & {*form.standing_fields[:1]}:  # Another trailer: the door and the order were of the one before.
        differ |= before.keys()
    was = ((name, before[name], before[name].value) for name in differ)
    valid = {
        name: one for name, one, value in was if value is not None and session.rules.allows_value(form[name], value)
    }
    fields = {name: replace(one, words=(), said_in=draft.utterances) for name, one in valid.items()}
    for one in session.queue.drafts if fields else ():
        if find_differing_identifiers(replace(reading, fields=before), one.reading, form.standing_fields[:1]):
            continue  # On a trailer of its own.
        given = replace(one, reading=replace(one.reading, fields={**fields, **one.reading.fields}))
        session.queue.replace(one.utterance_id, given)
        orders.append(Park(given.utterance_id, parking.UNANSWERED, values_of(given.reading), given))
    return orders


def _commit_entry_left(session: DialogueSession) -> list[Order]:
    """Commit the entry whose readback the first field of the open context might have corrected, behind a second one.

    "Trailer 5502", then "door 13", is as "trailer 5502, door 13": the operator has moved.
    """
    left = session.queue.first
    if left is None or left.utterance_id not in session.needs_yes:  # It was said behind the context.
        return []
    verdict = judge_draft(left, session.rules)
    if verdict.outcome is not Outcome.ACCEPT:
        return []
    session.queue.replace(left.utterance_id)
    session.needs_yes.discard(left.utterance_id)
    return [Commit(left, verdict)]


def _as_answer_to_open(session: DialogueSession, utterance: UtteranceHeard) -> UtteranceHeard:
    """The utterance as an answer to the open question."""
    lasting = context_reading.split_off_from_now_on(session, utterance.reading)
    act = Act.AMEND if is_correction(utterance.reading.words, session.rules.language) else Act.RECORD
    said = replace(utterance.reading, words=tuple(lasting[1]), preface=None) if lasting else utterance.reading
    return replace(utterance, reading=replace(said, act=act))


def _set_over_question(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Set the context for later entries over a question about an entry, if its own fields leave no doubt."""
    draft = _build_context_draft(session, utterance)
    verdict = judge_draft(draft, session.rules, NO_CIRCUMSTANCES)
    sure = utterance.verdict.outcome is Outcome.ACCEPT and verdict.outcome is Outcome.ACCEPT
    asks = session.ask(session.entry_question) if session.state is State.HELD else []
    if not sure or next_question(draft, verdict, session.rules, session.challenges, ended=True) is not None:
        return [utterance.note_as_not_understood(), session.say(Prompt.REPEAT), *asks]
    lasts = split_at_listed("from_now_on", utterance.reading.words, session.rules.language) is not None
    lasts |= bool(leads_to_place(utterance.reading, session.rules))  # "Then trailer 5502".
    context.set_fields_in_context(session, draft.reading.fields, utterance.utterance_id)
    session.set_over_question |= draft.reading.fields.keys()
    if (other := session.current_question.other) is not None:  # It may be on the next trailer, as said last.
        session.needs_yes.add(other.utterance_id)
    if not lasts:
        session.needs_yes.add(session.open_draft.utterance_id)  # "Door 13" may be of the open entry.
    noted = utterance.note_utterance(replace(context.CONTEXT_VERDICT, fields=verdict.fields))
    return [noted, session.say(Prompt.STANDING, verdict.fields), *asks]


def keep_open_context_apart(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Put an utterance about an entry aside over an open context, until that is agreed; empty for any other."""
    if _puts_right_what_was_set(session, utterance):
        said = replace(utterance, reading=replace(utterance.reading, act=Act.CONTEXT))
        return _set_over_question(session, said.with_verdict(session.rules))
    draft, once = session.draft, set(session.rules.form.standing_fields)
    later = _list_fields_for_later(session, utterance)
    if len(later) > 1:
        return [*drafting.commit_draft(session), *_begin_context(session, utterance)]
    if draft is not None and later:
        session.needs_yes.add(draft.utterance_id)
    if draft is None or draft.act is not Act.CONTEXT or utterance.reading.fields.keys() <= once:
        return []
    return _queue_or_reject(session, utterance)


def _puts_right_what_was_set(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether it puts right what was set for later entries over the question: "trailer 5502", "no, trailer 5503"."""
    own = without_inherited(utterance.reading).fields.keys()
    corrects = is_correction(utterance.reading.words, session.rules.language)
    return corrects and bool(own) and own <= session.set_over_question and session.topic in OF_VALUE


def _list_fields_for_later(session: DialogueSession, utterance: UtteranceHeard) -> set[str]:
    """The fields of a bare "trailer 5502, door 5" over a held correction of an entry on record; empty for any other.

    It is for later entries; of one field alone it is asked, since that may be corrected too.
    """
    said, draft, once = utterance.reading, session.draft, {*session.rules.form.standing_fields}
    corrects = draft is not None and session.recorded.replaces_recorded_entry(draft) and session.state is State.HELD
    bare = said.act is Act.RECORD and not said.is_scan and not is_correction(said.words, session.rules.language)
    own = {*without_inherited(said).fields}
    return own if corrects and bare and not session.doubted and own <= once else set()


def _queue_or_reject(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    is_held = session.state is State.HELD
    if _corrects_recorded_entry(session, utterance):
        sure, fields = is_held and not session.doubted, session.open_draft.reading.fields
        left = drafting.commit_draft(session)
        session.context = session.context.with_doubted(set() if sure else fields.keys())
        correction = replace(utterance, reading=without_inherited(utterance.reading))
        return [*left, *amendments.correct_named_or_last(session, correction)]
    if not is_held and (corrected := corrections.correct_recorded_entry_if_named(session, utterance)):
        return corrected
    if utterance.reading.act is not Act.RECORD:
        not_taken = drafting.ask_to_repeat_possible_no if is_held else repeating.reject_answer
        return not_taken(session, utterance)
    objects = is_correction(utterance.reading.words, session.rules.language) and not context.asks_about_entry(session)
    if _accepts_open_context(session, utterance) and not objects:
        if session.doubted or not is_held:  # Neither silence nor these words are a yes to it: this readback has it.
            session.needs_yes.add(utterance.utterance_id)
        return [*drafting.commit_draft(session), *drafting.begin_entry(session, utterance)]
    waits = _add_to_queued(session, utterance) or parking.queue_utterance(session, utterance, utterance.reading)
    return [
        *waits,
        *(session.ask(session.entry_question) if is_held else [session.say_question(session.current_question)]),
    ]


def _add_to_queued(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Add what is said to the thing that waits and is named, or without a name to the last one; else empty.

    "Pallet 742 is wet", or "two damaged" behind "pallet 742"; not where more was told of another one since.
    """
    own = without_inherited(utterance.reading)
    said = {name: one for name, one in own.fields.items() if name not in session.rules.identifying_fields}
    waits, others = [*session.queue.drafts[-1:]], session.queue.drafts[:-1]
    if said.keys() != own.fields.keys():
        waits = [one for one in session.queue.drafts if session.relate_to_claim(own, one) is Relation.SAME]
    elif any(one.support for one in others):
        return []
    if not (waits and said) or not said.keys().isdisjoint(waits[0].reading.fields):
        return []
    return [utterance.note_as_heeded(), parking.add_to_waiting(session, waits[0], said, utterance.utterance_id)]


def _corrects_recorded_entry(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether it surely corrects an entry on record, named by it, or by the device since it read the context back.

    Not where the context identifies an entry: "no, trailer 5501, rear" may correct that.
    """
    said, form = utterance.reading, session.rules.form
    sure = drafting.is_sure_correction(session, utterance) and _accepts_open_context(session, utterance)
    if form.is_identified_by_context or not sure:
        return False
    told_since = (bool(session.named.things) and all(session.named.things)) or context.asks_about_entry(session)
    is_of_context = bool(said.fields.keys() & {*form.standing_fields})
    named = bool(session.identifiers_of(values_of(said)))
    known = reference.find_known(session, values_of(said))
    return known is not None or (told_since and not (named or is_of_context))


def _accepts_open_context(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether an entry accepts the context that was read back before it, as silence does.

    After words that were not understood only a complete entry with the same context does: its readback includes that.
    """
    if (session.state is State.HELD and not session.doubted) or context.asks_about_entry(session):
        return True
    said, context_, rules = utterance.reading, session.open_draft.reading, session.rules
    if session.state is not State.HELD and session.topic is not Topic.ENTRY_RIGHT:
        return False
    whole = {**context_.fields, **said.fields}
    is_whole = rules.form.required_fields <= whole.keys()
    return is_whole and not find_differing_identifiers(context_, said, rules.form.standing_fields)


def ask_what_is_wrong_with_context_or_last(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """After a late "no", ask what is wrong with the context if no entry has used it yet, else with the last entry."""
    standing, once = session.context, session.rules.form.standing_fields
    fields: dict[str, FieldReading] = {name: standing.fields[name] for name in standing.not_read_back if name in once}
    if not fields:
        return amendments.ask_what_is_wrong_with_last(session, utterance)
    reading = replace(utterance.reading, act=Act.RECORD, fields=fields, not_understood=None)
    session.draft = Draft(
        utterance.utterance_id, session.rules.form.name, reading, session.recording_operator, act=Act.CONTEXT
    )
    session.verdict = judge_draft(session.draft, session.rules)
    noted = utterance.note_utterance(Verdict(Outcome.HOLD, context.CONTEXT_VERDICT.reasons, {}))
    return [noted, session.say(Prompt.STANDING_NOW, values_of(reading)), *session.ask(Question(Topic.WRONG))]


@status.answers_command(Command.WHERE_AM_I)
def _describe_context(session: DialogueSession, _: UtteranceHeard) -> list[Say]:
    """Say the context that applies to all entries."""
    values = context.context_values(session)
    return [Say(Prompt.STANDING_NOW, values) if values else Say(Prompt.STANDING_NONE)]
