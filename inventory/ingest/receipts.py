"""Receipts: the answers to devices, and log lines for publishing that the broker denies."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from dockvoice_protocol.events import Topics, make_early_answer, make_receipt
from dockvoice_protocol.records import ReceiptOutcome
from inventory.records import Applied, Duplicate, Early, Event, InvalidEvent, Outcome, Refused

log = logging.getLogger("inventory")

PRESENCE_TAG = "presence"  # Tag of our presence message: no event id looks like it.
CLIP_TAG_PREFIX = "clip "  # Tag prefix of messages about recordings.


def log_denied_publication(prefix: str, client_id: str, tag: str, reason_code: int) -> None:
    """Log which access rule the broker lacks for a denied publication."""
    every = Topics.all_devices_filters(prefix)
    if tag == PRESENCE_TAG:
        log.warning(
            "the broker lets nobody know that we are here (0x%02x): allow this user to publish %s, or devices "
            "wait out their receipts after an outage",
            reason_code,
            Topics.consumer(prefix, client_id),
        )
    elif tag.startswith(CLIP_TAG_PREFIX):
        log.warning(
            "the broker passes on nothing about recordings (0x%02x): allow this user to publish %s and %s",
            reason_code,
            every.clip_requests,
            every.clip_receipts,
        )
    else:
        log.error(
            "receipt for %s denied by the broker (0x%02x): allow this user to publish %s",
            tag,
            reason_code,
            every.receipts,
        )


def build_receipt(event: Event | InvalidEvent, became: Outcome, now: datetime) -> dict[str, Any]:
    """Build the receipt for an event with this outcome."""
    match became:
        case Applied(handled, latest):
            return make_receipt(event.event_id, ReceiptOutcome.APPLIED, (), event.sequence, now, handled, latest)
        case Duplicate(handled, latest):
            return make_receipt(event.event_id, ReceiptOutcome.DUPLICATE, (), event.sequence, now, handled, latest)
        case Refused(reasons, handled, latest):
            return make_receipt(event.event_id, ReceiptOutcome.REFUSED, reasons, event.sequence, now, handled, latest)
        case Early(expected):
            return make_early_answer(event.event_id, expected, event.sequence, now)


def outcome_text(became: Outcome) -> str:
    """Format an event's outcome for the log."""
    match became:
        case Refused(reasons):
            return f"refused: {', '.join(reasons)}"
        case Early(expected):
            return f"early, number {expected} is expected"
        case _:
            return type(became).__name__.lower()
