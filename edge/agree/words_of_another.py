"""Words of another thing, said before, within the sentence of the next: "pallet 743, eight cases, forget 742". Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.spoken import (
    begins_with_last_one,
    names_by_position,
    names_last_one,
    parse_command,
    parse_command_with_object,
    possible_digit_strings,
    read_fields,
)
from dockvoice_protocol.forms.spoken.commands import CANCEL
from dockvoice_protocol.forms.spoken.grammar.costs import COMMA_S
from dockvoice_protocol.forms.spoken.grammar.tokens import token_texts
from dockvoice_protocol.records import Act, Command, FieldReading, FieldValue, Reading, Word
from edge.agree.decide import Rules
from edge.agree.off_talk import has_unread_words, states_context
from edge.agree.one_breath import begins_anew
from edge.agree.readings import normalize_word, read_part

_MOST_WORDS = 60
"""The longest utterance that is searched for an order: it takes a tenth of a second."""


class OfAnother(NamedTuple):
    """An utterance about one thing, split at words within it that are of another, which was said before."""

    entry: Reading
    words: tuple[Word, ...]  # Those of the other thing.
    cancels: Mapping[str, FieldReading]  # The name of what they order to cancel; empty where they are no such order.


def split_off_order(reading: Reading, rules: Rules) -> Iterator[OfAnother]:
    """Split an order to cancel another thing off a sentence, "pallet 743, eight cases, forget 742", in all ways."""
    words = reading.words if len(reading.words) <= _MOST_WORDS else ()
    for start in range(1, len(words)):
        for end in range(len(words), start + 1, -1):
            named = _read_cancelled(words[start:end], rules)
            if not named:
                continue
            joined = (normalize_word(words[start - 1].text),) in rules.language.words["conjunctions"]
            rest = (*words[: start - joined], *words[end:])
            if (entry := _read_entry(reading, rest, rules, alone=True)) is not None:
                yield OfAnother(entry, words[start:end], named)


def _read_cancelled(words: Sequence[Word], rules: Rules) -> Mapping[str, FieldReading]:
    """The name of the thing that the words order to cancel, and nothing else; empty where they do not."""
    meant, asked = _split_cancellation(words, rules), next(iter(rules.identifying_fields), None)
    if meant is None or asked is None:
        return {}
    named = read_fields(meant, rules.form, rules.catalogue, rules.language, asked=asked)
    own = {word for one in named.values() for word in one.words}
    sure = all(name in rules.identifying_fields and one.value is not None for name, one in named.items())
    return named if sure and {word.text for word in meant[-1:]} <= own else {}


def split_off_mention(reading: Reading, known: Iterable[FieldValue], rules: Rules) -> OfAnother | None:
    """Split what is said of one of these known things, or of "the one before", off the end of a sentence; or None.

    Only where the whole is not understood: "742 cases" is a count, but 742 damaged ones are none. And behind "the last
    one was", which is a correction.
    """
    words, language, names = reading.words, rules.language, {str(one) for one in known}
    parts = [one.value for name, one in reading.fields.items() if rules.form[name].spoken.counts]
    whole = is_understood(reading, rules) and names.isdisjoint(map(str, parts))
    numbers = _find_numbers(words, names, rules)
    for at in range(len(words) - 1, 0, -1):
        tail = words[at:]
        corrects = bool(language.words["last_one"].ends(token_texts(tail, language), 0))
        if not corrects and (whole or not (_points_back(tail, rules) or at <= max(numbers, default=0))):
            continue
        entry = _read_entry(reading, words[:at], rules)
        if entry is not None and is_understood(entry, rules):
            return OfAnother(entry, tail, {})
    return None


def split_off_end(reading: Reading, rules: Rules) -> OfAnother | None:
    """Split off what a sentence says behind its entry: "... then trailer 5502", "... trailer done".

    A place behind a closing word is of what follows, and an order to close the trailer is no part of an entry.
    """
    words = reading.words if len(reading.words) <= _MOST_WORDS else ()
    for at in range(1, len(words)):
        if is_trailer_done(reading, words[at:], rules) or _is_next_place(reading, words[at:], rules):
            part = read_part(reading, words[:at], rules)
            return OfAnother(replace(part, act=Act.RECORD, unrecorded={}), words[at:], {}) if part.fields else None
    return None


def is_trailer_done(reading: Reading, words: Sequence[Word], rules: Rules) -> bool:
    """Whether these of its words order to close a trailer: "trailer done", "trailer 5501 done".

    Not where they merely end the entry: "trailer 5501, done", or German "das war's".
    """
    alone, named = parse_command(words, rules.language), parse_command_with_object(words, rules.language)
    if alone is not None:
        ends = token_texts(words, rules.language) in rules.language.words["conclusions"]
        return alone.command is Command.TRAILER_DONE and not ends
    paused = any(one.text.endswith(",") or two.start - one.end >= COMMA_S for one, two in pairwise(words))
    if named is None or named[0].command is not Command.TRAILER_DONE or paused:
        return False
    return read_part(reading, named[1], rules).fields.keys() == {rules.form.roles.get(FieldRole.TRAILER)}


def _is_next_place(reading: Reading, words: Sequence[Word], rules: Rules) -> bool:
    """Whether the words tell the place of what follows: "then trailer 5502"."""
    behind = (read_part(reading, rest, rules) for rest in begins_anew(words, rules))
    places = (one for one in behind if {*rules.form.standing_fields} >= one.fields.keys() > set())
    return any(states_context(one, rules) for one in places)


def _points_back(words: Sequence[Word], rules: Rules) -> bool:
    """Whether it is of an entry before: "the last one is wet", "forget the last one"; not "that's the last one"."""
    language = rules.language
    words = words[(normalize_word(words[0].text),) in language.words["conjunctions"] :]
    is_order = parse_command(words, language) == CANCEL or _split_cancellation(words, rules) is not None
    of_last = names_last_one(words, language) if is_order else begins_with_last_one(words, language)
    return of_last or names_by_position(words, (), language)


def _split_cancellation(words: Sequence[Word], rules: Rules) -> Sequence[Word] | None:
    """The words of what they order to cancel; None where they are no such order."""
    order = parse_command_with_object(words, rules.language, rules.form.undone.get(rules.language.code, ()))
    return None if order is None or order[0].act is not Act.CANCEL else order[1]


def _read_entry(reading: Reading, words: Sequence[Word], rules: Rules, *, alone: bool = False) -> Reading | None:
    """The reading of these of its words as an entry; None where they have no name, or, but `alone`, a name alone."""
    part = read_part(reading, words, rules)
    own = {name for name, one in part.fields.items() if not one.is_inherited}
    named = own & {*rules.identifying_fields}
    has_values = own > named or alone
    return replace(part, act=Act.RECORD, unrecorded={}) if named and has_values else None


def _find_numbers(words: Sequence[Word], numbers: Collection[str], rules: Rules) -> list[int]:
    """Where the words begin to say one of the numbers."""
    said, longest = [normalize_word(word.text) for word in words], max(map(len, numbers), default=0)
    starts = [at for at, word in enumerate(said) if rules.language.may_be_in_identifier(word)]
    spans = ((at, said[at:end]) for at in starts for end in range(at + 1, min(at + longest, len(said)) + 1))
    return [at for at, span in spans if possible_digit_strings(" ".join(span), rules.language) & {*numbers}]


def is_understood(reading: Reading, rules: Rules) -> bool:
    """Whether all of its fields have one value, and none of its words is left over."""
    said = [one for one in reading.fields.values() if not one.is_inherited]
    sure = all(one.value is not None and not one.rivals and not one.unexplained for one in said)
    return sure and reading.not_understood is None and not has_unread_words(reading, rules)
