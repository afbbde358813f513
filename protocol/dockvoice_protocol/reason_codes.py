"""MQTT reason codes: what each answer of the broker to a publication means, and each silence.

The codes are those of MQTT 5, table 3-4, as far as they concern a publication; MQTT 3.1.1 has no codes, there every
answer is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Silence(Enum):
    """What may come instead of an answer."""

    TIMEOUT = auto()  # Nothing settled the event within the receipt's timeout.
    LINK_LOST = auto()  # The connection ended first.


class Consequence(Enum):
    """What becomes of the row."""

    SENT = auto()
    """The broker has it. That settles it only where no receipts are sent: brokers lose what they acknowledged."""
    LATER = auto()  # Owed as before: it goes again after its growing wait.
    AT_RECONNECT = auto()  # Owed as before: it goes again as soon as there is a connection.
    DEAD_LETTER = auto()
    """Later, as above; but when the broker keeps to it and takes other events meanwhile, it is the event's own fault.
    Then it is set aside, so that it holds nothing up, and a small event goes in its place."""


@dataclass(frozen=True, slots=True)
class ReasonMeaning:
    """An answer in words, what follows from it, and what a person can do about it."""

    name: str
    consequence: Consequence
    remedy: str = ""
    alarm: bool = True  # Whether a person is to be told at once.


FAILURE = 0x80  # Reason codes from here on mean that the broker did not take the message.

ANSWERS: dict[int | Silence, ReasonMeaning] = {
    0x00: ReasonMeaning("success", Consequence.SENT, alarm=False),
    # Optional, and wrong in some brokers: a hint, never a proof that somebody listens or nobody does.
    0x10: ReasonMeaning(
        "no matching subscribers", Consequence.SENT, "start the inventory if it is not running", alarm=False
    ),
    0x80: ReasonMeaning("unspecified error", Consequence.LATER, "see the broker's log"),
    0x83: ReasonMeaning("implementation specific error", Consequence.LATER, "see the broker's log"),
    0x87: ReasonMeaning(
        "not authorized", Consequence.LATER, "let the broker's access rules allow this device to publish its entries"
    ),
    0x90: ReasonMeaning(
        "topic name invalid", Consequence.LATER, "correct deliver.prefix, site or device, or what the broker allows"
    ),
    0x95: ReasonMeaning(
        "packet too large", Consequence.DEAD_LETTER, "raise the broker's limit on the size of messages"
    ),
    0x97: ReasonMeaning("quota exceeded", Consequence.LATER, "raise the broker's limit on messages kept"),
    0x99: ReasonMeaning(
        "payload format invalid", Consequence.DEAD_LETTER, "let the broker accept application/cloudevents+json"
    ),
    Silence.TIMEOUT: ReasonMeaning("no receipt in time", Consequence.LATER, alarm=False),
    Silence.LINK_LOST: ReasonMeaning("connection lost", Consequence.AT_RECONNECT, alarm=False),
}
"""The answers that are known. mosquitto gives 0x95 in a PUBACK too, where the standard has it end the connection."""


def meaning(reason_code: int) -> ReasonMeaning:
    """What a PUBACK with this code means; an unknown failure is tried again like an unspecified one."""
    if reason_code in ANSWERS:
        return ANSWERS[reason_code]
    failed = reason_code >= FAILURE
    return ReasonMeaning(f"reason code {reason_code}", Consequence.LATER if failed else Consequence.SENT, alarm=failed)
