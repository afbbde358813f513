"""The JSON lines of `--details`: one for each clip, with its recognition and result; written and read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import UnreadableInput, describe_os_error
from dockvoice_protocol.records import FieldReading, FieldValue, Reading
from edge.agent.events import UtteranceDecided
from edge.records import SAMPLE_RATE, Outcome
from lab.scoring import ClipResult, Mark, are_fields_equal, format_validation_error


class _LenientModel(BaseModel):
    """Ignores unknown keys, so that an earlier version reads the lines of a later one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ReadField(_LenientModel):
    """The reading of one field."""

    value: FieldValue | None
    confidence: float
    words: tuple[str, ...] = ()
    rivals: tuple[FieldValue, ...] = ()
    runner_up: FieldValue | None = None


class _AlternativeReading(_LenientModel):
    """One of several interpreters' readings of the same utterance."""

    interpreter: str
    transcript: str
    readings: dict[str, ReadField]


class RecognisedUtterance(_LenientModel):
    """One utterance of the clip."""

    interpreter: str
    transcript: str
    act: str
    readings: dict[str, ReadField]
    opinions: tuple[_AlternativeReading, ...] = ()
    verdict: Outcome
    ask: str | None = None
    reasons: tuple[str, ...]
    fields: dict[str, FieldValue]
    closing: str
    speech_start_s: float
    speech_end_s: float
    closed_s: float
    compute_ms: float


class SpeculationTimes(_LenientModel):
    """CPU seconds of an on-device recogniser during the clip, and its readings at pauses in advance."""

    made: int = 0  # Readings made at a pause, in case it was the end.
    used: int = 0  # Those for which it was the end.
    made_s: float = 0.0
    used_s: float = 0.0
    again_s: float = 0.0  # Recognising the same sound again after a reading was discarded.
    ahead_s: float = 0.0  # During speech, including readings at pauses.
    after_s: float = 0.0  # After the utterance was closed.


class Turn(_LenientModel):
    """One utterance of the simulated operator after the clip, and its interpretation."""

    why: str = "answer"  # `answer` to a question, `correction` of a readback, or `again`: no part was accepted.
    about: str | None  # The one field whose value it gives.
    text: str
    transcript: str
    seconds: float  # From the end of the preceding sound to the device's reply to this utterance.


class Conversation(_LenientModel):
    """The simulated conversation after a clip, and its end."""

    end: str  # `right`, `wrong` or `parked`: put aside for a person, or given up after MOST_TURNS.
    fields: dict[str, FieldValue]
    questions: int  # Answers that the device asked for; unasked corrections do not count.
    seconds: float  # From the first word to the end.
    turns: tuple[Turn, ...] = ()


class BaselineResult(_LenientModel):
    """The baseline's result for a dictated clip (`lab/floor.py`)."""

    mark: Mark  # `right`, `wrong`, or `missed`: nothing was recorded.
    fields: dict[str, FieldValue] | None


class ClipLine(_LenientModel):
    """A clip and its result."""

    audio: str
    form: str
    condition: str
    speaker: str | None
    text: str = ""
    wording: str | None = None
    """The text with placeholders for its values and units: "dock …, pallet …, … units" (`lab/wordings.py`)."""
    noise: str | None = None
    mark: Mark
    truth: dict[str, FieldValue] | None
    said: dict[str, FieldValue] = {}  # For a clip that leaves a field out: the fields it gives.
    speech_end_s: float | None = None
    utterances: int
    heard: tuple[RecognisedUtterance, ...]
    decision_ms: float | None
    audio_s: float
    wall_s: float
    ahead: SpeculationTimes | None = None  # None if no on-device recogniser was used.
    conversation: Conversation | None = None
    floor: BaselineResult | None = None  # None if the baseline was not run.

    @property
    def is_cut_in_two(self) -> bool:
        """Whether endpointing closed an utterance before the speech ended."""
        end = self.speech_end_s
        return end is not None and sum(one.speech_start_s < end for one in self.heard) > 1

    @property
    def fullest_utterance(self) -> RecognisedUtterance | None:
        """The utterance with the most recognised fields."""
        known = [one for one in self.heard if one.readings]
        return max(known, key=lambda one: sum(read.value is not None for read in one.readings.values()), default=None)

    @property
    def lowest_confidence_if_complete(self) -> float | None:
        """Lowest confidence of its fields, if one utterance gives each field exactly one value; else None."""
        best = self.fullest_utterance
        if best is None or any(read.value is None or read.rivals for read in best.readings.values()):
            return None
        if self.truth is not None and set(best.readings) != set(self.truth):
            return None
        return min(read.confidence for read in best.readings.values())

    @property
    def is_complete(self) -> bool:
        """Whether one utterance gives each field exactly one value."""
        return self.lowest_confidence_if_complete is not None

    @property
    def would_be_right(self) -> bool:
        """Whether the proposed values equal the truth."""
        best = self.fullest_utterance
        values = {} if best is None else {name: read.value for name, read in best.readings.items()}
        return self.truth is not None and are_fields_equal(values, self.truth)


def build_line(
    result: ClipResult,
    conversation: Conversation | None = None,
    floor: BaselineResult | None = None,
    wording: str | None = None,
) -> ClipLine:
    """Build the line of a clip from its result."""
    clip = result.clip
    return ClipLine(
        audio=str(clip.audio),
        form=clip.form,
        condition=clip.condition,
        speaker=clip.speaker,
        text=clip.text,
        wording=wording,
        noise=clip.noise,
        mark=result.mark,
        truth=clip.fields,
        said=clip.heard,
        speech_end_s=clip.speech_end,
        utterances=len(result.decisions),
        heard=tuple(_build_utterance(one) for one in result.decisions),
        decision_ms=None if result.decision_ms is None else round(result.decision_ms, 1),
        audio_s=round(result.audio_s, 3),
        wall_s=round(result.wall_s, 3),
        ahead=None
        if result.ahead is None
        else SpeculationTimes(**{name: round(value, 4) for name, value in asdict(result.ahead).items()}),
        conversation=conversation,
        floor=floor,
    )


def _build_utterance(one: UtteranceDecided) -> RecognisedUtterance:
    segment = one.utterance.segment
    return RecognisedUtterance(
        interpreter=one.reading.interpreter,
        transcript=one.reading.transcript,
        act=one.reading.act,
        readings=_build_fields(one.reading),
        opinions=tuple(
            _AlternativeReading(
                interpreter=opinion.interpreter, transcript=opinion.transcript, readings=_build_fields(opinion)
            )
            for opinion in one.reading.opinions
        ),
        verdict=one.verdict.outcome,
        ask=one.verdict.ask,
        reasons=tuple(str(reason) for reason in one.verdict.reasons),
        fields=dict(one.verdict.fields),
        closing=segment.closing,
        speech_start_s=round(segment.speech_start / SAMPLE_RATE, 3),
        speech_end_s=round(segment.speech_end / SAMPLE_RATE, 3),
        closed_s=round(segment.closed / SAMPLE_RATE, 3),
        compute_ms=round(one.compute_s * 1000, 1),
    )


def _build_fields(reading: Reading) -> dict[str, ReadField]:
    return {name: _build_field(said) for name, said in reading.fields.items()}


def _build_field(reading: FieldReading) -> ReadField:
    return ReadField(
        value=reading.value,
        confidence=round(reading.confidence, 4),
        words=reading.words,
        rivals=reading.rivals,
        runner_up=reading.runner_up,
    )


def write_lines(file: Path, lines: Sequence[ClipLine]) -> None:
    """Write the lines to a file. Raises UnreadableInput if that fails."""
    try:
        file.write_text("".join(one.model_dump_json() + "\n" for one in lines), encoding="utf-8")
    except OSError as fault:
        raise UnreadableInput(f"--details {file}: cannot be written ({fault.strerror}); name another file") from None


def read_lines(file: Path) -> tuple[ClipLine, ...]:
    """Read a file that `--details` wrote. Raises UnreadableInput naming file, line and key at fault."""
    try:
        texts = plain_file.read_regular_file(file, plain_file.LINES).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise UnreadableInput(
            f"{file}: cannot be read ({describe_os_error(fault)}); name a file that --details wrote"
        ) from None
    return tuple(_parse_line(file, number, text) for number, text in enumerate(texts, 1) if text.strip())


def _parse_line(file: Path, number: int, text: str) -> ClipLine:
    try:
        return ClipLine.model_validate_json(text)
    except ValidationError as fault:
        message = format_validation_error(fault.errors()[0])
        raise UnreadableInput(f"{file}, line {number}: {message}; name a file that --details wrote") from None
