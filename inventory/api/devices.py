"""Devices: how each is, as the console shows them."""

from __future__ import annotations

from datetime import timedelta

from inventory.api.asking import Query, Site
from inventory.api.enquiry import Answer, Endpoint, Enquiry
from inventory.api.told import ToldDevice, ToldDevices, ToldVersion
from inventory.queries import fleet
from inventory.queries.fleet import Device


class AskedDevices(Query):
    """Of which site."""

    site: Site | None = None


def devices(of: Enquiry) -> Answer:
    """Every one that was ever heard of, or that has a key."""
    sites = of.sites(of.asked.site)
    enrolled = [(one.site, one.device) for one in of.place.keys.all() if not one.revoked]
    with of.look() as transaction:
        found = fleet.known(transaction, enrolled)
    return Answer(ToldDevices(devices=[_told(of, one) for one in found if sites is None or one.site in sites]))


def _told(of: Enquiry, one: Device) -> ToldDevice:
    silent = timedelta(minutes=of.place.settings.console.silent_minutes)
    return ToldDevice(
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
        alarms=one.alarms(of.place.now(), silent),
        faults=one.faults,
        catalogue=[
            ToldVersion(kind=kind, runs=runs, published=published, declined=declined)
            for kind, runs, published, declined in one.versions
        ],
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/devices",
        "listDevices",
        "How each device is",
        devices,
        AskedDevices,
        ToldDevices,
        more="Most of it the device says itself, on its status topic, which is not signed.",
        group="Devices",
    ),
)
