"""Recordings on a page: which ones an entry or a review has, and whether the user may listen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from inventory.clips.clips import SignedSound
from inventory.console.accounts import Role
from inventory.console.context import RequestContext
from inventory.records import event_data_or_empty
from inventory.reviews.reviews import Review
from inventory.store.console_tables import deeds
from inventory.store.tables import events, reviews

LISTENED = "listened"  # The audit log's action of a user who gave a reason for listening.

_REASON_LASTS = timedelta(hours=10)  # One reason serves for one recording during one shift.


@dataclass(frozen=True, slots=True)
class _Playable:
    """A recording as a page shows it."""

    recorded: SignedSound
    state: str  # Where the sound is, as a code.
    allowed: bool  # Whether the user's role may listen.
    reason_given: bool
    event_id: str | None  # The event that names it; None where a review does.

    @property
    def path(self) -> str:
        """The URL path of the recording's player."""
        return f"/sounds/{self.recorded.site}/{self.recorded.device}/{self.recorded.utterance_id}"

    @property
    def query(self) -> str:
        """The query string with its event, if any."""
        return "" if self.event_id is None else f"?event={self.event_id}"


def recording_of_review(context: RequestContext, review: Review) -> _Playable:
    """The recording of an utterance under review."""
    utterance = event_data_or_empty(review.body).get("utterance", {})
    return build_playable(context, _to_sound(review.site, review.device, utterance))


def recordings_of_event(context: RequestContext, event: Mapping[str, Any], site: str, device: str) -> list[_Playable]:
    """The recordings that support an entry."""
    utterances = [event["data"]["utterance"], *event["data"].get("support", [])]
    return [build_playable(context, _to_sound(site, device, one), str(event["id"])) for one in utterances]


def build_playable(context: RequestContext, recorded: SignedSound, event_id: str | None = None) -> _Playable:
    """Build the page's view of a recording; it may be played once the user gave a reason."""
    allowed = context.has_role(Role.REVIEWER)
    with context.read_transaction() as transaction:
        given = allowed and has_given_reason(
            transaction, context.user_name, recorded.utterance_id, context.resources.now()
        )
    return _Playable(recorded, context.resources.sounds.state(recorded), allowed, given, event_id)


def has_given_reason(transaction: Connection, user: str, utterance_id: str, now: datetime) -> bool:
    """Whether the user gave a reason for listening lately."""
    its = (deeds.c.deed == LISTENED, deeds.c.who == user, deeds.c.about == utterance_id)
    recent = deeds.c.at > now - _REASON_LASTS
    return transaction.execute(select(deeds.c.number).where(*its, recent).limit(1)).first() is not None


def find_recording(
    transaction: Connection, site: str, device: str, utterance_id: str, event_id: str | None
) -> SignedSound | None:
    """The recording of an utterance, if the event, or without one a review, names it; else None."""
    review = select(reviews.c.body).where(reviews.c.utterance_id == utterance_id)
    event = select(events.c.body).where(events.c.event_id == event_id)
    table, wanted = (reviews, review) if event_id is None else (events, event)
    row = transaction.execute(wanted.where(table.c.site == site, table.c.device == device)).first()
    data = {} if row is None else event_data_or_empty(row.body)
    for utterance in (data.get("utterance", {}), *data.get("support", [])):
        if utterance.get("id") == utterance_id:
            return _to_sound(site, device, utterance)
    return None


def _to_sound(site: str, device: str, utterance: Mapping[str, Any]) -> SignedSound:
    sha256, seconds = str(utterance["audio_sha256"]), float(utterance["audio_seconds"])
    return SignedSound(site, device, str(utterance["id"]), sha256, seconds)
