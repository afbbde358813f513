"""API tokens: their table, the sites that each may read or write, and their hashes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Row, Table, Text, delete, insert, select, update

from dockvoice_protocol.config import LEVEL
from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from inventory.audit.audit_log import USER_NAME
from inventory.store.request_database import create_or_check_tables
from inventory.store.tables import Json, Moment

_BEGINS = "dockvoice_"  # Prefix of each token, so that scanners for leaked secrets find it.

_EVERY = "*"  # Every site, those to come too; no site's name.

_USE_RESOLUTION = timedelta(hours=1)  # Of `used_at`: a write for each request would block the consumer.

_VERSION = 1
"""Of the table below; the tables of the inventory and of the console have their own, since both run without an API."""

_metadata = MetaData()

_versions = Table("dockvoice_api", _metadata, Column("version", Integer, primary_key=True, autoincrement=False))

_table = Table(
    "dockvoice_api_tokens",
    _metadata,
    Column("name", Text, primary_key=True),
    # A token has 256 random bits: neither a salt nor a slow hash would add anything.
    Column("token_sha256", Text, nullable=False, unique=True),
    Column("grants", Json, nullable=False),  # By site, read or write; `*` for every site.
    Column("made_at", Moment, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("ends_at", Moment),  # NULL: never.
    Column("used_at", Moment),  # To the hour; NULL: never.
)


def create_or_check_tokens(engine: Engine) -> None:
    """Create the table if it is missing. Raises Misconfigured for another version, Unavailable."""
    create_or_check_tables(engine, _versions, _VERSION, "API")


class Scope(IntEnum):
    """What a token may do at a site; WRITE includes READ."""

    READ = 1
    WRITE = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Token:
    """A program's API token: its name and its scope at each site."""

    name: str
    grants: Mapping[str, Scope]
    made_at: datetime
    made_by: str
    ends_at: datetime | None
    used_at: datetime | None

    @property
    def who(self) -> str:
        """Its name in the audit log, which no user can have."""
        return f"api:{self.name}"

    @property
    def sites(self) -> tuple[str, ...] | None:
        """The sites that it may read; None: every one."""
        return None if _EVERY in self.grants else tuple(sorted(self.grants))

    def may_access(self, site: str, scope: Scope) -> bool:
        """Whether the token has the scope at the site."""
        return max(self.grants.get(site, 0), self.grants.get(_EVERY, 0)) >= scope


def add_token(
    transaction: Connection,
    name: str,
    grants: Mapping[str, Scope],
    by: str,
    now: datetime,
    ends_at: datetime | None = None,
) -> str:
    """Create a token; return its secret, which is not stored. Raises Misconfigured."""
    if not USER_NAME.fullmatch(name):
        raise Misconfigured(f"name: found {name!r}, allowed are letters, digits and . _ @ -, 63 at most")
    if not grants:
        raise Misconfigured(f"{name}: is granted no site; give --read SITE or --write SITE, or --read '{_EVERY}'")
    for site in grants:
        if site != _EVERY and not LEVEL.fullmatch(site):
            raise Misconfigured(f"site: found {site!r}, allowed is the name of a site, or {_EVERY!r} for every one")
    if transaction.execute(select(_table.c.name).where(_table.c.name == name)).first() is not None:
        raise Misconfigured(f"{name}: there is a token of this name; revoke it first, or choose another name")
    secret = _BEGINS + secrets.token_urlsafe(32)
    values = {"grants": {site: str(scope) for site, scope in grants.items()}, "made_at": now, "made_by": by}
    transaction.execute(
        insert(_table).values(name=name, token_sha256=_hash(secret), ends_at=ends_at, used_at=None, **values)
    )
    return secret


def find_token(transaction: Connection, secret: str, now: datetime) -> Token | None:
    """The token of a secret; None for an unknown, revoked or expired one."""
    row = transaction.execute(select(_table).where(_table.c.token_sha256 == _hash(secret))).one_or_none()
    found = None if row is None else _to_token(row)
    return None if found is None or (found.ends_at is not None and found.ends_at <= now) else found


def load_tokens(transaction: Connection) -> list[Token]:
    """All tokens by name."""
    return [_to_token(row) for row in transaction.execute(select(_table).order_by(_table.c.name))]


def record_use(transaction: Connection, token: Token, now: datetime) -> None:
    """Update `used_at`, by which unused tokens are found."""
    transaction.execute(update(_table).where(_table.c.name == token.name).values(used_at=now))


def is_use_outdated(token: Token, now: datetime) -> bool:
    """Whether `used_at` needs an update."""
    return token.used_at is None or now - token.used_at >= _USE_RESOLUTION


def revoke_token(transaction: Connection, name: str) -> None:
    """Delete the token. Raises UnreadableInput."""
    if not transaction.execute(delete(_table).where(_table.c.name == name)).rowcount:
        raise UnreadableInput(f"{name}: there is no such token; `dockvoice api token list` shows them")


def _to_token(row: Row[tuple[object, ...]]) -> Token:
    grants = {site: Scope[str(scope).upper()] for site, scope in row.grants.items()}
    return Token(row.name, grants, row.made_at, row.made_by, row.ends_at, row.used_at)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
