"""An operator who answers: what is asked, misheard or read back wrong is said again, until the entry is right or left.

So it can be measured what a question costs, and how much is wrong in the end. Answers are recordings of the set where
it has some; else espeak-ng says them, over the clip's own noise and as loud as the clip's speaker.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random

import numpy as np

from edge.agree.completing import Pending, completed
from edge.agree.voices.espeak import WORDS_PER_MINUTE, EspeakVoice
from edge.app import Parts, dictation, take
from edge.dictation import Decided, Told
from edge.forms.form import FormField
from edge.forms.spoken import saying
from edge.hear.framing import Framing, floats
from edge.hear.recording import Recording
from edge.keep.desk import Desk
from edge.noises import Sound, active_rms, within_full_scale
from edge.ports import Source
from edge.records import SAMPLE_RATE, FieldValue, Frame, Outcome, Reading, Verdict
from edge.reporting.lines import Conversation, Turn
from edge.scoring import Clip, Result, same

MOST_TURNS = 3
"""After so many answers a person is left in peace: the entry is parked, for somebody to look at."""

REACTION_S = 0.7
"""From the end of a question to the first word of the answer. People leave 0.2 s between turns of a chat, and take
longer to read a number off a label; an estimate."""

BEFORE_S, AFTER_S = 0.4, 1.6
"""Sound before and after an answer: after it, more than the longest silence that endpointing waits for."""

VARIANTS = ("", "m1", "m3", "m7", "f1", "f2", "f4")
SPEEDS = (135, 175)
"""Words per minute between which each speaker has a pace."""

SAY_WITHIN_S = 30.0
"""Far more than espeak-ng ever takes; it computes on this machine."""

NOISE_MARGIN_S = 0.15
"""Breath around speech is no noise."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How the operator behaves."""

    attentive: float = 1.0
    """The share of wrong readbacks that are noticed, 0 to 1."""
    read_back: bool = True
    """Every accepted entry is read back. Without, nobody can notice a wrong one."""
    seed: int = 2026


@dataclass(slots=True)
class _Entry:
    """Where the entry stands."""

    reading: Reading
    verdict: Verdict
    correcting: bool = False


class SimulatedOperator:
    """Holds the conversation that follows a clip, with the parts that heard the clip."""

    def __init__(self, parts: Parts, desk: Desk, habits: Habits) -> None:
        """Answers are heard as the clips were; `desk` is the same scratch journal."""
        self._parts = parts
        self._desk = desk
        self._habits = habits

    async def converse(self, result: Result) -> Conversation | None:
        """How the clip ends when the operator answers; None for a clip that dictates nothing whole."""
        truth = result.clip.fields
        if truth is None:
            return None
        if sum(one.verdict.outcome is Outcome.ACCEPT for one in result.heard) > 1:
            return Conversation(end="wrong", fields={}, questions=0, seconds=result.audio_s)
        random = Random(f"{self._habits.seed} {result.clip.audio.name}")  # noqa: S311 - chance, not secrecy
        entry, seconds = _begun(result)
        turns: list[Turn] = []
        while (about := self._about(entry, truth, random)) is not None:
            seconds += self._told_s(entry.verdict)
            if len(turns) == MOST_TURNS or entry.verdict.outcome is Outcome.DEFER:
                return _ended("parked", entry, turns, seconds)
            turn = await self._answer(entry, about, result, len(turns), random)
            turns.append(turn)
            seconds += turn.seconds
        seconds += self._told_s(entry.verdict)
        return _ended("right" if same(entry.verdict.fields, truth) else "wrong", entry, turns, seconds)

    def _about(self, entry: _Entry, truth: dict[str, FieldValue], random: Random) -> tuple[str, ...] | None:
        """The fields to say next; None where the operator is content."""
        entry.correcting = False
        verdict = entry.verdict
        if verdict.outcome is Outcome.ASK and verdict.ask is not None:
            return (verdict.ask,)
        if verdict.outcome is not Outcome.ACCEPT:
            return tuple(truth)
        wrong = [name for name in truth if verdict.fields.get(name) != truth[name]]
        noticed = self._habits.read_back and random.random() < self._habits.attentive
        if not wrong or not noticed:
            return None
        entry.correcting = True
        return (wrong[0],)

    def _told_s(self, verdict: Verdict) -> float:
        """How long the device speaks, in seconds: a readback, a question, or a request to say it all again."""
        form = self._parts.form
        if verdict.outcome is Outcome.ACCEPT:
            text = form.readback(verdict.fields) if self._habits.read_back else ""
        else:
            text = next((field.ask for field in form.fields if field.name == verdict.ask), "please say it again")
        return len(text.split()) * 60 / WORDS_PER_MINUTE

    async def _answer(self, entry: _Entry, about: tuple[str, ...], result: Result, number: int, random: Random) -> Turn:
        text = self._words(about, result.clip, random)
        source = await self._sound(about, text, result, number)
        heard = await self._heard(source)
        whole = len(about) > 1
        if heard is None:
            return Turn(about=None if whole else about[0], text=text, transcript="", seconds=source.seconds)
        if whole:
            entry.reading, entry.verdict = heard.reading, heard.verdict
        else:
            pending = Pending(entry.reading, about[0], entry.correcting)
            closing = heard.utterance.segment.closing
            entry.reading, entry.verdict = completed(pending, heard.reading, closing, self._parts.rules)
        seconds = REACTION_S + heard.utterance.segment.closed / SAMPLE_RATE - BEFORE_S + heard.compute_s
        return Turn(about=None if whole else about[0], text=text, transcript=heard.reading.transcript, seconds=seconds)

    def _words(self, about: Sequence[str], clip: Clip, random: Random) -> str:
        truth = clip.fields or {}
        fields = (field for field in self._parts.form.fields if field.name in about and field.name in truth)
        return ", ".join(self._mention(field, truth[field.name], random) for field in fields)

    def _mention(self, field: FormField, value: FieldValue, random: Random) -> str:
        """A field's own sentence: "pallet seven four two", "twelve units", "dock B"."""
        words = saying.said(value, field, self._parts.catalogue, random)
        # Espeak-ng says a small "a" as the article, and a capital as the letter.
        spelt = " ".join(word.upper() if len(word) == 1 else word for word in words.split())
        if field.units:
            plural, singular = next(iter(field.units.items()))
            return f"{words} {singular if value == 1 else plural}"
        return f"{field.labels[0]} {spelt}"

    async def _sound(self, about: tuple[str, ...], text: str, result: Result, number: int) -> _Spoken:
        recorded = result.clip.answers.get(about[0]) if len(about) == 1 else None
        if recorded is not None:
            return _Spoken(_samples(Recording(recorded)), f"{result.clip.audio} {number}")
        voice = _voice(result.clip.speaker or "", self._habits.seed)
        language = "en"  # what the on-device recognisers hear
        pieces = [piece async for piece in voice.say(text, language, SAY_WITHIN_S)]
        said = floats(b"".join(pieces)).astype(np.float64)
        return _Spoken(_in_place(said, result), f"{result.clip.audio} {number}")

    async def _heard(self, source: _Spoken) -> Decided | None:
        heard: list[Decided] = []

        def told(what: Told) -> None:
            if isinstance(what, Decided):
                heard.append(what)

        await take(dictation(self._parts, self._desk, told), [source])
        return _best(heard)


class _Spoken(Source):
    """An answer as a source. `told` makes it another saying than the same sound at another time."""

    live = False

    def __init__(self, sound: Sound, told: str) -> None:
        self.name = f"sha256:{sha256(told.encode() + sound.tobytes()).hexdigest()}"
        self._sound = sound

    @property
    def seconds(self) -> float:
        return len(self._sound) / SAMPLE_RATE

    def frames(self) -> Iterator[Frame]:
        framing = Framing(SAMPLE_RATE)
        yield from framing.take(self._sound.astype(np.float32)[:, np.newaxis])
        yield from framing.end()


def _begun(result: Result) -> tuple[_Entry, float]:
    """The entry as the clip left it, and the seconds from its first word until then."""
    best = _best(result.heard)
    if best is None:
        nothing = Reading("none", result.clip.form, (), {})
        return _Entry(nothing, Verdict(Outcome.IGNORE, (), {})), result.audio_s
    segment = best.utterance.segment
    return _Entry(best.reading, best.verdict), (segment.closed - segment.speech_start) / SAMPLE_RATE + best.compute_s


def _best(heard: Sequence[Decided]) -> Decided | None:
    """What was accepted, else the utterance that says most."""
    return max(heard, key=lambda one: (one.verdict.outcome is Outcome.ACCEPT, len(one.reading.fields)), default=None)


def _ended(end: str, entry: _Entry, turns: Sequence[Turn], seconds: float) -> Conversation:
    told = tuple(turn.model_copy(update={"seconds": round(turn.seconds, 2)}) for turn in turns)
    fields = dict(entry.verdict.fields)
    return Conversation(end=end, fields=fields, questions=len(turns), seconds=round(seconds, 2), turns=told)


def _voice(speaker: str, seed: int) -> EspeakVoice:
    """One voice and pace for each speaker of the set."""
    random = Random(f"{seed} {speaker}")  # noqa: S311 - chance, not secrecy
    return EspeakVoice(random.randint(*SPEEDS), random.choice(VARIANTS))


def _samples(recording: Recording) -> Sound:
    return floats(b"".join(frame.pcm for frame in recording.frames())).astype(np.float64)


def _in_place(said: Sound, result: Result) -> Sound:
    """What is said, as loud as the clip's speaker, over the noise that the clip has where nobody speaks."""
    sound = _samples(Recording(result.clip.audio))
    speech, around = _parted(sound, result)
    before, after = (round(seconds * SAMPLE_RATE) for seconds in (BEFORE_S, AFTER_S))
    padded = np.pad(said, (before, after))
    noise = np.resize(around, len(padded)) if len(around) else np.zeros(len(padded))
    # The clip's speech was measured with its noise in it.
    power = max(active_rms(speech) ** 2 - float(np.mean(noise**2)), active_rms(speech) ** 2 / 10)
    return within_full_scale(padded * (np.sqrt(power) / active_rms(said)) + noise)


def _parted(sound: Sound, result: Result) -> tuple[Sound, Sound]:
    """The clip's stretch of speech, and what lies around it."""
    starts = [one.utterance.segment.speech_start for one in result.heard]
    margin = round(NOISE_MARGIN_S * SAMPLE_RATE)
    begin = max(0, min(starts, default=0) - margin)
    end = len(sound) if result.clip.speech_end is None else round(result.clip.speech_end * SAMPLE_RATE) + margin
    return sound[begin:end], np.concatenate([sound[:begin], sound[end:]])
