"""An enquiry: one request of a program, with all that is needed to answer it. An endpoint: what may be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection

from inventory.api.asking import Body, Query
from inventory.api.problems import Problem
from inventory.api.tokens import Scope, Token
from inventory.audit import deeds
from inventory.web.resources import Resources


@dataclass(frozen=True, slots=True)
class Enquiry:
    """What the function that answers is given."""

    place: Resources
    token: Token
    asked: Any  # Of the way's own model, as is `taken`.
    taken: Any
    address: str  # From where it comes.
    path: str
    query: tuple[tuple[str, str], ...]
    if_match: str | None

    @contextmanager
    def open(self) -> Iterator[Connection]:
        """One transaction on the database. Raises Unavailable; the gate tells it."""
        with self.place.open() as transaction:
            yield transaction

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """One transaction that only reads: no consumer waits for it. Raises Unavailable."""
        with self.place.look() as transaction:
            yield transaction

    def note(self, transaction: Connection, deed: str, about: str, **details: Any) -> None:
        """Keep on record, in the chain of what people did on the console, what this program does."""
        done = deeds.NotedDeed(self.token.who, self.address, deed, about, details)
        deeds.note(transaction, done, self.place.now(), self.place.signer)

    def sites(self, wanted: str | None) -> tuple[str, ...] | None:
        """The sites that are looked at: the one that is asked for, or all of which the token may read (None: any)."""
        if wanted is None:
            return self.token.sites
        demand(self.token, wanted, Scope.READ)
        return (wanted,)


def demand(token: Token, site: str, scope: Scope) -> None:
    """Raise Problem where the token was not made for this."""
    if not token.may(site, scope):
        raise Problem(
            "not_granted",
            f"{token.name}: may not {scope} at {site}; let a token be made: dockvoice api token add NAME "
            f"--{scope} {site}",
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    said: BaseModel | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


LARGEST = 2_000_000
"""Bytes of a message: many times what brokers take of one list."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What may be asked."""

    method: str
    path: str
    name: str  # `operationId`.
    told: str  # The summary.
    answer: Callable[[Enquiry], Answer]
    asked: type[Query]
    gives: type[BaseModel] | str  # The model of what is answered, or its media type.
    more: str = ""
    takes: type[Body] | None = None
    scope: Scope = Scope.READ
    also: Mapping[int, str] = field(default_factory=dict)  # Other statuses with the same answer.
    problems: tuple[str, ...] = ()  # Beside those of every way.
    group: str = ""
