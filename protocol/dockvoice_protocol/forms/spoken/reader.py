"""The reader: an utterance to the fields of a form.

All words are explained by one grammar (`grammar`), in every way that there is. A field has a value where all ways that
are likely agree on it; anything else is doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.grammar.chart import explanations
from dockvoice_protocol.forms.spoken.grammar.lexicon import Lexicon
from dockvoice_protocol.forms.spoken.grammar.meaning import Meaning, meaning, meaning_given
from dockvoice_protocol.forms.spoken.grammar.path import Happens, Path
from dockvoice_protocol.forms.spoken.grammar.spans import Spans
from dockvoice_protocol.forms.spoken.grammar.tokens import Token, tokens
from dockvoice_protocol.forms.spoken.language import Language, language_named
from dockvoice_protocol.records import FieldReading, FieldValue, Word

REMEMBERED = 128
"""Utterances whose meaning is kept: the alternatives of one and the questions that are asked about each."""
LEXICONS = 256
"""A dozen forms in seven languages, each whole, by its end and of its context; one takes 70 kB, and 2 ms to make."""
FIGURE = "#"  # In phrases that nothing explains: a number, a digit or a spelt letter, whichever it was.
LONGEST = 3  # Words of such a phrase: what is longer is talk, and nobody's name for a thing.


def read(
    words: Sequence[Word],
    form: Form,
    catalogue: Catalogue,
    language: Language | None = None,
    *,
    asked: str | None = None,
    held: Mapping[str, FieldValue] | None = None,
    correcting: bool = False,
) -> Mapping[str, FieldReading]:
    """What an utterance says about each field of a form, by field name; empty where nothing in it names a field.

    Args:
        words: As heard, with their times: pauses are evidence.
        form: The form.
        catalogue: The values that exist.
        language: The one that is spoken; English where none is given.
        asked: The field that was asked for, whose value needs no label.
        held: The entry that a correction may be about: "not B, D".
        correcting: Whether all of it corrects that entry, since the operator was asked what is wrong.

    Returns:
        A field's words are its label, value and unit as heard. Its confidence is the lowest among them. A field that
        was named and has no one value is there without one, what it may be as its rivals or its runner-up.
    """
    return understood(words, form, catalogue, language, asked=asked, held=held, correcting=correcting).fields


def read_given(
    name: str,
    value: FieldValue,
    words: Sequence[Word],
    form: Form,
    catalogue: Catalogue,
    language: Language | None = None,
) -> Mapping[str, FieldReading]:
    """As `read`, where it is known that one field was said to have this value: the likely ways in which it has."""
    spoken = language or language_named("en")
    meant = understood(words, form, catalogue, spoken)
    return meaning_given(name, value, meant, _tokens(tuple(words), spoken), form)


def preface(
    words: Sequence[Word],
    form: Form,
    catalogue: Catalogue,
    language: Language | None = None,
    *,
    longer_than_s: float = 0.0,
) -> tuple[str, ...]:
    """The words before the first field that nothing explains: "lorem" before "pallet 742".

    Words that are known to have lasted no longer than `longer_than_s`, all of them together, are none.
    """
    spoken = language or language_named("en")
    heard = _tokens(tuple(words), spoken)
    strange = [heard[at] for at in understood(words, form, catalogue, spoken).preface]
    lasted_s = sum(token.end - token.start for token in strange)
    return () if 0 < lasted_s <= longer_than_s else tuple(token.text for token in strange)


def unexplained(words: Sequence[Word], form: Form, catalogue: Catalogue, language: Language) -> frozenset[str]:
    """The phrases that nothing explains, as they stand beside figures: `door #`, `# colli`.

    None of an utterance in which nothing of the form is said: that is talk.
    """
    meant, heard = understood(words, form, catalogue, language), _tokens(tuple(words), language)
    events = meant.paths[0].events if meant.paths else ()
    if not any(one.happens is Happens.MENTION for one in events):
        return frozenset()
    strange = {at for one in events if one.happens is Happens.STRANGER for at in range(one.start, one.end)}
    figures = {at for at, token in enumerate(heard) if _is_figure(token.text, language)}
    found: set[str] = set()
    run: list[int] = []
    for at in range(len(heard) + 1):
        if at in strange - figures:
            run.append(at)
            continue
        if 0 < len(run) <= LONGEST:
            before, behind = run[0] - 1 in figures, at in figures
            said = [FIGURE] * before + [heard[one].text for one in run] + [FIGURE] * behind
            found |= {" ".join(said)} if before or behind else set()
        run = []
    return frozenset(found)


def _is_figure(word: str, language: Language) -> bool:
    spelt = len(word) == 1 or (word,) in language.alphabet.code_words
    return spelt or word.isdigit() or language.numerals.is_part(word)


def understood(
    words: Sequence[Word],
    form: Form,
    catalogue: Catalogue,
    language: Language | None = None,
    *,
    asked: str | None = None,
    held: Mapping[str, FieldValue] | None = None,
    correcting: bool = False,
) -> Meaning:
    """What an utterance says, its mood and what is left over as well. As `read`."""
    standing = tuple(sorted(held.items())) if held else ()
    today = datetime.now().astimezone().date() if form.has_dates else None
    asking = _Asking(form, catalogue, language or language_named("en"), asked, standing, correcting, today)
    return _understood(tuple(words), asking)


class _Asking(NamedTuple):
    """Of what, and in which moment, the words are to be understood."""

    form: Form
    catalogue: Catalogue
    language: Language
    asked: str | None
    held: tuple[tuple[str, FieldValue], ...]
    correcting: bool
    today: date | None


@lru_cache(maxsize=REMEMBERED)
def _understood(words: tuple[Word, ...], asking: _Asking) -> Meaning:
    heard = _tokens(words, asking.language)
    paths, asks = _explained(heard, asking)
    return meaning(paths, heard, asking.form, asking.language, asks=asks)


@lru_cache(maxsize=REMEMBERED)
def _explained(heard: tuple[Token, ...], asking: _Asking) -> tuple[Sequence[Path], bool]:
    """The explanations of tokens, which alternatives that differ in nothing but their times share."""
    form, catalogue, language, asked, held, correcting, today = asking
    spans = Spans(heard, form, catalogue, language, lexicon(form, catalogue, language), today)
    return explanations(spans, asked, dict(held), correcting=correcting), spans.asks()


@lru_cache(maxsize=REMEMBERED)
def _tokens(words: tuple[Word, ...], language: Language) -> tuple[Token, ...]:
    return tokens(words, language)


@lru_cache(maxsize=LEXICONS)
def lexicon(form: Form, catalogue: Catalogue, language: Language) -> Lexicon:
    """The phrases of a form in a language."""
    return Lexicon(form, catalogue, language)
