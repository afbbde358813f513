"""The simulated operator's words, and their synthesised sound in the noise of the clip.

The operator knows only the intended entry and the device's prompts. Words are drawn at random from the form's ways of
speaking, the same for the same clip and seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from random import Random

import numpy as np

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.forms.spoken import in_words
from dockvoice_protocol.forms.spoken.sentences import value_in_words
from dockvoice_protocol.records import FieldValue
from edge.agree.dialogue.questions import Question, Topic
from edge.audio.pcm import to_floats
from edge.ports import Source
from edge.records import SAMPLE_RATE, Frame
from edge.speak.voices import EspeakVoice, usual_words_per_minute
from lab.noises import Sound, active_rms, limit_peak, to_frames
from lab.scoring import ClipResult

BEFORE_S, AFTER_S = 0.4, 1.6
"""Seconds of noise before and after an answer: after it, more than the longest silence that endpointing waits for."""

_VARIANTS = ("", "m3", "m4", "m5", "m7", "f1", "f2")
"""Speakers of espeak-ng with at least 45 of 48 answers recognised in silence. The "nine" of m1, m2, f3 and f4 is hardly
one.
"""

_SPEEDS = (135, 175)  # Words per minute between which each speaker has a pace.

_SAY_WITHIN_S = 30.0  # Far more than espeak-ng ever takes; it computes on this machine.

_NOISE_MARGIN_S = 0.15  # Excluded from the noise on both sides of speech, for it is breath.

LANGUAGE = "en"  # The language of the on-device recognisers.


class SyntheticSpeech(Source):
    """Synthesised speech as a microphone source. `message` distinguishes it from the same sound at another time."""

    live = False

    def __init__(self, sound: Sound, message: str) -> None:
        self.name = f"sha256:{sha256(message.encode() + sound.tobytes()).hexdigest()}"
        self._sound = sound

    @property
    def seconds(self) -> float:
        """Duration of the speech in seconds."""
        return len(self._sound) / SAMPLE_RATE

    def frames(self) -> Iterator[Frame]:
        """The sound in frames of 20 ms."""
        return to_frames(self._sound)


async def synthesise(text: str, speaker: str, seed: int) -> Sound:
    """Synthesise the text with espeak-ng in the voice that belongs to a speaker of the set."""
    return await say(_choose_voice(speaker, seed), text)


async def say(voice: EspeakVoice, text: str, language: str = LANGUAGE) -> Sound:
    """Synthesise the text with espeak-ng."""
    pieces = [piece async for piece in voice.say(text, language, _SAY_WITHIN_S)]
    return to_floats(b"".join(pieces)).astype(np.float64)


def require_espeak() -> None:
    """Raise Misconfigured if espeak-ng is missing: before hours of recognition, not after them."""
    try:
        EspeakVoice()
    except Misconfigured as fault:
        raise Misconfigured(f"--operator: the simulated operator answers with {fault}") from None


def _choose_voice(speaker: str, seed: int) -> EspeakVoice:
    """The espeak-ng voice and pace of a speaker, chosen at random but the same for the same seed and name."""
    random = Random(f"{seed} {speaker}")  # noqa: S311 - chance, not secrecy
    return EspeakVoice(random.randint(*_SPEEDS) / usual_words_per_minute(LANGUAGE), random.choice(_VARIANTS))


def embed_in_clip_noise(said: Sound, clip: Sound, result: ClipResult) -> Sound:
    """Mix the utterance into the clip's own background noise, as loud as the clip's speaker."""
    speech, around = _split_speech_and_noise(clip, result)
    before, after = (round(seconds * SAMPLE_RATE) for seconds in (BEFORE_S, AFTER_S))
    padded = np.pad(said, (before, after))
    noise = np.resize(around, len(padded)) if len(around) else np.zeros(len(padded))
    # The clip's speech was measured with its noise in it.
    power = max(active_rms(speech) ** 2 - float(np.mean(noise**2)), active_rms(speech) ** 2 / 10)
    return limit_peak(padded * (np.sqrt(power) / active_rms(said)) + noise)


def _split_speech_and_noise(sound: Sound, result: ClipResult) -> tuple[Sound, Sound]:
    """The clip's speech, and the sound before and after it."""
    starts = [one.utterance.segment.speech_start for one in result.decisions]
    margin = round(_NOISE_MARGIN_S * SAMPLE_RATE)
    begin = max(0, min(starts, default=0) - margin)
    end = len(sound) if result.clip.speech_end is None else round(result.clip.speech_end * SAMPLE_RATE) + margin
    return sound[begin:end], np.concatenate([sound[:begin], sound[end:]])


_OTHER_WORDS = 8
"""Attempts to find another wording. After a mishearing the operator says "echo" for "E"; some values have one wording.
"""

_BARE = 0.5  # The share of answers that are the value alone, "fifteen" for "fifteen units"; an estimate.


class UtteranceReason(StrEnum):
    """The operator's reason to speak."""

    ANSWER = "answer"  # An answer to a question.
    CORRECTION = "correction"  # The readback differs from the intended values.
    AGAIN = "again"  # No part of the sentence was accepted.


@dataclass(frozen=True, slots=True)
class OperatorUtterance:
    """One utterance of the operator."""

    why: UtteranceReason
    text: str
    about: str | None = None  # The one field whose value it gives.


class OperatorWords:
    """Words the utterances of an operator who intends one entry."""

    def __init__(self, form: Form, catalogue: Catalogue, truth: Mapping[str, FieldValue], random: Random) -> None:
        self._form = form
        self._catalogue = catalogue
        self._truth = truth
        self._random = random
        self._said: set[str] = set()

    def whole_entry(self) -> OperatorUtterance:
        """Word the whole entry once more."""
        fields = (field for field in self._form.fields if field.name in self._truth)
        return OperatorUtterance(UtteranceReason.AGAIN, ", ".join(self._word_field(field) for field in fields))

    def word_correction(self, read_back: Mapping[str, FieldValue]) -> OperatorUtterance | None:
        """Word a correction of the first field that was read back wrong, "no, fifteen units"; None if all are right."""
        for field in self._form.fields:
            if field.name in self._truth and read_back.get(field.name) != self._truth[field.name]:
                return OperatorUtterance(UtteranceReason.CORRECTION, f"no, {self._word_field(field)}", field.name)
        return None

    def word_answer(self, question: Question) -> OperatorUtterance:
        """Word the answer to a question; a correction if the question offers an unintended value."""
        match question.about:
            case Topic.ENTRY_RIGHT:
                return self._confirm_or_correct(question.fields)
            case Topic.FIELD_RIGHT | Topic.INSTEAD:
                offered = {str(question.field): question.candidates[0]} if question.candidates else question.fields
                return self._confirm_or_correct({**self._truth, **offered})
            case Topic.PROOF if question.field is not None:
                return OperatorUtterance(
                    UtteranceReason.ANSWER, self._word_check_digits(question.field, question.check)
                )
            case Topic.FIELD | Topic.CHOICE if question.field is not None and question.field in self._truth:
                return OperatorUtterance(
                    UtteranceReason.ANSWER, self._reply(self._form[question.field]), question.field
                )
            case _:
                return self.whole_entry()

    def _confirm_or_correct(self, read_back: Mapping[str, FieldValue]) -> OperatorUtterance:
        return self.word_correction(read_back) or OperatorUtterance(UtteranceReason.ANSWER, "yes")

    def _word_check_digits(self, name: str, number: int) -> str:
        """Word the check digits of the intended location; "no" after they were all used."""
        checks = self._catalogue.check_words(str(self._form[name].catalogue), str(self._truth[name]))
        if number >= len(checks):
            return "no"
        return in_words.spell_out(checks[number], self._random) if checks[number].isdigit() else checks[number]

    def _reply(self, field: FormField) -> str:
        if self._random.random() < _BARE:
            return self._word_value(field)
        return self._word_field(field)

    def _word_field(self, field: FormField) -> str:
        """A field's own sentence: "pallet seven four two", "twelve units", "dock B"."""
        words = self._word_value(field)
        if field.units:
            plural, singular = next(iter(field.units.items()))
            return f"{words} {singular if self._truth[field.name] == 1 else plural}"
        return f"{field.labels[0]} {words}"

    def _word_value(self, field: FormField) -> str:
        """Word the value, differently from earlier attempts that were misheard."""
        value = self._truth[field.name]
        ways = [value_in_words(value, field, self._catalogue, self._random) for _ in range(_OTHER_WORDS)]
        words = next((way for way in ways if way not in self._said), ways[0])
        self._said.add(words)
        if field.units:
            return words
        # Espeak-ng says a small "a" as the article, and a capital as the letter.
        return " ".join(word.upper() if len(word) == 1 else word for word in words.split())
