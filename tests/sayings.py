"""Utterances, readings and entries for tests that need some: what is said does not matter, that it is kept does."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import soundfile
import uuid_utils

from dockvoice_protocol.records import FieldReading, FieldValue, NotUnderstoodReason, Reading, Word
from edge.deliver.device_events import entry_event
from edge.keep.database import JournalDatabase
from edge.keep.evidence import Evidence
from edge.keep.journal import Journal, JournalReader
from edge.records import (
    SAMPLE_RATE,
    Cause,
    ClosedBy,
    Entry,
    EventIds,
    OutboxRow,
    Outcome,
    Reason,
    Segment,
    Utterance,
    Verdict,
)
from tests.sharing import ROOT

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FIELDS: dict[str, FieldValue] = {"pallet_id": "007", "quantity": 12, "dock": "B"}
ACCEPT = Verdict(Outcome.ACCEPT, (Cause(Reason.COMPLETE),), FIELDS)
ASK = Verdict(Outcome.ASK, (Cause(Reason.FIELD_MISSING, "dock"),), {"pallet_id": "007", "quantity": 12}, ask="dock")
REPEAT = Verdict(Outcome.REPEAT, (Cause(Reason.NOT_UNDERSTOOD),), {})
IGNORE = Verdict(Outcome.IGNORE, (Cause(Reason.NO_SPEECH),), {})
MUMBLED = Reading("test", "pallet-move", (), {}, NotUnderstoodReason.NO_WORDS)
READ = Reading(
    "test",
    "pallet-move",
    (Word("pallet", 0.1, 0.4, 1.0), Word("seven", 0.4, 0.7, 0.98)),
    {
        "pallet_id": FieldReading("007", ("oh", "oh", "seven"), 0.98),
        "dock": FieldReading(None, ("b",), 0.5, ("B", "D")),
    },
)


def database(journal: JournalReader) -> JournalDatabase:
    """The journal's own connection, on which tests read and alter its tables."""
    return journal._db


def sound(name: str, samples: int = 800) -> bytes:
    """Noise that is the same each time for the same name."""
    return hashlib.shake_256(name.encode()).digest(samples * 2)


def utterance(number: int = 0, *, source: str = "microphone", samples: int = 800) -> Utterance:
    """The utterance with this number: they follow one another without overlap, a second apart."""
    utterance_id = str(uuid_utils.uuid7())
    start = number * 16_000
    segment = Segment(
        start=start,
        speech_start=start + 100,
        speech_end=start + samples - 100,
        closed=start + samples + 8_000,
        closing=ClosedBy.PAUSE,
        pcm=sound(utterance_id, samples),
    )
    return Utterance(utterance_id, "pallet-move", source, NOON + timedelta(seconds=number), segment)


def entry(said: Utterance, kept: Evidence) -> Entry:
    """What the operator meant by `said`."""
    return Entry(said.utterance_id, said.form, FIELDS, "op-17", NOON, READ, kept.sha256, kept.seconds)


def render(minted: EventIds) -> dict[str, Any]:
    """An event, as small as it may be, of a device that was given no name."""
    data = {**FIELDS, "site": "Łódź"}
    place = {"source": "/sites/site/devices/device", "sequence": minted.sequence, "instance": minted.instance}
    return {"id": minted.event_id, **place, "data": data}


def committed(journal: Journal, said: Utterance) -> OutboxRow:
    """The event of `said`, heard and accepted."""
    return journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render)


def dictated(journal: Journal, number: int = 0, *, samples: int = 800, **changed: Any) -> OutboxRow:
    """The event of an utterance with this number, as a device `dock-1` of the site `hall` sends it."""
    said = utterance(number, samples=samples)
    meant = replace(entry(said, journal.store_utterance(said)), **changed)
    return journal.commit(meant, ACCEPT, lambda minted: entry_event(meant, minted, site="hall", device="dock-1"))


DEMO = ROOT / "tests" / "data" / "speech" / "demo"


@cache
def recorded(name: str) -> bytes:
    """The samples of a recording of the demo."""
    samples, rate = soundfile.read(DEMO / name, dtype="int16")
    assert rate == SAMPLE_RATE
    return bytes(samples.tobytes())


def spoken(pcm: bytes) -> Utterance:
    """What was said in this sound, from its first sample to its last."""
    segment = Segment(0, 0, len(pcm) // 2, len(pcm) // 2, ClosedBy.PAUSE, pcm)
    return Utterance("0", "pallet-move", "microphone", NOON, segment)
