"""Accounts: users, roles, passwords and sessions, and the rate limit on wrong passwords."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from threading import Semaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, true, update

from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from inventory.audit.audit_log import USER_NAME
from inventory.store.console_tables import attempts, people, sessions
from inventory.store.request_database import take_advisory_lock

SHORTEST = 12  # Characters of a password (NIST SP 800-63B): shorter ones are guessed despite the rate limit.
_LONGEST = 1000  # Longer ones are sent only to keep the processor busy.

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # The minimum that OWASP recommends.
_DUMMY = _HASHER.hash("a password of no account")  # Verified for unknown names, so that both take equally long.
_AT_ONCE = Semaphore(2)  # Each hash takes 19 MiB and a core: further sign-ins wait.

WINDOW = timedelta(minutes=15)
PER_NAME = 8  # Wrong passwords for one name within the window.
_TRYING = 0x74727973  # The advisory lock ("trys") under which attempts are counted: two at once would both be the last.
PER_ADDRESS = 30  # From one address, which may be a whole office; beyond it, attempts are slowed down.
SLOWED = timedelta(seconds=10)  # Between two attempts from such an address: 90 in a window, 8 of them for one name.


class Role(IntEnum):
    """A user's rights; each role includes the one before."""

    VIEWER = 1  # Sees pages.
    REVIEWER = 2  # Decides, and listens to recordings.
    ADMIN = 3  # Changes accounts and master data.

    @classmethod
    def named(cls, name: str) -> Role:
        """Parse a role's name. Raises Misconfigured."""
        try:
            return cls[name.upper()]
        except KeyError:
            raise Misconfigured(f"role: found {name!r}, allowed are {', '.join(map(str, cls))}") from None

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class _User:
    """An account."""

    name: str
    role: Role
    by_password: bool  # Otherwise the proxy authenticates the user.
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A session with its user's role."""

    name: str
    role: Role
    csrf: str = field(repr=False)  # The CSRF token that each form must send back.
    token_sha256: str = field(repr=False)


def load_users(transaction: Connection) -> list[_User]:
    """All accounts by name."""
    return [_to_user(row) for row in transaction.execute(select(people).order_by(people.c.name))]


def find_user(transaction: Connection, name: str) -> _User | None:
    """Load the account of this name; None if there is none."""
    row = transaction.execute(select(people).where(people.c.name == name)).one_or_none()
    return None if row is None else _to_user(row)


def add_user(transaction: Connection, name: str, role: Role, password: str | None, at: datetime) -> None:
    """Add an account; without a password the proxy authenticates its user. Raises Misconfigured."""
    if not USER_NAME.fullmatch(name):
        raise Misconfigured(f"name: found {name!r}, allowed are letters, digits and . _ @ -, 63 at most")
    if find_user(transaction, name) is not None:
        raise Misconfigured(f"{name}: is there already; change the role or the password, or choose another name")
    values = {"name": name, "role": str(role), "password": _hash_password(password), "added_at": at}
    transaction.execute(insert(people).values(values))


def change_role(transaction: Connection, name: str, role: Role) -> None:
    """Set the role. Raises UnreadableInput for an unknown name, Misconfigured for the last admin."""
    _demand_another_admin(transaction, name, staying=role)
    transaction.execute(update(people).where(people.c.name == name).values(role=str(role)))


def change_password(transaction: Connection, name: str, password: str) -> None:
    """Set the password, end all sessions and reset the rate limit. Raises UnreadableInput."""
    _demand_user(transaction, name)
    transaction.execute(update(people).where(people.c.name == name).values(password=_hash_password(password)))
    transaction.execute(delete(sessions).where(sessions.c.name == name))
    transaction.execute(delete(attempts).where(attempts.c.name == name))


def remove_user(transaction: Connection, name: str) -> None:
    """Delete the account and its sessions; the audit log keeps what it did. Raises as `change_role`."""
    _demand_another_admin(transaction, name, staying=None)
    transaction.execute(delete(sessions).where(sessions.c.name == name))
    transaction.execute(delete(people).where(people.c.name == name))


def _hash_password(password: str | None) -> str | None:
    """The Argon2 hash. Raises Misconfigured for a password that is too short or too long."""
    if password is None:
        return None
    if not SHORTEST <= len(password) <= _LONGEST:
        raise Misconfigured(f"password: has {len(password)} characters, allowed are {SHORTEST} to {_LONGEST}")
    with _AT_ONCE:
        return _HASHER.hash(password)


def verify_password(kept: str | None, given: str) -> bool:
    """Whether the password matches the hash; an unknown name takes equally long."""
    try:
        with _AT_ONCE:
            _HASHER.verify(kept or _DUMMY, given[:_LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def load_password_hash(transaction: Connection, name: str) -> str | None:
    """The stored hash of an account's password."""
    return transaction.execute(select(people.c.password).where(people.c.name == name)).scalar()


def begin_session(transaction: Connection, name: str, now: datetime, length: timedelta) -> str:
    """Create a session; return its token, for the cookie.

    The token is always new, so that one set in the browser beforehand is worth nothing (session fixation).
    """
    token = secrets.token_urlsafe(32)
    transaction.execute(delete(sessions).where(sessions.c.ends_at <= now))
    values = {"token_sha256": _hash_token(token), "name": name, "csrf": secrets.token_urlsafe(32)}
    transaction.execute(insert(sessions).values(values | {"began_at": now, "ends_at": now + length}))
    return token


def find_session(transaction: Connection, token: str | None, now: datetime) -> Session | None:
    """The session of a cookie's token, with its user's current role."""
    if not token:
        return None
    wanted = (
        select(sessions.c.name, sessions.c.csrf, sessions.c.token_sha256, people.c.role)
        .join(people, people.c.name == sessions.c.name)
        .where(sessions.c.token_sha256 == _hash_token(token), sessions.c.ends_at > now)
    )
    row = transaction.execute(wanted).one_or_none()
    return None if row is None else Session(row.name, Role.named(row.role), row.csrf, row.token_sha256)


def end_session(transaction: Connection, session: Session) -> None:
    """Delete the session."""
    transaction.execute(delete(sessions).where(sessions.c.token_sha256 == session.token_sha256))


def register_attempt(
    transaction: Connection, name: str, address: str, now: datetime, *, known_there: bool
) -> timedelta:
    """Count a sign-in attempt before its password is verified; return how long to wait, zero within the rate limit.

    Counting first keeps two concurrent attempts from both being the last. `known_there`: the user has signed in from
    this address before, and is limited neither by attempts from elsewhere nor by those for other names from there.
    """
    take_advisory_lock(transaction, _TRYING)
    transaction.execute(delete(attempts).where(attempts.c.at <= now - WINDOW))
    of_name, from_there = attempts.c.name == name, attempts.c.address == address
    if _count_attempts(transaction, of_name, from_there if known_there else true()) >= PER_NAME:
        return WINDOW
    is_many = not known_there and _count_attempts(transaction, from_there) >= PER_ADDRESS
    if is_many and _count_attempts(transaction, from_there, attempts.c.at > now - SLOWED):
        return SLOWED
    transaction.execute(insert(attempts).values(name=name, address=address, at=now))
    return timedelta()


def clear_attempts(transaction: Connection, name: str, address: str) -> None:
    """Delete the attempts counted for this name from this address, after a right password."""
    transaction.execute(delete(attempts).where(attempts.c.name == name, attempts.c.address == address))


def _count_attempts(transaction: Connection, *which: ColumnElement[bool]) -> int:
    return transaction.execute(select(func.count()).select_from(attempts).where(*which)).scalar_one()


def _to_user(row: Row[tuple[object, ...]]) -> _User:
    return _User(row.name, Role.named(row.role), row.password is not None, row.added_at)


def _demand_user(transaction: Connection, name: str) -> _User:
    if (found := find_user(transaction, name)) is None:
        raise UnreadableInput(f"{name}: nobody is called so; `dockvoice console user list` shows who may sign in")
    return found


def _demand_another_admin(transaction: Connection, name: str, staying: Role | None) -> None:
    if _demand_user(transaction, name).role is not Role.ADMIN or staying is Role.ADMIN:
        return
    others = select(people.c.name).where(people.c.role == str(Role.ADMIN), people.c.name != name).with_for_update()
    if transaction.execute(others).first() is None:
        raise Misconfigured(f"{name}: is the only admin; make somebody else one first")


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
