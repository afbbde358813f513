"""Reviews: held entries, utterances under review, flagged entries, and the signed log of their changes.

An entry is held when the inventory refused it, or it cannot be delivered as it is. A refused number stays refused. A
person discards the entry or re-enters it: a new utterance with the same sound, whose entry has the next number. Its
tombstone then replaces the old event, so that an inventory restored from before the refusal cannot have both.

The log is derived from the utterances, whatever changed them (a conversation, a command, a crash). Its changes are
numbered, chained, signed, and pending until the inventory confirms them; changes undone between two passes are not
logged. The audit verifies its chain and compares its rows with the events.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import uuid_utils

from dockvoice_protocol import hash_chain
from dockvoice_protocol.errors import Unfinished, UnreadableInput
from dockvoice_protocol.hash_chain import BadEvent, ChainVerifier, DefectKind, PublicKey, Signer, StoredEvent
from dockvoice_protocol.records import Act, FieldValue
from edge.keep.codec import now, parse_draft, parse_fields, parse_reading, to_json
from edge.keep.database import JournalDatabase, Row
from edge.keep.device_key import review_removal_digest
from edge.keep.outbox import HELD, OutboxState, Withhold
from edge.keep.queries import (
    ENTRY_SQL,
    UTTERANCE_SQL,
    KeptEntry,
    KeptUtterance,
    Queries,
    UtteranceHistory,
    parse_entry,
    parse_utterance,
)
from edge.records import SAMPLE_RATE, Draft, EventIds, OutboxRow, Outcome, Recording, ReviewChange, ReviewState

CORRECTED_REASON = "put right by the operator"  # The reason of that decision.


@dataclass(frozen=True, slots=True)
class FlaggedEntry:
    """An entry that stands, and is flagged for a person."""

    entry: KeptEntry
    flag: str


@dataclass(frozen=True, slots=True)
class _Unannounced:
    """A decision that was not yet announced to the operator."""

    utterance_id: str
    fate: str = field(repr=False)  # The result, as a code for the dialogue.
    fields: Mapping[str, FieldValue] = field(repr=False)  # Of the resulting entry, else of the utterance.
    form: str | None = None


_UNANNOUNCED_DECISIONS = """
    SELECT d.subject, d.untold, coalesce(
        (SELECT n.fields FROM entries e JOIN outbox o USING (event_id) JOIN entries n ON n.event_id = o.reentered
            WHERE e.utterance_id = d.subject),
        (SELECT fields FROM entries WHERE utterance_id = d.subject),
        (SELECT fields FROM reviews WHERE utterance_id = d.subject AND state = 'open' ORDER BY sequence DESC LIMIT 1),
        '{}'
    ) AS fields, (SELECT form FROM utterances WHERE utterance_id = d.subject) AS form
    FROM decisions d WHERE d.untold IS NOT NULL ORDER BY d.id
"""


class Review:
    """Reviews, held and flagged entries, and decisions. `which` is everywhere as in `Queries.history`."""

    def __init__(self, db: JournalDatabase, queries: Queries) -> None:
        self._db = db
        self._queries = queries

    def list_under_review(self) -> list[KeptUtterance]:
        """The utterances under review, oldest first."""
        return [
            parse_utterance(row) for row in self._db.rows(f"{UTTERANCE_SQL} WHERE review IS NOT NULL ORDER BY heard_at")
        ]

    def count_under_review(self) -> int:
        """The number of utterances under review."""
        return int(self._db.rows("SELECT count(*) AS n FROM utterances WHERE review IS NOT NULL")[0]["n"])

    def drafts(self, form: str, limit: int) -> list[Draft]:
        """The drafts of this form under review, the oldest first.

        An utterance that no dialogue put there has its reading only.
        """
        found = self._db.rows(
            "SELECT utterance_id, draft, reading FROM utterances WHERE review IS NOT NULL AND form = ? "
            "AND coalesce(draft, reading) IS NOT NULL ORDER BY heard_at LIMIT ?",
            form,
            limit,
        )
        drafts = (
            parse_draft(row["draft"]) or _draft_of_reading(row["utterance_id"], form, row["reading"]) for row in found
        )
        return [one for one in drafts if one is not None and one.reading.fields]

    def forms_under_review(self) -> list[str]:
        """The forms with utterances under review."""
        found = self._db.rows("SELECT DISTINCT form FROM utterances WHERE review IS NOT NULL ORDER BY form")
        return [row["form"] for row in found]

    def held_entries(self) -> list[KeptEntry]:
        """The entries that wait for a person: refused ones and dead letters, oldest first."""
        found = self._db.rows(f"{ENTRY_SQL} WHERE o.state IN ('refused', 'dead') ORDER BY e.sequence")
        return [parse_entry(row) for row in found]

    def flagged_entries(self) -> list[FlaggedEntry]:
        """The entries that a later answer contradicts, oldest first."""
        found = self._db.rows(
            "SELECT e.*, o.state, o.attempts, o.receipt, o.reason, u.flag FROM utterances u "
            "JOIN entries e USING (utterance_id) JOIN outbox o USING (event_id) "
            "WHERE u.flag IS NOT NULL ORDER BY e.sequence"
        )
        return [FlaggedEntry(parse_entry(row), row["flag"]) for row in found]

    def find_open(self, which: str) -> UtteranceHistory:
        """An utterance under review, or a held entry. Raises UnreadableInput for any other.

        Raises Unfinished for a dead letter with a pending tombstone: until that is settled, the letter may arrive too.
        """
        history = self._find_held_or_under_review(which)
        _demand_tombstone_settled(which, history)
        return history

    def retry(self, which: str, who: str) -> UtteranceHistory:
        """Let a dead letter be sent, or an utterance under review be read, at the next start.

        Raises UnreadableInput for what is not under review, Unfinished for a letter with a pending tombstone: its
        receipt could be mistaken for the letter's.
        """
        history = self._find_held_or_under_review(which)
        if history.state is OutboxState.REFUSED:
            raise UnreadableInput(
                f"{which}: was refused, and is again however often it comes; `dockvoice queue accept` enters it once "
                "more under a new number, `dockvoice queue discard` ends it"
            )
        _demand_tombstone_settled(which, history)
        with self._db.writing():
            self.store_decision(history, "retry", who, history.review)  # the reason is cleared below
            if history.review:
                self._db.execute("UPDATE utterances SET review = NULL WHERE utterance_id = ?", [history.utterance_id])
            else:
                self._db.execute(
                    "UPDATE outbox SET state = 'waiting', settled_at = NULL, receipt = NULL, reason = NULL, "
                    "tombstone = NULL WHERE event_id = ?",
                    [history.event_id],
                )
        return history

    def discard(self, which: str, who: str, reason: str, withhold: Withhold) -> UtteranceHistory:
        """Discard a held entry, or an utterance under review. Its rows stay, with name and reason.

        `withhold` makes the tombstone. Raises UnreadableInput for what is not under review.
        """
        history = self._find_held_or_under_review(which)
        with self._db.writing():
            self.store_decision(history, "discard", who, reason)
            if history.review:
                self._db.execute(
                    "UPDATE utterances SET outcome = ?, reasons = '[]', fields = '{}', review = NULL "
                    "WHERE utterance_id = ?",
                    [Outcome.IGNORE.value, history.utterance_id],
                )
            else:
                self._end_review(history, withhold, None)
        return history

    def discard_held_entries(self, event_ids: Iterable[str], withhold: Withhold) -> None:
        """End the review of entries that the operator repeated or gave up."""
        with self._db.writing():
            for event_id in event_ids:
                history = self._queries.history(event_id)
                if history.state in HELD:
                    self.store_decision(history, "discard", "operator", CORRECTED_REASON)
                    self._end_review(history, withhold, None)

    def store_reentry(
        self, history: UtteranceHistory, event_id: str, who: str, reason: str | None, withhold: Withhold
    ) -> None:
        """Store that a held entry was entered again as this event. Call inside the transaction that makes it."""
        self.store_decision(history, "accept", who, reason)
        self._end_review(history, withhold, event_id)

    def end_after_reentry(
        self, history: UtteranceHistory, event_id: str, who: str, reason: str | None, withhold: Withhold
    ) -> None:
        """Store in a transaction of its own that a held entry was entered again in another journal, durably."""
        with self._db.writing():
            self.store_reentry(history, event_id, who, reason, withhold)

    def _end_review(self, history: UtteranceHistory, withhold: Withhold, reentered: str | None) -> None:
        # A dead letter has its tombstone already.
        tombstone = None if history.state is OutboxState.DEAD else to_json(withhold(history.event or {}))
        self._db.execute(
            "UPDATE outbox SET state = 'discarded', reentered = ?, tombstone = coalesce(tombstone, ?) "
            "WHERE event_id = ?",
            [reentered, tombstone, history.event_id],
        )

    def clear_flag(self, which: str, who: str, reason: str | None) -> None:
        """Clear the flag of an entry. Raises UnreadableInput for an entry without one."""
        history = self._queries.history(which)
        if history.flag is None:
            raise UnreadableInput(f"{which}: carries no flag; `dockvoice queue list --held` shows what does")
        with self._db.writing():
            self.store_decision(history, "stand", who, reason)
            self._db.execute("UPDATE utterances SET flag = NULL WHERE utterance_id = ?", [history.utterance_id])

    def mark_unannounced(self, utterance_id: str, of: str) -> None:
        """Mark the latest decision as not yet announced. Call inside its transaction."""
        self._db.execute(
            "UPDATE decisions SET untold = ? WHERE id = (SELECT max(id) FROM decisions WHERE subject = ?)",
            [of, utterance_id],
        )

    def mark_announced(self, utterance_id: str) -> None:
        """Mark the decisions as announced."""
        self._db.write("UPDATE decisions SET untold = NULL WHERE subject = ?", [utterance_id])

    def unannounced_decisions(self) -> list[_Unannounced]:
        """The decisions that are not announced, the oldest first."""
        found = self._db.rows(_UNANNOUNCED_DECISIONS)
        return [_Unannounced(row["subject"], row["untold"], parse_fields(row["fields"]), row["form"]) for row in found]

    def store_decision(self, history: UtteranceHistory, decision: str, who: str, reason: str | None) -> None:
        """Store a decision. Call inside its transaction."""
        self._db.insert(
            "decisions",
            {"subject": history.utterance_id, "decision": decision, "who": who, "reason": reason, "decided_at": now()},
        )

    def _find_held_or_under_review(self, which: str) -> UtteranceHistory:
        history = self._queries.history(which)
        if history.state not in HELD and history.review is None:
            state = history.state or history.outcome or "not read yet"
            raise UnreadableInput(
                f"{which}: waits for no person (it is {state}); `dockvoice queue list --held` shows what does"
            )
        return history


def _demand_tombstone_settled(which: str, history: UtteranceHistory) -> None:
    if history.state is OutboxState.DEAD and history.settled_at is None:
        raise Unfinished(f"{which}: its tombstone is on its way to the inventory; try again when that has come")


def _draft_of_reading(utterance_id: str, form: str, stored: str) -> Draft | None:
    """A draft of the utterance's reading; None where it amends or cancels another entry."""
    reading = parse_reading(json.loads(stored))
    return Draft(utterance_id, form, reading) if reading.act is Act.RECORD else None


_AT_ONCE = 50  # So many changes are looked at in one transaction: milliseconds.

_CHANGED = """
    SELECT u.*, e.event_id, e.operator AS entered_by, e.fields AS entered,
        EXISTS (SELECT 1 FROM decisions d WHERE d.subject = u.utterance_id) AS by_office
    FROM utterances u LEFT JOIN entries e USING (utterance_id)
    WHERE u.utterance_id IN (
        SELECT utterance_id FROM utterances AS w WHERE w.review IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM reviews r WHERE r.utterance_id = w.utterance_id AND r.latest
            AND r.state = 'open' AND r.fields IS w.fields
        )
        UNION
        SELECT r.utterance_id FROM reviews r JOIN utterances w USING (utterance_id)
        WHERE r.latest AND r.state = 'open' AND w.review IS NULL
    ) ORDER BY u.heard_at LIMIT ?
"""


class ReviewLog:
    """The log of reviews of one journal."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db

    def open_event_id(self, utterance_id: str) -> str | None:
        """The latest event of an utterance that is under review; None where it is not."""
        found = self._db.rows(
            "SELECT r.event_id FROM reviews r JOIN utterances u USING (utterance_id) "
            "WHERE r.utterance_id = ? AND r.latest AND r.state = 'open' AND u.review IS NOT NULL",
            utterance_id,
        )
        return found[0]["event_id"] if found else None

    def last_event_id(self, utterance_id: str) -> str | None:
        """The latest event of this utterance; None without one."""
        found = self._db.rows("SELECT event_id FROM reviews WHERE utterance_id = ? AND latest", utterance_id)
        return found[0]["event_id"] if found else None

    def load_due(self, limit: int) -> list[OutboxRow]:
        """The first `limit` unconfirmed review events."""
        found = self._db.rows(
            "SELECT event_id, sequence, body FROM reviews WHERE settled_at IS NULL ORDER BY sequence LIMIT ?", limit
        )
        return [OutboxRow(**row) for row in found]

    def settle(self, event_ids: Iterable[str]) -> None:
        """Mark these review events as confirmed."""
        self._db.write(
            "UPDATE reviews SET settled_at = ? WHERE settled_at IS NULL "
            "AND event_id IN (SELECT value FROM json_each(?))",
            [now(), to_json(list(event_ids))],
        )

    def mark_open_reviews_pending(self) -> None:
        """Make the open reviews pending again: the inventory may have been restored from a backup."""
        self._db.write("UPDATE reviews SET settled_at = NULL WHERE latest AND state = 'open'")

    def write(self, render: Callable[[ReviewChange, EventIds], dict[str, Any]], instance: str, signer: Signer) -> int:
        """Number, chain and store the changes of reviews since the last pass; return how many."""
        if not (found := self._db.rows(_CHANGED, _AT_ONCE)):
            return 0
        with self._db.writing():
            for row in found:
                self._write_change(row, render, instance, signer)
        return len(found)

    def _write_change(
        self, row: Row, render: Callable[[ReviewChange, EventIds], dict[str, Any]], instance: str, signer: Signer
    ) -> None:
        last = self._db.rows(
            "SELECT sequence, link FROM reviews UNION SELECT sequence, link FROM reviews_removed "
            "ORDER BY sequence DESC LIMIT 1"
        )
        sequence, link = (last[0]["sequence"], last[0]["link"]) if last else (0, hash_chain.GENESIS)
        change = _parse_change(row)
        minted = EventIds(str(uuid_utils.uuid7()), sequence + 1, link, instance)
        event = hash_chain.seal_event(
            render(change, minted), link, change.recording.audio_sha256, row["reading"] or "null", signer
        )
        self._db.execute("UPDATE reviews SET latest = 0 WHERE utterance_id = ? AND latest", [row["utterance_id"]])
        self._db.insert(
            "reviews",
            {
                "sequence": minted.sequence,
                "event_id": minted.event_id,
                "utterance_id": row["utterance_id"],
                "state": change.state.value,
                "fields": row["fields"],
                "link": event[hash_chain.CHAIN],
                "body": to_json(event),
            },
        )


def sign_review_removals(db: JournalDatabase, utterances: str, signer: Signer) -> None:
    """Sign the removal of these utterances' review events (a JSON list). Call in the same transaction."""
    query = "SELECT sequence, link FROM reviews WHERE utterance_id IN (SELECT value FROM json_each(?)) AND body <> '{}'"
    for row in db.rows(query, utterances):
        signature = signer.sign(review_removal_digest(row["sequence"], row["link"]))
        db.insert("reviews_removed", {**row, "keyid": signer.public.keyid, "signature": signature})


def _parse_change(row: Row) -> ReviewChange:
    draft: Draft | None = parse_draft(row["draft"])
    read = None if row["reading"] is None else parse_reading(json.loads(row["reading"]))
    return ReviewChange(
        state=_review_state(row),
        form=row["form"],
        recording=Recording(row["utterance_id"], row["audio_sha256"], row["samples"] / SAMPLE_RATE),
        why=row["review"],
        fields=parse_fields(row["entered"] or row["fields"] or "{}"),
        reading=read if draft is None else draft.reading,
        operator=row["entered_by"] if draft is None else draft.operator,
        event_id=row["event_id"],
        by_office=bool(row["by_office"]) and row["review"] is None,
    )


def _review_state(row: Row) -> ReviewState:
    if row["review"] is not None:
        return ReviewState.OPEN
    if row["event_id"] is not None:
        return ReviewState.RECORDED
    if row["outcome"] is None:
        return ReviewState.RETRIED
    return ReviewState.ANSWERED if row["outcome"] == Outcome.HEED else ReviewState.DROPPED


_REVIEW_EVENTS = """
    SELECT s.sequence, r.event_id, r.utterance_id, r.state, r.fields, r.latest, r.link, r.body, u.audio_sha256,
        r.sequence = (SELECT max(sequence) FROM reviews m WHERE m.utterance_id = r.utterance_id) AS is_last,
        g.link AS gone, g.keyid, g.signature
    FROM (SELECT sequence FROM reviews UNION SELECT sequence FROM reviews_removed) s
    LEFT JOIN reviews r USING (sequence) LEFT JOIN utterances u USING (utterance_id)
    LEFT JOIN reviews_removed g USING (sequence) ORDER BY s.sequence
"""


def verify_reviews(db: JournalDatabase, keys: Mapping[str, PublicKey]) -> tuple[int, BadEvent | None]:
    """The number of valid review events, and the first faulty one. Removals must be signed."""
    chain = ChainVerifier(keys)
    for row in db.rows(_REVIEW_EVENTS):
        if wrong := _verify_removal(row, chain, keys) if row["gone"] is not None else _verify_event(row, chain):
            return chain.held, BadEvent(chain.last + 1, wrong)
    return chain.held, None


def _verify_removal(row: Row, chain: ChainVerifier, keys: Mapping[str, PublicKey]) -> DefectKind | None:
    key, sequence = keys.get(str(row["keyid"])), row["sequence"]
    if key is None or not key.verify(review_removal_digest(sequence, row["gone"]), str(row["signature"])):
        return DefectKind.ERASURE_FORGED
    if sequence != chain.last + 1:
        return DefectKind.MISSING
    if (row["body"], row["fields"]) not in {(None, None), ("{}", None)} or row["link"] not in {None, row["gone"]}:
        return DefectKind.ALTERED
    chain.last, chain.link = sequence, row["gone"]
    return None


def _verify_event(row: Row, chain: ChainVerifier) -> DefectKind | None:
    event = hash_chain.parse_event_or_empty(row["body"])
    chained = StoredEvent(
        sequence=row["sequence"],
        previous=str(event.get(hash_chain.PREVIOUS)),
        link=row["link"],
        event=event,
        audio_sha256=str(row["audio_sha256"]),
        withheld=False,
    )
    wrong = chain.next_fault(chained) or (None if _row_matches_event(row, event) else DefectKind.ROW_ALTERED)
    if wrong is None:
        chain.advance(chained)
    return wrong


def _row_matches_event(row: Row, event: Mapping[str, Any]) -> bool:
    data = event["data"]
    said = (event["id"], event["sequence"], data["utterance"]["id"], data["state"])
    kept = (row["event_id"], str(row["sequence"]), row["utterance_id"], row["state"])
    # Decided reviews have their entry's fields, which the audit of the entries verifies.
    known = data["fields"] if data["state"] == "open" else json.loads(row["fields"] or "{}")
    return said == kept and row["latest"] == row["is_last"] and known == json.loads(row["fields"] or "{}")
