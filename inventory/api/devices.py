"""Devices and their state, as on the console, and metrics of what is pending for them, in Prometheus' text format."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from inventory.api.endpoint import Answer, ApiContext, endpoint
from inventory.api.models import DeviceOut, DevicesOut, VersionOut
from inventory.api.parameters import Query, Site
from inventory.queries import fleet
from inventory.queries.fleet import Device
from inventory.store.outbox import MessageKind
from inventory.store.tables import outbox

METRICS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PENDING = "dockvoice_outbox_pending"
_OLDEST = "dockvoice_outbox_oldest_age_seconds"


class _DevicesQuery(Query):
    """Parameters: the site."""

    site: Site | None = None


@endpoint("GET", "/v1/devices", "listDevices", _DevicesQuery, DevicesOut)
def _list_devices(context: ApiContext) -> Answer:
    """How each device is.

    Most of it the device says itself, on its status topic, which is not signed.
    """
    sites = context.sites(context.parameters.site)
    enrolled = [(one.site, one.device) for one in context.resources.keys.all() if not one.revoked]
    with context.read_transaction() as transaction:
        found = fleet.load_devices(transaction, enrolled)
    return Answer(
        DevicesOut(devices=[_device_out(context, one) for one in found if sites is None or one.site in sites])
    )


def _device_out(context: ApiContext, one: Device) -> DeviceOut:
    silent = timedelta(minutes=context.resources.settings.console.silent_minutes)
    return DeviceOut(
        site=one.site,
        device=one.name,
        linked=one.linked,
        since=one.since,
        heard_at=one.heard_at,
        handled=one.handled,
        highest=one.highest,
        missing=one.missing_count,
        waiting=one.pending_count,
        waiting_since=one.waits_since,
        under_review=one.said.get("under_review"),
        keys=one.keys,
        program=one.said.get("program"),
        alarms=one.alarms(context.resources.now(), silent),
        faults=one.faults,
        catalogue=[
            VersionOut(kind=kind, runs=runs, published=published, declined=declined)
            for kind, runs, published, declined in one.versions
        ],
    )


class _NoQuery(Query):
    """No parameters."""


@endpoint("GET", "/metrics", "getMetrics", _NoQuery, METRICS_MEDIA_TYPE)
def _get_outbox_metrics(context: ApiContext) -> Answer:
    """Metrics for Prometheus.

    What is pending in the outbox, by kind, and the age of the oldest.
    """
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


ENDPOINTS = (_list_devices, _get_outbox_metrics)
