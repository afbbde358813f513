"""Devices whose clocks say the year 1 or 9999, a day of no calendar or no zone: one row is odd, every page is there."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.events import Topics, make_status
from inventory.api.app import ENDPOINTS
from inventory.console.app import PAGES
from inventory.reviews.reviews import read_review
from inventory.settings import DossierSettings
from inventory.store.statuses import StatusMessage
from tests.console import Console, console, send
from tests.console.api import program
from tests.console.story import DEVICE, apply
from tests.dictated import KEY, identity, new_key_file, payload, recorded, reviewed, signed
from tests.rows import every

FIRST, LAST = "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"

KNOWN_STATUSES = {200, 303, 400, 403, 404, 422}  # Of what is there, and of what is asked for wrongly: no 500.

BEYOND = "ffffffff-ffff-7000-8000-000000000001"  # An utterance of the year 10889.

NAMED = {
    "site": "north",
    "device": "dock-3",
    "utterance": identity(2, 1),
    "event_id": identity(1, 1),
    "kind": "docks",
    "trailer": "5501",
    "name": "5501",
}


def entry(number: int, time: str, utterance: str | None = None, **fields: Any) -> dict[str, Any]:
    event = recorded(number)
    told = {"pallet_id": str(742 + number), "item": "A100", "quantity": 24, "uom": "CS", "trailer": "5501"}
    event["data"] |= {"form": "receive-notice", "fields": told | fields}
    if utterance is not None:
        event["data"]["utterance"]["id"] = utterance
    return event | {"subject": "receive-notice", "time": time}


def put_aside(number: int, time: str, utterance: str) -> dict[str, Any]:
    event = reviewed(number) | {"time": time}
    event["data"] |= {"form": "receive-notice", "fields": {"trailer": "5501", "pallet_id": "742"}}
    event["data"]["utterance"]["id"] = utterance
    return event


@pytest.fixture(params=["America/New_York", "Asia/Tokyo"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path, zone=request.param) as found:
        refused = entry(4, FIRST, quantity=0), entry(5, "0001-01-01T00:00:00+14:00"), entry(6, "0001-01-01T00:00:00")
        begun = entry(1, FIRST)
        begun["data"]["workday"] = {"business_day": "2026-11-20", "zone": "America", "utc_offset": "+00:00"}
        apply(found, begun, entry(2, LAST), entry(3, LAST, BEYOND), *refused)
        for one in (put_aside(1, FIRST, BEYOND), put_aside(2, LAST, identity(2, 1))):
            found.store.review(read_review(signed(one), DEVICE))
        for device, time, since in (("dock-3", FIRST, "2026-02-30T00:00:00Z"), ("dock-4", LAST, FIRST)):
            waits = {"backlog": {"entries": 3, "since": since}, "time": time}
            word = make_status("online", site="north", device=device, key=KEY.public) | waits
            found.store.statuses.record([StatusMessage.read(payload(word), Topics("dockvoice", "north", device))])
        yield found


def test_every_page_shows_them(site: Console) -> None:
    ways = [way.path.replace(":path", "") for page in PAGES for way in page.routes() if not way.changes]
    narrowed = ("/search?pallet=743", "/search?operator=op-17", "/entries?device=north/dock-3", "/figures?span=week")
    others = [f"/entries/{identity(1, number)}" for number in range(2, 7)]
    with site.client("ana") as browser:

        def is_there(path: str) -> None:
            assert browser.get(path).status_code in KNOWN_STATUSES, path

        every([path.format(**NAMED) for path in ways] + [*narrowed, *others], is_there)
        listed = browser.get("/entries").text
        found = browser.get("/search?pallet=743")
    assert "0001-01-01 " in listed
    assert "9999-12-31 " in listed
    assert found.status_code == 200


def test_every_endpoint_tells_them(site: Console) -> None:
    erp = program(site)

    def is_there(path: str) -> None:
        assert erp.get(path.format(**NAMED)).status_code in KNOWN_STATUSES, path

    every([one.path for one in ENDPOINTS if one.method == "GET"], is_there)
    assert erp.get("/v1/sites/north/trailers/5501").status_code == 200


def test_a_dossier_is_made_of_them(site: Console, tmp_path: Path) -> None:
    key = DossierSettings(key=new_key_file(tmp_path / "key.pem"))
    settings = site.place.settings.model_copy(update={"dossier": key})
    site.place = replace(site.place, settings=settings)
    with site.client("ana") as browser:
        answer = send(browser, "/trailers/dossier", site="north", trailer="5501", visit="1")
    page = zipfile.ZipFile(io.BytesIO(answer.content)).read("index.html").decode()
    assert "0001-01-01 " in page
    assert "9999-12-31 " in page
