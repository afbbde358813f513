"""Devices: their state, and the alarms: devices, refused events, rejected messages, stuck outbox messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from inventory.console.accounts import Role
from inventory.console.context import RequestContext, live_routes
from inventory.queries import fleet, refusals
from inventory.queries.fleet import Device
from inventory.store import outbox

_MOST = 30  # Lines of each list of alarms on one page.


def _device_values(context: RequestContext) -> dict[str, Any]:
    """All devices, those with alarms first."""
    with context.read_transaction() as transaction:
        lines = _with_alarms(context, transaction)
    lines.sort(key=lambda line: (not line[1], line[0].site, line[0].name))
    linked, alarmed = sum(one.linked for one, _ in lines), sum(bool(alarms) for _, alarms in lines)
    return {"lines": lines, "linked": linked, "amiss": alarmed}


def _with_alarms(context: RequestContext, transaction: Connection) -> list[tuple[Device, list[str]]]:
    enrolled = [(one.site, one.device) for one in context.resources.keys.all() if not one.revoked]
    silent = timedelta(minutes=context.resources.settings.console.silent_minutes)
    return [(one, one.alarms(context.resources.now(), silent)) for one in fleet.load_devices(transaction, enrolled)]


def _alarms_values(context: RequestContext) -> dict[str, Any]:
    came, event = context.instant_parameter("came"), context.text_parameter("event")
    now = context.resources.now()
    with context.read_transaction() as transaction:
        devices = [(one, alarms) for one, alarms in _with_alarms(context, transaction) if alarms]
        refused = refusals.load_refusals(transaction, _MOST, None if came is None or event is None else (came, event))
        rejected = refusals.load_rejections(transaction, _MOST, context.number_parameter("before"))
        stuck = [one for one in outbox.load_pending_kinds(transaction) if one.is_stuck(now)]
        unset = refusals.load_missing_connector_settings(transaction) if context.has_role(Role.ADMIN) else []
    last = refused[-1] if len(refused) == _MOST else None
    return {
        "devices": devices,
        "stuck": stuck,
        "unset": unset,
        "refused": refused,
        "aside": rejected,
        "older": last and context.query_string(came=last.received_at.isoformat(), event=last.event_id),
        "older_aside": context.query_string(before=rejected[-1].id) if len(rejected) == _MOST else None,
    }


ROUTES = live_routes("devices.html", _device_values)
ALARM_ROUTES = live_routes("alarms.html", _alarms_values)
