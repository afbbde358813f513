"""What devices say to a console under test: what waits for a person, and entries, each sealed behind the one before."""

from __future__ import annotations

from typing import Any

from dockvoice_protocol.events import Topics
from dockvoice_protocol.hash_chain import GENESIS, seal_event
from inventory.forms import load_forms
from inventory.ingest.validation import InvalidMessage, ValidMessage, validate
from inventory.reviews.reviews import read_review
from tests.console import Console
from tests.dictated import AT_DOCK_3, KEY, amended, payload, recorded, reviewed, signed
from tests.sharing import ROOT

DEVICE = Topics("dockvoice", *AT_DOCK_3)

HEARD = {"pallet_id": "pallet seven four two", "quantity": "twelve units", "dock": "dock bee"}


def put_aside(site: Console, number: int = 1, state: str = "open", **data: Any) -> None:
    """The device says what waits, or what became of it."""
    told = reviewed(number, state)
    heard = {"heard": {"pallet_id": "seven four two"}} if state == "open" else {}
    told["data"] |= {"fields": {"pallet_id": "0742", "quantity": 12}, "operator": "ben", **heard, **data}
    site.store.review(read_review(signed(told), DEVICE))


def doubtful(site: Console) -> None:
    """A dock that two readers heard differently."""
    said = {"B": "pallet seven four two twelve units dock bee", "D": "pallet seven four two twelve units dock dee"}
    readers = {"B": "vosk/small-en-us", "D": "moonshine/base-en"}
    readings = [
        {"interpreter": readers[value], "heard": words, "fields": {"pallet_id": ["0742"], "dock": [value]}}
        for value, words in said.items()
    ]
    put_aside(site, doubtful=[{"field": "dock", "reason": "confusable"}], heard=HEARD, readings=readings)


def received(site: Console) -> None:
    """An entry, corrected."""
    first, second = recorded(1), amended(2, 1, quantity=13)
    for event in (first, second):
        sure = {"pallet_id": 0.98, "quantity": 0.97, "dock": 0.99}
        event["data"]["reading"] = {"interpreter": "vosk/small-en-us", "heard": HEARD, "confidence": sure}
    apply(site, first, second)


def apply(site: Console, *events: dict[str, Any]) -> None:
    """The device sends them."""
    forms = load_forms(ROOT / "schemas" / "forms")
    previous = GENESIS
    for event in events:
        whole = seal_event(
            event, previous, "0" * 64, "", KEY
        )  # of the recording that each event names, in whatever shape
        previous = whole["chain"]
        judged = validate(payload(whole), DEVICE.entries, "dockvoice", forms)
        assert isinstance(judged, ValidMessage | InvalidMessage), judged
        site.store.apply(judged.event)
