"""What waits for a person: reviews and flags; and what was refused. Read here, and decided elsewhere, by people."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, select, tuple_

from inventory.api.asking import Cursor, Limit, Query, Site, cursor, mark
from inventory.api.enquiry import Answer, Endpoint, Enquiry
from inventory.api.entries import next_page
from inventory.api.told import ToldFlag, ToldFlags, ToldRefusal, ToldRefusals, ToldReview, ToldReviews
from inventory.queries import refusals as turned_down
from inventory.reviews.flags import concerns
from inventory.reviews.reviews import Review
from inventory.store.tables import entries as meant
from inventory.store.tables import flags as spoken
from inventory.store.tables import reviews as put_aside

PLACE = (datetime, str)  # And an event.
FLAG_PLACE = (datetime, str, str)  # And a rule.


class AskedPage(Query):
    """Of which site, and how much."""

    site: Site | None = None
    limit: Limit = 100
    cursor: Cursor(*PLACE) | None = None  # type: ignore[valid-type] # it makes a type


class AskedReviews(AskedPage):
    """Which reviews."""

    state: Literal["open", "every"] = "open"


class AskedFlags(AskedPage):
    """Which flags."""

    cursor: Cursor(*FLAG_PLACE) | None = None  # type: ignore[valid-type] # as above
    state: Literal["open", "stands", "struck", "every"] = "open"


def reviews(of: Enquiry) -> Answer:
    """What devices have put aside, the oldest first."""
    asked: AskedReviews = of.asked
    order = (put_aside.c.told_at, put_aside.c.event_id)
    wanted = _of_sites(select(put_aside), put_aside.c.site, of).order_by(*order)
    if asked.state == "open":
        wanted = wanted.where(put_aside.c.state == "open")
    if asked.cursor is not None:
        wanted = wanted.where(tuple_(*order) > tuple_(*mark(asked.cursor, PLACE)))
    with of.look() as transaction:
        rows = transaction.execute(wanted.limit(asked.limit + 1)).mappings().all()
    names = [name for name in Review.__dataclass_fields__ if name in ToldReview.model_fields]
    page = [ToldReview(**{name: row[name] for name in names}) for row in rows[: asked.limit]]
    last = page[-1] if len(rows) > asked.limit else None
    following = last and next_page(of, cursor([last.told_at, last.event_id]))
    return Answer(ToldReviews(reviews=page, next=following))


def flags(of: Enquiry) -> Answer:
    """What rules speak against, the oldest first; open ones only of entries that stand, or of devices."""
    asked: AskedFlags = of.asked
    order = (spoken.c.flagged_at, spoken.c.event_id, spoken.c.rule)
    wanted = _of_sites(select(spoken), spoken.c.site, of).order_by(*order)
    if asked.state == "open":
        wanted = wanted.outerjoin(meant, spoken.c.event_id == meant.c.event_id).where(concerns())
    if asked.state != "every":
        wanted = wanted.where(spoken.c.state == asked.state)
    if asked.cursor is not None:
        wanted = wanted.where(tuple_(*order) > tuple_(*mark(asked.cursor, FLAG_PLACE)))
    with of.look() as transaction:
        rows = transaction.execute(wanted.limit(asked.limit + 1)).all()
    page = [ToldFlag.model_validate(row) for row in rows[: asked.limit]]
    last = page[-1] if len(rows) > asked.limit else None
    following = last and next_page(of, cursor([last.flagged_at, last.event_id, last.rule]))
    return Answer(ToldFlags(flags=page, next=following))


def refusals(of: Enquiry) -> Answer:
    """Events that were not applied, the latest first."""
    asked: AskedPage = of.asked
    before = None if asked.cursor is None else tuple(mark(asked.cursor, PLACE))
    with of.look() as transaction:
        found = turned_down.refusals(transaction, asked.limit + 1, before, of.sites(asked.site))
    page = [
        ToldRefusal(**{name: getattr(one, name) for name in ("site", "device", "event_id", "sequence", "received_at")},
                    reasons=list(one.reasons), said=dict(one.said))
        for one in found[: asked.limit]
    ]  # fmt: skip
    last = page[-1] if len(found) > asked.limit else None
    following = last and next_page(of, cursor([last.received_at, last.event_id]))
    return Answer(ToldRefusals(refusals=page, next=following))


def _of_sites(wanted: Select[Any], site: Any, of: Enquiry) -> Select[Any]:
    sites = of.sites(of.asked.site)
    return wanted if sites is None else wanted.where(site.in_(sites))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/reviews",
        "listReviews",
        "What devices have put aside for a person, the oldest first",
        reviews,
        AskedReviews,
        ToldReviews,
        more="A person decides: on the console, by `dockvoice inventory review`, or the operator by voice.",
        group="What waits for a person",
    ),
    Endpoint(
        "GET",
        "/v1/flags",
        "listFlags",
        "Entries that rules speak against, the oldest first",
        flags,
        AskedFlags,
        ToldFlags,
        more="A person decides: by `dockvoice inventory flags`.",
        group="What waits for a person",
    ),
    Endpoint(
        "GET",
        "/v1/refusals",
        "listRefusals",
        "Events that were refused, the latest first",
        refusals,
        AskedPage,
        ToldRefusals,
        group="What waits for a person",
    ),
)
