"""The page of the devices: link, last word, what is missing, faults, and which versions they run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from inventory.console.call import Call, Tab, Way
from inventory.console.people import Role
from inventory.queries import fleet
from inventory.queries.fleet import Device


def show(call: Call) -> Response:
    """All of them, those with something amiss first."""
    return call.page("devices.html", **_list(call))


def part(call: Call) -> Response:
    """The list alone, as it is now."""
    return call.page("_devices.html", **_list(call))


def amiss(call: Call, transaction: Connection) -> list[tuple[Device, list[str]]]:
    """Those of which somebody should look at something, and at what."""
    return [(one, alarms) for one, alarms in _told(call, transaction) if alarms]


def _told(call: Call, transaction: Connection) -> list[tuple[Device, list[str]]]:
    enrolled = [(one.site, one.device) for one in call.place.keys.all() if not one.revoked]
    silent = timedelta(minutes=call.place.settings.console.silent_minutes)
    return [(one, one.alarms(call.place.now(), silent)) for one in fleet.known(transaction, enrolled)]


def _list(call: Call) -> dict[str, Any]:
    with call.look() as transaction:
        told = _told(call, transaction)
    told.sort(key=lambda at: (not at[1], at[0].site, at[0].name))
    linked, alarmed = sum(one.linked for one, _ in told), sum(bool(alarms) for _, alarms in told)
    return {"lines": told, "linked": linked, "amiss": alarmed}


TAB = Tab("/devices", "devices.title", Role.VIEWER)
WAYS = (Way("/devices", show, Role.VIEWER), Way("/devices/part", part, Role.VIEWER))
