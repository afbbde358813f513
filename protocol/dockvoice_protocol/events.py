"""Messages on the wire: events, receipts, status, recordings and their topics, as `schemas/` publishes them. Pure.

Events are CloudEvents 1.0 in structured JSON mode with the official `sequence` extension.

A recording (clip) is sent in numbered chunks. It is identified by its utterance and by the SHA-256 that the device
signed in its event or review; only content with that SHA-256 is accepted, whatever its sender. Requests for a clip are
signed (`signed.py`).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Literal

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from dockvoice_protocol.config import LEVEL
from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.instants import parse_iso, rfc3339
from dockvoice_protocol.json_schema import FastCheck, SchemaValidator, compile_fast_check
from dockvoice_protocol.plain_file import shipped_directory
from dockvoice_protocol.records import Receipt, ReceiptOutcome
from dockvoice_protocol.strict_json import (
    DEEPEST,
    DuplicateKey,
    InvalidUnicode,
    NotFinite,
    NotJson,
    NotStrict,
    NumberOverflow,
    ParserLimits,
    nesting_depth,
    parse_compact,
    parse_strict,
)
from dockvoice_protocol.terminal.plain_text import escape_line

_NUMBERS = ParserLimits(size=2**53 - 1)
"""The largest integer that every reader of JSON keeps, and that RFC 8785 writes."""

MEDIA_TYPE = "application/cloudevents+json"  # Content type of a CloudEvents event in structured JSON mode.

RECORDED = "dockvoice.entry.recorded.v1"
AMENDED = "dockvoice.entry.amended.v1"
CANCELLED = "dockvoice.entry.cancelled.v1"
WITHHELD = "dockvoice.entry.withheld.v1"
REVIEW = "dockvoice.review.v1"  # On its own topic, with numbers and a chain of its own.

SCHEMAS = {
    RECORDED: "events/entry-recorded.schema.json",
    AMENDED: "events/entry-amended.schema.json",
    CANCELLED: "events/entry-cancelled.schema.json",
    WITHHELD: "events/entry-withheld.schema.json",
}
"""The file below `schemas/` that each type of event follows."""

CLOCK, UNSYNCHRONISED = "clock", "unsynchronised"
"""The member of an event with a doubtful `time`, and its value. Absent where the clock was synchronised."""

SHOWN = 100  # Characters of a wrong topic that are repeated: one can have 65,535.

EARLY = "early"  # The outcome of an answer that settles nothing: an earlier event is missing.
UNTRUSTED = "untrusted"  # Likewise: the event is not signed with an enrolled key.


class MalformedMessage(ValueError):
    """A message that violates its schema: one line, a JSON pointer and the violated rule.

    Its content is never quoted: it may be an operator's speech.
    """


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one device: `{prefix}/{site}/{device}/entries|receipts|status|control|reviews|clips/…`."""

    prefix: str
    site: str
    device: str

    @classmethod
    def all_devices_filters(cls, prefix: str) -> Topics:
        """Topic filters that match all devices of all sites."""
        return cls(prefix, "+", "+")

    @classmethod
    def parse(cls, prefix: str, topic: str) -> Topics:
        """The topics of the device that `topic` belongs to. Raises MalformedMessage for any other topic."""
        match topic.removeprefix(f"{prefix}/").split("/"):
            case [site, device, "entries" | "receipts" | "status" | "control" | "reviews"] | [
                site,
                device,
                "clips",
                "requests" | "chunks" | "receipts",
            ] if topic.startswith(f"{prefix}/") and LEVEL.fullmatch(site) and LEVEL.fullmatch(device):
                return cls(prefix, site, device)
            case _:
                shown = repr(topic[:SHOWN])
                raise MalformedMessage(f"{shown}: no topic of a device; {prefix}/SITE/DEVICE/entries is one")

    @property
    def entries(self) -> str:
        """The topic where the device publishes its events."""
        return f"{self.prefix}/{self.site}/{self.device}/entries"

    @property
    def receipts(self) -> str:
        """The topic where the inventory answers events."""
        return f"{self.prefix}/{self.site}/{self.device}/receipts"

    @property
    def status(self) -> str:
        """The retained state of the connection, by the device or its last will."""
        return f"{self.prefix}/{self.site}/{self.device}/status"

    @property
    def control(self) -> str:
        """The topic where the device accepts orders, if configured."""
        return f"{self.prefix}/{self.site}/{self.device}/control"

    @property
    def reviews(self) -> str:
        """The topic where the device reports reviews and their results."""
        return f"{self.prefix}/{self.site}/{self.device}/reviews"

    @property
    def decisions(self) -> str:
        """The topic where the device accepts signed decisions, if configured."""
        return f"{self.prefix}/{self.site}/{self.device}/decisions"

    @property
    def clip_requests(self) -> str:
        """The topic where the device accepts signed requests for sound, if configured."""
        return f"{self.prefix}/{self.site}/{self.device}/clips/requests"

    @property
    def clips(self) -> str:
        """The topic where the device sends sound, one chunk a message."""
        return f"{self.prefix}/{self.site}/{self.device}/clips/chunks"

    @property
    def clip_receipts(self) -> str:
        """The topic where the inventory reports how much of a clip it has."""
        return f"{self.prefix}/{self.site}/{self.device}/clips/receipts"

    @staticmethod
    def consumer(prefix: str, client_id: str = "+") -> str:
        """The retained presence of an inventory, by itself or its last will; by default a filter for all.

        One level shorter than the topics of devices, so that they cannot collide.
        """
        return f"{prefix}/inventory/{client_id}"

    @staticmethod
    def expected(prefix: str, site: str, place: str = "+/+") -> str:
        """The retained list of expected receipts of a trailer or a door; by default a filter for all.

        One level deeper than the topics of devices, so that they cannot collide.
        """
        return f"{prefix}/{site}/expected/{place}"

    @staticmethod
    def roster(prefix: str, site: str) -> str:
        """The retained roster of a site.

        As deep as the topics of devices, of which none has this name.
        """
        return f"{prefix}/{site}/roster/operators"

    @staticmethod
    def catalogue(prefix: str, site: str, kind: str = "+") -> str:
        """The retained master data of one kind for a site; by default a filter for all kinds.

        One level deeper than the topics of devices, so that they cannot collide.
        """
        return f"{prefix}/{site}/catalogue/{kind}/latest"

    @property
    def source(self) -> str:
        """CloudEvents' `source` of the device's events."""
        return f"/sites/{self.site}/devices/{self.device}"


@dataclass(frozen=True, slots=True)
class EarlyAnswer:
    """Answer to an event that arrived before its predecessor. No receipt: the event stays pending."""

    event_id: str
    sequence: int
    expected: int  # The first missing number of the device.


@dataclass(frozen=True, slots=True)
class UntrustedAnswer:
    """Answer to an event that is not signed with an enrolled key. No receipt: the event stays pending."""

    event_id: str
    reason: str  # As inventory/ingest/admission.py has them: `unknown_key:9f86d081884c7d65`.


def make_receipt(
    event_id: str,
    outcome: ReceiptOutcome,
    reasons: Iterable[str],
    sequence: int,
    time: datetime,
    last_handled: int = 0,
    latest: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The inventory's answer to one event. A refusal needs at least one reason.

    `last_handled` is the last number of the device that the inventory has handled; 0 omits it. `latest` is the
    event of that number, as a proof for the device.
    """
    return {
        "event_id": event_id,
        "outcome": outcome.value,
        "reasons": list(reasons),
        "sequence": sequence,
        "time": rfc3339(time),
        **({"handled": last_handled} if last_handled else {}),
        **({} if latest is None else {"latest": latest}),
    }


def make_early_answer(event_id: str, expected: int, sequence: int, time: datetime) -> dict[str, Any]:
    """The answer to an event that arrived early: `expected` is the missing number."""
    return {
        "event_id": event_id,
        "outcome": EARLY,
        "reasons": [],
        "expected": expected,
        "sequence": sequence,
        "time": rfc3339(time),
    }


def make_untrusted_answer(event_id: str, reason: str, sequence: int, time: datetime) -> dict[str, Any]:
    """The answer to an event that is not signed with an enrolled key."""
    return {
        "event_id": event_id,
        "outcome": UNTRUSTED,
        "reasons": [reason],
        "sequence": sequence,
        "time": rfc3339(time),
    }


def make_status(
    state: Literal["online", "offline"],
    *,
    site: str,
    device: str,
    key: PublicKey,
    time: datetime | None = None,
    microphone: Mapping[str, Any] | None = None,
    speaker: Mapping[str, Any] | None = None,
    work: Mapping[str, Any] | None = None,
    under_review: int | None = None,
    decisions_not_done: Mapping[str, int] | None = None,
    roster: Mapping[str, Any] | None = None,
    catalogue: Mapping[str, Any] | None = None,
    expected: int | None = None,
    program: str | None = None,
    session_kept: bool | None = None,
    unknown_words: Sequence[Mapping[str, Any]] | None = None,
    conditions: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The retained status message of a device, with its public key.

    A last will has no `time`: it is made in advance. `microphone`: mode, muted, faults; `speaker`: whether it can be
    heard; `work`: form and language; `under_review`: the number of utterances under review; `decisions_not_done`:
    rejected decisions by reason; `roster` and `catalogue`: the versions in force, and why the last message was
    rejected; `expected`: the highest version of a list of expected receipts; `program`: Dockvoice's version;
    `session_kept`: whether the broker keeps messages for it while it is away; `unknown_words`: words that no form
    knows; `conditions`: noise, backlog and free disk space. A device that only replays has none of the first three, and
    a mute one no speaker.
    """
    said = {"state": state, "site": site, "device": device, "keyid": key.keyid, "public_key": key.pem.decode("ascii")}
    worn = {"microphone": microphone, "speaker": speaker, "work": work}
    known: dict[str, Any] = {part: dict(state) for part, state in worn.items() if state is not None}
    known |= {} if under_review is None else {"under_review": under_review}
    known |= {} if decisions_not_done is None else {"decisions_not_done": dict(decisions_not_done)}
    known |= {} if conditions is None else dict(conditions)
    known |= {} if program is None else {"program": program}
    known |= {} if session_kept is None else {"session_kept": session_kept}
    known |= {} if roster is None else {"roster": dict(roster)}
    known |= {} if catalogue is None else {"catalogue": dict(catalogue)}
    known |= {} if expected is None else {"expected": expected}
    known |= {} if unknown_words is None else {"unknown_words": [dict(one) for one in unknown_words]}
    return {**said, **known} if time is None else {**said, **known, "time": rfc3339(time)}


def make_presence(
    state: Literal["online", "offline"], client_id: str, time: datetime | None = None, *, resumed: bool = False
) -> dict[str, Any]:
    """Build the retained message that tells whether an inventory accepts events; a last will has no `time`.

    `resumed`: the broker has kept for it what it missed, and devices need not send again.
    """
    said: dict[str, Any] = {"state": state, "client_id": client_id}
    if resumed:
        said["resumed"] = True
    return said if time is None else {**said, "time": rfc3339(time)}


def to_json_bytes(message: dict[str, Any]) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def parse_event(payload: bytes) -> dict[str, Any]:
    """Parse an event and validate it against the schema of its type. Raises MalformedMessage.

    `data.fields` is only checked for types: the form's own schema checks the rest.
    """
    event = parse_object(payload)
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in SCHEMAS:
        raise MalformedMessage(f"/type: no known type of event; known are {', '.join(SCHEMAS)}")
    validate_message(event, SCHEMAS[kind])
    return event


def parse_review(payload: bytes) -> dict[str, Any]:
    """Parse and validate a review event. Raises MalformedMessage."""
    event = parse_object(payload)
    validate_message(event, "review.schema.json")
    return event


def parse_answer(payload: bytes) -> Receipt | EarlyAnswer | UntrustedAnswer:
    """Parse the inventory's answer to one event. Raises MalformedMessage."""
    message = parse_object(payload)
    validate_message(message, "receipt.schema.json")
    if message["outcome"] == EARLY:
        return EarlyAnswer(message["event_id"], message["sequence"], message["expected"])
    if message["outcome"] == UNTRUSTED:
        return UntrustedAnswer(message["event_id"], message["reasons"][0])
    outcome, reasons = ReceiptOutcome(message["outcome"]), tuple(message["reasons"])
    return Receipt(message["event_id"], outcome, reasons, message.get("handled", 0), message.get("latest"))


def parse_presence(payload: bytes) -> bool:
    """Whether an inventory is online and may lack what was sent to it. Raises MalformedMessage."""
    message = parse_object(payload)
    validate_message(message, "inventory.schema.json")
    return bool(message["state"] == "online" and not message.get("resumed", False))


def parse_status(payload: bytes, topics: Topics) -> dict[str, Any]:
    """Parse a device's status. Raises MalformedMessage, also for that of another device."""
    message: dict[str, Any] = parse_object(payload)
    validate_message(message, "status.schema.json")
    if (message["site"], message["device"]) != (topics.site, topics.device):
        raise MalformedMessage("message: names another device than its topic")
    return message


def parse_device_key(payload: bytes, topics: Topics) -> PublicKey:
    """The public key in a device's status. Raises MalformedMessage, also for that of another device."""
    message = parse_status(payload, topics)
    try:
        key = PublicKey.from_pem(message["public_key"].encode())
    except ValueError as fault:
        raise MalformedMessage(f"/public_key: holds {fault}") from None
    if key.keyid != message["keyid"]:
        raise MalformedMessage("/keyid: is not that of the key")
    return key


def parse_headset_order(payload: bytes) -> str:
    """Parse an order for the headset: mute, unmute, talk or done. Raises MalformedMessage."""
    message = parse_object(payload)
    validate_message(message, "control.schema.json")
    return str(message["order"])


def parse_time(text: str) -> datetime:
    """Parse the `time` of a message. Raises MalformedMessage for 30 February, which the schema accepts."""
    if (found := parse_iso(text)) is None:
        raise MalformedMessage("/time: is no moment of the calendar")
    return found


@cache
def schema_validator(name: str) -> Draft202012Validator:
    """The JSON Schema validator for the file of this name below `schemas/`."""
    schema = json.loads((shipped_directory("schemas") / name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return SchemaValidator(schema)


def parse_object(payload: bytes) -> dict[str, Any]:
    """Parse a JSON object strictly. Raises MalformedMessage."""
    try:
        message = parse_compact(payload) or parse_strict(payload.decode(), _NUMBERS)
    except (NotStrict, UnicodeDecodeError) as fault:
        raise MalformedMessage(f"message: {_refusal_text(fault)}") from None
    if not isinstance(message, dict):
        raise MalformedMessage(f"message: must be an object, found {type(message).__name__}")
    return message


def _refusal_text(fault: NotStrict | UnicodeDecodeError) -> str:
    match fault:
        case NotJson():
            return f"is not JSON: {fault.details}"
        case DuplicateKey():
            return "an object names a member twice"
        case InvalidUnicode() | UnicodeDecodeError():
            return "is not UTF-8 throughout"
        case NotFinite() if not isinstance(fault, NumberOverflow):
            return f"{fault.found} is not JSON"
        case _:
            return "holds a number too large, or is nested too deeply"


@cache
def _fast_validator(name: str) -> FastCheck:
    return compile_fast_check(schema_validator(name).schema)


def validate_message(message: dict[str, Any], name: str) -> None:
    """Validate against the schema in the file of this name, and the nesting limit. Raises MalformedMessage."""
    if nesting_depth(message) > DEEPEST:  # a schema allows further members of any depth
        raise MalformedMessage(f"message: is nested too deeply; {DEEPEST} levels are the most")
    if _fast_validator(name)(message):
        return
    fault = best_match(schema_validator(name).iter_errors(message))
    if fault is not None:
        raise MalformedMessage(_violation_text(fault))


def _violation_text(fault: ValidationError) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in fault.absolute_path)
    # Names of members come from the sender: escaped, so that the line stays one line.
    pointer = escape_line("".join(f"/{step}" for step in steps)) or "message"
    if fault.validator == "required":
        return f"{pointer}: {fault.message}"
    rule = json.dumps(fault.validator_value, ensure_ascii=False)
    return f"{pointer}: found {type(fault.instance).__name__}, which breaks the rule {fault.validator}: {rule}"


CLIP_CHUNK_BYTES = 6_144
"""Bytes of a recording in one message, of some 8.6 kB then: half a second on a link of 128 kbit/s, and an entry waits
for no more than one. Brokers take a message of 64 KiB, and far more as a rule."""


class ClipUnsentReason(StrEnum):
    """Why a device sends no recording for a request."""

    REMOVED = "removed"  # The device has removed the recording, and signed that it did.
    ERASED = "erased"  # A person erased it.
    DAMAGED = "damaged"  # The file is missing, or its hash differs.
    UNKNOWN = "unknown"  # The device has no such recording.
    NO_AUDIO = "no_audio"  # The device deletes sound at the receipt.
    NEVER = "never"  # Forbidden by the device's settings.


class ClipAnswer(StrEnum):
    """The inventory's answer to a clip message."""

    WANTED = "wanted"  # The first `have` chunks are stored: continue behind them.
    LATER = "later"  # It cannot be stored now, or is unknown so far: offer it again.
    HERE = "here"  # All of it is stored. This answer and those below are final.
    NOTED = "noted"  # The reason why it does not come is stored.
    UNWANTED = "unwanted"  # It was not requested, or was removed there.
    REJECTED = "rejected"  # The content is not what the device signed.


FINAL_CLIP_ANSWERS = frozenset({ClipAnswer.HERE, ClipAnswer.NOTED, ClipAnswer.UNWANTED, ClipAnswer.REJECTED})
"""The final answers: the device drops the clip."""


@dataclass(frozen=True, slots=True)
class ClipRequestStored:
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
class ClipUnavailable:
    """The device cannot send the recording, and why."""

    utterance_id: str
    why: ClipUnsentReason


ClipMessage = ClipRequestStored | ClipOffered | ClipChunk | ClipUnavailable


@dataclass(frozen=True, slots=True)
class ClipReceipt:
    """The inventory's answer to a clip message."""

    utterance_id: str
    answer: ClipAnswer
    have: int = 0  # How many leading chunks are stored; for WANTED.


def count_chunks(size: int) -> int:
    """The number of chunks of a recording of `size` bytes."""
    return -(-size // CLIP_CHUNK_BYTES)


def format_clip_message(said: ClipMessage, source: str) -> bytes:
    """Encode the message that the device `source` publishes."""
    about: dict[str, Any] = {"source": source, "utterance_id": said.utterance_id}
    match said:
        case ClipRequestStored():
            return to_json_bytes({**about, "state": "noted", "request": said.request})
        case ClipOffered():
            sized = {"audio_sha256": said.audio_sha256, "bytes": said.bytes, "chunks": said.chunks}
            return to_json_bytes({**about, "state": "offered", **sized})
        case ClipChunk():
            numbered = {"audio_sha256": said.audio_sha256, "chunks": said.chunks, "number": said.number}
            data = base64.b64encode(said.data).decode("ascii")
            return to_json_bytes({**about, "state": "sending", **numbered, "data": data})
        case ClipUnavailable():
            return to_json_bytes({**about, "state": "gone", "reason": said.why.value})


def parse_clip_message(payload: bytes, sender: Topics) -> ClipMessage:
    """Parse a message about a recording from the device `sender`. Raises MalformedMessage."""
    message = parse_object(payload)
    validate_message(message, "clip.schema.json")
    if message["source"] != sender.source:
        raise MalformedMessage("/source: names another device than the topic")
    utterance_id = message["utterance_id"]
    match message["state"]:
        case "noted":
            return ClipRequestStored(utterance_id, message["request"])
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
            return ClipUnavailable(utterance_id, ClipUnsentReason(message["reason"]))


def format_clip_receipt(receipt: ClipReceipt, time: datetime) -> bytes:
    """Encode the inventory's answer."""
    have = {"have": receipt.have} if receipt.answer is ClipAnswer.WANTED else {}
    said = {"utterance_id": receipt.utterance_id, "answer": receipt.answer.value, **have}
    return to_json_bytes({**said, "time": rfc3339(time)})


def parse_clip_receipt(payload: bytes) -> ClipReceipt:
    """Parse the inventory's answer to a clip message. Raises MalformedMessage."""
    message = parse_object(payload)
    validate_message(message, "clip-receipt.schema.json")
    return ClipReceipt(message["utterance_id"], ClipAnswer(message["answer"]), message.get("have", 0))
