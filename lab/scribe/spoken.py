"""A spoken shift: recorded sentences in noise, recognised by the device's own pipeline.

Other lines are synthesised by espeak-ng, as in `lab.operator_speech`. Recordings at _SNR_DB are used as they are, clean
ones are mixed with generated noise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from dockvoice_protocol.errors import UnreadableInput
from edge.agent.dialogue_driver import StepResult
from edge.agent.events import DictationEvent, UtteranceDecided
from edge.agent.parts import Parts, assemble_interpretation, dictate_sources, make_dictation
from edge.agree.decide import Rules
from edge.config import Settings
from edge.hear.acoustics import measure_acoustics
from edge.hear.recording import RecordedSource
from edge.keep.journal_thread import JournalThread
from edge.records import SAMPLE_RATE
from lab.noises import NOISE_KINDS, Sound, generate_noise, mix_at_snr, read_all_samples
from lab.operator_speech import AFTER_S, BEFORE_S, SyntheticSpeech, synthesise
from lab.scoring import Clip
from lab.scribe.wording import Load
from lab.typed_conversation import TypedConversation

_SNR_DB = 10.0  # Ratio of speech to noise, dB: a headset at a dock with a fork lift nearby.

AT_IT, CLEAN = "10dB", "clean"  # A set's condition names for recordings at that ratio, and for clean ones.

_FIELDS = {"pallet_id", "quantity", "dock"}  # Fields that a usable recording must give.


@dataclass(frozen=True)
class _RecordedSentence:
    """One dictated pallet with all its recordings."""

    load: Load
    clips: tuple[Clip, ...]


@dataclass(frozen=True)
class ShiftRecordings:
    """The recordings of a set that a shift uses."""

    sentences: tuple[_RecordedSentence, ...]
    talk: tuple[Clip, ...]


def select_recordings(clips: Sequence[Clip]) -> ShiftRecordings:
    """Select whole sentences and chatter from a manifest. Raises UnreadableInput if there are none."""
    usable = [clip for clip in clips if clip.condition.split()[-1] in {AT_IT, CLEAN} and clip.text]
    whole_ones = sorted((clip for clip in usable if set(clip.fields or {}) == _FIELDS), key=_text_and_speaker)
    sentences = tuple(_recorded_sentence(tuple(same)) for _, same in groupby(whole_ones, key=_text_and_speaker))
    talk = tuple(clip for clip in usable if clip.fields is None and not clip.heard and clip.speech_end is not None)
    if not sentences or not talk:
        raise UnreadableInput(f"of {len(clips)} clips no pallet or no talk is {CLEAN} or at {AT_IT}, with its text")
    return ShiftRecordings(sentences, talk)


def _text_and_speaker(clip: Clip) -> tuple[str, str]:
    return clip.text, clip.speaker or ""


def _recorded_sentence(clips: tuple[Clip, ...]) -> _RecordedSentence:
    fields = clips[0].fields or {}
    return _RecordedSentence(Load(str(fields["pallet_id"]), int(str(fields["quantity"])), str(fields["dock"])), clips)


class _DeviceHearing:
    """The device's recognition pipeline: sound in, decisions out."""

    def __init__(self, parts: Parts, executor: JournalThread, runner: asyncio.Runner) -> None:
        self._parts = parts
        self._executor = executor
        self._runner = runner
        self._decisions: list[UtteranceDecided] = []

    def rules(self) -> Rules:
        """The pipeline's rules."""
        return self._parts.rules

    def say(self, text: str, voice: str) -> Sound:
        """Synthesise the text with espeak-ng in this speaker's voice."""
        return self._runner.run(synthesise(text, voice, seed=0))

    def recognise(self, sound: Sound, message: str) -> list[UtteranceDecided]:
        """Recognise a sound; return the decisions. `message` distinguishes it from the same sound at another time."""
        self._decisions = []
        self._runner.run(
            dictate_sources(make_dictation(self._parts, self._executor, self._add), [SyntheticSpeech(sound, message)])
        )
        return self._decisions

    def _add(self, event: DictationEvent) -> None:
        if isinstance(event, UtteranceDecided):
            self._decisions.append(event)


@contextmanager
def open_hearing(settings: Settings) -> Iterator[_DeviceHearing]:
    """The recognition pipeline of an agent with these settings in a conversation."""
    agree = settings.agree.model_copy(update={"conversation": True})
    with (
        TemporaryDirectory(prefix="dockvoice-scribe-heard-") as scratch,
        JournalThread(Path(scratch)) as executor,
        asyncio.Runner() as runner,
    ):
        yield _DeviceHearing(assemble_interpretation(settings.model_copy(update={"agree": agree})), executor, runner)


class SpeakingOperator:
    """An operator with recorded sentences, and synthesised answers in one voice."""

    ways: Mapping[str, int] = {"whole": 100}

    def __init__(self, hearing: _DeviceHearing, recorded: ShiftRecordings, random: Random) -> None:
        self._hearing = hearing
        self._recorded = recorded
        self._random = random
        self._name = f"operator {random.random()}"
        self._sentences: dict[str, _RecordedSentence] = {}
        self._number = 0

    def choose_trailer_loads(self, count: int, random: Random) -> list[Load]:
        """Choose pallets of which the set has recordings."""
        chosen = random.sample(self._recorded.sentences, min(count, len(self._recorded.sentences)))
        self._sentences = {one.load.pallet: one for one in chosen}
        return [one.load for one in self._sentences.values()]

    def sentence(self, load: Load, _random: Random) -> str:
        """The recorded sentence's text."""
        return self._sentences[load.pallet].clips[0].text

    def send(
        self, talk: TypedConversation, line: str, kind: str, about: str, note: Callable[[str], None]
    ) -> Iterator[StepResult]:
        """Send the line as sound in noise; it may be recognised in pieces, or not at all."""
        self._number += 1
        for decided in self._hearing.recognise(
            self._utterance_sound(line, kind, about, note), f"{self._name} {self._number}"
        ):
            segment = decided.utterance.segment
            note(f"    heard: {decided.reading.transcript}")
            yield talk.handle_reading(decided.reading, segment.closing, measure_acoustics(segment))

    def is_nonexistent_pallet(self, pallet: str) -> bool:
        """Whether the trailer has no such pallet, so that the line is about the intended one."""
        return pallet not in self._sentences

    def _utterance_sound(self, line: str, kind: str, about: str, note: Callable[[str], None]) -> Sound:
        match kind:
            case "plain" | "again":
                return self._clip_sound(self._random.choice(self._sentences[about].clips))
            case "talk":
                clip = self._random.choice(self._recorded.talk)
                note(f"    it is: {clip.text}")
                return self._clip_sound(clip)
            case _:
                said = self._hearing.say(line, self._name)
                before, after = (round(seconds * SAMPLE_RATE) for seconds in (BEFORE_S, AFTER_S))
                return self._mix_noise(np.pad(said, (before, after)))

    def _clip_sound(self, clip: Clip) -> Sound:
        sound = read_all_samples(RecordedSource(clip.audio))
        return self._mix_noise(sound) if clip.condition.split()[-1] == CLEAN else sound

    def _mix_noise(self, sound: Sound) -> Sound:
        kind, seed = self._random.choice(sorted(NOISE_KINDS)), self._random.randrange(2**31)
        return mix_at_snr(sound, generate_noise(kind, len(sound) / SAMPLE_RATE, seed), _SNR_DB)
