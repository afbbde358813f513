"""Lines of `--details` for the tests of what is made of them."""

from __future__ import annotations

from dockvoice_protocol.records import FieldValue
from edge.records import Outcome
from lab.report.lines import BaselineResult, ClipLine, Conversation, ReadField, RecognisedUtterance
from lab.scoring import Mark

TRUTH: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "B"}


def heard(
    confidence: float = 1.0, verdict: Outcome = Outcome.ACCEPT, **values: FieldValue | None
) -> RecognisedUtterance:
    """An utterance that gives `values`, on top of the truth's, with one confidence."""
    fields = {**TRUTH, **values}
    return RecognisedUtterance(
        interpreter="scripted",
        transcript="some words",
        act="record",
        readings={name: ReadField(value=value, confidence=confidence) for name, value in fields.items()},
        verdict=verdict,
        reasons=("complete",),
        fields={name: value for name, value in fields.items() if value is not None},
        closing="pause",
        speech_start_s=0.5,
        speech_end_s=2.0,
        closed_s=2.3,
        compute_ms=40.0,
    )


def line(
    mark: Mark = Mark.RIGHT,
    *utterances: RecognisedUtterance,
    audio: str = "set/001.flac",
    condition: str = "clean",
    truth: dict[str, FieldValue] | None = TRUTH,
    speaker: str | None = "anna",
    decision_ms: float | None = 300.0,
    audio_s: float = 4.0,
    conversation: Conversation | None = None,
    floor: BaselineResult | None = None,
    wording: str | None = None,
    noise: str | None = None,
) -> ClipLine:
    """A clip; without a truth and a speaker it is sound without speech."""
    return ClipLine(
        audio=audio,
        form="pallet-move",
        condition=condition,
        speaker=speaker,
        mark=mark,
        truth=truth,
        speech_end_s=None if speaker is None else 2.0,
        utterances=len(utterances),
        heard=utterances,
        decision_ms=decision_ms if utterances else None,
        audio_s=audio_s,
        wall_s=0.1,
        conversation=conversation,
        floor=floor,
        wording=wording,
        noise=noise,
    )
