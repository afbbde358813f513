"""The console's catalogue: rows changed, files imported, published, and back to an older version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.events import Topics, make_status
from inventory.audit import audit_log
from inventory.site.catalogue import Version
from inventory.store.statuses import StatusMessage
from tests.console import CSRF, Console, console, demand_refused, send
from tests.dictated import KEY, payload
from tests.rows import every
from tests.store import drained

DOCKS = {"site": "north", "kind": "docks", "reason": "the new hall"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as found:
        runs(found, {})
        yield found


def runs(site: Console, versions: dict[str, Any]) -> None:
    """A device says which versions it runs."""
    said = make_status("online", site="north", device="dock-3", key=KEY.public, time=site.place.now())
    told = {"catalogue": versions} if versions else {}
    site.store.statuses.record([StatusMessage.read(payload(said | told), Topics("dockvoice", "north", "dock-3"))])


def history(site: Console) -> list[Version]:
    return site.store.catalogue("north").history("docks")


def upload(browser: Any, content: bytes, name: str = "x.csv") -> Any:
    token = CSRF.search(browser.get("/catalogue").text)
    assert token is not None
    return browser.post(
        "/catalogue/file", data={"csrf": token[1], "name": name, **DOCKS}, files={"file": ("../../x", content)}
    )


def test_rows_are_changed_added_removed_and_brought_back_and_all_of_it_is_on_record(site: Console) -> None:
    with site.client("ana") as browser:
        assert "There is none here" in browser.get("/catalogue").text
        assert upload(browser, b"value,spoken\nA,blue door\nB,\n").status_code == 303
        first = history(site)[0]
        send(browser, "/catalogue/edit", **DOCKS, key="A", base=first.version, cell_value="A", cell_check="61")
        send(browser, "/catalogue/edit", **DOCKS | {"reason": "<b>why</b>"}, key="", cell_value="D")
        send(browser, "/catalogue/edit", **DOCKS, key="B", remove="yes")
        assert [one["value"] for one in history(site)[0].rows] == ["A", "D"]
        page = browser.get("/catalogue/north/docks?row=A").text
        assert 'name="cell_check" value="61"' in page
        assert "&lt;b&gt;why" in page
        assert send(browser, "/catalogue/back", **DOCKS, version=first.version).status_code == 303
        assert history(site)[0].rows == first.rows
        assert len(history(site)) == 5
        assert upload(browser, b'[{"value": "C"}]', "x.json").status_code == 303
    with site.place.transaction() as transaction:
        done = [
            line.deed
            for line in audit_log.load_latest_actions(transaction, 20)
            if line.deed.deed == "catalogue_changed"
        ]
    assert [(one.who, one.about) for one in done] == [("ana", "north/docks")] * 6


def test_what_is_faulty_changes_nothing_and_each_fault_is_told(site: Console) -> None:
    with site.client("ana") as browser:
        upload(browser, b"value\nA\n")
        latest = history(site)[0].version
        asked: dict[str, tuple[Any, str]] = {
            "twice": (upload(browser, b"value\nA\nA\n"), "line"),
            "another column": (upload(browser, b"value,<script>\nA,1\n"), "script"),
            "no text": (upload(browser, b"\xff\xfe\x00"), "x"),
            "nothing": (upload(browser, b""), "<li>docks.csv: line 1: header"),
            "no reason": (
                send(browser, "/catalogue/edit", **DOCKS | {"reason": " "}, key="", cell_value="B"),
                "reason",
            ),
            "gone": (send(browser, "/catalogue/edit", **DOCKS, key="Z", cell_value="Z"), "not in version"),
            "outdated": (send(browser, "/catalogue/edit", **DOCKS, key="A", base=latest - 1, cell_value="A"), "since"),
            "no version": (send(browser, "/catalogue/back", **DOCKS, version="7"), "no version"),
            "sql": (send(browser, "/catalogue/back", **DOCKS, version="1 OR 1=1"), "no version"),
        }

        demand_refused(asked)
        odd = [DOCKS | {"site": "nowhere"}, DOCKS | {"kind": "../etc"}, DOCKS | {"kind": "roster"}, {"reason": "x"}]
        every(odd, lambda given: _is(send(browser, "/catalogue/edit", **given, key="", cell_value="B"), 404))
        every(["/catalogue/north/roster", "/catalogue/north/a%20b"], lambda path: _is(browser.get(path), 404))
    assert [one.version for one in history(site)] == [latest]


def _is(answer: Any, code: int) -> None:
    assert answer.status_code == code


def test_what_is_published_is_signed_and_it_is_shown_who_runs_it(site: Console) -> None:
    with site.client("ana") as browser:
        upload(browser, b"value\nA\n")
        assert "is not published" in browser.get("/catalogue/north/docks").text
        assert send(browser, "/catalogue/publish", **DOCKS).status_code == 303
        (latest,) = history(site)
        assert [one.topic for one in drained(site.store)] == ["dockvoice/north/catalogue/docks/latest"]
        assert latest.signed_by == KEY.public.raw.hex()
        assert f'<span class="warn">→ {latest.version}</span>' in browser.get("/catalogue/north/docks").text
        runs(site, {"docks": {"refused": {"reason": "forged"}}})
        assert '<span class="bad">forged</span>' in browser.get("/catalogue/north/docks").text
        runs(site, {"docks": {"version": latest.version}})
        assert "1 / 1" in browser.get("/catalogue").text


def test_what_devices_would_refuse_is_refused_at_the_import_with_its_line(site: Console) -> None:
    told = "&#39;N1&#39; breaks the rules of field &#39;dock&#39;; mend one of the two"
    with site.client("ana") as browser:
        answer = upload(browser, b"value,spoken\nA,\nN1,north one\nN2,north two\n")
        assert answer.status_code == 409
        assert f"line 3, column value: {told}" in answer.text
        assert "line 4, column value: &#39;N2&#39;" in answer.text
        assert "pallet-move" in answer.text
        assert history(site) == []
        changed = send(browser, "/catalogue/edit", **DOCKS, key="", cell_value="N1", cell_spoken="north one")
        assert changed.status_code == 409
        assert told in changed.text
        # Made before a form was changed: it is not published either.
        site.store.catalogue("north").put(
            "docks", [("", {"value": "N1", "spoken": "north one"})], "ana", "x", "old.csv"
        )
        answer = send(browser, "/catalogue/publish", **DOCKS)
        assert answer.status_code == 409
        assert told in answer.text
        assert upload(browser, b"value\nA\nB\n").status_code == 303
        assert send(browser, "/catalogue/publish", **DOCKS).status_code == 303
    assert len(drained(site.store)) == 1
