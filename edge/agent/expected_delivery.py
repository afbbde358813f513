"""Lists of expected receipts as they arrive: checked, kept over restarts, and at hand for whoever decides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from edge.agree.expectations import Expectations
from edge.config import Settings
from edge.deliver.events import MalformedMessage, Topics
from edge.deliver.expected import LARGEST, ForgedList, place_of, read_expected
from edge.deliver.mqtt import Delivered
from edge.hash_chain import PublicKey
from edge.keep.expected import Taken
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.plain_text import in_one_line
from edge.records import ExpectedList, PlaceKind, ReceivingPlace

logger = logging.getLogger(__name__)


class ExpectedInbox:
    """What is expected, as far as this device knows. Belongs to the loop; `at_hand` may be asked from any thread."""

    def __init__(
        self, settings: Settings, key: PublicKey | None, desk: JournalThread, beat: Callable[[], None]
    ) -> None:
        """`key` is whose lists are taken; without one none is. `beat` is called while a list waits for room."""
        self._prefix, self._site = settings.deliver.prefix, settings.site
        self._key = key
        self._desk = desk
        self._beat = beat
        self._lists: dict[ReceivingPlace, ExpectedList] = {}
        if key is not None:
            kept = desk.now(partial(self._kept, key=key))
            self._lists = {one.place: one for one in kept}
        self._at_hand = Expectations(self._lists.values())

    @property
    def topics(self) -> tuple[str, ...]:
        """What is to be subscribed to."""
        return () if self._key is None else (Topics.expected(self._prefix, self._site),)

    def carries(self, topic: str) -> bool:
        """Whether a list may come on this topic."""
        root = Topics.expected(self._prefix, self._site, "")
        # The topics of a device that is named "expected" begin so too, and are a level less deep.
        return topic.startswith(root) and "/" in topic.removeprefix(root)

    def at_hand(self) -> Expectations:
        """What is expected now."""
        return self._at_hand

    async def take(self, message: Delivered) -> None:
        """Keep the list, if it is one; else say in the log why not. When this returns the broker may forget it."""
        if self._key is None:  # a subscription that the broker remembers from when the settings named a key
            return
        try:
            place = place_of(self._prefix, self._site, message.topic)
            if not message.payload:
                logger.info("%s was cleared at the broker: what is expected there stays until withdrawn", place)
            elif not await self._is_known(place, message.payload):
                read = partial(read_expected, message.payload, self._site, place, self._key)
                await self._keep(await asyncio.to_thread(read), message.payload.decode())
        except ForgedList as fault:
            logger.warning("%s: a list of expected receipts is not taken: %s", in_one_line(message.topic), fault)
        except MalformedMessage as fault:
            logger.warning("%s: is no list of expected receipts for here: %s", in_one_line(message.topic), fault)

    async def _is_known(self, place: ReceivingPlace, payload: bytes) -> bool:
        if len(payload) > LARGEST or place not in self._lists:
            return False
        try:
            body = payload.decode()
        except UnicodeDecodeError:
            return False
        return await self._desk(lambda journal: journal.expected.is_known(self._site, str(place), body))

    async def _keep(self, one: ExpectedList, body: str) -> None:
        def keep(journal: Journal) -> Taken:
            return journal.expected.take(self._site, str(one.place), one.version, body if one.lines else None)

        waits = "a list of expected receipts waits for room"
        taken = await self._desk.when_there_is_room(partial(self._desk, keep), waits, lambda _: self._beat())
        if taken is Taken.OLD:
            logger.warning("%s: a list of version %d is not taken: a later one is known", one.place, one.version)
        elif taken is Taken.NEW:
            self._lists[one.place] = one
            self._at_hand = Expectations(self._lists.values())
            logger.info("%s: version %d, %d lines expected", one.place, one.version, len(one.lines))

    def _kept(self, journal: Journal, key: PublicKey) -> list[ExpectedList]:
        """What an earlier run has taken; once more only what the key signed, which may be another one since."""
        found = []
        for place, body in journal.expected.bodies(self._site):
            kind, _, name = place.partition("/")
            try:
                named = ReceivingPlace(PlaceKind(kind), name)
                found.append(read_expected(body.encode(), self._site, named, key))
            except ValueError as fault:  # MalformedMessage, or the name of a place that somebody wrote into the file
                logger.warning("%s: what is expected there is set aside: %s", in_one_line(place), fault)
        return found
