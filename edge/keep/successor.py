"""The successor: another journal of this device that has overtaken this one, whose numbers are used up then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge import hash_chain
from edge.errors import Misconfigured
from edge.hash_chain import PublicKey
from edge.keep.audit import AuditTrail
from edge.keep.database import JournalDatabase
from edge.keep.outbox import Outbox
from edge.keep.storage import refusals, sync_directory, sync_file

SUPERSEDED = "journal.superseded"
"""Is there, and says why, when the inventory showed that another journal of this device has overtaken this one."""


class Successor:
    """What is known of a journal that has overtaken the one in a state directory."""

    def __init__(self, directory: Path, db: JournalDatabase) -> None:
        self._path = directory / SUPERSEDED
        self._db = db
        self._outbox = Outbox(db)
        self._trail = AuditTrail(db)

    def demand_none(self) -> None:
        """Raise Misconfigured where another journal of this device has overtaken this one: its numbers are used up."""
        with refusals(self._path):
            if self._path.exists():
                raise self._told(self._path.read_text(encoding="utf-8"))

    def is_proved_by(self, event: Mapping[str, Any], own: PublicKey) -> bool:
        """Whether this event proves that another journal of this device has gone on: the device signed it, not here."""
        known, newest = {**self._trail.keys(), own.keyid: own}, self._outbox.last()
        key = known.get(str(event.get(hash_chain.KEYID)))
        if key is None or newest is None or event.get("source") != json.loads(newest.body)["source"]:
            return False
        if not hash_chain.is_word_of(event, key, known.values(), withheld=hash_chain.WITHHELD_SIGNATURE in event):
            return False
        number = int(event["sequence"])  # as this device wrote it
        link = self._trail.link(number)
        # What was removed to make room, or lost from a broken journal, was one of ours all the same.
        return number > newest.sequence if link is None else link != event[hash_chain.CHAIN]

    def note(self, why: str) -> Misconfigured:
        """Note that another journal of this device has overtaken this one; what is to be said of it now and later."""
        with refusals(self._path):
            self._path.write_text(why, encoding="utf-8")
            sync_file(self._path)
            sync_directory(self._path.parent)
        return self._told(why)

    def put_up_what_nobody_will_read(self) -> None:
        """No agent starts on a journal that was overtaken: what it had not read yet waits for a person."""
        if self._path.exists():
            with self._db.writing():
                self._db.execute("UPDATE utterances SET review = 'superseded' WHERE outcome IS NULL AND review IS NULL")

    def _told(self, why: str) -> Misconfigured:
        directory, owed = self._path.parent, self._outbox.unsettled()
        # Of these nobody knows yet whether the inventory has them: entered anew, they would count twice.
        first = f"let `dockvoice queue reconcile` ask about the {owed} that are still owed, then " if owed else ""
        return Misconfigured(
            f"{directory}: is an older copy of this device's journal, or stands beside a copy ({why}); {first}give "
            f"this device a new name and a new state_directory, keep this one, and enter there what `dockvoice queue "
            f"list --held --state {directory}` shows: `dockvoice queue accept --from {directory} ID`"
        )
