"""The times that fields are said in a sentence, each with what it may mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from edge.forms.catalogue import Catalogue
from edge.forms.model import Form
from edge.forms.spoken.language import Language, fold
from edge.forms.spoken.last_digits import Meanings, expanded
from edge.forms.spoken.lexicon import Mark, Token
from edge.forms.spoken.splits import Split, splits
from edge.forms.spoken.stretches import Stretch, unlinked
from edge.forms.spoken.values import phrases, value
from edge.records import FieldValue


@dataclass(frozen=True, slots=True)
class Mention:
    """One time a field was said."""

    field: str | None
    """None for words that belong to no field."""
    values: Meanings = dataclasses.field(repr=False)
    """What it may mean, best first; None among them: the words may make no value. Empty: a label and nothing more."""
    tokens: tuple[Token, ...]
    basis: tuple[Token, ...]
    """The words the value rests on: those that say it and its unit, not its label, which only says where it goes."""
    cue: tuple[Token, ...] = ()
    """The correction cue that went before."""
    bare: bool = False
    """Said with neither its label nor its unit; a correction beside it tells which field is meant."""


class Mentions:
    """What the stretches of a sentence mention, for one form, its catalogue and one language."""

    def __init__(self, form: Form, catalogue: Catalogue, language: Language) -> None:
        self._fields = {field.name: field for field in form.fields}
        self._catalogue = catalogue
        self._language = language

    def of(self, stretches: Sequence[Stretch]) -> Iterator[Mention]:
        """The mentions that the stretches of one sentence make, in order."""
        for at, stretch in enumerate(stretches):
            before = stretches[at - 1] if at else None
            after = stretches[at + 1] if at + 1 < len(stretches) else None
            if after is not None and (slip := self._slip(stretch, after)):
                yield from slip
            elif before is not None and self._answers(before, stretch):
                yield from self._shared(replace(stretch, field=before.field), stretch.unit, bare=True)
            else:
                yield from self._alone(stretch)

    def meanings(self, name: str, said: Sequence[Token]) -> Meanings:
        """What words may mean for a field."""
        return expanded(self._meaning(name, said), self._fields[name], self._catalogue)

    def allowed(self, name: str, value: FieldValue) -> bool:
        """Does the value, or what it is short for, keep the rules of the field?"""
        field = self._fields[name]
        return any(one is not None and field.allows(one) for one in expanded(value, field, self._catalogue))

    def says_something(self, mention: Mention) -> bool:
        """Does it name a field and say a value or a word of one? "The dock doors are freezing" does not."""
        if mention.field is None or any(value is not None for value in mention.values):
            return mention.field is not None
        field = self._fields[mention.field]
        listed = {fold(word) for said in phrases(field, self._catalogue, self._language) for word in said.split()}
        words = {fold(token.text) for token in mention.basis}
        return not listed.isdisjoint(words) or any(map(self._language.tells, words))

    def _alone(self, stretch: Stretch) -> Iterator[Mention]:
        content = stretch.runs()[0]
        if stretch.unit is not None and stretch.field not in {None, stretch.unit.field}:
            yield from self._shared(stretch, stretch.unit)
        elif stretch.unit is not None or stretch.field is not None:
            yield self._single(stretch, content)
        elif content or stretch.cue:
            yield Mention(None, (), content, content, stretch.cue, bare=True)

    def _single(self, stretch: Stretch, content: tuple[Token, ...]) -> Mention:
        """One field: its label or its unit or both, and the words for its value."""
        unit = stretch.unit.tokens if stretch.unit else ()
        name = str(stretch.unit.field if stretch.unit else stretch.field)
        meant, *others = (self.meanings(name, run) for run in stretch.runs())
        nothing = not content and stretch.field is not None
        return Mention(
            field=name,
            values=() if nothing else _distinct(meant, [one for other in others for one in other]),
            tokens=stretch.label + content + unit,
            basis=content + unit,
            cue=stretch.cue,
        )

    def _shared(self, stretch: Stretch, unit: Mark | None, *, bare: bool = False) -> Iterator[Mention]:
        """A label, words for its field, words for the unit's field, the unit: all in one stretch."""
        if unit is None or unit.field is None or stretch.field is None:
            return
        content = stretch.runs()[0]
        ways, *sounding = (self._splits(stretch, unit.field, run) for run in stretch.runs())
        others = [way for other in sounding for way in other]
        first, last = (ways[0].at, ways[-1].at) if ways else (0, len(content))
        said, counted = unlinked(content[:last]), content[first:]
        heads = self._heads(stretch.field, ways, others) if said else ()
        tails = _distinct([way.tail for way in ways], [way.tail for way in others])
        yield Mention(stretch.field, heads, stretch.label + said, said, stretch.cue, bare)
        yield Mention(unit.field, tails, counted + unit.tokens, counted + unit.tokens)

    def _heads(self, name: str, ways: Sequence[Split], others: Sequence[Split]) -> Meanings:
        field, catalogue = self._fields[name], self._catalogue
        heard = [one for way in ways for one in expanded(way.head, field, catalogue)]
        return _distinct(heard, [one for way in others for one in expanded(way.head, field, catalogue)])

    def _splits(self, stretch: Stretch, tail: str, run: Sequence[Token]) -> tuple[Split, ...]:
        name = str(stretch.field)
        head = partial(self._meaning, name)
        allowed = partial(self.allowed, name)
        return splits(run, head, partial(self._meaning, tail), allowed, stretch.joined, self._language.numbers.group)

    def _slip(self, stretch: Stretch, after: Stretch) -> tuple[Mention, ...]:
        """A count without its unit behind another field's value: "pallet 742 | twelve, no, fifteen units".

        Only where the words before the count are set apart from it, or make no value together with it.
        """
        unit = after.unit
        if unit is None or unit.field is None or after.field is not None or not after.cue:
            return ()
        if stretch.field in {None, unit.field} or stretch.unit is not None:
            return ()
        content = stretch.runs()[0]
        ways = self._splits(stretch, unit.field, content)
        if len(ways) != 1 or ways[0].at == 0 or ways[0].head is None:
            return ()
        at = ways[0].at
        if not content[at].apart and self._meaning(stretch.field, content) is not None:
            return ()
        said, counted = unlinked(content[:at]), content[at:]
        heads = self._heads(str(stretch.field), ways, ())
        return (
            Mention(stretch.field, heads, stretch.label + said, said, stretch.cue),
            Mention(unit.field, (ways[0].tail,), counted, counted, bare=True),
        )

    def _answers(self, before: Stretch, stretch: Stretch) -> bool:
        """Does it put right the field before, and then go on: "pallet 742, no, 743, twelve units"?"""
        unit = stretch.unit
        if unit is None or stretch.field is not None or not stretch.cue or before.unit is not None:
            return False
        if before.field in {None, unit.field}:
            return False
        return self._meaning(unit.field, stretch.runs()[0]) is None

    def _meaning(self, name: str | None, said: Sequence[Token]) -> FieldValue | None:
        if name is None:
            return None
        words = [fold(token.text) for token in unlinked(said)]
        return value(words, self._fields[name], self._catalogue, self._language)


def _distinct(heard: Sequence[FieldValue | None], sounding: Sequence[FieldValue | None]) -> Meanings:
    """Each meaning once, those of the words as heard first: what the words may have been only adds doubt."""
    return tuple(dict.fromkeys([*(heard or [None]), *(meaning for meaning in sounding if meaning is not None)]))
