"""People who work with the console: who they are, what they may, and whether that is their password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from threading import Semaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete, insert, select, update

from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from inventory.audit.deeds import NAME
from inventory.store.console_tables import people, sessions

SHORTEST = 12  # Characters of a password: short ones are guessed whatever else stands in the way (NIST SP 800-63B).
LONGEST = 1000  # Nobody types more; who sends more wants the processor busy.

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # What OWASP recommends at the least.
_NOBODYS = _HASHER.hash("a password that is nobody's")
_AT_ONCE = Semaphore(2)  # Each takes 19 MiB and a core: many who sign in at once wait their turn.


class Role(IntEnum):
    """What somebody may: each may all that the one before may."""

    VIEWER = 1  # Looks.
    REVIEWER = 2  # Decides, and listens.
    ADMIN = 3  # Says who else may.

    @classmethod
    def named(cls, name: str) -> Role:
        """The role that is called so. Raises Misconfigured."""
        try:
            return cls[name.upper()]
        except KeyError:
            raise Misconfigured(f"role: found {name!r}, allowed are {', '.join(map(str, cls))}") from None

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who may sign in."""

    name: str
    role: Role
    by_password: bool  # Otherwise a proxy says that it is he.
    added_at: datetime


def everybody(transaction: Connection) -> list[Colleague]:
    """All who may sign in, by name."""
    found = transaction.execute(select(people).order_by(people.c.name))
    return [Colleague(row.name, Role.named(row.role), row.password is not None, row.added_at) for row in found]


def known(transaction: Connection, name: str) -> Colleague | None:
    """Who is called so."""
    row = transaction.execute(select(people).where(people.c.name == name)).one_or_none()
    return None if row is None else Colleague(row.name, Role.named(row.role), row.password is not None, row.added_at)


def add(transaction: Connection, name: str, role: Role, password: str | None, at: datetime) -> None:
    """Let somebody sign in: with a password or, without one, where a proxy says who it is. Raises Misconfigured."""
    if not NAME.fullmatch(name):
        raise Misconfigured(f"name: found {name!r}, allowed are letters, digits and . _ @ -, 63 at most")
    if known(transaction, name) is not None:
        raise Misconfigured(f"{name}: is there already; change the role or the password, or choose another name")
    values = {"name": name, "role": str(role), "password": hashed(password), "added_at": at}
    transaction.execute(insert(people).values(values))


def change_role(transaction: Connection, name: str, role: Role) -> None:
    """Let somebody do more or less, from now on. Raises UnreadableInput, and Misconfigured where no admin would be."""
    _demand_another_admin(transaction, name, staying=role)
    transaction.execute(update(people).where(people.c.name == name).values(role=str(role)))


def change_password(transaction: Connection, name: str, password: str) -> None:
    """Give somebody another password; whoever is signed in under the name is signed out. Raises UnreadableInput."""
    _demanded(transaction, name)
    transaction.execute(update(people).where(people.c.name == name).values(password=hashed(password)))
    transaction.execute(delete(sessions).where(sessions.c.name == name))


def remove(transaction: Connection, name: str) -> None:
    """Let somebody sign in no more, and sign him out. What he did stays on record. Raises as `change_role`."""
    _demand_another_admin(transaction, name, staying=None)
    transaction.execute(delete(sessions).where(sessions.c.name == name))
    transaction.execute(delete(people).where(people.c.name == name))


def hashed(password: str | None) -> str | None:
    """What is kept of a password. Raises Misconfigured for one that is too short."""
    if password is None:
        return None
    if not SHORTEST <= len(password) <= LONGEST:
        raise Misconfigured(f"password: has {len(password)} characters, allowed are {SHORTEST} to {LONGEST}")
    with _AT_ONCE:
        return _HASHER.hash(password)


def is_password(kept: str | None, given: str) -> bool:
    """Whether that is the password. It takes as long where there is nobody of the name."""
    try:
        with _AT_ONCE:
            _HASHER.verify(kept or _NOBODYS, given[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def kept_password(transaction: Connection, name: str) -> str | None:
    """What is kept of somebody's password."""
    return transaction.execute(select(people.c.password).where(people.c.name == name)).scalar()


def _demanded(transaction: Connection, name: str) -> Colleague:
    if (found := known(transaction, name)) is None:
        raise UnreadableInput(f"{name}: nobody is called so; `dockvoice console user list` shows who may sign in")
    return found


def _demand_another_admin(transaction: Connection, name: str, staying: Role | None) -> None:
    if _demanded(transaction, name).role is not Role.ADMIN or staying is Role.ADMIN:
        return
    others = select(people.c.name).where(people.c.role == str(Role.ADMIN), people.c.name != name).with_for_update()
    if transaction.execute(others).first() is None:
        raise Misconfigured(f"{name}: is the only admin; make somebody else one first")
