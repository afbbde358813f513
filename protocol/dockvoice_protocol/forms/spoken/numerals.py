"""Parses numbers in words: every reading as a count, and as digits of an identifier.

One grammar serves all languages; the `[numbers]` table of a language's file has its words:

    zeros        words for 0, as a count and as a digit
    digits       "0 oh o": further words for a digit, not for a count
    words        "20 twenty": a value and the words for it, hyphens between the words of one name ("80 quatre-vingt")
    articles     words for 1 that are no digit of an identifier ("una"), and count one or end a larger number
    final        words for 1 that only end a number (German "eins")
    ones         words that are 1 only before "hundred", "thousand" and "dozen" ("a")
    phrases      "6 half-a-dozen": counts that combine with nothing
    bound        parts of compounds, to the word they stand for ("vent" in "ventuno")
    times        "double": the number of times it repeats the digit behind it
    multiplying  which of these multiply a count (German "dreimal fünf Stück"), which is ambiguous
    tens         sums below a hundred: the values, the joiner between them, the cost
    hundreds     joiners between hundreds and the rest, with their costs
    thousands    likewise
    hundred      words for a hundred, with their cost, by the factor: bare, one, few (2 to 9), teens, many (20 on)
    thousand     likewise
    dozen        likewise
    short        "k": a thousand, directly behind a number
    halves       "and a half", within ("two and a half dozen") and behind ("deux douzaines et demie")
    pairs        cost of a count that is said like a year: "twelve fifty"; absent: that is no count
    spoilt       words whose next number (or, under "behind", previous number) is no count: "point", "thirds"
    vague        phrases that begin like a count and are none: German "ein paar"
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from dockvoice_protocol.forms.spoken.folding import Phrase, fold, phrase

_Words = Sequence[str]

LARGEST = 99_999  # The largest count that is parsed: five digits, the limit of a form's quantity.
LONGEST = 16  # Window of a number in words: the longest, French for 99,999, has 11, and a phrase that spoils it 3.
_LONGEST_COUNT = 5  # Digits of `LARGEST`, the limit of a count said digit by digit.
_LARGEST_DIGIT = 9
_TWENTY = 20
_HUNDRED, _THOUSAND, _DOZEN = 100, 1000, 12

_SINGLY = 1.0  # Cost of a count said digit by digit: "one two" for 12.
_TENS = 20  # Least second number with which "one fifty" is hardly two counts; "twelve thirteen" may be two.
_ROUGH = 1.5  # Discount of such a number.
_ODD = 3.5  # Cost of figures with a leading zero: they name something and count nothing.
_SHORT = 1.0  # Cost of "two k".
_HALF = 0.5  # Cost of "two and a half thousand".
_WRITTEN = 0.5  # Cost of figures behind a word of the same number: "two thousand 500".
_WHOLE = 0.5  # Cost of an identifier said as one number of hundreds.
_ROUND = 2.0  # Cost of more digits behind such a number that ends in zeros: 7005 sounds like 705.
_CUT = 4.0  # Cost of more digits behind a group that would be part of one longer number: 402 is not said "forty two".
_CUT_TENS = 2.5  # The same where the rest is a pair of digits too: "soixante dix-neuf" is 79, hardly 60 and 19.
_CUT_LOOSE = 1.5  # The same where the longer number is said unusually: Spanish "treinta cinco" may be 35, or 30 and 5.
_LOOSE = 0.5  # Least cost of a number that is said unusually.
_PLAIN = 1.0  # Largest cost of a compound word that is one number.

_CACHE_SIZE = 4096  # Cache size: more words than any form's vocabulary, and the runs of words of many alternatives.

_FIGURES = re.compile("[0-9]+")
_THREE_FIGURES = re.compile("[0-9]{3}")
_WRITTEN_GROUP = re.compile("[0-9]+|[0-9]{1,2}:[0-9]{2}")
"""Figures, or a time of day as models write "seven forty-two": the same digits."""
_THOUSANDS = re.compile("([0-9]+)(?:[.,]([0-9]{1,2}))?(k?)")
"""Figures before a word for a thousand, or with the letter for it: "1.2 thousand", "2k"."""


class Count(NamedTuple):
    """One reading of words as a cardinal, or as a part of one."""

    end: int  # Index behind its last word.
    value: int
    cost: float  # In nats: 0 for the usual wording, more for rarer ones.
    final: bool = False  # Whether it only ends a number.


class DigitGroup(NamedTuple):
    """One reading of words as the next digits of an identifier."""

    end: int
    text: str
    cost: float
    behind: float = 0.0
    """Additional cost where another group follows directly: 4 for the "forty" of "forty two", mostly 0."""


@dataclass(frozen=True, slots=True)
class _Sum:
    """A second summand within one number."""

    by: str  # The joiner between, or "".
    seconds: frozenset[int]
    cost: float


@dataclass(frozen=True, slots=True)
class _Atom:
    """A name of one value."""

    rest: Phrase  # Its words after the first.
    value: int
    sums: tuple[_Sum, ...] = ()
    article: bool = False
    final: bool = False


class _Product:
    """A word that multiplies the number before it."""

    def __init__(self, table: Mapping[str, Mapping[str, float]]) -> None:
        self._costs = {before: _fold_table(table.get(before, {})) for before in ("bare", "one", "few", "teens", "many")}
        self.bare = self._costs["bare"]
        self.words = frozenset[str]().union(*self._costs.values())

    def cost(self, value: int, word: str) -> float | None:
        """The cost of the word behind the value; None where the combination is invalid."""
        several = "few" if value <= _LARGEST_DIGIT else "teens" if value < _TWENTY else "many"
        return self._costs["one" if value == 1 else several].get(word)


class _Cardinals:
    """Parses whole numbers in usual wordings."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.atoms = _parse_atoms(table)
        self.hundred = _Product(table["hundred"])
        self.thousand = _Product(table["thousand"])
        self.dozen = _Product(table["dozen"])
        self._ones = frozenset(map(fold, table.get("ones", ())))
        self._after_hundreds = _fold_table(table["hundreds"])
        self._after_thousands = _fold_table(table["thousands"])
        hundreds = {word for word, atoms in self.atoms.items() if any(atom.value >= _HUNDRED for atom in atoms)}
        below = self.hundred.words | hundreds
        # Behind one of these the word ends a number above `LARGEST`: "cent mille".
        self._overflowing = {
            _HUNDRED: below,
            _THOUSAND: below | self.thousand.words,
            _DOZEN: below | self.thousand.words | self.dozen.words,
        }
        joiners = {by for sums in self.atoms.values() for atom in sums for by in (one.by for one in atom.sums)}
        self.joiners = frozenset({*joiners, *self._after_hundreds, *self._after_thousands} - {""})
        """The joiners between the parts of a number."""
        names = {word for first, atoms in self.atoms.items() for atom in atoms for word in (first, *atom.rest)}
        self.words = names | self.hundred.words | self.thousand.words | self.dozen.words  # All other words of a number.
        self.beginnings = frozenset(
            {*self.atoms, *self._ones, *self.hundred.bare, *self.thousand.bare, *self.dozen.bare}
        )

    def usual_numbers(self, words: _Words, at: int, parts: Sequence[Count]) -> Iterator[Count]:
        """Numbers in usual wordings; `parts` are those up to 99 that begin at `at`."""
        yield from parts
        yield from self._hundreds_with_rest(words, at, parts, many=True)
        for thousands in self.products(words, at, parts, self.thousand, _THOUSAND):
            yield thousands
            for end, cost in _joiner_ends(words, thousands.end, self._after_thousands):
                for rest in self._below_thousand(words, end):
                    yield Count(rest.end, thousands.value + rest.value, thousands.cost + cost + rest.cost)

    def _below_thousand(self, words: _Words, at: int) -> Iterator[Count]:
        parts = self.below_hundred(words, at)
        yield from parts
        yield from _written_parts(words, at, _THOUSAND, _WRITTEN)
        yield from self._hundreds_with_rest(words, at, parts, many=False)

    def _hundreds_with_rest(self, words: _Words, at: int, parts: Sequence[Count], *, many: bool) -> Iterator[Count]:
        for hundreds in self._hundreds(words, at, parts):
            if not many and hundreds.value >= _THOUSAND:
                continue
            yield hundreds
            for end, cost in _joiner_ends(words, hundreds.end, self._after_hundreds):
                for rest in (*self.below_hundred(words, end), *_written_parts(words, end, _HUNDRED, _WRITTEN)):
                    yield Count(rest.end, hundreds.value + rest.value, hundreds.cost + cost + rest.cost)

    def _hundreds(self, words: _Words, at: int, parts: Sequence[Count]) -> Iterator[Count]:
        for atom, end in self.names_at(words, at):
            if atom.value >= _HUNDRED:
                yield Count(end, atom.value, 0.0)
        for part in self.products(words, at, parts, self.hundred, _HUNDRED):
            # "Twenty hundred" is not said.
            if part.value < _THOUSAND or part.value % _THOUSAND:
                yield part

    def products(
        self, words: _Words, at: int, parts: Sequence[Count], product_: _Product, unit: int
    ) -> Iterator[Count]:
        """The products with a multiplying word; `parts` are the numbers that begin at `at`."""
        word = words[at]
        if word in product_.bare and not (at and words[at - 1] in self._overflowing[unit]):
            yield Count(at + 1, unit, product_.bare[word])
        if at + 1 == len(words):
            return
        if word in self._ones and (cost := product_.cost(1, words[at + 1])) is not None:
            yield Count(at + 2, unit, cost)
        for part in (*parts, *_written_parts(words, at, _HUNDRED)):
            if part.final or part.end == len(words):
                continue
            if (cost := product_.cost(part.value, words[part.end])) is not None:
                yield Count(part.end + 1, part.value * unit, part.cost + cost)

    def below_hundred(self, words: _Words, at: int) -> list[Count]:
        found = []
        for atom, end in self.names_at(words, at):
            if atom.value >= _HUNDRED:
                continue
            found.append(Count(end, atom.value, 0.0, atom.final))
            for sum_ in atom.sums:
                for begin in _skip_joiner(words, end, sum_.by):
                    found += [
                        Count(last, atom.value + second.value, sum_.cost, second.final)
                        for second, last in self.names_at(words, begin)
                        if second.value in sum_.seconds
                    ]
        return found

    def names_at(self, words: _Words, at: int) -> Iterator[tuple[_Atom, int]]:
        """The names of one value that begin at `at`, and where each ends."""
        for atom in self.atoms.get(words[at], ()):
            if _follows(words, at + 1, atom.rest):
                yield atom, at + 1 + len(atom.rest)


class _Digits:
    """Parses words for one digit."""

    def __init__(self, table: Mapping[str, Any], cardinals: _Cardinals) -> None:
        zeros = dict.fromkeys(map(fold, table["zeros"]), "0")
        said = {name[0]: str(value) for value, name in _parse_rows(table.get("digits", ()))}
        units = {
            word: str(atom.value)
            for word, atoms in cardinals.atoms.items()
            for atom in atoms
            if atom.value <= _LARGEST_DIGIT and not atom.rest and not atom.article
        }
        self.values = zeros | said | units
        self.zeros = frozenset(zeros)
        self.times: dict[str, int] = _fold_table(table.get("times", {}))

    def digits_at(self, words: _Words, at: int) -> Iterator[tuple[int, str]]:
        word = words[at]
        if (digit := self.values.get(word)) is not None:
            yield at + 1, digit
        if (times := self.times.get(word)) is not None and at + 1 < len(words):
            repeated = self.values.get(words[at + 1], words[at + 1])
            if len(repeated) == 1 and _FIGURES.fullmatch(repeated):
                yield at + 2, repeated * times


class _Counts:
    """Counts: cardinals, dozens, halves, and other wordings that identifiers do not have."""

    def __init__(self, table: Mapping[str, Any], cardinals: _Cardinals, digits: _Digits, *, spaced: bool) -> None:
        self._cardinals = cardinals
        self._digits = digits
        self._spaced = spaced
        self._multiplying = frozenset(map(fold, table.get("multiplying", ())))
        self._short = frozenset(map(fold, table.get("short", ())))
        self._pairs: float | None = table.get("pairs")
        halves, spoilt = table.get("halves", {}), table.get("spoilt", {})
        self.half_within = tuple(map(phrase, halves.get("within", ())))
        self._half_behind = tuple(map(phrase, halves.get("behind", ())))
        self.spoilers = self._multiplying | frozenset(map(fold, spoilt.get("before", ())))
        self._spoilt_behind = tuple(map(phrase, spoilt.get("behind", ())))
        self._vague = tuple(map(phrase, table.get("vague", ())))
        self._phrases = tuple(_parse_rows(table.get("phrases", ())))
        begun = (said[0] for _, said in self._phrases)
        self.beginnings = frozenset({*begun, *digits.values, *digits.times, *cardinals.beginnings})
        """Words that may begin a number."""
        rests = (said[1:] for _, said in self._phrases)
        spoken = (*self._vague, *self.half_within, *self._half_behind, *self._spoilt_behind, *rests)
        self.further = frozenset({*self._short, *self.spoilers, *(word for one in spoken for word in one)})
        """Other words that affect counts, besides those of cardinals and digits."""

    def counts_at(self, words: _Words, at: int) -> list[Count]:
        word = words[at]
        if word not in self.beginnings and not _is_written(word):
            return []
        if (at and words[at - 1] in self.spoilers) or any(_follows(words, at, one) for one in self._vague):
            return []
        found = _cheapest(self._cardinal_counts(words, at))
        spoilt = {end for end, _ in found if any(_follows(words, end, one) for one in self._spoilt_behind)}
        return [Count(end, value, float(cost)) for (end, value), cost in found.items() if end not in spoilt]

    def _cardinal_counts(self, words: _Words, at: int) -> Iterator[Count]:
        word = words[at]
        if (value := _figures(word)) is not None:
            yield Count(at + 1, value, _ODD if word[0] == "0" and word != "0" else 0.0)
            if self._spaced and 0 < value < _THOUSAND and word[0] != "0" and (rest := words[at + 1 : at + 2]):
                yield from (Count(at + 2, int(word + one), 0.0) for one in rest if _THREE_FIGURES.fullmatch(one))
        if word in self._digits.zeros:
            yield Count(at + 1, 0, 0.0)
        yield from (Count(at + len(said), value, 0.0) for value, said in self._phrases if _follows(words, at, said))
        parts = self._cardinals.below_hundred(words, at)
        yield from self._cardinals.usual_numbers(words, at, parts)
        yield from self._dozen_counts(words, at, parts)
        yield from self._halved_counts(words, at, parts)
        yield from self._short_thousands(words, at, parts)
        yield from self._spelt_counts(words, at)
        if self._pairs is not None:
            yield from self._paired_counts(words, parts, self._pairs)

    def _dozen_counts(self, words: _Words, at: int, parts: Sequence[Count]) -> Iterator[Count]:
        for dozens in self._cardinals.products(words, at, parts, self._cardinals.dozen, _DOZEN):
            yield dozens
            for half in self._half_behind:
                if _follows(words, dozens.end, half):
                    yield Count(dozens.end + len(half), dozens.value + _DOZEN // 2, dozens.cost)

    def _halved_counts(self, words: _Words, at: int, parts: Sequence[Count]) -> Iterator[Count]:
        """Counts with a half: "two and a half dozen", "two and a half thousand"."""
        for part, half in product((*parts, *_written_parts(words, at, _HUNDRED)), self.half_within):
            end = part.end + len(half)
            if end == len(words) or not _follows(words, part.end, half):
                continue
            for multiplier, unit, cost in (
                (self._cardinals.dozen, _DOZEN, 0.0),
                (self._cardinals.thousand, _THOUSAND, _HALF),
            ):
                if words[end] in multiplier.words:
                    yield Count(end + 1, part.value * unit + unit // 2, part.cost + cost)

    def _short_thousands(self, words: _Words, at: int, parts: Sequence[Count]) -> Iterator[Count]:
        """A number and a short word for a thousand, and fractions of a thousand in figures."""
        if (match := _THOUSANDS.fullmatch(words[at])) is not None:
            whole, fraction, short = match[1], (match[2] or "").ljust(3, "0"), match[3]
            next_ = words[at + 1] if at + 1 < len(words) else ""
            if short:
                yield Count(at + 1, int(whole + fraction), _SHORT)
            elif next_ in self._short or (match[2] and next_ in self._cardinals.thousand.words):
                yield Count(at + 2, int(whole + fraction), _SHORT if next_ in self._short else _HALF)
        for part in parts:
            if part.end < len(words) and words[part.end] in self._short:
                yield Count(part.end + 1, part.value * _THOUSAND, part.cost + _SHORT)

    def _spelt_counts(self, words: _Words, at: int) -> Iterator[Count]:
        """Counts said digit by digit, of two digits or more."""
        digits, end = "", at
        while end < len(words) and len(digits) < _LONGEST_COUNT and words[end] not in self._multiplying:
            said = next(iter(self._digits.digits_at(words, end)), None)
            if said is None:
                word = words[end]
                said = (end + 1, word) if len(word) == 1 and _FIGURES.fullmatch(word) else None
            if said is None:
                return
            end, digits = said[0], digits + said[1]
            if 1 < len(digits) <= _LONGEST_COUNT:
                yield Count(end, int(digits), _SINGLY)

    def _paired_counts(self, words: _Words, parts: Sequence[Count], cost: float) -> Iterator[Count]:
        """Numbers said like a year or a price: "twelve fifty", "one ten", "twelve oh five"."""
        for first in parts:
            if first.end == len(words):
                continue
            for second in self._cardinals.below_hundred(words, first.end):
                if second.value > _LARGEST_DIGIT:
                    usual = _ROUGH if second.value >= _TENS else 0.0
                    yield Count(second.end, first.value * _HUNDRED + second.value, first.cost + cost - usual)
            end = first.end + 1
            if self._digits.values.get(words[first.end]) == "0" and end < len(words):
                digit = self._digits.values.get(words[end], "0")
                if digit != "0":
                    yield Count(end + 1, first.value * _HUNDRED + int(digit), first.cost + cost)


class _Groups:
    """The digits of identifiers, in groups of one to five."""

    def __init__(self, cardinals: _Cardinals, digits: _Digits, beginnings: frozenset[str]) -> None:
        self._cardinals = cardinals
        self._digits = digits
        self._beginnings = beginnings

    def groups_at(self, words: _Words, at: int) -> list[DigitGroup]:
        word = words[at]
        if _is_written(word):
            found = [DigitGroup(at + 1, word.replace(":", ""), 0.0)] if _WRITTEN_GROUP.fullmatch(word) else []
        elif word in self._beginnings:
            found = [DigitGroup(end, digits, 0.0) for end, digits in self._digits.digits_at(words, at)]
        else:
            return []
        found += self._whole_number_groups(words, at)
        return [self._with_break_off_cost(group, found, words) for group in found] if len(found) > 1 else found

    def _whole_number_groups(self, words: _Words, at: int) -> list[DigitGroup]:
        usual = self._cardinals.usual_numbers(words, at, self._cardinals.below_hundred(words, at))
        groups = []
        for (end, value), cost in _cheapest(usual).items():
            behind = _ROUND if value >= _HUNDRED and not value % _HUNDRED else 0.0
            if value > _LARGEST_DIGIT:
                groups.append(DigitGroup(end, str(value), cost + (_WHOLE if value >= _HUNDRED else 0.0), behind))
        return groups

    def _with_break_off_cost(self, group: DigitGroup, found: Iterable[DigitGroup], words: _Words) -> DigitGroup:
        """The group with the cost of breaking off a longer number there."""
        behind = [self._break_off_cost(group, longer, words) for longer in found if longer.end > group.end]
        return DigitGroup(group.end, group.text, group.cost, max(behind)) if behind else group

    def _break_off_cost(self, group: DigitGroup, longer: DigitGroup, words: _Words) -> float:
        whole = _WHOLE if int(longer.text) >= _HUNDRED else 0.0
        if longer.cost - whole >= _LOOSE:
            return _CUT_LOOSE
        pair = any(atom.value > _LARGEST_DIGIT for atom, _ in self._cardinals.names_at(words, group.end))
        return _CUT_TENS if pair and int(longer.text) < _HUNDRED else _CUT


class _Compounds:
    """Splits numbers that are written as one word."""

    def __init__(self, table: Mapping[str, Any], cardinals: _Cardinals, digits: _Digits, counts: _Counts) -> None:
        self._cardinals = cardinals
        self._digits = digits
        self._beginnings = counts.beginnings
        self._half_within = counts.half_within
        parts = cardinals.words | cardinals.joiners | digits.times.keys() | digits.zeros
        halved = {one[0] for one in self._half_within if len(one) == 1}
        self._compounded = {part: part for part in parts | halved} | _fold_table(table.get("bound", {}))
        self.morphemes = lru_cache(_CACHE_SIZE)(self._morphemes)
        """The words of a number that is written as one word; any other word unchanged."""

    def all_splits(self, word: str) -> Iterator[Phrase]:
        for size in range(len(word), 0, -1):
            if (part := self._compounded.get(word[:size])) is None:
                continue
            if size == len(word):
                yield (part,)
            else:
                yield from ((part, *rest) for rest in self.all_splits(word[size:]))

    def _morphemes(self, word: str) -> Phrase:
        """Split a word; hyphens join only one number: "quatre-vingt-douze", not "seven-four-two"."""
        if "-" in word:
            parts = tuple(part for piece in word.split("-") if piece for part in self.morphemes(piece))
            return parts if len(parts) > 1 and self._is_number(parts) else (word,)
        if word in self._beginnings or word in self._compounded or not word.isalpha():
            return (word,)
        for parts in self.all_splits(word):
            if self._is_number(parts):
                return parts
        return (word,)

    def _is_number(self, parts: Phrase) -> bool:
        """Whether the parts are one number, a repeated digit, or a factor with a half before "dozen"."""
        if any(_follows(parts, len(parts) - len(half), half) for half in self._half_within):
            return len(parts) > 1 and bool(self._cardinals.below_hundred(parts, 0))
        if parts[0] in self._digits.times:
            return any(end == len(parts) for end, _ in self._digits.digits_at(parts, 0))
        usual = self._cardinals.usual_numbers(parts, 0, self._cardinals.below_hundred(parts, 0))
        wholes = (part.cost for part in usual if part.end == len(parts))
        return min(wholes, default=_PLAIN + 1) <= _PLAIN


class Numerals:
    """Parses the numbers of one language."""

    def __init__(self, table: Mapping[str, Any], *, spaced: bool = False) -> None:
        """`spaced`: a space is the thousands separator: "1 200"."""
        cardinals = _Cardinals(table)
        digits = _Digits(table, cardinals)
        self._counts = _Counts(table, cardinals, digits, spaced=spaced)
        self._groups = _Groups(cardinals, digits, self._counts.beginnings)
        self._compounds = _Compounds(table, cardinals, digits, self._counts)
        self.morphemes = self._compounds.morphemes
        """The words of a number that is written as one word; any other word unchanged."""
        self.times = digits.times  # Words that repeat the digit behind them ("double"), to the number of times.
        self.spoilers = self._counts.spoilers  # Words whose next number is no count: "minus", "point".
        self._joiners = cardinals.joiners
        named = cardinals.words | digits.values.keys() | digits.times.keys()
        self._own = frozenset(named - self._joiners)
        self._matters = self._counts.beginnings | self._counts.further | cardinals.words | self._joiners
        self.is_part = lru_cache(_CACHE_SIZE)(self._is_part)  # Whether the word belongs to numbers and is no joiner.
        self.is_number = lru_cache(_CACHE_SIZE)(self._is_number)
        """Whether the word alone is a number, or digits of one."""
        self.counts_of = lru_cache(_CACHE_SIZE)(self._counts_of)
        """The counts at the beginning of a run: number of words, value, cost; cached, since runs recur."""
        self.groups_of = lru_cache(_CACHE_SIZE)(self._groups_of)
        """The digit groups at the beginning of a run; `end` is the number of words."""
        self.counts = self._counts.counts_at
        """All cardinals, 0 to 99,999, that begin at a word; for each end and value the cheapest."""
        self.groups = self._groups.groups_at  # All digit groups of an identifier that begin at a word.

    def is_joiner(self, word: str) -> bool:
        """Whether the word joins the parts of a number: "and"."""
        return word in self._joiners

    def _is_part(self, word: str) -> bool:
        # Compounds of number words count even above `LARGEST`: "hunderttausend".
        ways = (parts for parts in self._compounds.all_splits(word) if len(parts) > 1)
        return word in self._own or len(self.morphemes(word)) > 1 or any(map(self._own.issuperset, ways))

    def _is_number(self, word: str) -> bool:
        return bool(self.counts((word,), 0) or self.groups((word,), 0))

    def begins_number(self, word: str) -> bool:
        """Whether a number may begin with the word; none begins with any other."""
        return word in self._counts.beginnings or _is_written(word)

    def number_context(self, words: _Words, at: int) -> Phrase:
        """The word before `at`, and the words from `at` on that may affect numbers that begin there."""
        end, last = at, min(len(words), at + LONGEST)
        while end < last and (words[end] in self._matters or _is_written(words[end])):
            end += 1
        return (words[at - 1] if at else "", *words[at:end])

    def _counts_of(self, run: Phrase) -> list[tuple[int, int, float]]:
        return [(one.end - 1, one.value, one.cost) for one in self.counts(run, 1)] if len(run) > 1 else []

    def _groups_of(self, run: Phrase) -> list[DigitGroup]:
        found = self.groups(run, 1) if len(run) > 1 else ()
        return [DigitGroup(one.end - 1, one.text, one.cost, one.behind) for one in found]


def _cheapest(found: Iterable[Count]) -> dict[tuple[int, int], float]:
    """The lowest cost of each number up to `LARGEST`, by its end and value."""
    costs: dict[tuple[int, int], float] = {}
    for one in found:
        if one.value <= LARGEST:
            costs[one.end, one.value] = min(one.cost, costs.get((one.end, one.value), one.cost))
    return costs


def _fold_table(table: Mapping[str, Any]) -> dict[str, Any]:
    return {fold(word): value for word, value in table.items()}


def _parse_rows(rows: Iterable[str]) -> Iterator[tuple[int, Phrase]]:
    for row in rows:
        value, *names = row.split()
        yield from ((int(value), phrase(name)) for name in names)


def _parse_atoms(table: Mapping[str, Any]) -> dict[str, tuple[_Atom, ...]]:
    articles, final = ({phrase(word) for word in table.get(key, ())} for key in ("articles", "final"))
    found: dict[str, tuple[_Atom, ...]] = {}
    for value, name in _parse_rows(table["words"]):
        sums = tuple(
            _Sum(fold(row.get("by", "")), frozenset(_parse_ranges(row["second"])), row.get("cost", 0.0))
            for row in table["tens"]
            if (value in _parse_ranges(row["first"]) or name in _parse_names(row["first"])) and name not in final
        )
        atom = _Atom(name[1:], value, sums, name in articles, name in final)
        found[name[0]] = (*found.get(name[0], ()), atom)
    return found


def _parse_ranges(listed: str) -> set[int]:
    """The numbers of "1 10-19"."""
    found: set[int] = set()
    for one in listed.split():
        if one[0].isdigit():
            first, _, last = one.partition("-")
            found |= set(range(int(first), int(last or first) + 1))
    return found


def _parse_names(listed: str) -> set[Phrase]:
    return {phrase(one) for one in listed.split() if not one[0].isdigit()}


def _follows(words: _Words, at: int, said: Phrase) -> bool:
    return at >= 0 and tuple(words[at : at + len(said)]) == said


def _skip_joiner(words: _Words, end: int, by: str) -> Iterator[int]:
    """The beginning of the next part, if the joiner `by` is there."""
    if not by:
        if end < len(words):
            yield end
    elif end + 1 < len(words) and words[end] == by:
        yield end + 1


def _joiner_ends(words: _Words, end: int, joins: Mapping[str, float]) -> Iterator[tuple[int, float]]:
    for by, cost in joins.items():
        for begin in _skip_joiner(words, end, by):
            yield begin, cost


def _is_written(word: str) -> bool:
    return "0" <= word[:1] <= "9"


def _written_parts(words: _Words, at: int, limit: int, cost: float = 0.0) -> Iterator[Count]:
    """The number in figures at a word, if it is below the limit and has no leading zero."""
    value = _figures(words[at])
    if value and value < limit and words[at][0] != "0":
        yield Count(at + 1, value, cost)


def _figures(word: str) -> int | None:
    """The value of figures with at most five digits after leading zeros, else None."""
    if not _FIGURES.fullmatch(word) or len(word.lstrip("0")) > _LONGEST_COUNT:
        return None
    return int(word)
