"""The models of responses, from which the OpenAPI document is generated."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from inventory.reviews.flags import FlagState

_Values = dict[str, Any]  # By the name of the field, with the form's values.


class _Reply(BaseModel):
    """A response or a part of one."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class _PageOut(_Reply):
    """A page of a list."""

    next: str | None = Field(description="Where the next page is, from `/` on; null where this is the last.")


class FlagOut(_Reply):
    """What a rule of the site's says against an entry, and what a person decided about it."""

    event_id: str
    rule: str
    site: str
    device: str
    reason: str = Field(description="A code with what it is about: `already_received:dock-4`.")
    other: str | None = Field(description="The event of the entry that it is held against.")
    flagged_at: datetime
    state: FlagState
    who: str | None
    why: str | None
    decided_at: datetime | None


class EntryOut(_Reply):
    """What an operator meant."""

    event_id: str
    site: str
    device: str
    form: str
    fields: _Values = Field(description="What was said, by field, as the form has them.")
    operator: str | None
    recorded_at: datetime = Field(description="By the device's clock.")
    state: Literal["current", "amended", "cancelled"]
    counts: bool = Field(description="Whether it stands: it is current, and nobody has struck it.")
    replaces: str | None = Field(description="The entry that it corrects.")
    replaced_by: str | None = Field(description="The one that corrects it.")
    answers: int = Field(description="How often the operator had to say something besides.")
    utterance_id: str
    arrival: int = Field(description="Its place in the order in which events were applied here.")
    flags: list[FlagOut]


class EntriesOut(_PageOut):
    """Entries, the latest first."""

    entries: list[EntryOut]


class ProofOut(_Reply):
    """What shows that an event is what its device wrote."""

    holds: bool
    fault: str | None = Field(
        description="`unsigned`, `unknown_key`, `altered`, or `misplaced`: not behind the one before; null: it holds."
    )
    keyid: str
    chain: str
    previous: str
    signature: str


class StepOut(_Reply):
    """One event in the life of an entry."""

    event_id: str
    kind: Literal["recorded", "amended", "cancelled", "withheld", "refused"]
    sequence: int
    received_at: datetime
    state: str | None = Field(description="Of its entry; null where it makes none.")
    reasons: list[str] = Field(description="Why it was refused.")
    proof: ProofOut
    event: _Values = Field(description="The whole event, a CloudEvent, as schemas/events has it.")


class LifeOut(_Reply):
    """All events of one thing that was said, the first one first."""

    site: str
    device: str
    stands: str | None = Field(description="The event of the entry that stands now; null where none does.")
    history: list[StepOut]
    flags: list[FlagOut] = Field(description="What rules say against the entry that was asked for.")


class ArrivalOut(_Reply):
    """An event, and its place in the order in which events were applied here."""

    arrival: int
    received_at: datetime
    event: _Values = Field(description="A CloudEvent, as schemas/events has it, as its device signed it.")


class EventsOut(_Reply):
    """Events as they were applied, the first one first."""

    events: list[ArrivalOut]
    next: str = Field(description="Where those behind these are, from `/` on; also where there are none yet.")
    more: bool = Field(description="Whether there are more already.")


class VersionOut(_Reply):
    """Which version of one kind of master data a device runs."""

    kind: str
    runs: int | None
    published: int | None
    declined: str | None = Field(description="Why it declined the last that came.")


class DeviceOut(_Reply):
    """A device, as the inventory knows it."""

    site: str
    device: str
    linked: bool
    since: datetime | None = Field(description="When its link came up or was lost; null: it never said.")
    heard_at: datetime | None
    handled: int = Field(description="Every event up to this number was applied or refused.")
    highest: int
    missing: int = Field(description="How many have not come, as far as it has sent later ones.")
    waiting: int | None = Field(description="How many entries waited at the device when it said so last.")
    waiting_since: datetime | None
    under_review: int | None = Field(description="How many of its utterances wait for a person.")
    keys: int = Field(description="How many keys are enrolled for it.")
    program: str | None = Field(description="The version of the program.")
    alarms: list[str] = Field(description="What somebody should look at, as the console's alarms.")
    faults: list[str] = Field(description="Of its microphone and its speaker.")
    catalogue: list[VersionOut]


class DevicesOut(_Reply):
    """Every device, by site and name."""

    devices: list[DeviceOut]


class RefusalOut(_Reply):
    """An event that was not applied, and never will be as it stands."""

    site: str
    device: str
    event_id: str
    sequence: int
    reasons: list[str]
    received_at: datetime
    said: _Values = Field(description="Its data, as far as it is JSON: what was refused may have any shape.")


class RefusalsOut(_PageOut):
    """Refusals, the latest first."""

    refusals: list[RefusalOut]


class ReviewOut(_Reply):
    """What a device has put aside for a person, by its latest word."""

    site: str
    device: str
    utterance_id: str
    event_id: str
    sequence: int
    state: Literal["open", "recorded", "answered", "dropped", "retried"]
    form: str
    operator: str | None
    reason: str | None
    decided_by: str | None
    entry: str | None = Field(description="The event of the entry that it became.")
    fields: _Values
    doubtful: dict[str, str] = Field(description="By field, why it lacks a value or is in doubt.")
    audio_sha256: str
    told_at: datetime


class ReviewsOut(_PageOut):
    """Reviews, the oldest first."""

    reviews: list[ReviewOut]


class FlagsOut(_PageOut):
    """Flags, the oldest first."""

    flags: list[FlagOut]


class SumOut(_Reply):
    """What stands of one thing: null is what entries did not say."""

    pallet: str | None
    item: str | None
    unit: str | None = Field(description="What the quantity counts: the entries' `uom`, or `unit`.")
    lot: str | None
    location: str | None = Field(description="The entries' `location`, `dock` or `door`: the first that they have.")
    quantity: int | float = Field(description="The sum, digit by digit.")


class StockOut(_PageOut):
    """Sums by pallet, item, unit, lot and location."""

    stock: list[SumOut]


class TrailerOut(_Reply):
    """A trailer in a list."""

    site: str
    trailer: str
    state: Literal["announced", "open", "closed"]
    announced: list[str] = Field(description="The pallets that were announced.")
    received: list[str] = Field(description="The pallets that were received.")
    missing: list[str] = Field(description="Announced and not received.")
    not_announced: list[str] = Field(description="Received and, of a trailer with a list, not announced.")
    entries: int = Field(description="How many entries stand that name it.")
    last: datetime | None = Field(description="When it was heard of last, by the devices' clocks.")


class TrailersOut(_PageOut):
    """Trailers: on the first page those that are announced and not begun, then those heard of last."""

    trailers: list[TrailerOut]


class VisitShortOut(_Reply):
    """One visit of a trailer."""

    number: int
    began: datetime
    closed: bool


class VisitOut(_Reply):
    """What a trailer was to bring and brought on one visit, as its dossier counts."""

    site: str
    trailer: str
    visit: _Values = Field(description="Its number, of how many, when it began, when it was closed.")
    as_of: str
    lines: list[_Values] = Field(description="By pallet and item, as schemas/dossier.schema.json has them.")
    figures: _Values = Field(description="What the lines come to.")
    still_to_come: list[_Values] = Field(description="Devices of which events are missing.")
    visits: list[VisitShortOut]


class LineOut(_Reply):
    """One item on one pallet."""

    notice: str
    pallet: str
    item: str
    quantity: int | float
    uom: str
    lot_needed: bool
    received: bool = Field(description="By any device, when the list was published last.")


class ListOut(_Reply):
    """What is expected at a trailer or a door, as it was published last."""

    site: str
    kind: Literal["trailer", "door"]
    name: str
    version: int
    lines: list[LineOut] = Field(description="None: it is withdrawn.")
    sent: bool = Field(description="Whether the broker has it; if not, send it once more.")


class ListsOut(_Reply):
    """What is expected at a site."""

    expected: list[ListOut]


class MasterOut(_Reply):
    """The latest version of one kind of master data."""

    site: str
    kind: str
    version: int
    rows: list[dict[str, str]] = Field(description="None: it is withdrawn, and devices go by their own files.")
    who: str
    reason: str
    what: str
    made_at: datetime
    published_at: datetime | None = Field(
        description="When it was signed and entered to be sent; null: no device gets it."
    )


class KindsOut(_Reply):
    """Every kind of master data of a site, in its latest version."""

    kinds: list[MasterOut]


class OperatorOut(_Reply):
    """Somebody who may sign on."""

    name: str
    number: str | None = Field(description="With which he signs on; null also where the token may not write here.")
    spoken: list[str]
    language: str | None
    forms: list[str] | None = Field(description="Which he may fill; null: all.")


class RosterOut(_Reply):
    """Who may sign on at a site, in its latest version."""

    site: str
    version: int
    operators: list[OperatorOut]
    who: str
    reason: str
    made_at: datetime
    published_at: datetime | None


class HealthOut(_Reply):
    """That the database answers."""

    database: Literal["answers"]
