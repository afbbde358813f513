"""The review queue of the console: what is shown of a review, and what becomes of what is decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dockvoice_protocol.signed import Forged, verify_decision
from inventory.console.accounts import Role
from inventory.reviews.reviews import read_review
from tests.console import FLAC, Broker, Console, Folder, console, send
from tests.console.story import DEVICE, put_aside
from tests.dictated import KEY, identity, reviewed, signed
from tests.rows import every

HERE = f"/reviews/north/dock-3/{identity(2, 1)}"
SOUND = f"/sounds/north/dock-3/{identity(2, 1)}"


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def folder() -> Folder:
    return Folder()


@pytest.fixture
def site(tmp_path: Path, broker: Broker, folder: Folder) -> Iterator[Console]:
    with console(tmp_path, sounds=folder) as found:
        put_aside(found)
        yield found


def decide(site: Console, by: str = "ana", role: Role = Role.REVIEWER, /, **given: str) -> Any:
    whole = {"review": identity(7, 11), "decision": "correct", "reason": "counted again", "of-dock": "B", **given}
    with site.client(by, role) as browser:
        return send(browser, HERE, seen=HERE, **whole)


def sent(site: Console, broker: Broker) -> list[Any]:
    """What a device reads of what went out."""
    broker.drain(site.store)
    assert {topic for topic, _ in broker.taken} <= {DEVICE.decisions}
    return [verify_decision(body, DEVICE.source, KEY.public) for _, body in broker.taken]


def page(site: Console, path: str = HERE, role: Role = Role.REVIEWER) -> str:
    with site.client(str(role), role) as browser:
        return str(browser.get(path).text)


def test_what_is_decided_goes_out_signed_as_the_command_sends_it(site: Console, broker: Broker) -> None:
    assert decide(site).status_code == 303
    (told,) = sent(site, broker)
    assert (told.review, told.utterance_id, told.who) == (identity(7, 11), identity(2, 1), "ana")
    assert (told.decision, told.values, told.reason) == ("correct", {"dock": "B"}, "counted again")
    assert sent(site, broker) == [told], "it goes out once"
    assert "Sent. Waiting for the device." in page(site)
    put_aside(site, 2, "recorded", by="office", event_id=identity(1, 9))
    shown = page(site)
    assert "It is recorded (by the office)" in shown
    assert f"/entries/{identity(1, 9)}" in shown
    assert "It is recorded" in page(site, "/reviews")


def test_what_does_not_fit_the_form_is_told_by_the_field_and_kept(site: Console, broker: Broker) -> None:
    def is_told(row: tuple[dict[str, str], str]) -> None:
        given, told = row
        answer = decide(site, **given)
        assert answer.status_code == 422
        assert told in answer.text
        assert 'value="counted again"' in answer.text or given.get("reason") is not None

    every(
        [
            ({"of-quantity": "a dozen"}, "A whole number, such as 12."),
            ({"of-quantity": "0"}, "Not allowed by the form: minimum 1"),
            ({"of-quantity": "9" * 30}, "A whole number, such as 12."),
            ({"of-dock": ""}, "Required, and lacking."),
            ({"of-pallet_id": ""}, "A value cannot be taken away."),
            ({"of-pallet_id": "74\u202e2"}, "One line of letters"),
            ({"decision": "accept"}, "You changed a field."),
            ({"decision": "accept", "of-dock": ""}, "Required, and lacking."),
            ({"decision": "correct", "of-dock": "B", "reason": " "}, "Say why"),
            ({"reason": "x" * 201}, "Say why"),
            ({"decision": "burn"}, "Choose what is to become of it."),
        ],
        is_told,
    )
    assert sent(site, broker) == []


def test_a_value_that_the_form_does_not_have_goes_nowhere(site: Console, broker: Broker) -> None:
    decide(site, **{"of-bonus": "1000", "dock": "A", "who": "boss"})
    assert [(told.values, told.who) for told in sent(site, broker)] == [({"dock": "B"}, "ana")]


def test_accepted_or_corrected_is_only_what_is_shown(site: Console, broker: Broker) -> None:
    put_aside(site, 2, fields={"pallet_id": "0742", "quantity": 12, "dock": "B"}, doubtful=[])
    assert "More is known of it by now" in decide(site).text
    now = {"review": identity(7, 21)}
    assert "Nothing is changed" in decide(site, **now).text
    assert decide(site, **now, decision="accept").status_code == 303
    assert [(told.decision, told.values) for told in sent(site, broker)] == [("accept", {})]


def test_where_the_operator_was_sooner_nothing_is_sent(site: Console, broker: Broker) -> None:
    put_aside(site, 2, "dropped")
    answer = decide(site)
    assert answer.status_code == 409
    assert "decided meanwhile, on the device" in answer.text
    assert sent(site, broker) == []


def test_where_a_device_never_answers_it_may_be_decided_anew(site: Console, broker: Broker) -> None:
    decide(site)
    sent(site, broker)
    site.later = timedelta(minutes=9)
    assert decide(site, "ben").status_code == 409
    site.later = timedelta(minutes=10)
    assert "The device has not answered" in page(site)
    assert decide(site, "ben", decision="discard").status_code == 303
    assert [told.who for told in sent(site, broker)] == ["ana", "ben"]
    assert decide(site, "cy").status_code == 409


def test_who_may_not_decide_sees_it_and_cannot(site: Console, broker: Broker, tmp_path: Path) -> None:
    assert decide(site, "val", Role.VIEWER).status_code == 403
    assert sent(site, broker) == []
    shown = page(site, role=Role.VIEWER)
    assert "counted" not in shown
    assert "Reviewers decide." in shown
    with console(tmp_path / "keyless", signer=None) as keyless:
        put_aside(keyless)
        assert "the console has no key" in page(keyless)
        assert "the console has no key" in decide(keyless).text
        assert broker.taken == []


EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7007*7007}}"


def test_nothing_that_was_said_becomes_a_part_of_a_page(site: Console) -> None:
    read = {"interpreter": EVIL, "heard": EVIL, "fields": {EVIL: [EVIL], "dock": [EVIL]}}
    put_aside(
        site,
        2,
        operator=EVIL,
        fields={"pallet_id": EVIL, EVIL: EVIL},
        doubtful=[{"field": EVIL, "reason": "field_unsure"}],
        heard={EVIL: EVIL, "dock": EVIL},
        readings=[read, {**read, "heard": "something else"}],
    )
    refused = decide(site, review=identity(7, 21), **{"of-pallet_id": EVIL, "reason": EVIL})
    decide(site, review=identity(7, 21), decision="discard", reason=EVIL)
    paths = ("/reviews", "/reviews/part", HERE, f"{HERE}/part", "/audit", SOUND)
    for shown in (refused.text, *(page(site, path, Role.ADMIN) for path in paths)):
        assert "<script>alert" not in shown
        assert "<img" not in shown
        assert str(7007 * 7007) not in shown
    assert "&lt;script&gt;alert" in refused.text


def test_a_recording_plays_for_who_has_said_why_and_that_is_on_record(site: Console, folder: Folder) -> None:
    with site.client("ana", Role.REVIEWER) as browser:
        assert browser.get(f"{SOUND}/flac").status_code == 403
        assert send(browser, SOUND, seen=HERE, reason="").status_code == 422
        assert folder.asked == []
        assert send(browser, SOUND, seen=HERE, reason="review", back=HERE).headers["location"] == HERE
        assert folder.asked == [("ana", "review")]
        whole = browser.get(f"{SOUND}/flac")
        assert (whole.content, whole.headers["content-type"]) == (FLAC, "audio/flac")
        some = browser.get(f"{SOUND}/flac", headers={"range": "bytes=100-199"})
        assert (some.status_code, some.content) == (206, FLAC[100:200])
        assert browser.get(f"{SOUND}/flac", headers={"range": "bytes=99999999-"}).status_code == 416
        assert "<svg" in browser.get(HERE).text
        site.later = timedelta(minutes=50)
    with site.client("ben", Role.REVIEWER) as browser:
        assert browser.get(f"{SOUND}/flac").status_code == 403, "another has given no reason"
    with site.client("val", Role.VIEWER) as browser:
        assert browser.get(f"{SOUND}/flac").status_code == 403
        assert send(browser, SOUND, seen="/reviews", reason="curious").status_code == 403
    assert folder.asked == [("ana", "review")]
    shown = page(site, "/audit", Role.ADMIN)
    assert "listened to a recording" in shown


def test_where_readings_differ_the_words_are_marked(site: Console) -> None:
    heard = ("pallet seven four two dock bee", "pallet seven four two dock dee")
    readings = [
        {"interpreter": f"reader/{number}", "heard": words, "fields": {"dock": [value]}}
        for number, (words, value) in enumerate(zip(heard, "BD", strict=True))
    ]
    put_aside(site, 2, readings=readings, doubtful=[{"field": "dock", "reason": "confusable"}])
    shown = page(site)
    assert "<mark>bee</mark>" in shown
    assert "<mark>dee</mark>" in shown
    assert "<mark>seven</mark>" not in shown
    assert "<mark>or D</mark>" in shown
    assert "sounds like another value" in shown


def test_the_page_shows_what_each_word_stands_for(site: Console) -> None:
    account = [
        {"words": "twelve", "sense": "value", "fields": ["quantity"]},
        {"words": "frobbed", "sense": "unexplained", "fields": ["quantity"]},
    ]
    put_aside(site, 2, readings=[{"interpreter": "vosk", "heard": "twelve frobbed", "fields": {}, "account": account}])
    shown = " ".join(page(site).split())
    assert "twelve<small>value: Quantity</small>" in shown
    assert "<mark>frobbed</mark><small>not explained, in doubt: Quantity</small>" in shown


def test_a_long_queue_is_shown_page_by_page(site: Console) -> None:
    for number in range(2, 60):
        told = reviewed(number, of=number)
        site.store.review(read_review(signed(told), DEVICE))
    first = page(site, "/reviews")
    assert "Waiting for a person: 59" in first
    following = first.split('href="/reviews?after=')[1].partition('"')[0]
    second = page(site, f"/reviews?after={following}")
    assert first.count("<tr>") + second.count("<tr>") == 59 + 2
    assert identity(2, 59) in second


def test_what_the_broker_does_not_take_is_kept_and_goes_out_later(site: Console, broker: Broker) -> None:
    broker.away = True
    decide(site)
    assert sent(site, broker) == []
    shown = page(site)
    assert "goes out as soon as the broker takes it" in shown
    assert decide(site, "ben").status_code == 409, "kept is decided"
    broker.away = False
    assert [told.who for told in sent(site, broker)] == ["ana"]


def test_a_forged_decision_is_no_word_of_this_console(site: Console, broker: Broker) -> None:
    broker.away = True
    decide(site)
    with site.place.transaction() as transaction:
        body = transaction.execute(text("SELECT body FROM dockvoice_outbox")).scalar_one()
        forged = body.replace(b'"dock":"B"', b'"dock":"A"')
        transaction.execute(text("UPDATE dockvoice_outbox SET body = :body"), {"body": forged})
    broker.away = False
    with pytest.raises(Forged, match="was not made for it"):
        sent(site, broker)


def test_where_the_database_goes_away_a_decision_is_not_lost_from_the_page(site: Console) -> None:
    with site.client("ana", Role.REVIEWER) as browser:
        token = browser.get(HERE).text.split('name="csrf" value="')[1].partition('"')[0]
        with site.engine.begin() as transaction:
            transaction.execute(text("ALTER TABLE dockvoice_reviews RENAME TO hidden"))
        typed = {"csrf": token, "of-dock": "B", "reason": "counted again", "decision": "correct"}
        answer = browser.post(HERE, data=typed)
        assert answer.status_code == 503
        assert 'name="of-dock" value="B"' in answer.text
        assert f'name="csrf" value="{token}"' in answer.text
        with site.engine.begin() as transaction:
            transaction.execute(text("ALTER TABLE hidden RENAME TO dockvoice_reviews"))
        assert browser.post(HERE, data={**typed, "review": identity(7, 11)}).status_code == 303
