"""The possible meanings of spans of one utterance, independent of the path that reaches them; remarks among them.

Many paths reach the same word, so that results are cached.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.forms.spoken.folding import Phrase
from dockvoice_protocol.forms.spoken.grammar import costs
from dockvoice_protocol.forms.spoken.grammar.cached_method import cached_method
from dockvoice_protocol.forms.spoken.grammar.lexicon import OF_FIELDS, SLOT, Lexicon, Match, Role
from dockvoice_protocol.forms.spoken.grammar.path import EventKind, ExplanationEvent
from dockvoice_protocol.forms.spoken.grammar.tokens import Token, ends_word, letters_at, named_letter
from dockvoice_protocol.forms.spoken.kinds import kind_of
from dockvoice_protocol.forms.spoken.kinds.kind import Read, phrase_ends
from dockvoice_protocol.forms.spoken.kinds.numbers import decimal_beginnings, decimal_readings
from dockvoice_protocol.forms.spoken.language import LETTERS, Language
from dockvoice_protocol.forms.spoken.numerals import DigitGroup
from dockvoice_protocol.forms.spoken.phrase_list import PhraseList
from dockvoice_protocol.records import FieldValue

SMALL = frozenset({Role.OPENING, Role.ACTION_DONE, Role.LINK, Role.AFTER_LABEL, Role.AFTER_COUNT, Role.CLOSING_REMARK})
"""Roles of phrases that let an utterance be a record."""
_TALK = frozenset({"hearsay", "past", "wishes"})  # Moods of what is reported, is over or is yet to be done.
_NAMING_DEEDS = frozenset({Role.OPENING, Role.BEGINNING, Role.ACTION_DONE})
"""Roles of phrases that say what was done, before the thing to which it was done."""
_LENGTHS_OF_NAMES = range(3, 10)
"""In digits, of a number that names a thing behind its article alone: "la 742", but "le 14"."""
_SHORTEST_NAME = 100  # Least number without a unit that may name another thing: "742 should be 743".
_LONGEST_FACTOR = 2  # Maximum digits of a factor; "742 times twelve" is no product.
LONGEST_HEAD = 3  # Words of a number before its "and": "one thousand and".
_LONGEST_DATE = 7  # Words: "the third of may twenty twenty seven".

_CUE_BEFORE_TIME = 3  # Words from a word of correction to a time: "no, it is" or "no it's now".
_SHORTEST_BLOCK, _LONGEST_BLOCK = 2, 4  # Letters before the digits of a code, as haulers and seals have them.
_VOWELS = frozenset("aeiou")
_LONGEST_OF = 2  # Words between a unit and what is in it: "of the".
_MOST_GROUPS = 6  # Groups of a code without a field: more than any label has.


class _Numbers:
    """The numbers in the words of one utterance."""

    def __init__(self, tokens: Sequence[Token], language: Language) -> None:
        self._tokens = tokens
        self._words = [token.text for token in tokens]
        self._numerals = language.numerals
        self._table = language.table
        self._beginnings = decimal_beginnings(language)
        self._multiplied = [at for at in range(len(tokens)) if self._multiplies(at, language.words["multipliers"])]
        """The words that multiply the numbers around them, without a pause: "three times twelve"."""
        every = range(len(tokens))
        self.cardinals = [*map(self._cardinals, every), []]
        """The whole numbers that begin at a token: end, value, cost."""
        self.digit_groups = [*map(self._digit_groups, every), []]
        """The groups of digits of an identifier that begin at a token."""
        self.decimals = cached_method(self._decimals)  # The decimals that begin at a token: end, value, cost.
        self.ends = [
            [one[0] for one in counts] + [group.end for group in groups]
            for counts, groups in zip(self.cardinals, self.digit_groups, strict=True)
        ]
        """The ends of the whole numbers and groups of digits that begin at a token."""

    def _cardinals(self, at: int) -> list[tuple[int, int, float]]:
        if not self._may_begin(at):
            return []
        found = self._numerals.counts_of(self._number_run(at))
        return [(at + end, value, cost + self._pause_cost(at, at + end)) for end, value, cost in found]

    def _may_begin(self, at: int) -> bool:
        return at < len(self._words) and self._numerals.begins_number(self._words[at])

    def _number_run(self, at: int) -> Phrase:
        """The words of a number, and the word before it, or "" behind a broken-off copy of it: "mil, mil e dez"."""
        before, *run = self._numerals.number_context(self._words, at)
        again = range(1, min(at, LONGEST_HEAD) + 1) if self._tokens[at].pause else ()
        anew = any(self._words[at - size : at] == self._words[at : at + size] for size in again)
        return ("" if anew else before, *run)

    def _digit_groups(self, at: int) -> list[DigitGroup]:
        if not self._may_begin(at):
            return []
        return [
            DigitGroup(at + one.end, one.text, one.cost + self._pause_cost(at, at + one.end), one.behind)
            for one in self._numerals.groups_of(self._numerals.number_context(self._words, at))
            if ends_word(self._tokens, at + one.end)
            and not (len(one.text) <= _LONGEST_FACTOR and at + one.end in self._multiplied)
        ]

    def multipliers(self, at: int) -> Iterator[tuple[int, int, float]]:
        """The factors at a token that multiply a number: start of that number, value, cost."""
        for end in self._multiplied:
            if not at < end <= at + LONGEST_HEAD:
                continue
            found = self._numerals.counts_of(("", *self._words[at:end]))
            yield from ((end + 1, value, cost) for size, value, cost in found if at + size == end)

    def _multiplies(self, at: int, multipliers: PhraseList) -> bool:
        if at + 1 >= len(self._words) or (self._words[at],) not in multipliers:
            return False
        paused = self._tokens[at].pause or self._tokens[at + 1].pause
        behind = self._words[at + 1]
        return not paused and (behind.isdigit() or self._numerals.is_part(behind))

    def _pause_cost(self, at: int, end: int) -> float:
        """The cost of pauses inside one number, which are rarer than between the digits of an id."""
        if end == at + 1:
            return 0.0
        return costs.WITHIN_NUMBER * sum(costs.PAUSED[self._tokens[one].pause_inside] for one in range(at + 1, end))

    def begins(self, at: int) -> bool:
        return bool(self.ends[at])

    def is_digit(self, at: int) -> bool:
        return any(group.end == at + 1 and len(group.text) == 1 for group in self.digit_groups[at])

    def goes_on(self, at: int) -> bool:
        """Whether a silence before a token is only its onset: too short for a break, and behind no lengthened word."""
        return self._tokens[at].pause == costs.SLIGHT and not self._tokens[at - 1].final

    def is_headless(self, at: int) -> bool:
        """Whether a number begins with a bare "hundred": "hundred and five". The word before it may be lost."""
        alone = self._numerals.counts_of(("", self._words[at]))
        return not self._words[at].isdigit() and bool(alone) and min(cost for _, _, cost in alone) > 0

    def are_inside_one(self, at: int, end: int) -> bool:
        """Whether the tokens from `at` to `end` may be the middle of one number, regardless of pauses."""
        return self._goes_beyond(range(max(0, at - LONGEST_HEAD), at), end)

    def are_one(self, start: int, at: int) -> bool:
        """Whether one number may begin at or behind `start` and continue at `at`, regardless of pauses."""
        return self._goes_beyond(range(start, at), at)

    def _goes_beyond(self, starts: Iterable[int], at: int) -> bool:
        runs = ((first, self._numerals.number_context(self._words, first)) for first in starts)
        counts = ((first + end, cost) for first, run in runs for end, _, cost in self._numerals.counts_of(run))
        return any(end > at and cost < costs.DIGITWISE for end, cost in counts)

    def only_joins(self, start: int, end: int) -> bool:
        """Whether only joiners of numbers, and no pause, are between two tokens."""
        joined = all(self._numerals.is_joiner(word) for word in self._words[start:end])
        return joined and not any(token.pause for token in self._tokens[start : end + 1])

    def _decimals(self, at: int) -> list[tuple[int, float, float]]:
        if not self._may_begin(at) and (at >= len(self._words) or not self._may_begin_decimal(self._words[at])):
            return []
        found = decimal_readings(self._words, at, self._numerals, self._table)
        return [(end, value, cost + self._pause_cost_between_numbers(at, end)) for end, value, cost in found]

    def _may_begin_decimal(self, word: str) -> bool:
        """Whether a word that begins no whole number may begin a decimal, as may figures with a sign."""
        return word in self._beginnings or not word[0].isalpha()

    def _pause_cost_between_numbers(self, at: int, end: int) -> float:
        """The cost of pauses where two numbers may part: "twenty, five", but not "eighteen, point five"."""
        parting = (
            one for one in range(at + 1, end) if self._numerals.is_part(self._words[one - 1]) and self.begins(one)
        )
        return sum(self._pause_cost(one - 1, one + 1) for one in parting)

    def ends_below_zero(self, at: int) -> Iterator[int]:
        """The ends of phrases such as "below zero" that begin at a token."""
        yield from phrase_ends(self._words, at, self._table["decimals"]["below"])

    def says_plus(self, at: int) -> bool:
        """Whether a word for plus begins at a token."""
        return any(phrase_ends(self._words, at, self._table["decimals"]["plus"]))

    def has_point(self, at: int, end: int) -> bool:
        """Whether the number between two tokens has a decimal point inside it: "four point two", "4.2"."""
        written = self._words[at][0].isdigit() and not self._words[at].isdigit()
        points = self._table["decimals"]["points"]
        return written or any(any(phrase_ends(self._words, one, points)) for one in range(at + 1, end))

    def check_ends(self, check: str, at: int) -> Iterator[int]:
        """The ends of the check word or check digits that begin at a token."""
        words = tuple(check.split())
        if tuple(self._words[at : at + len(words)]) == words:
            yield at + len(words)
        yield from (end for end, text in self.digits(len(check), at) if text == check)

    def digits(self, count: int, at: int) -> Iterator[tuple[int, str]]:
        reached = {(at, "")}
        while reached:
            start, text = reached.pop()
            for group in self.digit_groups[start]:
                joined = text + group.text
                if len(joined) == count:
                    yield group.end, joined
                elif len(joined) < count:
                    reached.add((group.end, joined))


class Spans:
    """The words of one utterance, and the meanings of their spans for a form."""

    def __init__(
        self,
        tokens: Sequence[Token],
        form: Form,
        catalogue: Catalogue,
        language: Language,
        lexicon: Lexicon,
        today: dt.date | None = None,
    ) -> None:
        """`today` is for dates without a year."""
        self.tokens = tokens
        self.words = [token.text for token in tokens]
        self.size = len(tokens)
        self.form = form
        self.fields = {field.name: field for field in form.fields}
        self.catalogue = catalogue
        self.language = language
        self.lexicon = lexicon
        self.matches = [*(lexicon.matches(tokens, at) for at in range(len(tokens))), []]
        """By token, the phrases that begin at it; none at the end."""
        self.numbers = _Numbers(tokens, language)
        self.unitless = cached_method(self._unitless)
        """The numbers at a token that are a measurement without a unit: end, value, cost.

        They have a sign ("minus six") or a point ("four point two"); "two and a half" may be a time of day.
        """
        self.unlabelled = cached_method(self._unlabelled)
        """The values of a yes-or-no field, given by name, without its label at a token ("sealed"): end, value, cost."""
        self._fit_matches_to_neighbours()
        self.today = today
        self.values = cached_method(self._values)
        """The possible values of a field, given by name, at a token, unless it is spelt: end, value, cost."""
        self.place_codes = cached_method(self._place_codes)
        """The places that begin at a token and need no label: end, field, code, cost.

        Only complete codes of the catalogue, and all that a code without leading zeros may mean.
        """
        for at, found in enumerate(self.matches):
            if found and lexicon.codes:
                self.matches[at] = self._without_words_of_codes(at, found)
        self.withdrawn_values = [self._withdrawn_values(at) for at in range(len(tokens))]
        """Values at a token that a directly following cue withdraws, each with the end of the cue."""

    def _fit_matches_to_neighbours(self) -> None:
        """Add the phrases that are one by the words beside them, and remove those that these words rule out."""
        for at, label in _articles_as_labels(self):
            self.matches[at] = [*self.matches[at], label]
        for at in (begun := [at for at, found in enumerate(self.matches) if found]):
            self.matches[at] += _phrases_before_their_label(self, at, self.matches[at])
        for at in begun:
            found = self.matches[at]
            kept = _without_label_moods(self, _without_moods_with_label(self, at, found))
            kept = _without_beginnings_of_moods(self, at, _without_signs(self, at, kept))
            self.matches[at] = _without_impossible_hedges(self, _without_hidden_words_of_counts(self, at, kept))
        for at in begun:
            if self.words[at - 1 : at] and self.language.numerals.is_number(self.words[at - 1]):
                self.matches[at] = _fit_behind_number(self, at, self.matches[at])

    def _without_words_of_codes(self, at: int, found: list[Match]) -> list[Match]:
        """The phrases without those that begin or end with the letter of a place: "make that | A zero one zero two"."""
        if self.place_codes(at):  # "To A zero one zero two": "A" is no article and no other letter.
            found = [one for one in found if one.role in OF_FIELDS]
        inside = range(at + 1, max((one.end for one in found), default=at))
        begun = next((one for one in inside if self.words[one] in LETTERS and self.place_codes(one)), None)
        return found if begun is None else self.lexicon.matches(self.tokens[:begun], at)

    def role_ends(self, at: int, *roles: Role) -> set[int]:
        """The ends of the phrases of these roles that begin at a token."""
        if not self.matches[at]:
            return set()
        return {one.end for one in self.matches[at] if one.role in roles}

    # Words and pauses.

    def goes_straight_on(self, at: int) -> bool:
        """Whether there is a word at `at`, without a pause before it."""
        return at < self.size and not self.tokens[at].pause

    def has_question_mark(self) -> bool:
        """Whether the utterance has a question mark, except behind a remark such as "got it?".

        And except in a sentence with an opening of the form that asks: "can i get twelve units?".
        """
        return any(
            token.asks and not _is_attention_check(self, at) and not _is_begun(self, at)
            for at, token in enumerate(self.tokens)
        )

    def follows_adjective(self, start: int, at: int) -> bool:
        """Whether an adjective precedes a token directly or by links, as the subject of it: "light is broken".

        Only the words from `start` on are examined.
        """
        while at > start and not self.tokens[at].pause:
            ending = [(begin, match) for begin in range(start, at) for match in self.matches[begin] if match.end == at]
            if any(tuple(self.words[begin:at]) in self.language.words["adjectives"] for begin, _ in ending):
                return True
            small = [begin for begin, match in ending if match.role is Role.LINK]
            if not small:
                return False
            at = min(small)
        return False

    @cached_property
    def pointer_ends(self) -> frozenset[int]:
        """The last tokens of pointers of several words ("this *one*"), which may be numbers."""
        pointers = self.language.words["pointers"]
        found = ((start, end) for start in range(self.size) for end in pointers.ends(self.words, start))
        return frozenset(
            end - 1
            for start, end in found
            if end > start + 1 and all(token.pause <= costs.SLIGHT for token in self.tokens[start + 1 : end])
        )

    def is_adjective_of_next_label(self, at: int, end: int) -> bool:
        """Whether the words are an adjective of a directly following label: "full pallet 742"."""
        if self.language.table["letters"].get("adjectives_follow"):
            return False
        follows = self.goes_straight_on(end) and self.role_ends(end, Role.LABEL)
        return bool(follows) and tuple(self.words[at:end]) in self.language.words["adjectives"]

    # Letters and the values of fields.

    def may_be_digit(self, at: int) -> bool:
        """Whether a word that sounds like a digit may be one: it is not as brief as a preposition."""
        return not self.tokens[at].inner and not self.tokens[at].brief

    def letters(self, at: int) -> Iterable[tuple[int, str, float]]:
        """The letters that begin at a token, of those written as words only what means nothing else ("effe")."""
        yield from letters_at(self.words, at, self.language.alphabet, names=False)
        yield from named_letters(self, at)

    def may_be_letter(self, name: str, at: int, end: int) -> bool:
        """Whether a single-letter word may be a value of the expected field."""
        spells = self.fields[name].spoken.may_have_letters
        return spells and end == at + 1 and len(self.words[at]) == 1

    def is_letter(self, at: int, end: int) -> bool:
        """Whether a word is one letter, and no digit."""
        return end == at + 1 and self.words[at] in LETTERS and not self.numbers.begins(at)

    def follows_pause(self, at: int) -> bool:
        """Whether there is a pause before a token."""
        return self.tokens[at].pause > 0

    def _values(self, name: str, at: int) -> list[Read]:
        field = self.fields[name]
        listed = (one for one in self.matches[at] if one.role is Role.VALUE and one.field == name)
        read = [one for one in kind_of(field).readings(field, at, self) if ends_word(self.tokens, one[0])]
        if field.spoken.answers:  # Spanish "recuento si he leído bien" says "if".
            read = [one for one in read if not any(end > one[0] for end in self.role_ends(at, Role.MOOD))]
        other = _without_explained_letters(self, read) if field.spoken.is_single_letter else read
        return [*((one.end, one.value, 0.0) for one in listed), *other]

    def _place_codes(self, at: int) -> list[tuple[int, str, str, float]]:
        codes, goods = self.lexicon.codes, self.lexicon.goods
        if not codes:
            return []
        begins = {
            name: [at] if name not in goods or _is_code_letter(self, at) else _begins_of_goods(self, at)
            for name in codes
        }
        return [
            (end, name, code, cost)
            for name, starts in begins.items()
            for start in starts
            for end, code, cost in (*_spelt_codes(self, name, start), *_codes_by_parts(self, name, start))
        ]

    def _unitless(self, at: int) -> list[tuple[int, float, float]]:
        if at >= self.size:
            return []
        found = [one for one in self.numbers.decimals(at) if ends_word(self.tokens, one[0])]
        below_zero = [one for one in found if one[1] < 0]
        if below_zero or self.numbers.says_plus(at):
            return below_zero or found
        # "Point two" may be the end of the number before it, as "one four point two" may be 14.2.
        apart = at == 0 or self.tokens[at].pause > 0 or not self.language.numerals.is_number(self.words[at - 1])
        alone = sum(field.spoken.measures for field in self.form.fields) == 1
        return [one for one in found if apart and alone and self.numbers.has_point(at, one[0])]

    def _unlabelled(self, name: str, at: int) -> list[Read]:
        field = self.fields[name]
        read = kind_of(field).readings_without_label(field, at, self)
        return [one for one in read if ends_word(self.tokens, one[0])]

    def begins_unlabelled_value(self, at: int) -> bool:
        """Whether a value that needs no label begins at a token: "wet", "not sealed", "minus eighteen"."""
        if self.role_ends(at, Role.VALUE):
            return True
        yes_or_no = [field for field in self.form.fields if field.spoken.answers]
        return any(self.unlabelled(field.name, at) for field in yes_or_no) or any(
            self.unitless(at) for field in self.form.fields if field.spoken.measures
        )

    def begins_value(self, at: int) -> bool:
        """Whether a number, a label, a unit or a value begins at a token."""
        named = self.numbers.begins(at) or self.role_ends(at, *OF_FIELDS)
        return bool(named) or self.begins_unlabelled_value(at)

    def is_rest_bare_value(self, name: str, at: int) -> bool:
        """Whether all words from token `at` on, except a final remark, are a value of the field without its label."""
        field = self.fields[name]
        if field.spoken.answers:
            return any(self._ends_utterance(end) for end, _, _ in self.unlabelled(name, at))
        return field.bare and any(self._ends_utterance(end) for end, _, _ in self.values(name, at))

    def _ends_utterance(self, at: int) -> bool:
        """Whether the utterance ends there, or after one remark: "sealed, thanks"."""
        return self.size in {at, *self.role_ends(at, Role.CLOSING_REMARK)}

    def may_be_value(self, field: FormField, value: FieldValue | None) -> bool:
        """Whether a bare value may be one of a field; of a spelt field, only a usual one."""
        if value is None or field.unit_of is not None:
            return False
        if field.spoken.spelt:
            return self.lexicon.is_usual(field.name, str(value))
        if field.spoken.is_number and isinstance(value, str):
            return value.isdecimal() and field.allows(int(value))
        return field.allows(value)

    def _withdrawn_values(self, at: int) -> list[tuple[int, ExplanationEvent]]:
        paused: list[tuple[int, str | int, float]] = [
            one for one in self.letters(at) if one[0] < self.size and self.tokens[one[0]].pause
        ]
        return [
            (match.end, ExplanationEvent(EventKind.WITHDRAWN, None, value, "", cost, at, end))
            for end, value, cost in (*paused, *self.numbers.cardinals[at])
            if end < self.size
            for match in self.matches[end]
            if match.role is Role.CUE
        ]


class SpanReader:
    """Base of what reads the spans of one utterance, with names for what all of them need."""

    def __init__(self, spans: Spans) -> None:
        self._spans, self._numbers = spans, spans.numbers
        self._tokens, self._words, self._fields = spans.tokens, spans.words, spans.fields
        self._form, self._language = spans.form, spans.language

    def _said(self, begin: int, end: int) -> Phrase:
        """The words between two tokens."""
        return tuple(self._words[begin:end])


def _fit_behind_number(spans: Spans, at: int, found: list[Match]) -> list[Match]:
    """The phrases that may stand behind a number: "2 over | at door 21" are two over, and a correction is no mood."""
    if any(is_correcting_phrase(spans, one) for one in found):
        found = [one for one in found if one.role is not Role.MOOD]
    if spans.role_ends(at, Role.UNIT):
        labels = {one.end for one in found if spans.role_ends(one.end, Role.LABEL)}
        found = [one for one in found if one.role is not Role.LINK or one.end not in labels]
    return found


def _articles_as_labels(spans: Spans) -> Iterator[tuple[int, Match]]:
    """The articles that name the thing with the number behind them, at the beginning of a clause or behind a deed.

    French "j'ai amené | la 742", German "hab die | 331 geladen". Behind a preposition it may be another thing.
    """
    named = next((name for name in spans.form.identifies if spans.fields[name].required), None)
    if named is None or not spans.fields[named].spoken.spelt:
        return
    articles, prepositions = spans.language.words["before_number"], spans.language.words["before_places"]
    ends = {match.end for found in spans.matches for match in found if match.role in _NAMING_DEEDS}
    for at, word in enumerate(spans.words[:-1]):
        if (word,) not in articles or not spans.goes_straight_on(at + 1):
            continue
        parted = at == 0 or spans.tokens[at].pause > 0
        object_of_deed = not ends.isdisjoint({at, at + 1}) and (spans.words[at - 1],) not in prepositions
        sized = any(any(spans.numbers.digits(size, at + 1)) for size in _LENGTHS_OF_NAMES)
        if sized and (parted or object_of_deed):
            yield at, Match(at + 1, Role.LABEL, named, "", None)


def _phrases_before_their_label(spans: Spans, at: int, found: list[Match]) -> list[Match]:
    """The phrases without a label that they end with: "I" of "I count", where "count" is a label."""
    return [
        match._replace(end=begin)
        for match in found
        if match.role in _NAMING_DEEDS
        for begin in range(at + 1, match.end)
        if match.end in spans.role_ends(begin, Role.LABEL)
    ]


def _without_label_moods(spans: Spans, found: list[Match]) -> list[Match]:
    """The phrases without moods of words that are a label before a value ("trailer")."""
    if all(match.role is not Role.MOOD for match in found):
        return found
    labels = {match.end for match in found if match.role is Role.LABEL}
    valued = {end for end in labels if spans.numbers.begins(end) or any(spans.letters(end))}
    valued |= {end + 1 for end in valued if not spans.role_ends(end + 1, Role.LABEL)}  # "Falta una": a count of one.
    return [match for match in found if match.role is not Role.MOOD or match.end not in valued] if valued else found


def _without_impossible_hedges(spans: Spans, found: list[Match]) -> list[Match]:
    """The phrases without impossible hedges: a word behind a count ("38 gut") hedges only a directly following one.

    A word that may open a clause or lead on ("add", French "bien") is a hedge directly before a number ("add twelve
    cases to 742", "bien vingt cartons"), else that; that, too, before an exact case of a number: Polish "z dwoma".
    """
    if all(match.role is not Role.HEDGE_BEFORE for match in found):
        return found
    ends = {match.end for match in found if match.role is Role.UNIT and not spans.goes_straight_on(match.end)}
    other = {Role.OPENING, Role.LINK}
    begun = {match.end for match in found if match.role in other}
    either = {match.end for match in found if match.role is Role.HEDGE_BEFORE and match.end in begun}
    counted = {end for end in either if spans.goes_straight_on(end) and spans.numbers.begins(end)}
    counted = {end for end in counted if not spans.words[end].endswith(spans.language.exact_ends)}
    ends |= either - counted
    left = [one for one in found if one.role is not Role.HEDGE_BEFORE or one.end not in ends]
    return [one for one in left if one.role not in other or one.end not in counted]


def _without_hidden_words_of_counts(spans: Spans, at: int, found: list[Match]) -> list[Match]:
    """The phrases without those whose end changes the next number: "moved | up to thirteen", "en | moins deux"."""
    kept = {*OF_FIELDS, Role.HEDGE_BEFORE}  # "Por lo menos veinte" is no minus.
    deeds = {match.end for match in found if match.role is Role.ACTION_DONE}
    return [
        match
        for match in found
        if match.role in kept or not _hides_words_of_count(spans, at, match.end, 1 if match.end in deeds else 2)
    ]


def _hides_words_of_count(spans: Spans, at: int, end: int, least: int) -> bool:
    """Whether a phrase ends in words that change a directly following number: a sign, or a hedge of `least` words.

    The hedge may end behind it: "sind an | die dreizehn", where "an die" is "about". Behind a deed it may be one word:
    "brought over twelve".
    """
    if end == at + 1:
        return False
    inside = range(at + 1, end)
    signs = (begin for begin in inside if tuple(spans.words[begin:end]) in spans.lexicon.signs)
    hedges = (
        match.end
        for begin in inside
        for match in spans.matches[begin]
        if match.role is Role.HEDGE_BEFORE and match.end >= max(end, begin + least)
    )
    return any(_begins_number(spans, stop) for stop in hedges) or (
        any(True for _ in signs) and _begins_number(spans, end)
    )


def _begins_number(spans: Spans, at: int) -> bool:
    return spans.goes_straight_on(at) and bool(spans.numbers.begins(at) or spans.numbers.decimals(at))


def _without_beginnings_of_moods(spans: Spans, at: int, found: list[Match]) -> list[Match]:
    """The phrases without remarks and links whose last words begin a longer mood: "is waiting", "waiting for"."""
    reached = {
        (inside, match.end)
        for inside in range(at + 1, max((one.end for one in found), default=at))
        for match in spans.matches[inside]
        if match.role is Role.MOOD and match.value in _TALK
    }
    ends = {one.end for one in found if any(begin < one.end < end for begin, end in reached)}
    return [one for one in found if one.role not in SMALL or one.end not in ends]


def _without_moods_with_label(spans: Spans, at: int, found: list[Match]) -> list[Match]:
    """The phrases; a mood of a link and a label before a value is the link: French "est | dans la remorque"."""
    for mood in (match for match in found if match.role is Role.MOOD):
        for begin in range(at + 1, mood.end if spans.numbers.begins(mood.end) else at):
            labelled = mood.end in spans.role_ends(begin, Role.LABEL)
            before = spans.lexicon.matches(spans.tokens[:begin], at) if labelled else []
            if any(one.role is Role.LINK and one.end == begin for one in before):
                return [*(one for one in found if one.role is not Role.MOOD), *before]
    return found


def _without_explained_letters(
    spans: Spans, read: list[tuple[int, FieldValue, float]]
) -> Iterator[tuple[int, FieldValue, float]]:
    """The letters, without those that the words behind explain ("N for November"); not where these are a value."""
    end, letter = max(((end, value) for end, value, _ in read), default=(0, None))
    own = end > 0 and spans.role_ends(end - 1, *OF_FIELDS, Role.VALUE_VERB, Role.ZERO_COUNT)
    kept = own or end == 0 or spans.begins_unlabelled_value(end - 1)
    yield from (one for one in read if kept or one[0] == end or one[1] != letter)


def may_choose(spans: Spans, at: int, end: int) -> bool:
    """Whether a cue may be a choice: "thirty or rather forty"; behind a pause it corrects."""
    return not spans.tokens[at].pause and bool(spans.language.words["choices"].ends(spans.words[:end], at))


def _begins_of_goods(spans: Spans, at: int) -> list[int]:
    """Where the code of goods may begin that a unit and a word such as "of" lead to: "four cartons | of E407"."""
    small = spans.language.words["between_counts"]
    units = {match.end for matches in spans.matches[: at + 1] for match in matches if match.role is Role.UNIT}
    behind = [end for end in small.ends(spans.words, at) if at in units and end <= at + _LONGEST_OF]
    before = (one for one in range(max(0, at - _LONGEST_OF), at) if at in small.ends(spans.words, one))
    return [*behind, *([at] if any(one in units for one in before) else [])]


def _is_code_letter(spans: Spans, at: int) -> bool:
    """Whether a letter or its name is no common word, or is written in one word with the digits behind it."""
    written = at + 1 < spans.size and spans.tokens[at + 1].inner
    return any(spans.letters(at)) and (written or spans.words[at] not in spans.language.common)


def is_article(spans: Spans, at: int) -> bool:
    """Whether a number is an article before words of the form: "plutôt, c'est un recomptage"."""
    if spans.words[at] not in spans.language.common or not spans.goes_straight_on(at + 1):
        return False
    return bool(spans.role_ends(at + 1, Role.LABEL, Role.VALUE)) or spans.begins_unlabelled_value(at + 1)


def is_correcting_phrase(spans: Spans, match: Match, *, changed: bool = False) -> bool:
    """Whether a phrase before a count corrects a thing."""
    end = match.end
    if match.role is not (Role.CHANGES_TO if changed else Role.CORRECTS_TO) or end >= spans.size:
        return False
    return any(_is_count(spans, one) for one in {end, *spans.role_ends(end, Role.CORRECTS_TO_AGAIN)})


_LONGEST_NUMBER = 8  # Words of the longest temperature before its sign: "twenty seven point two five degrees".


def _is_count(spans: Spans, at: int) -> bool:
    """Whether a number is a count by its size or its unit; "seven four three" is another thing."""
    for end, value, cost in spans.numbers.cardinals[at]:
        unit = spans.role_ends(end, Role.UNIT)
        if cost < costs.DIGITWISE and (unit or (value < _SHORTEST_NAME and not spans.numbers.begins(end))):
            return True
    return False


def _without_signs(spans: Spans, at: int, found: list[Match]) -> list[Match]:
    """The phrases without places and hedges that are the sign of the number before them: "sixteen below"."""
    placing = {Role.NOT_THIS_PLACE, Role.HEDGE_BEFORE, Role.HEDGE_BEHIND}
    if all(one.role not in placing for one in found) or all(not one.spoken.measures for one in spans.form.fields):
        return found
    begins = range(max(0, at - _LONGEST_NUMBER), at)
    signs = any(end == at + 1 for begin in begins for end, _, _ in spans.unitless(begin))
    return [one for one in found if one.role not in placing or one.end != at + 1] if signs else found


def ids_before_correction(spans: Spans, at: int) -> Iterator[tuple[int, str]]:
    """The unlabelled identifiers before a corrected value, end and digits: "742 should be fourteen"."""
    changed = tuple(spans.words[:at]) in spans.language.words["changes"]
    reached = [(at, "")] if at == 0 or changed else []
    while reached:
        start, text = reached.pop()
        for group in spans.numbers.digit_groups[start]:
            if group.end >= spans.size:
                continue
            if any(is_correcting_phrase(spans, match, changed=changed) for match in spans.matches[group.end]):
                yield group.end, text + group.text
            reached.append((group.end, text + group.text))


def leads_to_place(spans: Spans, at: int) -> bool:
    """Whether digits at a token, a small word and a place that needs no label follow one another: "742 to A"."""
    ends, reached = set[int](), {at}
    while reached:
        reached = {group.end for one in reached for group in spans.numbers.digit_groups[one]} - ends
        ends |= reached
    links = (match.end for end in ends for match in spans.matches[end])
    before = spans.language.words["before_places"]
    return any(
        end < spans.size and tuple(spans.words[start:end]) in before and spans.place_codes(end)
        for end in links
        for start in ends
    )


def _is_attention_check(spans: Spans, at: int) -> bool:
    """Whether a remark that only asks for attention ends at the token: "got it?"."""
    checks = spans.language.words["attention_checks"]
    return any(spans.tokens[start].pause and at + 1 in checks.ends(spans.words, start) for start in range(at + 1))


def _is_begun(spans: Spans, at: int) -> bool:
    """Whether an opening of the form that is a question itself ("can i get") precedes a token in its sentence."""
    first = next((one + 1 for one in range(at - 1, -1, -1) if spans.tokens[one].asks), 0)
    questions = spans.language.not_a_record["questions"]
    return any(
        match.role is Role.BEGINNING and bool(questions.ends(spans.words[: match.end], start))
        for start in range(first, at)
        for match in spans.matches[start]
    )


def asks_whether(spans: Spans, at: int) -> bool:
    """Whether a question of several words about what is so or not begins at a token: "is the seal intact"."""
    truths = [name for name, field in spans.fields.items() if field.spoken.answers]
    if not truths:
        return False
    ends = (end for end in spans.role_ends(at, Role.QUESTION) if end > at + 1)
    return any(spans.unlabelled(name, begins) for end in ends for begins in range(at + 1, end + 1) for name in truths)


def is_before_id_label(spans: Spans, at: int) -> bool:
    """Whether the label of an identifier follows, directly or behind links: "the pallet"."""
    reached = [at]
    while reached:
        here = reached.pop()
        for match in spans.matches[here] if here < spans.size and not spans.tokens[here].pause else ():
            if match.role is Role.LABEL and spans.fields[match.field].identifier:
                return True
            if match.role is Role.LINK:
                reached.append(match.end)
    return False


def named_letters(spans: Spans, at: int) -> Iterator[tuple[int, str, float]]:
    """A letter written as a word that means nothing else: Italian "effe"; end, letter, cost."""
    alphabet = spans.language.alphabet
    if at >= spans.size or spans.words[at] not in alphabet.beginnings:
        return
    named = named_letter(spans.words, at, alphabet)
    if named is not None and spans.words[at] not in alphabet.ordinary and not _means_something(spans, at):
        yield *named, costs.LETTER_OR_DIGIT


def letters_in_one_word(spans: Spans, at: int) -> Iterator[tuple[int, str, float]]:
    """The letters of a code written as one word before its digits ("TX 9914"): end, letters, cost."""
    word = spans.words[at]
    block = word.isascii() and word.isalpha() and 1 < len(word) <= _LONGEST_BLOCK
    sounds = len(word) > _SHORTEST_BLOCK and not _VOWELS.isdisjoint(word)  # Then it is a word: "blue 5501".
    if not block or sounds or word in spans.language.homophones or _means_something(spans, at):
        return
    # "KA 7712" may be the letters K and A, "ka siete siete" is hardly ever.
    spelt = (word,) not in spans.language.alphabet.names or spans.words[min(at + 1, spans.size - 1)].isdigit()
    if spelt and spans.goes_straight_on(at + 1) and spans.numbers.begins(at + 1):
        yield at + 1, word.upper(), costs.LETTER_OR_DIGIT


def _means_something(spans: Spans, at: int) -> bool:
    """Whether a word begins a phrase or a number."""
    return spans.lexicon.knows(spans.words[at]) or spans.language.numerals.is_part(spans.words[at])


def _spelt_codes(spans: Spans, name: str, at: int) -> Iterator[tuple[int, str, float]]:
    """The codes spelt from a token on, digits and letters with "dash" between; only their prefixes are searched."""
    codes, begun = spans.lexicon.codes[name], spans.lexicon.begun[name]
    shortened = spans.lexicon.shortened.get(name, {})
    reached = [(at, "", 0.0, True)]
    while reached:
        start, text, cost, singly = reached.pop()
        if text and spans.goes_straight_on(start) and spans.words[start] in spans.language.separators:
            start, cost = start + 1, cost + costs.LINK
        groups = [(one.end, one.text, one.cost) for one in spans.numbers.digit_groups[start]]
        if start < spans.size and not spans.tokens[start].inner:
            groups += spans.letters(start)
        for end, group, dearer in groups:
            pause = costs.PAUSED[spans.tokens[start].pause_inside] if text else 0.0
            said, cost_of_said = text + group, cost + dearer + pause
            one_by_one = singly and len(group) == 1
            if ends_word(spans.tokens, end) and (said in codes or one_by_one):
                fit = (codes[said],) if said in codes else shortened.get(said, ())
                yield from ((end, code, cost_of_said) for code in fit)
            if said in begun:
                reached.append((end, said, cost_of_said, one_by_one))


def _codes_by_parts(spans: Spans, name: str, at: int) -> Iterator[tuple[int, str, float]]:
    """The codes whose parts are said with their names: "aisle C, bay seventeen, level four"."""
    shape, parts = spans.lexicon.shapes.get(name), spans.language.parts
    runs = [] if shape is None else [run for run in shape.parts if not run.is_separator]
    if len(runs) != len(parts) or not any(phrase_ends(spans.words, at, parts[0])):
        return
    reached = {(at, "")}
    for run, names in zip(runs, parts, strict=True):
        reached = {
            (end, said + value.zfill(run.least))
            for start, said in reached
            for begin in phrase_ends(spans.words, start, names)
            for end, value in _values_of_part(spans, begin)
            if len(value) <= run.most and set(value) <= set(run.characters)
        }
    codes = spans.lexicon.codes[name]
    yield from ((end, codes[said], 0.0) for end, said in reached if said in codes)


def _values_of_part(spans: Spans, at: int) -> Iterator[tuple[int, str]]:
    """The letters and numbers that begin at a token."""
    yield from ((end, text) for end, text, _ in letters_at(spans.words, at, spans.language.alphabet, names=True))
    yield from ((end, str(value)) for end, value, cost in spans.numbers.cardinals[at] if cost < costs.DIGITWISE)
    yield from ((end, text) for size in (1, 2, 3) for end, text in spans.numbers.digits(size, at))


class Remarks(SpanReader):
    """Finds the remarks in one utterance, which may hold figures: "order 4550012", "ten minutes ago"."""

    def __init__(self, spans: Spans) -> None:
        super().__init__(spans)
        self._has_months = not spans.language.months.isdisjoint(spans.words)
        self._slotted = {
            slot: remarks
            for slot, remarks in spans.lexicon.slotted.items()
            if "" in remarks or not remarks.keys().isdisjoint(spans.words)
        }
        """The remarks that begin with a slot, of which the word behind it is said."""
        self.ends = [self._ends(at) for at in range(spans.size)]  # The possible ends of remarks that begin at a token.

    def _ends(self, at: int) -> set[int]:
        found: set[int] = set()
        if (begun := self._spans.lexicon.asides.get(self._words[at])) is not None:
            found |= {end for aside in begun.get("", ()) for end in self._aside_ends(aside, at + 1)}
            rests = begun.get(self._words[at + 1], ()) if at + 1 < len(self._words) else ()
            found |= {end for rest in rests for end in self._aside_ends(rest, at + 2)}
        for slot, remarks in self._slotted.items():
            for end in self._slot_ends(slot, at):
                rests = remarks.get(self._words[end], ()) if end < len(self._words) else ()
                found |= {stop for rest in rests for stop in self._aside_ends(rest, end + 1)}
                found |= {end} if "" in remarks else set()
        return found

    def _aside_ends(self, aside: Phrase, at: int) -> set[int]:
        """The possible ends of the words of `aside` from `at` on."""
        reached = {at}
        for word in aside:
            if word.startswith(SLOT):
                reached = {end for here in reached for end in self._slot_ends(word, here)}
            else:
                reached = {here + 1 for here in reached if here < len(self._words) and self._words[here] == word}
        return {end for end in reached if ends_word(self._tokens, end)}

    def _slot_ends(self, slot: str, at: int) -> set[int]:
        """The possible ends of a slot's content that begins at `at`."""
        if at >= len(self._words):
            return set()
        match slot:
            case "{word}":
                return {at + 1}
            case "{date}":
                return self._date_ends(at) if self._has_months else set()
            case "{number}":
                return set(self._numbers.ends[at])
            case "{time}":
                return self._time_ends(at)
            case _:
                return self._code_ends(at)

    def _time_ends(self, at: int) -> set[int]:
        """The ends of a time of day: "7:30", or two numbers, since one alone is none.

        None directly behind a word of correction: "no, it's 2105" puts a number right.
        """
        if any(self._spans.role_ends(cue, Role.CUE) for cue in range(max(0, at - _CUE_BEFORE_TIME), at)):
            return set()
        clock = {at + 1} if ":" in self._words[at] else set()
        ends = set(self._numbers.ends[at])
        return clock | {group.end for end in ends for group in self._numbers.digit_groups[end]}

    def _code_ends(self, at: int) -> set[int]:
        """The ends of a code without a field: groups of digits, and letters, without a pause."""
        found = set(self._numbers.ends[at])
        for _ in range(_MOST_GROUPS):
            further = {
                more
                for end in found or {at}
                if end == at or self._spans.goes_straight_on(end)
                for more in self._next_ends(end)
            }
            if further <= found:
                break
            found = found | further
        # A single letter is no code, but may be the next value: "dock, boy, order D".
        return {end for end in found if end > at + 1 or self._numbers.begins(at)}

    def _next_ends(self, at: int) -> Iterator[int]:
        yield from (group.end for group in self._numbers.digit_groups[at])
        yield from (end for end, _, _ in self._spans.letters(at))

    def _date_ends(self, at: int) -> set[int]:
        """The ends of a date: numbers and links, with the name of a month, which alone is no remark."""
        found: set[int] = set()
        named = counted = False
        for here in range(at, min(at + _LONGEST_DATE, len(self._words))):
            word = self._words[here]
            counts = bool(self._numbers.digit_groups[here])  # French "sept" is seven first.
            named = named or (word in self._spans.language.months and not counts)
            if counts or word in self._spans.language.months or word in self._spans.language.ordinals:
                counted |= counts or word in self._spans.language.ordinals
                found |= {here + 1} if named and counted else set()
            elif word not in self._spans.language.date_links:
                break
        return found
