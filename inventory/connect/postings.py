"""Postings built from entries, by the roles of the form's fields.

Nothing is guessed. An entry without an item has the one announced for its pallet, if there is exactly one: the operator
has counted that pallet against that list.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from dockvoice_protocol.records import to_decimal
from inventory.connect.ports import Posting
from inventory.forms import Roles
from inventory.store.tables import announced, entries, events


def load_posting(transaction: Connection, event_id: str, roles: Roles) -> Posting:
    """The posting of an event's entry."""
    row = transaction.execute(
        select(entries, events.c.sequence)
        .join(events, events.c.event_id == entries.c.event_id)
        .where(entries.c.event_id == event_id)
    ).one()
    fields: Mapping[str, Any] = row.fields
    named = roles.get(row.form, {}).get("fields", {})

    def field(role: str) -> Any:
        return fields.get(named.get(role))

    pallet, trailer = _text(field("pallet")), _text(field("trailer"))
    return Posting(
        reference=row.event_id,
        amends=row.replaces,
        site=row.site,
        device=row.device,
        sequence=row.sequence,
        operator=row.operator,
        recorded_at=row.recorded_at,
        form=row.form,
        fields=fields,
        pallet=pallet,
        item=_text(field("item")) or _announced_item(transaction, row.site, pallet, trailer),
        quantity=_number(field("quantity")),
        unit=_text(field("uom")),
        lot=_text(field("lot")),
        expiry=_text(field("expiry")),
        damaged=_number(field("damaged")),
        exception=_text(field("exception")),
        place=_text(field("door")) or _text(field("location")),
        trailer=trailer,
        order=_text(field("order")),
    )


def _announced_item(transaction: Connection, site: str, pallet: str | None, trailer: str | None) -> str | None:
    """The one item that the latest list announces for the pallet, at its trailer if it names one; else None.

    All published lists are searched: the latest may no longer name the pallet when its entry is posted.
    """
    if pallet is None:
        return None
    wanted = select(announced.c.place, announced.c.lines).where(announced.c.site == site)
    if trailer is not None:
        wanted = wanted.where(announced.c.place.in_((f"trailer/{trailer}",)) | announced.c.place.like("door/%"))
    for row in transaction.execute(wanted.order_by(announced.c.written_at.desc(), announced.c.version.desc())):
        items = {line["item"] for line in row.lines if line["pallet"] == pallet}
        if items:
            return str(items.pop()) if len(items) == 1 else None
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> Decimal | None:
    return to_decimal(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
