"""Authentication of events: an event must be signed with an enrolled key of its device. Pure.

An untrusted event is neither applied nor refused, and uses up no number: a refusal would be an answer to the device,
and the number would be lost to the device's own next event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dockvoice_protocol.events import WITHHELD, MalformedMessage, parse_object
from dockvoice_protocol.hash_chain import KEYID, KEYID_DIGITS, is_whole_event_signed
from inventory.records import Event, InvalidEvent
from inventory.store.keys import EnrolledKey


class Distrust(StrEnum):
    """Why an event is untrusted: the receipt's reason codes."""

    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    REVOKED_KEY = "revoked_key"
    REPLACED_KEY = "replaced_key"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class Untrusted:
    """The event has no valid signature of an enrolled key of its device."""

    why: Distrust
    keyid: str | None  # The id of the key that the event names.

    @property
    def reason(self) -> str:
        """The reason code for the receipt, with the key id."""
        return str(self.why) if self.keyid is None else f"{self.why}:{self.keyid}"


_KEYID_SHAPE = re.compile(f"[0-9a-f]{{{KEYID_DIGITS}}}")


def find_distrust(event: Event | InvalidEvent, keys: Mapping[str, EnrolledKey]) -> Untrusted | None:
    """Why the event is untrusted under these `keys` of its device, by their ids; None if it is trusted."""
    try:
        said = parse_object(event.body)
    except MalformedMessage:  # ambiguous JSON is never signed
        return Untrusted(Distrust.FORGED, None)
    keyid = said.get(KEYID)
    if not (isinstance(keyid, str) and _KEYID_SHAPE.fullmatch(keyid)):
        return Untrusted(Distrust.UNSIGNED, None)
    if (enrolled := keys.get(keyid)) is None:
        return Untrusted(Distrust.UNKNOWN_KEY, keyid)
    if enrolled.revoked:
        return Untrusted(Distrust.REVOKED_KEY, keyid)
    if enrolled.last is not None and event.sequence > enrolled.last:
        return Untrusted(Distrust.REPLACED_KEY, keyid)
    vouching = (one.key for one in keys.values() if not one.revoked)
    is_theirs = is_whole_event_signed(said, enrolled.key, vouching, withheld=said.get("type") == WITHHELD)
    return None if is_theirs else Untrusted(Distrust.FORGED, keyid)
