"""Merging: an answer, a correction or another breath, and the draft that it is for, become the next draft. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from dockvoice_protocol.forms.spoken import corrects, read, read_given, without_cue
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.grammar.meaning import as_corrected
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading
from edge.agree.decide import ANNOUNCED_OTHERWISE, Circumstances, Rules, decide, is_unusable
from edge.agree.off_talk import among_talk
from edge.agree.readings import says_nothing, unconfirmed
from edge.records import Closing, Draft, Reason

STAYING = ANNOUNCED_OTHERWISE | {
    *(Reason.TOO_NOISY, Reason.CLIPPED, Reason.SECOND_VOICE, Reason.DOUBLE_COUNT, Reason.COUNT_DIFFERS),
}
"""Doubts about a field that rest on how and when it was said, which a draft that grows does not tell any more."""


# What was said becomes a reading to go on with.


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
    if not says_nothing(said):
        return unconfirmed(said, among_talk(said, rules, asked=name))
    words = without_cue(said.words, rules.language)
    if not words:
        return said
    fields = read(said.words, rules.form, rules.catalogue, rules.language, asked=name)
    told = fields if name in fields and _may_be(fields[name]) else _counted(said, name, rules)
    counted = rules.form[name].unit_of
    if not told and counted is not None and corrects(said.words, rules.language):  # "no, twelve": of the count itself
        told = read(words, rules.form, rules.catalogue, rules.language, asked=counted)
    return replace(said, fields=told, not_understood=None if told else said.not_understood)


def _counted(said: Reading, asked: str, rules: Rules) -> dict[str, FieldReading]:
    """The other fields for which a number is said that is no one value: "ten plus two cases" contradicts a count.

    A label or a unit alone says nothing against what is known.
    """
    numbers = {name: says_number(one.words, rules) for name, one in said.fields.items()}
    return {name: one for name, one in said.fields.items() if numbers[name] and name != asked}


def says_number(words: Iterable[str], rules: Rules) -> bool:
    """Is any of the words a number, or part of one?"""
    numerals = rules.language.numerals
    return any(word.isdigit() or numerals.is_part(word) for word in map(fold, words))


def _may_be(field: FieldReading) -> bool:
    """Has it a value, or one that may be meant?"""
    return field.value is not None or field.runner_up is not None


# A draft becomes the next one.


def with_answer(
    before: Reading, asked: str, answer: Reading, closing: Closing, rules: Rules, *, correcting: bool = False
) -> Reading:
    """The reading with the answer to the question for the field `asked`; `closing` is why the answer ended.

    An answer in which no field can be read, or whose end was not heard, changes nothing. The field asked for takes the
    value that the answer gives. Said twice and read alike it is surer than once, unless the answer is `correcting`: the
    operator heard the field read back wrong. What the answer says beside it fills a field that was not heard; where it
    contradicts one that was, that field is in doubt and will be asked for.
    """
    said = replace(answer, act=Act.RECORD) if answer.act is Act.AMEND else answer
    if not said.fields or is_unusable(said, closing, rules, None):
        return before
    fields = dict(before.fields)
    for name, one in said.fields.items():
        if name not in fields or (name == asked and correcting):
            fields[name] = one
        else:
            fields[name] = _said_twice(fields[name], one) if name == asked else _said_beside(fields[name], one)
    merged = replace(before, fields=fields, not_understood=None)
    unclear = [name for name, one in said.fields.items() if not _may_be(one)]
    if not unclear or (asked not in said.fields and all(name in before.fields for name in unclear)):
        return merged  # Who answers something else than was asked means what he names.
    # Words that make no value may be meant for what else was known: "forty cases, door twelve" over dock B.
    return unconfirmed(merged, [name for name in before.fields if name not in said.fields])


def _said_twice(before: FieldReading, said: FieldReading) -> FieldReading:
    """The answer counts. Agreement of two sayings is worth what two independent witnesses are worth.

    1 - (1 - a)(1 - b): both would have to be misheard, and as the same value.
    """
    if said.value is None or said.rivals or said.value != before.value:
        return said
    sure = 1 - (1 - before.confidence) * (1 - said.confidence)
    return replace(said, confidence=sure, confirmed=True)


def _said_beside(before: FieldReading, said: FieldReading) -> FieldReading:
    """A field said again that nobody asked for: alike it changes nothing, else neither value is certain.

    Words that make no value are not alike: "door twelve" says that the dock is none of those that are known.
    """
    if before.value is None or said.value is None:
        return said
    if said.value == before.value:
        return before
    return replace(before, rivals=tuple(dict.fromkeys((*before.rivals, said.value, *said.rivals))))


def settled_by(name: str, before: Reading, draft: Draft, rules: Rules) -> Draft:
    """The draft, in which an answer that settled one field settles what else its words left open with it.

    "Pallet 8096 thirty one pieces" is 8096 with 31, or 809630 with one: who says which pallet has said how many. Only
    where the doubt is one about words: what the sound or another reader makes of them is asked about all the same.
    """
    value, words, asked = draft.reading.fields[name].value, draft.reading.words, before.fields.get(name)
    if value is None or asked is None or not asked.rivals or words != before.words:
        return draft
    return replace(draft, reading=given(name, value, draft.reading, rules))


def given(name: str, value: FieldValue, said: Reading, rules: Rules) -> Reading:
    """The reading, in which what its words left open with a field is settled, where it is known what that field is."""
    known = rules.form, rules.catalogue, rules.language
    as_read, likely = read(said.words, *known), read_given(name, value, said.words, *known)
    open_by_words = {
        other: likely[other].value
        for other, one in said.fields.items()
        if one.rivals and other in likely and other != name and _offers_the_same(one, as_read.get(other))
    }
    one = {other: found for other, found in open_by_words.items() if found is not None and not likely[other].rivals}
    settled = {other: replace(said.fields[other], value=found, rivals=()) for other, found in one.items()}
    return replace(said, fields={**said.fields, **settled})


def is_one_of(name: str, value: FieldValue, said: Reading, rules: Rules) -> bool:
    """Is it, where the field has this value, said to have no other? It was one number heard in two ways, not two."""
    known = rules.form, rules.catalogue, rules.language
    as_read = read(said.words, *known).get(name)
    if as_read is None or not as_read.rivals:
        return True  # the other was heard in other words
    likely = read_given(name, value, said.words, *known).get(name)
    return likely is not None and likely.value == value and not likely.rivals


def _offers_the_same(one: FieldReading, other: FieldReading | None) -> bool:
    return other is not None and {one.value, *one.rivals} == {other.value, *other.rivals}


def with_fields(draft: Draft, fields: Mapping[str, FieldReading], utterance_id: str) -> Draft:
    """The draft with these fields in the place of its own."""
    reading = replace(draft.reading, fields={**draft.reading.fields, **fields}, not_understood=None)
    stands = tuple((name, utterance_id if name in fields else by) for name, by in draft.stands)
    return with_support(replace(draft, reading=reading, stands=stands), utterance_id)


def put_right(before: Reading, said: Reading, rules: Rules) -> Reading:
    """The correction, in which a number with a sign, or with places, may mean several: "no, nineteen" over -18."""
    plus = {fold(word) for word in rules.language.table["decimals"]["plus"]}
    fields = dict(said.fields)
    for name, one in said.fields.items():
        old = before.fields[name].value if name in before.fields else None
        if isinstance(old, float) and isinstance(one.value, float) and plus.isdisjoint(map(fold, one.words)):
            first, *others = as_corrected(old, one.value)
            fields[name] = replace(one, value=first, rivals=(*others, *one.rivals))
    return replace(said, fields=fields)


def with_reading(draft: Draft, reading: Reading, utterance_id: str) -> Draft:
    """The draft, said anew as a whole."""
    return with_support(replace(draft, reading=replace(reading, act=Act.RECORD)), utterance_id)


def with_yes(draft: Draft, name: str, value: FieldValue, utterance_id: str) -> Draft:
    """The draft, to one value of which the operator said yes, or that he said by a yes or a no."""
    said = draft.reading.fields.get(name, FieldReading(value, (), 1.0))
    sure = replace(
        said, value=value, rivals=(), unexplained=(), confirmed=True, scanned=said.scanned and value == said.value
    )
    agreed = (*draft.agreed, marked(name, value))
    return replace(with_fields(draft, {name: sure}, utterance_id), agreed=agreed)


def marked(name: str, value: FieldValue) -> str:
    """How a draft notes what was agreed or proved."""
    return f"{name}={value}"


def counted_again(draft: Draft, name: str) -> Draft:
    """The draft that is about to take a second count of a field, which will stand: the first is kept beside it."""
    first = draft.reading.fields[name].value
    return draft if first is None else replace(draft, counted=(*draft.counted, (name, first)))


def with_support(draft: Draft, utterance_id: str) -> Draft:
    """The draft, resting on one utterance more."""
    if utterance_id in {draft.utterance_id, *draft.support}:
        return draft
    return replace(draft, support=(*draft.support, utterance_id))
