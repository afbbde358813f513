"""Deeds: who did what on the console, when and from where, in a chain that shows it where one is changed or removed.

A link is made as those of the devices are (`edge.hash_chain`): over the link before it, the deed, and the recording it
is about. Where the console has a key, it signs each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from edge.deliver.events import timestamp
from edge.hash_chain import GENESIS, PublicKey, Signer, link, parsed
from inventory.console.tables import alone, deeds

NO_RECORDING = "0" * 64
CHAINING = 0x64656564  # "deed": under this lock a link is added, for two would both follow the same one.


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did."""

    who: str
    address: str  # From where.
    deed: str  # A code: `signed_in`, `decided`, `listened`.
    about: str  # The event, the utterance or the person it was done to; empty where there is none.
    details: Mapping[str, Any] = field(default_factory=dict)
    recording: str = NO_RECORDING  # SHA-256 of the recording it is about.


@dataclass(frozen=True, slots=True)
class Noted:
    """A deed as it is kept."""

    number: int
    at: datetime
    deed: Deed


def note(transaction: Connection, deed: Deed, at: datetime, signer: Signer | None) -> None:
    """Keep it, in the transaction in which it is done."""
    alone(transaction, CHAINING)
    last = transaction.execute(select(deeds.c.number, deeds.c.link).order_by(deeds.c.number.desc()).limit(1)).first()
    number, previous = (1, GENESIS) if last is None else (last.number + 1, last.link)
    said = {
        "number": number,
        "at": timestamp(at),
        "who": deed.who,
        "address": deed.address,
        "deed": deed.deed,
        "about": deed.about,
        "details": dict(deed.details),
        "recording": deed.recording,
        "keyid": None if signer is None else signer.public.keyid,
    }
    own = link(previous, said, deed.recording)
    row = {
        **{name: said[name] for name in ("number", "who", "deed", "about", "keyid")},
        "at": at,
        "body": json.dumps(said, ensure_ascii=False),
        "link": own,
        "signature": None if signer is None else signer.sign(own),
    }
    transaction.execute(insert(deeds).values(row))


def latest(transaction: Connection, limit: int, before: int | None = None, about: str | None = None) -> list[Noted]:
    """The last ones, the latest first; those before a number, or about something, where it is given."""
    wanted = select(deeds.c.number, deeds.c.at, deeds.c.body).order_by(deeds.c.number.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(deeds.c.number < before)
    if about is not None:
        wanted = wanted.where(deeds.c.about == about)
    return [Noted(row.number, row.at, _deed(parsed(row.body))) for row in transaction.execute(wanted)]


def broken(transaction: Connection, key: PublicKey | None) -> int | None:
    """The number of the first deed that was changed, removed or put in; None where all hold.

    With `key` all that name it must be signed with it, and none behind the first may be unsigned.
    """
    previous, signed = GENESIS, False
    for number, row in enumerate(transaction.execute(select(deeds).order_by(deeds.c.number)), 1):
        said = parsed(row.body)
        told = tuple(said.get(name) for name in ("number", "who", "deed", "about", "keyid"))
        fits = told == (number, row.who, row.deed, row.about, row.keyid) and said.get("at") == timestamp(row.at)
        if not fits or row.number != number or row.link != link(previous, said, str(said.get("recording"))):
            return number
        if key is not None and row.keyid == key.keyid and not key.signed(row.link, row.signature or ""):
            return number
        if signed and row.signature is None:
            return number
        previous, signed = row.link, signed or row.signature is not None
    return None


def _deed(said: Mapping[str, Any]) -> Deed:
    return Deed(**{name: said[name] for name in Deed.__dataclass_fields__ if name in said})
