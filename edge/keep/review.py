"""What waits for a person: dead letters, utterances whose fate is not known, and entries that a later answer doubts."""

from __future__ import annotations

from dataclasses import dataclass

from edge.errors import Unfinished, UnreadableInput
from edge.keep.codec import now
from edge.keep.database import JournalDatabase
from edge.keep.outbox import OutboxState
from edge.keep.queries import (
    ENTRY,
    KEPT,
    KeptEntry,
    KeptUtterance,
    Queries,
    UtteranceHistory,
    kept_entry,
    kept_utterance,
)
from edge.records import Outcome


@dataclass(frozen=True, slots=True)
class Flagged:
    """An entry that stands, and that a person should look at."""

    entry: KeptEntry
    flag: str


class Review:
    """What waits for a person, and what persons decide about it. `which` is everywhere as in `Queries.history`."""

    def __init__(self, db: JournalDatabase, queries: Queries) -> None:
        self._db = db
        self._queries = queries

    def under_review(self) -> list[KeptUtterance]:
        """The utterances that a person must look at before anything is made of them, oldest first."""
        return [kept_utterance(row) for row in self._db.rows(f"{KEPT} WHERE review IS NOT NULL ORDER BY heard_at")]

    def how_many(self) -> int:
        """How many utterances a person must look at."""
        return int(self._db.rows("SELECT count(*) AS n FROM utterances WHERE review IS NOT NULL")[0]["n"])

    def dead_letters(self) -> list[KeptEntry]:
        """The entries whose events are dead letters, oldest first."""
        return [kept_entry(row) for row in self._db.rows(f"{ENTRY} WHERE o.state = 'dead' ORDER BY e.sequence")]

    def flagged(self) -> list[Flagged]:
        """The entries that a later answer contradicts, oldest first."""
        found = self._db.rows(
            "SELECT e.*, o.state, o.attempts, o.receipt, o.reason, u.flag FROM utterances u "
            "JOIN entries e USING (utterance_id) JOIN outbox o USING (event_id) "
            "WHERE u.flag IS NOT NULL ORDER BY e.sequence"
        )
        return [Flagged(kept_entry(row), row["flag"]) for row in found]

    def utterance(self, which: str) -> UtteranceHistory:
        """An utterance under review. Raises UnreadableInput for what is not."""
        found = self._waiting(which)
        if found.review is None:
            raise UnreadableInput(f"{which}: has its entry already; `dockvoice queue retry` sends it as it is")
        return found

    def retry(self, which: str, who: str) -> UtteranceHistory:
        """Let a dead letter be sent as it is, or an utterance under review be read, at the next start.

        Raises UnreadableInput for what waits for no person, Unfinished for a letter whose tombstone may still be on its
        way: its receipt could be taken for that of the letter.
        """
        found = self._waiting(which)
        if found.state is OutboxState.DEAD and found.settled_at is None:
            raise Unfinished(f"{which}: its tombstone is on its way to the inventory; try again when that has come")
        with self._db.writing():
            self.note(found, "retry", who, found.review)  # why it was under review is not told afterwards otherwise
            if found.review:
                self._db.execute("UPDATE utterances SET review = NULL WHERE utterance_id = ?", [found.utterance_id])
            else:
                self._db.execute(
                    "UPDATE outbox SET state = 'waiting', settled_at = NULL, receipt = NULL, reason = NULL, "
                    "tombstone = NULL WHERE event_id = ?",
                    [found.event_id],
                )
        return found

    def discard(self, which: str, who: str, reason: str) -> UtteranceHistory:
        """Give up a dead letter, or an utterance under review. Its rows and its recording stay, with who and why.

        Raises UnreadableInput for what waits for no person.
        """
        found = self._waiting(which)
        with self._db.writing():
            self.note(found, "discard", who, reason)
            if found.review:
                self._db.execute(
                    "UPDATE utterances SET outcome = ?, reasons = '[]', fields = '{}', review = NULL "
                    "WHERE utterance_id = ?",
                    [Outcome.IGNORE.value, found.utterance_id],
                )
            else:
                self._db.execute("UPDATE outbox SET state = 'discarded' WHERE event_id = ?", [found.event_id])
        return found

    def stand(self, which: str, who: str, reason: str | None) -> UtteranceHistory:
        """Take the flag from an entry that a person has looked at. Raises UnreadableInput for what carries no flag."""
        found = self._queries.history(which)
        if found.flag is None:
            raise UnreadableInput(f"{which}: carries no flag; `dockvoice queue list --held` shows what does")
        with self._db.writing():
            self.note(found, "stand", who, reason)
            self._db.execute("UPDATE utterances SET flag = NULL WHERE utterance_id = ?", [found.utterance_id])
        return found

    def note(self, found: UtteranceHistory, decision: str, who: str, reason: str | None) -> None:
        """Keep who decided what, inside of the transaction that carries it out."""
        self._db.insert(
            "decisions",
            {"subject": found.utterance_id, "decision": decision, "who": who, "reason": reason, "decided_at": now()},
        )

    def _waiting(self, which: str) -> UtteranceHistory:
        found = self._queries.history(which)
        if found.state is not OutboxState.DEAD and found.review is None:
            state = found.state or found.outcome or "not read yet"
            raise UnreadableInput(
                f"{which}: waits for no person (it is {state}); `dockvoice queue list --held` shows what does"
            )
        return found
