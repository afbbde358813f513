"""An inbox for what the inventory publishes to a site: checked, kept over restarts, the latest version at hand."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

from edge.deliver.events import MalformedMessage
from edge.deliver.mqtt import Delivered
from edge.deliver.signed import LARGEST, Forged
from edge.hash_chain import PublicKey
from edge.keep.expected import SignedLists, Taken
from edge.keep.journal import JournalReader
from edge.keep.journal_thread import JournalThread
from edge.plain_text import in_one_line

logger = logging.getLogger(__name__)


class Versioned(Protocol):
    """What is published, one version in the place of the other."""

    @property
    def version(self) -> int:
        """Higher each time."""

    @property
    def withdrawn(self) -> bool:
        """Whether there is none any more."""


One = TypeVar("One", bound=Versioned)


class SignedInbox(ABC, Generic[One]):
    """What of one kind this device has taken. Belongs to the loop."""

    KIND: str  # What one of them is called in the log.

    def __init__(self, site: str, key: PublicKey | None, desk: JournalThread, beat: Callable[[], None]) -> None:
        """`key` is whose word is taken; without one none is. `beat` is called while one waits for room."""
        self._site = site
        self._key = key
        self._desk = desk
        self._beat = beat
        self._latest: dict[str, One] = {} if key is None else desk.now(partial(self._kept_from, key=key))

    @abstractmethod
    def _lists(self, journal: JournalReader) -> SignedLists:
        """Where they are kept."""

    @abstractmethod
    def _about(self, topic: str) -> str:
        """What is published on this topic, as the journal names it. Raises MalformedMessage."""

    @abstractmethod
    def _read(self, payload: bytes, about: str, key: PublicKey) -> One:
        """The message. Raises MalformedMessage, Forged."""

    @abstractmethod
    def _took(self, about: str, one: One) -> None:
        """It is the latest now."""

    def _refused(self, why: str) -> None:
        """One was not taken."""

    async def take(self, message: Delivered) -> None:
        """Keep it, if it is one; else say in the log why not. When this returns the broker may forget it."""
        if self._key is None:  # a subscription that the broker remembers from when the settings named a key
            return
        try:
            about = self._about(message.topic)
            if not message.payload:
                logger.info("%s was cleared at the broker: what was taken stays until withdrawn", about)
            elif not await self._is_known(about, message.payload):
                read = partial(self._read, message.payload, about, self._key)
                await self._keep(about, await asyncio.to_thread(read), message.payload.decode())
        except Forged as fault:
            logger.warning("%s: a %s is not taken: %s", in_one_line(message.topic), self.KIND, fault)
            self._refused("forged")
        except MalformedMessage as fault:
            logger.warning("%s: is no %s for here: %s", in_one_line(message.topic), self.KIND, fault)
            self._refused("malformed")

    async def _is_known(self, about: str, payload: bytes) -> bool:
        if len(payload) > LARGEST or about not in self._latest:
            return False
        try:
            body = payload.decode()
        except UnicodeDecodeError:
            return False
        return await self._desk(lambda journal: self._lists(journal).is_known(self._site, about, body))

    async def _keep(self, about: str, one: One, body: str) -> None:
        def keep(journal: JournalReader) -> Taken:
            return self._lists(journal).take(self._site, about, one.version, None if one.withdrawn else body)

        waits = f"a {self.KIND} waits for room"
        taken = await self._desk.when_there_is_room(partial(self._desk, keep), waits, lambda _: self._beat())
        if taken is Taken.OLD:
            logger.warning("%s: a %s of version %d is not taken: a later one is known", about, self.KIND, one.version)
            self._refused("old")
        elif taken is Taken.NEW:
            self._latest[about] = one
            self._took(about, one)

    def _kept_from(self, journal: JournalReader, key: PublicKey) -> dict[str, One]:
        """What an earlier run has taken; once more only what the key signed, which may be another one since."""
        found = {}
        for about, body in self._lists(journal).bodies(self._site):
            try:
                found[about] = self._read(body.encode(), about, key)
            except ValueError as fault:  # MalformedMessage, or a name that somebody wrote into the file
                logger.warning("%s: the %s that is kept is set aside: %s", in_one_line(about), self.KIND, fault)
        return found
