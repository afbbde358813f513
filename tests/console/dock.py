"""A morning at the dock, for the console under test: trailers, devices with and without a fault, and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import insert

from dockvoice_protocol.events import Topics, make_status
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.records import ExpectedLine, PlaceKind, ReceivingPlace
from inventory.forms import load_forms
from inventory.ingest.validation import InvalidMessage, ValidMessage, validate
from inventory.site.catalogue import SiteCatalogue
from inventory.site.roster import COLUMNS, ROSTER, roster_kind
from inventory.store.statuses import StatusMessage
from inventory.store.tables import flags
from tests.console import Console
from tests.dictated import KEY, identity, payload, recorded
from tests.sharing import ROOT
from tests.store import Lists


class Dock:
    """What devices of a site say, each event behind the one before it."""

    def __init__(self, site: Console) -> None:
        self._site = site
        self._forms = load_forms(ROOT / "schemas" / "forms")
        self._numbers: dict[str, int] = {}

    def says(
        self,
        device: str,
        operator: str,
        form: str,
        minutes: float,
        answers: int = 0,
        reading: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> str:
        """An entry, so many minutes ago; its event. `reading`: what its event says of how it was heard."""
        number = self._numbers[device] = self._numbers.get(device, 0) + 1
        event = recorded(number, at=("north", device))
        event["data"] |= {"form": form, "fields": fields, "operator": operator}
        if answers:
            event["data"]["support"] = [event["data"]["utterance"]] * answers
        event["data"]["reading"] |= reading or {}
        self._send(event | {"time": rfc3339(self._site.place.now() - timedelta(minutes=minutes)), "subject": form})
        return identity(1, number, device)

    def corrects(self, device: str, named: int, operator: str, form: str, minutes: float, **fields: Any) -> None:
        """An earlier one of its entries."""
        number = self._numbers[device] = self._numbers.get(device, 0) + 1
        event = recorded(number, at=("north", device))
        amends = identity(1, named, device)
        event["data"] |= {"form": form, "fields": fields, "operator": operator, "amends": amends}
        event |= {"type": "dockvoice.entry.amended.v1", "dataschema": "urn:dockvoice:event:entry-amended:1#data"}
        self._send(event | {"time": rfc3339(self._site.place.now() - timedelta(minutes=minutes)), "subject": form})

    def is_well(self, device: str, *, linked: bool = True, **said: Any) -> None:
        """What it says of itself."""
        topics = Topics("dockvoice", "north", device)
        online = make_status("online", site="north", device=device, key=KEY.public, time=self._site.place.now())
        self._site.store.statuses.record([StatusMessage.read(payload(online | said), topics)])
        if not linked:
            offline = make_status("offline", site="north", device=device, key=KEY.public)
            self._site.store.statuses.record([StatusMessage.read(payload(offline), topics)])

    def _send(self, event: dict[str, Any]) -> None:
        site, device = event["source"].split("/")[2::2]
        judged = validate(payload(event), Topics("dockvoice", site, device).entries, "dockvoice", self._forms)
        assert isinstance(judged, ValidMessage | InvalidMessage), judged
        self._site.store.apply(judged.event)


def morning(site: Console) -> Dock:
    """One trailer closed, one open, one to come; three devices, of which one is away and one has a fault."""
    lines = [ExpectedLine("4550012", str(742 + n), "A100", 24, "CS", lot_needed=False) for n in range(6)]
    Lists(site.store).replace("north", {ReceivingPlace(PlaceKind.TRAILER, name): lines for name in ("5501", "5502")})
    dock = Dock(site)
    crew = ("ana", "ben", "cem", "dora", "emil", "fay")
    for n in range(40):
        device, operator = f"dock-{3 + n % 2}", crew[n % len(crew)]
        told: dict[str, Any] = {"pallet_id": str(10_000 + n), "item": "A200", "quantity": 12 + n % 5, "uom": "CS"}
        dock.says(device, operator, "receive-notice", 460 - 10 * n, n % 3 // 2, **told, trailer="5490")
    for n, quantity in enumerate((24, 20, 26, 24)):
        told = {"pallet_id": str(742 + n), "item": "A100", "quantity": quantity, "uom": "CS", "trailer": "5501"}
        damaged: dict[str, Any] = {"damaged": 2} if n == 3 else {}
        dock.says("dock-3", crew[n], "receive-notice", 20 - n, **told, **damaged)
    told = {"pallet_id": "743", "item": "A100", "quantity": 22, "uom": "CS", "trailer": "5501"}
    dock.corrects("dock-3", 22, "ben", "receive-notice", 10, **told)
    unsure = {"confidence": {"pallet_id": 0.97, "quantity": 0.71}}
    told = {"pallet_id": "746", "item": "A100", "quantity": 15, "uom": "CS", "trailer": "5501"}
    dock.says("dock-3", "cem", "receive-notice", 14, 3, reading=unsure, **told)
    twice = dock.says("dock-3", "dora", "receive-notice", 13, **told | {"pallet_id": "10005", "quantity": 12})
    against = {"rule": "duplicate_receive", "reason": "already_received:dock-4", "state": "open", "device": "dock-3"}
    with site.place.transaction() as transaction:
        transaction.execute(insert(flags).values(event_id=twice, site="north", flagged_at=site.place.now(), **against))
    dock.says("dock-4", "ana", "close-trailer", 15, trailer="5490")
    dock.says("dock-4", "cem", "receive-notice", 5, pallet_id="9", quantity=0, uom="CS")  # refused
    work = {"form": "receive-notice", "language": "en", "chosen": True}
    microphone = {"mode": "push-to-talk", "muted": False, "faults": []}
    worn: dict[str, Any] = {"work": work, "microphone": microphone, "speaker": {"heard": True}, "under_review": 1}
    well: dict[str, Any] = {
        "hearing": {"level_db": -22, "noise_db": -49},
        "backlog": {"entries": 0},
        "disk_free_mb": 21_480,
    }
    dock.is_well("dock-3", **worn, **well, program="0.1.0")
    clipping: dict[str, Any] = {"work": work | {"language": "pl"}, "microphone": microphone | {"faults": ["clipping"]}}
    waits = {"entries": 3, "since": rfc3339(site.place.now() - timedelta(minutes=2))}
    dock.is_well("dock-4", **clipping, program="0.1.0", hearing={"level_db": -14, "noise_db": -23}, backlog=waits)
    dock.is_well("dock-5", linked=False, program="0.1.0", backlog={"entries": 0})
    docks = [(f"line {n}", {"value": name, "spoken": f"dock {name.lower()}"}) for n, name in enumerate("ABCD", 2)]
    docks_are = site.store.catalogue("north")
    docks_are.put("docks", docks, "ana", "the new hall", "docks.csv")
    docks_are.edit("docks", "B", {"value": "B", "spoken": "dock bee", "check": "61"}, "ben", "a sign hangs there")
    crew_of = SiteCatalogue("north", site.place.transaction, site.place.now, of=lambda _: roster_kind(site.place.forms))
    listed = (
        ("op-17", "471", "ana", "", ""),
        ("op-18", "182", "ben", "de", "receive-notice;unload"),
        ("op-19", "623", "", "pl", ""),
    )
    rows = [(f"line {n}", dict(zip(COLUMNS, one, strict=True))) for n, one in enumerate(listed, 2)]
    crew_of.put(ROSTER, rows, "ana", "the early shift", "roster.csv")
    site.store.keep_rejected(b"rubbish", "dockvoice/north/dock-9/entries", "untrusted:unsigned")
    return dock
