"""Tokens: with which a program may ask, at which sites, and whether it may write there; kept as their hashes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from sqlalchemy import Connection, Row, delete, insert, select, update

from dockvoice_protocol.config import LEVEL
from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from inventory.api.tables import tokens
from inventory.audit.deeds import NAME

BEGINS = "dockvoice_"
"""What each token begins with, so that whoever looks through files for leaked secrets finds it."""

EVERY = "*"  # Of every site, those to come too. No site can be called so.

NOTED = timedelta(hours=1)  # How exactly the last use is known: a write for each request would hold the consumer up.


class Scope(IntEnum):
    """What a token may at a site: to write is to read too."""

    READ = 1
    WRITE = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Token:
    """A program that may ask."""

    name: str
    grants: Mapping[str, Scope]
    made_at: datetime
    made_by: str
    ends_at: datetime | None
    used_at: datetime | None

    @property
    def who(self) -> str:
        """As it goes on record. No person can be called so."""
        return f"api:{self.name}"

    @property
    def sites(self) -> tuple[str, ...] | None:
        """The sites of which it may read; None: of every one."""
        return None if EVERY in self.grants else tuple(sorted(self.grants))

    def may(self, site: str, scope: Scope) -> bool:
        """Whether it may do so much there."""
        return max(self.grants.get(site, 0), self.grants.get(EVERY, 0)) >= scope

    def names(self, site: str) -> bool:
        """Whether somebody granted it this very site."""
        return site in self.grants


def add(
    transaction: Connection,
    name: str,
    grants: Mapping[str, Scope],
    by: str,
    now: datetime,
    ends_at: datetime | None = None,
) -> str:
    """A new token, which nobody is ever shown again. Raises Misconfigured."""
    if not NAME.fullmatch(name):
        raise Misconfigured(f"name: found {name!r}, allowed are letters, digits and . _ @ -, 63 at most")
    if not grants:
        raise Misconfigured(f"{name}: is granted no site; give --read SITE or --write SITE, or --read '{EVERY}'")
    for site in grants:
        if site != EVERY and not LEVEL.fullmatch(site):
            raise Misconfigured(f"site: found {site!r}, allowed is the name of a site, or {EVERY!r} for every one")
    if transaction.execute(select(tokens.c.name).where(tokens.c.name == name)).first() is not None:
        raise Misconfigured(f"{name}: there is a token of this name; revoke it first, or choose another name")
    secret = BEGINS + secrets.token_urlsafe(32)
    said = {"grants": {site: str(scope) for site, scope in grants.items()}, "made_at": now, "made_by": by}
    transaction.execute(
        insert(tokens).values(name=name, token_sha256=_hash(secret), ends_at=ends_at, used_at=None, **said)
    )
    return secret


def of(transaction: Connection, secret: str, now: datetime) -> Token | None:
    """Whose token that is; None for one that nobody made, that was revoked, or whose time is over."""
    row = transaction.execute(select(tokens).where(tokens.c.token_sha256 == _hash(secret))).one_or_none()
    found = None if row is None else _token(row)
    return None if found is None or (found.ends_at is not None and found.ends_at <= now) else found


def every(transaction: Connection) -> list[Token]:
    """All that there are, by name."""
    return [_token(row) for row in transaction.execute(select(tokens).order_by(tokens.c.name))]


def is_used(transaction: Connection, token: Token, now: datetime) -> None:
    """Note when it was used last, so that one that nobody uses can be found and revoked."""
    transaction.execute(update(tokens).where(tokens.c.name == token.name).values(used_at=now))


def is_to_be_noted(token: Token, now: datetime) -> bool:
    """Whether the last use that is known is long ago."""
    return token.used_at is None or now - token.used_at >= NOTED


def revoke(transaction: Connection, name: str) -> None:
    """Let nobody ask with it any more. Raises UnreadableInput."""
    if not transaction.execute(delete(tokens).where(tokens.c.name == name)).rowcount:
        raise UnreadableInput(f"{name}: there is no such token; `dockvoice api token list` shows them")


def _token(row: Row[tuple[object, ...]]) -> Token:
    grants = {site: Scope[str(scope).upper()] for site, scope in row.grants.items()}
    return Token(row.name, grants, row.made_at, row.made_by, row.ends_at, row.used_at)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
