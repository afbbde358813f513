"""Messages that the inventory signs and devices verify: decisions, clip requests, lists, rosters, master data. Pure.

A signature is made for one purpose, over the whole message with its site, device and version: it is not valid on
another topic, and versions can be ordered.

Lists, rosters and master data are retained messages, one for each trailer or door, site, and kind. A cleared topic has
no meaning: only a signed message of a higher version, without lines, operators or rows, withdraws one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from dockvoice_protocol.config import LEVEL
from dockvoice_protocol.events import (
    MalformedMessage,
    Topics,
    parse_object,
    parse_time,
    to_json_bytes,
    validate_message,
)
from dockvoice_protocol.hash_chain import KEYID, SIGNATURE, PublicKey, Signer, canonical_bytes
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.records import ExpectedLine, ExpectedList, Operator, PlaceKind, ReceivingPlace, Roster
from dockvoice_protocol.records.master import KIND, Cells, MasterData

LARGEST = 128_000  # Bytes of one message: what brokers in the cloud take.

_DECISION, _LIST, _ROSTER = "dockvoice.decision.v1", "dockvoice.expected.v1", "dockvoice.roster.v1"
_MASTER = "dockvoice.catalogue.v1"
_CLIP = "dockvoice.clip.v1"
_DECLINED = "dockvoice.declined.v1"
"""Prefixes of the signed text, by message type: a signature of one type is not valid for another."""

MOST_LINES = 500  # Of one list. A trailer has some sixty places for pallets.

MOST_OPERATORS = 500  # Of one site's roster.

MOST_ROWS = 5000  # Of one kind of master data: what fits into a message, with a check at every place.

_ENVELOPE = 600  # Bytes of one list beside its lines, of a roster beside its operators, at most.


class Forged(MalformedMessage):
    """The message is not signed with the key that this device trusts."""


def _sign_message(said: Mapping[str, Any], purpose: str, signer: Signer) -> dict[str, Any]:
    """Sign the message for a purpose."""
    whole = {**said, KEYID: signer.public.keyid}
    return {**whole, SIGNATURE: signer.sign(_signed_text(whole, purpose))}


def _verify_message(payload: bytes, purpose: str, schema: str, key: PublicKey) -> dict[str, Any]:
    """Parse and verify a message that was signed with `key`. Raises MalformedMessage, Forged."""
    if len(payload) > LARGEST:
        raise MalformedMessage(f"message: found {len(payload):,} bytes, allowed are {LARGEST:,}")
    message: dict[str, Any] = parse_object(payload)
    validate_message(message, schema)
    unsigned = {name: value for name, value in message.items() if name != SIGNATURE}
    if message[KEYID] != key.keyid or not key.verify(_signed_text(unsigned, purpose), message[SIGNATURE]):
        raise Forged("/signature: was not made for it with the key of deliver.decisions_key")
    return message


def _signed_text(said: Mapping[str, Any], purpose: str) -> str:
    return f"{purpose} {hashlib.sha256(canonical_bytes(said)).hexdigest()}"


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """The decision about one utterance under review."""

    source: str  # The device, as events name it.
    review: str  # The event that reported it.
    utterance_id: str
    decision: str  # accept, correct or discard.
    values: Mapping[str, str] = field(repr=False)  # Override what was understood; in the form's types.
    who: str
    reason: str


def sign_decision(decision: ReviewDecision, signer: Signer, time: datetime) -> dict[str, Any]:
    """Make the signed message of a decision."""
    return _sign_message({**asdict(decision), "time": rfc3339(time)}, _DECISION, signer)


def verify_decision(payload: bytes, source: str, key: PublicKey) -> ReviewDecision:
    """Verify the decision for the device `source`. Raises MalformedMessage, Forged."""
    message = _verify_message(payload, _DECISION, "decision.schema.json", key)
    if message["source"] != source:
        raise MalformedMessage("/source: names another device")
    return ReviewDecision(**{name: message[name] for name in ReviewDecision.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class DeclinedPosting:
    """A connected system declined an entry, which stands all the same."""

    source: str  # The device, as events name it.
    entry: str  # The event of the entry.
    why: str  # A code: lot_missing. An unknown code is spoken as it is.
    by: str  # The connector.


def sign_declined(word: DeclinedPosting, signer: Signer, time: datetime) -> dict[str, Any]:
    """Make the signed message of a declined posting."""
    said = {"source": word.source, "entry": word.entry, "declined": word.why, "by": word.by, "time": rfc3339(time)}
    return _sign_message(said, _DECLINED, signer)


def verify_declined_posting(payload: bytes, source: str, key: PublicKey) -> DeclinedPosting:
    """Verify the declined posting for the device `source`. Raises MalformedMessage, Forged."""
    message = _verify_message(payload, _DECLINED, "declined.schema.json", key)
    if message["source"] != source:
        raise MalformedMessage("/source: names another device")
    return DeclinedPosting(source, message["entry"], message["declined"], message["by"])


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """A request to listen to an utterance."""

    source: str  # The device, as events name it.
    request: str  # Its id, for deduplication.
    utterance_id: str
    audio_sha256: str  # Of the recording, signed by the device.
    sound: bool  # Whether the device must send it; False: the inventory has it, only the journal records this.
    who: str = field(repr=False)
    reason: str = field(repr=False)
    time: str  # Of the request, RFC 3339 in UTC.


def sign_clip_request(request: ClipRequest, signer: Signer) -> bytes:
    """Make the signed message of a clip request."""
    return to_json_bytes(_sign_message(asdict(request), _CLIP, signer))


def verify_clip_request(payload: bytes, source: str, key: PublicKey) -> ClipRequest:
    """Verify the request to the device `source`. Raises MalformedMessage, Forged."""
    message = _verify_message(payload, _CLIP, "clip-request.schema.json", key)
    if message["source"] != source:
        raise MalformedMessage("/source: names another device")
    parse_time(message["time"])
    return ClipRequest(**{name: message[name] for name in ClipRequest.__dataclass_fields__})


def max_expected_list_bytes(lines: Sequence[ExpectedLine]) -> int:
    """An upper bound of the bytes of an expected list's message with these lines."""
    return _ENVELOPE + sum(len(to_json_bytes(asdict(line))) + 1 for line in lines)


def parse_expected_topic(prefix: str, site: str, named: str) -> ReceivingPlace:
    """Parse the trailer or door from a topic of expected lists. Raises MalformedMessage."""
    match named.removeprefix(Topics.expected(prefix, site, "")).split("/"):
        case ["trailer" | "door" as kind, name] if LEVEL.fullmatch(name):
            return ReceivingPlace(PlaceKind(kind), name)
        case _:
            raise MalformedMessage("topic: is that of no trailer and no door")


def sign_expected_list(expected: ExpectedList, signer: Signer, time: datetime) -> bytes:
    """Make the signed message of an expected list."""
    return to_json_bytes(_sign_message(_unsigned_list_message(expected, time), _LIST, signer))


def unsigned_expected_list(expected: ExpectedList, time: datetime) -> bytes:
    """Make the message of an expected list without a signature, which devices reject."""
    return to_json_bytes(_unsigned_list_message(expected, time))


def _unsigned_list_message(expected: ExpectedList, time: datetime) -> dict[str, Any]:
    return {
        "site": expected.site,
        "place": asdict(expected.place),
        "version": expected.version,
        "lines": [asdict(line) for line in expected.lines],
        "time": rfc3339(time),
    }


def verify_expected_list(payload: bytes, site: str, place: ReceivingPlace, key: PublicKey) -> ExpectedList:
    """Verify the list for this place. Raises MalformedMessage, Forged."""
    message = _verify_message(payload, _LIST, "expected.schema.json", key)
    if (message["site"], message["place"]["kind"], message["place"]["name"]) != (site, place.kind, place.name):
        raise MalformedMessage("/place: is another place than its topic's")
    known = ExpectedLine.__dataclass_fields__
    lines = tuple(ExpectedLine(**{name: line[name] for name in known}) for line in message["lines"])
    return ExpectedList(site, place, message["version"], lines)


def max_roster_bytes(operators: Sequence[Operator]) -> int:
    """An upper bound of the bytes of a roster's message with these operators."""
    return _ENVELOPE + sum(len(to_json_bytes(_operator_to_json(one))) + 1 for one in operators)


def sign_roster(roster: Roster, signer: Signer, time: datetime) -> bytes:
    """Make the signed message of a roster."""
    said = {
        "site": roster.site,
        "version": roster.version,
        "operators": [_operator_to_json(one) for one in roster.operators],
        "time": rfc3339(time),
    }
    return to_json_bytes(_sign_message(said, _ROSTER, signer))


def verify_roster(payload: bytes, site: str, key: PublicKey) -> Roster:
    """Verify the roster of this site. Raises MalformedMessage, Forged."""
    message = _verify_message(payload, _ROSTER, "roster.schema.json", key)
    if message["site"] != site:
        raise MalformedMessage("/site: is another site than its topic's")
    return Roster(site, message["version"], tuple(_operator_from_json(one) for one in message["operators"]))


def _operator_to_json(one: Operator) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if value is not None}


def _operator_from_json(said: dict[str, Any]) -> Operator:
    forms = said.get("forms")
    return Operator(
        said["name"],
        said.get("number"),
        tuple(said["spoken"]),
        said.get("language"),
        None if forms is None else tuple(forms),
    )


def max_master_data_bytes(rows: Sequence[Cells]) -> int:
    """An upper bound of the bytes of a master data message with these rows."""
    return _ENVELOPE + sum(len(to_json_bytes(dict(row))) + 1 for row in rows)


def parse_master_topic(prefix: str, site: str, named: str) -> str:
    """Parse the kind of master data from a topic. Raises MalformedMessage."""
    before, behind = Topics.catalogue(prefix, site, "\n").split("\n")
    kind = named.removeprefix(before).removesuffix(behind)
    if not KIND.fullmatch(kind) or named != Topics.catalogue(prefix, site, kind):
        raise MalformedMessage("topic: is that of no kind of master data")
    return kind


def sign_master_data(one: MasterData, signer: Signer, time: datetime) -> bytes:
    """Make the signed message of master data."""
    said = {
        "site": one.site,
        "kind": one.kind,
        "version": one.version,
        "rows": [dict(row) for row in one.rows],
        "time": rfc3339(time),
    }
    return to_json_bytes(_sign_message(said, _MASTER, signer))


def verify_master_data(payload: bytes, site: str, kind: str, key: PublicKey) -> MasterData:
    """Verify the master data of this kind and site. Raises MalformedMessage, Forged."""
    message = _verify_message(payload, _MASTER, "catalogue.schema.json", key)
    if (message["site"], message["kind"]) != (site, kind):
        raise MalformedMessage("/kind: is another kind than its topic's")
    return MasterData(site, kind, message["version"], tuple(message["rows"]))
