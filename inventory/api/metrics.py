"""Metrics in Prometheus' text format: what is pending in the outbox."""

from __future__ import annotations

from sqlalchemy import func, select

from inventory.api.context import Answer, ApiContext, Endpoint
from inventory.api.parameters import Query
from inventory.store.outbox import MessageKind
from inventory.store.tables import outbox

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_PENDING = "dockvoice_outbox_pending"
_OLDEST = "dockvoice_outbox_oldest_age_seconds"


class _NoQuery(Query):
    """No parameters."""


def _get_outbox_metrics(context: ApiContext) -> Answer:
    """What is pending by kind, of the sites that the token may read; kinds without any are zero."""
    wanted = select(outbox.c.kind, func.count().label("number"), func.min(outbox.c.created_at).label("oldest"))
    wanted = wanted.where(outbox.c.due_at.is_not(None)).group_by(outbox.c.kind)
    if (sites := context.sites(None)) is not None:
        wanted = wanted.where(outbox.c.site.in_(sites))
    with context.read_transaction() as transaction:
        found = {row.kind: row for row in transaction.execute(wanted)}
    now = context.resources.now()
    pending = {kind: found[kind].number if kind in found else 0 for kind in MessageKind}
    ages = {kind: (now - found[kind].oldest).total_seconds() if kind in found else 0 for kind in MessageKind}
    lines = [f"# HELP {_PENDING} What is not published, posted or confirmed yet.", f"# TYPE {_PENDING} gauge"]
    lines += [f'{_PENDING}{{kind="{kind}"}} {number}' for kind, number in pending.items()]
    lines += [f"# HELP {_OLDEST} Age of the oldest of them.", f"# TYPE {_OLDEST} gauge"]
    lines += [f'{_OLDEST}{{kind="{kind}"}} {age:g}' for kind, age in ages.items()]
    return Answer("".join(f"{line}\n" for line in lines).encode())


ENDPOINTS = (
    Endpoint(
        "GET",
        "/metrics",
        "getMetrics",
        "Metrics for Prometheus",
        _get_outbox_metrics,
        _NoQuery,
        MEDIA_TYPE,
        description="What is pending in the outbox, by kind, and the age of the oldest.",
    ),
)
