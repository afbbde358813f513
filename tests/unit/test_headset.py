from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from dockvoice_protocol.systemd import Notifier
from edge.agent.headset import (
    AudibilityChanged,
    Headset,
    HeadsetEvent,
    HeadsetOrder,
    MicrophoneFault,
    MuteChanged,
    headset_event_as_json,
)
from edge.config import Hear, ListeningMode, Settings
from edge.hear.microphone_health import FaultBegan, FaultEnded, FaultKind, MicrophoneEvent
from tests.rows import each_of


class Seen:
    """A headset, and what it told."""

    def __init__(self, mode: ListeningMode = ListeningMode.OPEN) -> None:
        self.told: list[HeadsetEvent] = []
        self.published: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        settings = Settings(hear=Hear(mode=mode, wake_phrase="hello warehouse"))
        self.headset = Headset(settings, Notifier(None), self._publish, self.told.append)

    def attend(self, *events: MicrophoneEvent) -> None:
        """Let the ear notice these, and the loop tell them all."""
        asyncio.run(self._attend(events))

    async def _attend(self, events: Sequence[MicrophoneEvent]) -> None:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            attending = group.create_task(self.headset.follow_microphone_and_talk_key())
            await self._news.wait()
            for event in events:
                self._news.clear()
                await asyncio.to_thread(self.headset._queue_event, event)
                await self._news.wait()
            attending.cancel()

    def _publish(self, state: dict[str, Any]) -> None:
        self.published.append(state)
        self._news.set()


def test_a_fault_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    seen = Seen()
    seen.attend(FaultBegan(FaultKind.STUCK, "gives no sound"), FaultEnded(FaultKind.STUCK))
    assert seen.told == [MicrophoneFault("stuck", "gives no sound"), MicrophoneFault("stuck", None)]
    assert [state["faults"] for state in seen.published] == [[], ["stuck"], []]
    assert seen.headset.status_line == "listening"


def test_mute_is_announced_each_time_it_changes_and_only_then() -> None:
    seen = Seen()
    for order in (HeadsetOrder.MUTE, HeadsetOrder.MUTE, HeadsetOrder.UNMUTE, HeadsetOrder.UNMUTE):
        seen.headset.carry_out(order)
    assert seen.told == [MuteChanged(True), MuteChanged(False)]
    assert [state["muted"] for state in seen.published] == [True, False]


@each_of(
    ("mode", "status"),
    [
        (ListeningMode.OPEN, "listening"),
        (ListeningMode.PUSH_TO_TALK, "listening while the talk key is down"),
        (ListeningMode.WAKE_PHRASE, "listening for the wake phrase"),
    ],
)
def test_the_mode_is_part_of_the_state(mode: ListeningMode, status: str) -> None:
    seen = Seen(mode)
    assert (seen.headset.status_line, seen.headset.state["mode"]) == (status, mode.value)


def test_without_a_speaker_the_status_says_so_until_there_is_one() -> None:
    seen = Seen()
    seen.headset.publish_audibility(is_audible=False)
    assert seen.headset.status_line == "no speaker, nothing is read back; listening"
    seen.headset.publish_audibility(is_audible=True)
    assert seen.headset.status_line == "listening"
    assert seen.told == [AudibilityChanged(False), AudibilityChanged(True)]
    assert [headset_event_as_json(told) for told in seen.told] == [{"speaker": "none"}, {"speaker": "heard"}]


def test_a_headset_that_nobody_listens_to_does_not_blink() -> None:
    assert not asyncio.run(Seen().headset.close_for_rescan())


def test_the_space_bar_begins_and_ends_to_talk_and_other_keys_do_nothing() -> None:
    headset = Seen(ListeningMode.PUSH_TO_TALK).headset
    headset.toggle_by_key(" ")
    headset.toggle_by_key("x")
    assert headset.gate.talking
    headset.toggle_by_key(" ")
    assert not headset.gate.talking
