"""What is said instead of an answer to the open question: another entry, a correction, or a field to ask for."""

from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.spoken import is_correction, names_by_position, read_fields, without_cue
from dockvoice_protocol.records import Act, Reading
from edge.agree.dialogue import (
    amendments,
    context,
    corrections,
    drafting,
    next_or_instead,
    parking,
    repeating,
    trailers,
)
from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import Question, Topic
from edge.agree.dialogue.session import DialogueSession, asks_yes_or_no
from edge.agree.dialogue.table import State
from edge.agree.merging import with_fields, with_reading
from edge.agree.off_talk import begins_with_foreign_words, find_field_named_without_value
from edge.agree.readings import likely_values, read_part, values_of, without_inherited
from edge.agree.sentence_parts import read_trailer_done
from edge.records import Draft, Outcome, Park
from edge.records.speech import Prompt


def handle_other_than_yes_or_no(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Handle what is said in place of a yes or a no about an entry: a correction, or another entry."""
    reading, draft = drafting.read_with_acoustic_doubts(session, utterance), session.open_draft
    if not reading.fields or begins_with_foreign_words(reading, session.rules):
        return _ask_for_named_field(session, utterance, reading)
    relation, takes_back = session.relate_to_claim(reading), drafting.is_sure_correction(session, utterance)
    differs = relation in {Relation.ANOTHER, Relation.NAME}
    named = differs or bool({*session.rules.identifying_fields[:1]} & reading.fields.keys())
    differs |= not (named or takes_back or relation is Relation.UNCLEAR) and _may_be_of_another_thing(session)
    whole = utterance.verdict.outcome is Outcome.ACCEPT
    if session.topic is Topic.WRONG and session.recorded.changes_nothing(draft) and differs:
        return _take_other_than_last(session, utterance, reading, begins=whole and not takes_back)
    if relation is Relation.UNCLEAR and not (takes_back or whole):
        return reject_or_park_unclear_identifier(session, utterance, reading)
    is_asked = (
        not corrections.may_rename_open_claim_unasked(session, reading) if takes_back else session.topic is Topic.WRONG
    )
    if differs and is_asked and (not whole or session.recorded.replaces_recorded_entry(draft)):
        return corrections.ask_if_replaces_open(session, utterance)
    if not differs or (takes_back and not whole):
        return (
            corrections.replace_open_draft(session, utterance)
            if whole
            else corrections.merge_correction(session, utterance, reading)
        )
    is_name = relation is Relation.NAME and not whole
    return (
        next_or_instead.ask_next_or_instead(session, utterance, reading)
        if is_name
        else begin_next_instead_of_answer(session, utterance)
    )


def _take_other_than_last(
    session: DialogueSession, utterance: UtteranceHeard, reading: Reading, *, begins: bool
) -> list[Order]:
    """Take another thing that is said over what is wrong with the last entry; silence must not turn one into the other.

    It `begins` an entry where more than its name differs, and the last one is kept, which is told: "pallet 743, ten
    cases" over 742, 24 cases. Else it is asked whether it replaces that.
    """
    draft, by, whole = session.open_draft, utterance.utterance_id, utterance.verdict.outcome is Outcome.ACCEPT
    others = values_of(without_inherited(reading)).items() - values_of(draft.reading).items()
    if begins and any(name not in session.rules.identifying_fields for name, _ in others):
        session.needs_yes.add(by)
        return [*_keep_record(session), *drafting.begin_entry(session, utterance)]
    changed = with_reading(draft, reading, by) if whole else with_fields(draft, reading.fields, by)
    verdict = drafting.judge_after_utterance(session, changed, utterance)
    return [utterance.note_as_heeded(), *amendments.ask_if_replaces_last(session, changed, verdict, reading)]


def _may_be_of_another_thing(session: DialogueSession) -> bool:
    """Whether values may be another thing's: the draft was restored after a power cut, and others are in review."""
    question, draft = session.current_question, session.open_draft
    waits = any(one.utterance_id != draft.utterance_id for one in session.recorded.in_review.drafts)
    return question.prompt is Prompt.RESTORED and waits


def _ask_for_named_field(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> list[Order]:
    """Ask for the field that is named without a value, "the dock is wrong"; else repeat the question.

    "The dock of the one before" is of another thing.
    """
    name = None if reading.fields else find_field_named_without_value(reading, session.rules)
    if name is None or names_by_position(reading.words, (), session.rules.language):
        return repeating.reject_answer(session, utterance)
    return [utterance.note_as_heeded(), *session.ask(Question(Topic.FIELD, name, prompt=Prompt.ASK_FIELD))]


def withdraw_objection(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Keep an entry on record unchanged, or read the open one back again: the operator finds nothing wrong."""
    draft = session.open_draft
    if session.recorded.changes_nothing(draft):
        return [utterance.note_as_heeded(), *_keep_record(session)]
    return drafting.revise_draft(session, utterance, draft)


def _keep_record(session: DialogueSession) -> list[Order]:
    """Keep an entry on record unchanged, and tell so."""
    session.recorded.mending = None
    return [*parking.drop_draft(session), session.say(Prompt.KEPT_AS_IT_IS)]


def reject_or_park_unclear_identifier(
    session: DialogueSession, utterance: UtteranceHeard, reading: Reading
) -> list[Order]:
    """Reject an answer with an unclear identifier; with other fields it may be an entry, and is parked."""
    if len(reading.fields) == 1:
        return repeating.reject_answer(session, utterance)
    return repeating.park_and_repeat_question(session, utterance, reading)


def handle_neither_yes_nor_no_to_replacement(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Handle an utterance that is neither yes nor no to whether another thing replaces the open one.

    A third thing becomes the next entry, so does the other one behind "next" or "both". The open thing said anew
    replaces the open entry, values of the other thing are added to it and the question is asked again; all else is
    rejected.
    """
    reading, other = drafting.read_with_acoustic_doubts(session, utterance), session.current_question.other
    is_next = other is not None and next_or_instead.answers_next(session, reading)
    if other is None or not (reading.fields or is_next) or begins_with_foreign_words(reading, session.rules):
        return repeating.reject_answer(session, utterance)
    to_open, to_other = session.relate_to_claim(reading), session.relate_to_claim(reading, other)
    if to_open is to_other is Relation.ANOTHER:
        return begin_next_instead_of_answer(session, utterance)
    beside, whole = other.utterance_id != session.open_draft.utterance_id, utterance.verdict.outcome is Outcome.ACCEPT
    fields, by = without_inherited(reading).fields, utterance.utterance_id
    if is_next and (to_other is Relation.SAME or not fields):
        separate = record_as_separate_entry(session, with_fields(other, fields, by), utterance)
        return [utterance.note_as_heeded(), *separate]
    if beside and whole and to_open is Relation.SAME is not to_other:
        return corrections.replace_open_draft(session, utterance)
    adds = to_other is Relation.NONE if beside else whole and to_other is Relation.SAME
    more = with_fields(other, fields, by)
    is_unclear = not session.current_question.before.keys() <= values_of(more.reading).keys()
    if not adds or is_unclear or drafting.is_sure_correction(session, utterance):
        return repeating.reject_answer(session, utterance)
    if not beside:
        session.draft = with_fields(session.open_draft, fields, by)
        session.verdict = drafting.judge_after_utterance(session, session.draft, utterance)
    question = replace(session.current_question, other=more, fields=values_of(more.reading))
    parked = [Park(more.utterance_id, parking.UNANSWERED, values_of(more.reading), more)] if beside else []
    return [utterance.note_as_heeded(), *parked, *session.ask(question)]


def begin_next_instead_of_answer(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Begin the next entry in place of an answer: the open one is parked, or queued behind it once.

    A word of correction that takes the open one back drops it. An open correction of an entry on record is left.
    """
    takes_back = drafting.is_sure_correction(session, utterance) and corrections.may_rename_open_claim_unasked(
        session, utterance.reading
    )
    answers = asks_yes_or_no(session)  # The "no" may be the answer.
    if takes_back and session.topic is not Topic.INSTEAD and not answers:
        return corrections.drop_and_begin(session, utterance)
    return [
        *parking.queue_or_park_asked(session, utterance.reading, utterance.utterance_id),
        *drafting.begin_entry(session, utterance),
    ]


def continue_without_cancelling_or_closing(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Go on with something else than whether to cancel or to close: the entry stays, and the trailer open."""
    return _close_another_trailer(session, utterance) or _continue_beside(session, utterance)


def _continue_beside(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    said, dictated = utterance.reading, utterance.verdict.outcome in {Outcome.ACCEPT, Outcome.ASK}
    if not (dictated or said.fields) or context.begins_with_unknown_words(said, session.rules):
        if (entry := _find_entry_at_end(session, said)) is None:
            return repeating.reject_answer(session, utterance)
        return repeating.park_and_repeat_question(session, utterance, entry)
    named, recorded = session.identifiers_of(values_of(said)), session.find_own_entry(values_of(said))
    corrected = is_correction(said.words, session.rules.language)
    if session.topic is Topic.CLOSE and corrected and named and recorded is None:
        return [*parking.drop_open_question(session), *_begin_entry_after_no_to_closing(session, utterance)]
    if session.topic is Topic.CANCEL and corrected and said.fields.keys() == named.keys():
        # Cancel the one that it names; it renames nothing.
        left = parking.drop_open_question(session, corrects=True)
        return [*left, *amendments.ask_to_cancel_named_or_last(session, utterance)]
    asked = amendments.find_entry_to_cancel(session)
    corrects = said.act is Act.AMEND or corrected
    if corrects and not named.items() <= session.current_question.fields.items():
        orders = amendments.ask_again_behind_another(session, said)
    else:
        orders = parking.drop_open_question(session, corrects=corrects)
    if corrects:
        session.recorded.last = asked or session.recorded.last
    if said.act is not Act.AMEND:
        return [*orders, *amendments.begin_or_replace_last(session, utterance)]
    return [*orders, *amendments.correct_named_or_last(session, utterance)]


def _close_another_trailer(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Ask whether to close another trailer than the question: "no, 70016", "no, close trailer 70016"; else empty."""
    said, rules = utterance.reading, session.rules
    name, rest = rules.form.roles.get(FieldRole.TRAILER), without_cue(said.words, rules.language)
    if session.topic is not Topic.CLOSE or name is None or not drafting.is_sure_correction(session, utterance):
        return []
    closing = read_trailer_done(said, rest, rules)
    fields = closing.fields if closing else read_fields(rest, rules.form, rules.catalogue, rules.language, asked=name)
    if fields.keys() != {name} or fields[name].value is None:
        return []
    order = replace(utterance, reading=replace(closing or said, fields={name: fields[name]}))
    return [*parking.drop_open_question(session), *trailers.ask_to_close_trailer(session, order)]


def _begin_entry_after_no_to_closing(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Begin an entry after a "no" to whether to close the trailer: that "no" corrects nothing."""
    rest = without_cue(utterance.reading.words, session.rules.language)
    said = replace(
        read_part(drafting.read_with_acoustic_doubts(session, utterance), rest, session.rules), act=Act.RECORD
    )
    draft = Draft(
        utterance.utterance_id,
        session.rules.form.name,
        context.fill_new_entry_from_context(session, said),
        session.recording_operator,
    )
    return drafting.begin_draft(session, utterance, draft, drafting.judge_after_utterance(session, draft, utterance))


def _find_entry_at_end(session: DialogueSession, reading: Reading) -> Reading | None:
    """The end of an utterance that names a thing with values, "oh, one more, pallet 743, ten cases"; or None."""
    for start in range(len(reading.words)):
        part = read_part(reading, reading.words[start:], session.rules)
        named = session.identifiers_of(likely_values(part))
        if any(part.fields[name].words[:1] == (reading.words[start].text,) for name in named):
            return part if len(likely_values(part)) > len(named) else None
    return None


def record_as_separate_entry(session: DialogueSession, other: Draft, utterance: UtteranceHeard) -> list[Order]:
    """Make `other` an entry of its own; the open one that it was compared with stays, and is finished first."""
    if other.utterance_id != session.open_draft.utterance_id:
        return next_or_instead.begin_as_next(session, utterance, other)
    session.draft = session.recorded.mending = None
    other = replace(other, reading=context.fill_new_entry_from_context(session, other.reading, other))
    orders = drafting.ask_or_read_back_or_commit(
        session, other, drafting.judge_after_utterance(session, other, utterance, aloud=True), None
    )
    # The "no" may have rejected all of it, so silence must not commit it.
    return session.ask(session.entry_question) if session.state is State.HELD else orders
