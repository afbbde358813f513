"""What an MQTT session tells whoever owns it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Connected:
    """The broker accepted the connection and every subscription."""

    protocol: str
    """`5` or `3.1.1`."""
    receive_maximum: int
    """How many unacknowledged publications the broker takes."""
    session_present: bool
    """Whether the broker still knew this client."""


@dataclass(frozen=True)
class Disconnected:
    """A connection that was reported as Connected has ended."""

    why: str


@dataclass(frozen=True)
class Acknowledged:
    """The broker's PUBACK for the publication with this tag; with MQTT 3.1.1, which has no codes, always 0.

    149 too where the broker hung up because the packet was too large; then Disconnected follows.
    """

    tag: str
    reason_code: int


@dataclass(frozen=True)
class Delivered:
    """A message that arrived for one of the subscriptions; always between Connected and Disconnected."""

    topic: str
    payload: bytes = field(repr=False)
    token: int
    """What `Session.acknowledge` needs: the packet identifier, and the connection it is valid for."""


SessionEvent = Connected | Disconnected | Acknowledged | Delivered
