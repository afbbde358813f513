"""Postings for the tests of connectors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from dockvoice_protocol.records import FieldValue
from inventory.connect.ports import Posting, ReversalReason

BEGAN = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def posting(number: int = 1, *, fields: Mapping[str, FieldValue] | None = None, **said: Any) -> Posting:
    """The receipt of a pallet; each number one of its own."""
    meant: dict[str, Any] = {
        "pallet": f"{740 + number}",
        "item": "A100",
        "quantity": Decimal(24),
        "unit": "CS",
        "lot": None,
        "expiry": None,
        "damaged": None,
        "exception": None,
        "place": "B",
        "trailer": "5501",
        "order": "P00012",
    }
    meant.update({name: said.pop(name) for name in [*said] if name in meant})
    given = {
        "reference": f"01a1fab9-d7d7-7000-8000-{number:012d}",
        "amends": None,
        "site": "north",
        "device": "dock-3",
        "sequence": number,
        "operator": "ana",
        "recorded_at": BEGAN + timedelta(minutes=number),
        "form": "receive-notice",
        **said,
    }
    plain = {
        name: int(value) if isinstance(value, Decimal) else value for name, value in meant.items() if value is not None
    }
    return Posting(**given, **meant, fields=plain if fields is None else fields)


def because(number: int, *, amended: bool = False) -> ReversalReason:
    """That a posting is to be taken back, since a later event says so."""
    return ReversalReason(f"01a1fab9-d7d7-7000-8000-{number:012d}", amended, "ana", BEGAN + timedelta(minutes=number))
