"""The loop over a scripted broker and a scripted store: what is done, in which order, and what is left undone."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dockvoice_protocol.errors import Misconfigured, Unavailable
from dockvoice_protocol.events import MalformedMessage, Topics, make_status, to_json_bytes
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.mqtt import MessageReceived, PubackReceived, SessionConnected, SessionDisconnected, SessionEvent
from inventory.forms import load_forms
from inventory.ingest.consumer import FIRST_CONNECTION_S, Consumer, Inbox, Wake
from inventory.ingest.ports import Broker, ClipMessageHandler, EventStore, ReviewStore
from inventory.records import Applied, Duplicate, Early, Event, InvalidEvent, Outcome, Refused
from inventory.reviews.reviews import Review
from inventory.store.database import SiteFault
from inventory.store.keys import KeyDirectory
from tests.dictated import ANOTHER, KEY, enrolled, identity, payload, recorded, reviewed, signed

TOPIC = "dockvoice/north/dock-3/entries"
CONNECTED = SessionConnected("5", receive_maximum=20, session_present=True)
AWAY = Unavailable("postgresql://localhost: connection refused; see that the server runs")


@dataclass
class Pass:
    """A step of a script: so many seconds in which nothing comes."""

    seconds: float


Step = SessionEvent | Pass | Callable[[], object]


class World(Broker, EventStore, ReviewStore, ClipMessageHandler):
    """Broker and database at once; `deeds` is what was done, in order, and `said` what the consumer said of itself."""

    is_connected = True
    is_accepted = False
    trouble: str | None = None

    def __init__(self) -> None:
        self.deeds: list[tuple[Any, ...]] = []
        self.said: list[str] = []
        self.s = 1000.0
        self.room = 1000  # So many receipts the broker takes.
        self.answers: list[Outcome | Exception | None] = []
        """The database's; when they have ended, what is sound is applied and what is not is refused."""
        self.end: Callable[[], None] = lambda: None

    @property
    def outcomes(self) -> list[str]:
        """What the receipts say, in order."""
        return [deed[2]["outcome"] for deed in self.deeds if deed[0] == "receipt"]

    @property
    def kinds(self) -> list[str]:
        return [deed[0] for deed in self.deeds]

    # the broker

    def start(self) -> None:
        self.deeds.append(("start",))

    def publish(self, topic: str, payload: bytes, *, tag: str, retain: bool = False) -> bool:
        if retain:
            said = json.loads(payload)
            self.said.append(said["state"] + " resumed" * said.get("resumed", False))
            return True
        if self.room == 0:
            return False
        self.room -= 1
        receipt = json.loads(payload)
        assert receipt["event_id"] == tag
        self.deeds.append(("receipt", topic, receipt))
        return True

    def acknowledge(self, delivered: MessageReceived) -> None:
        self.deeds.append(("acknowledge", delivered.token))

    def stop(self, timeout_s: float) -> None:
        self.deeds.append(("stop",))

    # the database

    def apply(self, event: Event | InvalidEvent) -> Outcome:
        otherwise = Applied() if isinstance(event, Event) else Refused(event.reasons)
        return self._answer("apply", event.event_id) or otherwise

    def keep_rejected(self, payload: bytes, topic: str, reason: str) -> None:
        self._answer("keep", payload, topic)

    def ping(self) -> None:
        self._answer("ask")

    def _answer(self, *deed: Any) -> Outcome | None:
        answer = self.answers.pop(0) if self.answers else None
        self.deeds.append(deed)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def review(self, review: Review) -> Applied | Duplicate:
        self.deeds.append(("review", review.event_id))
        return Applied()

    def handle_message(self, payload: bytes, sender: Topics) -> bytes | None:
        """Answer what devices say of recordings; the second recording ends it."""
        self.deeds.append(("clip", payload))
        if payload == b"two":
            self.end()
        if payload == b"bad":
            raise MalformedMessage("/state: found str")
        if payload == b"kept out":
            raise SiteFault("a trigger of the site's own")
        return to_json_bytes({"event_id": f"clip {sender.source}", "outcome": "here"})

    def expire_due_clips(self) -> None:
        self.deeds.append(("expire_due_clips",))


class ScriptedInbox(Inbox):
    """One step at each turn; where nothing comes, time passes; the end of the script stops the consumer."""

    def __init__(self, world: World, script: list[Step]) -> None:
        self._world = world
        self._script = script

    def get(self, block: bool = True, timeout: float | None = None) -> SessionEvent | Wake:
        assert timeout is not None
        # A message in hand is worked on before the next one comes, as with a slow device.
        if timeout == 0:
            raise Empty
        if not self._script:
            self._world.end()
            return Wake()
        match self._script[0]:
            case Pass() as quiet:
                waited = min(quiet.seconds, timeout)
                quiet.seconds -= waited
                self._world.s += waited
                if quiet.seconds <= 0:
                    self._script.pop(0)
                raise Empty
            case SessionConnected() | SessionDisconnected() | PubackReceived() | MessageReceived() as news:
                self._script.pop(0)
                return news
            case deed:
                self._script.pop(0)
                deed()
                raise Empty

    def get_nowait(self) -> SessionEvent | Wake:
        raise Empty


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def run(world: World, repository: Path, tmp_path: Path) -> Callable[..., None]:
    def run(
        *script: Step,
        answers: list[Outcome | Exception | None] | None = None,
        connected: bool = True,
        trusting: bool = False,
    ) -> None:
        world.answers = answers or []
        consumer = Consumer(
            world,
            world,
            load_forms(repository / "schemas" / "forms"),
            ScriptedInbox(world, [CONNECTED, *script] if connected else list(script)),
            prefix="dockvoice",
            keys=KeyDirectory(enrolled(tmp_path / "keys", "north/dock-3")),
            trust_first_use=trusting,
            reviews=world,
            clock=lambda: world.s,
            now=lambda: datetime(2026, 11, 20, 7, 15, 3, tzinfo=UTC),
        )
        world.end = consumer.stop
        consumer.run()

    return run


Run = Callable[..., None]


def delivered(number: int, **fields: Any) -> MessageReceived:
    return MessageReceived(TOPIC, signed(recorded(number, **fields)), token=number)


def test_commit_then_receipt_then_acknowledgement(run: Run, world: World) -> None:
    run(delivered(1))
    assert world.deeds == [
        ("start",),
        ("apply", identity(1, 1)),
        (
            "receipt",
            "dockvoice/north/dock-3/receipts",
            {
                "event_id": identity(1, 1),
                "outcome": "applied",
                "reasons": [],
                "sequence": 1,
                "time": "2026-11-20T07:15:03.000Z",
            },
        ),
        ("acknowledge", 1),
        ("stop",),
    ]


def test_what_comes_before_its_turn_is_answered_with_the_number_expected(run: Run, world: World) -> None:
    run(delivered(7), answers=[Early(expected=5)])
    (receipt,) = [deed[2] for deed in world.deeds if deed[0] == "receipt"]
    assert (receipt["outcome"], receipt["expected"], receipt["sequence"]) == ("early", 5, 7)
    assert ("acknowledge", 7) in world.deeds


def test_while_the_database_is_away_nothing_is_answered_and_the_order_stays(run: Run, world: World) -> None:
    run(delivered(1), delivered(2), Pass(100), answers=[AWAY, AWAY, AWAY])
    assert world.kinds[1:5] == ["apply"] * 4
    assert [deed for deed in world.deeds if deed[0] == "acknowledge"] == [("acknowledge", 1), ("acknowledge", 2)]
    assert world.outcomes == ["applied", "applied"]


STATUS = "dockvoice/north/dock-9/status"


def stranger(number: int, key: Signer = ANOTHER, device: str = "dock-3") -> MessageReceived:
    body = signed(recorded(number, at=("north", device)), key)
    return MessageReceived(f"dockvoice/north/{device}/entries", body, token=number)


def altered(event: dict[str, Any]) -> bytes:
    said = json.loads(signed(event))
    return payload(said | {"data": said["data"] | {"state": "dropped"}})


REVIEWS = "dockvoice/north/dock-3/reviews"
OPEN = reviewed(1)


@pytest.mark.parametrize(
    ("topic", "said", "kept", "outcome"),
    [
        (REVIEWS, signed(OPEN), ["review"], ["applied"]),
        (REVIEWS, payload(OPEN), ["keep"], ["untrusted"]),  # unsigned
        (REVIEWS, altered(OPEN), ["keep"], ["untrusted"]),
        (REVIEWS, signed(OPEN, ANOTHER), ["keep"], ["untrusted"]),
        (REVIEWS.replace("dock-3", "dock-4"), signed(OPEN), ["keep"], []),  # another device's
        (REVIEWS, signed(OPEN | {"time": "2026-02-30T00:00:00Z"}), ["keep"], []),
        (REVIEWS, signed(recorded(1)), ["keep"], []),  # an entry is no review
        (TOPIC, signed(OPEN), ["keep"], []),  # nor a review an entry: it takes no number of theirs
    ],
)
def test_a_review_is_kept_as_the_word_of_its_device_alone(
    run: Run, world: World, topic: str, said: bytes, kept: list[str], outcome: list[str]
) -> None:
    run(MessageReceived(topic, said, token=1))
    assert [deed[0] for deed in world.deeds if deed[0] in {"review", "apply", "keep"}] == kept
    assert world.outcomes == outcome
    assert ("acknowledge", 1) in world.deeds


THIRD = Signer(Ed25519PrivateKey.from_private_bytes(bytes([3] * 32)))


def shows(key: Signer, device: str = "dock-9", topic: str = STATUS) -> MessageReceived:
    return MessageReceived(
        topic, to_json_bytes(make_status("online", site="north", device=device, key=key.public)), token=9
    )


@pytest.mark.parametrize(
    ("before", "trusting", "outcomes"),
    [
        ([shows(ANOTHER)], True, ["applied"]),
        ([shows(ANOTHER)], False, ["untrusted"]),
        ([shows(THIRD), shows(ANOTHER)], True, ["untrusted"]),  # the first use is the first
        ([shows(ANOTHER, device="dock-8")], True, ["untrusted"]),  # nobody speaks for another
        ([MessageReceived(STATUS, b"{}", token=9)], True, ["untrusted"]),
    ],
)
def test_trust_at_first_use_is_the_sites_own_decision(
    run: Run, world: World, before: list[MessageReceived], trusting: bool, outcomes: list[str]
) -> None:
    run(*before, stranger(1, device="dock-9"), trusting=trusting)
    assert world.outcomes == outcomes


def test_the_key_of_one_device_is_not_trusted_for_another_and_that_is_told(
    run: Run, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    run(shows(KEY), stranger(1, KEY, device="dock-9"), trusting=True)
    assert world.outcomes == ["untrusted"]
    assert f"untrusted:unknown_key:{KEY.public.keyid}, the key of north/dock-3" in caplog.text
    assert "nobody is trusted for what came on" in caplog.text


def test_a_receipt_the_broker_has_no_room_for_goes_when_it_has(run: Run, world: World) -> None:
    world.room = 1

    def make_room() -> None:
        assert world.outcomes == ["applied"]
        assert [deed[0] for deed in world.deeds].count("apply") == 2, "no third one is taken while the second waits"
        world.room = 10

    run(delivered(1), delivered(2), delivered(3), make_room)
    assert [deed[2]["sequence"] for deed in world.deeds if deed[0] == "receipt"] == [1, 2, 3]
    assert [deed[1] for deed in world.deeds if deed[0] == "acknowledge"] == [1, 2, 3]
    assert world.kinds.count("apply") == 3


def test_told_to_stop_it_finishes_the_message_in_hand_and_leaves_the_rest(run: Run, world: World) -> None:
    class Stopping(list[Any]):
        def pop(self, _index: Any = -1) -> None:
            world.end()

    run(delivered(1), delivered(2), answers=Stopping([None]))
    assert world.kinds == ["start", "apply", "receipt", "acknowledge", "stop"]


def test_a_broker_that_never_answers_ends_it_with_a_clear_line(run: Run, world: World) -> None:
    world.trouble = "broker localhost:1883: connection refused"
    with pytest.raises(Unavailable, match="localhost:1883: connection refused; given up after 20 s"):
        run(Pass(FIRST_CONNECTION_S + 2), connected=False)
    assert world.kinds == ["start", "stop"]


def test_a_broker_that_sends_all_it_kept_before_it_answers_is_heard_to_the_end(run: Run, world: World) -> None:
    world.is_accepted = True
    run(Pass(FIRST_CONNECTION_S * 3), CONNECTED, delivered(1), connected=False)
    assert world.outcomes == ["applied"]


def test_a_fault_that_waiting_cannot_mend_ends_it(run: Run, world: World) -> None:
    with pytest.raises(Misconfigured):
        run(delivered(1), answers=[Misconfigured("permission denied for table events")])
    assert world.kinds == ["start", "apply", "stop"]


def test_a_receipt_the_broker_denies_is_told(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run(delivered(1), PubackReceived(identity(1, 1), 0x87))
    assert f"receipt for {identity(1, 1)} denied by the broker (0x87)" in caplog.text


def test_the_log_names_events_and_never_what_was_said(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        run(
            *(delivered(1, pallet_id="4815162342"), delivered(2, dock="4815162342"), delivered(4)),
            answers=[Applied(), None, Early(3)],
        )
    assert f"{identity(1, 1)}, number 1 of north/dock-3: applied" in caplog.text
    assert f"{identity(1, 2)}, number 2 of north/dock-3: refused: invalid:/dock: breaks pattern" in caplog.text
    assert f"{identity(1, 4)}, number 4 of north/dock-3: early, number 3 is expected" in caplog.text
    assert "4815162342" not in caplog.text


# ---- what something of the site's own keeps out ----

OF_THE_SITE = SiteFault("postgresql://localhost: not on my watch; mend the trigger, table or rule of yours")
ELSEWHERE = "dockvoice/north/dock-4/entries"


def other(number: int) -> MessageReceived:
    return MessageReceived(ELSEWHERE, payload(recorded(number, at=("north", "dock-4"))), token=100 + number)


def test_an_event_that_a_sites_trigger_keeps_out_holds_no_other_device_up(world: World, run: Run) -> None:
    run(delivered(1), other(1), other(2), answers=[OF_THE_SITE])
    answered = [deed[2]["event_id"] for deed in world.deeds if deed[0] == "receipt"]
    assert answered == [identity(1, number, "dock-4") for number in (1, 2)]
    assert ("acknowledge", 1) not in world.deeds, "the broker keeps it"
    assert world.said == ["online", "offline"]


def test_those_behind_it_go_back_to_their_device_which_is_told_when_they_may_come(
    world: World, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run(delivered(1), delivered(2), Pass(1.0), Pass(1.0), answers=[OF_THE_SITE, OF_THE_SITE])
    assert world.kinds.count("apply") == 3
    assert [deed[1] for deed in world.deeds if deed[0] == "acknowledge"] == [2, 1]
    assert world.outcomes == ["applied"]
    assert world.said == ["online", "online", "offline"]
    assert "waits, and all that follows of its device; others go on: postgresql://localhost" in caplog.text


def test_the_same_event_once_more_is_not_held_twice(world: World, run: Run) -> None:
    again = MessageReceived(TOPIC, delivered(1).payload, token=7)
    run(delivered(1), again, Pass(2.0), answers=[OF_THE_SITE])
    assert world.outcomes == ["applied"]
    assert [deed[1] for deed in world.deeds if deed[0] == "acknowledge"] == [7, 1]
    assert world.said == ["online", "offline"]


def test_with_the_connection_goes_what_was_put_off(world: World, run: Run) -> None:
    run(delivered(1), SessionDisconnected("gone"), CONNECTED, Pass(3.0), answers=[OF_THE_SITE])
    assert world.kinds.count("apply") == 1, "the broker sends it again"
    assert world.said == ["online", "online resumed", "offline"]


def test_entries_go_before_recordings_and_what_is_no_word_about_one_is_put_aside(
    world: World, repository: Path, tmp_path: Path
) -> None:
    inbox, topic = Inbox(), "dockvoice/north/dock-3/clips/chunks"
    said = [
        MessageReceived(topic, payload, token)
        for token, payload in enumerate((b"one", b"bad", b"kept out", b"two"), 10)
    ]
    came: list[SessionEvent] = [CONNECTED, *said, delivered(1), delivered(2)]
    for news in came:
        inbox.put(news)
    forms, keys = (
        load_forms(repository / "schemas" / "forms"),
        KeyDirectory(enrolled(tmp_path / "keys", "north/dock-3")),
    )
    consumer = Consumer(world, world, forms, inbox, prefix="dockvoice", keys=keys, clips=world, clock=lambda: world.s)
    world.end = consumer.stop
    consumer.run()
    told = [
        deed[:2] if deed[0] in {"clip", "keep"} else deed[0]
        for deed in world.deeds[1:]
        if deed[0] != "expire_due_clips"
    ]
    entry = ["apply", "receipt", "acknowledge"]
    assert told[:-1] == [
        *(*entry, *entry, ("clip", b"one"), "receipt", "acknowledge"),
        *(("clip", b"bad"), ("keep", b"bad"), "acknowledge", ("clip", b"kept out"), "acknowledge"),
        *(("clip", b"two"), "receipt", "acknowledge"),
    ]
    assert [deed[1] for deed in world.deeds if deed[0] == "receipt"][2:3] == ["dockvoice/north/dock-3/clips/receipts"]


FORGOTTEN = SessionConnected("5", receive_maximum=20, session_present=False)


@pytest.mark.parametrize(
    ("first", "again", "said"),
    [
        pytest.param(CONNECTED, CONNECTED, ["online", "online resumed"], id="the broker kept what was missed"),
        pytest.param(FORGOTTEN, CONNECTED, ["online", "online resumed"], id="from the first link on"),
        pytest.param(CONNECTED, FORGOTTEN, ["online", "online"], id="the broker forgot the session"),
    ],
)
def test_devices_need_not_send_again_what_the_broker_kept(
    run: Callable[..., None], world: World, first: SessionConnected, again: SessionConnected, said: list[str]
) -> None:
    run(first, SessionDisconnected("gone"), again, connected=False)
    assert world.said == [*said, "offline"]


def test_devices_send_again_what_was_behind_a_postponed_event_when_the_link_was_lost(
    run: Callable[..., None], world: World
) -> None:
    run(delivered(1), delivered(2), SessionDisconnected("gone"), CONNECTED, answers=[OF_THE_SITE])
    assert [deed[1] for deed in world.deeds if deed[0] == "acknowledge"] == [2]
    assert world.said == ["online", "online", "offline"]
