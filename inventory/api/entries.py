"""Entries: what operators meant, the latest first; and one with its history and its proof."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from inventory.api.asking import Cursor, Device, EventId, Limit, Query, Since, Site, State, Text, Until, cursor, mark
from inventory.api.enquiry import Answer, Endpoint, Enquiry, demand
from inventory.api.problems import Problem
from inventory.api.tokens import Scope
from inventory.api.told import ToldEntries, ToldEntry, ToldFlag, ToldLife, ToldProof, ToldStep
from inventory.queries import history, listing
from inventory.queries.listing import ListedEntry, Wanted
from inventory.reviews.flags import Flag, of_entries

PLACE = (int, str)  # Of an entry: its arrival, its event.


class AskedEntries(Query):
    """Which entries."""

    site: Site | None = None
    device: Device | None = None
    form: Text | None = None
    operator: Text | None = None
    trailer: Text | None = None
    pallet: Text | None = None
    state: State | None = None
    since: Since | None = None
    until: Until | None = None
    limit: Limit = 100
    cursor: Cursor(*PLACE) | None = None  # type: ignore[valid-type] # it makes a type


class AskedEntry(Query):
    """Which entry."""

    event_id: EventId


def entries(of: Enquiry) -> Answer:
    """A page of what is wanted."""
    asked: AskedEntries = of.asked
    site, _, device = (asked.device or "").partition("/")
    if device:
        demand(of.token, site, Scope.READ)
    wanted = Wanted(
        form=asked.form,
        device=(site, device) if device else None,
        operator=asked.operator,
        trailer=asked.trailer,
        pallet=asked.pallet,
        state=asked.state,
        since=asked.since,  # type: ignore[arg-type] # the validator made a moment of it
        until=asked.until,  # type: ignore[arg-type]
        sites=of.sites(asked.site),
    )
    before = None if asked.cursor is None else tuple(mark(asked.cursor, PLACE))
    with of.look() as transaction:
        found = listing.latest(transaction, wanted, of.place.roles, asked.limit + 1, before)
    page = found[: asked.limit]
    last = page[-1] if len(found) > asked.limit else None
    following = None if last is None else next_page(of, cursor([last.arrival, last.event_id]))
    return Answer(ToldEntries(entries=[_told(one) for one in page], next=following))


def entry(of: Enquiry) -> Answer:
    """One entry, or the event that was refused, with all that became of it."""
    event_id = of.asked.event_id
    with of.look() as transaction:
        steps = history.life(transaction, of.place.keys, event_id)
        found = next((one for one in steps if one.event_id == event_id), None)
        against = of_entries(transaction, [event_id]).get(event_id, [])
    if found is None or not of.token.may(found.site, Scope.READ):  # whose token is for another site learns nothing
        raise Problem("unknown", f"{event_id}: no event of this id is here")
    stands = next((one.event_id for one in reversed(steps) if one.state == "current"), None)
    told = [_step(one) for one in steps]
    return Answer(
        ToldLife(site=found.site, device=found.device, stands=stands, history=told, flags=told_flags(against))
    )


def told_flags(flags: Sequence[Flag]) -> list[ToldFlag]:
    """Flags as they are answered."""
    return [ToldFlag.model_validate(flag) for flag in flags]


def next_page(of: Enquiry, place: str) -> str:
    """The address of the page that begins there, with all that was asked for."""
    return f"{of.path}?{urlencode([*((name, one) for name, one in of.query if name != 'cursor'), ('cursor', place)])}"


def _told(one: ListedEntry) -> ToldEntry:
    said = {name: getattr(one, name) for name in ListedEntry.__dataclass_fields__ if name != "flags"}
    counts = one.state == "current" and not one.struck
    return ToldEntry(**said, counts=counts, flags=told_flags(one.flags))


def _step(one: history.Step) -> ToldStep:
    proof = ToldProof(
        holds=one.proof.fault is None,
        **{name: getattr(one.proof, name) for name in history.Proof.__dataclass_fields__},
    )
    told = {name: getattr(one, name) for name in ("event_id", "kind", "sequence", "received_at", "state")}
    return ToldStep(**told, reasons=list(one.reasons), proof=proof, event=dict(one.event))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/entries",
        "listEntries",
        "Entries, the latest first",
        entries,
        AskedEntries,
        ToldEntries,
        more=(
            "In the order in which they came here, which is nobody's clock: a device that was out of reach delivers "
            "old entries late. What counts is what has `counts`: true. `since` and `until` are about `recorded_at`; a "
            "day is one on the site's clock, and `until` a day is to its end."
        ),
        group="Entries",
    ),
    Endpoint(
        "GET",
        "/v1/entries/{event_id}",
        "getEntry",
        "One entry with its history and its proof",
        entry,
        AskedEntry,
        ToldLife,
        more="What it replaced, what replaced it, why it was refused; and of each event whether its device signed it.",
        problems=("unknown",),
        group="Entries",
    ),
)
