"""Values that an utterance takes from the entry before: "same dock" and "same again"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.forms.spoken import split_at_listed, split_at_same_place
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.records import Act, FieldReading, Reading, Word
from edge.agree.decide import Rules
from edge.agree.dialogue import context
from edge.agree.dialogue.questions import Topic
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import State
from edge.agree.off_talk import begins_with_foreign_words
from edge.agree.readings import has_no_values, read_part
from edge.records import LastEntry


def copy_from_entry_before(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, in which "same dock" has the value of the entry before; unchanged if there is none.

    "Same again" copies all fields that are not given, except those of the context.
    """
    if reading.act is not Act.RECORD or not reading.words or session.queue.first is not None:
        return reading  # The entry before may be one that still waits.
    rules = session.rules
    asked = session.question.field if session.topic in {Topic.FIELD, Topic.CHOICE} and session.question else None
    if has_no_values(reading):
        asked = asked or context.find_field_left_behind(session)
    before = _entry_before(session, asked)
    found = split_at_same_place(reading.words, rules.form, rules.language, asked)
    again = split_at_listed("same_again", reading.words, rules.language) if found is None and asked is None else None
    if session.draft is not None and found is not None and found[0] in session.open_identifiers:
        before = LastEntry("", session.draft, session.open_identifiers)  # "same location": the open entry's
    is_choice = asked is not None and session.topic is Topic.CHOICE and not rules.form[asked].is_place
    if before is None or is_choice or (found is None and again is None):
        return reading
    phrase, words = found[1:] if found is not None else again or ((), ())
    rest = read_part(reading, words, rules)
    names = [found[0]] if found is not None else _fields_to_copy(session, before, rest)
    if not names or any(name in rest.fields or name not in before.fields for name in names):
        return reading
    if words and not _is_sure_and_adjacent(rest, phrase, reading, rules):
        return reading
    sure = min(word.confidence for word in phrase)
    phrase_words = tuple(word.text for word in phrase)
    fields = {**rest.fields, **{name: _copy_field(session, before, name, phrase_words, sure) for name in names}}
    known = {*fields, *context.inheritable_fields(session)}
    whole = rules.form.required_fields <= known
    begun = bool(rest.fields or again) and session.state is not State.HELD
    if not (whole or begun or asked in names):
        return reading
    return replace(reading, fields=fields, not_understood=None)


def _entry_before(session: DialogueSession, asked: str | None) -> LastEntry | None:
    """The held entry, as if it was recorded, unless it is in doubt; else the last one, if nothing was told of since.

    While a field is asked for, the last entry is the one before the open one.
    """
    draft = session.draft
    if session.state is State.HELD and draft is not None and draft.act is not Act.CONTEXT:
        return None if session.doubted else LastEntry("", draft, session.values)
    is_entry = draft is not None and draft.act is Act.RECORD and not session.settings.is_closing(draft)
    is_open = asked is None and is_entry
    told = session.named.left or (session.named.aside and asked not in session.rules.identifying_fields[:1])
    return None if is_open or told else session.recorded.last


def _fields_to_copy(session: DialogueSession, before: LastEntry, rest: Reading) -> list[str]:
    """The fields that "same again" copies: no number of one thing alone, and nothing that was wrong with it.

    Where what is wrong is what the entry is of, all of that. While there is a context, none of its fields either: a
    different value in the entry before applied to that alone.
    """
    form, stands = session.rules.form, context.inheritable_fields(session)
    known = {*rest.fields, *(form.standing_fields if stands else ())}
    return [
        field.name
        for field in form.fields
        if field.name in before.fields
        and not ({field.name, field.unit_of} & known or field.many is not None)
        and not _describes_one_thing(field, form)
    ]


def _describes_one_thing(field: FormField, form: Form) -> bool:
    """Whether the field describes one thing alone: its number or seal, what is wrong with it, how many are damaged."""
    if field.identifier and field.required:
        return True
    is_of_state = field.bare and bool(field.choices)
    tells_states = is_of_state and any(one.required and one.bare and one.choices for one in form.fields)
    found = is_of_state or field.bare or field.spoken.counts or field.spoken.answers
    is_seal = field.spoken.is_code and field.catalogue is None and field.name not in form.roles.values()
    return field.exception or is_seal or (found and not field.required and not tells_states)


def _copy_field(
    session: DialogueSession, before: LastEntry, name: str, words: tuple[str, ...], confidence: float
) -> FieldReading:
    """A field of the entry before, with the utterances that gave it, and the unit that was spoken with it."""
    said = before.draft.reading.fields.get(name)
    counted = said.words if said is not None and session.rules.form[name].units else ()
    said_in = said.said_in if said is not None else ()
    by = said_in or before.draft.utterances
    return FieldReading(before.fields[name], (*words, *counted), confidence, said_in=by)


def _is_sure_and_adjacent(rest: Reading, phrase: Sequence[Word], reading: Reading, rules: Rules) -> bool:
    """Whether the rest is sure and adjacent to the phrase: no "not", or anything else, in between."""
    if begins_with_foreign_words(rest, rules):
        return False
    next_to = rest.words[0] if reading.words[0] in phrase[:1] else rest.words[-1]
    sure = all(one.value is not None and not one.rivals for one in rest.fields.values())
    return sure and any(fold(next_to.text) in map(fold, one.words) for one in rest.fields.values())
