"""The console's trailers: announced, open and closed, each with its lines and its dossier."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dockvoice_protocol.records import ExpectedLine, PlaceKind, ReceivingPlace
from inventory.audit import audit_log
from inventory.console.accounts import Role
from inventory.dossier.dossier import build
from inventory.repository import Store
from inventory.settings import DossierSettings
from inventory.verify_dossier import parsed
from tests.console import Console, console, send
from tests.console.api import program
from tests.dictated import amended, cancelled, identity, new_key_file, recorded
from tests.store import Lists, Read
from tests.trailer import INVENTORY, Clock, Dock, line

BEFORE = datetime(2026, 11, 20, 6, tzinfo=UTC)
"""The lists come before what is said: an hour before the moment that the events of the tests have."""


def of(number: int, form: str, **fields: Any) -> dict[str, Any]:
    made = recorded(number)
    made["data"] |= {"form": form, "fields": fields}
    return made | {"subject": form}


def received(number: int, trailer: str, pallet: str, quantity: int = 24, **also: Any) -> dict[str, Any]:
    return of(
        number, "receive-notice", trailer=trailer, pallet_id=pallet, item="A100", quantity=quantity, uom="CS", **also
    )


def announce(site: Console, trailer: str, *pallets: str) -> None:
    lines = [ExpectedLine("4550012", pallet, "A100", 24, "CS", lot_needed=False) for pallet in pallets]
    before = Store(site.store.engine, lambda: BEFORE)
    Lists(before).replace("north", {ReceivingPlace(PlaceKind.TRAILER, trailer): lines})


def listed(browser: Any, path: str = "/trailers/part") -> list[str]:
    """Each trailer of the list: its number, its state, announced, received, missing, not announced."""
    rows = re.findall(r"<tr><td>(.*?)</tr>", browser.get(path).text, re.DOTALL)
    return [" ".join(re.sub(r"<small>.*?</small>|<time.*?</time>|<[^>]+>", " ", row).split()) for row in rows]


def test_the_list_says_of_each_trailer_what_is_announced_what_came_and_whether_it_is_closed(
    site: Console, event: Read
) -> None:
    announce(site, "5501", "742", "743")
    announce(site, "5502", "800")
    said = [received(1, "5501", "742"), received(2, "5501", "900"), received(3, "5503", "10")]
    said += [of(4, "close-trailer", trailer="5501"), received(5, "5504", "11"), of(6, "close-trailer", trailer="5504")]
    for one in [*said, received(7, "5504", "12"), cancelled(8, 7), of(9, "close-trailer", trailer="5505")]:
        site.store.apply(event(one))
    site.store.apply(event(cancelled(10, 9)))
    with site.client("ana", Role.VIEWER) as browser:
        assert listed(browser) == [
            "5502 announced 1 0 1 0 0",
            "5505 announced - 0 - - 0",
            "5504 closed - 1 - - 2",
            "5501 closed 2 2 1 1 3",
            "5503 open - 1 - - 1",
        ]
        assert listed(browser, "/trailers/part?trailer=5501") == ["5501 closed 2 2 1 1 3"]
        assert listed(browser, "/trailers/part?before=4&event=north/5501") == ["5503 open - 1 - - 1"]


def test_a_correction_opens_no_trailer_again(site: Console, event: Read) -> None:
    again = amended(3, 1)
    again["data"] |= {name: received(1, "5501", "742", 23)["data"][name] for name in ("form", "fields")}
    for one in [
        received(1, "5501", "742"),
        of(2, "close-trailer", trailer="5501"),
        again | {"subject": "receive-notice"},
    ]:
        site.store.apply(event(one))
    with site.client("ana", Role.VIEWER) as browser:
        assert listed(browser) == ["5501 closed - 1 - - 2"]
        assert "23 CS" in browser.get("/trailers/north/5501").text


def test_a_trailer_shows_over_short_damaged_and_missing(site: Console, event: Read) -> None:
    announce(site, "5501", "742", "743", "744", "745")
    lines = [received(1, "5501", "742", 20), received(2, "5501", "743", 30), received(3, "5501", "744", 22, damaged=2)]
    for one in [*lines, received(4, "5501", "900")]:
        site.store.apply(event(one))
    with site.client("ana", Role.VIEWER) as browser:
        page = browser.get("/trailers/north/5501").text
        rows = [
            " ".join(re.sub("<[^>]+>", " ", row).split()) for row in re.findall(r"<tr><td>.*?</tr>", page, re.DOTALL)
        ]
        german = browser.get("/trailers/north/5501", headers={"accept-language": "de"}).text
    assert rows == [
        "742 A100 24 CS 20 CS -4 CS short 1",
        "743 A100 24 CS 30 CS 6 CS over 1",
        "744 A100 24 CS 22 CS 2 CS 0 CS as announced 1",
        "745 A100 24 CS missing",
        "900 A100 24 CS not announced 1",
    ]
    assert f'href="/entries/{identity(1, 1)}"' in page
    assert "wie angekündigt" in german


def test_a_dossier_is_made_by_a_reviewer_signed_and_on_record(tmp_path: Path, event: Read) -> None:
    key = new_key_file(tmp_path / "office.key")
    with console(tmp_path) as site:
        site.store.apply(event(received(1, "5501", "742")))
        asked = {"site": "north", "trailer": "5501", "visit": "1"}
        with site.client("ana", Role.REVIEWER) as browser:
            assert send(browser, "/trailers/dossier", **asked).status_code == 409
        settings = site.place.settings.model_copy(update={"dossier": DossierSettings(key=key)})
        site.place = replace(site.place, settings=settings)
        with site.client("ana", Role.REVIEWER) as browser:
            made = send(browser, "/trailers/dossier", **asked)
            missing = [
                send(browser, "/trailers/dossier", **asked | odd)
                for odd in ({"visit": "2"}, {"trailer": "\0"}, {"site": ""})
            ]
        with site.client("val", Role.VIEWER) as browser:
            assert send(browser, "/trailers/dossier", **asked).status_code == 403
            assert "can make it" in browser.get("/trailers/north/5501").text
        with site.place.transaction() as transaction:
            done = [
                line.deed for line in audit_log.load_latest_actions(transaction, 10) if line.deed.deed == "dossier_made"
            ]
    assert made.headers["content-type"] == "application/zip"
    assert "SIGNATURE" in zipfile.ZipFile(io.BytesIO(made.content)).namelist()
    assert [one.status_code for one in missing] == [404, 400, 404]  # a NUL is in no form of ours
    assert [(one.who, one.about, one.details["sha256"]) for one in done] == [
        ("ana", "5501", hashlib.sha256(made.content).hexdigest())
    ]


def placed(site: Console) -> Dock:
    """Devices whose clock the tests have, beside the console of these tables."""
    return Dock(Store(site.store.engine, clock := Clock()), site.place.forms, clock)


def test_list_page_api_and_dossier_count_one_visit(site: Console) -> None:
    dock = placed(site)
    one, _ = dock.boxes
    told = {"item": "A100", "uom": "CS", "trailer": "5501"}
    dock.announce(line("742"), line("743", 30))
    aside = parsed(one.review(pallet_id="743", trailer="5501"))["data"]["utterance"]
    dock.clock.on()
    dock.hear(one.record(pallet_id="742", quantity=24, **told), one.record("close-trailer", trailer="5501"))
    dock.clock.on(60)
    dock.hear(one.record(pallet_id="743", quantity=30, data={"utterance": aside}, **told))
    dock.announce(line("800"), trailer="5502")
    with site.client("ana", Role.VIEWER) as browser:
        assert listed(browser) == ["5502 announced 1 0 1 0 0", "5501 closed 2 2 0 0 3"]
        page = browser.get("/trailers/north/5501").text
        assert browser.get("/trailers/north/5501?visit=2").status_code == 404
    assert ": 2 / 2</p>" in page
    erp = program(site)
    listed_there = {one["trailer"]: one for one in erp.get("/v1/trailers").json()["trailers"]}
    assert (listed_there["5501"]["state"], listed_there["5501"]["missing"]) == ("closed", [])
    visit = erp.get("/v1/sites/north/trailers/5501").json()
    assert [one["number"] for one in visit["visits"]] == [1]
    assert visit["figures"]["pallets"] == {"expected": 2, "received": 2}
    content = build(*dossier_of(dock)).content
    assert content["figures"]["pallets"] == {"expected": 2, "received": 2}


def dossier_of(dock: Dock) -> tuple[Any, ...]:
    gathered = dock.gathered()
    return gathered.visits()[-1], gathered, dock.keys, INVENTORY, "en"


def test_a_trailer_that_is_announced_again_waits_with_its_new_list(site: Console) -> None:
    dock = placed(site)
    one, _ = dock.boxes
    dock.announce(line("742"))
    told = {"item": "A100", "uom": "CS", "trailer": "5501"}
    dock.hear(one.record(pallet_id="742", quantity=24, **told), one.record("close-trailer", trailer="5501"))
    dock.clock.on(60)
    dock.announce(line("800", notice="4550099"), line("801", notice="4550099"))
    with site.client("ana", Role.VIEWER) as browser:
        assert listed(browser) == ["5501 announced 2 0 2 0 0", "5501 closed 1 1 0 0 2"]
        assert 'href="/trailers/north/5501?visit=2"' in browser.get("/trailers/part").text
        assert "0 / 2</p>" in browser.get("/trailers/north/5501?visit=2").text
        dock.hear(one.record(pallet_id="800", quantity=24, **told))
        assert listed(browser) == ["5501 open 2 1 1 0 1"]
