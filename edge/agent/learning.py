"""Learning: words that operators use and a form does not know, and what would change if it did.

A word is added to the file of the form, and that file takes the place of the one before. Before it does, all that the
journal has is read once with the words as they are and once with the new one: what was heard as words, and where a
recogniser is at hand the recordings. A word that changes an entry on record does harm, whatever else it mends.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from dockvoice_protocol.errors import StorageFailed, UnreadableInput
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import OWN_LANGUAGE, Form
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.reader import unexplained
from dockvoice_protocol.forms.taught import add_word
from dockvoice_protocol.instants import in_utc
from dockvoice_protocol.records import FieldValue, Reading
from edge.agree.decide import Rules, decide
from edge.keep.journal import Journal
from edge.keep.readings import ReadBefore
from edge.records import Closing, Outcome, Verdict
from edge.understand.proposal import proposal
from edge.understand.weighing import same

EXAMPLES = 3  # So many of each are shown.

LATELY = timedelta(days=30)  # What was said before is not counted any more: it may be of a job that is done.

FEWEST = 3  # What was said less often is not told: one man's word for a thing says who he is, and is nobody's habit.

MOST_TOLD = 30  # Of the status message, which is sent whole whenever anything in it changes.

MOST_LACKING = 20  # Fields that are named with one: more than any form has.

LONGEST_TOLD = 80  # Characters of one: three words and two figures are shorter.

MOST_LOOKED_AT = 5000  # Utterances, the latest: a month of one headset.

EVERY_S = 600.0  # How often it is counted: nobody adds a word sooner.

FIRST_S = 60.0  # After the start, which is to hear its first word soon, and has the past in no hurry.

REST_S = 0.05  # Between two utterances: whoever speaks meanwhile comes first.

log = logging.getLogger(__name__)


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
    language: str = OWN_LANGUAGE  # In which it was said.
    last: str | None = None  # The day on which it was said last, in UTC.

    @property
    def as_told(self) -> dict[str, Any]:
        """As the inventory is told of it: how often, and nothing of who said it or what else."""
        counts = {"times": self.times, "recorded": self.recorded, "lacking": list(self.lacking[:MOST_LACKING])}
        said = self.phrase[:LONGEST_TOLD]
        return {"said": said, "form": self.form, "language": self.language, **counts, "last": self.last}


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


Found = tuple[ReadBefore, Rules, frozenset[str]]  # What was read of an utterance, by which rules, and is not explained.


def unknown_phrases(past: Iterable[ReadBefore], rules_of: Callable[[ReadBefore], Rules | None]) -> list[UnknownPhrase]:
    """What was said and not understood, the most frequent first. `rules_of`: None where a form is no more at hand."""
    ruled = ((one, rules_of(one)) for one in past)
    return grouped((one, rules, unexplained_in(one, rules)) for one, rules in ruled if rules is not None)


def unexplained_in(one: ReadBefore, rules: Rules) -> frozenset[str]:
    """What nobody who read it could explain."""
    known = rules.form, rules.catalogue, rules.language
    return frozenset().union(*(unexplained(reading.words, *known) for reading in one.readings))


def grouped(past: Iterable[Found]) -> list[UnknownPhrase]:
    """The same, each once, the most frequent first."""
    utterances: dict[tuple[str, str, str], list[ReadBefore]] = defaultdict(list)
    lacking: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for one, rules, found in past:
        for phrase in found:
            key = phrase, rules.form.name, rules.language.code
            utterances[key].append(one)
            lacking[key].update(name for name in _required(rules.form) if name not in one.readings[0].fields)
    return sorted(
        (_phrase(*key, found, lacking[key]) for key, found in utterances.items()),
        key=lambda one: (-one.times, one.form, one.phrase),
    )


def _phrase(phrase: str, form: str, language: str, found: list[ReadBefore], lacking: Counter[str]) -> UnknownPhrase:
    recorded = sum(one.event_id is not None for one in found)
    examples = tuple(one.utterance_id for one in found[-EXAMPLES:])
    names = tuple(name for name, _ in lacking.most_common())
    days = (in_utc(one.heard_at).date().isoformat() for one in found if one.heard_at is not None)
    last = max(days, default=None)
    return UnknownPhrase(phrase, form, len(found), recorded, names, examples, language, last)


def _required(form: Form) -> Iterator[str]:
    return (one.name for one in form.fields if one.required)


def with_word(file: Path, name: str, kind: Kind, phrase: str, language: str, means: str = "") -> str:
    """The form's file, with one more way to say the label or a unit of a field.

    `means` is the code of the unit, where another field holds that. What the file says otherwise stays as it
    is. The caller loads it, which checks that the word means nothing else. Raises UnreadableInput, Misconfigured.
    """
    try:
        schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise UnreadableInput(f"{file}: cannot be read as a form ({type(fault).__name__})") from None
    cells = {"field": name, "as": kind.value, "means": means, "word": phrase, "language": language}
    add_word(schema, cells)
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
    reading = proposal(heard.interpreter, heard.words, form, catalogue, language, noise_s=0.0)
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


class UnknownWords:
    """Counts, beside a running agent and while nobody speaks, what operators say and no form at hand knows."""

    def __init__(
        self,
        state: Path,
        rules_of: Callable[[str], Rules | None],
        busy: Callable[[], bool],
        tell: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        """`rules_of` are those of a form at hand, by which the agent reads now; `tell` hears of each change."""
        self._state = state
        self._rules_of = rules_of
        self._busy = busy
        self._tell = tell
        self._looked: dict[tuple[str, int], tuple[Catalogue, frozenset[str]]] = {}
        self._told: list[dict[str, Any]] = []

    async def run(self) -> None:
        """Count until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            try:
                await self.count()
            except (StorageFailed, UnreadableInput) as fault:
                log.warning("what no form knows is not counted this time: %s", fault)
            await asyncio.sleep(EVERY_S)

    async def count(self) -> None:
        """Look at what was said since the last time, and tell what it comes to."""
        past = await asyncio.to_thread(self._past)
        found: list[Found] = []
        looked: dict[tuple[str, int], tuple[Catalogue, frozenset[str]]] = {}
        for one in past:
            if (rules := self._rules(one)) is None:
                continue
            key = one.utterance_id, len(one.readings)  # a model may have answered late
            seen = self._looked.get(key)
            if seen is None or seen[0] is not rules.catalogue:  # with which the words change
                while self._busy():  # noqa: ASYNC110 - it is no event, and nobody waits for it
                    await asyncio.sleep(REST_S)
                seen = rules.catalogue, await asyncio.to_thread(unexplained_in, one, rules)
                await asyncio.sleep(REST_S)
            looked[key] = seen
            found.append((one, rules, seen[1]))
        self._looked = looked
        told = [one.as_told for one in grouped(found) if one.times >= FEWEST][:MOST_TOLD]
        if told != self._told:
            self._told = told
            self._tell(told)

    def _past(self) -> list[ReadBefore]:
        with Journal.inspect(self._state) as journal:
            return list(journal.readings.read_since(datetime.now(UTC) - LATELY))[-MOST_LOOKED_AT:]

    def _rules(self, one: ReadBefore) -> Rules | None:
        rules = self._rules_of(one.form)
        if rules is None or one.language is None:
            return rules
        return replace(rules, language=language_named(one.language))
