"""Learning: words that operators use and a form does not know, and what would change if it did.

A word is added to the file of the form, and that file takes the place of the one before. Before it does, all that the
journal has is read once with the words as they are and once with the new one: what was heard as words, and where a
recogniser is at hand the recordings. A word that changes an entry on record does harm, whatever else it mends.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from edge.agree.decide import Rules, decide
from edge.errors import Misconfigured, UnreadableInput
from edge.forms.model import Form
from edge.forms.spoken import read
from edge.forms.spoken.reader import preface
from edge.forms.spoken.unexplained import unexplained
from edge.keep.readings import ReadBefore
from edge.records import Closing, FieldValue, Outcome, Reading, Verdict
from edge.understand.proposal import proposed
from edge.understand.weighing import same

EXAMPLES = 3  # So many of each are shown.


class Kind(StrEnum):
    """What a new word is to a field."""

    LABEL = "label"  # Opens it: "door" as "dock".
    UNIT = "unit"  # Makes the number before it its value: "colli".


@dataclass(frozen=True, slots=True)
class UnknownPhrase:
    """What was said, and nothing explains."""

    phrase: str  # As it stands beside figures: `door #`.
    form: str
    times: int  # In so many utterances.
    recorded: int  # Of them led to an entry all the same.
    lacking: tuple[str, ...]  # The fields of which these said nothing, those first that lacked most often.
    examples: tuple[str, ...] = field(repr=False)  # Utterances, by their ids.


class Harm(StrEnum):
    """What a new word would do to what was said before. The worst comes first."""

    RECORD = "record"  # It would be another entry than the one on record.
    LOST = "lost"  # It was an entry, and would be none by itself.
    OTHER = "other"  # Something else becomes of it: talk would be asked about.
    GAINED = "gained"  # More of it is understood.


@dataclass(frozen=True, slots=True)
class Change:
    """What a new word changes of one utterance."""

    utterance_id: str
    harm: Harm
    before: Mapping[str, FieldValue] = field(repr=False)  # As it is read with the words as they are.
    after: Mapping[str, FieldValue] = field(repr=False)
    event_id: str | None  # The entry that it led to.
    heard: bool = False  # Whether its recording was read; else the words that were heard at the time.


def unknown_phrases(past: Iterable[ReadBefore], rules_of: Callable[[ReadBefore], Rules | None]) -> list[UnknownPhrase]:
    """What was said and not understood, the most frequent first. `rules_of`: None where a form is no more at hand."""
    utterances: dict[tuple[str, str], list[ReadBefore]] = defaultdict(list)
    lacking: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in past:
        if (rules := rules_of(one)) is None:
            continue
        form, found = rules.form, set[str]()
        for reading in one.readings:
            found |= unexplained(reading.words, form, rules.catalogue, rules.language)
        for phrase in found:
            utterances[phrase, form.name].append(one)
            lacking[phrase, form.name].update(name for name in _required(form) if name not in one.readings[0].fields)
    return sorted(
        (_phrase(*key, found, lacking[key]) for key, found in utterances.items()),
        key=lambda one: (-one.times, one.form, one.phrase),
    )


def _phrase(phrase: str, form: str, found: list[ReadBefore], lacking: Counter[str]) -> UnknownPhrase:
    recorded = sum(one.event_id is not None for one in found)
    examples = tuple(one.utterance_id for one in found[-EXAMPLES:])
    return UnknownPhrase(phrase, form, len(found), recorded, tuple(name for name, _ in lacking.most_common()), examples)


def _required(form: Form) -> Iterator[str]:
    return (one.name for one in form.fields if one.required)


def with_word(file: Path, name: str, kind: Kind, phrase: str, language: str) -> str:
    """The form's file, with one more way to say the label or the unit of a field.

    What the file says otherwise stays as it is. The caller loads it, which checks that the word means nothing else.
    Raises UnreadableInput, Misconfigured.
    """
    try:
        schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise UnreadableInput(f"{file}: cannot be read as a form ({type(fault).__name__})") from None
    fields = schema.get("properties", {})
    if name not in fields:
        raise Misconfigured(f"--field {name!r}: the form has no such field; it has {', '.join(fields)}")
    if kind is Kind.UNIT and "units" not in fields[name].get("x-voice", {}):
        raise Misconfigured(f"--field {name!r}: counts nothing, so it has no units; say --label, or name another field")
    said = " ".join(phrase.casefold().split())
    wording = fields[name].setdefault("x-languages", {}).setdefault(language, {})
    known = wording.setdefault(f"{kind.value}s", [])
    if said in known or (language == "en" and said in fields[name].get("x-voice", {}).get(f"{kind.value}s", ())):
        raise Misconfigured(f"{said!r}: is a {kind.value} of {name!r} already")
    known.append(said)
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def trial(past: Iterable[ReadBefore], before: Rules, after: Rules) -> list[Change]:
    """What the new words change of what was heard as words: first what does harm, of that the latest."""
    made = (_change(one, _as_read(one, before), _as_read(one, after), heard=False) for one in past)
    return _ordered(change for change in made if change is not None)


async def trial_heard(
    past: Iterable[ReadBefore],
    before: Callable[[str], Awaitable[Verdict | None]],
    after: Callable[[str], Awaitable[Verdict | None]],
) -> list[Change]:
    """The same of recordings. Each reader is given an utterance's id; None where there is no recording any more."""
    made = []
    for one in past:
        was, would_be = await before(one.utterance_id), await after(one.utterance_id)
        if was is not None and would_be is not None:
            made.append(_change(one, was, would_be, heard=True))
    return _ordered(change for change in made if change is not None)


def _as_read(one: ReadBefore, rules: Rules) -> Verdict:
    """What would be decided about the words by themselves, as they were heard."""
    heard: Reading = one.readings[0]
    form, catalogue, language = rules.form, rules.catalogue, rules.language
    fields = read(heard.words, form, catalogue, language)
    strange = preface(heard.words, form, catalogue, language)
    reading = proposed(heard.interpreter, form, catalogue, heard.words, fields, language, preface=strange)
    return decide(reading, Closing.PAUSE, rules)


def _change(one: ReadBefore, was: Verdict, would_be: Verdict, *, heard: bool) -> Change | None:
    if was.outcome is would_be.outcome and _alike(was.fields, would_be.fields):
        return None
    harm = _harm(one, was, would_be)
    return Change(one.utterance_id, harm, was.fields, would_be.fields, one.event_id, heard)


def _harm(one: ReadBefore, was: Verdict, would_be: Verdict) -> Harm:
    """A value that was read, or is on record, and would be another one is the worst that a word can do."""
    known = {**was.fields, **(one.fields or {})}
    if any(name in known and not same(value, known[name]) for name, value in would_be.fields.items()):
        return Harm.RECORD if one.event_id is not None or was.outcome is Outcome.ACCEPT else Harm.OTHER
    if was.outcome is Outcome.ACCEPT and would_be.outcome is not Outcome.ACCEPT:
        return Harm.LOST
    return Harm.GAINED if was.fields.keys() < would_be.fields.keys() else Harm.OTHER


def _alike(one: Mapping[str, FieldValue], other: Mapping[str, FieldValue]) -> bool:
    return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())


def _ordered(made: Iterable[Change]) -> list[Change]:
    order, latest = list(Harm), list(made)[::-1]
    return sorted(latest, key=lambda change: order.index(change.harm))
