"""`dockvoice evaluate`: run every clip of a manifest through the production pipeline and collect the results."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from itertools import cycle, groupby, pairwise, repeat
from pathlib import Path
from tempfile import TemporaryDirectory

from dockvoice_protocol.errors import UnreadableInput
from edge.agent.events import (
    CaptureResumed,
    CaptureStopped,
    DictationEvent,
    SourceEnded,
    UtteranceAlreadyStored,
    UtteranceDecided,
)
from edge.agent.parts import Parts, assemble_interpretation, dictate_sources, make_dictation, run_panels
from edge.config import Settings
from edge.hear.recording import RecordedSource
from edge.keep.journal_thread import JournalThread
from edge.ports import Source
from edge.records import SAMPLE_RATE, Outcome
from edge.understand.local.incremental import SpeculationCounters
from edge.understand.local.vosk import VoskInterpreter
from edge.understand.wearer_voice import WearerVoice
from lab.floor import BaselineRecogniser
from lab.noises import BABBLE, NOISE_KINDS, SILENCE, GeneratedNoise, NoisyRecording, read_all_samples
from lab.report.lines import BaselineResult, Conversation
from lab.scoring import Clip, ClipResult, Mark, are_fields_equal, score_clip
from lab.simulated_operator import OperatorHabits, SimulatedOperator
from lab.wordings import generalise_values

MADE_S = 60.0  # Seconds of one clip of generated noise; each has a seed of its own.

ENROLLED = 5
"""Accepted clips of the wearer, the latest before a clip, that its voice is learnt from: half a minute of dictation."""

VOICES = 24  # Maximum recordings overlaid into babble: more sound no different, and take memory.

_Accepted = defaultdict[str, list[tuple[Clip, bytes]]]
"""By speaker, the clips of which something was recorded, with its sound."""


@dataclass(frozen=True, slots=True)
class ClipSource:
    """A clip, and a function that opens its sound."""

    clip: Clip
    source: Callable[[], Source]


@dataclass(frozen=True, slots=True)
class ScoredClip:
    """A clip's result, the simulated conversation after it, and the baseline's result, as far as requested."""

    result: ClipResult
    conversation: Conversation | None
    floor: BaselineResult | None  # The baseline's result, if requested and the clip dictates an entry.
    wording: str | None


def load_clip_sources(clips: Sequence[Clip]) -> tuple[ClipSource, ...]:
    """Pair each clip of a manifest with its recording."""
    return tuple(ClipSource(clip, partial(RecordedSource, clip.audio)) for clip in clips)


def generate_noise_clips(hours: float, clips: Sequence[Clip]) -> tuple[ClipSource, ...]:
    """At least `hours` of generated noise in equal parts of each kind; babble only if there are dictated clips."""
    voices = [read_all_samples(RecordedSource(clip.audio)) for clip in _clean_dictated_clips(clips)[:VOICES]]
    kinds = (SILENCE, *NOISE_KINDS, *([BABBLE] if voices else []))
    each = math.ceil(hours * 3600 / MADE_S / len(kinds))
    return tuple(
        ClipSource(
            Clip(audio=Path(f"made/{kind}-{number}"), form=clips[0].form, fields=None, condition=f"made {kind}"),
            partial(GeneratedNoise, kind, MADE_S, number, voices),
        )
        for kind in kinds
        for number in range(each)
    )


def mix_clips_with_noise(clips: Sequence[Clip], snrs_db: Sequence[int]) -> tuple[ClipSource, ...]:
    """The clean dictated clips mixed with generated noise, its kinds in turn, at each ratio."""
    return tuple(
        ClipSource(
            clip.model_copy(
                update={"audio": Path(f"{clip.audio} in {kind}, {snr} dB"), "condition": f"{snr}dB", "noise": kind}
            ),
            partial(_noisy_source, clip.audio, kind, snr),
        )
        for snr in snrs_db
        for clip, kind in zip(_clean_dictated_clips(clips), cycle(NOISE_KINDS), strict=False)
    )


def _noisy_source(audio: Path, kind: str, snr_db: int) -> Source:
    return NoisyRecording(RecordedSource(audio), kind, snr_db)


def _clean_dictated_clips(clips: Sequence[Clip]) -> list[Clip]:
    return [clip for clip in clips if clip.fields is not None and clip.condition == "clean"]


def with_fixed_pause(settings: Settings, pause_ms: int) -> Settings:
    """The settings with endpointing after one fixed pause, whatever the words."""
    pause = {"hangover_ms": pause_ms, "finished_ms": pause_ms, "unfinished_ms": pause_ms}
    endpoint = settings.hear.endpoint.model_copy(update=pause)
    return settings.model_copy(update={"hear": settings.hear.model_copy(update={"endpoint": endpoint})})


async def evaluate(
    settings: Settings,
    sounds: Sequence[ClipSource],
    tick: Callable[[], None],
    habits: OperatorHabits | None = None,
    *,
    floor: bool = False,
    enrol: Sequence[ClipSource] = (),
) -> tuple[ScoredClip, ...]:
    """Recognise all clips in order; with `habits`, a simulated operator answers after each clip that dictates an entry.

    With `floor`, such clips run through the baseline as well. `enrol` run before those of each form, for the
    voices of their speakers only. `tick` is called after each clip and each conversation.
    Raises UnreadableInput for a clip that is not audio, or is in the manifest twice.
    """
    scored: list[ScoredClip] = []
    with TemporaryDirectory(prefix="dockvoice-evaluate-") as scratch, JournalThread(Path(scratch)) as executor:
        for form, of_form in groupby(sounds, key=lambda sound: sound.clip.form):
            parts = assemble_interpretation(settings, form)
            operator = None if habits is None else SimulatedOperator(parts, executor, habits)
            plain = BaselineRecogniser(settings, parts.form, parts.catalogue) if floor else None
            some = list(of_form)
            accepted: _Accepted = defaultdict(list)
            async with run_panels(parts):
                known = [sound for sound in enrol if sound.clip.form == form]
                with TemporaryDirectory(prefix="dockvoice-enrol-") as apart, JournalThread(Path(apart)) as first:
                    await _run_pipeline(parts, known, first, tick, accepted)
                results = await _run_pipeline(parts, some, executor, tick, accepted)
                for sound, result in zip(some, results, strict=True):
                    conversation = None if operator is None else await operator.converse(result, sound.source)
                    floored = None if plain is None else _score_baseline(plain, sound)
                    said = generalise_values(sound.clip.text, parts.form, parts.catalogue)
                    scored.append(ScoredClip(result, conversation, floored, said))
                    if conversation is not None:
                        tick()
    return tuple(scored)


def _score_baseline(plain: BaselineRecogniser, sound: ClipSource) -> BaselineResult | None:
    truth = sound.clip.fields
    if truth is None:
        return None
    if (record := plain.recognise_entry(sound.source())) is None:
        return BaselineResult(mark=Mark.MISSED, fields=None)
    return BaselineResult(mark=Mark.RIGHT if are_fields_equal(record, truth) else Mark.WRONG, fields=dict(record))


async def _run_pipeline(
    parts: Parts, sounds: list[ClipSource], executor: JournalThread, tick: Callable[[], None], accepted: _Accepted
) -> list[ClipResult]:
    counted = parts.interpreter.speculation if isinstance(parts.interpreter, VoskInterpreter) else None
    watch = _ResultCollector(sounds, counted, tick, parts.voice, accepted)
    await dictate_sources(make_dictation(parts, executor, watch.on_event), watch.sources())
    return [replace(result, ahead=ahead) for result, ahead in zip(watch.results, watch.counters(), strict=True)]


class _ResultCollector:
    """Collects the pipeline's events while a clip plays, and builds its result when it ends."""

    def __init__(
        self,
        sounds: Sequence[ClipSource],
        counted: SpeculationCounters | None,
        tick: Callable[[], None],
        voice: WearerVoice | None,
        accepted: _Accepted,
    ) -> None:
        self._voice = voice
        self._accepted = accepted
        self.results: list[ClipResult] = []
        self._counted = counted
        self._before: list[SpeculationCounters] = []
        self._waiting = iter(sounds)
        self._sounds = sounds
        self._tick = tick
        self._decisions: list[UtteranceDecided] = []

    def sources(self) -> Iterator[Source]:
        """Yield the sounds in order, each after all utterances of the one before are concluded."""
        for sound in self._sounds:
            self._copy_counters()
            self._sign_on(sound.clip)
            yield sound.source()
        self._copy_counters()

    def _sign_on(self, clip: Clip) -> None:
        """Sign the clip's wearer on, with the voice of what was accepted of him before: other sentences than this."""
        wearer = clip.wearer or clip.speaker
        if self._voice is None or wearer is None:
            return
        self._voice.sign_on(None)
        self._voice.sign_on(wearer)
        for pcm in [pcm for other, pcm in self._accepted[wearer] if other.text != clip.text][-ENROLLED:]:
            self._voice.learn(pcm, accepted=True)

    def _copy_counters(self) -> None:
        if self._counted is not None:
            self._before.append(replace(self._counted))

    def counters(self) -> Iterator[SpeculationCounters | None]:
        """The recogniser's speculation counters for each sound; None if it keeps none."""
        if self._counted is None:
            return repeat(None, len(self.results))
        return (_subtract_counters(first, last) for first, last in pairwise(self._before))

    def on_event(self, event: DictationEvent) -> None:
        match event:
            case UtteranceDecided():
                self._decisions.append(event)
                self._note_accepted(event)
            case UtteranceAlreadyStored():
                raise UnreadableInput(f"a clip stands in the manifest twice (sound {event.source}); remove one of them")
            case SourceEnded():
                self._add_result(event)
            case CaptureStopped() | CaptureResumed():
                pass  # for microphones only

    def _note_accepted(self, event: UtteranceDecided) -> None:
        # Here, not at the clip's end: by then the next one may have begun.
        clip = self._sounds[len(self.results)].clip
        if event.verdict.outcome is Outcome.ACCEPT and clip.speaker is not None and clip.wearer in {None, clip.speaker}:
            self._accepted[clip.speaker].append((clip, event.utterance.segment.pcm))

    def _add_result(self, ended: SourceEnded) -> None:
        clip = next(self._waiting).clip
        decisions, self._decisions = tuple(self._decisions), []
        result = ClipResult(
            clip, score_clip(clip.fields, decisions), decisions, ended.samples / SAMPLE_RATE, ended.wall_s
        )
        self.results.append(result)
        self._tick()


def _subtract_counters(first: SpeculationCounters, last: SpeculationCounters) -> SpeculationCounters:
    before = astuple(first)
    return SpeculationCounters(*(now - then for now, then in zip(astuple(last), before, strict=True)))
