"""What devices say of themselves: how they are, and, where a site trusts at first use, which key is theirs."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from edge.deliver.events import SHOWN, MalformedMessage, Topics, read_key
from edge.deliver.mqtt import Delivered
from inventory.keys import KeyDirectory
from inventory.ports import StatusShelf

log = logging.getLogger("inventory")


@dataclass(frozen=True, slots=True)
class Hearing:
    """Listens to the status topics. Raises Unavailable where the database is away."""

    prefix: str
    largest: int
    keys: KeyDirectory
    trust_first_use: bool
    statuses: StatusShelf | None

    def take(self, message: Delivered) -> None:
        """A device says how it is, and who."""
        self._hear(message)
        self._meet(message)

    def _hear(self, message: Delivered) -> None:
        """Whether it is its own word, the broker's rules say: it decides about nothing."""
        if self.statuses is None:
            return
        try:
            if len(message.payload) > self.largest:
                raise MalformedMessage(f"message: found {len(message.payload):,} bytes, allowed are {self.largest:,}")
            self.statuses.heard(Topics.of(self.prefix, message.topic), message.payload)
        except MalformedMessage as fault:
            log.warning("not kept of what came on %s: %s", message.topic[:SHOWN], fault)

    def _meet(self, message: Delivered) -> None:
        """Where the site trusts at first use, and no key of the device is known, it is enrolled."""
        if not self.trust_first_use:  # a subscription that the broker remembers from when the settings said so
            return
        try:
            topics = Topics.of(self.prefix, message.topic)
            if not self.keys.of(topics.site, topics.device):
                key = self.keys.enrol(topics.site, topics.device, read_key(message.payload, topics))
                log.warning("%s/%s: key %s trusted at first use", key.site, key.device, key.keyid)
        except MalformedMessage as fault:
            log.warning("nobody is trusted for what came on %s: %s", message.topic[:SHOWN], fault)
