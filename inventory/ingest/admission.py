"""Who may enter: an event counts only as its device's own word, signed with a key that is enrolled for it. Pure.

What does not is neither applied nor refused, and takes no number: a refusal would be an answer to the device, and a
number taken would be one that the device's own next event could not have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dockvoice_protocol.events import WITHHELD, MalformedMessage, parsed
from dockvoice_protocol.hash_chain import KEYID, KEYID_DIGITS, is_word_of
from inventory.records import Event, Unfit
from inventory.store.keys import Enrolled


class Distrust(StrEnum):
    """Why an event may not enter, as the answer names it."""

    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    REVOKED_KEY = "revoked_key"
    REPLACED_KEY = "replaced_key"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class Untrusted:
    """May not enter."""

    why: Distrust
    keyid: str | None  # The key it names.

    @property
    def reason(self) -> str:
        """The code in the answer."""
        return str(self.why) if self.keyid is None else f"{self.why}:{self.keyid}"


KEYID_SHAPE = re.compile(f"[0-9a-f]{{{KEYID_DIGITS}}}")


def distrusted(event: Event | Unfit, keys: Mapping[str, Enrolled]) -> Untrusted | None:
    """Why the event is not the word of its device, of which these are the keys; None where it is."""
    try:
        said = parsed(event.body)
    except MalformedMessage:  # two readers could take it for two things: nothing that was ever signed
        return Untrusted(Distrust.FORGED, None)
    keyid = said.get(KEYID)
    if not (isinstance(keyid, str) and KEYID_SHAPE.fullmatch(keyid)):
        return Untrusted(Distrust.UNSIGNED, None)
    if (enrolled := keys.get(keyid)) is None:
        return Untrusted(Distrust.UNKNOWN_KEY, keyid)
    if enrolled.revoked:
        return Untrusted(Distrust.REVOKED_KEY, keyid)
    if enrolled.last is not None and event.sequence > enrolled.last:
        return Untrusted(Distrust.REPLACED_KEY, keyid)
    vouching = (one.key for one in keys.values() if not one.revoked)
    is_theirs = is_word_of(said, enrolled.key, vouching, withheld=said.get("type") == WITHHELD)
    return None if is_theirs else Untrusted(Distrust.FORGED, keyid)
