"""Breaths: joins utterances that follow each other within seconds into one. Pure.

A pause within an entry ends the utterance. So an utterance that is no entry alone is read again together with those
before it, and after an entry one that corrects it is: "... dock B" | "sorry" | "dock C".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from dockvoice_protocol.forms.spoken import is_correction, number_head
from dockvoice_protocol.records import FieldValue, NotUnderstoodReason, Reading, Word
from edge.agree.cut_numbers import BREATH_S, PreviousUtterance
from edge.agree.decide import Rules
from edge.agree.readings import find_differing_identifiers
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, ClosedBy, Outcome, Reason, Utterance, Verdict

_LONGEST_S = 30.0  # Upper limit of all breaths together: the longest utterance. Longer speech is not one entry.

_ENDED = frozenset({ClosedBy.PAUSE, ClosedBy.SOURCE_ENDED})  # Closings behind which no sound is missing.


class TornNumbers:
    """Marks numbers as doubtful whose beginning may be in the utterance before, after a pause."""

    def __init__(self) -> None:
        self._before = PreviousUtterance()
        self._source: str | None = None

    def doubt_continued_number(self, utterance: Utterance, reading: Reading, rules: Rules) -> Reading:
        """The reading, with a number marked doubtful that may have begun in the previous utterance; remembers it."""
        if reading.is_scan:  # a scan between two breaths is part of neither
            return reading
        segment = utterance.segment
        began, ended = (at / SAMPLE_RATE for at in (segment.speech_start, segment.speech_end))
        follows = utterance.source == self._source and self._before.is_just_before(began)
        said = self._before.doubt_continued_number(reading, None, rules) if follows else reading
        if self._before.remember_unless_wordless(reading, ended, rules):
            self._source = utterance.source
        return said


@dataclass(frozen=True, slots=True)
class Breath:
    """An utterance with its reading."""

    utterance: Utterance
    reading: Reading


@dataclass(frozen=True, slots=True)
class _OnRecord:
    """The entry that the first breaths made."""

    event_id: str
    fields: dict[str, FieldValue]
    breaths: int  # How many it was made of.

    def may_be_amended_to(self, fields: Mapping[str, FieldValue], rules: Rules) -> bool:
        """Whether `fields` amend this entry: they differ, with equal identifiers. Another identifier is a new entry."""
        named = (one.name for one in rules.form.fields if one.identifier)
        return fields != self.fields and all(fields.get(name) == self.fields.get(name) for name in named)


class Breaths:
    """The latest utterances that may be parts of the same entry."""

    def __init__(self) -> None:
        self._said: list[Breath] = []
        self.committed_entry: _OnRecord | None = None  # The entry that they made.

    def earlier_breaths_to_join(self, breath: Breath, verdict: Verdict, rules: Rules) -> tuple[Utterance, ...]:
        """The earlier utterances to join with this one, in order; empty where it must be read alone.

        Unless this one begins with a number, which may continue theirs, together they must name all required fields:
        else they make no entry either.
        """
        if not self._continues_last(breath.utterance) or not _is_unfinished(breath, verdict):
            return ()
        if self.committed_entry is not None:
            behind = [one.reading.words for one in (*self._said[self.committed_entry.breaths :], breath)]
            if not is_correction(_join_words(behind), rules.language):
                del self._said[: self.committed_entry.breaths]
                self.committed_entry = None
        named = {name for one in (*self._said, breath) for name in one.reading.fields}
        whole = rules.form.required_fields <= named
        counts = bool(number_head(breath.reading.words, rules.language))
        return tuple(one.utterance for one in self._said) if counts or (whole and breath.reading.fields) else ()

    def remember_if_unfinished(self, breath: Breath, verdict: Verdict, rules: Rules) -> None:
        """Remember an utterance without an entry if others may complete it; else forget all, unless it is noise."""
        if any(because.reason is Reason.NO_SPEECH for because in verdict.reasons):
            return  # without words it does not separate the breaths before and after it
        if not self._continues_last(breath.utterance) or self._names_another(breath.reading, rules):
            self.forget()
        if _is_unfinished(breath, verdict):
            self._said.append(breath)
        else:
            self.forget()

    def remember_entry(self, breath: Breath, event_id: str, verdict: Verdict, before: int) -> None:
        """Remember an utterance that made an entry together with the `before` utterances preceding it."""
        said = [*self._said[len(self._said) - before :], breath]
        self._said, self.committed_entry = said, _OnRecord(event_id, dict(verdict.fields), len(said))

    def forget(self) -> None:
        """Drop all breaths, so that the next utterance is read alone."""
        self._said.clear()
        self.committed_entry = None

    def _continues_last(self, utterance: Utterance) -> bool:
        if not self._said or self._said[-1].utterance.source != utterance.source:
            return False
        paused = utterance.segment.speech_start - self._said[-1].utterance.segment.speech_end
        lasts = utterance.segment.speech_end - self._said[0].utterance.segment.speech_start
        return 0 <= paused <= BREATH_S * SAMPLE_RATE and lasts <= _LONGEST_S * SAMPLE_RATE

    def _names_another(self, reading: Reading, rules: Rules) -> bool:
        """Whether the reading begins another entry: it names another thing and is no correction."""
        if is_correction(_join_words([*(one.reading.words for one in self._said[1:]), reading.words]), rules.language):
            return False
        return any(find_differing_identifiers(one.reading, reading, rules.identifying_fields) for one in self._said)


def _is_unfinished(breath: Breath, verdict: Verdict) -> bool:
    """Whether it makes no entry alone, but may make one with other breaths."""
    unclear = verdict.outcome is Outcome.REPEAT and verdict.reasons[0].reason is Reason.NOT_UNDERSTOOD
    talk = breath.reading.not_understood is NotUnderstoodReason.TALK
    return breath.utterance.segment.closing in _ENDED and not talk and (unclear or verdict.outcome is Outcome.ASK)


def _join_words(each: Sequence[Sequence[Word]]) -> tuple[Word, ...]:
    return tuple(chain.from_iterable(each))


def join_sound(breaths: Sequence[Utterance]) -> Utterance:
    """The last utterance with the sound of all, one after the other."""
    first, last = breaths[0].segment, breaths[-1].segment
    pcm = b"".join(one.segment.pcm for one in breaths)
    start = last.start - (len(pcm) - len(last.pcm)) // SAMPLE_BYTES
    segment = replace(last, start=start, speech_start=start + first.speech_start - first.start, pcm=pcm)
    return replace(breaths[-1], segment=segment)
