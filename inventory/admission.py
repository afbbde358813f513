"""Who may enter: an event counts only as its device's own word, signed with a key that is enrolled for it. Pure.

What does not is neither applied nor refused, and takes no number: a refusal would be an answer to the device, and a
number taken would be one that the device's own next event could not have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edge.deliver.events import WITHHELD, MalformedMessage, parsed
from edge.hash_chain import (
    CHAIN,
    KEYID,
    KEYID_DIGITS,
    PREVIOUS,
    SIGNATURE,
    WITHHELD_SIGNATURE,
    PublicKey,
    link,
    withheld_text,
)
from inventory.keys import Enrolled
from inventory.records import Event, Unfit


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
    return None if _signed(said, enrolled.key, keys) else Untrusted(Distrust.FORGED, keyid)


def _signed(said: Mapping[str, Any], key: PublicKey, keys: Mapping[str, Enrolled]) -> bool:
    chain, signature = said.get(CHAIN), said.get(SIGNATURE)
    if not (isinstance(chain, str) and chain.isascii() and isinstance(signature, str)):
        return False
    if said.get("type") == WITHHELD:
        # Its seal is that of the content that was kept back: by itself it would vouch for any number and any id.
        # Withheld long after it was sealed, it may have the word of a later key.
        own, text = said.get(WITHHELD_SIGNATURE), withheld_text(said)
        vouches = isinstance(own, str) and any(one.key.signed(text, own) for one in keys.values() if not one.revoked)
        return vouches and key.signed(chain, signature)
    return chain == _link(said) and key.signed(chain, signature)


def _link(said: Mapping[str, Any]) -> str | None:
    try:
        return link(said[PREVIOUS], said, said["data"]["utterance"]["audio_sha256"])
    except (KeyError, TypeError, ValueError):
        return None
