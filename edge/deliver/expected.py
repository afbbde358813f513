"""Lists of expected receipts on the wire: signed by the inventory, read and checked on the device. Pure.

A list is retained, one for each trailer or door: whoever connects gets the latest. The signature covers the site, the
place and the version, so that a list can be moved to no other topic, and an older one is told from a newer one. A topic
that was cleared says nothing: only a signed list of a higher version, without lines, withdraws one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from edge.config import LEVEL
from edge.deliver.events import MalformedMessage, Topics, encode, timestamp
from edge.deliver.signed import opened, sealed
from edge.hash_chain import PublicKey, Signer
from edge.records import ExpectedLine, ExpectedList, PlaceKind, ReceivingPlace

SIGNED_AS = "dockvoice.expected.v1"
"""What the signed text begins with: no signature of anything else can be taken for one of a list."""

MOST_LINES = 500  # Of one list. A trailer has some sixty places for pallets.

ENVELOPE = 600  # Bytes of one list beside its lines, at most.


def size(lines: Sequence[ExpectedLine]) -> int:
    """Bytes of the message with these lines, at most."""
    return ENVELOPE + sum(len(encode(asdict(line))) + 1 for line in lines)


def topic(prefix: str, site: str, place: ReceivingPlace) -> str:
    """Where the list of a place is, retained."""
    return Topics.expected(prefix, site, str(place))


def place_of(prefix: str, site: str, named: str) -> ReceivingPlace:
    """The place whose list belongs on a topic. Raises MalformedMessage."""
    match named.removeprefix(Topics.expected(prefix, site, "")).split("/"):
        case ["trailer" | "door" as kind, name] if LEVEL.fullmatch(name):
            return ReceivingPlace(PlaceKind(kind), name)
        case _:
            raise MalformedMessage("topic: is that of no trailer and no door")


def signed(expected: ExpectedList, signer: Signer, time: datetime) -> bytes:
    """The message, signed."""
    return encode(sealed(_said(expected, time), SIGNED_AS, signer))


def unsigned(expected: ExpectedList, time: datetime) -> bytes:
    """The same without a signature: no device takes it."""
    return encode(_said(expected, time))


def _said(expected: ExpectedList, time: datetime) -> dict[str, Any]:
    return {
        "site": expected.site,
        "place": asdict(expected.place),
        "version": expected.version,
        "lines": [asdict(line) for line in expected.lines],
        "time": timestamp(time),
    }


def read_expected(payload: bytes, site: str, place: ReceivingPlace, key: PublicKey) -> ExpectedList:
    """The list for this place, signed with `key`. Raises MalformedMessage, Forged."""
    message = opened(payload, SIGNED_AS, "expected.schema.json", key)
    if (message["site"], message["place"]["kind"], message["place"]["name"]) != (site, place.kind, place.name):
        raise MalformedMessage("/place: is another place than its topic's")
    known = ExpectedLine.__dataclass_fields__
    lines = tuple(ExpectedLine(**{name: line[name] for name in known}) for line in message["lines"])
    return ExpectedList(site, place, message["version"], lines)
