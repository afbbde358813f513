"""Separates the wearer's words from other voices by the level of each word. Pure.

The microphone is at the wearer's mouth, so a colleague's voice is 10 to 20 dB fainter; a recogniser transcribes both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, product
from math import ceil

import numpy as np

from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.records import FieldReading, Word
from edge.audio.pcm import BOTTOM_DB, FULL_SCALE, power_to_dbfs
from edge.records import SAMPLE_RATE
from edge.understand.reading_builder import UNKNOWN

_SLICE = SAMPLE_RATE // 50  # 20 ms: shorter than the shortest vowel.

_VOWEL = 0.9
"""The quantile of a word's slices that is its level. The mean of the louder half took the "six" of a fluent speaker,
which is mostly consonants, for faint."""

_LOUDEST = 1 / 3
"""The part of the words, the loudest ones, whose level is the wearer's: also where a colleague says
more. Not the loudest word alone, which may be a clank."""

_FAR_DB = 16.0
"""So much fainter than the wearer, a word is another voice's. On a third of the dev set 1 of 1,312 own words was
fainter."""

_FAINT_DB = 11.0  # So much fainter it may be another voice's, where a word beside it is.

_FADING_DB = 6.0
"""The wearer's voice fades by no more from one word to the next, and another one sets in at once. On the dev set it
was down by 15 dB at the end of "thirteen pieces, dock B", step by step."""

_DIP_DB = 14.0
"""So much fainter between two words of the wearer, a figure may be another voice's, said into a pause: it is doubted.
At 12.5 one clip more of the dev set's third was asked about, and none less was wrong."""

_JOINED_S = 0.02  # Silence from which two words count as said apart: less than a frame of a recogniser's.

_PAUSE_S = 0.25
"""Silence behind a word that ends a phrase. Every voice fades before it stops, in a "six" by 14 dB; another voice
that speaks into that pause sets in apart from the word before it."""

_OUTSIDE_DB = 10.0
"""So much fainter in the mean, what stands before or behind a whole entry is another voice's. Of 39 clips of dev2's
`beside` each, right rose from 24 to 29 beside a colleague at 15 dB, from 3 to 14 at 10 dB, and from 14 to 21 in babble
at 10 dB, and none was wrong; 8 dB did alike. Of the dev set's third it took away a "please"."""

_BETWEEN_DB = _OUTSIDE_DB / 2
"""Where another voice is known to speak, a figure that dips by so much is nearer to that voice than to the wearer's. At
6 dB one clip of `beside` was wrong, by an "oh" that the colleague said."""

_SETS_IN_DB = 3.0
"""By so much the first of those words is fainter than the entry beside it: at 6 dB four clips less were right."""

_EXPLAINS = frozenset(ENGLISH.alphabet.explained_by)  # What begins to say which letter was meant: "as in golf".

_TAKES_BACK = frozenset(
    (
        *ENGLISH.words["correction_cues"],
        *ENGLISH.words["contrasts"],
        *ENGLISH.not_a_record["denials"],
        *(said for name in ("no", "cancel", "cancels_open_entry", "deletions") for said in ENGLISH.commands[name]),
    )
)
"""What takes back, or corrects, what was said before it."""

_TimeSpan = tuple[float, float]  # The start and the end of a part of an utterance, in seconds from its first sample.


class Loudness:
    """The level of one utterance's sound, slice by slice."""

    def __init__(self) -> None:
        self._powers: list[float] = []
        self._rest = b""

    def accept(self, pcm: bytes) -> None:
        """Add the next piece of 16-bit sound."""
        samples = np.frombuffer(self._rest + pcm, "<i2")
        whole = len(samples) // _SLICE * _SLICE
        slices = samples[:whole].reshape(-1, _SLICE).astype(np.float64) / FULL_SCALE
        self._powers += np.mean(slices**2, axis=1).tolist()
        self._rest = samples[whole:].tobytes()

    def vowel_level(self, word: Word) -> float:
        """The level of a word's vowel in dBFS: a high percentile of its slices, since the loudest may be a clank."""
        first = round(word.start * SAMPLE_RATE / _SLICE)
        powers = sorted(self._powers[first : max(first + 1, ceil(word.end * SAMPLE_RATE / _SLICE))])
        return power_to_dbfs(powers[int(len(powers) * _VOWEL)]) if powers else BOTTOM_DB


class WearerLoudness:
    """Selects the wearer's words in one utterance, by their level against its loudest words."""

    def __init__(self, words: Sequence[Word], loudness: Loudness) -> None:
        """`words` are the likeliest of the utterance."""
        levels = sorted((loudness.vowel_level(word) for word in words), reverse=True)
        loudest = levels[: ceil(len(levels) * _LOUDEST)]
        self._loudness = loudness
        self._level = sum(loudest) / len(loudest) if loudest else BOTTOM_DB

    def drop_or_mask_other_voices(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """The words without those of other voices; fainter ones that could change the meaning become UNKNOWN."""
        attenuations_db = self._measure_attenuations(words)
        said = list(words)
        for begin, end in sorted(_find_faint_runs(attenuations_db), reverse=True):
            beyond = _trim_fading(attenuations_db, begin, end)
            most = max((attenuations_db[at] for at in beyond), default=0.0)
            within = beyond.start > 0 and beyond.stop < len(words)
            trails_off = len(beyond) == 1 and beyond.stop == len(words)  # "dock echo": down by 19 dB in one breath
            if most >= _FAR_DB and not trails_off:
                unknown = [replace(words[at], text=UNKNOWN) for at in beyond]
                said[beyond.start : beyond.stop] = unknown if _changes_meaning(words, beyond) else ()
            elif most >= _DIP_DB and within and not _ends_phrase(words, beyond):
                for at in beyond:
                    said[at] = (
                        replace(said[at], text=UNKNOWN) if ENGLISH.may_be_in_identifier(said[at].text) else said[at]
                    )
        return tuple(said)

    def find_entry_between_other_voices(
        self,
        words: Sequence[Word],
        read: Callable[[Sequence[Word]], Mapping[str, FieldReading]],
        needed: Collection[str],
    ) -> _TimeSpan | None:
        """The span (seconds) of a whole entry that another voice precedes or follows; None where none does.

        `read` returns the fields of words; an entry has all `needed` ones. Words that correct or complete the entry may
        be the wearer's own mutter, and are not cut off.
        """
        attenuations_db = self._measure_attenuations(words)
        for begin, end in _spans_without_faint_ends(attenuations_db):
            outside = (words[:begin], words[end:])
            corrects = any(_begins_with_phrase(some[at:], _TAKES_BACK) for some in outside for at in range(len(some)))
            if corrects or _begins_with_phrase(words[end:], _EXPLAINS):
                continue
            entry = read(words[begin:end])
            if all(name in entry and entry[name].value is not None and not entry[name].rivals for name in needed):
                all_fields = read(words)
                # What completes the entry may be the wearer's own, said under the breath: "and sweetener".
                completes = any(all_fields[name].value is not None for name in all_fields.keys() - entry.keys())
                if not completes and all(
                    _all_words_allow_value(said, all_fields.get(name), words, (begin, end))
                    for name, said in entry.items()
                ):
                    return words[begin].start, words[end - 1].end
        return None

    def cut_and_mask_faint_numbers(self, words: Sequence[Word], span: _TimeSpan) -> tuple[Word, ...]:
        """The words within a span; a number fainter than both neighbours becomes UNKNOWN."""
        begin, end = span
        said = [word for word in words if begin <= (word.start + word.end) / 2 <= end]
        attenuations_db = self._measure_attenuations(said)
        dips = [
            0 < at < len(said) - 1
            and attenuations_db[at] - max(attenuations_db[at - 1], attenuations_db[at + 1]) >= _BETWEEN_DB
            for at in range(len(said))
        ]
        return tuple(
            replace(word, text=UNKNOWN) if dip and ENGLISH.may_be_in_identifier(word.text) else word
            for word, dip in zip(said, dips, strict=True)
        )

    def _measure_attenuations(self, words: Sequence[Word]) -> list[float]:
        """By how many dB each word is fainter than the wearer."""
        return [self._level - self._loudness.vowel_level(word) for word in words]


def _spans_without_faint_ends(attenuations_db: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Yield spans of word indexes left by cutting faint words off either end, shortest first."""
    last = len(attenuations_db)
    heads = [
        at
        for at in range(1, last)
        if _is_distant(attenuations_db[:at]) and attenuations_db[at - 1] - attenuations_db[at] >= _SETS_IN_DB
    ]
    tails = [
        at
        for at in range(1, last)
        if _is_distant(attenuations_db[at:]) and attenuations_db[at] - attenuations_db[at - 1] >= _SETS_IN_DB
    ]
    spans = [(begin, end) for begin, end in product((0, *heads), (*tails, last)) if begin < end]
    yield from sorted(((begin, end) for begin, end in spans if end - begin < last), key=lambda span: span[1] - span[0])


def _is_distant(attenuations_db: Sequence[float]) -> bool:
    return min(attenuations_db) >= _FADING_DB and sum(attenuations_db) / len(attenuations_db) >= _OUTSIDE_DB


def _all_words_allow_value(
    entry: FieldReading, whole: FieldReading | None, words: Sequence[Word], span: tuple[int, int]
) -> bool:
    """Whether all words together still allow the value that the span alone gives."""
    if whole is not None and (whole.value, whole.runner_up, whole.rivals) != (None, None, ()):
        return entry.value in (whole.value, whole.runner_up, *whole.rivals)
    return not any(
        ENGLISH.may_be_in_identifier(words[at - 1].text) and ENGLISH.may_be_in_identifier(words[at].text)
        for at in span
        if 0 < at < len(words)
    )


def _changes_meaning(words: Sequence[Word], run: range) -> bool:
    """Whether removing these words would change the meaning, if the wearer spoke them.

    Without a word between two numbers they join to another number; without "no, thirteen" the corrected value stands.
    """
    between = run.start > 0 and run.stop < len(words)
    inside = between and all(ENGLISH.may_be_in_identifier(words[at].text) for at in (run.start - 1, run.stop))
    return inside or (run.start > 0 and _begins_with_phrase(words[run.start : run.stop], _TAKES_BACK))


def _ends_phrase(words: Sequence[Word], run: range) -> bool:
    """Whether the run is one word spoken in one breath with the word before it, and followed by a pause."""
    alone = len(run) == 1 and words[run.start].start - words[run.start - 1].end < _JOINED_S
    return alone and words[run.stop].start - words[run.start].end >= _PAUSE_S


def _begins_with_phrase(words: Sequence[Word], phrases: Collection[tuple[str, ...]]) -> bool:
    said = [fold(word.text) for word in words]
    return any(tuple(said[:size]) in phrases for size in range(1, len(said) + 1))


def _find_faint_runs(attenuations_db: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Yield the index spans of consecutive faint words."""
    for is_faint, run in groupby(range(len(attenuations_db)), key=lambda at: attenuations_db[at] >= _FAINT_DB):
        if is_faint:
            first, *others = run
            yield first, first + len(others) + 1


def _trim_fading(attenuations_db: Sequence[float], begin: int, end: int) -> range:
    """The run of faint words without those at its ends into which the wearer's voice only fades."""
    while begin < end and begin > 0 and attenuations_db[begin] - attenuations_db[begin - 1] <= _FADING_DB:
        begin += 1
    while begin < end < len(attenuations_db) and attenuations_db[end - 1] - attenuations_db[end] <= _FADING_DB:
        end -= 1
    return range(begin, end)
