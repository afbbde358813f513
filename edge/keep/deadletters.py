"""What waits for a person: events that cannot be delivered as they are, and utterances whose fate is not known.

A dead letter holds up nothing: in its place its tombstone is owed, an event with the same id and number that says why.
The inventory prefers the event itself whenever it comes, so a letter can be tried again even after that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from edge.errors import Unfinished, UnreadableInput
from edge.keep import rows
from edge.keep.database import writing
from edge.keep.dossier import Dossier
from edge.keep.rows import OutboxState
from edge.keep.view import JournalView
from edge.records import Outcome

Withhold = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Makes the tombstone of an event."""


class DeadLetters(JournalView):
    """The part of the journal that sets aside what cannot be delivered, and does what a person decides about it."""

    def dead_letter(self, event_id: str, reason: str, withhold: Withhold) -> bool:
        """Set an event aside that is still owed, and owe its tombstone instead; false where nothing was to be done."""
        with self._writing():
            found = self._rows("SELECT body FROM outbox WHERE event_id = ? AND state = 'waiting'", event_id)
            for row in found:
                tombstone = rows.to_json(withhold(json.loads(row["body"])))
                self._db.execute(
                    "UPDATE outbox SET state = 'dead', reason = ?, tombstone = ? WHERE event_id = ?",
                    [reason, tombstone, event_id],
                )
            return bool(found)

    def retry(self, which: str, who: str) -> Dossier:
        """Let a dead letter be sent as it is, or an utterance under review be read, at the next start.

        `which` is as in `dossier`. Raises UnreadableInput for what waits for no person, Unfinished for a letter whose
        tombstone may still be on its way: its receipt could be taken for that of the letter.
        """
        found = self._waiting_for_a_person(which)
        if found.state is OutboxState.DEAD and found.settled_at is None:
            raise Unfinished(f"{which}: its tombstone is on its way to the inventory; try again when that has come")
        with self._writing():
            self._note(found, "retry", who, found.review)  # why it was under review is not told afterwards otherwise
            if found.review:
                self._db.execute("UPDATE utterances SET review = NULL WHERE utterance_id = ?", [found.utterance_id])
            else:
                self._db.execute(
                    "UPDATE outbox SET state = 'waiting', settled_at = NULL, receipt = NULL, reason = NULL, "
                    "tombstone = NULL WHERE event_id = ?",
                    [found.event_id],
                )
        return found

    def discard(self, which: str, who: str, reason: str) -> Dossier:
        """Give up a dead letter, or an utterance under review. Its rows and its recording stay, with who and why.

        `which` is as in `dossier`. Raises UnreadableInput for what waits for no person.
        """
        found = self._waiting_for_a_person(which)
        with self._writing():
            self._note(found, "discard", who, reason)
            if found.review:
                self._db.execute(
                    "UPDATE utterances SET outcome = ?, reasons = '[]', fields = '{}', review = NULL "
                    "WHERE utterance_id = ?",
                    [Outcome.IGNORE.value, found.utterance_id],
                )
            else:
                self._db.execute("UPDATE outbox SET state = 'discarded' WHERE event_id = ?", [found.event_id])
        return found

    def under_review_as(self, which: str) -> Dossier:
        """An utterance under review. `which` is as in `dossier`. Raises UnreadableInput for what is not."""
        found = self._waiting_for_a_person(which)
        if found.review is None:
            raise UnreadableInput(f"{which}: has its entry already; `dockvoice queue retry` sends it as it is")
        return found

    def _waiting_for_a_person(self, which: str) -> Dossier:
        found = self.dossier(which)
        if found.state is not OutboxState.DEAD and found.review is None:
            state = found.state or found.outcome or "not read yet"
            raise UnreadableInput(
                f"{which}: waits for no person (it is {state}); `dockvoice queue list --held` shows what does"
            )
        return found

    def _note(self, found: Dossier, decision: str, who: str, reason: str | None) -> None:
        self._db.execute(
            "INSERT INTO decisions (subject, decision, who, reason, decided_at) VALUES (?, ?, ?, ?, ?)",
            [found.utterance_id, decision, who, reason, rows.to_time(datetime.now(UTC))],
        )

    def _writing(self) -> AbstractContextManager[None]:
        return writing(self._db, self._path)
