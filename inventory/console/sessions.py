"""Sessions: who has signed in, known by a cookie whose hash is kept here; and how often a password may be wrong."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, true

from inventory.console.people import Role
from inventory.store.books import alone
from inventory.store.console_tables import attempts, people, sessions

WINDOW = timedelta(minutes=15)
PER_NAME = 8  # Wrong passwords for one name within the window: a person has remembered it by then, or asks for another.
TRYING = 0x74727973  # "trys": under this lock they are counted, for two would both be the last one.
PER_ADDRESS = 30  # From one address: behind it may be a whole office. From then on it is slowed down.
SLOWED = timedelta(seconds=10)  # Between two tries from such an address: 90 in a window, of one name 8 as always.


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who has signed in."""

    name: str
    role: Role
    csrf: str = field(repr=False)  # What each form must carry back.
    token_sha256: str = field(repr=False)


def begin(transaction: Connection, name: str, now: datetime, lasting: timedelta) -> str:
    """A session of its own for somebody whose password was right; what his cookie says from now on.

    The cookie is always a new one: what somebody else may have put into the browser before is worth nothing.
    """
    token = secrets.token_urlsafe(32)
    transaction.execute(delete(sessions).where(sessions.c.ends_at <= now))
    values = {"token_sha256": _hash(token), "name": name, "csrf": secrets.token_urlsafe(32)}
    transaction.execute(insert(sessions).values(values | {"began_at": now, "ends_at": now + lasting}))
    return token


def of(transaction: Connection, token: str | None, now: datetime) -> SignedIn | None:
    """Whose cookie that is, with the role that he has now."""
    if not token:
        return None
    its = (
        select(sessions.c.name, sessions.c.csrf, sessions.c.token_sha256, people.c.role)
        .join(people, people.c.name == sessions.c.name)
        .where(sessions.c.token_sha256 == _hash(token), sessions.c.ends_at > now)
    )
    row = transaction.execute(its).one_or_none()
    return None if row is None else SignedIn(row.name, Role.named(row.role), row.csrf, row.token_sha256)


def end(transaction: Connection, session: SignedIn) -> None:
    """He has signed out."""
    transaction.execute(delete(sessions).where(sessions.c.token_sha256 == session.token_sha256))


def held_up(transaction: Connection, name: str, address: str, now: datetime, *, known_there: bool) -> timedelta:
    """How long whoever has this name must wait before a password may be tried from there; nothing: now, and it counts.

    It counts as wrong until `succeeded` says otherwise: no two that come at once are both the last one. `known_there`:
    the person has signed in from this address before, and waits for nobody else's tries, neither for his name from
    elsewhere nor for other names from there.
    """
    alone(transaction, TRYING)
    transaction.execute(delete(attempts).where(attempts.c.at <= now - WINDOW))
    of_name, from_there = attempts.c.name == name, attempts.c.address == address
    if _tries(transaction, of_name, from_there if known_there else true()) >= PER_NAME:
        return WINDOW
    is_many = not known_there and _tries(transaction, from_there) >= PER_ADDRESS
    if is_many and _tries(transaction, from_there, attempts.c.at > now - SLOWED):
        return SLOWED
    transaction.execute(insert(attempts).values(name=name, address=address, at=now))
    return timedelta()


def _tries(transaction: Connection, *which: ColumnElement[bool]) -> int:
    return transaction.execute(select(func.count()).select_from(attempts).where(*which)).scalar_one()


def succeeded(transaction: Connection, name: str, address: str) -> None:
    """The password was right: what was wrong from there before was a slip of the finger."""
    transaction.execute(delete(attempts).where(attempts.c.name == name, attempts.c.address == address))


def forgive(transaction: Connection, name: str) -> None:
    """Let somebody try again at once, since an admin says so."""
    transaction.execute(delete(attempts).where(attempts.c.name == name))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
