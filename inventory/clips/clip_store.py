"""The tables of clips: what is done to them, each deed one transaction, and what they tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine

from dockvoice_protocol.clips import ClipChunk, ClipGone, ClipOffered, ClipReceipt
from dockvoice_protocol.signed import ClipRequest
from inventory.clips import clips
from inventory.clips.clips import Asked, Clip, ClipState, Files, SignedSound
from inventory.store import outbox
from inventory.store.database import reported
from inventory.store.outbox import Message


class ClipStore:
    """The clips of one database. Safe to use from several threads and several processes at once."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def sounds(self, which: str) -> list[SignedSound]:
        """The recordings that an entry rests on, by the id of its event; or that of one utterance. Raises Unavailable.

        The utterance comes first, then what was said to correct or complete it. None where nothing is known.
        """
        with reported(self._engine.url), self._engine.begin() as transaction:
            return clips.sounds(transaction, which)

    def clip(self, sound: SignedSound) -> Clip | None:
        """How far a recording has come; None where nobody asked for it. Raises Unavailable."""
        with reported(self._engine.url), self._engine.begin() as transaction:
            return clips.clip(transaction, sound)

    def all(self, state: ClipState | None = None) -> list[Clip]:
        """The recordings that came or are to come, or those in this state, the newest first. Raises Unavailable."""
        with reported(self._engine.url), self._engine.begin() as transaction:
            return clips.known(transaction, state)

    def listened(self, sound: SignedSound) -> list[Asked]:
        """Who asked to hear it, the newest first. Raises Unavailable."""
        with reported(self._engine.url), self._engine.begin() as transaction:
            return clips.listened(transaction, sound)

    def ask(
        self, sound: SignedSound, signed: Callable[..., tuple[ClipRequest, Message]], held: timedelta
    ) -> tuple[Clip, list[int]]:
        """Keep that somebody wants to hear it; `signed` makes the request, told whether the device is to send it.

        It is entered in the outbox under the id that is returned.
        """
        with reported(self._engine.url), self._engine.begin() as transaction:
            now = self._now()
            request, sending = signed(wanted=clips.is_wanted(transaction, sound, now))
            clips.note_request(transaction, sound, request, now)
            entered = outbox.enter(transaction, [sending], now, held=held)
            asked = clips.clip(transaction, sound)
        if asked is None:
            raise LookupError(f"{sound.utterance_id}: was not kept")
        return asked, entered

    def noted(self, site: str, device: str, request: str) -> None:
        """The device has this request in its journal. Raises Unavailable."""
        with reported(self._engine.url), self._engine.begin() as transaction:
            clips.noted(transaction, site, device, request, self._now())

    def gone(self, site: str, device: str, said: ClipGone) -> ClipReceipt:
        """The device says why a recording does not come; the answer. Raises Unavailable."""
        with reported(self._engine.url), self._engine.begin() as transaction:
            return clips.gone(transaction, site, device, said, self._now())

    def offered(self, site: str, device: str, said: ClipOffered) -> ClipReceipt:
        """The device has a recording; the answer says how much of it is here. Raises Unavailable."""
        with reported(self._engine.url), self._engine.begin() as transaction:
            return clips.offered(transaction, site, device, said, self._now())

    def arrived(self, site: str, device: str, said: ClipChunk, files: Files) -> ClipReceipt:
        """Keep a chunk, if it is the next one; the answer. Raises Unavailable, and OSError where the folder refuses."""
        with reported(self._engine.url), self._engine.begin() as transaction:
            return clips.arrived(transaction, site, device, said, files, self._now())

    def removed(self, sound: SignedSound, why: str) -> None:
        """A recording that was here is not any more. Raises Unavailable."""
        with reported(self._engine.url), self._engine.begin() as transaction:
            clips.removed(transaction, sound, why, self._now())

    def outlived(self, kept: timedelta, budget: int) -> list[SignedSound]:
        """Mark as removed what is older than that, and the oldest beyond so many bytes; their files may go."""
        with reported(self._engine.url), self._engine.begin() as transaction:
            return clips.outlived(transaction, self._now(), kept, budget)
