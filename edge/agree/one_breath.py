"""One breath, several entries: "pallet 742, 10 cases, pallet 743, 2 cases", "pallets 742 and 743, ten each". Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations, pairwise
from typing import TypeVar

from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.grammar.costs import COMMA_S
from dockvoice_protocol.records import FieldValue, Reading, Word
from edge.agree.decide import Rules
from edge.agree.expectations import list_condition_fields
from edge.agree.readings import (
    find_differing_identifiers,
    normalize_word,
    possible_values,
    read_part,
    values_of,
    with_unconfirmed,
)

_Two = tuple[Reading, Reading]
_Parts = tuple[Reading, ...]
_Split = TypeVar("_Split", bound=_Parts)

_MOST_WORDS = 60
"""The longest utterance that is searched for names with shared values: two SSCC digit by digit, and their values, are
fifty words. Trying each "and" between numbers takes two seconds at this length, and ten at twice the length."""


def split_things(reading: Reading, rules: Rules) -> _Parts:
    """The readings that make up this one, if it names several things with values of their own; else empty.

    Where it begins with a name, so does each of them: what is said between two names is the first one's. Else the split
    with the most values wins, and what may be of either is nobody's, and is asked for again. One field tells all apart.
    """
    return _split_in_sequence(reading, rules) or split_things_sharing_values(reading, rules)


def split_if_several(reading: Reading, rules: Rules) -> _Parts:
    """As `split_things`, where an identifier has rivals, or none was understood; empty where it names one thing."""
    named = [reading.fields[name] for name in rules.identifying_fields if name in reading.fields]
    if any(one.rivals or (one.value is None and one.words) for one in named):
        return split_things(reading, rules)
    return () if any(one.value is not None for one in named) else split_things_sharing_values(reading, rules)


def split_things_sharing_values(reading: Reading, rules: Rules) -> _Parts:
    """As `split_things`, for things that share their values."""
    best = _choose_best_splits(_split_at_and(reading, rules), rules)
    return next((parts for parts in best if find_telling_field(parts, rules) is not None), ())


def pick_by_answer(several: Reading, reading: Reading, rules: Rules) -> _Two | None:
    """Of the things in one breath, the one that an answer names, and the others; None if it names none, or several.

    A name that none of them has chooses none, also beside one of theirs, and neither does one that they share.
    """
    named = {name: possible_values(one) for name, one in reading.fields.items() if name in rules.identifying_fields}
    parts = split_if_several(several, rules)
    found = [part for part in parts if _has_names(part, named)]
    if len(found) != 1 or any(_names_yet_another(parts, name, values) for name, values in named.items()):
        return None
    meant = found[0]
    others = [part for part in parts if part is not meant]
    if len(others) == 1:
        return meant, others[0]
    rest = read_part(several, join_again(others, rules), rules)
    doubted = {name for part in others for name, one in part.fields.items() if not one.confirmed}
    return meant, with_unconfirmed(rest, doubted & rest.fields.keys())


def _names_yet_another(parts: _Parts, name: str, values: Sequence[FieldValue]) -> bool:
    """Whether one of the values of an identifier, which some of the things have, is none of theirs."""
    known = {value for part in parts for value in possible_values(part.fields.get(name))}
    return bool(known) and not known.issuperset(values)


def _has_names(part: Reading, named: Mapping[str, Sequence[FieldValue]]) -> bool:
    """Whether one of the identifiers is the part's, and none is another than its own."""
    known = {name: possible_values(part.fields.get(name)) for name in named}
    alike = {name for name, values in known.items() if set(named[name]) & set(values)}
    return bool(alike) and all(name in alike or not (values and named[name]) for name, values in known.items())


def join_again(parts: Sequence[Reading], rules: Rules) -> list[Word]:
    """The words of several things, joined by "and", so that names alone are told apart again."""
    join = min(map(" ".join, rules.language.words["conjunctions"]), key=len)
    ends = [replace(part.words[-1], text=join) for part in parts[:-1]]
    return [*chain.from_iterable((*part.words, end) for part, end in zip(parts, ends, strict=False)), *parts[-1].words]


def list_several_identifiers(reading: Reading, rules: Rules) -> tuple[FieldValue, ...]:
    """The identifiers of several things, each with its own label or value; empty otherwise."""
    for name in rules.identifying_fields:
        one = reading.fields.get(name)
        values = possible_values(one)
        if one is None or len(values) == 1 or not values:
            continue
        labels = sum(find_label(fold(word), rules) is not None for word in one.words)
        besides = any(field.value is None or field.rivals for other, field in reading.fields.items() if other != name)
        if labels >= len(values) or (rules.form[name].spoken.listed and besides):
            return values
    return ()


def names_several(reading: Reading, rules: Rules) -> bool:
    """Whether it names several things, also where it is unclear of which of them its values are."""
    return bool(list_several_identifiers(reading, rules) or split_if_several(reading, rules))


def find_telling_field(parts: Sequence[Reading], rules: Rules) -> str | None:
    """The identifier that each of several things has, and that tells them apart; None: there is none."""
    for name in rules.identifying_fields:
        if len({values_of(part).get(name) for part in parts} - {None}) == len(parts) > 1:
            return name
    return None


def _choose_best_splits(splits: Iterator[_Split], rules: Rules, first: str | None = None) -> list[_Split]:
    """Of the splits between different things, those with the most values.

    Those win in which the last one begins with the field `first`, if that names things, or else with another name.
    """
    best: tuple[tuple[int, int], list[_Split]] = ((0, 0), [])
    for parts in splits:
        begins = find_first_field(parts[-1], rules) if first in rules.identifying_fields else None
        named = (begins in rules.identifying_fields) + (begins is not None and begins == first)
        rank = named, sum(count_values(part, rules) for part in parts)
        if rank >= best[0] and all(
            find_differing_identifiers(*two, rules.identifying_fields) for two in combinations(parts, 2)
        ):
            best = rank, [*(best[1] if rank == best[0] else []), parts]
    return best[1]


def count_values(part: Reading, rules: Rules) -> int:
    """The number of its values; of a single thing those without a rival."""
    single = _surely_named(part, rules.identifying_fields)
    known = (one for one in part.fields.values() if one.value is not None)
    return sum(not one.rivals if single else 1 + len(one.rivals) for one in known)


def _surely_named(part: Reading, identifies: Sequence[str]) -> bool:
    """Whether it surely names one thing, and has more fields."""
    named = [part.fields[name] for name in identifies if name in part.fields]
    said = [one for one in part.fields.values() if not one.is_inherited]
    return 0 < len(named) < len(said) and all(one.value is not None and not one.rivals for one in named)


def _split_in_sequence(reading: Reading, rules: Rules) -> tuple[Reading, ...]:
    """The last thing is split off, and what is before it is split again if it names several."""
    first = find_first_field(reading, rules)
    splits = _choose_best_splits(_split_off_last(reading, rules), rules, first)
    of = rules.identifying_fields
    if not splits or (first in of and find_first_field(splits[-1][1], rules) not in of):
        return ()  # What is said between two names would be the second one's.
    begins = find_first_field(splits[-1][0], rules) in rules.identifying_fields
    before, last = splits[-1] if begins else _without_disputed(splits)
    earlier = (before,) if _surely_named(before, rules.identifying_fields) else _split_in_sequence(before, rules)
    if earlier and find_telling_field((*earlier, last), rules) is not None:
        return (*earlier, last)
    # "Trailer 5501 rear ... front ..., trailer 6602 rear ...": first one trailer is chosen, then one position.
    return (before, last) if earlier and find_telling_field((before, last), rules) == first else ()


def _split_off_last(reading: Reading, rules: Rules) -> Iterator[_Two]:
    identifies = rules.identifying_fields
    for at in range(1, len(reading.words)):
        last = read_part(reading, reading.words[at:], rules)
        # A single thing has its identifier at the start, so the first part is read only if the last one has one.
        if _surely_named(last, identifies) and not _is_linked_ahead_of_name(last, rules):
            before = read_part(reading, reading.words[:at], rules)
            if _surely_named(before, identifies) or any(
                name in before.fields and before.fields[name].rivals for name in identifies
            ):
                yield before, last


def _is_linked_ahead_of_name(part: Reading, rules: Rules) -> bool:
    """Whether "and" stands between what it begins with and its name: "door 13 and pallet 743" says another's door."""
    texts = [normalize_word(word.text) for word in part.words]
    named = (part.fields[name].words[:1] for name in rules.identifying_fields if name in part.fields)
    at = min((texts.index(words[0]) for words in named if words and words[0] in texts), default=0)
    links = [(text,) in rules.language.words["conjunctions"] for text in texts[:at]]
    return any(link and not before for before, link in pairwise(links))


def has_values_between(name: str, reading: Reading, rules: Rules) -> bool:
    """Whether values stand between two identifiers, so that they are of one of both: "742, 54 units, or 743"."""
    for at in range(1, len(reading.words)):
        before, behind = (read_part(reading, words, rules) for words in (reading.words[:at], reading.words[at:]))
        if _surely_named(before, (name,)) and find_differing_identifiers(before, behind, (name,)):
            return find_first_field(before, rules) in rules.identifying_fields
    return False


def find_first_field(part: Reading, rules: Rules) -> str | None:
    """The field that was said first, besides what stands for several entries; None: there is none."""
    texts, stands = [word.text for word in part.words], {*rules.form.context} - {*rules.identifying_fields}
    begins = {
        name: texts.index(one.words[0]) if one.words and one.words[0] in texts else 0
        for name, one in part.fields.items()
        if not one.is_inherited and name not in stands
    }
    return min(begins, key=lambda name: begins[name], default=None)


def _without_disputed(splits: Sequence[_Two]) -> _Two:
    """The first split, without the values that another split has in its other part."""
    values = [[{name: one.value for name, one in part.fields.items()} for part in two] for two in splits]
    before, last = splits[0]
    names = {
        name
        for two in splits
        for part in two
        for name in part.fields
        if any(of[at].get(name) != values[0][at].get(name) for of in values for at in (0, 1))
    }
    unknown = {
        name: replace(one, value=None, rivals=())
        for two in splits
        for part in two
        for name, one in part.fields.items()
        if name in names
    }
    return replace(before, fields={**before.fields, **unknown}), replace(last, fields={**last.fields, **unknown})


def _split_at_and(reading: Reading, rules: Rules) -> Iterator[_Parts]:
    """For each "and" between two numbers, the parts, each with one of the names and the words around all of them.

    Only "each" gives a count, or what is wrong, to all; without it that is in doubt.
    """
    if len(reading.words) > _MOST_WORDS:
        return
    words, each = _remove_word_each(_with_joins(reading.words, rules), rules)
    joins = [(normalize_word(word.text),) in rules.language.words["conjunctions"] for word in words]
    named = [_is_number_or_label(word, rules) for word in words]
    listed = [one or join for one, join in zip(named, joins, strict=True)]
    for link in (at for at, join in enumerate(joins) if join):
        for start in _positions_of_identifier(range(link - 1, -1, -1), listed):
            earlier = _split_at_separators(words[start:link], joins[start:link])
            for last in _positions_of_identifier(range(link + 1, len(words)), named):
                for names in earlier:
                    around = words[:start], (*names, words[link + 1 : last + 1]), words[last + 1 :]
                    if parts := _read_each_name(reading, *around, rules, each=each):
                        yield parts


def _with_joins(words: Sequence[Word], rules: Rules) -> tuple[Word, ...]:
    """The words with "and" between two names that have the same label: "pallet 811, pallet 812"."""
    join, joined, last = min(map(" ".join, rules.language.words["conjunctions"]), key=len), list[Word](), None
    for word in words:
        label = find_label(normalize_word(word.text), rules)
        number = bool(joined) and rules.language.may_be_in_identifier(normalize_word(joined[-1].text))
        if number and label is not None and label == last:
            joined.append(replace(word, text=join, end=word.start))
        joined.append(word)
        last = label or last
    return tuple(joined)


def _split_at_separators(words: Sequence[Word], joins: Sequence[bool]) -> list[list[Sequence[Word]]]:
    """The names in a list: split at each "and", and also at each comma and pause, if that differs."""
    ways: list[list[Sequence[Word]]] = []
    for at_pauses in (False, True):
        names: list[list[Word]] = [[]]
        for at, (word, join) in enumerate(zip(words, joins, strict=True)):
            if join or (at_pauses and at and is_separated(words[at - 1], word)):
                names.append([])
            if not join:
                names[-1].append(word)
        if all(names) and names not in ways:
            ways.append([*names])
    return ways


def is_separated(before: Word, word: Word) -> bool:
    """Whether a comma, or a pause as long as one, stands between two words."""
    return before.text.endswith(",") or word.start - before.end >= COMMA_S


def _read_each_name(
    reading: Reading,
    before: Sequence[Word],
    names: Sequence[Sequence[Word]],
    behind: Sequence[Word],
    rules: Rules,
    *,
    each: bool,
) -> _Parts:
    """The readings of all names, each with the words around them; empty where one is unclear, or differs otherwise."""
    parts: list[Reading] = []
    for one in names:
        part = read_part(reading, _with_singular_label(before, one, behind, rules, always=each), rules)
        if not _is_named_by(part, one, rules):
            return ()
        if parts and _shared_values(part, rules) != _shared_values(parts[0], rules):
            return ()
        parts.append(part)
    conditions = list_condition_fields(rules.form)
    own = [one.name for one in rules.form.fields if one in conditions or one.kind in {"integer", "number"}]
    return tuple(_with_doubtful(part, [] if each else own) for part in parts)


def _positions_of_identifier(positions: Sequence[int], named: Sequence[bool]) -> Iterator[int]:
    """Yield the positions up to the first word that cannot be part of an identifier."""
    for at in positions:
        if not named[at]:
            return
        yield at


def _remove_word_each(words: Sequence[Word], rules: Rules) -> tuple[tuple[Word, ...], bool]:
    normalized = [normalize_word(word.text) for word in words]
    said = sorted(rules.language.words["each"], key=len, reverse=True)
    for at in range(len(normalized)):
        found = next((one for one in said if tuple(normalized[at : at + len(one)]) == one), None)
        if found is not None:
            return (*words[:at], *words[at + len(found) :]), True
    return tuple(words), False


def _is_number_or_label(word: Word, rules: Rules) -> bool:
    text = normalize_word(word.text)
    return rules.language.may_be_in_identifier(text) or find_label(text, rules) is not None


def _is_named_by(part: Reading, name: Sequence[Word], rules: Rules) -> bool:
    """Whether these words, and none around them, are one of its identifiers, which the form allows."""

    def number(texts: Iterable[str]) -> list[str]:
        return [text for text in texts if rules.language.may_be_in_identifier(text)]

    own = number(normalize_word(word.text) for word in name)
    fields = ((rules.form[name], part.fields.get(name)) for name in rules.identifying_fields)
    return any(
        one is not None
        and one.value is not None
        and not one.rivals
        and rules.allows_value(field, one.value)
        and number(map(fold, one.words)) == own
        for field, one in fields
    )


def _with_singular_label(
    before: Sequence[Word], named: Sequence[Word], behind: Sequence[Word], rules: Rules, *, always: bool
) -> tuple[Word, ...]:
    """The words around several names with one of them, and its label in the singular: "pallets" is "pallet".

    With `always`, a name without a label gets the form's first one.
    """
    labels = [find_label(normalize_word(word.text), rules) for word in (*before, *named)]
    lacking = always and not any(labels)
    first = next((one for field in rules.form.fields if field.identifier for one in _list_labels(field, rules)), None)
    label = (replace(named[0], text=first, end=named[0].start),) if lacking and first is not None else ()
    words = (
        word if one is None else replace(word, text=one) for word, one in zip((*before, *named), labels, strict=True)
    )
    whole = tuple(words)
    return (*whole[: len(before)], *label, *whole[len(before) :], *behind)


def find_label(message: str, rules: Rules) -> str | None:
    """The identifier label that the word is an inflection of; None: none."""
    labels = (one for field in rules.form.fields if field.identifier for one in _list_labels(field, rules))
    return next((one for one in labels if message.startswith(fold(one))), None)


def _list_labels(field: FormField, rules: Rules) -> list[str]:
    return [one for one in field.wording(rules.language.code).labels if " " not in one]


def _shared_values(part: Reading, rules: Rules) -> dict[str, object]:
    return {name: one.value for name, one in part.fields.items() if not rules.form[name].identifier}


def _with_doubtful(part: Reading, names: Sequence[str]) -> Reading:
    return with_unconfirmed(part, [name for name in names if name in part.fields])


def doubt_values_before_name(reading: Reading, rules: Rules) -> Reading:
    """The reading; of two values around a name, its own is the one behind it, and asked with the other.

    "No, 64 units, and pallet 972, 96 units": the 64 are of another thing.
    """
    named = {name: reading.fields[name].value for name in rules.identifying_fields if name in reading.fields}
    name, value = next(((name, value) for name, value in named.items() if value is not None), ("", None))
    doubted = [other for other, one in reading.fields.items() if one.rivals and other not in named]
    if value is None or not doubted or reading.fields[name].rivals:
        return reading
    for at in range(len(reading.words) - 1, 0, -1):
        before, behind = (read_part(reading, words, rules).fields for words in (reading.words[:at], reading.words[at:]))
        if name in behind and behind[name].value == value:
            own = {
                other: replace(behind[other], confirmed=False, unexplained=before[other].words)
                for other in doubted
                if all(other in part and len(possible_values(part[other])) == 1 for part in (before, behind))
            }
            return reading if name in before else replace(reading, fields={**reading.fields, **own})
    return reading
