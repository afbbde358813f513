from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import Misconfigured, Unavailable
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.records import Command, FieldValue
from edge.records.speech import AdjustVoice, Earcon, PlayEarcon, Prompt, Say, StopSpeaking
from edge.speak import synthesis as module
from edge.speak.loudspeaker import Loudspeaker
from edge.speak.synthesis import ClauseCache, Speaker
from edge.speak.wording import Phrasing
from tests.fakes import ScriptedVoice
from tests.rows import acted, each_of
from tests.unit.test_loudspeaker import Card, seen

MOVE = load_forms(Path(__file__).parent.parent.parent / "schemas/forms")["pallet-move"]
ENTRY: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "A"}


@pytest.fixture
def card() -> Card:
    return Card()


@pytest.fixture
def voice() -> ScriptedVoice:
    return ScriptedVoice()


def speaking(test: Callable[[Speaker], Coroutine[Any, Any, None]], voice: ScriptedVoice, card: Card) -> None:
    """Run a test with a speaker at work whose sound card is scripted too."""

    async def run() -> None:
        loudspeaker = Loudspeaker(None, library=lambda: card)
        await loudspeaker.open()
        speaker = Speaker(loudspeaker, ClauseCache(lambda _: voice, "en"), Phrasing(MOVE))
        async with asyncio.TaskGroup() as group:
            working = group.create_task(speaker.run())
            await test(speaker)
            working.cancel()

    asyncio.run(run())


def loud_blocks(card: Card, blocks: int) -> int:
    return sum(bool(card.streams[-1].take().any()) for _ in range(blocks))


async def prepared(voice: ScriptedVoice) -> None:
    await seen(lambda: "pallet" in voice.said)
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    "fault", [Unavailable("the service is gone"), Misconfigured("espeak-ng: espeakng-loader is missing")]
)
@acted(speaking)
async def test_where_the_voice_fails_the_earcon_is_still_heard_and_it_is_told_once(
    speaker: Speaker,
    voice: ScriptedVoice,
    card: Card,
    fault: Misconfigured | Unavailable,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    voice.fault = fault
    for _ in range(3):
        speaker.carry_out(PlayEarcon(Earcon.STORED))
        speaker.carry_out(Say(Prompt.READBACK, ENTRY))
        assert loud_blocks(card, 2) == 2
        await seen(lambda: loud_blocks(card, 50) == 0)
    speaker.carry_out(Say(Prompt.READBACK, ENTRY))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert str(fault) in told[0]


@acted(speaking)
async def test_the_first_clause_of_a_readback_is_heard_before_the_rest_is_made(
    speaker: Speaker, voice: ScriptedVoice, card: Card
) -> None:
    await prepared(voice)
    speaker.carry_out(PlayEarcon(Earcon.STORED))
    speaker.carry_out(Say(Prompt.READBACK_AMENDED, ENTRY))
    assert loud_blocks(card, 10) >= 9  # no task has run in between
    assert "7 4 2," not in voice.said
    await seen(lambda: "dock A." in voice.said)


@acted(speaking)
async def test_a_fixed_prompt_is_ready_as_a_whole(speaker: Speaker, voice: ScriptedVoice, card: Card) -> None:
    await seen(lambda: "Wrong check digits." in voice.said)
    made = len(voice.said)
    speaker.carry_out(Say(Prompt.REPEAT))
    assert loud_blocks(card, 10) == 10
    assert len(voice.said) == made


@acted(speaking)
async def test_barge_in_stops_what_is_said_and_what_was_to_follow_is_not_made(
    speaker: Speaker, voice: ScriptedVoice, card: Card
) -> None:
    await prepared(voice)
    speaker.carry_out(Say(Prompt.READBACK, ENTRY))
    speaker.carry_out(Say(Prompt.READBACK, {"pallet_id": "999999"}))
    loud_blocks(card, 3)
    speaker.carry_out(StopSpeaking())
    assert loud_blocks(card, 20) <= 1  # the fade
    speaker.carry_out(Say(Prompt.READBACK, {"dock": "H"}))
    await seen(lambda: "dock H." in voice.said)
    assert "12 units," not in voice.said


@acted(speaking)
async def test_news_waits_for_a_quiet_moment(
    speaker: Speaker, voice: ScriptedVoice, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_QUIET_LOOK_S", 0.01)
    await prepared(voice)
    speaker.carry_out(Say(Prompt.READBACK, ENTRY))
    speaker.queue_news(Say(Prompt.REFUSED, ENTRY, {"reason": "not_on_site"}), PlayEarcon(Earcon.REFUSED))
    await seen(lambda: "dock A." in voice.said)
    assert "not on site." not in voice.said
    await seen(lambda: loud_blocks(card, 1) + ("not on site." in voice.said) > 1)


@each_of(("what", "limit"), [(Command.FASTER, 2.0), (Command.SLOWER, 0.6)])
@acted(speaking)
async def test_faster_and_slower_change_the_pace_within_bounds(speaker: Speaker, what: Command, limit: float) -> None:
    speaker.carry_out(AdjustVoice(what))
    assert 0.8 < speaker._pace < 1.2
    assert speaker._pace != 1.0
    for _again in range(20):
        speaker.carry_out(AdjustVoice(what))
    assert speaker._pace == limit
