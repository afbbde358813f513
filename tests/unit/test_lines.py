from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import FieldReading, FieldValue, Reading, Word
from edge.agent.delivery import LinkChanged
from edge.agent.dialogue_driver import DialogueStatus
from edge.agent.events import SourceEnded, UtteranceDecided
from edge.agree.dialogue.table import State
from edge.cli.lines import make_event_logger, make_event_printer
from edge.records import Cause, ClosedBy, Note, OutboxRow, Outcome, Park, Reason, Segment, Utterance, Verdict

SAID = ("seven", "four", "two")


def decided(outcome: Outcome, reason: Cause, ask: str | None = None) -> UtteranceDecided:
    segment = Segment(0, 1600, 16_000, 24_000, ClosedBy.PAUSE, b"")
    utterance = Utterance("0199", "pallet-move", "sha256:f00d", datetime(2026, 11, 20, tzinfo=UTC), segment)
    words = tuple(Word(word, 0.0, 0.1, 1.0) for word in SAID)
    reading = Reading("vosk/x", "pallet-move", words, {"pallet_id": FieldReading("742", SAID, 1.0)})
    row = OutboxRow("event-1", 7, "{}") if outcome is Outcome.ACCEPT else None
    fields: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "B"} if row else {}
    return UtteranceDecided(utterance, reading, Verdict(outcome, (reason,), fields, ask), row, 0.025)


ACCEPTED = decided(Outcome.ACCEPT, Cause(Reason.COMPLETE))
ASKED = decided(Outcome.ASK, Cause(Reason.FIELD_MISSING, "dock"), ask="dock")


def test_a_log_never_holds_a_word_of_what_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    show = make_event_logger()
    for told in (ACCEPTED, ASKED, SourceEnded("microphone", 1, 1.0), LinkChanged(False, "broker x: gone")):
        show(told)
    told_all = capsys.readouterr().out
    assert not [word for word in (*SAID, "742", "f00d") if word in told_all]
    assert "event event-1, number 7" in told_all
    assert "field_missing:dock" in told_all
    assert "lost the broker: broker x: gone" in told_all


def test_a_json_line_per_utterance_with_verdict_fields_reasons_and_timings(
    form: Form, capsys: pytest.CaptureFixture[str]
) -> None:
    show = make_event_printer(form, {"sha256:f00d": "clip.wav"}, as_json=True)
    for told in (ACCEPTED, ASKED, SourceEnded("sha256:f00d", 1, 1.0)):
        show(told)
    accepted, asked = map(json.loads, capsys.readouterr().out.splitlines())
    assert accepted["source"] == "clip.wav"
    assert accepted["fields"] == {"pallet_id": "742", "quantity": 12, "dock": "B"}
    assert accepted["timings"] == {"speech_start_s": 0.1, "speech_end_s": 1.0, "closed_s": 1.5, "compute_ms": 25.0}
    assert (asked["verdict"], asked["ask"], asked["reasons"]) == ("ask", "dock", ["field_missing:dock"])


def stands(kind: str, **data: object) -> DialogueStatus:
    body = {"type": f"dockvoice.entry.{kind}.v1", "data": {"form": "pallet-move", **data}}
    return DialogueStatus(State.IDLE, None, None, None, (), (), OutboxRow("event-1", 7, json.dumps(body)))


RECORDED = stands("recorded", fields={"pallet_id": "742", "quantity": 12, "dock": "B"})
CANCELLED = stands("cancelled", cancels="event-0")


def test_what_was_agreed_in_a_conversation_is_told_as_it_is_recorded(
    form: Form, capsys: pytest.CaptureFixture[str]
) -> None:
    for show in (
        make_event_printer(form, {}, as_json=True),
        make_event_printer(form, {}, as_json=False),
        make_event_logger(),
    ):
        for told in (RECORDED, CANCELLED, replace(RECORDED, row=None)):
            show(told)
    recorded, cancelled, *shown = capsys.readouterr().out.splitlines()
    fields = {"pallet_id": "742", "quantity": 12, "dock": "B"}
    assert json.loads(recorded) == {"agreed": "recorded", "event_id": "event-1", "fields": fields}
    assert json.loads(cancelled) == {"agreed": "cancelled", "event_id": "event-1", "fields": {}}
    assert [line.rstrip() for line in shown] == [
        "   recorded  pallet 7 4 2, 12 units, dock B",
        "   cancelled",
        "recorded: event event-1, number 7",
        "cancelled: event event-1, number 7",
    ]


def test_what_the_dialogue_made_of_an_utterance_is_told_in_the_place_of_its_verdict_alone(
    form: Form, capsys: pytest.CaptureFixture[str]
) -> None:
    yes = decided(Outcome.REPEAT, Cause(Reason.NOT_UNDERSTOOD))
    heeded = Verdict(Outcome.HEED, (Cause(Reason.ANSWER),), {})
    others = Note("0198", yes.reading, Verdict(Outcome.CANCEL, (Cause(Reason.TAKEN_BACK),), {}))
    agreed = replace(RECORDED, row=None, noted=(others, Note("0199", yes.reading, heeded), Park("0197", "superseded")))
    for show in (
        make_event_printer(form, {}, as_json=True),
        make_event_printer(form, {}, as_json=False),
        make_event_logger(),
    ):
        for told in (agreed, yes, yes):
            show(told)
    as_json, again, *shown = capsys.readouterr().out.splitlines()
    assert (json.loads(as_json)["verdict"], json.loads(as_json)["reasons"]) == ("heed", ["answer"])
    assert json.loads(again)["verdict"] == "repeat"
    assert [line for line in shown if "heeded" in line] == ["   heeded    (answer)"]
    assert [line for line in shown if line.startswith("heed")] == ["heed: utterance 0199 (answer)"]
