"""Scans: the step that joins a label to the entry, and the one that says why a label fills nothing."""

from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.records import FieldReading, Reading
from edge.agree.decide import Rules
from edge.agree.dialogue import context, corrections, drafting, parking, reference, repeating, several
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import Topic
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import State
from edge.agree.merging import with_fields, with_reading
from edge.agree.one_breath import pick_by_answer
from edge.agree.readings import find_differing_identifiers
from edge.records import Draft
from edge.records.speech import Earcon, PlayEarcon, Prompt

_SAME_S = 3.0  # Timeout for a double pull of the trigger: the operator has not heard the result of the first one yet.


def is_repeated_scan(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether the trigger was pulled twice for one label."""
    words, at = session.scanned
    if words != utterance.reading.words or at is None or utterance.began is None:
        return False
    return utterance.began - at <= _SAME_S


def apply_scan(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Take a scanned label: it begins an entry, answers, or adds fields; a differing value is asked about."""
    session.scanned = utterance.reading.words, utterance.began
    if session.state is State.IDLE:
        return drafting.begin_entry(session, utterance, may_commit_at_once=True)
    match session.topic:
        case Topic.CANCEL | Topic.CLOSE:  # the last entry stays, or the trailer open
            return [*parking.drop_open_question(session), *drafting.begin_entry(session, utterance)]
        case Topic.INSTEAD:  # it may belong to either thing, or to a third
            return repeating.park_and_repeat_question(session, utterance, utterance.reading)
        case _:
            return _join_label(session, utterance)


def announce_scan_fault(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Say why the label fills no field; the open entry is unchanged."""
    session.scanned = (), None
    announcement = session.say(Prompt.SCAN_FAULT, scan=str(utterance.reading.not_understood))
    return [utterance.note_as_not_understood(), PlayEarcon(Earcon.NOT_UNDERSTOOD), announcement]


def disputes_label(label: Reading, reading: Reading, rules: Rules) -> bool:
    """Whether the utterance contradicts a label of which only identifiers are in the entry: "742 scanned, 724 said".

    With more of the label's fields, another identifier may name another thing, which these do not describe.
    """
    identifiers = set(rules.identifying_fields)
    known = [name for name, one in label.fields.items() if one.scanned]
    return bool(known) and identifiers.issuperset(known) and bool(identifiers & reading.fields.keys())


def _choose_of_several_by_label(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> list[Order]:
    """The label selects one of the things that were named in one breath; any other label is parked."""
    draft = session.open_draft
    if (meant := pick_by_answer(draft.reading, reading, session.rules)) is None:
        return repeating.park_and_repeat_question(session, utterance, utterance.reading)
    part, other = context.fill_unless_other_trailer(session, meant[0]), meant[1]
    named = _with_label_fields(with_reading(draft, part, utterance.utterance_id), reading, utterance.utterance_id)
    return several.take_one_of_several(session, utterance, named, other)


def _join_label(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Join a label to the open entry, field by field; one of another thing begins the next entry, or is asked about."""
    reading, draft = drafting.read_with_acoustic_doubts(session, utterance), session.open_draft
    if session.current_question.prompt is Prompt.ONE_BY_ONE:
        return _choose_of_several_by_label(session, utterance, reading)
    whole = session.state is State.HELD or session.topic is Topic.ENTRY_RIGHT
    if find_differing_identifiers(draft.reading, reading, session.rules.identifying_fields):
        if session.state is State.HELD and not session.doubted:
            if (queued := _find_queued_alone(session, reading)) is not None:
                # Its turn has come, with the label's fields.
                session.queue.replace(queued.utterance_id)
                session.queue.add(_with_label_fields(queued, reading, utterance.utterance_id), first=True)
                return [*drafting.commit_draft(session), utterance.note_as_heeded()]
            return [*drafting.commit_draft(session), *drafting.begin_entry(session, utterance)]
        if whole or len(reading.fields) > 1 or session.recorded.replaces_recorded_entry(draft):
            return corrections.ask_if_replaces_open(session, utterance)
    reference.require_yes_if_named_later(session, reading)
    joined = _with_label_fields(draft, reading, utterance.utterance_id)
    if joined.reading.fields == draft.reading.fields:
        return [utterance.note_as_heeded()]
    return drafting.revise_draft(session, utterance, joined)


def _find_queued_alone(session: DialogueSession, label: Reading) -> Draft | None:
    """The queued draft that is of the label's thing, and of no other in the same breath."""
    rules = session.rules
    same = (
        one
        for one in session.queue.drafts
        if not find_differing_identifiers(one.reading, label, rules.identifying_fields)
        and pick_by_answer(one.reading, label, rules) is None
    )
    return next(same, None)


def _with_label_fields(draft: Draft, label: Reading, utterance_id: str) -> Draft:
    """The draft with the label's fields joined."""
    before = draft.reading.fields
    joined = {name: _merge_with_scan(before.get(name), one) for name, one in label.fields.items()}
    return with_fields(draft, joined, utterance_id)


def _merge_with_scan(before: FieldReading | None, scanned: FieldReading) -> FieldReading:
    """A field after a scan: sure if equal, settled if the label has one of its rivals, else in doubt between both."""
    if before is None or before.value is None or scanned.value is None:
        return scanned
    if scanned.value == before.value and not before.rivals:
        return replace(before, confidence=1.0, confirmed=before.confirmed or scanned.confirmed)
    if scanned.value in {before.value, *before.rivals}:
        return scanned
    rivals = dict.fromkeys((*scanned.rivals, before.value, *before.rivals))
    return replace(scanned, words=(*scanned.words, *before.words), rivals=tuple(rivals))
