"""Refused events and rejected messages, the latest first."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select, tuple_

from dockvoice_protocol.hash_chain import parse_event_or_empty
from dockvoice_protocol.strict_json import cut_nesting
from inventory.records import LACKS_SETTINGS, PostingState
from inventory.store import outbox
from inventory.store.outbox import MessageKind
from inventory.store.tables import outbox as outbox_table
from inventory.store.tables import postings, refused, rejected


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An event that was refused for good."""

    site: str
    device: str
    event_id: str
    sequence: int
    reasons: tuple[str, ...]
    received_at: datetime
    said: Mapping[str, Any]  # Its data, if it is JSON: a refused event may have any shape.


@dataclass(frozen=True, slots=True)
class _Rejection:
    """A rejected message, which cannot be answered."""

    id: int
    topic: str
    reason: str
    size: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class _MissingSetting:
    """A value missing in a connector's settings, and the number of postings that wait for it."""

    connector: str
    said: str
    number: int


def load_missing_connector_settings(transaction: Connection) -> list[_MissingSetting]:
    """The values missing in the settings of all connectors."""
    waits = (postings.c.state == PostingState.DUE.value, postings.c.why == LACKS_SETTINGS)
    by = (postings.c.connector, outbox_table.c.error)
    its = outbox.match_row(MessageKind.ERP_POSTING, postings.c.site, postings.c.connector, postings.c.event_id)
    wanted = select(*by, func.count()).join_from(postings, outbox_table, and_(*its)).where(*waits)
    return [_MissingSetting(*row) for row in transaction.execute(wanted.group_by(*by).order_by(*by))]


def load_refusals(
    transaction: Connection, most: int, before: tuple[datetime, str] | None = None, sites: Collection[str] | None = None
) -> list[_Refusal]:
    """At most `most` refused events, the latest first; those before a time and an event, of these sites."""
    query = select(refused).order_by(refused.c.received_at.desc(), refused.c.event_id.desc()).limit(most)
    if before is not None:
        query = query.where(refused.c.received_at <= before[0])
        query = query.where(tuple_(refused.c.received_at, refused.c.event_id) < tuple_(*before))
    if sites is not None:
        query = query.where(refused.c.site.in_(sites))
    return [
        _Refusal(
            row.site,
            row.device,
            row.event_id,
            row.sequence,
            tuple(row.reasons),
            row.received_at,
            _event_data_or_empty(row.body),
        )
        for row in transaction.execute(query)
    ]


def load_rejections(transaction: Connection, most: int, before: int | None = None) -> list[_Rejection]:
    """At most `most` rejected messages, the latest first; those before an id."""
    size = func.length(rejected.c.payload)
    query = select(rejected.c.id, rejected.c.topic, rejected.c.reason, size, rejected.c.received_at)
    if before is not None:
        query = query.where(rejected.c.id < before)
    return [_Rejection(*row) for row in transaction.execute(query.order_by(rejected.c.id.desc()).limit(most))]


def _event_data_or_empty(body: bytes) -> Mapping[str, Any]:
    data = cut_nesting(parse_event_or_empty(body)).get("data")
    if not isinstance(data, dict):
        return {}
    # Lone surrogates, which JSON can hold, cannot be encoded in a page.
    return dict(json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")))
