"""A sentence to the fields of a form.

A label ("pallet") opens a field, a unit ("cases") makes the number before it a field's value, a cue ("no", "sorry")
announces that the next mention of a field replaces the one before. What lies between must be a value as a whole: one
word that cannot be explained, and the field has no value. Where two readings are grammatical, both are given, so that
the operator is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from edge.forms.spoken import letters, numbers
from edge.forms.spoken.lexicon import Mark, Token, lexicon, marks, tokens
from edge.forms.spoken.splits import Split, splits
from edge.forms.spoken.stretches import Stretch, stretches, unlinked
from edge.forms.spoken.values import phrases, value
from edge.records import FieldReading, FieldValue, Word

if TYPE_CHECKING:  # the form's loader uses this package, so the package needs the form for its types only
    from edge.forms.catalogue import Catalogue
    from edge.forms.form import Form

TELLING = (numbers.WORDS | letters.WORDS) - {"a", "i", "o", "and", "as", "in"}
"""Words that say a value; the others of numbers and letters are common words too, and say nothing by themselves."""


Meanings = tuple[FieldValue | None, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """One time a field was said."""

    field: str | None
    """None for words that belong to no field."""
    values: Meanings
    """What it may mean, best first; None among them: the words may make no value. Empty: a label and nothing more."""
    tokens: tuple[Token, ...]
    basis: tuple[Token, ...]
    """The words the value rests on: those that say it and its unit, not its label, which only says where it goes."""
    cue: tuple[Token, ...] = ()


def read(words: Sequence[Word], form: Form, catalogue: Catalogue) -> Mapping[str, FieldReading]:
    """What an utterance says about each field of a form, by field name; empty where nothing in it names a field.

    A field's words are its label, value and unit as heard, without fillers; its confidence is the lowest among the
    words of its value, its unit, and the cue that it rests on where it corrects an earlier mention.
    """
    reader = _Reader(form, catalogue)
    parts = marks(list(tokens(words)), lexicon(form))
    mentions = [mention for stretch in stretches(parts) for mention in reader.mentions(stretch)]
    if not any(reader.says_something(mention) for mention in mentions):
        return {}
    readings = ((field.name, _settled(mentions, field.name)) for field in form.fields)
    return {name: reading for name, reading in readings if reading is not None}


class _Reader:
    """What the stretches of a sentence mention, for one form and its catalogue."""

    def __init__(self, form: Form, catalogue: Catalogue) -> None:
        self._fields = {field.name: field for field in form.fields}
        self._catalogue = catalogue

    def mentions(self, stretch: Stretch) -> Iterator[Mention]:
        """The mentions that one stretch makes, in order."""
        content = stretch.runs()[0]
        if stretch.unit is not None and stretch.field not in {None, stretch.unit.field}:
            yield from self._shared(stretch, stretch.unit)
        elif stretch.unit is not None or stretch.field is not None:
            yield self._single(stretch, content)
        elif content or stretch.cue:
            yield Mention(None, (), content, content, stretch.cue)

    def _single(self, stretch: Stretch, content: tuple[Token, ...]) -> Mention:
        """One field: its label or its unit or both, and the words for its value."""
        unit = stretch.unit.tokens if stretch.unit else ()
        name = stretch.unit.field if stretch.unit else stretch.field
        meaning, *others = (self._meaning(name, run) for run in stretch.runs())
        nothing = not content and stretch.field is not None
        return Mention(
            field=name,
            values=() if nothing else _distinct([meaning], others),
            tokens=stretch.label + content + unit,
            basis=content + unit,
            cue=stretch.cue,
        )

    def _shared(self, stretch: Stretch, unit: Mark) -> Iterator[Mention]:
        """A label, words for its field, words for the unit's field, the unit: all in one stretch."""
        content = stretch.runs()[0]
        ways, *sounding = (self._splits(stretch, unit.field, run) for run in stretch.runs())
        others = [way for other in sounding for way in other]
        first, last = (ways[0].at, ways[-1].at) if ways else (0, len(content))
        said, counted = unlinked(content[:last]), content[first:]
        heads = _distinct([way.head for way in ways], [way.head for way in others]) if said else ()
        tails = _distinct([way.tail for way in ways], [way.tail for way in others])
        yield Mention(stretch.field, heads, stretch.label + said, said, stretch.cue)
        yield Mention(unit.field, tails, counted + unit.tokens, counted + unit.tokens)

    def _splits(self, stretch: Stretch, tail: str | None, run: Sequence[Token]) -> tuple[Split, ...]:
        allowed = self._fields[str(stretch.field)].allows
        head = partial(self._meaning, stretch.field)
        return splits(run, head, partial(self._meaning, tail), allowed, stretch.joined)

    def _meaning(self, name: str | None, said: Sequence[Token]) -> FieldValue | None:
        return None if name is None else value(_texts(unlinked(said)), self._fields[name], self._catalogue)

    def says_something(self, mention: Mention) -> bool:
        """Does it name a field and say a value or a word of one? "The dock doors are freezing" does not."""
        if mention.field is None or any(value is not None for value in mention.values):
            return mention.field is not None
        listed = {word for phrase in phrases(self._fields[mention.field], self._catalogue) for word in phrase.split()}
        return any(token.text in TELLING | listed for token in mention.basis)


def _texts(tokens: Sequence[Token]) -> list[str]:
    return [token.text for token in tokens]


def _distinct(heard: Sequence[FieldValue | None], sounding: Sequence[FieldValue | None]) -> Meanings:
    """Each meaning once, those of the words as heard first: what the words may have been only adds doubt."""
    return tuple(dict.fromkeys([*(heard or [None]), *(meaning for meaning in sounding if meaning is not None)]))


def _settled(mentions: Sequence[Mention], name: str) -> FieldReading | None:
    """What all mentions of one field come to; None where there is none."""
    standing: list[Mention] = []
    cue: tuple[Token, ...] = ()
    for at, mention in enumerate(mentions):
        cue += mention.cue
        if mention.field != name or _is_false_start(mentions, at):
            continue
        corrects = standing and cue
        # The value rests on the cue too: without it, it would be one of two.
        basis = cue + mention.basis if corrects else mention.basis
        values = (None,) if _withdrawn(mentions, at) else mention.values
        standing = [*([] if corrects else standing), replace(mention, values=values, basis=basis)]
        cue = ()
    return _reading(standing) if standing else None


def _is_false_start(mentions: Sequence[Mention], at: int) -> bool:
    """A label without a value, said again later: "pallet, uh, pallet seven four two"."""
    later = (mention for mention in mentions[at + 1 :] if mention.field == mentions[at].field)
    return not mentions[at].values and any(mention.values for mention in later)


def _withdrawn(mentions: Sequence[Mention], at: int) -> bool:
    """Is it followed by what belongs to nothing: a cue that no new mention of a named field answers, or stray words?"""
    return any(
        (mention.cue or mention.field is None)
        and _last_named(mentions[:later]) == at
        and mention.field not in {earlier.field for earlier in mentions[:later] if earlier.field}
        for later, mention in enumerate(mentions)
    )


def _last_named(mentions: Sequence[Mention]) -> int | None:
    return next((at for at in reversed(range(len(mentions))) if mentions[at].field is not None), None)


def _reading(standing: Sequence[Mention]) -> FieldReading:
    values = tuple(dict.fromkeys(value for mention in standing for value in mention.values or (None,)))
    known = tuple(value for value in values if value is not None)
    sure = len(known) == len(values)
    heard = tuple(token for mention in standing for token in mention.tokens)
    basis = tuple(token for mention in standing for token in mention.basis) or heard
    return FieldReading(
        value=known[0] if sure else None,
        words=tuple(token.text for token in heard),
        confidence=min(token.confidence for token in basis),
        rivals=known[1:] if sure else (),
    )
