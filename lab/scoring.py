"""Score clips with known truth: the manifest's format, a mark for each clip, and counts.

The manifest is JSON lines; each line is one clip: `{"audio": "path relative to the manifest", "form": "pallet-move",
"fields": {…} | null, "condition": "clean", "speaker": "…", "speech_end": 2.31}`. `fields: null` means that nothing may
be recorded from the clip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import quantiles
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import UnreadableInput, describe_os_error
from dockvoice_protocol.records import FieldValue
from edge.agent.events import UtteranceDecided
from edge.records import SAMPLE_RATE, Outcome
from edge.understand.local.incremental import SpeculationCounters

_FASTEST_TO_SLOWEST = 100  # Quantiles are computed in steps of one hundredth.


class Mark(StrEnum):
    """The outcome of one clip."""

    RIGHT = "right"  # Accepted, every field exact.
    WRONG = "wrong"  # Accepted without a question, and some field differs: the worst thing this product can do.
    ASKED = "asked"  # A field, a confirmation or a repeat was asked for; nothing was recorded.
    MISSED = "missed"  # Dictation was ignored.
    INVENTED = "invented"  # Something was recorded where nothing may be.
    SILENT = "silent"  # Nothing may be recorded, nothing was, and the device asked nothing.


class Truth(StrEnum):
    """How the truth of a recorded utterance is known."""

    AGREED = "agreed"  # What its operator or a reviewer agreed to at last: it may be another thing than was said.
    UNHEARD = "unheard"  # Not at all: the clip counts once somebody has listened.
    LISTENED = "listened"  # A person has listened and set it.


class Clip(BaseModel):
    """One line of a manifest. Unknown keys are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    audio: Path
    form: str = "pallet-move"
    fields: dict[str, FieldValue] | None
    condition: str
    speaker: str | None = None
    wearer: str | None = None  # Who is signed on, where it is not the speaker.
    speech_end: float | None = None
    text: str = ""  # The spoken text, where the set gives it.
    noise: str | None = None  # The background noise, where the set names it.
    heard: dict[str, FieldValue] = {}  # For a clip that leaves a field out: the fields that it does give.
    truth: Truth | None = None  # How its truth is known, where the recording is of the record of a site.
    answers: dict[str, Path] = {}
    """By field, a recording of the same speaker saying that field alone: the simulated operator's answers."""


def read_manifest(path: Path) -> tuple[Clip, ...]:
    """The clips of a manifest, audio paths made absolute, without those whose truth nobody knows yet.

    Raises UnreadableInput with file, line and key at fault.
    """
    try:
        lines = plain_file.read_regular_file(path, plain_file.LINES).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise UnreadableInput(
            f"{path}: cannot be read ({describe_os_error(fault)}); name a manifest of JSON lines"
        ) from None
    every = [_parse_clip(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    clips = tuple(clip for clip in every if clip.truth is not Truth.UNHEARD)
    if every and not clips:
        raise UnreadableInput(
            f"{path}: nobody has listened to its clips; `dockvoice record-truth DIR --listen` does so"
        )
    if not clips:
        raise UnreadableInput(f"{path}: holds no clip; each line is one JSON object, see `dockvoice evaluate --help`")
    return clips


def format_validation_error(detail: ErrorDetails) -> str:
    """Format a pydantic error with the name of the key at fault."""
    if detail["loc"]:
        return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
    return "is not JSON" if detail["type"] == "json_invalid" else "is not a JSON object"


def _parse_clip(path: Path, number: int, line: str) -> Clip:
    try:
        clip = Clip.model_validate_json(line)
    except ValidationError as fault:
        message = "; ".join(map(format_validation_error, fault.errors()))
        raise UnreadableInput(f"{path}, line {number}: {message}; see `dockvoice evaluate --help`") from None
    audio = path.parent / clip.audio
    if not audio.is_file():
        raise UnreadableInput(f"{path}, line {number}: audio: no such file {audio}")
    answers = {name: path.parent / answer for name, answer in clip.answers.items()}
    for name, answer in answers.items():
        if not answer.is_file():
            raise UnreadableInput(f"{path}, line {number}: answers.{name}: no such file {answer}")
    return clip.model_copy(update={"audio": audio, "answers": answers})


@dataclass(frozen=True, slots=True)
class ClipResult:
    """A clip, the agent's decisions, and times."""

    clip: Clip
    mark: Mark
    decisions: tuple[UtteranceDecided, ...]
    audio_s: float  # Seconds of sound in the clip.
    wall_s: float  # Wall-clock seconds from the first frame to the last record on disk.
    ahead: SpeculationCounters | None = None
    """The recogniser's speculation counters for this clip; None if it keeps none."""

    @property
    def decision_ms(self) -> float | None:
        """Milliseconds from the end of speech to the record on disk: wait for endpointing, plus computing.

        None if the clip has no speech, or nothing was decided.
        """
        if self.clip.speech_end is None or not self.decisions:
            return None
        last = self.decisions[-1]
        waited_s = last.utterance.segment.closed / SAMPLE_RATE - self.clip.speech_end
        return (waited_s + last.compute_s) * 1000


def score_clip(truth: Mapping[str, FieldValue] | None, decisions: Sequence[UtteranceDecided]) -> Mark:
    """Mark a clip: compare all decisions made while it played with its `truth`."""
    corrected = {one.replaces for one in decisions if one.replaces is not None}
    accepted = [
        one.verdict.fields
        for one in decisions
        if one.verdict.outcome is Outcome.ACCEPT and (one.row is None or one.row.event_id not in corrected)
    ]
    if truth is None and accepted:
        return Mark.INVENTED
    if accepted:
        return Mark.RIGHT if len(accepted) == 1 and are_fields_equal(accepted[0], truth or {}) else Mark.WRONG
    if any(one.verdict.outcome is not Outcome.IGNORE for one in decisions):
        return Mark.ASKED
    return Mark.MISSED if truth is not None else Mark.SILENT


def are_fields_equal(fields: Mapping[str, FieldValue | None], truth: Mapping[str, FieldValue]) -> bool:
    """Whether the fields equal the truth exactly, None counting as absent."""
    # "12" is not 12: an identifier that became a number has lost its leading zeros.
    # To Python true is 1; a decimal without places is the whole number.
    one, other = ({name: (isinstance(value, bool), value) for name, value in of.items()} for of in (fields, truth))
    return one == other


@dataclass(slots=True)
class ClipTally:
    """Counts and times over the clips of one condition, or of all."""

    marks: Counter[Mark] = field(default_factory=Counter)
    fields_said: Counter[str] = field(default_factory=Counter)
    fields_right: Counter[str] = field(default_factory=Counter)
    decisions_ms: list[float] = field(default_factory=list)
    audio_s: float = 0.0
    wall_s: float = 0.0

    def add(self, result: ClipResult) -> None:
        """Count one clip."""
        self.marks[result.mark] += 1
        self.audio_s += result.audio_s
        self.wall_s += result.wall_s
        if result.decision_ms is not None:
            self.decisions_ms.append(result.decision_ms)
        for name, value in (result.clip.fields or {}).items():
            self.fields_said[name] += 1
            self.fields_right[name] += any(_decided_value(one, name) == value for one in result.decisions)

    def _percentile_ms(self, percent: int) -> float | None:
        """Decision time that `percent` % of the clips do not exceed, ms; None if nothing was decided."""
        if len(self.decisions_ms) < 2:  # noqa: PLR2004 - `quantiles` wants two
            return next(iter(self.decisions_ms), None)
        return quantiles(self.decisions_ms, n=_FASTEST_TO_SLOWEST, method="inclusive")[percent - 1]

    def as_json(self) -> dict[str, Any]:
        """The figures by their published names; accuracies are 0 to 1, times milliseconds."""
        return {
            "n": self.marks.total(),
            **{kind.value: self.marks[kind] for kind in Mark},
            "field_accuracy": {
                name: round(self.fields_right[name] / said, 4) for name, said in sorted(self.fields_said.items())
            },
            "decision_ms_p50": _rounded(self._percentile_ms(50)),
            "decision_ms_p95": _rounded(self._percentile_ms(95)),
            "real_time_factor": round(self.wall_s / self.audio_s, 4) if self.audio_s else None,
        }


def _decided_value(one: UtteranceDecided, name: str) -> FieldValue | None:
    said = one.reading.fields.get(name)
    return None if said is None else said.value


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def tally_by_condition(results: Iterable[ClipResult]) -> tuple[dict[str, ClipTally], ClipTally]:
    """Tally results by condition, in order of first appearance, and overall."""
    by_condition: dict[str, ClipTally] = {}
    overall = ClipTally()
    for result in results:
        by_condition.setdefault(result.clip.condition, ClipTally()).add(result)
        overall.add(result)
    return by_condition, overall
