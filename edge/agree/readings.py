"""Readings: the values and likely values of their fields, differences between two, and parts of one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from dockvoice_protocol.forms.spoken import is_listed_command, parse_meaning, without_part_reference, words_behind_yes
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.grammar.tokens import token_texts
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading, Word
from edge.agree.decide import Rules

SHORTEST_NAME = 3  # The fewest digits that may be an identifier.

_MOST_NEXT_WORDS = 4  # No phrase that begins the next thing is longer: "it's the next one".


def values_of(reading: Reading) -> dict[str, FieldValue]:
    """The values of all fields that have one, doubtful or not."""
    return {name: said.value for name, said in reading.fields.items() if said.value is not None}


def normalize_word(text: str) -> str:
    """A word's text folded, without the punctuation that a transcript adds."""
    return fold(text).strip(".,;:!?")


def likely_values(reading: Reading) -> dict[str, FieldValue]:
    """As `values_of`; a field without a value has its likely one."""
    may_be = {name: said.runner_up for name, said in reading.fields.items() if said.runner_up is not None}
    return may_be | values_of(reading)


def without_inherited(reading: Reading) -> Reading:
    """The reading without the fields inherited from the context."""
    return replace(reading, fields={name: one for name, one in reading.fields.items() if not one.is_inherited})


def possible_values(reading: FieldReading | None) -> tuple[FieldValue, ...]:
    """All values that a field may have, likeliest first; empty for None."""
    if reading is None:
        return ()
    likely = reading.runner_up if reading.value is None else reading.value
    return tuple(one for one in (likely, *reading.rivals) if one is not None)


def find_differing_identifiers(claim: Reading, reading: Reading, identifies: Iterable[str]) -> tuple[str, ...]:
    """The identifying fields in which both have values, and none in common."""
    pairs = (
        (name, possible_values(claim.fields.get(name)), possible_values(reading.fields.get(name)))
        for name in identifies
    )
    return tuple(name for name, before, after in pairs if before and after and not set(before) & set(after))


def names_unclearly(reading: Reading, rules: Rules) -> bool:
    """Whether an identifier was named and not understood, so that the thing is unknown."""
    return any(name in reading.fields and reading.fields[name].value is None for name in rules.identifying_fields)


def has_no_values(reading: Reading) -> bool:
    """Whether no field has a value or a likely one: "not dock D"."""
    return not likely_values(reading)


def mark_partial_recount(reading: Reading, rules: Rules) -> Reading:
    """The reading, as a correction where it counts some of the things counted before: "two of those were damaged"."""
    words = without_part_reference(reading.words, rules.language)
    if len(words) == len(reading.words) or reading.command is not None:
        return reading
    part = read_part(reading, words, rules)
    # It is neither a count of all of them, nor another thing, nor of all that follow: "all of them at door 13".
    needed = rules.form.required_fields
    others = part.fields.keys() & {*rules.identifying_fields, *rules.form.standing_fields, *needed}
    return reading if others or not part.fields else replace(part, act=Act.AMEND)


def only_adds_fields(reading: Reading, entry_fields: Mapping[str, FieldValue], rules: Rules) -> bool:
    """Whether it surely gives only fields that an entry lacks: "pallet 742, two damaged"."""
    values, fields = values_of(without_inherited(reading)), without_inherited(reading).fields
    more = values.keys() - {*rules.identifying_fields}
    sure = reading.act is Act.RECORD and values.keys() == fields.keys()
    return sure and bool(more) and not more & entry_fields.keys()


def without_joining_and(reading: Reading, claim: Reading, rules: Rules) -> Reading:
    """The reading, without an "and" between fields, "15 units and dock C", or before those that the claim lacks.

    Unchanged where that changes a value.
    """
    joins = rules.language.words["conjunctions"]
    kept = [word for word in reading.words if (fold(word.text),) not in joins]
    goes_on = kept[:1] != [*reading.words[:1]] and reading.fields.keys() & claim.fields.keys()
    if not reading.fields or goes_on or len(kept) == len(reading.words):
        return reading
    rest = read_part(reading, kept, rules)
    same = rest.fields.keys() == reading.fields.keys() and values_of(rest) == values_of(reading)
    return rest if same else reading


def read_part(reading: Reading, words: Sequence[Word], rules: Rules) -> Reading:
    """The reading of some of its words; inherited fields belong to each part."""
    stands = {name: one for name, one in reading.fields.items() if one.is_inherited}
    meant = parse_meaning(words, rules.form, rules.catalogue, rules.language)
    fields = {**stands, **meant.fields}
    # A field that was doubtful in the whole is doubtful in each part.
    doubted = [name for name in fields if name in reading.fields and not reading.fields[name].confirmed]
    part = replace(reading, words=tuple(words), preface=meant.preface_words(), fields=fields, not_understood=None)
    return name_behind_next(with_unconfirmed(part, doubted), rules)


def name_behind_next(reading: Reading, rules: Rules) -> Reading:
    """The reading, in which a number alone behind words that begin the next thing names that: "next 743".

    "Next one 743" may be of 1743: that is asked.
    """
    name, words = next(iter(rules.identifying_fields), None), reading.words
    is_entry = reading.act in {Act.RECORD, Act.AMEND} and not reading.is_scan
    if name is None or name in without_inherited(reading).fields or not is_entry:
        return reading
    ways = (
        _read_as_labelled(name, reading, start, end, rules)
        for end in range(1, len(words))
        if rules.language.may_be_in_identifier(normalize_word(words[end].text))
        for start in range(max(0, end - _MOST_NEXT_WORDS), end)
        if begins_next_thing(words[start:end], rules)
    )
    first, *others = [one for one in ways if one is not None] or [reading]
    values = [one.fields[name].value for one in others]
    rivals = [one for one in values if one is not None and one != first.fields[name].value]
    said = replace(first.fields[name], rivals=tuple(rivals), confirmed=False) if rivals else None
    return first if said is None else replace(first, fields={**first.fields, name: said})


def _read_as_labelled(name: str, reading: Reading, start: int, end: int, rules: Rules) -> Reading | None:
    """The reading, as if the name's label stood in the place of these words; None where that is none of its fields."""
    words = reading.words
    labels = rules.form[name].wording(rules.language.code).labels
    label = [replace(words[start], text=text) for text in next(iter(labels), "").split()]
    meant = parse_meaning((*words[:start], *label, *words[end:]), rules.form, rules.catalogue, rules.language)
    named, own = meant.fields.get(name), without_inherited(reading).fields
    if named is None or not isinstance(named.value, str) or len(named.value) < SHORTEST_NAME or named.rivals:
        return None
    if words[end].text not in named.words or not own.keys() <= meant.fields.keys():
        return None
    begun = tuple(word.text for word in words[start:end])
    said = replace(named, words=(*begun, *(one for one in named.words if one not in {word.text for word in label})))
    inherited = {other: one for other, one in reading.fields.items() if one.is_inherited}
    fields = {**inherited, **meant.fields, name: said}
    return replace(reading, fields=fields, preface=meant.preface_words(), not_understood=None)


def split_at_leading_next(words: Sequence[Word], rules: Rules) -> tuple[Sequence[Word], Sequence[Word]] | None:
    """The words that begin the next thing, "then", "yes, next", and those behind them; None without such words."""
    start = len(words) - len(words_behind_yes(words, rules.language) or words)
    ends = range(min(start + _MOST_NEXT_WORDS, len(words)), start, -1)
    return next(((words[:end], words[end:]) for end in ends if begins_next_thing(words[start:end], rules)), None)


def without_trailing_next(words: Sequence[Word], rules: Rules) -> Sequence[Word]:
    """The words without those at their end that begin the next thing: "24 cases, and then"."""
    starts = range(max(1, len(words) - _MOST_NEXT_WORDS), len(words))
    end = next((at for at in starts if begins_next_thing(words[at:], rules)), len(words))
    joins = end < len(words) and ends_with_and(words[:end], rules)
    return words[: end - joins]


def ends_with_and(words: Sequence[Word], rules: Rules) -> bool:
    """Whether the last word joins another part to it: "and"."""
    return token_texts(words[-1:], rules.language) in rules.language.words["conjunctions"]


def begins_next_thing(words: Sequence[Word], rules: Rules) -> bool:
    """Whether the words begin what is said of the next thing: "then", "next", "now"."""
    return 0 < len(words) <= _MOST_NEXT_WORDS and _is_next_phrase(tuple(words), rules.language)


@lru_cache(maxsize=4096)  # Each part of a sentence is read again.
def _is_next_phrase(words: tuple[Word, ...], language: Language) -> bool:
    if token_texts(words, language) in language.words["then_words"]:
        return True
    return any(is_listed_command(one, words, language) for one in ("next_one", "now"))


def with_unconfirmed(reading: Reading, names: Iterable[str]) -> Reading:
    """The reading with these fields unconfirmed."""
    doubted = {name: replace(reading.fields[name], confirmed=False) for name in names}
    return replace(reading, fields={**reading.fields, **doubted}) if doubted else reading
