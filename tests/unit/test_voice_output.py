from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.forms.loader import load_forms
from edge.agent import voice_output
from edge.agent.voice_output import VoiceOutput
from edge.agree.dialogue.interface import HeadsetFaultChanged
from edge.audio.sound_server import PlaybackSink
from edge.config import Speak
from edge.records.speech import PlayEarcon, Prompt, Say
from edge.speak.loudspeaker import Loudspeaker
from edge.speak.synthesis import ClauseCache, Speaker
from tests.rows import acted

MOVE = load_forms(Path(__file__).parent.parent.parent / "schemas/forms")["pallet-move"]
NOWHERE = Speak(device="no such speaker")


class Plug:
    """What a loudspeaker finds when it is opened, and how often it was; with a machine that can be looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there = self.seen = False
        self.tries = 0
        self.blinks = 0
        monkeypatch.setattr(voice_output, "SPEAKER_POLL_S", 0.01)
        monkeypatch.setattr(
            voice_output, "snapshot_playback_devices", lambda: frozenset({"card"} if self.there else ())
        )
        plug = self

        async def opened(loudspeaker: Loudspeaker) -> None:
            plug.tries += 1
            if not (plug.there and plug.seen):
                raise Unavailable("speaker: cannot be opened")
            loudspeaker._stream = plug  # type: ignore[assignment]  # whatever is not None is an open device

        async def kept(loudspeaker: Loudspeaker) -> None:
            while plug.there:  # noqa: ASYNC110 - the test is what unplugs
                await asyncio.sleep(0.01)
            loudspeaker._stream = None

        monkeypatch.setattr(Loudspeaker, "open", opened)
        monkeypatch.setattr(Loudspeaker, "keep_open", kept)
        monkeypatch.setattr(PlaybackSink, "is_null_sink", lambda _: False)  # whatever sound server this machine has

    async def blink(self) -> bool:
        self.blinks += 1
        self.seen = True
        return True


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Plug:
    return Plug(monkeypatch)


def with_plug(play: Callable[[VoiceOutput], Coroutine[Any, Any, None]], plug: Plug) -> None:
    async def played() -> None:
        spoken = VoiceOutput(NOWHERE, MOVE, {}, plug.blink)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            running = group.create_task(spoken.run())
            await play(spoken)
            running.cancel()

    asyncio.run(played())


async def seen(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the condition is the product's own, which tells nobody
        await asyncio.sleep(0.01)


@acted(with_plug)
async def test_a_speaker_that_appears_is_heard_and_after_it_was_gone_again(spoken: VoiceOutput, plug: Plug) -> None:
    plug.seen = True
    for _ in range(2):
        assert not await spoken.is_audible()
        plug.there = True
        await seen(lambda: spoken._loudspeaker.is_open)
        assert await spoken.is_audible()
        plug.there, plug.tries = False, 0
        await seen(lambda: plug.tries > 0)
    assert plug.blinks == 0, "the microphone is closed for no card that can be opened without that"


@acted(with_plug)
async def test_a_card_that_is_new_to_portaudio_is_found_by_a_blink(spoken: VoiceOutput, plug: Plug) -> None:
    assert not await spoken.is_audible()
    plug.there = True
    await seen(lambda: spoken._loudspeaker.is_open)
    assert plug.blinks == 1


def test_a_fault_that_comes_and_goes_is_put_into_words_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ordered: list[object] = []
    monkeypatch.setattr(Speaker, "carry_out", lambda _, order: ordered.append(order))
    spoken = VoiceOutput(NOWHERE, MOVE, {})
    for _ in range(3):
        spoken.announce(HeadsetFaultChanged("stuck"))
        spoken.announce(HeadsetFaultChanged("stuck", healed=True))
    spoken.announce(HeadsetFaultChanged("muted"))
    said = [(order.prompt, order.slots["fault"]) for order in ordered if isinstance(order, Say)]
    assert said == [(Prompt.FAULT, "stuck"), (Prompt.HEALED, "stuck"), (Prompt.FAULT, "muted")]
    assert sum(isinstance(order, PlayEarcon) for order in ordered) == 4


@acted(with_plug)
async def test_without_a_voice_nobody_hears_a_question_and_it_is_not_asked_for_all_the_time(
    spoken: VoiceOutput, plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def mute(_phrases: ClauseCache, clause: str, _pace: float) -> None:
        asked.append(clause)
        raise Unavailable("no voice")

    async def nothing(_phrases: ClauseCache, _clauses: object, _pace: float) -> None:
        """Prepares nothing, which would ask too."""

    monkeypatch.setattr(ClauseCache, "synthesise", mute)
    monkeypatch.setattr(ClauseCache, "cache_in_advance", nothing)
    plug.there = plug.seen = True
    assert not await spoken.is_audible()
    assert not await spoken.is_audible()
    assert not await spoken.has_voice()
    assert len(asked) == 1
