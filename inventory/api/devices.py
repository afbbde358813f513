"""Devices and their state, as on the console."""

from __future__ import annotations

from datetime import timedelta

from inventory.api.endpoint import Answer, ApiContext, Endpoint
from inventory.api.models import DeviceOut, DevicesOut, VersionOut
from inventory.api.parameters import Query, Site
from inventory.queries import fleet
from inventory.queries.fleet import Device


class _DevicesQuery(Query):
    """Parameters: the site."""

    site: Site | None = None


def _list_devices(context: ApiContext) -> Answer:
    """Answer with every device that has events, a status or a key."""
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
        missing=one.missing,
        waiting=one.backlog,
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


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/devices",
        "listDevices",
        "How each device is",
        _list_devices,
        _DevicesQuery,
        DevicesOut,
        description="Most of it the device says itself, on its status topic, which is not signed.",
    ),
)
