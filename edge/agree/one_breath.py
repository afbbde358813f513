"""One breath, two entries: "pallet 742, ten cases, pallet 743, two cases", "pallets 742 and 743, twelve each". Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.records import FieldValue, Reading, Word
from edge.agree.decide import Rules
from edge.agree.readings import find_differing_identifiers, possible_values, read_part, with_unconfirmed

_Two = tuple[Reading, Reading]

_MOST_WORDS = 60
"""The longest utterance that is searched for a shared pair: two SSCC digit by digit, and their values, are fifty words.
Trying each "and" between numbers takes two seconds at this length, and ten at twice the length."""


def split_two_things(reading: Reading, rules: Rules) -> _Two | None:
    """The two readings that make up this one, if it names two things with values of their own; else None.

    Of all places to split it, the one with the most values wins.
    """
    return _choose_best_split(_split_in_sequence(reading, rules), rules) or split_two_things_sharing_values(
        reading, rules
    )


def split_two_things_sharing_values(reading: Reading, rules: Rules) -> _Two | None:
    """As `split_two_things`, for two things that share their values."""
    return _choose_best_split(_split_at_and(reading, rules), rules)


def order_two_by_answer(both: Reading, reading: Reading, rules: Rules) -> _Two | None:
    """Of two things in one breath, the one that an answer names, and the other; None if it names neither."""
    two = split_two_things(both, rules)
    if two is None or all(
        name not in reading.fields or reading.fields[name].value is None for name in rules.identifying_fields
    ):
        return None
    return next(
        (
            pair
            for pair in (two, two[::-1])
            if not find_differing_identifiers(pair[0], reading, rules.identifying_fields)
        ),
        None,
    )


def list_several_identifiers(reading: Reading, rules: Rules) -> tuple[FieldValue, ...]:
    """The identifiers of several things, each with its own label or value; empty otherwise."""
    for name in rules.identifying_fields:
        one = reading.fields.get(name)
        values = possible_values(one)
        if one is None or len(values) == 1 or not values:
            continue
        labels = sum(_find_label(fold(word), rules) is not None for word in one.words)
        besides = any(field.value is None or field.rivals for other, field in reading.fields.items() if other != name)
        if labels >= len(values) or (rules.form[name].spoken.listed and besides):
            return values
    return ()


def _choose_best_split(parted: Iterator[_Two], rules: Rules) -> _Two | None:
    best: tuple[int, _Two | None] = (0, None)
    for two in parted:
        named = all(_surely_named(one, rules.identifying_fields) for one in two)
        values = sum(one.value is not None for part in two for one in part.fields.values())
        if named and values > best[0] and find_differing_identifiers(*two, rules.identifying_fields):
            best = values, two
    return best[1]


def _surely_named(part: Reading, identifies: Sequence[str]) -> bool:
    """Whether it surely names one thing, and has more fields."""
    named = [part.fields[name] for name in identifies if name in part.fields]
    said = [one for one in part.fields.values() if not one.is_inherited]
    return 0 < len(named) < len(said) and all(one.value is not None and not one.rivals for one in named)


def _split_in_sequence(reading: Reading, rules: Rules) -> Iterator[_Two]:
    for at in range(1, len(reading.words)):
        last = read_part(reading, reading.words[at:], rules)
        # A single thing has its identifier at the start, so the first part is read only if the last one has one.
        if _surely_named(last, rules.identifying_fields):
            yield read_part(reading, reading.words[:at], rules), last


def _split_at_and(reading: Reading, rules: Rules) -> Iterator[_Two]:
    """For each "and" between two numbers, both parts, each with the words around the pair.

    Only "each" gives a count to both; without it the count is in doubt.
    """
    if len(reading.words) > _MOST_WORDS:
        return
    words, each = _remove_word_each(reading.words, rules)
    named = [_is_number_or_label(word, rules) for word in words]
    for link in (at for at, word in enumerate(words) if (_normalized(word),) in rules.language.words["joins"]):
        for start in _positions_of_identifier(range(link - 1, -1, -1), named):
            for last in _positions_of_identifier(range(link + 1, len(words)), named):
                before, behind = words[:start], words[last + 1 :]
                first, second = (
                    read_part(reading, _with_singular_label(before, one, behind, rules, always=each), rules)
                    for one in (words[start:link], words[link + 1 : last + 1])
                )
                if _shared_values(first, rules) == _shared_values(second, rules):
                    counts = (
                        [] if each else [one.name for one in rules.form.fields if one.kind in {"integer", "number"}]
                    )
                    yield _with_doubtful(first, counts), _with_doubtful(second, counts)


def _normalized(word: Word) -> str:
    """The word folded, without the punctuation that a transcript adds."""
    return fold(word.text).strip(".,;:!?")


def _positions_of_identifier(positions: Sequence[int], named: Sequence[bool]) -> Iterator[int]:
    """Yield the positions up to the first word that cannot be part of an identifier."""
    for at in positions:
        if not named[at]:
            return
        yield at


def _remove_word_each(words: Sequence[Word], rules: Rules) -> tuple[tuple[Word, ...], bool]:
    normalized = [_normalized(word) for word in words]
    said = sorted(rules.language.words["each"], key=len, reverse=True)
    for at in range(len(normalized)):
        found = next((one for one in said if tuple(normalized[at : at + len(one)]) == one), None)
        if found is not None:
            return (*words[:at], *words[at + len(found) :]), True
    return tuple(words), False


def _is_number_or_label(word: Word, rules: Rules) -> bool:
    text = _normalized(word)
    return rules.language.may_be_in_identifier(text) or _find_label(text, rules) is not None


def _with_singular_label(
    before: Sequence[Word], named: Sequence[Word], behind: Sequence[Word], rules: Rules, *, always: bool
) -> tuple[Word, ...]:
    """The words around a pair with one of the two, and its label in the singular: "pallets" is "pallet".

    With `always`, a pair without a label gets the form's first one.
    """
    labels = [_find_label(_normalized(word), rules) for word in (*before, *named)]
    lacking = always and not any(labels)
    first = next((one for field in rules.form.fields if field.identifier for one in _list_labels(field, rules)), None)
    label = (replace(named[0], text=first, end=named[0].start),) if lacking and first is not None else ()
    words = (
        word if one is None else replace(word, text=one) for word, one in zip((*before, *named), labels, strict=True)
    )
    whole = tuple(words)
    return (*whole[: len(before)], *label, *whole[len(before) :], *behind)


def _find_label(message: str, rules: Rules) -> str | None:
    """The identifier label that the word is an inflection of; None: none."""
    labels = (one for field in rules.form.fields if field.identifier for one in _list_labels(field, rules))
    return next((one for one in labels if message.startswith(fold(one))), None)


def _list_labels(field: FormField, rules: Rules) -> list[str]:
    return [one for one in field.wording(rules.language.code).labels if " " not in one]


def _shared_values(part: Reading, rules: Rules) -> dict[str, object]:
    return {name: one.value for name, one in part.fields.items() if not rules.form[name].identifier}


def _with_doubtful(part: Reading, names: Sequence[str]) -> Reading:
    return with_unconfirmed(part, [name for name in names if name in part.fields])
