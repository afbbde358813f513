"""What devices say of themselves: how they are, and, where a site trusts at first use, which key is theirs."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from itertools import islice

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.events import SHOWN, MalformedMessage, Topics, read_key
from dockvoice_protocol.mqtt import Delivered
from inventory.ingest.ports import StatusShelf
from inventory.store.database import SiteFault
from inventory.store.keys import KeyDirectory
from inventory.store.statuses import StatusWord

log = logging.getLogger("inventory")

AT_ONCE = 500
"""So many are kept in one transaction: when a site's devices connect, an entry behind them waits for one of these."""


STRANGERS = 10_000  # Devices that are not enrolled are counted up to so many.

STRANGERS_TOLD = 100  # Of so many it is told that their key is another's.

NAMED = 10  # Of several devices so many are named.

ALL_TOLD_S = 60.0
"""A minute after the connection the broker has told all that it keeps, and devices that are there have said so anew."""


class Hearing:
    """What came on the status topics, and is not kept yet. Entries are asked first: they pass it by."""

    def __init__(
        self,
        prefix: str,
        largest: int,
        keys: KeyDirectory,
        trust_first_use: bool,
        statuses: StatusShelf | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._prefix = prefix
        self._largest = largest
        self._keys = keys
        self._trust_first_use = trust_first_use
        self._statuses = statuses
        self._clock = clock
        self._connected_at: float | None = None
        """Since when the broker tells what it keeps; None: who of them is lacking has been looked at."""
        self._told: set[tuple[str, str]] = set()  # Devices of which a word came since then.
        self._mistrusted: set[str] = set()  # Topics on which another device's key was shown.
        self._strangers: set[tuple[str, str]] = set()
        self._unmet = deque[Delivered]()
        self._unkept = deque[Delivered]()

    @property
    def waiting(self) -> bool:
        """Whether anything is not kept yet."""
        return bool(self._unmet or self._unkept)

    def add(self, message: Delivered) -> None:
        """A device says how it is, and who."""
        self._unmet.append(message)

    def connected(self) -> None:
        """The broker begins to tell what it keeps."""
        self._connected_at = self._clock()
        self._told.clear()

    def miss(self) -> None:
        """Mark devices offline that were online and have no retained status any more. Raises Unavailable."""
        if self._statuses is None or self._connected_at is None or self._clock() < self._connected_at + ALL_TOLD_S:
            return
        lost = self._statuses.missed(self._told)
        self._connected_at = None
        if lost:
            named = ", ".join("/".join(one) for one in lost[:NAMED])
            log.warning("%d devices were linked, and the broker keeps no word of them any more: %s", len(lost), named)

    def forget(self) -> None:
        """The broker tells all of it anew."""
        self._connected_at = None
        self._unmet.clear()
        self._unkept.clear()

    def meet(self) -> None:
        """Where the site trusts at first use, devices of which no key is known are enrolled. Raises StorageFailed."""
        while self._unmet:
            self._enrol_at_first_use(self._unmet[0])
            self._unkept.append(self._unmet.popleft())

    def keep(self) -> list[Delivered]:
        """Keep how they are: what the broker need not tell again. Raises Unavailable.

        Whether it is a device's own word, the broker's rules say: it decides about nothing. Of devices that nobody
        enrolled nothing is kept.
        """
        messages = list(islice(self._unkept, AT_ONCE))
        words = self._believed([word for message in messages if (word := self._read(message)) is not None])
        if self._statuses is not None and words:
            try:
                self._statuses.record(words)
            except SiteFault:
                self._keep_singly(words, self._statuses)
        self._told.update((word.site, word.device) for word in words if word.state == "online")
        for _ in messages:
            self._unkept.popleft()
        return messages

    def _believed(self, words: list[StatusWord]) -> list[StatusWord]:
        """Those of devices that are enrolled. The others are counted, each once."""
        ours = [
            word
            for word in words
            if any(not one.revoked for one in self._keys.keys_of(word.site, word.device).values())
        ]
        before = len(self._strangers)
        if len(ours) < len(words) and before < STRANGERS:
            enrolled = {(word.site, word.device) for word in ours}
            self._strangers |= {(word.site, word.device) for word in words} - enrolled
        if len(self._strangers) > before:
            log.warning(
                "%d devices say how they are and none of them is enrolled: nothing is kept of that (the last: %s); "
                "`dockvoice inventory keys enrol` lets one in, and the broker's rules keep others out",
                *(len(self._strangers), f"{words[-1].site}/{words[-1].device}"),
            )
        return ours

    def _keep_singly(self, words: list[StatusWord], statuses: StatusShelf) -> None:
        """What the site's own rules keep out is told, and left: the device says how it is again within a minute."""
        for word in words:
            try:
                statuses.record([word])
            except SiteFault as fault:
                log.warning("not kept of what %s/%s says of itself: %s", word.site, word.device, fault)

    def _read(self, message: Delivered) -> StatusWord | None:
        try:
            if not message.payload:
                return StatusWord.cleared(Topics.parse(self._prefix, message.topic))
            if len(message.payload) > self._largest:
                raise MalformedMessage(f"message: found {len(message.payload):,} bytes, allowed are {self._largest:,}")
            return StatusWord.read(message.payload, Topics.parse(self._prefix, message.topic))
        except MalformedMessage as fault:
            log.warning("not kept of what came on %s: %s", message.topic[:SHOWN], fault)
            return None

    def _enrol_at_first_use(self, message: Delivered) -> None:
        # Without trust the subscription is one that the broker remembers from when the settings said so.
        if not self._trust_first_use or not message.payload:
            return
        try:
            topics = Topics.parse(self._prefix, message.topic)
            if not self._keys.keys_of(topics.site, topics.device):
                key = self._keys.enrol(topics.site, topics.device, read_key(message.payload, topics))
                log.warning("%s/%s: key %s trusted at first use", key.site, key.device, key.keyid)
        except MalformedMessage as fault:
            log.warning("nobody is trusted for what came on %s: %s", message.topic[:SHOWN], fault)
        except Misconfigured as fault:  # the key is another device's, and comes again with each of its words
            if message.topic not in self._mistrusted and len(self._mistrusted) < STRANGERS_TOLD:
                self._mistrusted.add(message.topic)
                log.warning("nobody is trusted for what came on %s: %s", message.topic[:SHOWN], fault)
