"""Lists of expected receipts as they arrive: checked, kept over restarts, and at hand for whoever decides."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge.agent.signed_inbox import SignedInbox
from edge.agree.expectations import Expectations
from edge.config import Settings
from edge.deliver.events import Topics
from edge.deliver.signed import place_of, read_expected
from edge.hash_chain import PublicKey
from edge.keep.expected import SignedLists
from edge.keep.journal import JournalReader
from edge.keep.journal_thread import JournalThread
from edge.records import ExpectedList, PlaceKind, ReceivingPlace

logger = logging.getLogger(__name__)


class ExpectedInbox(SignedInbox[ExpectedList]):
    """What is expected, as far as this device knows. Belongs to the loop; `at_hand` may be asked from any thread."""

    KIND = "list of expected receipts"

    def __init__(
        self, settings: Settings, key: PublicKey | None, desk: JournalThread, beat: Callable[[], None]
    ) -> None:
        """As the inbox it is."""
        self._prefix = settings.deliver.prefix
        super().__init__(settings.site, key, desk, beat)
        self._at_hand = Expectations(self._latest.values())

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

    def _lists(self, journal: JournalReader) -> SignedLists:
        return journal.expected

    def _about(self, topic: str) -> str:
        return str(place_of(self._prefix, self._site, topic))

    def _read(self, payload: bytes, about: str, key: PublicKey) -> ExpectedList:
        kind, _, name = about.partition("/")
        return read_expected(payload, self._site, ReceivingPlace(PlaceKind(kind), name), key)

    def _took(self, about: str, one: ExpectedList) -> None:
        self._at_hand = Expectations(self._latest.values())
        logger.info("%s: version %d, %d lines expected", about, one.version, len(one.lines))
