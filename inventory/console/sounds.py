"""Sounds: the recordings on which entries rest, as far as they can be heard here.

They lie on the devices. Whoever wants to hear one says why; that goes on record, and the device is told.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, select

from inventory.clips.clips import SignedSound
from inventory.store.console_tables import deeds

LISTENED = "listened"  # The deed of who said why he wants to hear it.

HEARD_FOR = timedelta(hours=10)
"""So long one reason serves for one recording: whoever goes back to it in the same shift is not asked again."""


class Sounds(Protocol):
    """Where recordings are had from."""

    def ask(self, recording: SignedSound, who: str, reason: str) -> None:
        """Say to the device that somebody listens, and let it send the sound where it is not here.

        Raises DockvoiceError where it cannot be asked.
        """
        ...

    def state(self, recording: SignedSound) -> str:
        """here; asked, arriving; gone, rejected, removed; unasked, absent: a code that words/*/sounds.toml has."""
        ...

    def hear(self, recording: SignedSound) -> bytes | None:
        """The FLAC file; None where it is not here."""
        ...


class NoSounds:
    """Where recordings stay on the devices."""

    def ask(self, recording: SignedSound, who: str, reason: str) -> None:
        """Nobody is asked."""

    def state(self, recording: SignedSound) -> str:
        """Never here."""
        return "absent"

    def hear(self, recording: SignedSound) -> bytes | None:
        """Nothing."""


def said_why(transaction: Connection, who: str, utterance_id: str, now: datetime) -> bool:
    """Whether somebody has said, a while ago at most, why he wants to hear it."""
    its = (deeds.c.deed == LISTENED, deeds.c.who == who, deeds.c.about == utterance_id, deeds.c.at > now - HEARD_FOR)
    return transaction.execute(select(deeds.c.number).where(*its).limit(1)).first() is not None
