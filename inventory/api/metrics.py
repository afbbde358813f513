"""Metrics in Prometheus' text format: the messages for devices that are pending in the outbox."""

from __future__ import annotations

from sqlalchemy import func, select

from inventory.api.context import Answer, ApiContext, Endpoint
from inventory.api.parameters import Query
from inventory.store.outbox import MessageKind
from inventory.store.tables import outbox

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

PENDING = "dockvoice_outbox_pending"
OLDEST = "dockvoice_outbox_oldest_age_seconds"


class NoQuery(Query):
    """No parameters."""


def metrics(context: ApiContext) -> Answer:
    """Answer with the number of pending messages by kind, of the sites that the token may read, zero included."""
    wanted = select(outbox.c.kind, func.count().label("number"), func.min(outbox.c.created_at).label("oldest"))
    wanted = wanted.where(outbox.c.due_at.is_not(None)).group_by(outbox.c.kind)
    if (sites := context.sites(None)) is not None:
        wanted = wanted.where(outbox.c.site.in_(sites))
    with context.read_transaction() as transaction:
        found = {row.kind: row for row in transaction.execute(wanted)}
    now = context.resources.now()
    pending = {kind: found[kind].number if kind in found else 0 for kind in MessageKind}
    ages = {kind: (now - found[kind].oldest).total_seconds() if kind in found else 0 for kind in MessageKind}
    lines = [f"# HELP {PENDING} Messages for devices that are not confirmed.", f"# TYPE {PENDING} gauge"]
    lines += [f'{PENDING}{{kind="{kind}"}} {number}' for kind, number in pending.items()]
    lines += [f"# HELP {OLDEST} Age of the oldest of them.", f"# TYPE {OLDEST} gauge"]
    lines += [f'{OLDEST}{{kind="{kind}"}} {age:g}' for kind, age in ages.items()]
    return Answer("".join(f"{line}\n" for line in lines).encode())


ENDPOINTS = (
    Endpoint(
        "GET",
        "/metrics",
        "getMetrics",
        "Metrics for Prometheus",
        metrics,
        NoQuery,
        MEDIA_TYPE,
        description="Messages for devices that are pending in the outbox, by kind, and the age of the oldest.",
    ),
)
