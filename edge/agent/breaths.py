"""Breaths: what was said in several within seconds of each other, put together as one sound. Pure.

Who stops to think in the middle of an entry has said it all when he goes on, though the pause ended the utterance. So
what makes no entry by itself is read again with what was said before it, as if it had been one utterance; and where
that was an entry, what takes a part of it back is read with it: "... dock B" | "sorry" | "dock C".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from dockvoice_protocol.forms.spoken import begins, corrects
from dockvoice_protocol.records import FieldValue, NotUnderstood, Reading, Word
from edge.agree.cut_numbers import BREATH_S, BreathBefore
from edge.agree.decide import Rules
from edge.agree.readings import differing
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Closing, Outcome, Reason, Utterance, Verdict

LONGEST_S = 30.0
"""Of all breaths together: as much as one utterance may last. Who talks for longer does not dictate one entry."""

ENDED = frozenset({Closing.PAUSE, Closing.SOURCE_ENDED})
"""Closings behind which no sound is missing."""


class TornNumbers:
    """Numbers that a pause tore in two: the end of one is in doubt where the breath before may have begun it."""

    def __init__(self) -> None:
        self._before = BreathBefore()
        self._source: str | None = None

    def read(self, utterance: Utterance, reading: Reading, rules: Rules) -> Reading:
        """What an utterance says, behind what was said before it."""
        if reading.scanned:  # between two breaths, maybe, and part of neither
            return reading
        segment = utterance.segment
        began, ended = (at / SAMPLE_RATE for at in (segment.speech_start, segment.speech_end))
        follows = utterance.source == self._source and self._before.is_just_before(began)
        said = self._before.continued(reading, rules) if follows else reading
        if self._before.remember(reading, ended):
            self._source = utterance.source
        return said


@dataclass(frozen=True, slots=True)
class Breath:
    """An utterance, and what it says by itself."""

    utterance: Utterance
    reading: Reading


@dataclass(frozen=True, slots=True)
class OnRecord:
    """The entry that was made of the first breaths."""

    event_id: str
    fields: dict[str, FieldValue]
    breaths: int  # How many it was made of.

    def may_become(self, fields: Mapping[str, FieldValue], rules: Rules) -> bool:
        """Is it another entry of the same thing? Who names another one says a new entry, whatever he took back."""
        named = (one.name for one in rules.form.fields if one.identifier)
        return fields != self.fields and all(fields.get(name) == self.fields.get(name) for name in named)


class Breaths:
    """What was said last, as long as more of the same entry may follow."""

    def __init__(self) -> None:
        self._said: list[Breath] = []
        self._recorded: OnRecord | None = None

    @property
    def recorded(self) -> OnRecord | None:
        """What is on record of them."""
        return self._recorded

    def before(self, heard: Breath, verdict: Verdict, rules: Rules) -> tuple[Utterance, ...]:
        """What was said before it that it may go on with, in order; nothing where it must be taken by itself.

        Together they must name all that the form requires: else they make no entry either.
        """
        if not self._goes_on(heard.utterance) or not _is_unfinished(heard, verdict):
            return ()
        if self._recorded is not None:
            behind = [one.reading.words for one in (*self._said[self._recorded.breaths :], heard)]
            if not corrects(_words(behind), rules.language):
                del self._said[: self._recorded.breaths]
                self._recorded = None
        named = {name for one in (*self._said, heard) for name in one.reading.fields}
        whole = all(field.name in named for field in rules.form.fields if field.required)
        counts = bool(begins(heard.reading.words, rules.language))
        return tuple(one.utterance for one in self._said) if counts or (whole and heard.reading.fields) else ()

    def remember(self, heard: Breath, verdict: Verdict, rules: Rules) -> None:
        """It was said, and nothing was recorded of it."""
        if _is_nothing(verdict):
            return
        if not self._goes_on(heard.utterance) or self._names_another(heard.reading, rules):
            self.forget()
        if _is_unfinished(heard, verdict):
            self._said.append(heard)
        else:
            self.forget()

    def remember_entry(self, heard: Breath, event_id: str, verdict: Verdict, before: int) -> None:
        """It was said, and an entry was made of it and the last breaths `before` it."""
        said = [*self._said[len(self._said) - before :], heard]
        self._said, self._recorded = said, OnRecord(event_id, dict(verdict.fields), len(said))

    def forget(self) -> None:
        """Nothing that is said from now on goes on with what was said so far."""
        self._said.clear()
        self._recorded = None

    def _goes_on(self, utterance: Utterance) -> bool:
        if not self._said or self._said[-1].utterance.source != utterance.source:
            return False
        paused = utterance.segment.speech_start - self._said[-1].utterance.segment.speech_end
        lasts = utterance.segment.speech_end - self._said[0].utterance.segment.speech_start
        return 0 <= paused <= BREATH_S * SAMPLE_RATE and lasts <= LONGEST_S * SAMPLE_RATE

    def _names_another(self, said: Reading, rules: Rules) -> bool:
        """Whoever names another thing has begun another entry, unless he takes back what he said."""
        if corrects(_words([*(one.reading.words for one in self._said[1:]), said.words]), rules.language):
            return False
        return any(differing(one.reading, said, rules.identifies) for one in self._said)


def _is_unfinished(heard: Breath, verdict: Verdict) -> bool:
    """Whether it makes no entry by itself, and may make one with others."""
    unclear = verdict.outcome is Outcome.REPEAT and verdict.reasons[0].reason is Reason.NOT_UNDERSTOOD
    talk = heard.reading.not_understood is NotUnderstood.TALK
    return heard.utterance.segment.closing in ENDED and not talk and (unclear or verdict.outcome is Outcome.ASK)


def _is_nothing(verdict: Verdict) -> bool:
    """Whether no words were heard at all: a noise between two breaths parts nothing."""
    return any(because.reason is Reason.NO_SPEECH for because in verdict.reasons)


def _words(each: Sequence[Sequence[Word]]) -> tuple[Word, ...]:
    return tuple(chain.from_iterable(each))


def one_sound(breaths: Sequence[Utterance]) -> Utterance:
    """The last of them, with the sound of all.

    Between two stands the silence that was kept of either, half a second: no longer pause means more.
    """
    first, last = breaths[0].segment, breaths[-1].segment
    pcm = b"".join(one.segment.pcm for one in breaths)
    start = last.start - (len(pcm) - len(last.pcm)) // SAMPLE_BYTES
    segment = replace(last, start=start, speech_start=start + first.speech_start - first.start, pcm=pcm)
    return replace(breaths[-1], segment=segment)
