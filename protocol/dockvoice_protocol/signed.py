"""What the inventory signs for devices: decisions, requests for clips, expected receipts, rosters, master data. Pure.

It is made there and checked here.

A signature is made for one purpose and no other, over all of the message: what it says of its site, its device and its
version too, so that it can be moved to no other topic, and an older one is told from a newer one.

Lists, rosters and master data are retained, one for each trailer or door, for each site, for each kind: whoever
connects gets the latest. A topic that was cleared says nothing: only a signed one of a higher version, without lines,
operators or rows, withdraws it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from dockvoice_protocol.config import LEVEL
from dockvoice_protocol.events import MalformedMessage, Topics, check, encode, parsed, read_time
from dockvoice_protocol.hash_chain import KEYID, SIGNATURE, PublicKey, Signer, canonical
from dockvoice_protocol.instants import timestamp
from dockvoice_protocol.records import ExpectedLine, ExpectedList, Operator, PlaceKind, ReceivingPlace, Roster
from dockvoice_protocol.records.master import KIND, Cells, MasterData

LARGEST = 128_000  # Bytes of one message: what brokers in the cloud take.

_DECISION, _LIST, _ROSTER = "dockvoice.decision.v1", "dockvoice.expected.v1", "dockvoice.roster.v1"
_MASTER = "dockvoice.catalogue.v1"
_CLIP = "dockvoice.clip.v1"
_DECLINED = "dockvoice.declined.v1"
"""What the signed text begins with, by what it is: no signature of one can be taken for that of another."""

MOST_LINES = 500  # Of one list. A trailer has some sixty places for pallets.

MOST_OPERATORS = 500  # Of one site's roster.

MOST_ROWS = 5000  # Of one kind of master data: what fits into a message, with a check at every place.

_ENVELOPE = 600  # Bytes of one list beside its lines, of a roster beside its operators, at most.


class Forged(MalformedMessage):
    """Nobody signed it whose word this device takes."""


def _sealed(said: Mapping[str, Any], purpose: str, signer: Signer) -> dict[str, Any]:
    """The message, signed for a purpose."""
    whole = {**said, KEYID: signer.public.keyid}
    return {**whole, SIGNATURE: signer.sign(_text(whole, purpose))}


def _opened(payload: bytes, purpose: str, schema: str, key: PublicKey) -> dict[str, Any]:
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


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """What is to become of one utterance that was put aside."""

    source: str  # The device, as events name it.
    review: str  # The event that says that it waits.
    utterance_id: str
    decision: str  # accept, correct or discard.
    values: Mapping[str, str] = field(repr=False)  # Over what was understood, as the form's fields take them.
    who: str
    reason: str


def signed_decision(decision: ReviewDecision, signer: Signer, time: datetime) -> dict[str, Any]:
    """The message, signed."""
    said = {
        "source": decision.source,
        "review": decision.review,
        "utterance_id": decision.utterance_id,
        "decision": decision.decision,
        "values": dict(decision.values),
        "who": decision.who,
        "reason": decision.reason,
        "time": timestamp(time),
    }
    return _sealed(said, _DECISION, signer)


def read_decision(payload: bytes, source: str, key: PublicKey) -> ReviewDecision:
    """The decision for the device `source`, signed with `key`. Raises MalformedMessage, Forged."""
    message = _opened(payload, _DECISION, "decision.schema.json", key)
    if message["source"] != source:
        raise MalformedMessage("/source: names another device")
    return ReviewDecision(**{name: message[name] for name in ReviewDecision.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class PostingDeclined:
    """A system behind the inventory did not take an entry, which stands all the same."""

    source: str  # The device, as events name it.
    entry: str  # The event of the entry.
    why: str  # A code: lot_missing. One that the device does not know is told as it is.
    by: str  # Which connector says so.


def signed_declined(word: PostingDeclined, signer: Signer, time: datetime) -> dict[str, Any]:
    """The message, signed."""
    said = {"source": word.source, "entry": word.entry, "declined": word.why, "by": word.by, "time": timestamp(time)}
    return _sealed(said, _DECLINED, signer)


def read_declined(payload: bytes, source: str, key: PublicKey) -> PostingDeclined:
    """What was declined of the device `source`, signed with `key`. Raises MalformedMessage, Forged."""
    message = _opened(payload, _DECLINED, "declined.schema.json", key)
    if message["source"] != source:
        raise MalformedMessage("/source: names another device")
    return PostingDeclined(source, message["entry"], message["declined"], message["by"])


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """Somebody on the inventory's side listens to what was said."""

    source: str  # The device, as events name it.
    request: str  # Its own id: what comes under it again is the same request.
    utterance_id: str
    audio_sha256: str  # Of the recording, as the device has signed it.
    sound: bool  # Whether the device is to send it; else it is there, and this is for the journal alone.
    who: str = field(repr=False)
    reason: str = field(repr=False)
    time: str  # When he asked, RFC 3339 in UTC.


def signed_clip_request(request: ClipRequest, signer: Signer) -> bytes:
    """The message, signed."""
    return encode(_sealed(asdict(request), _CLIP, signer))


def read_clip_request(payload: bytes, source: str, key: PublicKey) -> ClipRequest:
    """The request to the device `source`, signed with `key`. Raises MalformedMessage, Forged."""
    message = _opened(payload, _CLIP, "clip-request.schema.json", key)
    if message["source"] != source:
        raise MalformedMessage("/source: names another device")
    read_time(message["time"])
    return ClipRequest(**{name: message[name] for name in ClipRequest.__dataclass_fields__})


def size_of_list(lines: Sequence[ExpectedLine]) -> int:
    """Bytes of the message with these lines, at most."""
    return _ENVELOPE + sum(len(encode(asdict(line))) + 1 for line in lines)


def place_of(prefix: str, site: str, named: str) -> ReceivingPlace:
    """The place whose list belongs on a topic. Raises MalformedMessage."""
    match named.removeprefix(Topics.expected(prefix, site, "")).split("/"):
        case ["trailer" | "door" as kind, name] if LEVEL.fullmatch(name):
            return ReceivingPlace(PlaceKind(kind), name)
        case _:
            raise MalformedMessage("topic: is that of no trailer and no door")


def signed_list(expected: ExpectedList, signer: Signer, time: datetime) -> bytes:
    """The message, signed."""
    return encode(_sealed(_list_said(expected, time), _LIST, signer))


def unsigned_list(expected: ExpectedList, time: datetime) -> bytes:
    """The same without a signature: no device takes it."""
    return encode(_list_said(expected, time))


def _list_said(expected: ExpectedList, time: datetime) -> dict[str, Any]:
    return {
        "site": expected.site,
        "place": asdict(expected.place),
        "version": expected.version,
        "lines": [asdict(line) for line in expected.lines],
        "time": timestamp(time),
    }


def read_expected(payload: bytes, site: str, place: ReceivingPlace, key: PublicKey) -> ExpectedList:
    """The list for this place, signed with `key`. Raises MalformedMessage, Forged."""
    message = _opened(payload, _LIST, "expected.schema.json", key)
    if (message["site"], message["place"]["kind"], message["place"]["name"]) != (site, place.kind, place.name):
        raise MalformedMessage("/place: is another place than its topic's")
    known = ExpectedLine.__dataclass_fields__
    lines = tuple(ExpectedLine(**{name: line[name] for name in known}) for line in message["lines"])
    return ExpectedList(site, place, message["version"], lines)


def size_of_roster(operators: Sequence[Operator]) -> int:
    """Bytes of the message with these operators, at most."""
    return _ENVELOPE + sum(len(encode(_operator_said(one))) + 1 for one in operators)


def signed_roster(roster: Roster, signer: Signer, time: datetime) -> bytes:
    """The message, signed."""
    said = {
        "site": roster.site,
        "version": roster.version,
        "operators": [_operator_said(one) for one in roster.operators],
        "time": timestamp(time),
    }
    return encode(_sealed(said, _ROSTER, signer))


def read_roster(payload: bytes, site: str, key: PublicKey) -> Roster:
    """The roster of this site, signed with `key`. Raises MalformedMessage, Forged."""
    message = _opened(payload, _ROSTER, "roster.schema.json", key)
    if message["site"] != site:
        raise MalformedMessage("/site: is another site than its topic's")
    return Roster(site, message["version"], tuple(_operator_of(one) for one in message["operators"]))


def _operator_said(one: Operator) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if value is not None}


def _operator_of(said: dict[str, Any]) -> Operator:
    forms = said.get("forms")
    return Operator(
        said["name"],
        said.get("number"),
        tuple(said["spoken"]),
        said.get("language"),
        None if forms is None else tuple(forms),
    )


def size_of_master(rows: Sequence[Cells]) -> int:
    """Bytes of the message with these rows, at most."""
    return _ENVELOPE + sum(len(encode(dict(row))) + 1 for row in rows)


def kind_of(prefix: str, site: str, named: str) -> str:
    """The kind of master data that belongs on a topic. Raises MalformedMessage."""
    before, behind = Topics.catalogue(prefix, site, "\n").split("\n")
    kind = named.removeprefix(before).removesuffix(behind)
    if not KIND.fullmatch(kind) or named != Topics.catalogue(prefix, site, kind):
        raise MalformedMessage("topic: is that of no kind of master data")
    return kind


def signed_master(one: MasterData, signer: Signer, time: datetime) -> bytes:
    """The message, signed."""
    said = {
        "site": one.site,
        "kind": one.kind,
        "version": one.version,
        "rows": [dict(row) for row in one.rows],
        "time": timestamp(time),
    }
    return encode(_sealed(said, _MASTER, signer))


def read_master(payload: bytes, site: str, kind: str, key: PublicKey) -> MasterData:
    """The master data of this kind and site, signed with `key`. Raises MalformedMessage, Forged."""
    message = _opened(payload, _MASTER, "catalogue.schema.json", key)
    if (message["site"], message["kind"]) != (site, kind):
        raise MalformedMessage("/kind: is another kind than its topic's")
    return MasterData(site, kind, message["version"], tuple(message["rows"]))
