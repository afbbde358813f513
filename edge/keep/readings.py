"""Models' answers beside the verdict: costs, late readings, and readings of deferred utterances.

A deferred utterance has the outcome `defer`. Once a model has read it, it is under review: a person sees the reading,
which never becomes stock by itself. A flag on an accepted utterance means that a model's late reading differs; the
entry stands until a person decides. Of models' spoken replies the latest few are stored.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import StorageFailed
from dockvoice_protocol.records import SCANNER, FieldValue, Reading, Usage
from edge.keep import evidence
from edge.keep.codec import format_time, now, parse_fields, parse_reading, reading_json, reasons_json, to_json
from edge.keep.database import JournalDatabase
from edge.keep.queries import UTTERANCE_SQL, KeptUtterance, parse_utterance
from edge.records import SAMPLE_RATE, Outcome, Utterance, Verdict

DEFERRED = "deferred"  # Review reason: no model was reachable, and one has read it since.

UNREADABLE = "unreadable"  # Review reason: no model was reachable, and none can read it.

_RECORDING_LOST = "recording_lost"  # Review reason: it was deferred, and its recording cannot be read.

REPLIES = "replies"  # The directory of spoken replies inside the state directory.
_REPLIES_KEPT = 20  # Replies stored at most: some ten megabytes.
_SINCE = """
    WHERE u.heard_at >= ? AND u.form = ? AND u.evidence <> 'removed' AND NOT EXISTS (
        SELECT 1 FROM utterances o WHERE o.source = u.source AND o.speech_start = u.speech_start
            AND o.heard_at = u.heard_at AND o.utterance_id <> u.utterance_id)
"""
"""Of what was heard since then for a form, with its sound; not where several things share one sound."""

_COUNTED = "SELECT count(*) AS n, coalesce(sum(samples), 0) AS samples FROM utterances u"

_WAITS = "outcome = 'defer' AND review IS NULL"  # Of an utterance: it waits for a model.
_OLDEST = 100  # Deferred utterances per search for a readable recording.

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """The usage of one model on one day."""

    day: str  # The local one, as 2026-11-20.
    client: str
    model: str
    answers: int
    text_tokens_in: int
    audio_tokens_in: int
    tokens_out: int
    audio_seconds: float
    cost_usd: float | None  # None where no price is set.


@dataclass(frozen=True, slots=True)
class PastUtterance:
    """An utterance with its verdict."""

    utterance: Utterance
    kept: KeptUtterance
    reading: Mapping[str, Any] | None = field(repr=False)  # As it is stored; None where no verdict fell.


@dataclass(frozen=True, slots=True)
class LateReading:
    """A model's reading after the verdict."""

    utterance_id: str
    interpreter: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class SupportingUtterance:
    """An utterance that an entry rests on, with its readings, late ones too."""

    utterance_id: str
    reading: Reading | None = field(repr=False)  # That of the entry.
    late: tuple[Reading, ...] = field(default=(), repr=False)  # Other models' readings.


@dataclass(frozen=True, slots=True)
class StandingRecord:
    """An entry that stands, with the utterances that it rests on."""

    event_id: str
    sequence: int
    recorded_at: datetime
    operator: str | None
    form: str
    fields: Mapping[str, FieldValue] = field(repr=False)
    said: tuple[SupportingUtterance, ...]  # The first utterance, then the supporting ones, in order.


@dataclass(frozen=True, slots=True)
class ReadUtterance:
    """The readings of one utterance, and its entry."""

    utterance_id: str
    form: str
    language: str | None  # Spoken; None: the device's own.
    readings: tuple[Reading, ...] = field(repr=False)  # The recorded one first.
    event_id: str | None  # Its entry, and the values.
    fields: Mapping[str, FieldValue] | None = field(repr=False)
    heard_at: datetime | None = None  # By the device's clock.


_ABSENT = "('refused', 'dead', 'discarded')"  # The states of events that the inventory has not.

_STANDING = f"""
    SELECT e.event_id, e.sequence, e.recorded_at, e.operator, e.form, e.fields, e.utterance_id, e.support
    FROM entries e JOIN outbox o USING (event_id)
    WHERE e.act <> 'cancel' AND o.state NOT IN {_ABSENT} AND e.recorded_at >= ? AND NOT EXISTS (
        SELECT 1 FROM entries r JOIN outbox p USING (event_id)
        WHERE r.replaces = e.event_id AND p.state NOT IN {_ABSENT}
    ) ORDER BY e.sequence
"""  # noqa: S608 - the list is our own

_READ = """
    SELECT u.utterance_id, u.form, u.language, u.heard_at, u.reading, e.event_id, e.fields AS entered
    FROM utterances u LEFT JOIN entries e USING (utterance_id)
    WHERE u.heard_at >= ? AND u.reading IS NOT NULL AND json_extract(u.reading, '$.interpreter') <> ?
    ORDER BY u.heard_at, u.utterance_id
"""


class ModelReadings:
    """The models' answers of one journal, and the deferred utterances."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db

    def late_readings(self, utterance_or_event_id: str) -> list[LateReading]:
        """The late readings of an utterance, by its id or its entry's event id, in the order of arrival."""
        found = self._db.rows(
            "SELECT utterance_id, interpreter, reading FROM answers WHERE came = 'late' AND reading IS NOT NULL "
            "AND utterance_id = coalesce((SELECT utterance_id FROM entries WHERE event_id = ?), ?) ORDER BY id",
            utterance_or_event_id,
            utterance_or_event_id,
        )
        return [LateReading(**{**row, "reading": parse_reading(json.loads(row["reading"]))}) for row in found]

    def deferred_utterances(self) -> list[KeptUtterance]:
        """The deferred utterances, oldest first."""
        return [
            parse_utterance(row)
            for row in self._db.rows(f"{UTTERANCE_SQL} WHERE {_WAITS} ORDER BY heard_at, utterance_id")
        ]

    def utterances_since(self, since: datetime, form: str) -> Iterator[PastUtterance]:
        """Yield the utterances for a form since then, oldest first, with their sound, for another model to read.

        Leaves out those of several things, whose recording each of these has, those whose recording was removed, and,
        with a warning, those whose recording cannot be read.
        """
        found = f"{UTTERANCE_SQL} {_SINCE} ORDER BY heard_at, utterance_id"
        for row in self._db.rows(found, format_time(since), form):
            try:
                utterance = evidence.read(self._db.path.parent / row["audio_path"], row)
            except StorageFailed as fault:
                _log.warning("left out: %s", fault)
            else:
                yield PastUtterance(utterance, parse_utterance(row), json.loads(row["reading"] or "null"))

    def standing_records(self, since: datetime) -> Iterator[StandingRecord]:
        """The entries since then that stand, the oldest first, with all their readings."""
        for row in self._db.rows(_STANDING, format_time(since)):
            said = tuple(self._past_saying(one) for one in (row["utterance_id"], *json.loads(row["support"])))
            at, fields = datetime.fromisoformat(row["recorded_at"]), parse_fields(row["fields"])
            own = {name: row[name] for name in ("event_id", "sequence", "operator", "form")}
            yield StandingRecord(recorded_at=at, fields=fields, said=said, **own)

    def _past_saying(self, utterance_id: str) -> SupportingUtterance:
        rows = self._db.rows("SELECT reading FROM utterances WHERE utterance_id = ?", utterance_id)
        stored = rows[0]["reading"] if rows else None
        read = None if stored is None else parse_reading(json.loads(stored))
        return SupportingUtterance(utterance_id, read, tuple(one.reading for one in self.late_readings(utterance_id)))

    def read_since(self, since: datetime) -> Iterator[ReadUtterance]:
        """The utterances since then with readings, the oldest first, without scans."""
        for row in self._db.rows(_READ, format_time(since), SCANNER):
            on_record = parse_reading(json.loads(row["reading"]))
            others = (*on_record.opinions, *(one.reading for one in self.late_readings(row["utterance_id"])))
            fields = None if row["entered"] is None else parse_fields(row["entered"])
            own = {name: row[name] for name in ("utterance_id", "form", "language", "event_id")}
            at = datetime.fromisoformat(row["heard_at"])
            yield ReadUtterance(readings=(on_record, *others), fields=fields, heard_at=at, **own)

    def utterance_with_sound(self, utterance_id: str) -> Utterance | None:
        """An utterance with its sound; None where the recording was removed. Raises StorageFailed."""
        removed = "SELECT * FROM utterances WHERE utterance_id = ? AND evidence <> 'removed'"
        for row in self._db.rows(removed, utterance_id):
            return evidence.read(self._db.path.parent / row["audio_path"], row)
        return None

    def count_and_seconds(self, since: datetime, form: str) -> tuple[int, float]:
        """The number of utterances that `utterances_since` reads, and their total length in seconds."""
        (row,) = self._db.rows(f"{_COUNTED} {_SINCE}", format_time(since), form)
        return row["n"], row["samples"] / SAMPLE_RATE

    def spent_usd(self, since: datetime) -> float:
        """The cost of the answers since then, as far as prices are set."""
        spent = "SELECT coalesce(sum(cost_usd), 0) AS usd FROM answers WHERE answered_at >= ?"
        return float(self._db.rows(spent, format_time(since))[0]["usd"])

    def daily_usage(self, since: datetime) -> list[DailyUsage]:
        """The usage since then by local day and model, the newest day first."""
        found = self._db.rows(
            "SELECT date(answered_at, 'localtime') AS day, client, model, count(*) AS answers, "
            "sum(text_tokens_in) AS text_tokens_in, sum(audio_tokens_in) AS audio_tokens_in, "
            "sum(tokens_out) AS tokens_out, sum(audio_seconds) AS audio_seconds, sum(cost_usd) AS cost_usd "
            "FROM answers WHERE answered_at >= ? AND client IS NOT NULL "
            "GROUP BY day, client, model ORDER BY day DESC, client, model",
            format_time(since),
        )
        return [DailyUsage(**row) for row in found]

    def store_answer(
        self, utterance_id: str, interpreter: str, came: str, reading: Reading | None, usage: Usage | None
    ) -> None:
        """Store a model's usage, and its reading where the verdict has another.

        `came` is `in time`, `late` or `deferred`. Raises LookupError for an unknown utterance.
        """
        if not self._db.rows("SELECT 1 FROM utterances WHERE utterance_id = ?", utterance_id):
            raise LookupError(f"{utterance_id}: no such utterance was begun here")
        with self._db.writing():
            self._db.insert(
                "answers",
                {
                    "utterance_id": utterance_id,
                    "interpreter": interpreter,
                    "came": came,
                    "answered_at": now(),
                    "reading": None if reading is None else reading_json(reading),
                    **({} if usage is None else asdict(usage)),
                },
            )

    def flag_entry(self, utterance_id: str, why: str) -> None:
        """Flag an entry for review by a person. Entry and event stay as they are."""
        self._db.write("UPDATE utterances SET flag = ? WHERE utterance_id = ?", [why, utterance_id])

    def take_oldest_readable_deferred(self, forms: Iterable[str]) -> Utterance | None:
        """The utterance of these forms that is deferred longest, with its sound; None without any.

        One with an unreadable recording goes to review: it must not block later ones.
        """
        waiting = (
            f"SELECT * FROM utterances WHERE {_WAITS} AND form IN (SELECT value FROM json_each(?)) "  # noqa: S608 - our own
            "ORDER BY heard_at, utterance_id LIMIT ?"
        )
        for row in self._db.rows(waiting, json.dumps(list(forms)), _OLDEST):
            try:
                return evidence.read(self._db.path.parent / row["audio_path"], row)
            except StorageFailed as fault:
                _log.warning("deferred, and cannot be read any more: %s", fault)
                self.send_to_review(row["utterance_id"], None, _RECORDING_LOST)
        return None

    def send_to_review(self, utterance_id: str, verdict: Verdict | None, why: str) -> bool:
        """Send a deferred utterance to review with a model's verdict; False where it is not deferred any more.

        A verdict of IGNORE closes it without review.
        """
        if verdict is not None and verdict.outcome is Outcome.IGNORE:
            change, values = "outcome = 'ignore', reasons = ?", [reasons_json(verdict)]
        else:
            change, values = "review = ?, fields = ?", [why, to_json({} if verdict is None else dict(verdict.fields))]
        sent = f"UPDATE utterances SET {change} WHERE utterance_id = ? AND {_WAITS}"  # noqa: S608 - our own
        return bool(self._db.write(sent, [*values, utterance_id]))


def keep_reply_for_diagnosis(state: Path, utterance_id: str, wav: bytes) -> None:
    """Store a model's spoken reply below the state directory; a disk error loses only the reply.

    It is for diagnosis: operators hear replies made from the entry (`speak/wording.py`).
    """
    directory, moment = state / REPLIES, datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with plain_file.open_owner_only(directory / f"{moment}-{utterance_id}.wav") as file:
            file.write(wav)
        for outlived in sorted(directory.glob("*.wav"))[:-_REPLIES_KEPT]:
            outlived.unlink(missing_ok=True)
    except OSError as fault:
        _log.warning("a spoken reply is not kept: %s", fault)
