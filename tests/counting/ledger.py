"""A ledger of what devices said, and its way to an inventory: doubled, shuffled, sent again until it is answered.

Nothing here is of the product. The events are written by hand after docs/audit.md and schemas/events, signed with the
`cryptography` package, sent with paho; what the inventory made of them is asked of PostgreSQL in SQL.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

SITE = "north"
SILENCE = "0" * 64  # The hash of a recording that nobody looks at here.
AGAIN_S = (4.0, 120.0)
"""So long no receipt comes before devices send again, at first and at most; each wait is twice the last. As with
theirs: who sent again while a queue still drains would only make it longer."""
FIRST_MS = 0x0191_9F3E_0000  # Of the first event's id where nothing else is said: a day in August 2024.
AGAIN = 60  # So many events of a device are sent again at once.

OF_WHAT = ("pallet", "item", "unit", "lot", "location")  # What quantities are summed by.

Dimensions = tuple[str | None, ...]


@dataclass
class Said:
    """An event of a device."""

    device: str
    sequence: int
    id: str
    body: bytes


@dataclass
class Ledger:
    """What was said, and what of it stands in the end."""

    events: list[Said] = field(default_factory=list)
    standing: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The fields of each entry that stands, by its event."""

    def sums(self) -> dict[Dimensions, Decimal]:
        """The stock as it was dictated."""
        found: dict[Dimensions, Decimal] = defaultdict(Decimal)
        for fields in self.standing.values():
            found[dimensions(fields)] += Decimal(fields["quantity"])
        return dict(found)


def dimensions(fields: dict[str, Any]) -> Dimensions:
    """What a quantity is of."""
    where = fields.get("dock", fields.get("door"))
    return fields["pallet_id"], fields.get("item"), fields.get("uom"), fields.get("lot"), where


class Fleet:
    """Devices of one key each, whose operators record, correct and take back."""

    def __init__(self, seed: int, devices: int, first_ms: int = FIRST_MS) -> None:
        """`first_ms`: of the first event's id, since 1970."""
        self._chance = random.Random(seed)
        self._first_ms = first_ms
        self._names = [f"dock-{number}" for number in range(1, devices + 1)]
        self._keys = {
            name: Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest()) for name in self._names
        }

    def enrol(self, directory: Path) -> Path:
        """The keys as the inventory looks for them: SITE.DEVICE.KEYID.pem."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, key in self._keys.items():
            pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            (directory / f"{SITE}.{name}.{self._key_id(name)}.pem").write_bytes(pem)
        return directory

    def say(self, number: int) -> Ledger:
        """So many events, all devices at once."""
        ledger = Ledger()
        own: dict[str, list[str]] = {name: [] for name in self._names}
        previous = dict.fromkeys(self._names, "0" * 64)
        spoken = Counter[str]()
        for _ in range(number):
            name = self._chance.choice(self._names)
            spoken[name] += 1
            event = self._event(name, spoken[name], own[name], ledger)
            previous[name] = self._seal(event, name, previous[name])
            body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
            ledger.events.append(Said(name, spoken[name], event["id"], body))
        return ledger

    def _event(self, name: str, sequence: int, own: list[str], ledger: Ledger) -> dict[str, Any]:
        chance = self._chance
        kind = chance.choices(["recorded", "amended", "cancelled"], [80, 12, 8])[0] if own else "recorded"
        identity = _identity(self._first_ms + len(ledger.events), f"{name} {sequence}")
        form, fields = self._fields()
        data: dict[str, Any] = {
            "form": form,
            "operator": f"op-{chance.randint(1, 30)}",
            "utterance": {"id": f"u{identity[1:]}".replace("u", "0"), "audio_sha256": SILENCE, "audio_seconds": 2.5},
        }
        if kind != "recorded":
            named = own.pop(chance.randrange(len(own)))
            form = data["form"] = ledger.standing.pop(named)["form"]
            fields = self._fields(form)[1]
            data["amends" if kind == "amended" else "cancels"] = named
        if kind != "cancelled":
            data["fields"] = fields
            data["reading"] = {"interpreter": "scripted", "heard": {}, "confidence": {}}
            own.append(identity)
            ledger.standing[identity] = {**fields, "form": form}
        return {
            "specversion": "1.0",
            "id": identity,
            "source": f"/sites/{SITE}/devices/{name}",
            "type": f"dockvoice.entry.{kind}.v1",
            "subject": form,
            "time": f"2026-11-20T07:{sequence // 60 % 60:02}:{sequence % 60:02}.000Z",
            "datacontenttype": "application/json",
            "dataschema": f"urn:dockvoice:event:entry-{kind}:1#data",
            "sequence": str(sequence),
            "sequencetype": "Integer",
            "instance": "1-0123456789abcdef",
            "data": data,
        }

    def _fields(self, form: str | None = None) -> tuple[str, dict[str, Any]]:
        chance = self._chance
        form = form or chance.choice(["receive-notice", "pallet-move"])
        pallet, quantity = str(chance.randint(100, 180)), chance.randint(1, 99)
        if form == "pallet-move":
            return form, {"pallet_id": pallet, "quantity": quantity, "dock": chance.choice("ABC")}
        fields: dict[str, Any] = {"pallet_id": pallet, "quantity": quantity, "uom": chance.choice(["CS", "EA"])}
        fields |= {"item": chance.choice(["A100", "A200"])} if chance.random() < 0.8 else {}
        return form, fields | ({"lot": f"L{chance.randint(100, 104)}"} if chance.random() < 0.6 else {})

    def _seal(self, event: dict[str, Any], name: str, previous: str) -> str:
        """Link and sign it, as docs/audit.md says; its link."""
        event |= {"previous": previous, "readingsha256": sha256(b"{}").hexdigest(), "keyid": self._key_id(name)}
        text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        lines = f"{previous}\n{sha256(text.encode()).hexdigest()}\n{SILENCE}\n"
        link = sha256(lines.encode()).hexdigest()
        event |= {"chain": link, "signature": self._keys[name].sign(link.encode()).hex()}
        return link

    def _key_id(self, name: str) -> str:
        raw = self._keys[name].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return sha256(raw).hexdigest()[:16]


def _identity(at_ms: int, chance: str) -> str:
    """A UUID of version 7, as devices make them: by the millisecond, so those of an hour stand together in an index."""
    at, rest = f"{at_ms:012x}", sha256(chance.encode()).hexdigest()
    return f"{at[:8]}-{at[8:]}-7{rest[:3]}-8{rest[3:6]}-{rest[6:18]}"


def doubled(ledger: Ledger, chance: random.Random, within: int) -> list[Said]:
    """Each event one to three times, none further than `within` from its place among all."""
    placed = [
        (place + chance.random() * within, one)
        for place, one in enumerate(ledger.events)
        for _ in range(chance.randint(1, 3))
    ]
    return [one for _, one in sorted(placed, key=lambda pair: pair[0])]


class Wire:
    """The devices' end of the broker: sends, hears receipts, and sends again what has none."""

    def __init__(self, port: int) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, "fleet", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.max_inflight_messages = 2000
        self._client.on_message = self._heard
        self._client.on_connect = lambda client, *_: client.subscribe(f"dockvoice/{SITE}/+/receipts", 1)
        self._port = port
        self._changed = threading.Condition()
        self.outcomes: Counter[str] = Counter()
        self.settled: dict[str, str] = {}  # What became of each event, by the first answer that settles it.

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        return self

    def __exit__(self, *_fault: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, one: Said) -> None:
        """Hand it to the broker."""
        self._client.publish(f"dockvoice/{SITE}/{one.device}/entries", one.body, qos=1)

    def settle(
        self,
        ledger: Ledger,
        copies: Sequence[Said],
        within_s: float,
        *,
        ahead: int,
        going_on: Callable[[], None] = lambda: None,
        share: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """Send the copies in their order, until all events are settled.

        So many more at most than are settled: a device has no more on the way. Where no answer comes any more, what is
        not settled is sent again, of each device the earliest. `going_on` raises what keeps answers from coming;
        `share` is the part of the copies that may be sent by now.
        """
        deadline, patience_s, sent = time.monotonic() + within_s, AGAIN_S[0], 0
        each = len(copies) / len(ledger.events)
        while len(self.settled) < len(ledger.events):
            assert time.monotonic() < deadline, f"{len(self.settled)} of {len(ledger.events)}: {self.outcomes}"
            going_on()
            before, room = self.outcomes.total(), int(len(self.settled) * each) + ahead
            room = min(room, int(len(copies) * share()))
            for one in copies[sent:room]:
                self.send(one)
            sent = max(sent, room)
            if self._hears_more_than(before, patience_s):
                patience_s = AGAIN_S[0]
                continue
            patience_s = min(2 * patience_s, AGAIN_S[1])
            for one in self._owed(ledger, {one.id for one in copies[:sent]}):
                self.send(one)

    def _hears_more_than(self, before: int, within_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.outcomes.total() > before, within_s)

    def _owed(self, ledger: Ledger, begun: Container[str]) -> Iterator[Said]:
        """What is not settled of what was sent, and what its device said before it: nothing is settled without that."""
        again = Counter[str]()
        last = {one.device: one.sequence for one in ledger.events if one.id in begun}
        for one in ledger.events:
            is_begun = one.sequence <= last.get(one.device, 0)
            if is_begun and one.id not in self.settled and again[one.device] < AGAIN:
                again[one.device] += 1
                yield one

    def _heard(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        said = json.loads(message.payload)
        with self._changed:
            self.outcomes[said["outcome"]] += 1
            if said["outcome"] not in {"early", "untrusted"}:
                self.settled.setdefault(said["event_id"], said["outcome"])
            self._changed.notify_all()


def compare(ledger: Ledger, url: str) -> dict[str, int]:
    """Hold the inventory's tables against the ledger; how much was compared. Fails at the first difference."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as asked:

        def rows(question: str) -> list[tuple[Any, ...]]:
            return asked.execute(question.encode()).fetchall()

        told = {
            row[0]: {**row[1], "form": row[2]}
            for row in rows("SELECT event_id, fields, form FROM entries WHERE state = 'current'")
        }
        assert told == ledger.standing
        by = ", ".join(OF_WHAT)
        sums = {row[:-1]: row[-1] for row in rows(f"SELECT {by}, sum(quantity) FROM stock_moves GROUP BY {by}")}  # noqa: S608 - ours
        assert {what: number for what, number in sums.items() if number} == ledger.sums()
        bodies = {row[0]: row[1].encode() for row in rows("SELECT event_id, body FROM events")}
        assert bodies == {one.id: one.body for one in ledger.events}
        turns = rows("SELECT device, array_agg(sequence ORDER BY arrival) FROM events GROUP BY device")
        assert all(numbers == list(range(1, len(numbers) + 1)) for _, numbers in turns)
        assert rows("SELECT count(*) FROM refused") == [(0,)]
        assert rows("SELECT count(*) FROM rejected") == [(0,)]
        assert rows("SELECT count(*) FROM devices WHERE handled <> highest") == [(0,)]
        return {"events": len(bodies), "entries": len(told), "sums": len(sums), "devices": len(turns)}
