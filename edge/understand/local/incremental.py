"""Incremental recognition: the sound of an utterance is fed to the recogniser while it is being spoken.

The reading depends on the recorded sound only, so reading the recording again gives the same reading.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from time import thread_time
from typing import Protocol

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import expect_more
from dockvoice_protocol.forms.spoken.language import ENGLISH, Language
from dockvoice_protocol.records import FieldReading, FieldValue, Reading, TurnExpectation, Word
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Utterance
from edge.understand.letter_classifier import corroborate_letters_by_spectrum, load_discriminants
from edge.understand.local.letter_check import LetterCheck
from edge.understand.wearer_voice import VoiceTrack, WearerVoice

PIECE = SAMPLE_RATE // 5 * SAMPLE_BYTES
"""Bytes given to a recogniser at a time: 200 ms, however the sound arrives, since recognisers adapt to a voice piece by
piece. Vosk cuts longer sound so itself; given pieces of 20 ms it had other confidences in 47 of 120 recordings."""

Awaited = Callable[[], Collection[str] | None]
"""Returns the fields that the open entry still lacks; None: all of the form's."""


def await_no_fields() -> None:
    """Return None: without a dialogue no field is awaited, each utterance is an entry of its own."""


class _Recogniser(Protocol):
    """Recogniser of one utterance: accepts its sound piece by piece, and gives the reading at the end."""

    def accept(self, pcm: bytes) -> None:
        """Decode the next piece of sound."""

    def is_unfinished_entry(self) -> bool:
        """Whether the words so far are surely an incomplete entry; more sound may follow."""

    def reading(self) -> Reading:
        """The reading of all accepted sound; no sound may follow."""


@dataclass(slots=True)
class SpeculationCounters:
    """Counters of speculative readings at pauses, over all utterances of one interpreter. Times are CPU seconds.

    The ear's thread writes the counters of pauses, `finish` the others, so no lock is needed.
    """

    made: int = 0  # Readings made at a pause, as if it were the end.
    used: int = 0  # Those that were the end.
    made_s: float = 0.0  # Spent on all of them, from the pause on.
    used_s: float = 0.0  # Spent on those that were used: they would have been made anyway.
    again_s: float = 0.0  # Spent on hearing again what had been heard, after a reading was thrown away.
    ahead_s: float = 0.0  # Spent while the operator spoke, readings at pauses included.
    after_s: float = 0.0  # Spent when the utterance was closed.

    @property
    def discarded(self) -> int:
        """The number of speculative readings that were discarded."""
        return self.made - self.used

    @property
    def wasted_s(self) -> float:
        """CPU seconds spent on discarded readings."""
        return self.made_s - self.used_s + self.again_s

    @property
    def wasted_share(self) -> float:
        """The wasted share of all CPU time, 0 to 1."""
        total = self.ahead_s + self.after_s
        return self.wasted_s / total if total else 0.0


class SpeculativeListener:
    """An on-device recogniser that listens to one utterance, and reads speculatively at each pause.

    If speech goes on, the reading is discarded and the recogniser decodes the sound again from the start.
    """

    def __init__(
        self,
        begin: Callable[[], _Recogniser],
        judge: Callable[[Reading], TurnExpectation],
        speculation: SpeculationCounters | None = None,
        cpu_seconds: Callable[[], float] = thread_time,
        voice: VoiceTrack | None = None,
        doubt: Callable[[Reading], Reading] = lambda reading: reading,
        letter_check: LetterCheck | None = None,
        corroborate: Callable[[Reading, bytes], Reading] = lambda reading, _: reading,
    ) -> None:
        """`begin` makes a fresh recogniser, the first one at once; `judge` returns what may follow a reading.

        `speculation` counts the cost of speculative readings, by the clock `cpu_seconds`. `voice` is the voice in the
        utterance, None where none is known; `doubt` makes a reading of another voice one that is asked about.
        `letter_check` checks letters that rhyme, None where no second recogniser is here. `corroborate` makes letters
        surer by their spectrum.
        """
        self._corroborate = corroborate
        self._letter_check = letter_check
        self._pending_letter_check: Future[Reading] | None = None
        self._voice = voice
        self._doubt = doubt
        self._begin = begin
        self._judge = judge
        self._speculation = speculation or SpeculationCounters()
        self._cpu_seconds = cpu_seconds
        self._foresight_s = 0.0
        self._recogniser = begin()
        self._pcm = bytearray()
        self._taken = 0
        self._foreseen: Reading | None = None

    def hear(self, pcm: bytes) -> None:
        """Decode the next piece of sound."""
        began = self._cpu_seconds()
        if self._foreseen is not None:
            self._begin_anew()
            self._accept_pieces(self._pcm)
            self._speculation.again_s += self._cpu_seconds() - began
        self._pcm += pcm
        self._accept_pieces(self._pcm)
        if self._voice is not None:
            self._voice.hear(self._pcm)
        self._speculation.ahead_s += self._cpu_seconds() - began

    def judge_pause(self) -> TurnExpectation:
        """Read the sound so far as if it were complete, unless it surely is not; return whether more may follow."""
        began = self._cpu_seconds()
        if self._foreseen is None and self._recogniser.is_unfinished_entry():
            self._speculation.ahead_s += self._cpu_seconds() - began
            return TurnExpectation.MORE
        self._foreseen = self._read(bytes(self._pcm))
        self._foresight_s = self._cpu_seconds() - began
        self._speculation.made += 1
        self._speculation.made_s += self._foresight_s
        self._speculation.ahead_s += self._foresight_s
        if self._letter_check is not None and self._pending_letter_check is None:
            self._pending_letter_check = self._letter_check.begin(self._foreseen, bytes(self._pcm))
        return self._judge(self._foreseen)

    async def finish(self, utterance: Utterance) -> Reading:
        """The reading of the whole utterance; sound that was not passed to `hear` is decoded now."""
        pcm = utterance.segment.pcm
        if self._foreseen is not None and self._pcm == pcm:
            self._speculation.used += 1
            self._speculation.used_s += self._foresight_s
            reading = self._foreseen
        else:
            self._pending_letter_check = None  # It is of less sound.
            reading = await asyncio.to_thread(self._read_timed, pcm)
        if self._letter_check is None:
            return reading
        return await self._letter_check.check(reading, pcm, self._pending_letter_check)

    def _read_timed(self, pcm: bytes) -> Reading:
        began = self._cpu_seconds()
        reading = self._read(pcm)
        self._speculation.after_s += self._cpu_seconds() - began
        return reading

    def _read(self, pcm: bytes) -> Reading:
        if self._foreseen is not None or self._pcm[: self._taken] != pcm[: self._taken]:
            self._begin_anew()
        self._accept_pieces(pcm)
        if rest := pcm[self._taken :]:
            self._recogniser.accept(rest)
        reading = self._corroborate(self._recogniser.reading(), pcm)
        return self._doubt(reading) if self._voice is not None and self._voice.is_another_voice(pcm) else reading

    def _begin_anew(self) -> None:
        self._recogniser, self._taken, self._foreseen, self._pending_letter_check = self._begin(), 0, None, None

    def _accept_pieces(self, pcm: bytes | bytearray) -> None:
        while self._taken + PIECE <= len(pcm):
            self._recogniser.accept(bytes(pcm[self._taken : self._taken + PIECE]))
            self._taken += PIECE


class OnDeviceInterpreter(ABC):
    """A recogniser on the device, for one form. Any number of listeners may be open."""

    def __init__(
        self,
        name: str,
        form: Form,
        catalogue: Catalogue,
        language: Language = ENGLISH,
        *,
        converses: bool = False,
        awaited: Awaited = await_no_fields,
    ) -> None:
        self.name = name
        self.speculation = SpeculationCounters()
        self.voice: WearerVoice | None = None
        """The wearer's; utterances in another one are asked about. Set once, before the first utterance."""
        self.letter_check: LetterCheck | None = None
        """Checks letters that rhyme, where a second recogniser is here. Set once, before the first utterance."""
        self.letter_discriminants = load_discriminants() if language is ENGLISH else None
        """Tells letters by their sound, where those of the language are known. Set once, before the first utterance."""
        self._form = form
        self._catalogue = catalogue
        self._language = language
        self._converses = converses
        self._awaited = awaited
        self._needed = form.required_fields

    def listen(self) -> SpeculativeListener:
        """Begin to listen to one utterance, which is decoded while it is spoken."""
        return self._listen(self._begin)

    def _listen(self, begin: Callable[[], _Recogniser]) -> SpeculativeListener:
        return SpeculativeListener(
            begin,
            lambda reading: self._expected(reading.words, reading.fields),
            self.speculation,
            self._cpu_seconds,
            None if self.voice is None else VoiceTrack(self.voice),
            self._doubt,
            self.letter_check,
            self._corroborate_letters,
        )

    def _corroborate_letters(self, reading: Reading, pcm: bytes) -> Reading:
        if self.letter_discriminants is None:
            return reading
        return corroborate_letters_by_spectrum(reading, pcm, self._form, self._catalogue, self.letter_discriminants)

    def _doubt(self, reading: Reading) -> Reading:
        """The reading with one unconfirmed field, for one question: the identifier, where it was said."""
        asked = sorted(reading.fields, key=lambda name: not self._form[name].identifier)[:1]
        doubted = {name: replace(reading.fields[name], confirmed=False) for name in asked}
        return replace(reading, fields={**reading.fields, **doubted})

    def _allows(self, name: str, value: FieldValue) -> bool:
        """Whether the field may have the value, by the form and the catalogue."""
        field = self._form[name]
        return field.allows(value) and self._catalogue.has_values(field.catalogue, value)

    def _cpu_seconds(self) -> float:
        """CPU seconds of the calling thread, and of those that work for it.

        Of two utterances decoded at the same time each counts what such a thread does for the other, too.
        """
        return thread_time()

    @abstractmethod
    def _begin(self) -> _Recogniser: ...

    def _expected(self, words: Sequence[Word], fields: Mapping[str, FieldReading]) -> TurnExpectation:
        return expect_more(
            words,
            fields,
            self._form,
            self._catalogue,
            self._language,
            converses=self._converses,
            awaited=self._awaited(),
        )

    def _lacks_several(self, fields: Mapping[str, FieldReading]) -> bool:
        """Whether the entry was begun and lacks two or more fields."""
        awaited = self._awaited()
        owed = (self._needed if awaited is None else frozenset(awaited)) - fields.keys()
        return bool(fields) and len(owed) > 1
