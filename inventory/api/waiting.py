"""What waits for a person: reviews, flags and refused events. Read-only: people decide elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, select, tuple_

from inventory.api.endpoint import Answer, ApiContext, endpoint
from inventory.api.models import FlagOut, FlagsOut, RefusalOut, RefusalsOut, ReviewOut, ReviewsOut
from inventory.api.parameters import Limit, Query, Site, cursor_type, decode_cursor
from inventory.queries.refusals import load_refusals
from inventory.reviews.flags import is_undecided_and_current
from inventory.store.tables import entries, flags, reviews

_PLACE = (datetime, str)  # Cursor: a time and an event.
_FLAG_PLACE = (datetime, str, str)  # Cursor: a time, an event and a rule.


class _PageQuery(Query):
    """Parameters: the site, and the page."""

    site: Site | None = None
    limit: Limit = 100
    cursor: cursor_type(*_PLACE) | None = None  # type: ignore[valid-type] # it makes a type


class _ReviewsQuery(_PageQuery):
    """Parameters: the reviews' state."""

    state: Literal["open", "every"] = "open"


class _FlagsQuery(_PageQuery):
    """Parameters: the flags' state."""

    cursor: cursor_type(*_FLAG_PLACE) | None = None  # type: ignore[valid-type] # as above
    state: Literal["open", "stands", "struck", "every"] = "open"


@endpoint("GET", "/v1/reviews", "listReviews", _ReviewsQuery, ReviewsOut)
def _list_reviews(context: ApiContext) -> Answer:
    """What devices have put aside for a person, the oldest first.

    A person decides: on the console, by `dockvoice inventory review`, or the operator by voice.
    """
    asked: _ReviewsQuery = context.parameters
    order = (reviews.c.told_at, reviews.c.event_id)
    wanted = _filter_sites(select(reviews), reviews.c.site, context).order_by(*order)
    if asked.state == "open":
        wanted = wanted.where(reviews.c.state == "open")
    if asked.cursor is not None:
        wanted = wanted.where(tuple_(*order) > tuple_(*decode_cursor(asked.cursor, _PLACE)))
    with context.read_transaction() as transaction:
        rows = transaction.execute(wanted.limit(asked.limit + 1)).all()
    page, following = context.cut_page(rows, asked.limit, lambda one: [one.told_at, one.event_id])
    return Answer(ReviewsOut(reviews=[ReviewOut.model_validate(row) for row in page], next=following))


@endpoint("GET", "/v1/flags", "listFlags", _FlagsQuery, FlagsOut)
def _list_flags(context: ApiContext) -> Answer:
    """Entries that rules speak against, the oldest first.

    A person decides: by `dockvoice inventory flags`.
    """
    asked: _FlagsQuery = context.parameters
    order = (flags.c.flagged_at, flags.c.event_id, flags.c.rule)
    wanted = _filter_sites(select(flags), flags.c.site, context).order_by(*order)
    if asked.state == "open":
        wanted = wanted.outerjoin(entries, flags.c.event_id == entries.c.event_id).where(is_undecided_and_current())
    if asked.state != "every":
        wanted = wanted.where(flags.c.state == asked.state)
    if asked.cursor is not None:
        wanted = wanted.where(tuple_(*order) > tuple_(*decode_cursor(asked.cursor, _FLAG_PLACE)))
    with context.read_transaction() as transaction:
        rows = transaction.execute(wanted.limit(asked.limit + 1)).all()
    page, following = context.cut_page(rows, asked.limit, lambda one: [one.flagged_at, one.event_id, one.rule])
    return Answer(FlagsOut(flags=[FlagOut.model_validate(row) for row in page], next=following))


@endpoint("GET", "/v1/refusals", "listRefusals", _PageQuery, RefusalsOut)
def _list_refused_events(context: ApiContext) -> Answer:
    """Events that were refused, the latest first."""
    asked: _PageQuery = context.parameters
    before = None if asked.cursor is None else tuple(decode_cursor(asked.cursor, _PLACE))
    with context.read_transaction() as transaction:
        found = load_refusals(transaction, asked.limit + 1, before, context.sites(asked.site))
    page, following = context.cut_page(found, asked.limit, lambda one: [one.received_at, one.event_id])
    return Answer(RefusalsOut(refusals=[RefusalOut.model_validate(one) for one in page], next=following))


def _filter_sites(wanted: Select[Any], site: Any, context: ApiContext) -> Select[Any]:
    sites = context.sites(context.parameters.site)
    return wanted if sites is None else wanted.where(site.in_(sites))


ENDPOINTS = (_list_reviews, _list_flags, _list_refused_events)
