"""Authentication of events: an event must be signed with an enrolled key of its device. Pure.

An untrusted event is neither applied nor refused, and uses up no number: a refusal would be an answer to the device,
and the number would be lost to the device's own next event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dockvoice_protocol.events import WITHHELD, MalformedMessage, parse_object
from dockvoice_protocol.hash_chain import KEYID, KEYID_DIGITS, is_whole_event_signed
from inventory.records import Event, InvalidEvent
from inventory.store.keys import EnrolledKey


class DistrustReason(StrEnum):
    """Why an event is untrusted: the receipt's reason codes."""

    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    REVOKED_KEY = "revoked_key"
    REPLACED_KEY = "replaced_key"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class UntrustedEvent:
    """The event has no valid signature of an enrolled key of its device."""

    why: DistrustReason
    keyid: str | None  # The id of the key that the event names.

    @property
    def reason(self) -> str:
        """The reason code for the receipt, with the key id."""
        return str(self.why) if self.keyid is None else f"{self.why}:{self.keyid}"


_KEYID_SHAPE = re.compile(f"[0-9a-f]{{{KEYID_DIGITS}}}")


def find_distrust(
    event: Event | InvalidEvent, keys: Mapping[str, EnrolledKey], said: Mapping[str, Any] | None = None
) -> UntrustedEvent | None:
    """Why the event is untrusted under these `keys` of its device, by their ids; None if it is trusted.

    `said` is its body, where that is parsed already.
    """
    try:
        said = parse_object(event.body) if said is None else said
    except MalformedMessage:  # ambiguous JSON is never signed
        return UntrustedEvent(DistrustReason.FORGED, None)
    keyid = said.get(KEYID)
    if not (isinstance(keyid, str) and _KEYID_SHAPE.fullmatch(keyid)):
        return UntrustedEvent(DistrustReason.UNSIGNED, None)
    if (enrolled := keys.get(keyid)) is None:
        return UntrustedEvent(DistrustReason.UNKNOWN_KEY, keyid)
    if enrolled.revoked:
        return UntrustedEvent(DistrustReason.REVOKED_KEY, keyid)
    if enrolled.last is not None and event.sequence > enrolled.last:
        return UntrustedEvent(DistrustReason.REPLACED_KEY, keyid)
    vouching = (one.key for one in keys.values() if not one.revoked)
    is_theirs = is_whole_event_signed(said, enrolled.key, vouching, withheld=said.get("type") == WITHHELD)
    return None if is_theirs else UntrustedEvent(DistrustReason.FORGED, keyid)
