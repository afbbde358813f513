"""Postponed messages: one of a device whose event the site's own trigger or constraint rejects, to be tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dockvoice_protocol.mqtt import MessageReceived

RETRY_S = (0.5, 10.0)  # First and longest wait before the next try; doubled each time.


@dataclass(slots=True)
class _Postponed:
    """A message to retry later. Later events of its device wait, other devices' do not."""

    message: MessageReceived
    retry_at: float
    wait_s: float = RETRY_S[0]
    behind: bool = False
    """Whether other messages of the device were dropped meanwhile. The device resends them: they have no receipt."""


class PostponedMessages:
    """The postponed messages, one of each topic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._of: dict[str, _Postponed] = {}

    def __contains__(self, topic: str) -> bool:
        """Whether a message of this topic is postponed."""
        return topic in self._of

    @property
    def retry_times(self) -> list[float]:
        """When each is due."""
        return [one.retry_at for one in self._of.values()]

    @property
    def have_dropped(self) -> bool:
        """Whether a message behind one of these was dropped."""
        return any(one.behind for one in self._of.values())

    def add(self, message: MessageReceived) -> None:
        """Postpone a message, the first of its topic."""
        self._of[message.topic] = _Postponed(message, self._clock() + RETRY_S[0])

    def note_dropped(self, message: MessageReceived) -> None:
        """Note that a message was dropped behind the postponed one of its topic, which it may repeat."""
        first = self._of[message.topic]
        first.behind = first.behind or message.payload != first.message.payload

    def first_due(self) -> MessageReceived | None:
        """The first that is due."""
        return next((one.message for one in self._of.values() if self._clock() >= one.retry_at), None)

    def postpone_again(self, topic: str) -> float:
        """Postpone a due one for longer; for how long, in seconds."""
        one = self._of[topic]
        one.wait_s = min(one.wait_s * 2, RETRY_S[1])
        one.retry_at = self._clock() + one.wait_s
        return one.wait_s

    def remove(self, topic: str) -> bool:
        """Remove one that is settled; whether messages behind it were dropped."""
        return self._of.pop(topic).behind

    def clear(self) -> None:
        """Remove all."""
        self._of.clear()
