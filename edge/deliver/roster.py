"""The roster on the wire: who may sign on at a site, signed by the inventory, read and checked on the device. Pure.

It is retained, one for each site. A topic that was cleared says nothing: only a signed roster of a higher version,
without operators, withdraws one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from edge.deliver.events import MalformedMessage, Topics, encode, timestamp
from edge.deliver.signed import opened, sealed
from edge.hash_chain import PublicKey, Signer
from edge.records import Operator, Roster

SIGNED_AS = "dockvoice.roster.v1"
"""What the signed text begins with: no signature of anything else can be taken for one of a roster."""

MOST_OPERATORS = 500  # Of one site.

ENVELOPE = 600  # Bytes of one roster beside its operators, at most.


def size(operators: Sequence[Operator]) -> int:
    """Bytes of the message with these operators, at most."""
    return ENVELOPE + sum(len(encode(_told(one))) + 1 for one in operators)


def topic(prefix: str, site: str) -> str:
    """Where the roster of a site is, retained."""
    return Topics.roster(prefix, site)


def signed(roster: Roster, signer: Signer, time: datetime) -> bytes:
    """The message, signed."""
    said = {
        "site": roster.site,
        "version": roster.version,
        "operators": [_told(one) for one in roster.operators],
        "time": timestamp(time),
    }
    return encode(sealed(said, SIGNED_AS, signer))


def read_roster(payload: bytes, site: str, key: PublicKey) -> Roster:
    """The roster of this site, signed with `key`. Raises MalformedMessage, Forged."""
    message = opened(payload, SIGNED_AS, "roster.schema.json", key)
    if message["site"] != site:
        raise MalformedMessage("/site: is another site than its topic's")
    return Roster(site, message["version"], tuple(_operator(one) for one in message["operators"]))


def _told(one: Operator) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if value is not None}


def _operator(said: dict[str, Any]) -> Operator:
    forms = said.get("forms")
    return Operator(
        said["name"],
        said.get("number"),
        tuple(said["spoken"]),
        said.get("language"),
        None if forms is None else tuple(forms),
    )
