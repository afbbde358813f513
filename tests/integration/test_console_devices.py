"""The console's devices and alarms: what devices say of themselves, what is missing, what was refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from dockvoice_protocol.events import MalformedMessage, Topics, make_status
from inventory.console.accounts import Role
from inventory.queries import fleet
from inventory.records import InvalidEvent
from inventory.store import outbox
from inventory.store.outbox import Message, MessageKind
from inventory.store.statuses import StatusMessage
from tests.console import Console
from tests.dictated import KEY, identity, payload, recorded
from tests.rows import every
from tests.store import Read


def say(site: Console, state: Any = "online", device: str = "dock-3", **said: Any) -> None:
    topics = Topics("dockvoice", "north", device)
    time = None if state == "offline" else said.pop("time", site.place.now())
    message = make_status(state, site="north", device=device, key=KEY.public, time=time)
    site.store.statuses.record([StatusMessage.read(payload(message | said), topics)])


def alarms(site: Console) -> Mapping[str, list[str]]:
    with site.place.transaction() as transaction:
        found = fleet.load_devices(transaction, [("north", "dock-3"), ("north", "dock-4")])
    return {one.name: one.alarms(site.place.now(), timedelta(minutes=30)) for one in found}


@pytest.mark.parametrize("said", [{"disk_free_mb": 10**400}, {"under_review": 1e308}, {"backlog": {"entries": 1e300}}])
def test_a_number_beyond_all_that_is_counted_hides_no_device(site: Console, said: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage, match="holds a number too large"):
        say(site, **said)


def test_each_alarm_is_raised_by_what_it_says(site: Console, event: Read) -> None:
    ill = {"mode": "open", "muted": False, "faults": ["unplugged"]}
    site.store.apply(event(recorded(1, at=("north", "dock-9"))))
    site.store.apply(event(recorded(3, at=("north", "dock-4"))))
    say(site, microphone=ill, decisions_not_done={"forged": 1}, roster={"refused": "old"})
    say(site, device="dock-4")
    assert alarms(site) == {"dock-3": ["fault", "declined", "not_done"], "dock-4": ["gap"], "dock-9": ["no_key"]}
    say(site, "offline", device="dock-4")
    site.later = timedelta(minutes=31)
    assert alarms(site)["dock-4"] == ["silent", "gap"]
    assert alarms(site)["dock-9"] == ["silent", "no_key"]


def test_the_page_has_those_with_something_amiss_first_and_says_what(site: Console) -> None:
    say(site, device="dock-4", microphone={"mode": "open", "muted": True, "faults": ["clipping", "a_later_code"]})
    say(site, work={"form": "receive", "language": "pl"}, program="0.1.0", under_review=0)
    with site.client("ana", Role.VIEWER) as browser:
        page = browser.get("/devices").text
        german = browser.get("/devices/part", headers={"accept-language": "de"}).text
    assert page.index("north/dock-4") < page.index("north/dock-3")
    for words in (
        "overdriven",
        "a_later_code",
        "2 devices, 2 linked, 1 with something amiss",
        "receive <small>pl",
        "0.1.0",
    ):
        assert words in page
    assert "übersteuert" in german
    assert "<html" not in german


def test_how_the_wearer_is_heard_is_judged_by_level_and_by_what_surrounds_him(site: Console) -> None:
    def judged(row: tuple[dict[str, int], str | None]) -> None:
        hearing, wanted = row
        told: dict[str, Any] = {"hearing": hearing} if hearing else {}
        say(site, **told)
        with site.place.transaction() as transaction:
            (found,) = [one for one in fleet.load_devices(transaction, [("north", "dock-3")]) if one.name == "dock-3"]
        assert found.speech_quality == wanted
        assert ("unheard" in found.alarms(site.place.now(), timedelta(minutes=30))) == (wanted not in {None, "well"})

    every(
        {
            "well": ({"level_db": -24, "noise_db": -50}, "well"),
            "at the limit": ({"level_db": -24, "noise_db": -36}, "well"),
            "drowned": ({"level_db": -24, "noise_db": -35}, "loud_hall"),
            "quiet in a quiet hall": ({"level_db": -41, "noise_db": -70}, "too_quiet"),
            "loud": ({"level_db": -5, "noise_db": -50}, "too_loud"),
            "its gate is closed between words": ({"level_db": -24}, "well"),
            "only talk beside it": ({"noise_db": -50}, None),
            "neither": ({}, None),
        },
        judged,
    )


def test_what_waits_at_a_device_is_shown_as_it_said_and_is_an_alarm_where_it_does_not_go_though_it_is_linked(
    site: Console,
) -> None:
    say(site, backlog={"entries": 12, "since": "2026-11-22T07:51:00.000Z"}, disk_free_mb=21480)
    say(site, device="dock-4", hearing={"level_db": -31, "noise_db": -40})
    assert alarms(site) == {"dock-3": [], "dock-4": ["unheard"]}
    site.later = timedelta(minutes=2)
    assert alarms(site)["dock-3"] == ["backlog"]
    with site.client("ana", Role.VIEWER) as browser:
        page = browser.get("/devices").text
        assert "entries wait too long" in browser.get("/alarms").text
        for words in (
            "At the device 12<br><small>since <time",
            "21.5 GB of room",
            "loud hall",
            "hall -40 dBFS",
            "9 dB above",
        ):
            assert words in page
        assert page.count("not known") == 2, "neither has said what the other has"
        say(site, "offline")
        say(site, "offline", device="dock-4")
        page = browser.get("/devices").text
        assert "when it had a link" in page
        assert "loud hall" not in page
    assert alarms(site) == {"dock-3": [], "dock-4": []}


def test_what_was_refused_and_put_aside_is_shown_as_text(site: Console, event: Read) -> None:
    odd = [
        b"\xff\xfe no JSON",
        b'{"data": {"form": "<b>", "fields": {"<i>": "\\ud800<script>"}}}',
        b'{"data": []}',
        b'{"data": {"form": 7, "fields": "x"}}',
    ]
    for number, body in enumerate(odd, 1):
        site.store.apply(
            InvalidEvent(identity(1, number), "north", "dock-3", number, body, ("invalid:/quantity: <u>", "new_code"))
        )
    site.store.keep_rejected(b"\x00", "dockvoice/<b>/x", "forged:<script>")
    with site.client("ana", Role.VIEWER) as browser:
        page = browser.get("/alarms").text
        hostile = ["?came=' OR 1=1&event=x", "?before=9999999999999999999999", "?came=2026-11-22&event=%00", "?came=x"]
        every(hostile, lambda asked: _answers(browser, asked))
    assert not re.search("<(b|i|u|script)>", page)
    assert "breaks its form" in page
    assert "new_code" in page


def _answers(browser: Any, asked: str) -> None:
    assert browser.get(f"/alarms{asked}").status_code == 200


def test_every_refusal_is_on_one_page_however_many_there_are(site: Console) -> None:
    for number in range(1, 36):
        site.store.apply(InvalidEvent(identity(1, number), "north", "dock-3", number, b"{}", ("malformed:x",)))
        site.store.keep_rejected(b"x", "t", f"reason {number}")
    with site.client("ana", Role.VIEWER) as browser:
        first = browser.get("/alarms").text
        refused, aside = [one.replace("&amp;", "&") for one in re.findall(r'href="(/alarms\?[^"]+)"', first)]
        assert first.count("malformed</span>") + browser.get(refused).text.count("malformed</span>") == 35
        assert first.count("<code>reason") + browser.get(aside).text.count("<code>reason") == 35


def test_what_does_not_reach_the_devices_is_an_alarm_with_its_error(site: Console) -> None:
    message = Message(MessageKind.CATALOGUE, "north", "", "docks", "topic", b"{}", KEY.public)
    with site.store.transaction() as transaction:
        outbox.record_failure(
            transaction, outbox.insert_messages(transaction, [message], site.place.now()), "not authorized"
        )
    with site.client("ana") as browser:
        assert "does not go out" not in browser.get("/alarms").text
        site.later += outbox.STUCK_AFTER + timedelta(seconds=1)
        told = browser.get("/alarms").text
        assert "does not go out" in told
        assert "not authorized" in told
