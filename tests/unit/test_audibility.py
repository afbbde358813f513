from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import pytest

from edge.agent import voice_output
from edge.agent.voice_output import AudibilityMonitor
from edge.records.speech import PlayEarcon, Prompt, Say


class Voice:
    """A voice that is heard when the test says so."""

    def __init__(self, *, heard: bool = False, waited_for: bool = False) -> None:
        self.heard, self.is_speaker_required, self.speaks = heard, waited_for, True
        self.lack: str | None = None
        self.looks: list[bool] = []
        self.ordered: list[object] = []

    async def is_audible(self) -> bool:
        self.looks.append(self.heard)
        return self.heard

    async def has_voice(self) -> bool:
        return self.speaks

    def queue_order(self, order: object) -> None:
        self.ordered.append(order)


class Ear:
    """A dictation and a conversation, as far as they are asked."""

    def __init__(self) -> None:
        self.uses_dialogue = True
        self.is_busy = self.awaits_answer = False
        self.started = 0
        self._begin: Callable[[], Awaitable[None]] | None = None

    def suspend_dialogue(self) -> None:
        self.uses_dialogue = False

    def begin_dialogue(self, begin: Callable[[], Awaitable[None]]) -> None:
        assert self._begin is None, "it begins once"
        self._begin = begin

    async def start(self) -> None:
        self.started += 1

    @property
    def is_to_begin(self) -> bool:
        return self._begin is not None

    async def begin(self) -> None:
        assert self._begin is not None
        await self._begin()
        self.uses_dialogue = True


class Floor:
    """An audience, and all that it told."""

    def __init__(self, voice: Voice, *, converses: bool = True) -> None:
        self.voice, self.ear, self.told = voice, Ear(), list[bool]()
        conversing = self.ear if converses else None
        self.audience = AudibilityMonitor(
            cast(Any, voice), cast(Any, self.ear), cast(Any, conversing), self.told.append
        )

    async def looks(self, times: int = 4) -> None:
        """Return when it has looked so often again."""
        wanted = len(self.voice.looks) + times
        while len(self.voice.looks) < wanted:  # noqa: ASYNC110 - the looks are the audience's own
            await asyncio.sleep(0.001)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_output, "AUDIBILITY_POLL_S", 0.001)


def play(floor: Floor, acted: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def played() -> None:
        await floor.audience.determine_audibility_at_start()
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            running = group.create_task(floor.audience.run())
            await acted()
            running.cancel()

    asyncio.run(played())


def test_what_the_speaker_lacks_is_part_of_the_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    voice = Voice()
    voice.lack = "speaker (usb): cannot be opened; set speak.device"
    floor = Floor(voice)
    play(floor, floor.looks)
    (record,) = caplog.records
    assert record.getMessage() == (
        "nothing is read back, the operator cannot hear the device: speaker (usb): cannot be opened; set speak.device; "
        "each utterance is recorded, or not, by itself. A speaker that appears is used from then on"
    )


def test_from_the_moment_that_a_speaker_is_there_entries_are_agreed_and_the_operator_hears_so() -> None:
    floor = Floor(Voice())

    async def acted() -> None:
        floor.voice.heard = True
        await floor.looks()
        assert floor.ear.is_to_begin
        assert floor.voice.ordered == []
        await floor.ear.begin()
        await floor.looks()

    play(floor, acted)
    assert floor.told == [False, True]
    assert floor.ear.started == 1
    assert [type(order) for order in floor.voice.ordered] == [PlayEarcon, Say]
    assert cast(Say, floor.voice.ordered[1]).prompt is Prompt.LISTENING


def test_a_speaker_that_comes_and_goes_with_each_look_is_none() -> None:
    class Loose(Voice):
        async def is_audible(self) -> bool:
            self.heard = not self.heard
            return not await super().is_audible()

    floor = Floor(Loose())
    play(floor, lambda: floor.looks(20))
    assert floor.told == [False]
    assert not floor.ear.is_to_begin


def test_it_begins_neither_while_somebody_speaks_nor_while_an_earlier_question_is_open() -> None:
    floor = Floor(Voice())

    async def acted() -> None:
        floor.ear.is_busy, floor.voice.heard = True, True
        await floor.looks()
        assert floor.told == [False, True]
        assert not floor.ear.is_to_begin
        floor.ear.is_busy, floor.ear.awaits_answer = False, True
        await floor.looks()
        assert not floor.ear.is_to_begin
        floor.ear.awaits_answer = False
        await floor.looks()
        assert floor.ear.is_to_begin

    play(floor, acted)


def test_a_speaker_that_is_lost_is_told_and_entries_are_agreed_all_the_same() -> None:
    floor = Floor(Voice(heard=True))

    async def acted() -> None:
        for heard in (False, True):
            floor.voice.heard = heard
            await floor.looks()

    play(floor, acted)
    assert floor.told == [True, False, True]
    assert floor.ear.uses_dialogue
    assert not floor.ear.is_to_begin


@pytest.mark.parametrize(("speaks", "converses"), [(True, True), (False, False)])
def test_where_a_speaker_is_taken_for_granted_only_a_voice_is_needed(speaks: bool, converses: bool) -> None:
    voice = Voice(waited_for=True)
    voice.speaks = speaks
    floor = Floor(voice)
    play(floor, floor.looks)
    assert (floor.told, floor.ear.uses_dialogue) == ([False], converses)
