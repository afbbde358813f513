"""What models gave for utterances beside the verdict: what it cost, late opinions, and readings of what was deferred.

A deferred utterance has the outcome `defer`. Once a model has read it, it is under review: what the reading says is
shown to a person, and never becomes stock by itself. A flag on an accepted utterance says that a model read something
else, too late to be heard; the entry stands until a person says otherwise.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from edge.errors import StorageFailed, UnreadableInput
from edge.keep import evidence, rows
from edge.keep.deadletters import DeadLetters
from edge.keep.dossier import Dossier
from edge.keep.drafts import reading_of
from edge.keep.rows import KeptEntry, KeptUtterance
from edge.keep.view import KEPT, JournalView
from edge.records import SAMPLE_RATE, Outcome, Reading, Usage, Utterance, Verdict

DEFERRED = "deferred"
"""Why an utterance is under review: no model could be asked when it was said, and one has read it since."""

UNREADABLE = "unreadable"
"""Why an utterance is under review: no model could be asked when it was said, and none makes a reading of it."""

RECORDING_LOST = "recording_lost"
"""Why an utterance is under review: it was deferred, and the disk does not give its recording back."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Spent:
    """What one model took on one day."""

    day: str
    """The local one, as 2026-11-20."""
    client: str
    model: str
    answers: int
    text_tokens_in: int
    audio_tokens_in: int
    tokens_out: int
    audio_seconds: float
    cost_usd: float | None
    """None where no price is set."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """An entry that stands, and that a person should look at."""

    entry: KeptEntry
    flag: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said, and what was made of it at the time."""

    utterance: Utterance
    kept: KeptUtterance
    reading: Mapping[str, Any] | None = field(repr=False)
    """As it is stored; None where no verdict fell."""


@dataclass(frozen=True, slots=True)
class Late:
    """What a model read of an utterance after its verdict."""

    utterance_id: str
    interpreter: str
    reading: Reading


class AnswersView(JournalView):
    """The part of the journal that tells what models gave, and what waits for them."""

    def late(self, which: str) -> list[Late]:
        """The late answers to an utterance, by its id or by the event id of its entry, in the order they came."""
        found = self._rows(
            "SELECT utterance_id, interpreter, reading FROM answers WHERE came = 'late' AND reading IS NOT NULL "
            "AND utterance_id = coalesce((SELECT utterance_id FROM entries WHERE event_id = ?), ?) ORDER BY id",
            *(which, which),
        )
        return [Late(**{**row, "reading": reading_of(json.loads(row["reading"]))}) for row in found]

    def deferred(self) -> list[KeptUtterance]:
        """What waits for a model, oldest first."""
        found = self._rows(f"{KEPT} WHERE outcome = 'defer' AND review IS NULL ORDER BY heard_at, utterance_id")
        return [rows.kept_utterance(row) for row in found]

    def flagged(self) -> list[Flagged]:
        """The entries that a later answer contradicts, oldest first."""
        found = self._rows(
            "SELECT e.*, o.state, o.attempts, o.receipt, o.reason, u.flag FROM utterances u "
            "JOIN entries e USING (utterance_id) JOIN outbox o USING (event_id) "
            "WHERE u.flag IS NOT NULL ORDER BY e.sequence"
        )
        return [Flagged(rows.kept_entry(row), row["flag"]) for row in found]

    def heard(self, since: datetime, form: str) -> Iterator[Heard]:
        """What was said since then for a form, oldest first, with its sound: for another model to read it.

        Without what lost its recording to make room, and what the disk does not give back, which is logged.
        """
        for row in self._rows(
            f"{KEPT} WHERE heard_at >= ? AND u.form = ? AND evidence <> 'removed' ORDER BY heard_at, utterance_id",
            rows.to_time(since),
            form,
        ):
            try:
                utterance = evidence.read(self._directory / row["audio_path"], row)
            except StorageFailed as fault:
                log.warning("left out: %s", fault)
            else:
                yield Heard(utterance, rows.kept_utterance(row), json.loads(row["reading"] or "null"))

    def seconds(self, since: datetime, form: str) -> tuple[int, float]:
        """How many utterances `heard` would tell, and how long they are together, in seconds."""
        (row,) = self._rows(
            "SELECT count(*) AS n, coalesce(sum(samples), 0) AS samples FROM utterances "
            "WHERE heard_at >= ? AND form = ? AND evidence <> 'removed'",
            rows.to_time(since),
            form,
        )
        return row["n"], row["samples"] / SAMPLE_RATE

    def spent_usd(self, since: datetime) -> float:
        """What the answers since then cost together, as far as prices are set."""
        found = self._rows(
            "SELECT coalesce(sum(cost_usd), 0) AS usd FROM answers WHERE answered_at >= ?", rows.to_time(since)
        )
        return float(found[0]["usd"])

    def costs(self, since: datetime) -> list[Spent]:
        """What the answers since then took, by local day and model, the newest day first."""
        found = self._rows(
            "SELECT date(answered_at, 'localtime') AS day, client, model, count(*) AS answers, "
            "sum(text_tokens_in) AS text_tokens_in, sum(audio_tokens_in) AS audio_tokens_in, "
            "sum(tokens_out) AS tokens_out, sum(audio_seconds) AS audio_seconds, sum(cost_usd) AS cost_usd "
            "FROM answers WHERE answered_at >= ? AND client IS NOT NULL "
            "GROUP BY day, client, model ORDER BY day DESC, client, model",
            rows.to_time(since),
        )
        return [Spent(**row) for row in found]


class Answers(AnswersView, DeadLetters):
    """The part of the journal that keeps what models gave."""

    def answered(
        self, utterance_id: str, interpreter: str, came: str, reading: Reading | None, usage: Usage | None
    ) -> None:
        """Keep an answer: what it took, and the reading where the verdict does not have it.

        `came` is `in time`, `late` or `deferred`. Raises LookupError for an utterance that never began.
        """
        self._demand(utterance_id)
        with self._writing():
            self._db.table("answers").insert(
                {
                    "utterance_id": utterance_id,
                    "interpreter": interpreter,
                    "came": came,
                    "answered_at": rows.to_time(datetime.now(UTC)),
                    "reading": None if reading is None else rows.reading_json(reading),
                    **({} if usage is None else asdict(usage)),
                }
            )

    def flag(self, utterance_id: str, why: str) -> None:
        """Let a person look at an entry. It stands, and so does what became of its event."""
        with self._writing():
            self._db.execute("UPDATE utterances SET flag = ? WHERE utterance_id = ?", [why, utterance_id])

    def oldest_deferred(self, form: str) -> Utterance | None:
        """The utterance of that form that has waited longest for a model, with its sound; None while none waits.

        One whose recording the disk does not give back goes to review: it must not hold up those behind it.
        """
        for row in list(self._waiting(form)):
            try:
                utterance = evidence.read(self._directory / row["audio_path"], row)
            except StorageFailed as fault:
                log.warning("deferred, and cannot be read any more: %s", fault)
                self.reviewed(row["utterance_id"], None, RECORDING_LOST)
            else:
                return utterance
        return None

    def reviewed(self, utterance_id: str, verdict: Verdict | None, why: str) -> bool:
        """Send a deferred utterance to review, with what a model made of it; false where it waits no more.

        A verdict to ignore it ends the matter: there is nothing for anybody to look at.
        """
        with self._writing():
            if verdict is not None and verdict.outcome is Outcome.IGNORE:
                changed = self._db.execute(
                    "UPDATE utterances SET outcome = 'ignore', reasons = ? "
                    "WHERE utterance_id = ? AND outcome = 'defer' AND review IS NULL",
                    [rows.verdict_columns(None, verdict)["reasons"], utterance_id],
                )
                return bool(changed.rowcount)
            fields = rows.to_json({} if verdict is None else dict(verdict.fields))
            changed = self._db.execute(
                "UPDATE utterances SET review = ?, fields = ? "
                "WHERE utterance_id = ? AND outcome = 'defer' AND review IS NULL",
                [why, fields, utterance_id],
            )
            return bool(changed.rowcount)

    def stand(self, which: str, who: str, reason: str | None) -> Dossier:
        """Take the flag from an entry that a person has looked at. `which` is as in `dossier`.

        Raises UnreadableInput for what carries no flag.
        """
        found = self.dossier(which)
        if found.flag is None:
            raise UnreadableInput(f"{which}: carries no flag; `dockvoice queue list --held` shows what does")
        with self._writing():
            self._note(found, "stand", who, reason)
            self._db.execute("UPDATE utterances SET flag = NULL WHERE utterance_id = ?", [found.utterance_id])
        return found

    def _waiting(self, form: str) -> Iterator[rows.Row]:
        yield from self._rows(
            "SELECT * FROM utterances WHERE outcome = 'defer' AND review IS NULL AND form = ? "
            "ORDER BY heard_at, utterance_id LIMIT 100",
            form,
        )

    def _demand(self, utterance_id: str) -> None:
        if not self._rows("SELECT 1 FROM utterances WHERE utterance_id = ?", utterance_id):
            raise LookupError(f"{utterance_id}: no such utterance was begun here")
