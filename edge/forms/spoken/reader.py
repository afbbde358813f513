"""A sentence to the fields of a form.

A label ("pallet") opens a field, a unit ("cases") makes the number before it a field's value, a cue ("no", "sorry")
announces that the next mention of a field replaces the one before. What lies between must be a value as a whole: one
word that cannot be explained, and the field has no value. Where two readings are grammatical, both are given, so that
the operator is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from edge.forms.catalogue import Catalogue
from edge.forms.model import Form
from edge.forms.spoken.corrections import put_right, with_fields
from edge.forms.spoken.english import ENGLISH
from edge.forms.spoken.language import Language, fold
from edge.forms.spoken.lexicon import Token, lexicon, marks, tokens, with_particles
from edge.forms.spoken.mentions import Mention, Mentions
from edge.forms.spoken.openers import OPENERS
from edge.forms.spoken.stretches import stretches
from edge.forms.spoken.swallowed import in_doubt
from edge.records import FieldReading, Word


def read(
    words: Sequence[Word], form: Form, catalogue: Catalogue, language: Language = ENGLISH
) -> Mapping[str, FieldReading]:
    """What an utterance says about each field of a form, by field name; empty where nothing in it names a field.

    A field's words are its label, value and unit as heard, without fillers; where an earlier mention was corrected,
    that mention and the cue too. Its confidence is the lowest among the words of its value, its unit, and the cue that
    it rests on where it corrects an earlier mention.
    """
    reader = Mentions(form, catalogue, language)
    counted = frozenset(field.name for field in form.fields if field.units)
    mentions = list(in_doubt(_told(words, form, reader, language), counted, reader))
    if not any(reader.says_something(mention) for mention in mentions):
        return {}
    readings = ((field.name, _settled(mentions, field.name)) for field in form.fields)
    return {name: reading for name, reading in readings if reading is not None}


def preface(
    words: Sequence[Word], form: Form, catalogue: Catalogue, language: Language = ENGLISH, *, longer_than_s: float = 0.0
) -> tuple[str, ...]:
    """The words before the first field that belong to none, as they are compared: "don't record" before "pallet 742".

    Links, hesitations, cues and openers are none of these; a label is, where another field follows it, and its own
    later. Nor are words that are known to have lasted no longer than `longer_than_s`, all of them together.
    """
    told = _told(words, form, Mentions(form, catalogue, language), language)
    before = takewhile(lambda at: _is_stray(told, at), range(len(told) - 1))
    said = [token for at in before for token in told[at].tokens if fold(token.text) not in OPENERS[language.code]]
    lasted_s = sum(token.end - token.start for token in said)
    return () if 0 < lasted_s <= longer_than_s else tuple(fold(token.text) for token in said)


def _is_stray(mentions: Sequence[Mention], at: int) -> bool:
    name = mentions[at].field
    return name is None or (mentions[at + 1].field != name and _is_false_start(mentions, at))


def _told(words: Sequence[Word], form: Form, reader: Mentions, language: Language) -> Sequence[Mention]:
    """The times that fields are said, corrections among them understood."""
    parts = with_particles(marks(list(tokens(words, language)), lexicon(form, language)), form, language)
    return with_fields(list(reader.of(list(stretches(parts, language.homophones)))), reader)


def _settled(mentions: Sequence[Mention], name: str) -> FieldReading | None:
    """What all mentions of one field come to; None where there is none."""
    standing: list[Mention] = []
    cue: tuple[Token, ...] = ()
    for at, mention in enumerate(mentions):
        cue += mention.cue
        if mention.field != name or _is_false_start(mentions, at):
            continue
        said = replace(mention, values=(None,)) if _withdrawn(mentions, at) else mention
        standing = [_correcting(standing, cue, said)] if standing and cue else [*standing, said]
        cue = ()
    return _reading(standing) if standing else None


def _correcting(standing: Sequence[Mention], cue: tuple[Token, ...], mention: Mention) -> Mention:
    """The mention that replaces those before it. It rests on the cue too: without it, it would be one of two."""
    replaced = tuple(token for earlier in standing for token in earlier.tokens)
    return replace(
        mention,
        values=put_right(standing[-1], mention),
        tokens=replaced + cue + mention.tokens,
        basis=cue + mention.basis,
    )


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
