"""The outbox of both sides: which pending messages are published, in which order, when they are retried.

Pure: events and the time (seconds on any one clock) come in, messages to publish go out. The caller stores what is
pending (a journal, a table). A crash loses only this schedule; at worst a message is published twice, and every
receiver recognises it by its id or version.

`ANSWERS` maps the reason codes of PUBACK (MQTT 5, table 3-4) to their consequence. MQTT 3.1.1 has no codes: there
every answer is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, TypeVar

ROOM_S = 1.0
"""A message for which the broker had no room is tried again after so many seconds: PUBACKs, which make room, take
less."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The growing wait between two attempts to publish one message."""

    first_s: float  # After the first attempt.
    doublings: int  # The wait grows to 2**doublings times the first, and no further.

    def wait_s(self, attempts: int, asked_s: float = 0.0) -> float:
        """The wait after this many earlier attempts; longer where the other side asks for it, up to the longest."""
        longest = self.first_s * 2.0**self.doublings
        return max(self.first_s * 2.0 ** min(attempts, self.doublings), min(asked_s, longest))


@dataclass(slots=True, kw_only=True)
class Pending:
    """A message that is not confirmed. Callers add fields of their own in a subclass."""

    key: str
    order: int
    topic: str = ""
    due: float  # Not published before.
    attempts: int = 0
    refusals: int = 0  # How often the broker refused it since it last took it.


_P = TypeVar("_P", bound=Pending)


class Policy(Enum):
    """The order in which an outbox publishes its messages, and which replace others."""

    IN_ORDER = auto()
    """Every message must arrive: published in order, lost ones again behind later ones.

    Nothing blocks the messages behind it: the receiver applies them in order, or each by itself.
    """
    LATEST = auto()  # Only the latest message of a topic is published; earlier ones are dropped.
    CHUNKS = auto()  # One message at a time, so that those of other outboxes can go between.


class Outbox(Generic[_P]):
    """The schedule of pending messages: what to publish, and when to retry."""

    def __init__(self, policy: Policy, backoff: Backoff) -> None:
        self._policy = policy
        self._backoff = backoff
        self._pending: dict[str, _P] = {}

    def __len__(self) -> int:
        """How many messages are pending."""
        return len(self._pending)

    @property
    def pending(self) -> list[_P]:
        """All pending messages, in order."""
        return sorted(self._pending.values(), key=lambda one: one.order)

    def get(self, key: str) -> _P | None:
        """The pending message of this key."""
        return self._pending.get(key)

    def add(self, new: _P) -> None:
        """Schedule a pending message. A known one keeps its attempts."""
        if new.key in self._pending:
            return
        if self._policy is Policy.LATEST:
            same = [one for one in self._pending.values() if one.topic == new.topic]
            if any(one.order > new.order for one in same):
                return
            for one in same:
                del self._pending[one.key]
        self._pending[new.key] = new

    def start_due_attempts(self, now: float) -> list[_P]:
        """The messages to publish now; each counts as an attempt, and is retried after its wait.

        Those that the broker refused go last: some brokers disconnect over what they refuse.
        """
        due = [one for one in self.pending if one.due <= now]
        if self._policy is Policy.CHUNKS:
            del due[1:]
        for one in due:
            one.due = now + self._backoff.wait_s(one.attempts)
            one.attempts += 1
        return sorted(due, key=lambda one: one.refusals > 0)

    def mark_unsent(self, key: str, now: float) -> None:
        """Take back the attempt of a message that could not be published because the broker has no room."""
        if (one := self._pending.get(key)) is not None:
            one.due, one.attempts = now + ROOM_S, max(0, one.attempts - 1)

    def note_puback(self, key: str) -> None:
        """Note the broker's PUBACK: the message stays pending until it is confirmed."""
        if (one := self._pending.get(key)) is not None:
            one.refusals = 0

    def remove_confirmed(self, key: str) -> _P | None:
        """Remove a message that arrived, or that need not be published any more."""
        return self._pending.pop(key, None)

    def clear(self) -> None:
        """Drop the schedule, as at a lost connection: the caller's store has what is pending, and adds it again."""
        self._pending.clear()

    def seconds_until_due(self, now: float) -> float | None:
        """Seconds until `take_due` returns something; None while nothing is pending."""
        due = min((one.due for one in self._pending.values()), default=math.inf)
        return None if due == math.inf else max(0.0, due - now)


class UnansweredCause(Enum):
    """Why no answer to a publication came."""

    TIMEOUT = auto()  # No receipt within its timeout.
    LINK_LOST = auto()  # The connection ended first.


class PubackEffect(Enum):
    """What a PUBACK's reason code means for the message."""

    SENT = auto()
    """The broker has it. That settles it only without receipts: brokers lose messages that they acknowledged."""
    LATER = auto()  # Pending; retried after its back-off.
    AT_RECONNECT = auto()  # Pending; retried at the next connection.
    DEAD_LETTER = auto()
    """Retried after its back-off; when the broker keeps refusing it while it accepts other events, the event itself
    is the cause. Then it is set aside, and a small event is published in its place."""


@dataclass(frozen=True, slots=True)
class PubackMeaning:
    """A reason code in words, its consequence, and its remedy."""

    name: str
    consequence: PubackEffect
    remedy: str = ""
    alarm: bool = True  # Whether to alert a person at once.


FAILURE = 0x80  # Reason codes from here on mean that the broker did not take the message.

ANSWERS: dict[int | UnansweredCause, PubackMeaning] = {
    0x00: PubackMeaning("success", PubackEffect.SENT, alarm=False),
    # Optional, and wrong in some brokers: a hint, never a proof.
    0x10: PubackMeaning(
        "no matching subscribers", PubackEffect.SENT, "start the inventory if it is not running", alarm=False
    ),
    0x80: PubackMeaning("unspecified error", PubackEffect.LATER, "see the broker's log"),
    0x83: PubackMeaning("implementation specific error", PubackEffect.LATER, "see the broker's log"),
    0x87: PubackMeaning(
        "not authorized", PubackEffect.LATER, "let the broker's access rules allow this device to publish its entries"
    ),
    0x90: PubackMeaning(
        "topic name invalid", PubackEffect.LATER, "correct deliver.prefix, site or device, or what the broker allows"
    ),
    0x95: PubackMeaning(
        "packet too large", PubackEffect.DEAD_LETTER, "raise the broker's limit on the size of messages"
    ),
    0x97: PubackMeaning("quota exceeded", PubackEffect.LATER, "raise the broker's limit on messages kept"),
    0x99: PubackMeaning(
        "payload format invalid", PubackEffect.DEAD_LETTER, "let the broker accept application/cloudevents+json"
    ),
    UnansweredCause.TIMEOUT: PubackMeaning("no receipt in time", PubackEffect.LATER, alarm=False),
    UnansweredCause.LINK_LOST: PubackMeaning("connection lost", PubackEffect.AT_RECONNECT, alarm=False),
}
"""The known answers. mosquitto sends 0x95 in a PUBACK too; by the standard it ends the connection."""


def puback_meaning(reason_code: int) -> PubackMeaning:
    """The meaning of a PUBACK with this code; an unknown failure is retried like an unspecified one."""
    if reason_code in ANSWERS:
        return ANSWERS[reason_code]
    failed = reason_code >= FAILURE
    return PubackMeaning(
        f"reason code {reason_code}", PubackEffect.LATER if failed else PubackEffect.SENT, alarm=failed
    )
