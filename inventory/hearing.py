"""What devices say of themselves: how they are, and, where a site trusts at first use, which key is theirs."""

from __future__ import annotations

import logging
from collections import deque
from itertools import islice

from edge.deliver.events import SHOWN, MalformedMessage, Topics, read_key
from edge.deliver.mqtt import Delivered
from inventory.database import SiteFault
from inventory.keys import KeyDirectory
from inventory.ports import StatusShelf
from inventory.statuses import StatusWord

log = logging.getLogger("inventory")

AT_ONCE = 500
"""So many are kept in one transaction: when a site's devices connect, an entry behind them waits for one of these."""


class Hearing:
    """What came on the status topics, and is not kept yet. Entries are asked first: they pass it by."""

    def __init__(
        self, prefix: str, largest: int, keys: KeyDirectory, trust_first_use: bool, statuses: StatusShelf | None
    ) -> None:
        self._prefix = prefix
        self._largest = largest
        self._keys = keys
        self._trust_first_use = trust_first_use
        self._statuses = statuses
        self._unmet = deque[Delivered]()
        self._unkept = deque[Delivered]()

    @property
    def waiting(self) -> bool:
        """Whether anything is not kept yet."""
        return bool(self._unmet or self._unkept)

    def take(self, message: Delivered) -> None:
        """A device says how it is, and who."""
        self._unmet.append(message)

    def forget(self) -> None:
        """The broker tells all of it anew."""
        self._unmet.clear()
        self._unkept.clear()

    def meet(self) -> None:
        """Where the site trusts at first use, devices of which no key is known are enrolled. Raises StorageFailed."""
        while self._unmet:
            self._meet(self._unmet[0])
            self._unkept.append(self._unmet.popleft())

    def keep(self) -> list[Delivered]:
        """Keep how they are: what the broker need not tell again. Raises Unavailable.

        Whether it is a device's own word, the broker's rules say: it decides about nothing.
        """
        messages = list(islice(self._unkept, AT_ONCE))
        words = [word for message in messages if (word := self._read(message)) is not None]
        if self._statuses is not None and words:
            try:
                self._statuses.heard(words)
            except SiteFault:
                self._keep_singly(words, self._statuses)
        for _ in messages:
            self._unkept.popleft()
        return messages

    def _keep_singly(self, words: list[StatusWord], statuses: StatusShelf) -> None:
        """What the site's own rules keep out is told, and left: the device says how it is again within a minute."""
        for word in words:
            try:
                statuses.heard([word])
            except SiteFault as fault:
                log.warning("not kept of what %s/%s says of itself: %s", word.site, word.device, fault)

    def _read(self, message: Delivered) -> StatusWord | None:
        if not message.payload:  # somebody has taken a retained word from the broker: of the device that says nothing
            return None
        try:
            if len(message.payload) > self._largest:
                raise MalformedMessage(f"message: found {len(message.payload):,} bytes, allowed are {self._largest:,}")
            return StatusWord.read(message.payload, Topics.of(self._prefix, message.topic))
        except MalformedMessage as fault:
            log.warning("not kept of what came on %s: %s", message.topic[:SHOWN], fault)
            return None

    def _meet(self, message: Delivered) -> None:
        # Without trust the subscription is one that the broker remembers from when the settings said so.
        if not self._trust_first_use or not message.payload:
            return
        try:
            topics = Topics.of(self._prefix, message.topic)
            if not self._keys.of(topics.site, topics.device):
                key = self._keys.enrol(topics.site, topics.device, read_key(message.payload, topics))
                log.warning("%s/%s: key %s trusted at first use", key.site, key.device, key.keyid)
        except MalformedMessage as fault:
            log.warning("nobody is trusted for what came on %s: %s", message.topic[:SHOWN], fault)
