"""Dispatch: what was decided goes to the broker, as soon as there is one, whoever looks."""

from __future__ import annotations

import asyncio
import logging

from dockvoice_protocol.errors import DockvoiceError
from inventory.console import decisions
from inventory.console.workplace import Send, Workplace

log = logging.getLogger("console")

EVERY_S = 1.0  # So often it is looked what is owed: somebody looks at the page on which it says "sent".
PATIENCE_S = 5.0  # So long nothing is tried where there is no broker.


class Dispatch:
    """What is owed, on its way. Belongs to the loop."""

    def __init__(self, place: Workplace, send: Send, every_s: float = EVERY_S) -> None:
        """`send` is called in a thread."""
        self._place = place
        self._send = send
        self._every_s = every_s

    async def run(self) -> None:
        """Send what is owed, from before too, until cancelled."""
        while True:
            went_well = await asyncio.to_thread(self.send_what_is_owed)
            await asyncio.sleep(self._every_s if went_well else PATIENCE_S)

    def send_what_is_owed(self) -> bool:
        """One after the other; whether all of it went. What goes again, the device does once."""
        try:
            with self._place.look() as transaction:
                owed = decisions.owed(transaction) + decisions.forgotten(transaction, self._place.now())
            for one in owed:
                self._send_one(one)
        except DockvoiceError as fault:
            log.warning("decisions wait: %s", fault)
            return False
        return True

    def _send_one(self, one: decisions.Decided) -> None:
        try:
            self._send({one.topic: one.body})
        except DockvoiceError as fault:
            with self._place.open() as transaction:
                decisions.troubled(transaction, one, str(fault))
            raise
        with self._place.open() as transaction:
            decisions.sent(transaction, one, self._place.now())
        log.info("%s: %s by %s is sent to %s/%s", one.utterance_id, one.decision, one.who, one.site, one.device)
