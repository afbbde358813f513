"""What the journal knows of the conversation with the operator: what is being agreed, and what was agreed last."""

from __future__ import annotations

import json
from collections.abc import Iterable

from edge.keep import drafts
from edge.keep.answers import Answers
from edge.keep.drafts import Conversation, Parked
from edge.keep.rows import to_json
from edge.records import SAMPLE_RATE, LastEntry, Reading, Recording


class Conversing(Answers):
    """The part of the journal that a conversation is taken up from again after a restart."""

    def conversation(self) -> Conversation:
        """The draft and who is signed on, as the last turn left them."""
        (row,) = self._rows("SELECT draft, operator FROM conversation")
        return Conversation(drafts.draft_of(row["draft"]), row["operator"])

    def last_entry(self) -> LastEntry | None:
        """The newest entry; None before the first, and where it is a cancellation."""
        found = self._rows(drafts.LAST)
        return drafts.last_entry(found[0]) if found else None

    def turned_down(self, event_id: str) -> dict[str, str | None]:
        """Of an event and those it replaces one after the other, each that the inventory has not, by its own word.

        With the one that it was to replace.
        """
        return {row["event_id"]: row["replaces"] for row in self._rows(drafts.TURNED_DOWN, event_id)}

    def taken(self, event_ids: Iterable[str]) -> set[str]:
        """Of these events, those that the inventory has, or is still to answer: it may be asked again, and mended."""
        return {row["event_id"] for row in self._rows(drafts.TAKEN, json.dumps(list(event_ids)))}

    def reading(self, utterance_id: str) -> Reading | None:
        """What was read of an utterance when its verdict fell, without usage and opinions; None where nothing was."""
        found = self._rows("SELECT reading FROM utterances WHERE utterance_id = ?", utterance_id)
        stored = found[0]["reading"] if found else None
        return None if stored is None else drafts.reading_of(json.loads(stored))

    def recording(self, utterance_id: str) -> Recording:
        """The sound of an utterance, as events name it. Raises LookupError for one that never began."""
        for row in self._rows("SELECT audio_sha256, samples FROM utterances WHERE utterance_id = ?", utterance_id):
            return Recording(utterance_id, row["audio_sha256"], row["samples"] / SAMPLE_RATE)
        raise LookupError(f"{utterance_id}: no such utterance was begun here")

    def _park(self, parked: Parked) -> None:
        """Under review. Without an outcome: where a person retries it, it is read again."""
        changed = self._db.execute(
            "UPDATE utterances SET outcome = NULL, reasons = NULL, ask = NULL, review = ?, fields = ? "
            "WHERE utterance_id = ?",
            [parked.why, to_json(dict(parked.fields)), parked.utterance_id],
        )
        if not changed.rowcount:
            raise LookupError(f"{parked.utterance_id}: no such utterance was begun here")
