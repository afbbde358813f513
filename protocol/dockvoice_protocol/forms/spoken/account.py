"""The account of an utterance: what each of its words stands for in one explanation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.grammar.lexicon import Lexicon, Match, Role
from dockvoice_protocol.forms.spoken.grammar.marks import (
    ALTERNATIVE,
    ANNOUNCED_AGAIN,
    CORRECTS,
    DENIED,
    HEDGED,
    UNEXPLAINED,
)
from dockvoice_protocol.forms.spoken.grammar.path import EventKind, ExplanationEvent, Path
from dockvoice_protocol.forms.spoken.grammar.tokens import Token
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.forms.spoken.reader import cached_lexicon, is_figure, parse_meaning
from dockvoice_protocol.records import FieldReading, Word


class Sense(StrEnum):
    """What words stand for, as a code of `account` in schemas/review.schema.json."""

    VALUE = "value"
    LABEL = "label"
    UNIT = "unit"
    PHRASE = "phrase"  # A known phrase in a place where it changes nothing.
    CUE = "cue"  # Corrects, denies or repeats the value beside it.
    DOUBT = "doubt"  # Makes a value beside it doubtful.
    UNEXPLAINED = "unexplained"
    MOOD = "mood"  # Keeps the utterance off the record: a question, hearsay, a wish.


class AccountedWords(NamedTuple):
    """A run of words, and what it stands for."""

    words: tuple[str, ...]
    sense: Sense
    fields: tuple[str, ...] = ()  # The field that it is of; of unexplained words, the fields that they put in doubt.
    origin: Role | ExplanationEvent | None = None
    """The role of a phrase, or the event of the explanation; None: a remark that no list has as it stands."""


_SENSES: Mapping[Role | EventKind, Sense] = {
    Role.LABEL: Sense.LABEL,
    Role.UNIT: Sense.UNIT,
    **dict.fromkeys((Role.CUE, Role.REPEAT, Role.CONTRAST, Role.NOT_THIS_PLACE), Sense.CUE),
    **dict.fromkeys((Role.HEDGE_BEFORE, Role.HEDGE_BEHIND, Role.CHOICE), Sense.DOUBT),
    EventKind.MENTION: Sense.VALUE,
    EventKind.TEMPLATE: Sense.CUE,
    **dict.fromkeys((EventKind.LABEL, EventKind.WITHDRAWN, EventKind.HEDGE, EventKind.NAY), Sense.DOUBT),
    **dict.fromkeys((EventKind.PORTION, EventKind.TOTAL), Sense.DOUBT),
    **dict.fromkeys((EventKind.NUMBER, EventKind.UNIT, EventKind.UNMATCHED, EventKind.DANGLING), Sense.UNEXPLAINED),
    EventKind.MOOD: Sense.MOOD,
}
"""Anything else is a phrase."""

_FIELD_ROLES = frozenset({Role.LABEL, Role.UNIT, Role.VALUE, Role.QUESTION, Role.MOOD, Role.TAKEN_BACK})
"""Roles that only events have."""

_ANNOUNCED: Mapping[str, tuple[Role, ...]] = {
    CORRECTS: (Role.CUE,),
    DENIED: (Role.CONTRAST, Role.NOT_THIS_PLACE),
    ANNOUNCED_AGAIN: (Role.REPEAT,),
    HEDGED: (Role.HEDGE_BEFORE, Role.NOT_THIS_PLACE),
    ALTERNATIVE: (Role.CHOICE,),
}
"""What must stand before a mention that is marked so."""


def account_for(
    words: Sequence[Word], form: Form, catalogue: Catalogue, language: Language
) -> tuple[AccountedWords, ...]:
    """The account of an utterance by its cheapest explanation; empty where it has none."""
    meaning = parse_meaning(words, form, catalogue, language)
    fields = {**meaning.unrecorded, **meaning.fields}
    lexicon = cached_lexicon(form, catalogue, language)
    return account_of(meaning.paths[0], meaning.tokens, fields, lexicon, language) if meaning.paths else ()


def account_of(
    path: Path, tokens: Sequence[Token], fields: Mapping[str, FieldReading], lexicon: Lexicon, language: Language
) -> tuple[AccountedWords, ...]:
    """The account of the words by one explanation, in their order. `fields` are its readings."""
    return tuple(_Account(tokens, fields, lexicon, language).parts(path))


class _Account:
    def __init__(
        self, tokens: Sequence[Token], fields: Mapping[str, FieldReading], lexicon: Lexicon, language: Language
    ) -> None:
        self._tokens = tokens
        self._fields = fields
        self._matches: Sequence[Sequence[Match]] = [lexicon.matches(tokens, at) for at in range(len(tokens))]
        self._language = language

    def parts(self, path: Path) -> Iterator[AccountedWords]:
        # A label without a value is noted behind the words that were no value.
        events = sorted((event for event in path.events if event.end > event.start), key=lambda event: event.start)
        at = 0
        for number, event in enumerate(events):
            if event.start > at:
                yield from self._phrases(at, event.start, _roles_before(events[number:]))
            if event.end <= at:
                continue  # A count with its unit says two fields at once.
            if event.kind is EventKind.MENTION:
                yield from self._mention(event, max(at, event.start))
            else:
                yield self._event(event, max(at, event.start), event.end)
            at = event.end
        if at < len(self._tokens):
            yield from self._phrases(at, len(self._tokens), ())

    def _event(self, event: ExplanationEvent, start: int, end: int) -> AccountedWords:
        sense, words = _SENSES.get(event.kind, Sense.PHRASE), self._words(start, end)
        fields = () if event.field is None else (event.field,)
        if sense is Sense.UNEXPLAINED:
            beside = (name for name, one in self._fields.items() if set(words) & set(one.unexplained))
            fields = tuple(dict.fromkeys((*fields, *beside)))
        return AccountedWords(words, sense, fields, event)

    def _mention(self, event: ExplanationEvent, start: int) -> Iterator[AccountedWords]:
        """Label, value and unit of a field."""
        begins = start if event.basis is None else max(start, event.basis)
        fields, at = (str(event.field),), start
        for match in self._matches[start]:
            if match.role is Role.LABEL and match.field == event.field and match.end <= begins:
                yield AccountedWords(self._words(start, match.end), Sense.LABEL, fields, Role.LABEL)
                at = match.end
                break
        if at < begins:
            yield from self._phrases(at, begins, (Role.AFTER_LABEL,))
        unit = self._unit_start(event, begins)
        ends = self._adjective_start(begins, unit) if unit < event.end else unit
        yield from self._value(event, begins, ends)
        if ends < unit:
            yield AccountedWords(self._words(ends, unit), Sense.PHRASE, (), Role.ADJECTIVE)
        if unit < event.end:
            yield AccountedWords(self._words(unit, event.end), Sense.UNIT, fields, Role.UNIT)

    def _unit_start(self, event: ExplanationEvent, begins: int) -> int:
        """A unit of one word stands in the place of a longer one only where nothing else ends there."""
        for at in range(begins + 1, event.end):
            if any(match.role is Role.UNIT and match.end == event.end for match in self._matches[at]):
                return at
        return event.end

    def _adjective_start(self, begins: int, unit: int) -> int:
        ends = unit
        for at in range(unit - 1, begins, -1):
            if any(match.role is Role.ADJECTIVE and match.end == ends for match in self._matches[at]):
                ends = at
        return ends

    def _value(self, event: ExplanationEvent, begins: int, ends: int) -> Iterator[AccountedWords]:
        """The value; where it holds unexplained words, its figures are the value and all else is unexplained."""
        mixed = UNEXPLAINED in event.marks and any(self._is_figure(at) for at in range(begins, ends))
        start = begins
        for at in range(begins + 1, ends + 1):
            if at < ends and (not mixed or self._is_figure(at) == self._is_figure(start)):
                continue
            unexplained = mixed and not self._is_figure(start)
            sense = Sense.UNEXPLAINED if unexplained else Sense.VALUE
            origin = event._replace(kind=EventKind.UNMATCHED) if unexplained else event
            yield AccountedWords(self._words(start, at), sense, (str(event.field),), origin)
            start = at

    def _is_figure(self, at: int) -> bool:
        return is_figure(self._tokens[at].text, self._language)

    def _phrases(self, start: int, end: int, announced: Sequence[Role]) -> Iterator[AccountedWords]:
        """The words that belong to no event, each with the best fitting role."""
        at = remark = start
        while at < end:
            fitting = [one for one in self._matches[at] if one.end <= end and one.role not in _FIELD_ROLES]
            if not fitting or (remark < at and not self._tokens[at].pause and all(one.end < end for one in fitting)):
                at += 1
                continue
            if remark < at:
                yield AccountedWords(self._words(remark, at), Sense.PHRASE)
            match = min(fitting, key=lambda one: self._misfit_sort_key(one, at, announced))
            sense = _SENSES.get(match.role, Sense.PHRASE)
            yield AccountedWords(self._words(at, match.end), sense, (), match.role)
            at = remark = match.end
        if remark < end:
            yield AccountedWords(self._words(remark, end), Sense.PHRASE)

    def _misfit_sort_key(self, match: Match, at: int, announced: Sequence[Role]) -> tuple[object, ...]:
        """Sort key of a role's fit to its position; of equal ones the longest phrase first."""
        last = match.end == len(self._tokens) or self._tokens[match.end].pause > 0
        begins = at == 0 or self._tokens[at].pause > 0
        usual = Role.CLOSING_REMARK if last and at else Role.OPENING if begins else Role.LINK
        return (match.role not in announced, -match.end, match.role is not usual, match.role)

    def _words(self, start: int, end: int) -> tuple[str, ...]:
        """The words as they were said; a compound number is one of them."""
        return tuple(token.surface for token in self._tokens[start:end] if not token.inner)


def _roles_before(events: Sequence[ExplanationEvent]) -> tuple[Role, ...]:
    """The roles of words that may precede the next event, by its marks; a cue before a replacing value."""
    marks = next((event.marks for event in events if event.kind is EventKind.MENTION), "")
    return tuple(role for mark in marks for role in _ANNOUNCED.get(mark, ()))
