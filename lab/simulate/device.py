"""A simulated device, sans I/O: events and times are its input, outbox rows to publish its output.

Events, audit chain, signatures and relay are the product's own, with its window, waits and retransmission. It has no
disk and no recogniser.
"""

from __future__ import annotations

import json
import random
import secrets
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import uuid_utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dockvoice_protocol.events import EARLY, UNTRUSTED, EarlyAnswer, Topics, make_status, to_json_bytes
from dockvoice_protocol.hash_chain import CHAIN, GENESIS, Signer, seal_event
from dockvoice_protocol.records import Act, FieldReading, Reading, Receipt, ReceiptOutcome, Word
from edge import config
from edge.deliver.device_events import entry_event
from edge.deliver.relay import (
    Command,
    CountPuback,
    DeadLetterRow,
    PublishRow,
    RaiseAlarm,
    ReadLastRow,
    ReadPendingRows,
    Relay,
    ReopenRows,
    SettleRow,
)
from edge.records import Entry, EventIds, OutboxRow
from lab.simulate.ledger import DeviceLedger, ReceivedAnswer, SaidEntry

_FORM = "pallet-move"

_MOST = 99  # Of a quantity. The form takes more; sums stay small.

_READING = Reading(
    "simulated",
    _FORM,
    (Word("pallet", 0.0, 0.4, 1.0), Word("twelve", 0.4, 0.8, 0.99)),
    {
        "pallet_id": FieldReading("742", ("pallet", "seven", "four", "two"), 0.98),
        "quantity": FieldReading(12, ("twelve", "units"), 1.0),
        "dock": FieldReading("B", ("dock", "b"), 0.97),
    },
)
"""The reading in each event, so that events are as large as real ones."""

_READING_TEXT = json.dumps(
    {"interpreter": _READING.interpreter}
)  # The reading as a device would store it, for its hash.

REOPENED = "answered, and asked for again"
"""Fault counted when the inventory asks again for an event that it has answered, as after a loss of its data."""

_DEAD_LETTER = "never taken by the broker"

_SECONDS = 3.4  # Of sound for each entry.


@dataclass(frozen=True, slots=True)
class CorrectionShares:
    """Shares of entries that correct or cancel the last record, 0 to 1."""

    corrections: float = 0.0
    cancellations: float = 0.0


class SimulatedDevice:
    """A device with a name, a key, a signed chain of events and a ledger."""

    def __init__(self, number: int, name: str, settings: config.Deliver, site: str) -> None:
        self.number = number
        self.topics = Topics(settings.prefix, site, name)
        self.ledger = DeviceLedger(number)
        self.faults: Counter[str] = Counter()
        """Anomalies that must not occur: unmatched, duplicate and contradictory answers, alarms."""
        self.reasons: Counter[str] = Counter()  # Why events were refused, or not believed to be this device's.
        self.signer = Signer(Ed25519PrivateKey.generate())
        self._instance = f"1-{secrets.token_hex(8)}"
        self._relay = Relay(settings)
        self._link = GENESIS
        self._owed: dict[str, OutboxRow] = {}
        """The rows made and not settled, in the order of their numbers; the relay's window bounds it."""
        self._made = 0
        self._last: OutboxRow | None = None
        self._standing = 0  # The number of the entry that a correction would be about; 0: there is none.

    @property
    def name(self) -> str:
        """Its device name in topics and at the inventory."""
        return self.topics.device

    @property
    def has_pending_rows(self) -> bool:
        """Whether any of its entries lacks a final receipt."""
        return bool(self._owed) or self._made < len(self.ledger)

    def status(self, *, online: bool) -> bytes:
        """Its status message; offline it is the MQTT last will."""
        site, device, key = self.topics.site, self.name, self.signer.public
        if not online:
            return to_json_bytes(make_status("offline", site=site, device=device, key=key))
        said = make_status(
            "online",
            site=site,
            device=device,
            key=key,
            time=datetime.now(UTC),
            microphone={"mode": "open", "muted": False, "faults": []},
            speaker={"heard": True},
            work={"form": _FORM, "language": "en", "chosen": False},
        )
        return to_json_bytes(said)

    def add_entry(
        self, chance: random.Random, habits: CorrectionShares, now: float, *, owed_at_start: bool = False
    ) -> list[OutboxRow]:
        """Add an entry, correction or cancellation; return the rows to publish."""
        act, replaces = Act.RECORD, 0
        if self._standing:
            drawn = chance.random()
            if drawn < habits.corrections:
                act, replaces = Act.AMEND, self._standing
            elif drawn < habits.corrections + habits.cancellations:
                act, replaces = Act.CANCEL, self._standing
        quantity = 0 if act is Act.CANCEL else chance.randint(1, _MOST)
        self.ledger.said.append(SaidEntry(str(uuid_utils.uuid7()), act, replaces, quantity, owed_at_start, now))
        self._standing = 0 if act is Act.CANCEL else len(self.ledger)
        return self._execute(self._relay.handle_new_row(), now)

    def handle_connect(self, receive_maximum: int, now: float) -> list[OutboxRow]:
        """Process the connection with its subscriptions; return the rows to publish."""
        return self._execute(self._relay.handle_connect(receive_maximum), now)

    def handle_disconnect(self, now: float) -> None:
        """Process the loss of the connection."""
        self._execute(self._relay.handle_disconnect(), now)

    def handle_inventory_online(self, now: float) -> list[OutboxRow]:
        """Process an inventory's announcement that it is online; return the pending rows to publish."""
        return self._execute(self._relay.publish_all_pending(now), now)

    def is_answer_overdue(self, now: float) -> bool:
        """Whether the broker took an entry, and no receipt came in time: it is to subscribe again."""
        return self._relay.is_answer_overdue(now)

    def take_due_for_retransmission(self, now: float) -> list[OutboxRow]:
        """Process the passing of time; return the rows to retransmit."""
        due = self._relay.due_in_s(now)
        return self._execute(self._relay.publish_due(now), now) if due is not None and due <= 0 else []

    def mark_unsent(self, row: OutboxRow, now: float) -> None:
        """Mark a row as not sent, since the session's receive window was full."""
        self._relay.mark_unsent(row.event_id, now)

    def count_publication(self, row: OutboxRow, now: float) -> None:
        """Count a publication of the row in the ledger."""
        said = self.ledger.entry(row.sequence)
        said.sendings += 1
        said.sent_at = said.sent_at or now

    def handle_puback(self, event_id: str, reason_code: int, now: float) -> list[OutboxRow]:
        """Process the broker's PUBACK; return the rows to publish next."""
        row = self._owed.get(event_id)
        if row is not None:
            said = self.ledger.entry(row.sequence)
            said.taken_at = said.taken_at or now
        return self._execute(self._relay.handle_puback(event_id, reason_code), now)

    def handle_receipt(self, payload: bytes, now: float) -> tuple[SaidEntry | None, list[OutboxRow]]:
        """Process a receipt; return the entry if this is its first final receipt, and the rows to publish next.

        The receipt is not validated against its schema, as on a device: too slow for ten thousand devices on one core.
        """
        try:
            message: dict[str, Any] = json.loads(payload)
            answer = ReceivedAnswer(
                message["event_id"], message["sequence"], message["outcome"], tuple(message["reasons"]), message["time"]
            )
        except (ValueError, KeyError, TypeError):
            self.faults["unreadable answer"] += 1
            return None, []
        if fault := self.ledger.record_and_check_answer(answer, now):
            self.faults[fault] += 1
        if answer.outcome == EARLY:
            early = EarlyAnswer(answer.event_id, answer.sequence, message["expected"])
            return None, self._execute(self._relay.handle_gap_report(early, now), now)
        if answer.outcome == UNTRUSTED:
            self.reasons[answer.reasons[0].partition(":")[0]] += 1
            return None, []
        first = answer.event_id in self._owed
        if answer.outcome == ReceiptOutcome.REFUSED and first:
            self.reasons.update(answer.reasons)
        receipt = Receipt(answer.event_id, ReceiptOutcome(answer.outcome), answer.reasons, message.get("handled", 0))
        rows = self._execute(self._relay.handle_receipt(receipt), now)
        return (self.ledger.entry(answer.sequence) if first and not fault else None), rows

    def _execute(self, commands: Iterable[Command], now: float) -> list[OutboxRow]:
        """Execute the relay's commands; return the rows to publish."""
        rows: list[OutboxRow] = []
        waiting = deque(commands)
        while waiting:
            match waiting.popleft():
                case PublishRow(row):
                    rows.append(row)
                case ReadPendingRows(at_most):
                    waiting.extend(self._relay.add_rows(self._build_oldest_pending(at_most), now))
                case ReadLastRow():
                    waiting.extend(self._relay.republish_last_row(self._last, now))
                case SettleRow(event_id):
                    self._owed.pop(event_id, None)
                case ReopenRows() | DeadLetterRow() | RaiseAlarm() as trouble:
                    self.faults[_trouble_name(trouble)] += 1
                case CountPuback():
                    pass
        return rows

    def _build_oldest_pending(self, at_most: int) -> list[OutboxRow]:
        while len(self._owed) < at_most and self._made < len(self.ledger):
            row = self._last = self._build_row(self._made + 1)
            self._owed[row.event_id] = row
            self._made += 1
        return list(self._owed.values())[:at_most]

    def _build_row(self, sequence: int) -> OutboxRow:
        """Build the event with this number, chained to the one before it and signed."""
        said = self.ledger.entry(sequence)
        fields = {} if said.act is Act.CANCEL else self.ledger.fields(sequence)
        named = self.ledger.entry(said.replaces).event_id if said.replaces else None
        sound = secrets.token_hex(32)
        entry = Entry(
            str(uuid_utils.uuid7()),
            _FORM,
            fields,
            f"op-{self.number % 1000}",
            datetime.now(UTC),
            _READING,
            sound,
            _SECONDS,
            said.act,
            named,
        )
        minted = EventIds(said.event_id, sequence, self._link, self._instance)
        event = entry_event(entry, minted, site=self.topics.site, device=self.name)
        whole = seal_event(event, self._link, sound, _READING_TEXT, self.signer)
        self._link = whole[CHAIN]
        return OutboxRow(said.event_id, sequence, to_json_bytes(whole).decode())


def _trouble_name(trouble: ReopenRows | DeadLetterRow | RaiseAlarm) -> str:
    match trouble:
        case ReopenRows():
            return REOPENED
        case DeadLetterRow(reason=reason):
            return f"{_DEAD_LETTER}: {reason}"
        case RaiseAlarm(meaning=meant):
            return f"the broker refuses: {meant.name}"
