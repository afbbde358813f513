"""Parts of a sentence: what it says of the open thing, of one said before, and of what follows. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.spoken import (
    begins_with_last_one,
    is_correction,
    is_courtesy,
    is_listed_command,
    leading_cue,
    names_by_position,
    names_last_one,
    parse_command,
    parse_command_with_object,
    possible_digit_strings,
    read_fields,
    split_at_listed,
)
from dockvoice_protocol.forms.spoken.commands import CANCEL
from dockvoice_protocol.forms.spoken.grammar.tokens import token_texts
from dockvoice_protocol.records import Act, Command, FieldReading, FieldValue, Reading, Word
from edge.agree.decide import Rules
from edge.agree.off_talk import has_unread_words, states_context
from edge.agree.one_breath import (
    count_values,
    find_first_field,
    find_label,
    is_separated,
    pick_by_answer,
    split_if_several,
)
from edge.agree.readings import (
    begins_next_thing,
    ends_with_and,
    find_differing_identifiers,
    likely_values,
    normalize_word,
    read_part,
)

_MOST_WORDS = 60  # The longest utterance that is searched for an order: it takes a tenth of a second.
_MOST_CLOSING_WORDS = 8  # No phrase that closes what is said of a thing is longer: "that's all there is for this one".
MOST_WORDS_OF_ORDER = 14
"""No order is longer, its number digit by digit: "trailer number five five zero one is now closed"."""


class OfAnother(NamedTuple):
    """An utterance about one thing, split at words within it that are of another, which was said before."""

    entry: Reading
    words: tuple[Word, ...]  # Those of the other thing.
    cancels: Mapping[str, FieldReading]  # The name of what they order to cancel; empty where they are no such order.


def split_off_order(reading: Reading, rules: Rules) -> Iterator[OfAnother]:
    """Split an order to cancel another thing off a sentence, "pallet 743, eight cases, forget 742", in all ways."""
    words = reading.words if len(reading.words) <= _MOST_WORDS else ()
    for start in range(1, len(words)):
        for end in range(min(start + MOST_WORDS_OF_ORDER, len(words)), start + 1, -1):
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
    """Split off what a sentence says behind its entry: "... then trailer 5502", "... trailer done", "... pallet 743".

    A place behind a closing word is of what follows, and an order to close the trailer is no part of an entry. Nor is
    another name alone behind a whole one: its values come next.
    """
    words = reading.words if len(reading.words) <= _MOST_WORDS else ()
    for at in range(1, len(words)):
        closes = read_trailer_done(reading, words[at:], rules) is not None
        named = _is_next_name(reading, at, rules)
        if closes or named or _is_next_place(reading, words[at:], rules):
            part = read_part(reading, _without_and(words[:at], rules) if named else words[:at], rules)
            if part.fields or split_if_several(part, rules):
                return OfAnother(replace(part, unrecorded={}), words[at:], {})
    return None


def read_trailer_done(
    reading: Reading, words: Sequence[Word], rules: Rules, here: FieldValue | None = None
) -> Reading | None:
    """The trailer that these words order to close, if they name one: "trailer done", "trailer 5501 done"; else None.

    `here`: the trailer that a number alone may name, "5501 done". None, too, where they merely end the entry: "trailer
    5501, done", or German "das war's".
    """
    if len(words) > MOST_WORDS_OF_ORDER:
        return None
    if parse_command(words, rules.language) is not None:
        return replace(reading, fields={}) if is_trailer_done(words, rules) else None
    named = parse_command_with_object(words, rules.language)
    if named is None or named[0].command is not Command.TRAILER_DONE:
        return None
    if any(is_separated(*two) for two in pairwise(words) if two[0] in named[1][-1:]):
        return None  # "Trailer 5501, done."
    trailer, part = rules.form.roles.get(FieldRole.TRAILER), read_part(reading, named[1], rules)
    is_here = here is not None and all(one.value in {None, here} for one in part.fields.values())
    if is_here and trailer is not None and _find_numbers(named[1], {str(here)}, rules):
        sure = min(word.confidence for word in words)
        part = replace(part, fields={trailer: FieldReading(here, tuple(word.text for word in named[1]), sure)})
    return part if part.fields.keys() == {trailer} else None


def is_trailer_done(words: Sequence[Word], rules: Rules) -> bool:
    """Whether they order to close the trailer, and name none: "trailer done"."""
    alone, ends = parse_command(words, rules.language), rules.language.words["conclusions"]
    closes = alone is not None and alone.command is Command.TRAILER_DONE
    return closes and token_texts(words, rules.language) not in ends


def as_trailer_done(named: Reading, words: Sequence[Word]) -> Reading:
    """The reading of words that order to close the trailer that `read_trailer_done` found, as that order."""
    return replace(named, words=tuple(words), act=Act.COMMAND, command=Command.TRAILER_DONE, not_understood=None)


def _is_next_name(reading: Reading, at: int, rules: Rules) -> bool:
    """Whether the words from there on are a name alone, with its label, behind a whole entry of another name."""
    names, words = {*rules.identifying_fields}, reading.words
    if find_label(normalize_word(words[at].text), rules) is None:
        return False
    last = read_part(reading, words[at:], rules)
    if not (names >= last.fields.keys() > set() == last.unrecorded.keys() and is_understood(last, rules)):
        return False
    before = read_part(reading, _without_and(words[:at], rules), rules)
    needed = rules.form.required_fields - {*rules.form.standing_fields}
    whole = needed <= likely_values(before).keys() == before.fields.keys()
    whole = whole and not {*before.fields} - {*rules.form.standing_fields} <= names
    first = find_first_field(last, rules)  # "13 cases, item A100, and pallet 743": the item is of what is before.
    if first not in before.fields and first != next(one for one in rules.identifying_fields if one in last.fields):
        return False
    begins = find_first_field(before, rules) in names and is_understood(before, rules)
    return whole and begins and bool(find_differing_identifiers(before, last, (*names,)))


def _without_and(words: Sequence[Word], rules: Rules) -> Sequence[Word]:
    return words[:-1] if ends_with_and(words, rules) else words


def _is_next_place(reading: Reading, words: Sequence[Word], rules: Rules) -> bool:
    """Whether the words tell the place, or the name alone, of what follows: "then trailer 5502", "trailer 5502 now"."""
    names = {*rules.form.standing_fields, *rules.identifying_fields}
    ends = range(max(1, len(words) - _MOST_CLOSING_WORDS), len(words))
    before = [words[:end] for end in ends if is_listed_command("now", words[end:], rules.language)]
    before += [rest for rest in [without_next(words, rules)] if len(rest) < len(words)]
    parts = [read_part(reading, rest, rules) for rest in (*words_behind_closing(words, rules), *before)]
    parts = [one for one in parts if names >= one.fields.keys() > set()]
    return any(states_context(one, rules) or _corrects_context(one, rules) for one in parts)


def without_next(words: Sequence[Word], rules: Rules) -> Sequence[Word]:
    """The words of a place without the "next" at their end, or "from now on" before it: "trailer 5502 next"."""
    lasting = split_at_listed("from_now_on", words[ends_with_and(words[:1], rules) :], rules.language)
    if lasting is not None and lasting[1][-1:] == words[-1:]:
        return lasting[1]
    ends = range(max(1, len(words) - _MOST_CLOSING_WORDS), len(words))
    return next((words[:end] for end in ends if is_listed_command("next_one", words[end:], rules.language)), words)


def list_places_behind_closing(reading: Reading, rules: Rules) -> Iterator[Reading]:
    """The places that a sentence tells behind words that end what was said before, with more behind them."""
    words = reading.words if len(reading.words) <= _MOST_WORDS else ()
    for rest in (rest for at in range(1, len(words)) for rest in words_behind_closing(words[at:], rules)):
        part = read_part(reading, rest, rules)
        first = next((name for name, one in part.fields.items() if one.words[:1] == (rest[0].text,)), None)
        if first in rules.form.standing_fields:
            yield replace(part, fields={first: part.fields[first]})


def _corrects_context(reading: Reading, rules: Rules) -> bool:
    """Whether it tells the place, and corrects that: "trailer 5502, no, 5503"."""
    cues = (at for at in range(1, len(reading.words)) if leading_cue(reading.words[at:], rules.language))
    return any(states_context(read_part(reading, reading.words[:at], rules), rules) for at in cues)


def says_now(words: Sequence[Word], rules: Rules) -> bool:
    """Whether they begin or end with "now"."""
    sizes = range(1, min(len(words), _MOST_CLOSING_WORDS) + 1)
    parts = (part for size in sizes for part in (words[:size], words[-size:]))
    return any(is_listed_command("now", part, rules.language) for part in parts)


def says_now_alone(reading: Reading, rules: Rules) -> bool:
    """Whether "now" is all that it says beside its fields: not "now on trailer 5502"."""
    own = {word for one in reading.fields.values() for word in one.words}
    return is_listed_command("now", [word for word in reading.words if word.text not in own], rules.language)


def leads_to_place(reading: Reading, rules: Rules) -> list[str]:
    """The context field that a sentence begins with behind closing words, "then trailer 5502, pallet 743"; or none.

    Or all of a place that ends with "next": "trailer 5502 next".
    """
    if len(reading.words) > _MOST_WORDS or is_correction(reading.words, rules.language):
        return []
    is_place = reading.fields.keys() <= {*rules.form.standing_fields}
    if is_place and len(without_next(reading.words, rules)) < len(reading.words):
        return [*reading.fields]
    begins = {rest[0].text for rest in words_behind_closing(reading.words, rules)}
    stands = ((name, one) for name, one in reading.fields.items() if name in rules.form.standing_fields)
    return [name for name, one in stands if begins & {*one.words[:1]}]


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


def says_one_of(numbers: Collection[str], words: Sequence[Word], rules: Rules) -> bool:
    """Whether the words say one of these numbers."""
    return bool(numbers) and bool(_find_numbers(words, numbers, rules))


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


def with_words_not_got(entry: Reading, words: tuple[str, ...], rules: Rules) -> Reading:
    """The reading of an entry, in doubt by words of something else, which its question tells."""
    name = next(one for one in (*rules.identifying_fields, *entry.fields) if one in entry.fields)
    doubted = replace(entry.fields[name], confirmed=False, unexplained=(*entry.fields[name].unexplained, *words))
    return replace(entry, fields={**entry.fields, name: doubted})


class BeforeName(NamedTuple):
    """An utterance, split before the first name of another thing than the open one."""

    before: Reading
    behind: Reading
    is_closed: bool  # What stands before the name is ended: by "that's it", "then", "and", "next", "for that one".
    is_apart: bool  # Or by a pause.


def split_before_name(reading: Reading, known: Reading, rules: Rules) -> BeforeName | None:
    """Split an utterance before the first name of another thing than `known`; None if nothing is before that.

    Nor if that is another name, beside the one that `known` is asked for: then the other thing has its own, too.
    """
    words, found = reading.words, []
    of = {name for name in rules.identifying_fields if rules.form[name].required}
    for at in range(1, len(words)):
        if not _begins_with_another_name(read_part(reading, words[at:], rules), known, rules):
            continue
        end, start = _find_gap(reading, at, rules)
        before, behind = (read_part(reading, part, rules) for part in (words[:end], words[start:]))
        is_closed = end < at
        parts = BeforeName(before, behind, is_closed, is_closed or is_separated(words[at - 1], words[at]))
        if of & before.fields.keys() <= behind.fields.keys() - known.fields.keys():
            found.append(parts)
    return max(found, key=lambda one: _rank_before_name(one, rules), default=None)


def _rank_before_name(parts: BeforeName, rules: Rules) -> tuple[int, int]:
    """By which of several splits is chosen: that with the most values, of these that with the most before the name."""
    before = count_values(parts.before, rules)
    return before + count_values(parts.behind, rules), before


def _begins_with_another_name(part: Reading, known: Reading, rules: Rules) -> bool:
    first = part.words[0].text
    own = {name: part.fields[name] for name in rules.identifying_fields if name in part.fields}
    begun = [name for name, one in own.items() if one.value is not None and one.words[:1] == (first,)]
    several = split_if_several(known, rules) if begun else ()  # Of these it is not said yet which is the open one.
    is_none_of_them = bool(several) and pick_by_answer(known, part, rules) is None
    differs = is_none_of_them or bool(find_differing_identifiers(known, part, begun))
    return differs and not is_correction(part.words, rules.language)


def _find_gap(reading: Reading, at: int, rules: Rules) -> tuple[int, int]:
    """Where what stands before the name at this place ends, and where the next thing begins.

    The words that close it are of neither; where others stand behind them, they begin the next thing.
    """
    words = reading.words[:at]
    fields = read_part(reading, words, rules).fields
    values = {word for one in fields.values() for word in one.words}
    first = next((end for end in range(at, 0, -1) if words[end - 1].text in values), 1)
    for end in range(1, at):
        reached = _find_closing_ends(words, end, rules)
        # "Next one" closes, though its "one" may be a number.
        if at in reached and (end >= first or read_part(reading, words[:end], rules).fields.keys() == fields.keys()):
            return end, at
        if end >= first and reached:
            return end, end
    return at, at


def _find_closing_ends(words: Sequence[Word], start: int, rules: Rules) -> set[int]:
    """The ends of all closing words that begin at a word, one behind another."""
    reached: set[int] = set()
    for begin in range(start, len(words)):
        if begin == start or begin in reached:
            ends = range(begin + 1, min(begin + _MOST_CLOSING_WORDS, len(words)) + 1)
            reached |= {end for end in ends if _closes(words[begin:end], rules)}
    return reached


def words_behind_closing(words: Sequence[Word], rules: Rules) -> Iterator[Sequence[Word]]:
    """What stands behind words that end what was said before: "that's it", "and then", "now", but not "and" alone."""
    ends = sorted(_find_closing_ends(words, 0, rules) - {len(words)})
    spans = {end: (words[at:to] for at in range(end) for to in range(at + 1, end + 1)) for end in ends}
    yield from (words[end:] for end in ends if any(_begins_next(span, rules) for span in spans[end]))


def _begins_next(words: Sequence[Word], rules: Rules) -> bool:
    """Whether the words end what is said of one thing, and begin the next: "that's it", "then", "next"."""
    return _is_phrase("conclusions", words, rules) or begins_next_thing(words, rules)


class BehindDrop(NamedTuple):
    """An utterance, split behind an order to drop what is open: "scratch that, then pallet 743"."""

    drop: Sequence[Word]
    behind: Sequence[Word]
    rest: Sequence[Word]  # As `behind`, without the words that begin the next thing.


def split_at_drop(words: Sequence[Word], rules: Rules) -> BehindDrop | None:
    """Split off an order to drop what is open, before words that begin what follows; None where there is none.

    Not "scratch that, pallet 743", which may correct the name.
    """
    starts = [0, *(at for at in range(1, min(len(words), _MOST_CLOSING_WORDS)) if _leads_to_drop(words[:at], rules))]
    ends = range(1, min(len(words), _MOST_CLOSING_WORDS + 1))
    for at in (end for end in ends for start in starts if parse_command(words[start:end], rules.language) == CANCEL):
        behind = words[at:]
        closing = {0} if is_trailer_done(behind, rules) else _find_closing_ends(behind, 0, rules) - {len(behind)}
        if closing:
            return BehindDrop(words[:at], behind, behind[max(closing) :])
    return None


def drops_one_of_several(reading: Reading, rules: Rules) -> bool:
    """Whether it drops one of several things before another: "742, then 743, scratch that, 744"."""
    drops, texts = rules.language.words["drops"], token_texts(reading.words, rules.language)
    for at in (at for at in range(1, len(reading.words)) if drops.ends(texts, at)):
        before = read_part(reading, reading.words[:at], rules)
        if split_off_end(before, rules) is not None or split_if_several(before, rules):
            return True
    return False


def _leads_to_drop(words: Sequence[Word], rules: Rules) -> bool:
    """Whether the words may stand before an order: "okay", "no", "sorry"."""
    return is_courtesy(words, rules.language) or _is_phrase("correction_cues", words, rules)


def _closes(words: Sequence[Word], rules: Rules) -> bool:
    """Whether the words end what is said of one thing: "that's it", "then", "and", "okay", "next", "for that one"."""
    language = rules.language
    if _begins_next(words, rules) or _is_phrase("conjunctions", words, rules) or is_courtesy(words, language):
        return True
    of_open = (at for at in range(1, len(words)) if _is_phrase("before_places", words[:at], rules))
    return any(is_listed_command("same_one", words[at:], language) for at in of_open)


def _is_phrase(name: str, words: Sequence[Word], rules: Rules) -> bool:
    return token_texts(words, rules.language) in rules.language.words[name]
