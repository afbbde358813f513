"""The console's audit log: who did what, when and from where, in a hash chain that shows changes and removals.

Links are computed as the devices' are (`dockvoice_protocol.hash_chain`): over the link before it, the action, and the
recording it is about. If the console has a key, it signs each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Select, insert, select

from dockvoice_protocol.hash_chain import GENESIS, PublicKey, Signer, compute_link, parse_event_or_empty
from dockvoice_protocol.instants import rfc3339
from inventory.store.console_tables import deeds
from inventory.store.request_database import take_advisory_lock

USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
"""Format of a person's or program's name: it is stored in the log and in decisions, and read out to operators."""

ZERO_HASH = "0" * 64
_CHAINING = 0x64656564  # "deed": the advisory lock for appending a link, so that two do not follow the same one.

SIGNED_IN = "signed_in"
_SIGN_INS = 50  # Sign-ins of one name that are compared: some weeks.

VERIFIED_AT_ONCE = 200  # Most rows verified at once: some 50 ms, for which a page waits.
VERIFY_ANEW_AFTER = timedelta(
    hours=1
)  # After this, verification starts again at the first row, since verified rows may have been changed.


@dataclass(frozen=True, slots=True)
class UserAction:
    """An entry of the audit log."""

    who: str
    address: str  # The client's address.
    deed: str  # A code: `signed_in`, `decided`, `listened`.
    about: str  # The event, utterance or person affected; empty without one.
    details: Mapping[str, Any] = field(default_factory=dict)
    recording: str = ZERO_HASH  # SHA-256 of the recording affected.


@dataclass(frozen=True, slots=True)
class StoredAction:
    """An action with its number and time, as stored."""

    number: int
    at: datetime
    deed: UserAction


def record_action(transaction: Connection, deed: UserAction, at: datetime, signer: Signer | None) -> None:
    """Append an action to the chain, in the transaction that carries it out."""
    take_advisory_lock(transaction, _CHAINING)
    last = transaction.execute(select(deeds.c.number, deeds.c.link).order_by(deeds.c.number.desc()).limit(1)).first()
    number, previous = (1, GENESIS) if last is None else (last.number + 1, last.link)
    said = {
        "number": number,
        "at": rfc3339(at),
        "who": deed.who,
        "address": deed.address,
        "deed": deed.deed,
        "about": deed.about,
        "details": dict(deed.details),
        "recording": deed.recording,
        "keyid": None if signer is None else signer.public.keyid,
    }
    own = compute_link(previous, said, deed.recording)
    row = {
        **{name: said[name] for name in ("number", "who", "deed", "about", "keyid")},
        "at": at,
        "body": json.dumps(said, ensure_ascii=False),
        "link": own,
        "signature": None if signer is None else signer.sign(own),
    }
    transaction.execute(insert(deeds).values(row))


def load_latest_actions(transaction: Connection, limit: int, before: int | None = None) -> list[StoredAction]:
    """The last actions, the latest first; those before a number, if given."""
    wanted = _NOTED.order_by(deeds.c.number.desc()).limit(limit)
    return _load_actions(transaction, wanted if before is None else wanted.where(deeds.c.number < before))


def load_actions_about(
    transaction: Connection, what: Collection[str] | Select[Any], only: Collection[str] = ()
) -> list[StoredAction]:
    """The actions about any of these, the oldest first; of these kinds, if given."""
    wanted = _NOTED.where(deeds.c.about.in_(what)).order_by(deeds.c.number)
    return _load_actions(transaction, wanted.where(deeds.c.deed.in_(only)) if only else wanted)


def load_latest_sign_in_addresses(transaction: Connection, name: str) -> list[str]:
    """The addresses of the latest sign-ins under a name, at most _SIGN_INS."""
    wanted = _NOTED.where(deeds.c.about == name, deeds.c.deed == SIGNED_IN).order_by(deeds.c.number.desc())
    return [one.deed.address for one in _load_actions(transaction, wanted.limit(_SIGN_INS))]


_NOTED = select(deeds.c.number, deeds.c.at, deeds.c.body)


def _load_actions(transaction: Connection, wanted: Select[Any]) -> list[StoredAction]:
    return [
        StoredAction(row.number, row.at, _parse_action(parse_event_or_empty(row.body)))
        for row in transaction.execute(wanted)
    ]


@dataclass(frozen=True, slots=True)
class _ChainPosition:
    """How far the chain is verified."""

    number: int = 0  # The last valid row.
    link: str = GENESIS
    signed: bool = False  # Whether a row up to there is signed: then no later one may be unsigned.
    broken: int | None = None  # The first row that was changed, removed or inserted.


_START = _ChainPosition()


def _verify_from(
    transaction: Connection, key: PublicKey | None, on: _ChainPosition = _START, most: int = VERIFIED_AT_ONCE
) -> _ChainPosition:
    """Verify at most `most` rows of the chain from a position on.

    With `key`, all rows that name it must be signed with it, and none after the first signed one may be unsigned.
    """
    wanted = select(deeds).where(deeds.c.number > on.number).order_by(deeds.c.number).limit(most)
    for row in transaction.execute(wanted):
        number, said = on.number + 1, parse_event_or_empty(row.body)
        columns = tuple(said.get(name) for name in ("number", "who", "deed", "about", "keyid"))
        fits = columns == (number, row.who, row.deed, row.about, row.keyid) and said.get("at") == rfc3339(row.at)
        fits = fits and row.number == number and row.link == compute_link(on.link, said, str(said.get("recording")))
        if key is not None and row.keyid == key.keyid:
            fits = fits and key.verify(row.link, row.signature or "")
        if not fits or (on.signed and row.signature is None):
            return replace(on, broken=number)
        on = _ChainPosition(number, row.link, on.signed or row.signature is not None)
    return on


def first_broken_action(transaction: Connection, key: PublicKey | None) -> int | None:
    """Number of the first action that was changed, removed or inserted; None if all are valid."""
    on = _verify_from(transaction, key)
    while on.broken is None and (further := _verify_from(transaction, key, on)) != on:
        on = further
    return on.broken


def first_broken_shown(transaction: Connection, key: PublicKey | None, shown: Sequence[StoredAction]) -> int | None:
    """The first broken one among the actions of a page, verified from the row before it; None if all are valid."""
    if not shown:
        return None
    first = min(one.number for one in shown) - 1
    row = transaction.execute(select(deeds.c.link, deeds.c.signature).where(deeds.c.number == first)).one_or_none()
    if row is None and first:
        return first
    on = _START if row is None else _ChainPosition(first, row.link, row.signature is not None)
    return _verify_from(transaction, key, on, len(shown)).broken


class AuditLogVerifier:
    """One console's verification of the chain, step by step. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._on = _START
        self._began: datetime | None = None

    def verify_next(self, transaction: Connection, key: PublicKey | None, now: datetime) -> _ChainPosition:
        """Verify the next rows; start again from the first one after VERIFY_ANEW_AFTER."""
        with self._lock:
            if self._began is None or now - self._began > VERIFY_ANEW_AFTER:
                self._on, self._began = _START, now
            if self._on.broken is None:
                self._on = _verify_from(transaction, key, self._on)
            return self._on


def _parse_action(said: Mapping[str, Any]) -> UserAction:
    return UserAction(**{name: said[name] for name in UserAction.__dataclass_fields__ if name in said})
