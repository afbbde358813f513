"""Several things in one breath: the open one takes its part, the others wait; what names several corrects none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from dockvoice_protocol.forms.spoken import is_correction
from dockvoice_protocol.records import Act, FieldValue, Reading
from edge.agree.decide import Rules
from edge.agree.dialogue import context, drafting, next_or_instead, parking, repeating, splitting, what_follows
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import OF_VALUE, Topic
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import State
from edge.agree.merging import read_as_answer_to, rivals_are_mishearings, with_fields, with_reading
from edge.agree.one_breath import find_telling_field, list_several_identifiers, pick_by_answer, split_if_several
from edge.agree.readings import find_differing_identifiers, likely_values, possible_values, values_of, without_inherited
from edge.records import Draft
from edge.records.speech import Prompt, Say

_OF_WHOLE_ENTRY = frozenset({Topic.WRONG, Topic.ENTRY_RIGHT, Topic.DROP})  # The questions that no value answers.

_SpeechStep = Callable[[DialogueSession, UtteranceHeard], list[Order]]


def take_apart(session: DialogueSession, utterance: UtteranceHeard, step: _SpeechStep) -> list[Order]:
    """Take the step; of several things in one breath that of the open one's part, behind which the others wait.

    Several that correct, or that nothing is open for, begin entries of their own: what names several corrects none, and
    answers no question which thing it is.
    A correction of several on record is to be said again, one at a time.
    """
    draft, rules = session.draft, session.rules
    if begun := _begin_queued_if_contradicted(session, utterance) or _begin_queued_if_named_by_correction(
        session, utterance
    ):
        return begun
    if draft is not None and draft.act in {Act.RECORD, Act.AMEND}:
        parts = _split_by_open_thing(session, utterance)
        if parts is not None and find_differing_identifiers(draft.reading, parts[1], rules.identifying_fields):
            others = context.fill_unless_other_trailer(session, parts[1])
            taken = step(session, replace(utterance, reading=parts[0]).with_verdict(rules))
            return [*taken, *parking.queue_entry(session, utterance, others)]
        if _may_be_open_or_another(session, utterance):
            return [*parking.park_draft(session), *drafting.begin_entry(session, utterance)]
    named = not utterance.reading.fields.keys().isdisjoint(rules.identifying_fields)
    things = split_if_several(utterance.reading, rules) if named else ()
    if things and draft is None and _corrects_recorded(session, utterance, things):
        return [*_say_one_by_one(session, things), *repeating.ask_to_repeat(session, utterance)]
    if things and context.is_between_entries(session):
        left = [] if draft is None else parking.drop_open_question(session)
    elif _are_of_their_own(session, utterance, things):
        left = parking.park_draft(session)
    else:
        return step(session, utterance)
    return [*left, *drafting.begin_entry(session, utterance)]


def _begin_queued_if_contradicted(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Begin the queued thing with values that contradict the held one; empty where they need not be of the queued one.

    "Twelve cases then pallet 743", "eight cases": the name came last. Each of the two then needs a yes.
    """
    queued, reading = splitting.find_said_next(session), without_inherited(utterance.reading)
    corrects = session.draft is not None and session.open_draft.act is Act.AMEND  # It names its entry.
    if queued is None or corrects or not splitting.contradicts_open_while_next_waits(session, reading):
        return []
    session.queue.replace(queued.utterance_id)
    first, rest = what_follows.queue_all_but_first(session, queued)
    session.doubted = True
    session.needs_yes.add(first.utterance_id)
    begun = with_fields(first, reading.fields, utterance.utterance_id)
    return [utterance.note_as_heeded(), *rest, *next_or_instead.begin_as_next(session, utterance, begun)]


def _begin_queued_if_named_by_correction(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Begin the thing that waits, or ask again, where a word of correction stands before its name; empty for all else.

    "No, pallet 744, six cases", while that is next: the open one is not renamed to it.
    """
    reading = without_inherited(utterance.reading)
    if session.queue.first is None or not drafting.is_sure_correction(session, utterance):
        return []
    if not reading.fields:  # "No, that's 743."
        reading = read_as_answer_to(session.needed_identifiers[0], reading, session.rules)
    named = session.identifiers_of(likely_values(reading))
    if not any(_waits_with_name(session, one, named, reading) for one in session.queue.drafts):
        return []
    if reading.fields.keys() <= named.keys():
        return drafting.ask_to_repeat_possible_no(session, utterance)
    if session.state is State.HELD:
        return []
    return [*parking.queue_or_park_open_draft(session), *drafting.begin_entry(session, utterance)]


def _waits_with_name(
    session: DialogueSession, queued: Draft, named: Mapping[str, FieldValue], reading: Reading
) -> bool:
    """Whether a draft that waits is of the thing that a reading names; or has a name alone, as the reading has."""
    waits = (pick_by_answer(queued.reading, reading, session.rules) or (queued.reading,))[0]
    name = session.identifiers_of(values_of(waits))
    is_name = without_inherited(waits).fields.keys() <= name.keys() == named.keys() == reading.fields.keys()
    return bool(named) and (is_name or named.items() <= name.items())


def _are_of_their_own(session: DialogueSession, utterance: UtteranceHeard, things: Sequence[Reading]) -> bool:
    """Whether several things are none of the open one: they correct it, or the question asks for one thing."""
    if things and drafting.is_sure_correction(session, utterance):
        return True
    return _asks_for_one_thing(session) and (bool(things) or _lists_several(session, utterance.reading))


def _lists_several(session: DialogueSession, reading: Reading) -> bool:
    """Whether it names several things, and gives a value besides, though it is unclear of which of them."""
    names = {*session.rules.identifying_fields}
    return bool(list_several_identifiers(reading, session.rules)) and not reading.fields.keys() <= names


def _asks_for_one_thing(session: DialogueSession) -> bool:
    """Whether the open question is which thing is meant, or about all of one: several things are no answer to it."""
    question, of = session.question, session.rules.identifying_fields
    if question is None or question.prompt is Prompt.ONE_BY_ONE:
        return False
    of_unnamed = question.about in OF_VALUE and (question.field in of or not _open_names(session))
    return question.about in _OF_WHOLE_ENTRY or of_unnamed


def _corrects_recorded(session: DialogueSession, utterance: UtteranceHeard, things: Sequence[Reading]) -> bool:
    """Whether it corrects entries on record: it is said again, one at a time, and is no second entry."""
    corrects = is_correction(utterance.reading.words, session.rules.language)
    return corrects and any(session.find_own_entry(values_of(thing)) for thing in things)


def _say_one_by_one(session: DialogueSession, things: Sequence[Reading]) -> list[Say]:
    """The prompt to say them one at a time; empty where no field tells them apart."""
    if (asked := find_telling_field(things, session.rules)) is None:
        return []
    return [Say(Prompt.ONE_BY_ONE, asked=asked, candidates=tuple(values_of(thing)[asked] for thing in things))]


def _split_by_open_thing(session: DialogueSession, utterance: UtteranceHeard) -> tuple[Reading, Reading] | None:
    """What it says of the open thing and what of others; None where it names one thing, or the open one is in doubt."""
    said, known = drafting.read_with_acoustic_doubts(session, utterance), _open_names(session)
    return pick_by_answer(said, session.open_draft.reading, session.rules) if known is not None else None


def _may_be_open_or_another(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether the open thing and another share what was said, "742 or 743, trailer 5501": it is of neither yet."""
    said, known = drafting.read_with_acoustic_doubts(session, utterance), _open_names(session) or {}
    either = any(_names_another_besides(name, value, said, session.rules) for name, value in known.items())
    return either and (session.question is None or session.question.field not in session.rules.identifying_fields)


def _open_names(session: DialogueSession) -> Mapping[str, FieldValue] | None:
    """The open thing's identifiers; None where one has several values."""
    fields = session.open_draft.reading.fields
    known = {name: possible_values(fields.get(name)) for name in session.rules.identifying_fields}
    if any(len(values) > 1 for values in known.values()):
        return None
    return {name: values[0] for name, values in known.items() if values}


def _names_another_besides(name: str, value: FieldValue, reading: Reading, rules: Rules) -> bool:
    """Whether it names this value and another one, which no count that runs into the number explains."""
    said = possible_values(reading.fields.get(name))
    if value not in said or rivals_are_mishearings(name, value, reading, rules):
        return False
    return not any(str(one).startswith(str(value)) for one in said if one != value)


def choose_of_several(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> list[Order]:
    """Take one of the things named in one breath, with what was said of it then and what `reading` says of it now.

    Empty where it names none of them.
    """
    draft = session.open_draft
    if (meant := pick_by_answer(draft.reading, reading, session.rules)) is None:
        return []
    known = meant[0].fields.keys() & {*session.rules.identifying_fields}
    own = {name: one for name, one in reading.fields.items() if name not in known}
    said = replace(reading, fields={**meant[0].fields, **own}) if own else meant[0]
    chosen = with_reading(draft, context.fill_unless_other_trailer(session, said), utterance.utterance_id)
    return take_one_of_several(session, utterance, chosen, meant[1])


def leave_out_named(session: DialogueSession, several: Draft, named: Reading) -> Draft | None:
    """A draft of several things in one breath, without the one that is named; None where it names none of them."""
    picked = pick_by_answer(several.reading, named, session.rules)
    return None if picked is None else replace(several, reading=picked[1])


def leave_out_name(session: DialogueSession, several: Draft, named: Reading) -> Draft | None:
    """A draft of several things of which it is unclear whose its values are, with the other names alone; or None."""
    rules, gone = session.rules, values_of(named).values()
    left = [value for value in list_several_identifiers(several.reading, rules) if value not in gone]
    if not left:
        return None
    name = next(one for one in rules.identifying_fields if left[0] in possible_values(several.reading.fields.get(one)))
    one = replace(several.reading.fields[name], value=left[0], rivals=tuple(left[1:]))
    return replace(several, reading=replace(several.reading, fields={name: one}))


def take_one_of_several(
    session: DialogueSession, utterance: UtteranceHeard, draft: Draft, others: Reading
) -> list[Order]:
    """Revise the open draft to the one of its things that was chosen, and queue the others behind it."""
    support, revised = (session.open_draft.utterance_id,), drafting.revise_draft(session, utterance, draft)
    return [*revised, *parking.queue_entry(session, utterance, others, support)]
