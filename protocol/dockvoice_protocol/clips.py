"""Clips on the wire: messages about a recording, which is sent in numbered chunks, and their answers. Pure.

A clip is identified by its utterance and by the SHA-256 of the recording, which the device signed in its event or
review. Only content with that SHA-256 is accepted, whatever its sender. Requests for a clip are signed (`signed.py`).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from dockvoice_protocol.events import MalformedMessage, Topics, parse_object, to_json_bytes, validate_message
from dockvoice_protocol.instants import timestamp

CHUNK = 6_144
"""Bytes of a recording in one message, of some 8.6 kB then: half a second on a link of 128 kbit/s, and an entry waits
for no more than one. Brokers take a message of 64 KiB, and far more as a rule."""

_LARGEST_CLIP = 10_000_000
"""Bytes of a recording, at most. An utterance of 90 s, the longest that settings allow, takes 2.9 MB uncompressed."""


class Unsent(StrEnum):
    """Why a device sends no recording for a request."""

    REMOVED = "removed"  # The device has removed the recording, and signed that it did.
    ERASED = "erased"  # A person erased it.
    DAMAGED = "damaged"  # The file is missing, or its hash differs.
    UNKNOWN = "unknown"  # The device has no such recording.
    NO_AUDIO = "no_audio"  # The device deletes sound at the receipt.
    NEVER = "never"  # Forbidden by the device's settings.


class Answer(StrEnum):
    """The inventory's answer to a clip message."""

    WANTED = "wanted"  # The first `have` chunks are stored: continue behind them.
    LATER = "later"  # It cannot be stored now, or is unknown so far: offer it again.
    HERE = "here"  # All of it is stored. This answer and those below are final.
    NOTED = "noted"  # The reason why it does not come is stored.
    UNWANTED = "unwanted"  # It was not requested, or was removed there.
    REJECTED = "rejected"  # The content is not what the device signed.


ENDING = frozenset({Answer.HERE, Answer.NOTED, Answer.UNWANTED, Answer.REJECTED})
"""The final answers: the device drops the clip."""


@dataclass(frozen=True, slots=True)
class RequestNoted:
    """The device has stored a clip request in its journal."""

    utterance_id: str
    request: str


@dataclass(frozen=True, slots=True)
class ClipOffered:
    """The device offers a recording, and asks how much of it has arrived."""

    utterance_id: str
    audio_sha256: str
    bytes: int
    chunks: int


@dataclass(frozen=True, slots=True)
class ClipChunk:
    """One chunk; the first has number 1."""

    utterance_id: str
    audio_sha256: str
    chunks: int
    number: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClipGone:
    """The device cannot send the recording, and why."""

    utterance_id: str
    why: Unsent


ClipMessage = RequestNoted | ClipOffered | ClipChunk | ClipGone


@dataclass(frozen=True, slots=True)
class ClipReceipt:
    """The inventory's answer to a clip message."""

    utterance_id: str
    answer: Answer
    have: int = 0  # How many leading chunks are stored; for WANTED.


def count_chunks(size: int) -> int:
    """The number of chunks of a recording of `size` bytes."""
    return -(-size // CHUNK)


def format_clip_message(said: ClipMessage, source: str) -> bytes:
    """Encode the message that the device `source` publishes."""
    about: dict[str, Any] = {"source": source, "utterance_id": said.utterance_id}
    match said:
        case RequestNoted():
            return to_json_bytes({**about, "state": "noted", "request": said.request})
        case ClipOffered():
            sized = {"audio_sha256": said.audio_sha256, "bytes": said.bytes, "chunks": said.chunks}
            return to_json_bytes({**about, "state": "offered", **sized})
        case ClipChunk():
            numbered = {"audio_sha256": said.audio_sha256, "chunks": said.chunks, "number": said.number}
            data = base64.b64encode(said.data).decode("ascii")
            return to_json_bytes({**about, "state": "sending", **numbered, "data": data})
        case ClipGone():
            return to_json_bytes({**about, "state": "gone", "reason": said.why.value})


def parse_clip_message(payload: bytes, sender: Topics) -> ClipMessage:
    """Parse a message of the device `sender`. Raises MalformedMessage."""
    message = parse_object(payload)
    validate_message(message, "clip.schema.json")
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


def format_clip_receipt(receipt: ClipReceipt, time: datetime) -> bytes:
    """Encode the inventory's answer."""
    have = {"have": receipt.have} if receipt.answer is Answer.WANTED else {}
    said = {"utterance_id": receipt.utterance_id, "answer": receipt.answer.value, **have}
    return to_json_bytes({**said, "time": timestamp(time)})


def parse_clip_receipt(payload: bytes) -> ClipReceipt:
    """Parse the inventory's answer to a clip message. Raises MalformedMessage."""
    message = parse_object(payload)
    validate_message(message, "clip-receipt.schema.json")
    return ClipReceipt(message["utterance_id"], Answer(message["answer"]), message.get("have", 0))
