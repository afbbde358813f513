"""Clips on the wire: what a device says of a recording, which goes in numbered chunks, and how it is answered. Pure.

Both sides name a clip by its utterance, and by the SHA-256 of the recording that the device signed in its event or its
review: only what has that SHA-256 is the clip, whoever sent the chunks. Requests for one are signed (`signed.py`).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from dockvoice_protocol.events import MalformedMessage, Topics, check, encode, parsed
from dockvoice_protocol.instants import timestamp

CHUNK = 6_144
"""Bytes of a recording in one message, of some 8.6 kB then: half a second on a link of 128 kbit/s, and an entry waits
for no more than one. Brokers take a message of 64 KiB, and far more as a rule."""

_LARGEST_CLIP = 10_000_000
"""Bytes of a recording, at most. An utterance of 90 s, the longest that settings allow, takes 2.9 MB uncompressed."""


class Unsent(StrEnum):
    """Why a device sends no sound."""

    REMOVED = "removed"  # The device has removed the recording, and signed that it did.
    ERASED = "erased"  # A person let it be erased.
    DAMAGED = "damaged"  # The file is gone, or is not what was recorded.
    UNKNOWN = "unknown"  # No such recording was made there.
    NO_AUDIO = "no_audio"  # The device keeps no sound beyond the receipt, and sends none.
    NEVER = "never"  # Its settings let it send none.


class Answer(StrEnum):
    """What the inventory says to a clip."""

    WANTED = "wanted"  # So many chunks are there, and safe: go on behind them.
    LATER = "later"  # It cannot be kept now, or is not known yet: offer it again.
    HERE = "here"  # All of it is there. This one and those below end it.
    NOTED = "noted"  # It is known there why it does not come.
    UNWANTED = "unwanted"  # Nobody asked for it, or it was removed there.
    REJECTED = "rejected"  # What came is not what the device signed.


ENDING = frozenset({Answer.HERE, Answer.NOTED, Answer.UNWANTED, Answer.REJECTED})
"""The answers after which a device has no more to do with a clip."""


@dataclass(frozen=True, slots=True)
class RequestNoted:
    """The device has put a request into its journal."""

    utterance_id: str
    request: str


@dataclass(frozen=True, slots=True)
class ClipOffered:
    """The device has the recording, and asks how much of it has come."""

    utterance_id: str
    audio_sha256: str
    bytes: int
    chunks: int


@dataclass(frozen=True, slots=True)
class ClipChunk:
    """A piece of it, the first has number 1."""

    utterance_id: str
    audio_sha256: str
    chunks: int
    number: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClipGone:
    """It does not come."""

    utterance_id: str
    why: Unsent


ClipMessage = RequestNoted | ClipOffered | ClipChunk | ClipGone


@dataclass(frozen=True, slots=True)
class ClipReceipt:
    """The inventory's answer."""

    utterance_id: str
    answer: Answer
    have: int = 0  # How many chunks from the first on are there, where it is wanted.


def chunks_of(size: int) -> int:
    """How many chunks a recording of so many bytes is."""
    return -(-size // CHUNK)


def clip_message(said: ClipMessage, source: str) -> bytes:
    """As the device `source` publishes it."""
    about: dict[str, Any] = {"source": source, "utterance_id": said.utterance_id}
    match said:
        case RequestNoted():
            return encode({**about, "state": "noted", "request": said.request})
        case ClipOffered():
            sized = {"audio_sha256": said.audio_sha256, "bytes": said.bytes, "chunks": said.chunks}
            return encode({**about, "state": "offered", **sized})
        case ClipChunk():
            numbered = {"audio_sha256": said.audio_sha256, "chunks": said.chunks, "number": said.number}
            data = base64.b64encode(said.data).decode("ascii")
            return encode({**about, "state": "sending", **numbered, "data": data})
        case ClipGone():
            return encode({**about, "state": "gone", "reason": said.why.value})


def read_clip(payload: bytes, sender: Topics) -> ClipMessage:
    """What the device `sender` says. Raises MalformedMessage."""
    message = parsed(payload)
    check(message, "clip.schema.json")
    if message["source"] != sender.source:
        raise MalformedMessage("/source: names another device than the topic")
    utterance_id = message["utterance_id"]
    match message["state"]:
        case "noted":
            return RequestNoted(utterance_id, message["request"])
        case "offered":
            return ClipOffered(utterance_id, message["audio_sha256"], message["bytes"], message["chunks"])
        case "sending":
            if message["number"] > message["chunks"]:
                raise MalformedMessage("/number: is beyond the chunks that there are")
            try:
                data = base64.b64decode(message["data"], validate=True)
            except binascii.Error:
                raise MalformedMessage("/data: is no base64") from None
            return ClipChunk(utterance_id, message["audio_sha256"], message["chunks"], message["number"], data)
        case _:
            return ClipGone(utterance_id, Unsent(message["reason"]))


def clip_receipt(receipt: ClipReceipt, time: datetime) -> bytes:
    """As the inventory publishes it."""
    have = {"have": receipt.have} if receipt.answer is Answer.WANTED else {}
    said = {"utterance_id": receipt.utterance_id, "answer": receipt.answer.value, **have}
    return encode({**said, "time": timestamp(time)})


def read_clip_receipt(payload: bytes) -> ClipReceipt:
    """What the inventory says to a clip. Raises MalformedMessage."""
    message = parsed(payload)
    check(message, "clip-receipt.schema.json")
    return ClipReceipt(message["utterance_id"], Answer(message["answer"]), message.get("have", 0))
