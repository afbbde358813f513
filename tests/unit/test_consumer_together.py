"""The loop with many events at once: what is done in which order, and that one of them hurts no other."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.events import make_status, to_json_bytes
from dockvoice_protocol.mqtt import MessageReceived, SessionConnected, SessionDisconnected
from inventory.forms import load_forms
from inventory.ingest.consumer import Consumer, Inbox, Wake
from inventory.ingest.ports import BatchStore, Broker, EventStore, StatusStore
from inventory.ingest.reorder_buffer import BatchSettings
from inventory.records import Applied, Buffered, BufferSize, Early, Event, HandledEvent, InvalidEvent, Outcome, Refused
from inventory.store.database import SiteFault
from inventory.store.keys import KeyDirectory
from inventory.store.statuses import StatusMessage
from tests.dictated import ANOTHER, KEY, enrolled, payload, recorded, signed

NOW = datetime(2026, 11, 20, 7, 15, 3, tzinfo=UTC)
TOPIC = "dockvoice/north/{}/entries"


class World(Broker, EventStore, BatchStore, StatusStore):
    """Broker and database at once; `deeds` is what was done, in order."""

    is_connected = is_accepted = True
    trouble: str | None = None

    def __init__(self) -> None:
        self.deeds: list[tuple[Any, ...]] = []
        self.faults: list[Exception] = []
        self.together = True  # Whether events may be applied together.
        self.kept_out: set[int] = set()
        self.locked = False  # Whether statuses cannot be kept now.
        self.unheard: set[str] = set()  # Devices whose statuses a rule of the site's keeps out.
        self.away_at: set[int] = set()  # At which events the database is away, once.
        self.released: list[HandledEvent] = []
        self.late: list[HandledEvent] = []
        self.held: set[int] = set()
        self.room = 1000
        self.s = 1000.0

    # the broker

    def start(self) -> None: ...

    def stop(self, timeout_s: float) -> None: ...

    def publish(self, topic: str, payload: bytes, *, tag: str, retain: bool = False) -> bool:
        if retain:
            return True
        if self.room == 0:
            return False
        self.room -= 1
        said = json.loads(payload)
        self.deeds.append(("receipt", topic.split("/")[2], said["sequence"], said["outcome"]))
        return True

    def acknowledge(self, delivered: MessageReceived) -> None:
        self.deeds.append(("acknowledge", delivered.token))

    # the database

    def apply(self, event: Event | InvalidEvent) -> Outcome:
        self.deeds.append(("apply", event.sequence))
        if event.sequence in self.away_at:
            self.away_at.remove(event.sequence)
            raise Unavailable("away")
        if event.sequence in self.kept_out and event.device == "dock-3":
            raise SiteFault("not on my watch")
        return self._said(event)

    def try_apply_all(self, given: Sequence[Event | InvalidEvent], *, hold: bool) -> list[HandledEvent] | None:
        self.deeds.append(("together", [one.sequence for one in given], hold))
        if self.faults:
            raise self.faults.pop(0)
        if not self.together:
            return None
        became: list[HandledEvent] = [
            (one, Buffered() if one.sequence in self.held else self._said(one)) for one in given
        ]
        return became + self.released

    @staticmethod
    def _said(event: Event | InvalidEvent) -> Outcome:
        return Applied() if isinstance(event, Event) else Refused(event.reasons)

    def record(self, words: Sequence[StatusMessage]) -> None:
        self.deeds.append(("heard", [(word.device, word.state) for word in words]))
        if self.faults:
            raise self.faults.pop(0)
        if self.locked:
            raise Unavailable("somebody else writes these tables")
        if any(word.device in self.unheard for word in words):
            raise SiteFault("not on my watch")

    def mark_missing_offline(self, heard: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
        self.deeds.append(("missed", sorted(heard)))
        return [("north", "dock-8")]

    def keep_rejected(self, payload: bytes, topic: str, reason: str) -> None:
        self.deeds.append(("keep", payload))

    def ping(self) -> None: ...

    def drop_expired_and_apply_due(self, patience: timedelta) -> list[HandledEvent]:
        if self.faults:
            raise self.faults.pop(0)
        return [self.late.pop() for _ in self.late[:]]

    def count_waiting(self) -> BufferSize:
        return BufferSize(3, 2, NOW - timedelta(seconds=4))

    def kinds(self) -> list[str]:
        return [deed[0] for deed in self.deeds]


class Loop:
    """The consumer, turn by turn."""

    def __init__(self, repository: Path, directory: Path, *, most: int = 10, patience: timedelta | None = None) -> None:
        self.world = World()
        self.keys = directory / "keys"
        self.inbox = Inbox()
        self.consumer = Consumer(
            self.world,
            self.world,
            load_forms(repository / "schemas" / "forms"),
            self.inbox,
            prefix="dockvoice",
            keys=KeyDirectory(enrolled(directory / "keys", "north/dock-3", "north/dock-4")),
            statuses=self.world,
            batching=BatchSettings(self.world, most, patience),
            clock=lambda: self.world.s,
            now=lambda: NOW,
        )
        self.turn(SessionConnected("5", 20, session_present=True))

    def turn(self, *news: Any, seconds: float = 0) -> None:
        """All of these come; the consumer works once."""
        self.world.s += seconds
        for one in (*news, Wake()):
            self.inbox.put(one)
        self.consumer._receive_queued()
        self.consumer._send_and_settle()
        self.consumer._beat_watchdog_buffer_and_dossiers()


@pytest.fixture
def loop(repository: Path, tmp_path: Path) -> Loop:
    return Loop(repository, tmp_path)


@pytest.fixture
def sharing(repository: Path, tmp_path: Path) -> Loop:
    return Loop(repository, tmp_path, patience=timedelta(seconds=10))


def came(number: int, device: str = "dock-3", **fields: Any) -> MessageReceived:
    said = signed(recorded(number, at=("north", device), **fields))
    return MessageReceived(TOPIC.format(device), said, token=number if device == "dock-3" else 100 + number)


def says(state: Any, number: int, device: str = "dock-3") -> MessageReceived:
    topic = f"dockvoice/north/{device}/status"
    return MessageReceived(
        topic, to_json_bytes(make_status(state, site="north", device=device, key=KEY.public)), token=200 + number
    )


def event(number: int) -> InvalidEvent:
    return InvalidEvent(f"01919f3e-0001-7000-8000-{number:012}", "north", "dock-4", number, b"{}", ("x",))


def test_all_that_waits_is_applied_then_answered_then_acknowledged(loop: Loop) -> None:
    loop.turn(came(1), came(1, "dock-4"), came(2))
    assert loop.world.deeds == [
        ("together", [1, 1, 2], False),
        ("receipt", "dock-3", 1, "applied"),
        ("acknowledge", 1),
        ("receipt", "dock-4", 1, "applied"),
        ("acknowledge", 101),
        ("receipt", "dock-3", 2, "applied"),
        ("acknowledge", 2),
    ]


def test_no_more_at_once_than_the_settings_say(repository: Path, tmp_path: Path) -> None:
    loop = Loop(repository, tmp_path, most=2)
    loop.turn(*(came(number) for number in range(1, 6)))
    loop.turn()
    assert [deed[1] for deed in loop.world.deeds if deed[0] == "together"] == [[1, 2], [3, 4]]


def test_strangers_and_what_is_no_event_hurt_no_other(loop: Loop) -> None:
    rubbish = MessageReceived(TOPIC.format("dock-3"), b"hello", token=50)
    stranger = MessageReceived(TOPIC.format("dock-3"), signed(recorded(2), ANOTHER), token=51)
    unsigned = MessageReceived(TOPIC.format("dock-3"), payload(recorded(2)), token=52)
    loop.turn(came(1), rubbish, stranger, unsigned, came(2))
    assert ("together", [1, 2], False) in loop.world.deeds
    assert [deed[3] for deed in loop.world.deeds if deed[0] == "receipt"] == [
        *("untrusted", "untrusted"),
        *("applied", "applied"),
    ]
    assert sorted(deed[1] for deed in loop.world.deeds if deed[0] == "acknowledge") == [1, 2, 50, 51, 52]
    loop.turn()
    assert loop.world.kinds().count("together") == 1, "nothing is left"


def test_where_one_stands_against_the_others_each_goes_by_itself(loop: Loop) -> None:
    loop.world.together, loop.world.kept_out = False, {1}
    loop.turn(came(1), came(2), came(1, "dock-4"), came(2, "dock-4"))
    assert loop.world.kinds().count("apply") == 3, "2 of dock-3 waits behind 1"
    assert [deed[1:] for deed in loop.world.deeds if deed[0] == "receipt"] == [
        ("dock-4", 1, "applied"),
        ("dock-4", 2, "applied"),
    ]
    assert [deed[1] for deed in loop.world.deeds if deed[0] == "acknowledge"] == [2, 101, 102]
    loop.world.together = True
    loop.turn(came(3), came(3, "dock-4"), came(4, "dock-4"))
    assert ("together", [3, 4], False) in loop.world.deeds, "the device that waits spoils no other batch"


def test_a_lost_database_in_the_middle_of_one_by_one_leaves_the_rest(loop: Loop) -> None:
    loop.world.together, loop.world.away_at = False, {2}
    loop.turn(came(1), came(2), came(3))
    assert [deed for deed in loop.world.deeds if deed[0] == "apply"] == [("apply", 1), ("apply", 2)]
    loop.turn(seconds=1)
    assert [deed[1] for deed in loop.world.deeds if deed[0] == "apply"] == [1, 2, 2, 3]
    assert [deed[1] for deed in loop.world.deeds if deed[0] == "acknowledge"] == [1, 2, 3]


def test_what_is_held_is_acknowledged_without_an_answer(sharing: Loop) -> None:
    sharing.world.held = {3}
    sharing.turn(came(3), came(1))
    assert sharing.world.deeds == [
        ("together", [3, 1], True),
        ("acknowledge", 3),
        ("receipt", "dock-3", 1, "applied"),
        ("acknowledge", 1),
    ]


def test_what_waited_for_an_event_is_answered_behind_it(sharing: Loop) -> None:
    sharing.world.released = [(event(2), Applied()), (event(3), Refused(("x",)))]
    sharing.turn(came(1))
    assert sharing.world.deeds[1:] == [
        ("receipt", "dock-3", 1, "applied"),
        ("acknowledge", 1),
        ("receipt", "dock-4", 2, "applied"),
        ("receipt", "dock-4", 3, "refused"),
    ]


def test_what_waited_in_vain_is_told_to_its_device(sharing: Loop, caplog: pytest.LogCaptureFixture) -> None:
    sharing.world.late = [(event(7), Early(expected=5))]
    with caplog.at_level(logging.INFO):
        sharing.turn(seconds=11)
        sharing.turn()
    assert sharing.world.deeds == [("receipt", "dock-4", 7, "early")]
    assert "number 7 of north/dock-4: early, number 5 is expected" in caplog.text
    assert "3 events of 2 devices wait for what comes before them, 4 s" in caplog.text


def test_with_the_connection_goes_what_was_not_settled(loop: Loop) -> None:
    loop.world.faults = [Unavailable("away")]
    loop.turn(came(1), came(2))
    loop.turn(SessionDisconnected("reset"), seconds=5)
    assert loop.world.kinds() == ["together"]


# ---- what devices say of themselves ----


def test_a_status_that_cannot_be_kept_is_told_again_by_the_broker_and_keeps_no_entry_out(loop: Loop) -> None:
    loop.world.faults = [Unavailable("away")]
    loop.turn(says("online", 1))
    loop.turn(seconds=0.1)
    assert loop.world.kinds() == ["heard"], "not acknowledged, and not tried at once"
    loop.turn(came(1), seconds=1)
    assert sorted(loop.world.kinds()) == ["acknowledge", "heard", "heard"]
    loop.turn()
    assert "together" not in loop.world.kinds()[:3]
    assert loop.world.kinds()[3:] == ["apply", "receipt", "acknowledge"]


def test_a_status_that_a_rule_of_the_sites_keeps_out_holds_up_no_other_and_no_entry(loop: Loop) -> None:
    loop.world.unheard = {"dock-3"}
    loop.turn(says("online", 1), says("online", 2, "dock-4"))
    assert loop.world.deeds[1:] == [
        *(("heard", [(device, "online")]) for device in ("dock-3", "dock-4")),
        *(("acknowledge", token) for token in (201, 202)),
    ]
    loop.turn(came(1), came(2))
    assert loop.world.kinds().count("together") == 1


def test_while_statuses_cannot_be_kept_entries_go_on(loop: Loop) -> None:
    loop.world.locked = True
    loop.turn(says("online", 1), seconds=2)
    loop.turn(came(1), came(2), seconds=0.6)
    assert loop.world.kinds()[:2] == ["heard", "together"]
    loop.turn(came(3), came(4), seconds=2)  # what devices say of themselves has waited for long, and is tried in vain
    loop.turn(seconds=0.6)
    assert [kind for kind in loop.world.kinds() if kind in {"heard", "together"}][2:] == ["heard", "together"]


def test_statuses_between_entries_divide_no_batch_and_come_after_them(loop: Loop) -> None:
    loop.turn(came(1), says("online", 1), came(1, "dock-4"), says("online", 2, "dock-4"), came(2))
    assert loop.world.deeds[0] == ("together", [1, 1, 2], False)
    loop.turn()
    assert loop.world.deeds[-3:] == [
        ("heard", [("dock-3", "online"), ("dock-4", "online")]),
        *(("acknowledge", 201), ("acknowledge", 202)),
    ]


def test_entries_without_end_leave_room_for_statuses_each_second(loop: Loop) -> None:
    loop.turn()
    loop.turn(says("online", 1), came(1), came(2), seconds=0.5)
    loop.turn(came(3), came(4), seconds=0.4)
    assert "heard" not in loop.world.kinds()
    loop.turn(came(5), came(6), seconds=0.2)
    assert loop.world.kinds().count("heard") == 1
    loop.turn()
    assert [deed[1] for deed in loop.world.deeds if deed[0] == "together"] == [[1, 2], [3, 4], [5, 6]]


def test_what_is_no_status_of_its_device_hurts_no_other_and_does_not_come_again(loop: Loop) -> None:
    rubbish = MessageReceived("dockvoice/north/dock-3/status", b"hello", token=50)
    another = MessageReceived("dockvoice/north/dock-4/status", says("online", 1).payload, token=51)
    large = MessageReceived("dockvoice/north/dock-3/status", b" " * 1_000_000, token=52)
    loop.turn(says("online", 1), rubbish, another, large, says("offline", 2))
    assert loop.world.deeds == [
        ("heard", [("dock-3", "online"), ("dock-3", "offline")]),
        *(("acknowledge", token) for token in (201, 50, 51, 52, 202)),
    ]


def test_a_device_whose_status_somebody_removed_from_the_broker_is_away(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    loop.turn(MessageReceived("dockvoice/north/dock-3/status", b"", token=50))
    assert loop.world.deeds == [("heard", [("dock-3", "offline")]), ("acknowledge", 50)]
    assert "not kept" not in caplog.text


def test_a_device_of_which_the_broker_keeps_no_word_any_more_is_away(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    """Its status was removed while nobody listened."""
    loop.turn(says("online", 1), seconds=30)
    loop.turn(seconds=31)
    loop.turn(seconds=100)
    assert [deed[1] for deed in loop.world.deeds if deed[0] == "missed"] == [[("north", "dock-3")]]
    assert "1 devices were linked, and the broker keeps no word of them any more: north/dock-8" in caplog.text


def test_what_a_device_says_that_nobody_enrolled_is_not_kept_and_told_once(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    ghosts = [says("online", number, f"ghost-{number}") for number in range(1, 41)]
    for _ in range(3):  # the broker tells them again at each connection
        loop.turn(*ghosts, says("online", 1))
        loop.turn()
    heard = [deed[1] for deed in loop.world.deeds if deed[0] == "heard"]
    assert {name for words in heard for name, _ in words} == {"dock-3"}
    assert sum(deed[0] == "acknowledge" for deed in loop.world.deeds) == 3 * 41
    told = [record.getMessage() for record in caplog.records if "none of them is enrolled" in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("40 devices say how they are")


def test_what_a_device_says_whose_key_was_revoked_is_not_kept(loop: Loop) -> None:
    KeyDirectory(loop.keys).revoke("north", "dock-3", None)
    loop.turn(says("online", 1), says("online", 2, "dock-4"))
    assert loop.world.deeds[0] == ("heard", [("dock-4", "online")])
