"""An answer or a correction and the draft it is for become the next draft. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from edge.agree.completing import Pending, completed
from edge.agree.decide import Circumstances, Rules, decide
from edge.agree.happenings import Heard
from edge.agree.questions import marked
from edge.forms.spoken import read, without_cue
from edge.records import Act, Closing, Draft, FieldReading, FieldValue, Reading, Reason, Word

STAYING = frozenset({Reason.TOO_NOISY, Reason.CLIPPED, Reason.SECOND_VOICE, Reason.DOUBLE_COUNT})
"""Doubts about a field that rest on how and when it was said, which a draft that grows does not tell any more."""


def as_heard(reading: Reading, known: Circumstances, rules: Rules) -> Reading:
    """The reading, in which what the circumstances make doubtful wants to be confirmed, however the draft goes on."""
    said = replace(reading, act=Act.RECORD, not_understood=None)
    doubts = decide(said, Closing.PAUSE, rules, known).reasons
    doubted = {doubt.field for doubt in doubts if doubt.reason in STAYING}
    fields = {name: replace(one, confirmed=name not in doubted and one.confirmed) for name, one in said.fields.items()}
    return replace(reading, fields=fields)


def answer_to(name: str, reading: Reading, rules: Rules) -> Reading:
    """What was said, as an answer to the question for a field: a bare "fifteen" is that field's value."""
    said = replace(reading, act=Act.RECORD)
    if said.fields:
        return said
    words = without_cue(said.words, rules.language)
    if not words:
        return said
    label = rules.form[name].wording(rules.language.code).labels[0].split()
    start = words[0].start
    fields = read(
        [*(Word(word, start, start, 1.0) for word in label), *words], rules.form, rules.catalogue, rules.language
    )
    told = {name: fields[name]} if name in fields and fields[name].value is not None else {}
    return replace(said, fields=told, not_understood=None if told else said.not_understood)


def answered(draft: Draft, name: str, answer: Reading, heard: Heard, rules: Rules, *, correcting: bool) -> Draft:
    """The draft with the answer to the question for a field; unchanged but for its evidence where it gives none."""
    reading, _ = completed(Pending(draft.reading, name, correcting), answer, heard.closing, rules)
    return supported(replace(draft, reading=reading), heard.utterance_id)


def corrected(draft: Draft, fields: Mapping[str, FieldReading], utterance_id: str) -> Draft:
    """The draft with these fields in the place of its own."""
    reading = replace(draft.reading, fields={**draft.reading.fields, **fields}, not_understood=None)
    return supported(replace(draft, reading=reading), utterance_id)


def replaced(draft: Draft, reading: Reading, utterance_id: str) -> Draft:
    """The draft, said anew as a whole."""
    return supported(replace(draft, reading=replace(reading, act=Act.RECORD)), utterance_id)


def confirmed(draft: Draft, name: str, value: FieldValue, utterance_id: str) -> Draft:
    """The draft, to one value of which the operator said yes."""
    said = draft.reading.fields.get(name, FieldReading(value, (), 1.0))
    sure = replace(said, value=value, rivals=(), confirmed=True)
    agreed = (*draft.agreed, marked(name, value))
    return replace(corrected(draft, {name: sure}, utterance_id), agreed=agreed)


def supported(draft: Draft, utterance_id: str) -> Draft:
    """The draft, resting on one utterance more."""
    if utterance_id in {draft.utterance_id, *draft.support}:
        return draft
    return replace(draft, support=(*draft.support, utterance_id))


def other_identifier(before: Reading, said: Reading, rules: Rules) -> bool:
    """Does it name another thing than the one before, by any identifier of the form?"""
    return _differ(before, said, [field.name for field in rules.form.fields if field.identifier])


def another(before: Reading, said: Reading, rules: Rules) -> bool:
    """Is a whole sentence about something else? Where the form has no identifier, any other value says so."""
    identifiers = [field.name for field in rules.form.fields if field.identifier]
    return _differ(before, said, identifiers or [field.name for field in rules.form.fields])


def _differ(before: Reading, said: Reading, names: Iterable[str]) -> bool:
    pairs = ((before.fields.get(name), said.fields.get(name)) for name in names)
    return any(
        old is not None and new is not None and new.value is not None and old.value != new.value for old, new in pairs
    )
