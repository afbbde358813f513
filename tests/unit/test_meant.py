"""What an operator says to others is not recorded where a wake phrase is asked for; what is said to the device is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from dockvoice_protocol.records import FieldValue
from edge.agent.dictation import Dictation
from edge.agent.ear import Ear
from edge.agent.events import DictationEvent, UtteranceDecided
from edge.agent.parts import dictate_sources
from edge.agree.decide import Rules
from edge.config import Endpoint
from edge.hear.endpointing import Gate
from edge.keep.journal_thread import JournalThread
from edge.records import Entry, EventIds, Segment
from tests.fakes import LoudnessScorer, ScriptedInterpreter, ScriptedSource, alone, reading

UTTERANCE = "." * 20 + "#" * 30 + "." * 40
WHOLE: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "B"}


def render(entry: Entry, minted: EventIds) -> dict[str, Any]:
    return {"id": minted.event_id, "instance": minted.instance, "fields": dict(entry.fields)}


def heard(
    directory: Path, rules: Rules, meant: Callable[[Segment], Segment | None], *, live: bool = True
) -> tuple[list[UtteranceDecided], ScriptedInterpreter]:
    told: list[DictationEvent] = []
    interpreter = ScriptedInterpreter(reading(WHOLE), reading(WHOLE))
    with JournalThread(directory) as executor:
        works = alone(rules, interpreter)
        listening = Ear(
            present=lambda: works.current,
            endpoint=Endpoint(),
            scorer=LoudnessScorer(),
            executor=executor,
            gate=Gate(push_to_talk=False),
            meant=meant,
        )
        dictation = Dictation(
            listening, workplaces=works, executor=executor, operator=None, render=render, publish=told.append
        )
        asyncio.run(dictate_sources(dictation, [ScriptedSource(UTTERANCE, name="microphone", live=live)]))
    return [one for one in told if isinstance(one, UtteranceDecided)], interpreter


def test_what_is_not_meant_for_the_device_is_neither_read_nor_kept(tmp_path: Path, rules: Rules) -> None:
    decided, interpreter = heard(tmp_path, rules, lambda _: None)
    assert (decided, interpreter.read) == ([], [])
    assert list(tmp_path.rglob("*.flac")) == []


def test_what_follows_the_phrase_is_read_alone(tmp_path: Path, rules: Rules) -> None:
    cut = 640 * 10

    def without_phrase(segment: Segment) -> Segment:
        return replace(segment, start=segment.start + cut // 2, pcm=segment.pcm[cut:])

    (decided,), interpreter = heard(tmp_path, rules, without_phrase)
    assert interpreter.fed == [decided.utterance.segment.pcm]
    assert decided.utterance.segment.start == cut // 2 + 320 * 5
