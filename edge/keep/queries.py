"""Queries on utterances, entries and their events. Read-only."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dockvoice_protocol.errors import StorageFailed, UnreadableInput
from dockvoice_protocol.records import Act, FieldValue, Reading, ReceiptOutcome
from edge.keep import evidence
from edge.keep.codec import parse_fields, parse_reading, parse_verdict
from edge.keep.database import JournalDatabase, Row
from edge.keep.outbox import HELD, OutboxState
from edge.records import SAMPLE_RATE, Draft, Entry, Outcome, Recording, Segment, StandingEntry, Utterance, Verdict

RECORDING_PREFIX = "sha256:"  # Prefix of an utterance's source that is a recording, which can be replayed.

UTTERANCE_SQL = """
    SELECT u.*, e.fields AS entry_fields, e.event_id, o.state
    FROM utterances u LEFT JOIN entries e USING (utterance_id) LEFT JOIN outbox o USING (event_id)
"""
"""Utterances with their entries and events, for `parse_utterance`."""

ENTRY_SQL = "SELECT e.*, o.state, o.attempts, o.receipt, o.reason FROM entries e JOIN outbox o USING (event_id)"
"""Entries with the state of their events, for `parse_entry`."""

_RECENT = 100  # The latest entries that are searched for a duplicate: more than anybody dictates in ten minutes.

_HISTORY = """
    SELECT u.utterance_id, u.form, u.heard_at, u.outcome, u.review, u.flag, u.audio_path, u.audio_sha256,
        u.audio_removed_at,
        coalesce(e.fields, u.fields) AS fields, e.event_id, e.sequence, e.operator, e.recorded_at,
        o.state, o.attempts, o.settled_at, o.reason, o.receipt, o.reentered, o.body, e.act, e.replaces, e.support
    FROM utterances u LEFT JOIN entries e USING (utterance_id) LEFT JOIN outbox o USING (event_id)
"""

_SHOWN = 60  # Characters of a wrong name that are repeated.

_PAGE = 1000  # Rows read at a time: some megabytes.

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptUtterance:
    """An utterance in the journal, without its sound."""

    utterance_id: str
    form: str
    source: str
    verdict: Verdict | None  # None before it is read.
    fields: Mapping[str, FieldValue] = field(repr=False)
    """Those of the entry, where there is one; else those of the verdict, or of the review."""
    event_id: str | None  # Of its entry, where it was accepted.
    state: OutboxState | None  # Of that event.


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """An entry with the state of its event."""

    sequence: int
    event_id: str
    form: str
    fields: Mapping[str, FieldValue] = field(repr=False)
    recorded_at: datetime
    state: OutboxState
    attempts: int  # Its PUBACKs.
    reasons: tuple[str, ...]  # Of a refusal, or of a dead letter.
    act: Act = Act.RECORD
    replaces: str | None = None  # The event of the entry that it amends or cancels.
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of the journal's utterances and events by state."""

    utterances: int  # All utterances; those without a verdict are the difference to the next four and to `deferred`.
    accepted: int
    asked: int
    repeat: int
    ignored: int
    unsettled: int
    applied: int
    duplicate: int
    refused: int
    deferred: int = 0  # Not read yet, or under review since; discarded ones count as ignored.
    held: int = 0  # Refused or undeliverable, and undecided.


@dataclass(frozen=True, slots=True)
class _Decision:
    """A person's decision."""

    decision: str  # `retry`, `discard`, `stand` or `accept`; `declined` by a connector, who says it.
    who: str
    reason: str | None  # Free text; for a `retry` why it was under review.
    decided_at: str


@dataclass(frozen=True, slots=True)
class _ModelAnswer:
    """A model's answer."""

    interpreter: str
    came: str  # `in time`, `late` (after the verdict) or `deferred` (to an utterance that was kept for later).
    answered_at: str
    reading: Mapping[str, Any] | None = field(repr=False)
    """None where the verdict's own reading has it, or where it was none."""
    request_id: str | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class UtteranceHistory:
    """The stored rows of one utterance with its entry and event. Times: ISO 8601 in UTC."""

    utterance_id: str
    form: str
    heard_at: str
    outcome: str | None
    review: str | None  # Why it is under review.
    flag: str | None  # Why its entry, which stands, is flagged.
    fields: Mapping[str, FieldValue] = field(repr=False)
    audio_path: str  # Relative to the state directory.
    audio_sha256: str
    audio_removed_at: str | None
    event_id: str | None
    sequence: int | None
    operator: str | None
    recorded_at: str | None
    state: OutboxState | None
    attempts: int | None
    settled_at: str | None
    reason: str | None  # Why its event is a dead letter.
    reentered: str | None  # The event under which it was entered again.
    act: Act | None  # Of its entry, with the event it replaces.
    replaces: str | None
    support: tuple[str, ...]  # The further utterances that its entry rests on.
    receipt: Mapping[str, Any] | None
    event: Mapping[str, Any] | None = field(repr=False)  # The original, even where its tombstone was published.
    decisions: tuple[_Decision, ...]
    answers: tuple[_ModelAnswer, ...]  # In the order of their arrival.


_LONGEST_NUMBER = 10  # Digits of an entry's number, as schemas/events has them.


class Queries:
    """Queries on the utterances and entries of one journal."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db

    def find_utterance(self, source: str, segment: Segment) -> KeptUtterance | None:
        """The stored utterance of the same speech, when a recording is replayed; None for a microphone.

        The same recording with overlapping speech. Pre-roll does not count: it may reach into the utterance before.
        """
        if not source.startswith(RECORDING_PREFIX):
            return None
        found = self._db.rows(
            f"{UTTERANCE_SQL} WHERE source = ? AND speech_start < ? AND speech_end > ? ORDER BY speech_start LIMIT 1",
            source,
            segment.speech_end,
            segment.speech_start,
        )
        return parse_utterance(found[0]) if found else None

    def get_utterance(self, utterance_id: str) -> KeptUtterance | None:
        """An utterance by its id, without its sound; None where it is unknown."""
        found = self._db.rows(f"{UTTERANCE_SQL} WHERE utterance_id = ?", utterance_id)
        return parse_utterance(found[0]) if found else None

    def unread_utterances(self) -> Iterator[Utterance]:
        """Utterances without a verdict in the order of their rows, with sound, to be read again after a crash.

        The clock may have been set between two utterances, so rows give the order. An unreadable recording is logged
        and skipped, so that it cannot stop every start.
        """
        # The plus makes SQLite use the partial index and not scan the rows in order.
        unread = "SELECT * FROM utterances WHERE outcome IS NULL AND review IS NULL ORDER BY +rowid"
        for row in self._db.rows(unread):
            try:
                utterance = evidence.read(self._db.path.parent / row["audio_path"], row)
            except StorageFailed as fault:
                _log.warning("not understood yet, and cannot be read: %s", fault)
            else:
                yield utterance

    def reading(self, utterance_id: str) -> Reading | None:
        """The reading of the verdict, without usage; None without one."""
        found = self._db.rows("SELECT reading FROM utterances WHERE utterance_id = ?", utterance_id)
        stored = found[0]["reading"] if found else None
        return None if stored is None else parse_reading(json.loads(stored))

    def recording(self, utterance_id: str) -> Recording:
        """The recording of an utterance. Raises LookupError for an unknown one."""
        for row in self._db.rows("SELECT audio_sha256, samples FROM utterances WHERE utterance_id = ?", utterance_id):
            return Recording(utterance_id, row["audio_sha256"], row["samples"] / SAMPLE_RATE)
        raise LookupError(f"{utterance_id}: no such utterance was begun here")

    def make_entry(self, draft: Draft, verdict: Verdict) -> Entry:
        """Make the entry of an accepted draft, with its recordings. Raises as `recording` does."""
        sound = self.recording(draft.utterance_id)
        return Entry(
            utterance_id=draft.utterance_id,
            form=draft.form,
            fields={} if draft.act is Act.CANCEL else verdict.fields,
            operator=draft.operator,
            recorded_at=datetime.now(UTC),
            reading=draft.reading,
            audio_sha256=sound.audio_sha256,
            audio_seconds=sound.audio_seconds,
            act=draft.act,
            replaces=draft.replaces,
            support=(*map(self.recording, draft.support), *self._context_recordings(draft)),
            counted=draft.counted,
        )

    def _context_recordings(self, draft: Draft) -> Iterator[Recording]:
        """The recordings of the standing context's fields, without removed ones."""
        fields = {} if draft.act is Act.CANCEL else draft.reading.fields
        by = dict.fromkeys(utterance for one in fields.values() for utterance in one.said_in)
        for utterance_id in by:
            if utterance_id not in draft.utterances and self.get_utterance(utterance_id) is not None:
                yield self.recording(utterance_id)

    def counts(self) -> Counts:
        """Count utterances and events by state, from the tally; one page is read."""
        tally = Counter({row["what"]: int(row["n"]) for row in self._db.rows("SELECT what, n FROM tally")})
        # The entries that wait for a person: refused ones and dead letters.
        (held,) = self._db.rows("SELECT count(*) AS n FROM outbox WHERE state IN ('refused', 'dead')")
        return Counts(
            utterances=sum(n for what, n in tally.items() if what.startswith("utterance ")),
            accepted=tally[f"utterance {Outcome.ACCEPT}"],
            asked=tally[f"utterance {Outcome.ASK}"],
            repeat=tally[f"utterance {Outcome.REPEAT}"],
            ignored=tally[f"utterance {Outcome.IGNORE}"],
            unsettled=tally["owed"],
            applied=tally[f"event {ReceiptOutcome.APPLIED}"],
            duplicate=tally[f"event {ReceiptOutcome.DUPLICATE}"],
            refused=tally[f"event {ReceiptOutcome.REFUSED}"],
            deferred=tally[f"utterance {Outcome.DEFER}"],
            held=held["n"],
        )

    def entries(self, limit: int) -> list[KeptEntry]:
        """The last `limit` entries, newest first."""
        return [parse_entry(row) for row in self._db.rows(f"{ENTRY_SQL} ORDER BY e.sequence DESC LIMIT ?", limit)]

    def entry(self, event_id: str) -> KeptEntry | None:
        """The entry of an event; None for an unknown event."""
        found = self._db.rows(f"{ENTRY_SQL} WHERE e.event_id = ?", event_id)
        return parse_entry(found[0]) if found else None

    def is_replaced(self, event_id: str) -> bool:
        """Whether an entry was corrected or cancelled by one that was not refused."""
        query = "SELECT 1 FROM entries e JOIN outbox o USING (event_id) WHERE e.replaces = ? AND o.state != 'refused'"
        return bool(self._db.rows(query, event_id))

    def standing_entry_fields(self, form: str, since: datetime) -> tuple[Mapping[str, FieldValue], ...]:
        """The fields of entries recorded after `since`, neither replaced nor refused."""
        return tuple(one.fields for one in self.standing_kept_entries(form, since, _RECENT))

    def standing_kept_entries(self, form: str, since: datetime, limit: int) -> list[KeptEntry]:
        """The entries after `since`, neither replaced nor refused, newest first, among the last `limit`."""
        taken = [one for one in self.entries(limit) if one.state is not OutboxState.REFUSED]
        gone = {one.replaces for one in taken} | {one.event_id for one in taken if one.act is Act.CANCEL}
        lately = (one for one in taken if one.form == form and one.recorded_at > since)
        return [one for one in lately if one.event_id not in gone]

    def standing_entries_since(self, since: datetime, limit: int) -> tuple[StandingEntry, ...]:
        """The entries recorded after `since` that stand, the newest first, among the last `limit`.

        Refused entries that wait for a person are included and marked, with the entries that they were to amend.
        """
        latest = self.entries(limit)
        taken = [one for one in latest if one.state in {OutboxState.WAITING, OutboxState.SETTLED}]
        gone = {one.replaces for one in taken} | {one.event_id for one in latest if one.act is Act.CANCEL}
        return tuple(
            StandingEntry(
                one.event_id,
                one.form,
                one.fields,
                one.operator,
                one.recorded_at,
                refused=one.state in HELD,
                owed=one.state is OutboxState.WAITING,
            )
            for one in latest
            if one.recorded_at > since and one.state is not OutboxState.DISCARDED and one.event_id not in gone
        )

    def history(self, which: str) -> UtteranceHistory:
        """The history of an utterance, by its id, or by its entry's number or event id.

        Raises UnreadableInput when there is none.
        """
        named = self._db.rows(
            "SELECT utterance_id FROM entries WHERE event_id = ? UNION SELECT utterance_id FROM entries "
            "WHERE sequence = ?",
            which,
            int(which) if which.isascii() and which.isdecimal() and len(which) <= _LONGEST_NUMBER else -1,
        )
        utterance_id = named[0]["utterance_id"] if named else which
        for row in self._db.rows(f"{_HISTORY} WHERE u.utterance_id = ?", utterance_id):
            return self._history(row)
        raise UnreadableInput(
            f"{which[:_SHOWN]}: no such entry or utterance in {self._db.path}; `dockvoice queue list` names them"
        )

    def histories(self) -> Iterator[UtteranceHistory]:
        """The histories of all entries, in the order of their numbers."""
        last = 0
        while page := self._db.rows(f"{_HISTORY} WHERE e.sequence > ? ORDER BY e.sequence LIMIT {_PAGE}", last):
            yield from map(self._history, page)
            last = page[-1]["sequence"]

    def _history(self, row: Row) -> UtteranceHistory:
        utterance_id = row["utterance_id"]
        decisions = self._db.rows(
            "SELECT decision, who, reason, decided_at FROM decisions WHERE subject = ? ORDER BY id", utterance_id
        )
        answers = self._db.rows(
            "SELECT interpreter, came, answered_at, reading, request_id, cost_usd FROM answers "
            "WHERE utterance_id = ? ORDER BY id",
            utterance_id,
        )
        parsed = {
            **row,
            "fields": parse_fields(row["fields"] or "{}"),
            "state": None if row["state"] is None else OutboxState(row["state"]),
            "act": None if row["act"] is None else Act(row["act"]),
            "support": tuple(json.loads(row["support"] or "[]")),
            "receipt": json.loads(row["receipt"] or "null"),
            "event": json.loads(row["body"] or "null"),
            "decisions": tuple(_Decision(**decision) for decision in decisions),
            "answers": tuple(
                _ModelAnswer(**{**one, "reading": json.loads(one["reading"] or "null")}) for one in answers
            ),
        }
        del parsed["body"]
        return UtteranceHistory(**parsed)


def parse_utterance(row: Row) -> KeptUtterance:
    """Parse a row of `UTTERANCE_SQL`."""
    return KeptUtterance(
        utterance_id=row["utterance_id"],
        form=row["form"],
        source=row["source"],
        verdict=parse_verdict(row),
        fields=parse_fields(row["entry_fields"] or row["fields"] or "{}"),
        event_id=row["event_id"],
        state=None if row["state"] is None else OutboxState(row["state"]),
    )


def parse_entry(row: Row) -> KeptEntry:
    """Parse a row of `ENTRY_SQL`."""
    reasons = json.loads(row["receipt"])["reasons"] if row["receipt"] else []
    return KeptEntry(
        sequence=row["sequence"],
        event_id=row["event_id"],
        form=row["form"],
        fields=parse_fields(row["fields"]),
        recorded_at=datetime.fromisoformat(row["recorded_at"]),
        state=OutboxState(row["state"]),
        attempts=row["attempts"],
        reasons=tuple([row["reason"], *reasons] if row["reason"] else reasons),
        act=Act(row["act"]),
        replaces=row["replaces"],
        operator=row["operator"],
    )
