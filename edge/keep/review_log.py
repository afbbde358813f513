"""The review log: each change of what waits for a person, numbered, chained, signed, and owed until it is confirmed.

It is worked out from the utterances as they stand, whoever changed them: a conversation, a command, a crash. So nothing
is missed, and what came and went between two looks is not told. The audit asks whether the chain of
what was told holds, and whether the rows are what the events say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import uuid_utils

from dockvoice_protocol import hash_chain
from dockvoice_protocol.hash_chain import Broken, Chain, Chained, PublicKey, Signer, Wrong
from edge.keep.codec import draft_of, fields_of, now, reading_of, to_json
from edge.keep.database import JournalDatabase, Row
from edge.keep.removals import review_removal
from edge.records import SAMPLE_RATE, Draft, Minted, OutboxRow, Outcome, Recording, ReviewChange, ReviewState

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
    """The changes of one journal, the oldest first."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db

    def open_event(self, utterance_id: str) -> str | None:
        """The event that told last that this utterance waits; None where it does not."""
        found = self._db.rows(
            "SELECT r.event_id FROM reviews r JOIN utterances u USING (utterance_id) "
            "WHERE r.utterance_id = ? AND r.latest AND r.state = 'open' AND u.review IS NOT NULL",
            utterance_id,
        )
        return found[0]["event_id"] if found else None

    def told_last(self, utterance_id: str) -> str | None:
        """The event that told last of this utterance, whatever has become of it since; None where none did."""
        found = self._db.rows("SELECT event_id FROM reviews WHERE utterance_id = ? AND latest", utterance_id)
        return found[0]["event_id"] if found else None

    def due(self, limit: int) -> list[OutboxRow]:
        """The first changes that nobody has confirmed."""
        found = self._db.rows(
            "SELECT event_id, sequence, body FROM reviews WHERE settled_at IS NULL ORDER BY sequence LIMIT ?", limit
        )
        return [OutboxRow(**row) for row in found]

    def settle(self, event_ids: Iterable[str]) -> None:
        """These are confirmed."""
        with self._db.writing():
            self._db.execute(
                "UPDATE reviews SET settled_at = ? WHERE settled_at IS NULL "
                "AND event_id IN (SELECT value FROM json_each(?))",
                [now(), to_json(list(event_ids))],
            )

    def owe_what_is_open(self) -> None:
        """Tell once more what waits: whoever it was told to may have been restored from a copy since."""
        with self._db.writing():
            self._db.execute("UPDATE reviews SET settled_at = NULL WHERE latest AND state = 'open'")

    def write(self, render: Callable[[ReviewChange, Minted], dict[str, Any]], instance: str, signer: Signer) -> int:
        """Number, chain and keep what changed since it was told last; how many changes were found."""
        if not (found := self._db.rows(_CHANGED, _AT_ONCE)):
            return 0
        with self._db.writing():
            for row in found:
                self._write(row, render, instance, signer)
        return len(found)

    def _write(
        self, row: Row, render: Callable[[ReviewChange, Minted], dict[str, Any]], instance: str, signer: Signer
    ) -> None:
        last = self._db.rows(
            "SELECT sequence, link FROM reviews UNION SELECT sequence, link FROM reviews_removed "
            "ORDER BY sequence DESC LIMIT 1"
        )
        sequence, link = (last[0]["sequence"], last[0]["link"]) if last else (0, hash_chain.GENESIS)
        change = _change(row)
        minted = Minted(str(uuid_utils.uuid7()), sequence + 1, link, instance)
        event = hash_chain.sealed(
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


def sign_off(db: JournalDatabase, utterances: str, signer: Signer) -> None:
    """The device's word that what it told of these utterances (JSON) goes, in the transaction that removes it."""
    told = "SELECT sequence, link FROM reviews WHERE utterance_id IN (SELECT value FROM json_each(?)) AND body <> '{}'"
    for row in db.rows(told, utterances):
        signature = signer.sign(review_removal(row["sequence"], row["link"]))
        db.insert("reviews_removed", {**row, "keyid": signer.public.keyid, "signature": signature})


def _change(row: Row) -> ReviewChange:
    draft: Draft | None = draft_of(row["draft"])
    read = None if row["reading"] is None else reading_of(json.loads(row["reading"]))
    return ReviewChange(
        state=_state(row),
        form=row["form"],
        recording=Recording(row["utterance_id"], row["audio_sha256"], row["samples"] / SAMPLE_RATE),
        why=row["review"],
        fields=fields_of(row["entered"] or row["fields"] or "{}"),
        reading=read if draft is None else draft.reading,
        operator=row["entered_by"] if draft is None else draft.operator,
        event_id=row["event_id"],
        by_office=bool(row["by_office"]) and row["review"] is None,
    )


def _state(row: Row) -> ReviewState:
    if row["review"] is not None:
        return ReviewState.OPEN
    if row["event_id"] is not None:
        return ReviewState.RECORDED
    if row["outcome"] is None:
        return ReviewState.RETRIED
    return ReviewState.ANSWERED if row["outcome"] == Outcome.HEED else ReviewState.DROPPED


_TOLD = """
    SELECT s.sequence, r.event_id, r.utterance_id, r.state, r.fields, r.latest, r.link, r.body, u.audio_sha256,
        r.sequence = (SELECT max(sequence) FROM reviews m WHERE m.utterance_id = r.utterance_id) AS is_last,
        g.link AS gone, g.keyid, g.signature
    FROM (SELECT sequence FROM reviews UNION SELECT sequence FROM reviews_removed) s
    LEFT JOIN reviews r USING (sequence) LEFT JOIN utterances u USING (utterance_id)
    LEFT JOIN reviews_removed g USING (sequence) ORDER BY s.sequence
"""


def verify_reviews(db: JournalDatabase, keys: Mapping[str, PublicKey]) -> tuple[int, Broken | None]:
    """How many hold, and the first with which something is wrong. What was removed, the device has signed for."""
    chain = Chain(keys)
    for row in db.rows(_TOLD):
        if wrong := _gone(row, chain, keys) if row["gone"] is not None else _told(row, chain):
            return chain.held, Broken(chain.last + 1, wrong)
    return chain.held, None


def _gone(row: Row, chain: Chain, keys: Mapping[str, PublicKey]) -> Wrong | None:
    key, sequence = keys.get(str(row["keyid"])), row["sequence"]
    if key is None or not key.signed(review_removal(sequence, row["gone"]), str(row["signature"])):
        return Wrong.ERASURE_FORGED
    if sequence != chain.last + 1:
        return Wrong.MISSING
    if (row["body"], row["fields"]) not in {(None, None), ("{}", None)} or row["link"] not in {None, row["gone"]}:
        return Wrong.ALTERED
    chain.last, chain.link = sequence, row["gone"]
    return None


def _told(row: Row, chain: Chain) -> Wrong | None:
    event = hash_chain.parsed(row["body"])
    chained = Chained(
        sequence=row["sequence"],
        previous=str(event.get(hash_chain.PREVIOUS)),
        link=row["link"],
        event=event,
        audio_sha256=str(row["audio_sha256"]),
        withheld=False,
    )
    wrong = chain.wrong_with(chained) or (None if _same(row, event) else Wrong.ROW_ALTERED)
    if wrong is None:
        chain.grow(chained)
    return wrong


def _same(row: Row, event: Mapping[str, Any]) -> bool:
    data = event["data"]
    said = (event["id"], event["sequence"], data["utterance"]["id"], data["state"])
    kept = (row["event_id"], str(row["sequence"]), row["utterance_id"], row["state"])
    # Those of what is decided are those of its entry, which the audit of the entries looks at.
    known = data["fields"] if data["state"] == "open" else json.loads(row["fields"] or "{}")
    return said == kept and row["latest"] == row["is_last"] and known == json.loads(row["fields"] or "{}")
