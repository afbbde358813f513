"""The console on each database: several people at once, and every page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.exc import DBAPIError

from dockvoice_protocol.events import (
    CLIP_CHUNK_BYTES,
    ClipChunk,
    ClipMessage,
    ClipOffered,
    Topics,
    count_chunks,
    format_clip_message,
)
from dockvoice_protocol.signed import verify_clip_request
from inventory.audit import audit_log
from inventory.clips.clip_receiver import ClipReceiver
from inventory.clips.clips import ClipFolder
from inventory.console import accounts, decisions
from inventory.console.accounts import Role
from inventory.console.decisions import AlreadyDecided
from inventory.console.sounds import DeviceSounds
from inventory.repository import Store
from inventory.reviews.reviews import Review, read_review
from inventory.settings import ClipSettings
from inventory.store.outbox import Message, MessageKind
from inventory.store.tables import events
from tests.console import FLAC, Broker, Console, console, send
from tests.dictated import AT_DOCK_3, KEY, amended, identity, recorded, reviewed, signed
from tests.store import Read, drained

AT_ONCE = 8


def word(review: Review, body: bytes) -> Message:
    return Message(MessageKind.DECISION, *AT_DOCK_3, review.event_id, "topic", body, KEY.public)


@pytest.fixture
def site(url: str, tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path, url) as found:
        found.store.review(read_review(signed(reviewed(1)), Topics("dockvoice", *AT_DOCK_3)))
        yield found


def test_a_character_that_no_database_holds_is_no_database_that_does_not_answer(site: Console) -> None:
    with site.client("ana", Role.ADMIN) as browser:
        for path in ("/entries/%00", "/reviews/north/%00/x", "/sounds/north/dock-3/%00", "/trailers/north/a%00b"):
            assert browser.get(path).status_code == 404
        for path in ("/sign-in", "/catalogue/publish", "/morning"):
            assert send(browser, path, site="north", kind="docks", name="\0", form="\0").status_code == 400


def test_of_many_who_decide_at_once_one_has_decided_and_the_others_are_told_who(site: Console) -> None:
    (review,) = site.store.reviews()
    together = Barrier(AT_ONCE)

    def decide(number: int) -> str:
        who = f"person-{number}"
        together.wait(30)
        try:
            with site.place.transaction() as transaction:
                decisions.record_decision(
                    transaction, review, "accept", {}, who, "why", word(review, b"body"), site.place.now()
                )
                deed = audit_log.UserAction(who, "here", "decided", review.utterance_id)
                audit_log.record_action(transaction, deed, site.place.now(), KEY)
        except AlreadyDecided as taken:
            return taken.first.who
        return who

    with ThreadPoolExecutor(AT_ONCE) as people:
        told = set(people.map(decide, range(AT_ONCE)))
    with site.place.transaction() as transaction:
        kept = [one.decided.who for one in decisions.load_recent_outcomes(transaction)]
        assert (len(kept), told) == (1, {*kept})
        assert audit_log.first_broken_action(transaction, KEY.public) is None


def test_what_a_broker_forgot_goes_again_once_for_each_time_the_device_says_that_it_waits(site: Console) -> None:
    (review,), broker = site.store.reviews(), Broker()

    def sent_after(seconds: float) -> list[bytes]:
        site.later += timedelta(seconds=seconds)
        broker.drain(site.store)
        return [body for _, body in broker.taken]

    def decide(body: bytes) -> None:
        with site.place.transaction() as transaction:
            decisions.record_decision(
                transaction, review, "accept", {}, "ana", "why", word(review, body), site.place.now()
            )

    decide(b"first")
    assert sent_after(0) == [b"first"]
    assert sent_after(300) == [b"first"], "the device is away"
    site.store.review(review)
    assert sent_after(1) == [b"first"], "the broker may just be handing it over"
    assert sent_after(5) == [b"first"] * 2
    assert sent_after(300) == [b"first"] * 2
    broker.away = True
    site.store.review(review)
    assert sent_after(6) == [b"first"] * 2
    broker.away = False
    assert sent_after(1) == [b"first"] * 3
    site.later += timedelta(minutes=10)
    decide(b"anew")
    site.store.review(review)
    assert sent_after(6) == [b"first"] * 3 + [b"anew"]
    site.store.review(review)
    site.store.review(read_review(signed(reviewed(2, "dropped")), Topics("dockvoice", *AT_DOCK_3)))
    site.store.review(review)
    assert sent_after(6) == [b"first"] * 3 + [b"anew"], "the operator was sooner"


def test_deeds_that_are_done_at_once_make_one_chain(site: Console) -> None:
    def do(number: int) -> None:
        with site.place.transaction() as transaction:
            audit_log.record_action(
                transaction, audit_log.UserAction(f"person-{number}", "here", "listened", ""), site.place.now(), KEY
            )

    with ThreadPoolExecutor(AT_ONCE) as people:
        list(people.map(do, range(3 * AT_ONCE)))
    with site.place.transaction() as transaction:
        assert audit_log.load_latest_actions(transaction, 1)[0].number == 3 * AT_ONCE
        assert audit_log.first_broken_action(transaction, KEY.public) is None


def test_passwords_that_are_tried_at_once_are_counted_all(site: Console) -> None:
    def attempt(_: int) -> bool:
        with site.place.transaction() as transaction:
            return not accounts.register_attempt(transaction, "ana", "10.0.0.9", site.place.now(), known_there=False)

    with ThreadPoolExecutor(AT_ONCE) as people:
        allowed = list(people.map(attempt, range(3 * AT_ONCE)))
    assert sum(allowed) == accounts.PER_NAME


def test_who_only_looks_keeps_nobody_from_writing_and_writes_nothing(site: Console, event: Read, url: str) -> None:
    with closing(Store.open(url)) as consumer, site.place.read_transaction() as looking:
        before = looking.execute(select(func.count()).select_from(events)).scalar_one()
        consumer.apply(event(recorded(1)))
        with pytest.raises(DBAPIError, match=r"readonly|read-only"):
            looking.execute(delete(events))
        assert before == 0
    site.store.apply(event(recorded(2)))
    assert site.store.count().rows == 2


def test_every_page_is_shown(site: Console, event: Read) -> None:
    site.store.apply(event(recorded(1)))
    site.store.apply(event(amended(2, 1, quantity=13)))
    (review,) = site.store.reviews()
    with site.place.transaction() as transaction:
        decisions.record_decision(
            transaction, review, "correct", {"dock": "B"}, "ana", "why", word(review, b"b"), site.place.now()
        )
    here = f"/reviews/north/dock-3/{identity(2, 1)}"
    paths = [
        "/audit/part",
        "/reviews",
        "/reviews/part",
        here,
        f"{here}/part",
        f"/entries/{identity(1, 1)}",
        "/people",
        "/audit",
    ]
    after = f"/reviews?after=2026-11-19T00:00:00.000000%2B00:00~{identity(7, 1)}"
    with site.client("ana", Role.ADMIN) as browser:
        shown = {path: browser.get(path).status_code for path in [*paths, after, "/audit?before=1", "/audit/part"]}
    assert set(shown.values()) == {200}, shown


def test_a_recording_is_asked_of_its_device_with_the_reason_and_plays_when_it_has_come(
    site: Console, event: Read, tmp_path: Path
) -> None:
    folder = ClipFolder(tmp_path / "clips")
    site.place = replace(site.place, sounds=DeviceSounds(site.store.clips, folder, KEY, "dockvoice"))
    receiver = ClipReceiver(site.store.clips, folder, ClipSettings(free_mb=0), site.place.now)
    said, sha256 = recorded(1), hashlib.sha256(FLAC).hexdigest()
    said["data"]["utterance"]["audio_sha256"] = sha256
    site.store.apply(event(said))
    utterance, sender = identity(2, 1), Topics("dockvoice", *AT_DOCK_3)
    sound, of = f"/sounds/north/dock-3/{utterance}", f"?event={identity(1, 1)}"
    with site.client("ana", Role.REVIEWER) as browser:
        entry = f"/entries/{identity(1, 1)}"
        assert send(browser, f"{sound}{of}", seen=entry, reason="a claim", back=entry).status_code == 303
        assert "The device is asked for it" in browser.get(entry).text
        (asked,) = drained(site.store)
        request = verify_clip_request(asked.body, sender.source, KEY.public)
        assert (request.who, request.reason, request.utterance_id) == ("ana", "a claim", utterance)
        chunks = count_chunks(len(FLAC))
        pieces = [FLAC[at : at + CLIP_CHUNK_BYTES] for at in range(0, len(FLAC), CLIP_CHUNK_BYTES)]
        messages: list[ClipMessage] = [ClipOffered(utterance, sha256, len(FLAC), chunks)]
        messages += [ClipChunk(utterance, sha256, chunks, number, data) for number, data in enumerate(pieces, 1)]
        for message in messages:
            assert browser.get(f"{sound}/flac{of}").status_code == 404
            receiver.handle_message(format_clip_message(message, sender.source), sender)
        assert browser.get(f"{sound}/flac{of}").content == FLAC
        assert "<audio" in browser.get(f"{sound}{of}").text
