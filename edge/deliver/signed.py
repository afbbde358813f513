"""What the inventory signs for devices, and how each of them checks it. Pure.

A signature is made for one purpose and no other, over all of the message: what it says of its site, its device and its
version too, so that it can be moved to no other topic, and an older one is told from a newer one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from edge.deliver.events import MalformedMessage, check, parsed
from edge.hash_chain import KEYID, SIGNATURE, PublicKey, Signer, canonical

LARGEST = 128_000  # Bytes of one message: what brokers in the cloud take.


class Forged(MalformedMessage):
    """Nobody signed it whose word this device takes."""


def sealed(said: Mapping[str, Any], purpose: str, signer: Signer) -> dict[str, Any]:
    """The message, signed for a purpose."""
    whole = {**said, KEYID: signer.public.keyid}
    return {**whole, SIGNATURE: signer.sign(_text(whole, purpose))}


def opened(payload: bytes, purpose: str, schema: str, key: PublicKey) -> dict[str, Any]:
    """What a message says that was signed with `key`. Raises MalformedMessage, Forged."""
    if len(payload) > LARGEST:
        raise MalformedMessage(f"message: found {len(payload):,} bytes, allowed are {LARGEST:,}")
    message: dict[str, Any] = parsed(payload)
    check(message, schema)
    unsigned = {name: value for name, value in message.items() if name != SIGNATURE}
    if message[KEYID] != key.keyid or not key.signed(_text(unsigned, purpose), message[SIGNATURE]):
        raise Forged("/signature: was not made for it with the key of deliver.decisions_key")
    return message


def _text(said: Mapping[str, Any], purpose: str) -> str:
    return f"{purpose} {hashlib.sha256(canonical(said)).hexdigest()}"
