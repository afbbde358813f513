"""An inventory without a broker: publishes its expected lists to a device, and stores or rejects its events."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from dockvoice_protocol.events import RECORDED, Topics
from dockvoice_protocol.plain_file import shipped_directory
from dockvoice_protocol.records import ExpectedLine, FieldValue, Receipt, ReceiptOutcome, ReceivingPlace
from edge.agree.expectations import Expectations
from inventory.forms import Forms, load_forms
from inventory.ingest.validation import ValidMessage, validate
from inventory.records import Applied, Event
from inventory.repository import Store
from inventory.site.expected import mark_received_lines, replace_list
from lab.scribe.device import DEVICE, SITE, TypedDevice

_TOPICS = Topics("dockvoice", SITE, DEVICE)

_OWED = 100  # Maximum events delivered at once: more than a trailer makes between two pallets.

_ONE_LIFE = "1-0123456789abcdef"  # Journal id of the other device.


@cache
def _forms() -> Forms:
    return load_forms(shipped_directory("schemas") / "forms")


class LocalInventory:
    """The inventory's store, connected to the device directly."""

    def __init__(self, directory: Path, form: str, device: TypedDevice) -> None:
        """`form` is the form for receiving."""
        self._form = form
        self._device = device
        self._forms = _forms()
        self._store = Store.open(f"sqlite:///{directory / 'inventory.db'}")
        self.online = True

    def announce(self, announced: Mapping[ReceivingPlace, Sequence[ExpectedLine]]) -> None:
        """Replace the expected lists, and publish them to the device."""
        with self._store.transaction() as transaction:
            for place, lines in announced.items():
                replace_list(transaction, SITE, place, lines, datetime.now(UTC), "expect")
        self._publish()

    def store_from_other_device(self, entries: Iterable[Mapping[str, FieldValue]]) -> None:
        """Store entries of another device."""
        for number, fields in enumerate(entries, 1):
            name, now = str(uuid.uuid4()), datetime.now(UTC)
            body = json.dumps({"id": name}).encode()
            made = Event(name, SITE, "dock-2", number, RECORDED, self._form, name, now, None, body, fields, _ONE_LIFE)
            self._store.apply(made)
        self._publish()

    def deliver(self) -> None:
        """Deliver the device's pending events, if online, and pass the receipts back."""
        rows = self._device.journal.outbox.load_due(_OWED) if self.online else []
        for row in rows:
            judged = validate(row.body.encode(), _TOPICS.entries, _TOPICS.prefix, self._forms)
            applied = isinstance(judged, ValidMessage) and isinstance(self._store.apply(judged.event), Applied)
            self._device.said += [] if applied else [f"    the inventory: {judged}"]
            outcome = ReceiptOutcome.APPLIED if applied else ReceiptOutcome.REFUSED
            self._device.handle_receipt(Receipt(row.event_id, outcome, handled=row.sequence))
        if rows:
            self._publish()

    def recorded_entries(self) -> Sequence[Mapping[str, FieldValue]]:
        """The device's current rows."""
        return self._current_rows(self._form)

    def closed_trailers(self) -> set[str]:
        """The trailers that the device has closed."""
        return {str(fields["trailer"]) for fields in self._current_rows("close-trailer")}

    def _current_rows(self, form: str) -> Sequence[Mapping[str, FieldValue]]:
        rows = (row for row in self._store.rows() if (row.state, row.device, row.form) == ("current", DEVICE, form))
        return [dict(row.fields) for row in rows]

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    def _publish(self) -> None:
        """Give the current lists to the device."""
        with self._store.transaction() as transaction:
            mark_received_lines(transaction, {self._form: "pallet_id"}, datetime.now(UTC))
        self._device.expected = Expectations(one.expected for one in self._store.expected_lists())
