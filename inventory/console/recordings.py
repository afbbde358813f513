"""Recordings on a page: which there are, whether one may be heard by who looks, and what it looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from inventory.clips.clips import SignedSound
from inventory.console.call import Call
from inventory.console.people import Role
from inventory.console.sounds import said_why
from inventory.records import data_of
from inventory.reviews.reviews import Review
from inventory.store.tables import events, reviews


@dataclass(frozen=True, slots=True)
class Playable:
    """A recording as a page shows it."""

    recorded: SignedSound
    state: str  # Where the sound is, as a code.
    may: bool  # Whether who looks may listen at all.
    said: bool  # Whether he has said why.
    event_id: str | None  # The event that names it; None where a review does.

    @property
    def path(self) -> str:
        """Where it is asked for."""
        return f"/sounds/{self.recorded.site}/{self.recorded.device}/{self.recorded.utterance_id}"

    @property
    def query(self) -> str:
        """Which event names it, where that is not told by the utterance alone."""
        return "" if self.event_id is None else f"?event={self.event_id}"


def of_review(call: Call, review: Review) -> Playable:
    """The recording of what was put aside."""
    said = data_of(review.body).get("utterance", {})
    return playable(call, _recorded(review.site, review.device, said))


def of_event(call: Call, event: Mapping[str, Any], site: str, device: str) -> list[Playable]:
    """The recordings on which an entry rests."""
    said = [event["data"]["utterance"], *event["data"].get("support", [])]
    return [playable(call, _recorded(site, device, one), str(event["id"])) for one in said]


def playable(call: Call, recorded: SignedSound, event_id: str | None = None) -> Playable:
    """It as who looks may have it: no sound goes to anybody who has not said why."""
    may = call.who is not None and call.who.role >= Role.REVIEWER
    name = call.who.name if call.who else ""
    with call.look() as transaction:
        said = may and said_why(transaction, name, recorded.utterance_id, call.place.now())
    return Playable(recorded, call.place.sounds.state(recorded), may, said, event_id)


def found(
    transaction: Connection, site: str, device: str, utterance_id: str, event_id: str | None
) -> SignedSound | None:
    """The recording of an utterance that a review is about, or that the event rests on; None where nothing does."""
    told = select(reviews.c.body).where(reviews.c.utterance_id == utterance_id)
    entered = select(events.c.body).where(events.c.event_id == event_id)
    table, wanted = (reviews, told) if event_id is None else (events, entered)
    row = transaction.execute(wanted.where(table.c.site == site, table.c.device == device)).first()
    data = {} if row is None else data_of(row.body)
    for said in (data.get("utterance", {}), *data.get("support", [])):
        if said.get("id") == utterance_id:
            return _recorded(site, device, said)
    return None


def _recorded(site: str, device: str, said: Mapping[str, Any]) -> SignedSound:
    return SignedSound(site, device, str(said["id"]), str(said["audio_sha256"]), float(said["audio_seconds"]))
