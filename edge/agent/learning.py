"""Learning: unknown words of operators, and the effect of adding one to a form.

Before a word is added to the form's file, all utterances in the journal are read with the old and the new words: their
recognised words and, with a recogniser, their recordings. A word that changes a stored entry is harmful.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from dockvoice_protocol.errors import StorageFailed, UnreadableInput
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import OWN_LANGUAGE
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.reader import unexplained_phrases
from dockvoice_protocol.forms.taught import add_word
from dockvoice_protocol.instants import to_utc
from dockvoice_protocol.records import FieldValue, Reading
from edge.agree.decide import Rules, decide
from edge.keep.journal import Journal
from edge.keep.readings import ReadUtterance
from edge.records import ClosedBy, Outcome, Verdict
from edge.understand.reading_builder import read_recognised_words
from edge.understand.weighing import is_same_value

_EXAMPLES = 3  # Examples per phrase.

_LATELY = timedelta(days=30)  # Older utterances are not counted: they may belong to a finished job.

_FEWEST = 3  # Rarer phrases are not published: they could identify a person, and show no habit.

_MOST_PHRASES = 30  # Limit of phrases in the status message, which is sent whole whenever anything in it changes.

_MOST_LACKING = 20  # Limit of fields per phrase: more than any form has.

_LONGEST_PHRASE = 80  # Limit of characters per phrase: three words and two numbers are shorter.

_MOST_LOOKED_AT = 5000  # Limit of utterances, the latest first: a month of one headset.

_EVERY_S = 600.0  # Interval of the count; words are not added faster.

_FIRST_S = 60.0  # Delay after the start, so that the first utterances do not compete with the count.

_REST_S = 0.05  # Pause after each utterance, in which speech takes precedence.

log = logging.getLogger(__name__)


class WordRole(StrEnum):
    """The role of a new word for a field."""

    LABEL = "label"  # Precedes the value: "door" as "dock".
    UNIT = "unit"  # Makes the number before it the value: "colli".


@dataclass(frozen=True, slots=True)
class _UnknownPhrase:
    """A phrase that no word of the form explains, with its statistics."""

    phrase: str  # With # for numbers: `door #`.
    form: str
    times: int  # Number of utterances with it.
    recorded: int  # Number of these that led to an entry.
    lacking: tuple[str, ...]  # Required fields missing in these, the most frequent first.
    examples: tuple[str, ...] = field(repr=False)  # Ids of utterances.
    language: str = OWN_LANGUAGE
    last: str | None = None  # The latest day with it, in UTC.

    @property
    def as_published(self) -> dict[str, Any]:
        """The phrase as published: counts only, without the operator and the other words."""
        counts = {"times": self.times, "recorded": self.recorded, "lacking": list(self.lacking[:_MOST_LACKING])}
        said = self.phrase[:_LONGEST_PHRASE]
        return {"said": said, "form": self.form, "language": self.language, **counts, "last": self.last}


class HarmKind(StrEnum):
    """The harm of a new word to an earlier utterance, the worst first."""

    RECORD = "record"  # Its entry would have other values.
    LOST = "lost"  # It was an entry, and would be none by itself.
    OTHER = "other"  # Any other change, such as a question about mere talk.
    GAINED = "gained"  # More fields are understood.


@dataclass(frozen=True, slots=True)
class UtteranceChange:
    """The change that a word added to a form makes to the reading of one stored utterance."""

    utterance_id: str
    harm: HarmKind
    before: Mapping[str, FieldValue] = field(repr=False)  # As read with the old words.
    after: Mapping[str, FieldValue] = field(repr=False)
    event_id: str | None  # The event of its entry.
    heard: bool = False  # Whether its recording was read; else the words recognised at the time.


_Found = tuple[ReadUtterance, Rules, frozenset[str]]  # An utterance's readings, its rules, and the unexplained phrases.


def count_unknown_phrases(
    past: Iterable[ReadUtterance], rules_of: Callable[[ReadUtterance], Rules | None]
) -> list[_UnknownPhrase]:
    """The phrases that were not understood, the most frequent first. `rules_of`: None skips an utterance."""
    ruled = ((one, rules_of(one)) for one in past)
    return _group_phrases((one, rules, _find_unexplained(one, rules)) for one, rules in ruled if rules is not None)


def _find_unexplained(one: ReadUtterance, rules: Rules) -> frozenset[str]:
    """The phrases of an utterance that its form's words do not explain, over all its readings."""
    known = rules.form, rules.catalogue, rules.language
    return frozenset().union(*(unexplained_phrases(reading.words, *known) for reading in one.readings))


def _group_phrases(past: Iterable[_Found]) -> list[_UnknownPhrase]:
    """Group by phrase, form and language, the most frequent first."""
    utterances: dict[tuple[str, str, str], list[ReadUtterance]] = defaultdict(list)
    lacking: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for one, rules, found in past:
        required = [field.name for field in rules.form.fields if field.required]
        for phrase in found:
            key = phrase, rules.form.name, rules.language.code
            utterances[key].append(one)
            lacking[key].update(name for name in required if name not in one.readings[0].fields)
    return sorted(
        (_summarise_phrase(*key, found, lacking[key]) for key, found in utterances.items()),
        key=lambda one: (-one.times, one.form, one.phrase),
    )


def _summarise_phrase(
    phrase: str, form: str, language: str, found: list[ReadUtterance], lacking: Counter[str]
) -> _UnknownPhrase:
    recorded = sum(one.event_id is not None for one in found)
    examples = tuple(one.utterance_id for one in found[-_EXAMPLES:])
    names = tuple(name for name, _ in lacking.most_common())
    days = (to_utc(one.heard_at).date().isoformat() for one in found if one.heard_at is not None)
    last = max(days, default=None)
    return _UnknownPhrase(phrase, form, len(found), recorded, names, examples, language, last)


def add_word_to_form(file: Path, name: str, kind: WordRole, phrase: str, language: str, means: str = "") -> str:
    """The text of the form's file with one more label or unit word for a field; the rest is unchanged.

    `means` is the unit's code, where another field holds it. The caller loads the text, which checks that the word has
    no other meaning. Raises UnreadableInput, Misconfigured.
    """
    try:
        schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise UnreadableInput(f"{file}: cannot be read as a form ({type(fault).__name__})") from None
    cells = {"field": name, "as": kind.value, "means": means, "word": phrase, "language": language}
    add_word(schema, cells)
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def find_verdict_changes(past: Iterable[ReadUtterance], before: Rules, after: Rules) -> list[UtteranceChange]:
    """The changes that the new words make to recognised words, the most harmful first, then the latest."""
    made = (
        _find_change(
            one, _decide_recognised_words(one, before), _decide_recognised_words(one, after), from_recording=False
        )
        for one in past
    )
    return _sort_by_harm(change for change in made if change is not None)


async def find_changes_in_recordings(
    past: Iterable[ReadUtterance],
    before: Callable[[str], Awaitable[Verdict | None]],
    after: Callable[[str], Awaitable[Verdict | None]],
) -> list[UtteranceChange]:
    """The changes to recordings. Readers take an utterance's id and return None where the recording is removed."""
    made = []
    for one in past:
        was, would_be = await before(one.utterance_id), await after(one.utterance_id)
        if was is not None and would_be is not None:
            made.append(_find_change(one, was, would_be, from_recording=True))
    return _sort_by_harm(change for change in made if change is not None)


def _decide_recognised_words(one: ReadUtterance, rules: Rules) -> Verdict:
    """The verdict on an utterance's recognised words, read alone."""
    recognised: Reading = one.readings[0]
    form, catalogue, language = rules.form, rules.catalogue, rules.language
    reading = read_recognised_words(
        recognised.interpreter, recognised.words, form, catalogue, language, longest_noise_s=0.0
    )
    return decide(reading, ClosedBy.PAUSE, rules)


def _find_change(
    one: ReadUtterance, was: Verdict, would_be: Verdict, *, from_recording: bool
) -> UtteranceChange | None:
    if was.outcome is would_be.outcome and _alike(was.fields, would_be.fields):
        return None
    harm = _classify_harm(one, was, would_be)
    return UtteranceChange(one.utterance_id, harm, was.fields, would_be.fields, one.event_id, from_recording)


def _classify_harm(one: ReadUtterance, was: Verdict, would_be: Verdict) -> HarmKind:
    """Classify the change; the worst is another value in place of one that was read or stored."""
    known = {**was.fields, **(one.fields or {})}
    if any(name in known and not is_same_value(value, known[name]) for name, value in would_be.fields.items()):
        return HarmKind.RECORD if one.event_id is not None or was.outcome is Outcome.ACCEPT else HarmKind.OTHER
    if was.outcome is Outcome.ACCEPT and would_be.outcome is not Outcome.ACCEPT:
        return HarmKind.LOST
    return HarmKind.GAINED if was.fields.keys() < would_be.fields.keys() else HarmKind.OTHER


def _alike(one: Mapping[str, FieldValue], other: Mapping[str, FieldValue]) -> bool:
    return one.keys() == other.keys() and all(is_same_value(value, other[name]) for name, value in one.items())


def _sort_by_harm(made: Iterable[UtteranceChange]) -> list[UtteranceChange]:
    order, latest = list(HarmKind), list(made)[::-1]
    return sorted(latest, key=lambda change: order.index(change.harm))


class UnknownPhraseCounter:
    """Counts unknown phrases in the background of a running agent, while no utterance is in progress."""

    def __init__(
        self,
        state: Path,
        rules_of: Callable[[str], Rules | None],
        busy: Callable[[], bool],
        publish: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        """`rules_of` returns a form's current rules, None where it is not loaded; `publish` receives each change."""
        self._state = state
        self._rules_of = rules_of
        self._busy = busy
        self._publish = publish
        self._looked: dict[tuple[str, int], tuple[Catalogue, frozenset[str]]] = {}
        self._published: list[dict[str, Any]] = []

    async def run(self) -> None:
        """Count until cancelled."""
        await asyncio.sleep(_FIRST_S)
        while True:
            try:
                await self.count_and_publish()
            except (StorageFailed, UnreadableInput) as fault:
                log.warning("what no form knows is not counted this time: %s", fault)
            await asyncio.sleep(_EVERY_S)

    async def count_and_publish(self) -> None:
        """Read the utterances that are new since the last count, and publish the phrases where they have changed."""
        past = await asyncio.to_thread(self._load_past)
        found: list[_Found] = []
        looked: dict[tuple[str, int], tuple[Catalogue, frozenset[str]]] = {}
        for one in past:
            if (rules := self._find_rules(one)) is None:
                continue
            key = one.utterance_id, len(one.readings)  # a late answer of a model invalidates the cache
            seen = self._looked.get(key)
            if seen is None or seen[0] is not rules.catalogue:  # so does a new catalogue, which can add words
                while self._busy():  # noqa: ASYNC110 - it is no event, and nobody waits for it
                    await asyncio.sleep(_REST_S)
                seen = rules.catalogue, await asyncio.to_thread(_find_unexplained, one, rules)
                await asyncio.sleep(_REST_S)
            looked[key] = seen
            found.append((one, rules, seen[1]))
        self._looked = looked
        phrases = [one.as_published for one in _group_phrases(found) if one.times >= _FEWEST][:_MOST_PHRASES]
        if phrases != self._published:
            self._published = phrases
            self._publish(phrases)

    def _load_past(self) -> list[ReadUtterance]:
        with Journal.inspect(self._state) as journal:
            return list(journal.readings.read_since(datetime.now(UTC) - _LATELY))[-_MOST_LOOKED_AT:]

    def _find_rules(self, one: ReadUtterance) -> Rules | None:
        rules = self._rules_of(one.form)
        if rules is None or one.language is None:
            return rules
        return replace(rules, language=language_named(one.language))
