from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.records import FieldReading, FieldValue, Reading
from edge.agent.events import UtteranceDecided
from edge.records import ClosedBy, OutboxRow, Outcome, Segment, Utterance, Verdict
from lab.scoring import Clip, ClipResult, Mark, read_manifest, score_clip, tally_by_condition
from tests.rows import each_of

TRUTH: dict[str, FieldValue] = {"pallet_id": "007", "quantity": 12, "dock": "B"}


def decided(outcome: Outcome, fields: dict[str, FieldValue] | None = None, *, closed: int = 0) -> UtteranceDecided:
    segment = Segment(0, 0, closed, closed, ClosedBy.PAUSE, b"")
    utterance = Utterance("u", "pallet-move", "sha256:x", datetime(2026, 1, 1, tzinfo=UTC), segment)
    said = {name: FieldReading(value, (), 1.0) for name, value in (fields or {}).items()}
    return UtteranceDecided(
        utterance, Reading("r", "pallet-move", (), said), Verdict(outcome, (), fields or {}), None, 0.010
    )


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[[str], Path]:
    (tmp_path / "a.flac").touch()

    def write(text: str) -> Path:
        file = tmp_path / "manifest.jsonl"
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no clip"),
        ("{", "line 1"),
        ('\n{"audio": "a.flac", "condition": "clean"}', "line 2: fields"),
        ('{"audio": "a.flac", "fields": {"q": {"value": 1}}, "condition": "clean"}', "line 1: fields.q"),
        ('{"audio": "b.flac", "fields": null, "condition": "clean"}', "line 1: audio: no such file"),
    ],
)
def test_a_broken_manifest_is_told_by_file_line_and_key(manifest: Callable[[str], Path], text: str, told: str) -> None:
    file = manifest(text)
    with pytest.raises(UnreadableInput) as fault:
        read_manifest(file)
    assert str(file) in str(fault.value)
    assert told in str(fault.value)


def test_a_manifest_keeps_leading_zeros_and_finds_audio_beside_itself(
    manifest: Callable[[str], Path], tmp_path: Path
) -> None:
    line = json.dumps({"audio": "a.flac", "fields": TRUTH, "condition": "clean", "text": "kept by the maker"})
    (clip,) = read_manifest(manifest(line + "\n\n"))
    assert clip.fields == TRUTH
    assert clip.audio == tmp_path / "a.flac"


@each_of(
    ("truth", "heard", "expected"),
    [
        (TRUTH, [decided(Outcome.ACCEPT, {**TRUTH, "dock": "D"})], Mark.WRONG),
        (TRUTH, [decided(Outcome.ACCEPT, {**TRUTH, "pallet_id": "7"})], Mark.WRONG),
        (TRUTH, [decided(Outcome.ACCEPT, {**TRUTH, "quantity": "12"})], Mark.WRONG),
        (TRUTH, [decided(Outcome.ACCEPT, TRUTH), decided(Outcome.ACCEPT, TRUTH)], Mark.WRONG),
        (None, [decided(Outcome.ACCEPT, TRUTH)], Mark.INVENTED),
        (None, [decided(Outcome.ASK, {"dock": "B"}), decided(Outcome.ACCEPT, TRUTH)], Mark.INVENTED),
        (TRUTH, [], Mark.MISSED),
        (TRUTH, [decided(Outcome.IGNORE)], Mark.MISSED),
        (TRUTH, [decided(Outcome.ASK, {"dock": "B"})], Mark.ASKED),
        (None, [decided(Outcome.REPEAT)], Mark.ASKED),
        (None, [decided(Outcome.IGNORE)], Mark.SILENT),
        (None, [], Mark.SILENT),
        (TRUTH, [decided(Outcome.ACCEPT, TRUTH)], Mark.RIGHT),
    ],
)
def test_every_clip_has_exactly_one_mark(
    truth: dict[str, FieldValue] | None, heard: list[UtteranceDecided], expected: Mark
) -> None:
    assert score_clip(truth, heard) is expected


def result(heard: list[UtteranceDecided], *, condition: str = "clean", speech_end: float | None = 1.0) -> ClipResult:
    clip = Clip(audio=Path("a.flac"), fields=TRUTH, condition=condition, speech_end=speech_end)
    return ClipResult(clip, score_clip(TRUTH, heard), tuple(heard), audio_s=4.0, wall_s=0.2)


def test_the_decision_time_is_sound_until_the_closing_plus_computing() -> None:
    assert result([decided(Outcome.ACCEPT, TRUTH, closed=24_000)]).decision_ms == pytest.approx(510)


def test_tallies_count_by_condition_and_overall() -> None:
    right = result([decided(Outcome.ACCEPT, TRUTH, closed=24_000)])
    wrong = result([decided(Outcome.ACCEPT, {**TRUTH, "dock": "D"}, closed=32_000)], condition="10dB")
    by_condition, overall = tally_by_condition([right, wrong])
    assert list(by_condition) == ["clean", "10dB"]
    figures = overall.as_json()
    assert (figures["n"], figures["right"], figures["wrong"], figures["invented"]) == (2, 1, 1, 0)
    assert figures["field_accuracy"] == {"dock": 0.5, "pallet_id": 1.0, "quantity": 1.0}
    assert figures["real_time_factor"] == 0.05
    assert figures["decision_ms_p50"] == pytest.approx(760, abs=1)


@each_of(("replaces", "dock", "became"), [("one", "B", Mark.RIGHT), ("one", "C", Mark.WRONG), (None, "B", Mark.WRONG)])
def test_an_entry_that_was_amended_counts_as_what_it_became(replaces: str | None, dock: str, became: Mark) -> None:
    first, then = ({**TRUTH, "dock": said} for said in ("D", dock))
    heard = [
        replace(decided(Outcome.ACCEPT, first), row=OutboxRow("one", 1, "{}")),
        replace(decided(Outcome.ACCEPT, then), row=OutboxRow("two", 2, "{}"), replaces=replaces),
    ]
    assert score_clip(TRUTH, heard) is became
