"""A message checked ahead is checked once; a result that is old, or from before an error, is not taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dockvoice_protocol.events import Topics
from dockvoice_protocol.mqtt import MessageReceived
from inventory.ingest.admission import DistrustReason, UntrustedEvent
from inventory.ingest.checking import MessageChecker
from inventory.ingest.validation import DeadLetterMessage, InvalidMessage, Validated
from inventory.records import Event, InvalidEvent

FORGED = UntrustedEvent(DistrustReason.FORGED, None)


class Checks:
    """What is checked, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.validated: list[bytes] = []
        self.distrust: UntrustedEvent | None = None
        self.checker = MessageChecker(self._validate, self._find_distrust, lambda: self.now)

    def _validate(self, message: MessageReceived) -> Validated:
        self.validated.append(message.payload)
        if message.payload == b"dead":
            return DeadLetterMessage("no event")
        return InvalidMessage(Topics("a", "b", "c"), InvalidEvent("id", "b", "c", 1, message.payload, ("broken",)))

    def _find_distrust(self, _: Event | InvalidEvent, __: Mapping[str, Any] | None) -> UntrustedEvent | None:
        return self.distrust


def message(payload: bytes, token: int = 1) -> MessageReceived:
    return MessageReceived("a/b/c/entries", payload, token)


def test_a_message_checked_ahead_is_checked_once() -> None:
    checks, one, dead = Checks(), message(b"one"), message(b"dead")
    with checks.checker.checking_ahead([one, dead]):
        pass
    assert checks.checker.check(dead) == (DeadLetterMessage("no event"), None)
    assert checks.checker.check(one)[1] is None
    assert checks.validated == [b"one", b"dead"]
    checks.checker.check(one)
    assert checks.validated == [b"one", b"dead", b"one"]


def test_another_message_with_the_same_packet_identifier_is_another() -> None:
    checks = Checks()
    with checks.checker.checking_ahead([message(b"one")]):
        pass
    checks.checker.check(message(b"one"))
    assert checks.validated == [b"one", b"one"]


def test_a_key_that_was_revoked_since_is_seen() -> None:
    checks, one = Checks(), message(b"one")
    with checks.checker.checking_ahead([one]):
        pass
    checks.now, checks.distrust = 1.5, FORGED
    assert checks.checker.check(one)[1] == FORGED


def test_after_an_error_all_is_checked_again() -> None:
    checks, one = Checks(), message(b"one")
    with pytest.raises(OSError, match="away"), checks.checker.checking_ahead([one]):
        raise OSError("away")
    checks.distrust = FORGED
    assert checks.checker.check(one)[1] == FORGED
