"""The headset: its listening mode, mute and microphone faults, and their publication.

Faults are detected on the ear's thread and published on the loop: in the log, systemd's status, the device's status
topic, and the site's fault command. Each is published once when it begins and once when it is over.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dockvoice_protocol.systemd import Notifier
from edge.config import ListeningMode, Settings
from edge.hear.endpointing import Gate
from edge.hear.input_keys import follow_talk_key
from edge.hear.microphone import Microphone
from edge.hear.microphone_health import FaultBegan, FaultEnded, MicrophoneEvent

logger = logging.getLogger(__name__)

_BLINK_S = 5.0  # Timeout for reopening the sound system, which takes a tenth of a second.

_NO_SPEAKER = "no speaker, nothing is read back; "  # Prefix of systemd's status line.

_COMMAND_LIMIT_S = 5.0  # Timeout of the fault command; switching a lamp takes milliseconds.

_PASSED_ON = ("PATH", "HOME", "LANG", "XDG_RUNTIME_DIR")
"""The environment variables of the fault command. The agent's others can hold the broker's password."""


class HeadsetOrder(StrEnum):
    """An order to the headset, by a key or a message."""

    MUTE = "mute"
    UNMUTE = "unmute"
    TALK = "talk"  # The talk key is down.
    DONE = "done"  # The talk key is up.


@dataclass(frozen=True, slots=True)
class MicrophoneFault:
    """A fault of the microphone began or is over."""

    fault: str
    what: str | None  # The details; None when it is over.


@dataclass(frozen=True, slots=True)
class MuteChanged:
    """The microphone was muted or unmuted."""

    muted: bool


@dataclass(frozen=True, slots=True)
class AudibilityChanged:
    """A speaker was connected, so that the operator hears the device; or there is none."""

    is_audible: bool


HeadsetEvent = MicrophoneFault | MuteChanged | AudibilityChanged  # What the headset publishes to its subscriber.


def headset_event_as_json(event: HeadsetEvent) -> dict[str, Any]:
    """The event as a JSON object, for programs."""
    if isinstance(event, AudibilityChanged):
        return {"speaker": "heard" if event.is_audible else "none"}
    if isinstance(event, MuteChanged):
        return {"microphone": "muted" if event.muted else "unmuted"}
    return {"microphone": event.fault, "state": "over" if event.what is None else "began", "found": event.what}


class Headset:
    """One headset: microphone, gate, faults. Use it in the event loop; the microphone reports from its own thread."""

    def __init__(
        self,
        settings: Settings,
        notifier: Notifier,
        publish_state: Callable[[dict[str, Any]], None],
        publish: Callable[[HeadsetEvent], None],
    ) -> None:
        """`publish_state` puts the state on the device's status topic, `publish` is called with each event."""
        self._settings = settings
        self._notifier = notifier
        self._publish_state = publish_state
        self._publish = publish
        self._mode = settings.hear.mode
        self.gate = Gate(push_to_talk=self._mode is ListeningMode.PUSH_TO_TALK, publish=self._queue_event)
        self._faults: dict[str, str] = {}
        self._is_inaudible = False
        self._microphone: Microphone | None = None
        self._happened: asyncio.Queue[MicrophoneEvent] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None

    def microphone(self, heartbeat: Callable[[], None]) -> Microphone:
        """The microphone in the settings. Its thread calls `heartbeat` while it makes progress."""
        hear, watch = self._settings.hear, self._settings.watch
        zeros_s, gated_s = watch.zeros_s, watch.gated_zeros_s
        made = Microphone(
            hear.device,
            watch.stall_s,
            self._queue_event,
            heartbeat,
            patient=True,
            zeros_s=zeros_s,
            gated_s=gated_s,
            source=hear.source,
        )
        self._microphone = made
        return made

    async def close_for_rescan(self) -> bool:
        """Interrupt the microphone for a moment, so that new sound cards are detected; whether that was done."""
        return self._microphone is not None and await asyncio.to_thread(self._microphone.close_for_rescan, _BLINK_S)

    @property
    def status_line(self) -> str:
        """The state in one line, for systemd."""
        if self._faults:
            return f"microphone: {'; '.join(f'{fault}: {what}' for fault, what in self._faults.items())}"
        if self.gate.muted:
            return "muted: nothing is heard"
        return _NO_SPEAKER + self._describe_listening if self._is_inaudible else self._describe_listening

    @property
    def _describe_listening(self) -> str:
        return {
            ListeningMode.OPEN: "listening",
            ListeningMode.PUSH_TO_TALK: "listening while the talk key is down",
            ListeningMode.WAKE_PHRASE: "listening for the wake phrase",
        }[self._mode]

    @property
    def state(self) -> dict[str, Any]:
        """The state for the status topic."""
        return {"mode": self._mode.value, "muted": self.gate.muted, "faults": sorted(self._faults)}

    def carry_out(self, order: HeadsetOrder) -> None:
        """Mute or unmute the microphone, or mark the talk key as down or up."""
        match order:
            case HeadsetOrder.MUTE | HeadsetOrder.UNMUTE:
                self._set_muted(order is HeadsetOrder.MUTE)
            case HeadsetOrder.TALK | HeadsetOrder.DONE:
                self.gate.talking = order is HeadsetOrder.TALK

    def toggle_by_key(self, key: str) -> None:
        """Handle a key of the terminal: `m` toggles mute, the space bar toggles talking.

        A terminal reports no key release, so each press toggles.
        """
        if key == "m":
            self.carry_out(HeadsetOrder.UNMUTE if self.gate.muted else HeadsetOrder.MUTE)
        elif key == " ":
            self.carry_out(HeadsetOrder.DONE if self.gate.talking else HeadsetOrder.TALK)

    async def follow_microphone_and_talk_key(self) -> None:
        """Publish the microphone's faults, and apply the talk key to the gate, until cancelled."""
        self._loop = asyncio.get_running_loop()
        self._publish_state(self.state)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_talk_key())
            while True:
                await self._publish_fault_and_run_command(await self._happened.get())

    async def _follow_talk_key(self) -> None:
        hear = self._settings.hear
        if self._mode is ListeningMode.PUSH_TO_TALK and hear.talk_key is not None:
            await follow_talk_key(
                hear.talk_key,
                hear.talk_device,
                lambda down: self.carry_out(HeadsetOrder.TALK if down else HeadsetOrder.DONE),
            )

    def publish_audibility(self, is_audible: bool) -> None:
        """Publish that the operator can hear the device, or cannot any more."""
        self._is_inaudible = not is_audible
        self._notifier.set_status(self.status_line)
        self._publish(AudibilityChanged(is_audible))

    def _queue_event(self, event: MicrophoneEvent) -> None:
        """Pass an event from the ear's thread to the loop."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._happened.put_nowait, event)

    async def _publish_fault_and_run_command(self, event: MicrophoneEvent) -> None:
        match event:
            case FaultBegan(fault, what):
                self._faults[fault.value] = what
                logger.error("microphone: %s: it %s", fault, what)
                self._announce(MicrophoneFault(fault.value, what))
            case FaultEnded(fault):
                self._faults.pop(fault.value, None)
                logger.warning("microphone: %s is over", fault)
                self._announce(MicrophoneFault(fault.value, None))
        if command := self._settings.watch.fault_command:
            await run_fault_command(command, "began" if isinstance(event, FaultBegan) else "over", event.fault.value)

    def _set_muted(self, muted: bool) -> None:
        if self.gate.muted == muted:
            return
        self.gate.muted = muted
        logger.warning("microphone: %s", "muted, nothing is heard" if muted else "heard again")
        self._announce(MuteChanged(muted))

    def _announce(self, event: HeadsetEvent) -> None:
        self._notifier.set_status(self.status_line)
        self._publish_state(self.state)
        self._publish(event)


async def run_fault_command(command: Sequence[str], state: str, fault: str, limit_s: float = _COMMAND_LIMIT_S) -> None:
    """Run the site's fault command with the arguments `state` ("began", "over") and `fault` appended.

    It runs without a shell, and its environment holds no secret. A failure is only logged.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            *(*command, state, fault),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
    except OSError as fault_of_it:
        logger.warning("watch.fault_command: %s cannot be run (%s)", command[0], fault_of_it.strerror)
        return
    try:
        async with asyncio.timeout(limit_s):
            code = await process.wait()
    except TimeoutError:
        logger.warning("watch.fault_command: %s was ended after %g s", command[0], limit_s)
    else:
        if code:
            logger.warning("watch.fault_command: %s ended with %d", command[0], code)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
