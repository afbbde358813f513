"""The console's roster: who may sign on is changed, imported, published, taken over, and back to an older version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.events import Topics, make_status
from dockvoice_protocol.records import Operator, Roster
from dockvoice_protocol.signed import sign_roster, verify_roster
from inventory.audit import audit_log
from inventory.site import catalogue_publishing
from inventory.site.catalogue import SiteCatalogue, Version
from inventory.site.roster import ROSTER, roster_kind
from inventory.store.statuses import StatusMessage
from tests.console import CSRF, Console, console, demand_refused, send
from tests.dictated import ANOTHER, KEY, payload
from tests.store import drained
from tests.tiers import sized

NORTH = {"site": "north", "reason": "she begins on Monday"}
ANA = {"cell_name": "op-17", "cell_number": "471", "cell_spoken": "ana;ana maria", "cell_language": "es"}
FILE = b"name,number,spoken,language,forms\nop-17,471,ana,es,unload\nop-18,82,ben,,\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as found:
        runs(found, {})
        yield found


class Broker:
    """Keeps what is sent retained, unless it is away."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.away = False

    def retained(self, _: Any, __: str, topic: str) -> bytes | None:
        if self.away:
            raise Unavailable("the broker: no answer")
        return self.kept.get(topic)

    def takes(self, site: Console) -> None:
        self.kept.update({row.topic: row.body for row in drained(site.store)})


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(catalogue_publishing, "read_retained", made.retained)
    return made


def runs(site: Console, roster: dict[str, Any]) -> None:
    """A device says which roster it runs."""
    said = make_status("online", site="north", device="dock-3", key=KEY.public, time=site.place.now())
    told = {"roster": roster} if roster else {}
    site.store.statuses.record([StatusMessage.read(payload(said | told), Topics("dockvoice", "north", "dock-3"))])


def history(site: Console) -> list[Version]:
    of = SiteCatalogue("north", site.place.transaction, site.place.now, of=lambda _: roster_kind(site.place.forms))
    return of.history(ROSTER)


def names(site: Console) -> list[str]:
    return [one["name"] for one in history(site)[0].rows]


def upload(browser: Any, content: bytes, name: str = "x.csv") -> Any:
    token = CSRF.search(browser.get("/roster").text)
    assert token is not None
    return browser.post("/roster/file", data={"csrf": token[1], "name": name, **NORTH}, files={"file": ("x", content)})


@pytest.mark.parametrize("column", ["name", "forms"])
def test_what_is_nested_too_deeply_is_told_at_whatever_depth(site: Console, column: str) -> None:
    """Each reader of it ends at a depth of its own: what the first one takes, the next may not."""
    with site.client("ana") as browser:
        for levels in (33, *range(900, 1000, sized(test=10, nightly=2))):
            nested = "[" * levels + "]" * levels
            answer = upload(browser, f'[{{"{column}": {nested}}}]'.encode(), "x.json")
            assert (answer.status_code, "nested too deeply" in answer.text) == (409, True), levels


def test_what_is_faulty_changes_nothing_and_each_fault_is_told_with_its_line(site: Console) -> None:
    with site.client("ana") as browser:
        upload(browser, FILE)
        latest = history(site)[0].version
        of = NORTH | ANA

        def edited(**given: Any) -> Any:
            return send(browser, "/roster/edit", **of | {"key": "", **given})

        asked: dict[str, tuple[Any, str]] = {
            "a file": (upload(browser, b"name,number\nop-17,4\nop-18,\n"), "line 2, column number: found &#39;4&#39;"),
            "all of its faults": (upload(browser, b"name,number\nop-17,4\nop-18,\n"), "line 3, columns number and"),
            "nobody": (upload(browser, b"name,number\n"), "holds no line"),
            "JSON": (upload(browser, b'[{"name": "a", "number": 471}]', "x.json"), "/0, column number: found 471"),
            "the same number": (edited(cell_name="op-19"), "stands in row &#39;op-17&#39; too"),
            "the same name": (edited(cell_number="99", cell_spoken="zoe"), "column name: &#39;op-17&#39; stands in"),
            "a form that is none": (edited(cell_name="x", cell_number="99", **{"form:x": "yes"}), "column forms"),
            "a language": (edited(cell_name="x", cell_number="99", cell_language="xx"), "column language"),
            "no reason": (edited(reason=" ", cell_name="x", cell_number="99", cell_spoken=""), "reason"),
            "outdated": (edited(key="op-17", base=latest - 1), "since"),
        }

        demand_refused(asked)
        assert 'name="cell_number" value="471"' in asked["the same number"][0].text, "what was typed stands there"
        assert send(browser, "/roster/edit", **of | {"site": "nowhere"}, key="").status_code == 404
        assert browser.get("/roster/nowhere").status_code == 404
    assert [one.version for one in history(site)] == [latest]


def test_operators_are_added_changed_taken_out_and_brought_back_and_all_of_it_is_on_record(site: Console) -> None:
    with site.client("ana") as browser:
        assert "There is none here" in browser.get("/roster/north").text
        added = send(browser, "/roster/edit", **NORTH | ANA, key="", **{"form:unload": "yes", "form:receive": "yes"})
        assert added.status_code == 303
        (first,) = history(site)
        assert first.rows[0] == {
            "name": "op-17",
            "number": "471",
            "spoken": "ana;ana maria",
            "language": "es",
            "forms": "unload;receive",
        }
        page = browser.get("/roster/north?row=op-17").text
        assert "<option selected>es</option>" in page
        assert 'name="form:unload" value="yes" checked' in page
        send(browser, "/roster/edit", **NORTH, key="", cell_name="op-18", cell_number="82")
        send(
            browser, "/roster/edit", **NORTH | ANA | {"cell_number": "472"}, key="op-17", base=history(site)[0].version
        )
        assert "forms" not in history(site)[0].rows[0], "no box is marked: all"
        send(browser, "/roster/edit", **NORTH, key="op-17", remove="yes")
        assert names(site) == ["op-18"]
        assert send(browser, "/roster/edit", **NORTH, key="op-18", remove="yes").status_code == 409, "nobody is left"
        assert send(browser, "/roster/back", **NORTH, version=first.version).status_code == 303
        assert history(site)[0].rows == first.rows
        assert send(browser, "/roster/withdraw", **NORTH).status_code == 303
        assert history(site)[0].rows == ()
        page = browser.get("/roster/north").text
        assert page.count("she begins on Monday") == 6
        assert "removed op-17: 1 removed" in page
        assert browser.get("/catalogue/north/roster").status_code == 404
        assert "/catalogue/north/" not in browser.get("/catalogue").text, "it is no master data"
    assert site.store.catalogue("north").current_versions() == []
    with site.place.transaction() as transaction:
        done = [
            line.deed for line in audit_log.load_latest_actions(transaction, 20) if line.deed.deed == "roster_changed"
        ]
    assert [(one.who, one.about) for one in done] == [("ana", "north")] * 6


def test_what_is_published_is_the_message_of_the_command_and_it_is_shown_who_runs_it(
    site: Console, broker: Broker
) -> None:
    with site.client("ana") as browser:
        upload(browser, FILE)
        assert "is not published" in browser.get("/roster/north").text
        broker.away = True
        assert send(browser, "/roster/publish", **NORTH).status_code == 503
        assert history(site)[0].published_at is None
        broker.away = False
        assert send(browser, "/roster/publish", **NORTH).status_code == 303
        (latest,) = history(site)
        broker.takes(site)
        ((topic, message),) = broker.kept.items()
        assert topic == Topics.roster("dockvoice", "north")
        assert verify_roster(message, "north", KEY.public) == Roster(
            "north",
            latest.version,
            (Operator("op-17", "471", ("ana",), "es", ("unload",)), Operator("op-18", "82", ("ben",))),
        )
        assert f'<span class="warn">→ {latest.version}</span>' in browser.get("/roster/north").text
        assert f'roster - <span class="warn">→ {latest.version}</span>' in browser.get("/devices").text
        runs(site, {"refused": "forged"})
        assert '<span class="bad">forged</span>' in browser.get("/roster/north").text
        runs(site, {"version": latest.version})
        assert "1 / 1" in browser.get("/roster").text
        assert "later roster" not in browser.get("/roster/north").text


def test_what_was_published_by_the_command_since_is_not_overwritten_unseen_but_taken_over(
    site: Console, broker: Broker
) -> None:
    topic = Topics.roster("dockvoice", "north")
    zoe = Operator("op-20", "777", ("zoe", "zo"), "de", ("unload", "receive"))
    with site.client("ana") as browser:
        assert "no roster there" in send(browser, "/roster/take", **NORTH).text
        broker.kept[topic] = sign_roster(Roster("north", 9, (zoe,)), ANOTHER, site.place.now())
        assert "no roster there" in send(browser, "/roster/take", **NORTH).text, "it is another's"
        upload(browser, FILE)
        later = Roster("north", history(site)[0].version + 9, (zoe,))
        broker.kept[topic] = sign_roster(later, KEY, site.place.now())
        refused = send(browser, "/roster/publish", **NORTH)
        assert refused.status_code == 409
        assert "published from elsewhere" in refused.text
        assert verify_roster(broker.kept[topic], "north", KEY.public) == later
        runs(site, {"version": later.version})
        assert "runs a later roster" in browser.get("/roster/north").text
        assert send(browser, "/roster/take", **NORTH).status_code == 303
        assert names(site) == ["op-20"]
        latest = history(site)[0]
        assert latest.what.startswith(f"imported what the broker had, version {later.version}")
        assert latest.version > later.version, "so that it can be published"
        assert send(browser, "/roster/publish", **NORTH).status_code == 303
        broker.takes(site)
        published = verify_roster(broker.kept[topic], "north", KEY.public)
        assert published == replace(later, version=latest.version)
        again = replace(later, version=latest.version + 1, operators=(replace(zoe, number="778"),))
        broker.kept[topic] = sign_roster(again, KEY, site.place.now())
        for number in ("82", "83"):  # The second is later than what the command published meanwhile.
            send(browser, "/roster/edit", **NORTH, key="", cell_name=f"op-{number}", cell_number=number)
        assert send(browser, "/roster/publish", **NORTH).status_code == 409
        assert verify_roster(broker.kept[topic], "north", KEY.public) == again
        broker.kept[topic] = sign_roster(replace(again, operators=()), KEY, site.place.now())
        assert send(browser, "/roster/publish", **NORTH).status_code == 303, "it was withdrawn: nothing is lost"


def test_without_a_key_nothing_is_published_and_the_page_says_so(tmp_path: Path) -> None:
    with console(tmp_path, signer=None) as site:
        runs(site, {})
        with site.client("ana") as browser:
            upload(browser, FILE)
            assert "console.key" in browser.get("/roster/north").text
            assert send(browser, "/roster/publish", **NORTH).status_code == 409
