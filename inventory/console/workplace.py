"""The workplace: what every page of one running console shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from edge.hash_chain import Signer
from inventory.catalogue import SiteCatalogue
from inventory.console.sounds import NoSounds, Sounds
from inventory.console_tables import Books
from inventory.deeds import Following
from inventory.forms import Forms, Roles, roles
from inventory.keys import KeyDirectory
from inventory.settings import InventorySettings

Send = Callable[[Mapping[str, bytes]], None]
"""Hands messages to the broker by their topics, and returns when it has them. Raises DockvoiceError."""


@dataclass(frozen=True)
class Workplace:
    """Made once, by `app.create`. Used from several threads."""

    settings: InventorySettings = field(repr=False)
    books: Books = field(repr=False)
    forms: Forms = field(repr=False)
    keys: KeyDirectory
    signer: Signer | None
    now: Callable[[], datetime]
    sounds: Sounds = field(default_factory=NoSounds)
    send: Send | None = None  # Hands a message to the broker; None: nothing is sent.
    following: Following = field(default_factory=Following)  # How far the audit was followed.

    @contextmanager
    def open(self) -> Iterator[Connection]:
        """One transaction on the database. Raises Unavailable."""
        with self.books.open() as transaction:
            yield transaction

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """One transaction that only reads. Raises Unavailable."""
        with self.books.look() as transaction:
            yield transaction

    def catalogue(self, site: str, transaction: Connection | None = None) -> SiteCatalogue:
        """The master data of a site: all that is done with it in this transaction, or each deed in its own."""
        opens = self.open if transaction is None else lambda: nullcontext(transaction)
        return SiteCatalogue(site, opens, self.now, self.settings.forms)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.settings.console.zone)

    @cached_property  # for every line of a list
    def roles(self) -> Roles:
        """What each form is for, and what people call its fields."""
        return roles(self.forms, self.settings.dossier.receipts, self.settings.dossier.damages)

    @property
    def encrypted(self) -> bool:
        """Whether browsers come by https."""
        return (self.settings.console.address or "").startswith("https:")

    def titles(self, form: str, language: str) -> Mapping[str, str]:
        """What people call the fields of a form."""
        found: Mapping[str, Mapping[str, str]] = self.roles.get(form, {}).get("titles", {})
        return {name: title.get(language, title["en"]) for name, title in found.items()}
