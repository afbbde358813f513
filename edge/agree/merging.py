"""Merging: a draft and an answer, a correction or another utterance become the next draft. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from dockvoice_protocol.forms.spoken import is_correction, leading_cue, parse_meaning, read_fields, without_cue
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.grammar.costs import COMMA_S
from dockvoice_protocol.forms.spoken.grammar.meaning import corrected_decimals, is_nearer_to_other_count
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading
from edge.agree.cut_numbers import begins_with_clear_number, has_plus
from edge.agree.decide import ANNOUNCED_OTHERWISE, Circumstances, Rules, decide, is_unusable
from edge.agree.off_talk import find_fields_worded_as_talk
from edge.agree.one_breath import has_values_between
from edge.agree.readings import has_no_values, possible_values, with_unconfirmed
from edge.agree.two_values import keep_one, restates, split_by_values
from edge.records import ClosedBy, Draft, Reason

_LASTING_DOUBTS = ANNOUNCED_OTHERWISE | {
    *(Reason.TOO_NOISY, Reason.CLIPPED, Reason.SECOND_VOICE, Reason.DOUBLE_COUNT, Reason.COUNT_DIFFERS)
}
"""Doubts from an utterance's acoustics or time, which a verdict on the merged draft cannot find again."""

MEANT = "meant"  # Prefix in `Draft.agreed` for an implausible value that the operator agreed to.


# Utterances become readings to merge.


def unconfirm_doubtful_fields(reading: Reading, circumstances: Circumstances, rules: Rules) -> Reading:
    """The reading, with fields unconfirmed that acoustics, recent entries or expected receipts put in doubt."""
    said = replace(reading, act=Act.RECORD, not_understood=None)
    doubts = decide(said, ClosedBy.PAUSE, rules, circumstances).reasons
    doubted = {doubt.field for doubt in doubts if doubt.reason in _LASTING_DOUBTS}
    fields = {name: replace(one, confirmed=name not in doubted and one.confirmed) for name, one in said.fields.items()}
    return replace(reading, fields=fields)


def read_as_answer_to(name: str, reading: Reading, rules: Rules) -> Reading:
    """The utterance read as an answer to the question for a field: a bare "fifteen" is its value."""
    said = replace(reading, act=Act.RECORD)
    if not has_no_values(said):
        return with_unconfirmed(said, find_fields_worded_as_talk(said, rules, asked=name))
    words = without_cue(said.words, rules.language)
    if not words:
        return said
    fields = read_fields(said.words, rules.form, rules.catalogue, rules.language, asked=name)
    answered = (
        fields
        if name in fields and _has_value_or_likely_one(fields[name])
        else _find_contradicting_counts(said, name, rules)
    )
    counted = rules.form[name].unit_of
    # "No, twelve" is the count itself.
    if not answered and counted is not None and is_correction(said.words, rules.language):
        answered = read_fields(words, rules.form, rules.catalogue, rules.language, asked=counted)
    return replace(said, fields=answered, not_understood=None if answered else said.not_understood)


def _find_contradicting_counts(reading: Reading, asked: str, rules: Rules) -> dict[str, FieldReading]:
    """The other fields with more than one number as value: "ten plus two cases" contradicts a count.

    A label or a unit alone contradicts nothing.
    """
    numbers = {name: has_number_word(one.words, rules) for name, one in reading.fields.items()}
    return {name: one for name, one in reading.fields.items() if numbers[name] and name != asked}


def has_number_word(words: Iterable[str], rules: Rules) -> bool:
    """Whether any of the words is a number, or part of one."""
    numerals = rules.language.numerals
    return any(word.isdigit() or numerals.is_part(word) for word in map(fold, words))


def has_lone_one(reading: Reading, rules: Rules) -> bool:
    """Whether its only number is a one, which may be an article: "the green one", "un moment"."""
    numbers = [word.text for word in reading.words if has_number_word([word.text], rules)]
    return len(numbers) == 1 and [one.value for one in rules.language.numerals.counts([fold(numbers[0])], 0)] == [1]


def _has_value_or_likely_one(field: FieldReading) -> bool:
    """Whether the field has a value, or a likely one."""
    return field.value is not None or field.runner_up is not None


# Drafts become the next ones.


def with_answer(
    before: Reading, asked: str, answer: Reading, closing: ClosedBy, rules: Rules, *, correcting: bool = False
) -> Reading:
    """The reading merged with the answer to the question for the field `asked`; `closing` is why the answer ended.

    An answer without a field, or whose end was not heard, changes nothing. The field `asked` takes the answer's value;
    an equal one raises its confidence, unless the answer is `correcting`: then the operator rejected the value. Other
    fields of the answer fill missing ones; one that contradicts a known value makes that doubtful, so that it will be
    asked for.
    """
    said = replace(answer, act=Act.RECORD) if answer.act is Act.AMEND else answer
    if not said.fields or is_unusable(said, closing, rules, None):
        return before
    fields = dict(before.fields)
    for name, one in said.fields.items():
        if name not in fields or (name == asked and correcting):
            fields[name] = one
        else:
            fields[name] = (
                _merge_answered_field(fields[name], one) if name == asked else _merge_unasked_field(fields[name], one)
            )
    merged = replace(before, fields=fields, not_understood=None)
    without_value = [name for name, one in said.fields.items() if not _has_value_or_likely_one(one)]
    unclear = [name for name in without_value if not begins_with_clear_number(name, said, rules)]
    if not unclear or (asked not in said.fields and all(name in before.fields for name in unclear)):
        return merged  # An answer about other fields means those that it names.
    # Words without a value may contradict another known field: "forty cases, door twelve" over dock B.
    return with_unconfirmed(merged, [name for name in before.fields if name not in said.fields])


def _merge_answered_field(before: FieldReading, reading: FieldReading) -> FieldReading:
    """The answer's field; equal values gain confidence as from two independent witnesses.

    1 - (1 - a)(1 - b): both would have to be misheard, and as the same value.
    """
    if reading.value is None or reading.rivals or reading.value != before.value:
        return reading
    sure = 1 - (1 - before.confidence) * (1 - reading.confidence)
    return replace(reading, confidence=sure, confirmed=True)


def _merge_unasked_field(before: FieldReading, reading: FieldReading) -> FieldReading:
    """A known field repeated unasked: an equal value changes nothing, another one becomes a rival, one of several wins.

    Words without a value contradict it: "door twelve" denies all known docks.
    """
    if before.value is None or reading.value is None:
        return reading
    if reading.value in before.rivals or (before.rivals and reading.value == before.value):
        return reading
    if reading.value == before.value:
        return before
    rivals = tuple(dict.fromkeys((*before.rivals, reading.value, *reading.rivals)))
    return replace(before, words=before.words or reading.words, rivals=rivals)  # It is of the context alone no more.


def settle_dependent_fields(name: str, before: Reading, draft: Draft, rules: Rules, answered: Collection[str]) -> Draft:
    """The draft, in which an answer about one field also settles what the same words left open.

    "Pallet 8096 thirty one pieces" is 8096 with 31, or 809630 with one: the pallet decides the count. Only doubts about
    the words are settled; doubts from the acoustics or a second recogniser are still asked about. What was said of the
    other one of two values goes with that: "12 cases and 3 pieces, 2 damaged". What stands between two names, of which
    one was chosen, may be the other's: then all that they said is asked about. `answered`: the fields of the answer.
    """
    value, words, asked = draft.reading.fields[name].value, draft.reading.words, before.fields.get(name)
    if value is None or asked is None or not asked.rivals or words != before.words:
        return draft
    if name in rules.identifying_fields and has_values_between(name, before, rules):
        said = [other for other, one in before.fields.items() if other != name and not one.is_inherited]
        return replace(draft, reading=with_unconfirmed(draft.reading, said))
    settled = settle_rivals_by_value(name, value, draft.reading, rules)
    parts = split_by_values(name, before, rules)
    if parts is None or restates(parts, rules):
        return replace(draft, reading=settled)
    return replace(draft, reading=keep_one(parts, value, before, settled, rules, answered))


def settle_rivals_by_value(name: str, value: FieldValue, reading: Reading, rules: Rules) -> Reading:
    """The reading, in which a certain value resolves the rivals that the same words left in other fields."""
    meant = parse_meaning(reading.words, rules.form, rules.catalogue, rules.language)
    as_read, likely = meant.fields, meant.given(name, value, rules.form)
    open_by_words = {
        other: likely[other].value
        for other, one in reading.fields.items()
        if one.rivals and other in likely and other != name and _has_same_candidates(one, as_read.get(other))
    }
    one = {other: found for other, found in open_by_words.items() if found is not None and not likely[other].rivals}
    settled = {other: replace(reading.fields[other], value=found, rivals=()) for other, found in one.items()}
    return replace(reading, fields={**reading.fields, **settled})


def rivals_are_mishearings(name: str, value: FieldValue, reading: Reading, rules: Rules) -> bool:
    """Whether the rivals are mishearings of the same number as the value, and not a second number that was said."""
    meant = parse_meaning(reading.words, rules.form, rules.catalogue, rules.language)
    as_read = meant.fields.get(name)
    if as_read is None or not as_read.rivals:
        return True  # the rivals come from other words
    likely = meant.given(name, value, rules.form).get(name)
    return likely is not None and likely.value == value and not likely.rivals


def _has_same_candidates(one: FieldReading, other: FieldReading | None) -> bool:
    return other is not None and {one.value, *one.rivals} == {other.value, *other.rivals}


def with_fields(draft: Draft, fields: Mapping[str, FieldReading], utterance_id: str) -> Draft:
    """The draft with these fields replaced, supported by the utterance."""
    reading = replace(draft.reading, fields={**draft.reading.fields, **fields}, not_understood=None)
    stands = tuple((name, utterance_id if name in fields else by) for name, by in draft.stands)
    return with_support(replace(draft, reading=reading, stands=stands), utterance_id)


def read_correction_of_number(before: Reading, reading: Reading, rules: Rules) -> Reading:
    """The correction, in which a number may have several meanings: "no, nineteen" over -18.

    A count of goods that is nearer to that of a part may be meant for that: "no, 3 cases" over 24 cases, 2 damaged.
    """
    fields = dict(reading.fields)
    for name, one in reading.fields.items():
        old = before.fields[name].value if name in before.fields else None
        measures = rules.form[name].spoken.measures and not has_plus(one, rules)
        if measures and isinstance(old, int | float) and isinstance(one.value, int | float):
            first, *others = corrected_decimals(old, one.value)
            fields[name] = replace(one, value=first, rivals=(*others, *one.rivals))
        parts = (part for other, part in before.fields.items() if other not in reading.fields)
        unit = rules.form.unit_field(name)
        if unit and any(is_nearer_to_other_count(one.value, old, part.value) for part in parts):
            units = {of.fields[unit.name].value for of in (before, reading) if unit.name in of.fields}
            alike = {"value": old, "rivals": (one.value, *one.rivals)} if len(units) == 1 else {"confirmed": False}
            fields[name] = replace(one, **alike)
    return with_unconfirmed(replace(reading, fields=fields), _units_of_which_there_may_be_none(reading, rules))


def _units_of_which_there_may_be_none(reading: Reading, rules: Rules) -> list[str]:
    """The units without a count behind a "no" without a pause: "no pieces" may say that there are none."""
    cues = leading_cue(reading.words, rules.language)
    rest = reading.words[len(cues) :]
    if not (cues and rest) or rest[0].start - cues[-1].end >= COMMA_S:
        return []
    counted = {name: rules.form[name].unit_of for name in reading.fields}
    return [name for name, of in counted.items() if of is not None and of not in reading.fields]


def find_fields_with_another_old_value(before: Reading, reading: Reading) -> list[str]:
    """The fields of which it says several values, or what they are not, but none that is the entry's.

    "Not twelve, thirteen" over fourteen, or over an entry without a count, is of another one.
    """
    had = {name: {*possible_values(before.fields.get(name))} for name in reading.fields}
    said = {name: (*one.denied, *possible_values(one)) for name, one in reading.fields.items() if possible_values(one)}
    several = {name: values for name, values in said.items() if len(values) > 1}
    return [
        name
        for name, values in several.items()
        if (had[name] or reading.fields[name].denied) and had[name].isdisjoint(values)
    ]


def with_reading(draft: Draft, reading: Reading, utterance_id: str) -> Draft:
    """The draft with its whole reading replaced."""
    return with_support(replace(draft, reading=replace(reading, act=Act.RECORD)), utterance_id)


def with_agreed_value(
    draft: Draft, name: str, value: FieldValue, utterance_id: str, *, as_meant: bool = False
) -> Draft:
    """The draft with a value that the operator confirmed or gave by a yes or a no, marked as agreed.

    `as_meant`: he was asked whether an implausible value is meant; which one was said does not tell that.
    """
    said = draft.reading.fields.get(name, FieldReading(value, (), 1.0))
    sure = replace(
        said, value=value, rivals=(), unexplained=(), confirmed=True, scanned=said.scanned and value == said.value
    )
    meant = (agreement_mark(f"{MEANT} {name}", value),) if as_meant else ()
    agreed = (*draft.agreed, agreement_mark(name, value), *meant)
    return replace(with_fields(draft, {name: sure}, utterance_id), agreed=agreed)


def agreement_mark(name: str, value: FieldValue) -> str:
    """The mark of an agreed or proved value in a draft."""
    return f"{name}={value}"


def keep_first_count(draft: Draft, name: str) -> Draft:
    """The draft with its present count kept as the first one, before a recount replaces it."""
    first = draft.reading.fields[name].value
    return draft if first is None else replace(draft, counted=(*draft.counted, (name, first)))


def with_support(draft: Draft, utterance_id: str) -> Draft:
    """The draft, supported by one more utterance."""
    if utterance_id in draft.utterances:
        return draft
    return replace(draft, support=(*draft.support, utterance_id))
