"""Finds fields that a second recogniser with an open vocabulary heard otherwise. Pure.

It casts no vote. A grammar-bound recogniser writes a word of the form for any sound: "pallet four seven four for dock
F" becomes 4744, where the second one hears "for". Both texts are aligned. Each difference between equal neighbours is
substituted into the first recogniser's words, which are parsed again; a field whose value changes is doubtful. A
substitution that gives no value is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_fields, vocabulary
from dockvoice_protocol.forms.spoken.confusable import find_unlisted_rival, is_weak_letter, misheard_by_both
from dockvoice_protocol.forms.spoken.language import CODE_WORDS, ENGLISH, LETTERS
from dockvoice_protocol.forms.spoken.reader import BRIEF, make_timed_words
from dockvoice_protocol.records import FieldReading, FieldValue, Reading, Word
from edge.understand.letter_corroboration import corroborate, is_doubtful_letter
from edge.understand.stt.transcript_reader import correct_labels

_LONGEST = 3
"""Words of a difference that is believed: where more differ, the second recogniser lost its way, not the first."""

_MOSTLY = 0.5
"""The part of the first recogniser's words that the second one must have heard alike to be believed on the others."""

_HOMOPHONES: Mapping[str, str] = {
    "too": "two",
    "see": "c", "sea": "c", "be": "b", "bee": "b", "dee": "d", "gee": "g", "age": "h", "won": "one", "ate": "eight",
}  # fmt: skip
"""What a reader of free text writes for letters and digits."""

_SUFFIXES: Mapping[str, str] = {**{letter: letter for letter in LETTERS - {"s"}}, "y": "e", "ey": "e", "ie": "e"}
"""Endings of a label that stand for a letter behind it; an "s" is a plural."""


@dataclass(frozen=True, slots=True)
class _Symbol:
    """A digit or a word that is no number, with the span of word indexes that it comes from."""

    text: str = field(repr=False)
    begin: int
    end: int


def find_contradictions(
    words: Sequence[Word], transcript: str, form: Form, catalogue: Catalogue
) -> Mapping[str, tuple[FieldValue, FieldValue]]:
    """The fields that the second recogniser heard otherwise, each with the first one's value and its own."""
    first = read_fields(words, form, catalogue)
    found: dict[str, tuple[FieldValue, FieldValue]] = {}
    text = correct_labels(_split_letters_off_labels(transcript, form), form, vocabulary(form, catalogue))
    for changed in _substitute(words, make_timed_words(text, form, catalogue, ENGLISH)):
        other = read_fields(changed, form, catalogue)
        for name, said in first.items():
            if name in other and (pair := _differing_pair(said, other[name])) is not None:
                found.setdefault(name, pair)
    return found


def corroborate_letters_by_transcript(reading: Reading, transcript: str, form: Form, catalogue: Catalogue) -> Reading:
    """The reading, in which doubtful letters that the second recogniser heard alike are corroborated.

    A letter that it heard as another one has that as its runner-up. Its text must have the letter as a word of its own,
    wherever it was said: of "docky" the end may be any letter.
    """
    doubtful = find_doubtful_letters(reading, form, catalogue)
    first, second = (
        _to_symbols(reading.words),
        _to_symbols(make_timed_words(transcript.casefold(), form, catalogue, ENGLISH)),
    )
    pairs = _align([one.text for one in first], [one.text for one in second]) if doubtful else []
    aligned = {i: second[j].text for i, j in pairs if i is not None and j is not None}
    if sum(first[at].text == text for at, text in aligned.items()) < _MOSTLY * len(first):
        return reading
    fields = {}
    for name, one in doubtful.items():
        letter = str(one.value).casefold()
        places = [at for at, symbol in enumerate(first) if symbol.text == letter]
        others = {aligned.get(at) for at in places}
        if one.runner_up == find_unlisted_rival(one.value):
            continue  # Of one voice both write "a" for "e"; only the vowel itself tells them apart.
        if others == {letter}:
            fields[name] = corroborate(one)
        elif len(others) == 1 and is_weak_letter(one.value, other := str(others.pop()).upper()):
            fields[name] = replace(one, runner_up=other)
    return replace(reading, fields={**reading.fields, **fields}) if fields else reading


def find_doubtful_letters(reading: Reading, form: Form, catalogue: Catalogue) -> Mapping[str, FieldReading]:
    """The fields whose value is a letter that a second recogniser may tell from the one that it may be."""

    def is_distinguishable(name: str, one: FieldReading) -> bool:
        """Whether no letter that the field may have was said where both recognisers heard this one."""
        field = form[name]
        return not any(
            field.allows(letter) and catalogue.has_values(field.catalogue, letter)
            for letter in misheard_by_both(one.value)
        )

    return {
        name: one
        for name, one in reading.fields.items()
        if not one.seconded and is_doubtful_letter(one) and is_distinguishable(name, one)
    }


def _split_letters_off_labels(transcript: str, form: Form) -> str:
    """The text, with a letter split off a label that it was joined to: "docky" becomes "dock e"."""
    labels = "|".join(re.escape(label) for field in form.fields for label in field.labels)
    letters = "|".join(_SUFFIXES)
    return re.sub(
        rf"\b({labels})({letters})(?=\b|\d)", lambda found: f"{found[1]} {_SUFFIXES[found[2]]} ", transcript.casefold()
    )


def _differing_pair(first: FieldReading, other: FieldReading) -> tuple[FieldValue, FieldValue] | None:
    meant = other.runner_up if other.value is None else other.value
    if first.value is None or meant is None or other.rivals or first.value == meant:
        return None
    return first.value, meant


def _substitute(words: Sequence[Word], second_words: Sequence[Word]) -> Iterator[list[Word]]:
    """Yield the first recogniser's words once for each difference, with the second one's words in its place."""
    first, second = _to_symbols(words), _to_symbols(second_words)
    for begin, end, put in _diff(first, second):
        if max(end - begin, len(put)) <= _LONGEST and _may_change_value(first, begin, end, put):
            yield _replace_symbols(words, first, (begin, end), put)


def _diff(first: Sequence[_Symbol], second: Sequence[_Symbol]) -> Iterator[tuple[int, int, Sequence[_Symbol]]]:
    """Yield the differences between equal neighbours: their span in `first`, and the symbols of `second`."""
    pairs = _align([one.text for one in first], [one.text for one in second])
    alike = [i is not None and j is not None and first[i].text == second[j].text for i, j in pairs]
    if sum(alike) < _MOSTLY * len(first):
        return  # Another voice, or a bad transcript.
    same = [
        sure or (i is not None and j is not None and _is_word(first[i].text) and _is_word(second[j].text))
        for sure, (i, j) in zip(alike, pairs, strict=True)
    ]
    for at in range(1, len(pairs) - 1):  # one digit alike within a number that differs is part of the difference
        i = pairs[at][0]
        if alike[at] and i is not None and first[i].text.isdigit() and not (same[at - 1] or same[at + 1]):
            same[at] = False
    at = 0
    while at < len(pairs):
        if same[at]:
            at += 1
            continue
        end = next((n for n in range(at, len(pairs)) if same[n]), len(pairs))
        replaced = [i for i, _ in pairs[at:end] if i is not None]
        put = [second[j] for _, j in pairs[at:end] if j is not None]
        firmly = end == len(pairs) or alike[end]
        if at and alike[at - 1] and (firmly or (replaced and put)):
            begin = replaced[0] if replaced else next((i for i, _ in pairs[end:] if i is not None), len(first))
            yield begin, begin + len(replaced), put
        at = end


def _is_word(text: str) -> bool:
    return len(text) > 1 and not text.isdigit()


def _align(first: Sequence[str], second: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """The cheapest alignment, as index pairs; replacing a word costs less than changing a digit or letter."""
    costs = [[float(column) for column in range(len(second) + 1)]]
    for row, one in enumerate(first, 1):
        line = [float(row)]
        for column, other in enumerate(second, 1):
            line.append(min(costs[-1][column - 1] + _edit_cost(one, other), costs[-1][column] + 1, line[-1] + 1))
        costs.append(line)
    pairs: list[tuple[int | None, int | None]] = []
    row, column = len(first), len(second)
    while row or column:
        here = costs[row][column]
        if row and column and here == costs[row - 1][column - 1] + _edit_cost(first[row - 1], second[column - 1]):
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif row and here == costs[row - 1][column] + 1:
            row -= 1
            pairs.append((row, None))
        else:
            column -= 1
            pairs.append((None, column))
    return pairs[::-1]


def _edit_cost(one: str, other: str) -> float:
    if one == other:
        return 0.0
    return 0.5 if _is_word(one) and _is_word(other) else 1.0


def _may_change_value(symbols: Sequence[_Symbol], begin: int, end: int, put: Sequence[_Symbol]) -> bool:
    """Whether a difference may change a value, and is not only another spelling of the same."""
    lost, before, behind = symbols[begin:end], symbols[begin - 1].text, symbols[end].text if end < len(symbols) else ""
    letters = any(_is_letter(one.text) for one in put)
    if any(_is_letter(one.text) for one in lost) != letters:
        return False  # A letter for a figure, "a" for "eight"; or a place that it heard as no place.
    if not any(one.text.isdigit() for one in (*lost, *put)):
        return True
    if not (lost and put):
        # Of two figures alike it often writes one, and of one two; "Palatou 43" is "pallet two four three".
        return before.isdigit() and not {one.text for one in (*lost, *put)} & {before, behind}
    # "Pallet for four nine": what sounds like a figure and stands before one is that figure.
    return not (behind.isdigit() and any(one.text in ENGLISH.homophones for one in put))


def _is_letter(text: str) -> bool:
    return len(text) == 1 and text.isalpha()


def _replace_symbols(
    words: Sequence[Word], symbols: Sequence[_Symbol], span: tuple[int, int], put: Sequence[_Symbol]
) -> list[Word]:
    """The words, with the symbols of `span` replaced; a number that is changed in part is written as digits."""
    first, last = span
    begin = (
        symbols[first].begin
        if first < len(symbols) and (first < last or symbols[first - 1].end > symbols[first].begin)
        else symbols[first - 1].end
    )
    end = symbols[last - 1].end if first < last else begin
    if first == last and first < len(symbols) and symbols[first - 1].begin == symbols[first].begin:
        end = symbols[first].end
    before = [one.text for one in symbols[:first] if one.end > begin]
    behind = [one.text for one in symbols[last:] if one.begin < end]
    texts = _join_digits([*before, *(one.text for one in put), *behind])
    start = words[begin].start if begin < len(words) else words[-1].end
    stop = words[end - 1].end if end > begin else start
    length = (stop - start) / max(1, len(texts))
    new = [
        Word(text, start + n * length, start + n * length + (BRIEF if text in ENGLISH.homophones else length), 1.0)
        for n, text in enumerate(texts)
    ]
    return [*words[:begin], *new, *words[end:]]


def _join_digits(texts: Sequence[str]) -> list[str]:
    """Digits that follow each other as one number."""
    joined: list[str] = []
    for text in texts:
        if text.isdigit() and joined and joined[-1].isdigit():
            joined[-1] += text
        else:
            joined.append(text)
    return joined


def _to_symbols(words: Sequence[Word]) -> list[_Symbol]:
    """Split words into symbols: numbers digit by digit, code words as letters, other words unchanged."""
    bare = [word.text.lower().rstrip("?") for word in words]  # a transcript keeps the mark of a question
    texts = [_HOMOPHONES.get(text, text) for text in bare]
    found: list[_Symbol] = []
    at = 0
    while at < len(texts):
        numbers = [(one.end, one.text) for one in ENGLISH.numerals.groups(texts, at)]
        numbers += [(one.end, str(one.value)) for one in ENGLISH.numerals.counts(texts, at) if not one.cost]
        if not texts[at].isalnum():
            at += 1  # A dash.
            continue
        end, text = max(numbers, default=(at + 1, CODE_WORDS.get((texts[at],), texts[at])))
        found += [_Symbol(one, at, end) for one in (text if numbers else [text])]
        at = end
    return found
