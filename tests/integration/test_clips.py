"""Recordings over a real broker: who may have one, how it comes through what goes wrong, and that no entry waits."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.events import Topics, count_chunks
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.mqtt import MessageReceived, PubackReceived, Session, SessionEvent
from dockvoice_protocol.signed import ClipRequest, sign_clip_request
from edge.agent.delivery import Delivery
from edge.agent.review_delivery import make_review_renderer
from edge.config import Deliver, Keep, Settings
from edge.keep import device_key
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.records import OutboxRow
from inventory.clips.clips import Clip, ClipFolder, ClipState, ListeningRequest, NoSound, SignedSound
from inventory.clips.listening import load_sound, request_clip
from inventory.repository import Store
from tests.dictated import ANOTHER
from tests.integration.test_business_replies import WHOLE, Shift, shift
from tests.processes.starting import Started
from tests.sayings import ASK, READ, dictated, utterance
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.servers.tcp_proxy import TcpProxy
from tests.waiting import until, while_running

TOPICS = Topics("dockvoice", "hall", "dock-1")
SECOND = 16_000  # Samples.
MINUTE = 60 * SECOND
WHY = "pallet 742"


class Wire:
    """Somebody at the broker who reads along what goes to and from the device, and says what a test wants said."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._acknowledged = self._published = 0
        every = ("entries", "clips/chunks", "clips/receipts")
        topics = [f"dockvoice/hall/dock-1/{one}" for one in every]
        settings = Mqtt(host="127.0.0.1", port=port)
        self._session = Session(settings, client_id="wire", receive=self._hear, subscriptions=topics)
        self._session.start()
        until(lambda: self._session.is_connected, "never connected")

    def _hear(self, event: SessionEvent) -> None:
        if isinstance(event, MessageReceived):
            self.heard.append((event.topic, json.loads(event.payload)))
        self._acknowledged += isinstance(event, PubackReceived)

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish, and wait until the broker has it: who subscribes then gets it as one that the broker kept."""
        until(lambda: self._session.publish(topic, payload, tag="said", retain=retain), "not connected any more")
        self._published += 1
        until(lambda: self._acknowledged >= self._published, "the broker has not acknowledged it")

    def of(self, topic: str) -> list[dict[str, Any]]:
        return [said for where, said in list(self.heard) if where == topic]

    @property
    def numbers(self) -> list[int]:
        """The chunks that went over the wire, in order."""
        return [said["number"] for said in self.of(TOPICS.clips) if said["state"] == "sending"]

    def has_all(self, clip: Clip) -> None:
        """Wait for all of its chunks: the inventory may have the last one before this second subscriber does."""
        until(lambda: len(self.numbers) >= clip.chunks, "chunks never came by")

    def close(self) -> None:
        self._session.stop()


class Stage:
    """A device with a journal, an inventory, and a broker between them."""

    def __init__(self, directory: Path, broker: Mosquitto, office: Signer, held: ExitStack) -> None:
        self.directory = directory
        self.broker = broker
        self.written: Callable[[], None] = lambda: None
        self.office = office
        self.inventory = RunningInventory(broker.port, directory / "inventory")
        self.url = f"sqlite:///{directory / 'inventory' / 'inventory.db'}"
        self.folder = ClipFolder(directory / "clips")
        self.inventory.environment = {"DOCKVOICE_INVENTORY_CLIPS__FOLDER": str(self.folder.folder)}
        self.wire = Wire(broker.port)
        held.callback(self.wire.close)
        held.enter_context(self.inventory)
        self.store = held.enter_context(closing(Store.open(self.url)))
        self.executor = held.enter_context(JournalThread(directory / "state"))

    def settings(self, port: int | None = None, clips: str = "on_request", *, audio: bool = True) -> Settings:
        mqtt = Mqtt(host="127.0.0.1", port=port or self.broker.port)
        deliver = Deliver(receipt_timeout_s=1, decisions_key=self.directory / "office.pem", mqtt=mqtt, clips=clips)
        return Settings(site="hall", device="dock-1", deliver=deliver, keep=Keep(audio_after_receipt=audio))

    def device(self, settings: Settings | None = None) -> Delivery:
        of = settings or self.settings()
        review = make_review_renderer(lambda _: None, "hall", "dock-1")
        device = Delivery(of, self.executor, lambda _: None, review=review)
        self.written = device.notify_pending
        return device

    def committed(self, samples: int = SECOND) -> OutboxRow:
        row = self.executor.run(partial(dictated, samples=samples))
        self.written()
        return row

    def sound(self, entry: OutboxRow | str) -> SignedSound:
        """The recording of this entry, as the inventory knows it."""
        event_id = entry if isinstance(entry, str) else entry.event_id
        until(lambda: bool(self.store.clips.find_sounds(event_id)), "the entry is not in the inventory")
        return self.store.clips.find_sounds(event_id)[0]

    def ask(self, sound: SignedSound, who: str = "ana", reason: str = WHY) -> Clip:
        return request_clip(self.store.clips, None, self.office, "dockvoice", sound, who, reason)

    def is_(self, state: ClipState, sound: SignedSound) -> None:
        until(lambda: self.clip(sound).state is state, lambda: f"{self.clip(sound)}\n{self.inventory.log.read_text()}")

    def clip(self, sound: SignedSound) -> Clip:
        found = self.store.clips.load_clip(sound)
        assert found is not None
        return found

    def heard_whole(self, sound: SignedSound) -> bool:
        return hashlib.sha256(load_sound(self.store.clips, self.folder, sound)).hexdigest() == sound.audio_sha256


@pytest.fixture
def stage(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Stage]:
    key = device_key.load_or_create(tmp_path)
    (tmp_path / "office.pem").write_bytes(key.public.pem)
    with ExitStack() as held:
        broker = held.enter_context(Mosquitto(tmp_path / "broker", free_port(), persistent=True))
        yield Stage(tmp_path, broker, key, held)


def request(stage: Stage, sound: SignedSound, **other: Any) -> ClipRequest:
    told = {"source": TOPICS.source, "request": "0" * 8 + "-0000" * 3 + "-" + "0" * 12, "sound": True, "time": NOON}
    of = {"utterance_id": sound.utterance_id, "audio_sha256": sound.audio_sha256, "who": "ana", "reason": WHY}
    return ClipRequest(**{**told, **of, **other})


NOON = "2026-11-20T12:00:00.000Z"


def test_what_was_asked_for_comes_once_and_the_journal_knows_who_listened(stage: Stage) -> None:
    def work() -> None:
        row = stage.committed(10 * SECOND)
        sound = stage.sound(row)
        assert stage.store.clips.load_clip(sound) is None
        with pytest.raises(NoSound, match="nobody has asked"):
            load_sound(stage.store.clips, stage.folder, sound)
        assert stage.executor.run(lambda journal: journal.clips.latest_listener("op-17")) is None
        assert stage.ask(sound).state is ClipState.ASKED
        stage.is_(ClipState.HERE, sound)
        assert stage.heard_whole(sound)
        clip = stage.clip(sound)
        stage.wire.has_all(clip)
        assert stage.wire.numbers == list(range(1, clip.chunks + 1))
        assert clip.chunks == count_chunks(clip.bytes) > 20
        assert max(len(json.dumps(said)) for said in stage.wire.of(TOPICS.clips)) < 64 * 1024
        assert stage.ask(sound, "ben", "the driver says eleven").state is ClipState.HERE
        until(
            lambda: all(one.noted_at for one in stage.store.clips.load_requests(sound)), "the device has not noted it"
        )
        assert [(one.who, one.reason) for one in stage.store.clips.load_requests(sound)] == [
            ("ben", "the driver says eleven"),
            ("ana", WHY),
        ]
        told = stage.executor.run(lambda journal: journal.clips.latest_listener("op-17"))
        assert told is not None
        assert (told.who, told.reason, told.times) == ("ben", "the driver says eleven", 2)
        assert stage.executor.run(lambda journal: journal.clips.latest_listener("op-18")) is None
        assert len(stage.wire.numbers) == clip.chunks, "it was sent twice"

    while_running(stage.device().run(), work)


def test_nothing_is_sent_for_a_request_that_is_not_the_offices_own_word_for_now(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    def work() -> None:
        told("the broker kept is not taken")
        sound = stage.sound(stage.committed())
        asked = request(stage, sound)
        good = sign_clip_request(asked, stage.office)
        no_moment = replace(asked, time="2026-13-40T12:00:00.000Z")
        of_another = replace(asked, source="/sites/hall/devices/dock-2")
        unknown = replace(asked, audio_sha256="0" * 64, request=f"1{asked.request[1:]}")
        for payload, word in (
            (sign_clip_request(asked, ANOTHER), "somebody wants to listen who may not"),
            (good.replace(b'"ana"', b'"eve"'), "somebody wants to listen who may not"),
            (sign_clip_request(of_another, stage.office), "none for this device: /source"),
            (b"{", "none for this device: message: is not JSON"),
            (sign_clip_request(no_moment, stage.office), "none for this device: /time: is no moment"),
            (sign_clip_request(unknown, stage.office), "ana listens to it"),
            (sign_clip_request(unknown, stage.office), "came again: it counts once"),
        ):
            caplog.clear()
            stage.wire.say(TOPICS.clip_requests, payload)
            told(word)
        gone = {"state": "gone", "reason": "unknown"}
        until(lambda: any(gone.items() <= one.items() for one in stage.wire.of(TOPICS.clips)), "not answered")
        assert stage.wire.numbers == []
        unheard = lambda: stage.executor.run(lambda journal: journal.clips.latest_listener("op-17")) is None  # noqa: E731
        until(unheard, "somebody is said to have heard what was never sent")

    def told(word: str) -> None:
        until(lambda: word in caplog.text, f"{word!r} was not told")

    stage.wire.say(TOPICS.clip_requests, sign_clip_request(request(stage, SOME), stage.office), retain=True)
    while_running(stage.device().run(), work)


SOME = SignedSound("hall", "dock-1", "01999f2e-6a10-7c44-8e21-5d7f9b3c1a08", "0" * 64)


def test_the_operator_who_asks_who_listened_to_him_is_told(stage: Stage) -> None:
    """A whole agent, typed to: nobody; then who, when and why; and how often, in another language too."""

    async def record(operator: Shift) -> None:
        await operator.type(WHOLE)
        await operator.hears("7 4 2, 12 units, dock bravo.")
        await operator.type("yes")
        await operator.type("who listened to me")
        await operator.hears("Nobody.")
        (row,) = await asyncio.to_thread(rows)
        sound = stage.sound(row)
        stage.ask(sound)
        await asyncio.to_thread(stage.is_, ClipState.HERE, sound)
        await operator.type("who has listened to me")
        await operator.hears(f"ana, today at {minute_of_request(sound)}, because of pallet 742.")

    async def ask_in_german(operator: Shift) -> None:
        (row,) = await asyncio.to_thread(rows)
        await operator.type("wer hat mich gehört")
        await operator.hears(f"ana, heute um {minute_of_request(stage.sound(row))}, wegen: pallet 742.")

    def minute_of_request(sound: SignedSound) -> str:
        (one,) = stage.store.clips.load_requests(sound)
        return f"{one.asked_at.astimezone():%H:%M}"

    def rows() -> list[str]:
        until(lambda: bool(stage.inventory.rows()), "no row")
        return [row["event_id"] for row in stage.inventory.rows()]

    state, key = stage.directory / "agent", stage.directory / "office.pem"
    shift(state, stage.broker.port, record, decisions_key=key)
    shift(state, stage.broker.port, ask_in_german, "de", decisions_key=key)


def test_an_entry_waits_for_no_recording_on_a_slow_link(stage: Stage) -> None:
    """A minute of noise at 16 kB a second would take two: an entry goes within the time of a chunk and its own."""
    with TcpProxy(stage.broker.port) as link:

        def work() -> None:
            sound = stage.sound(stage.committed(MINUTE))
            stage.ask(sound)
            until(lambda: len(stage.wire.numbers) > 2, "no clip is on its way")
            link.delay_s = 0.25  # for 4 KiB
            took.extend(delivered() for _ in range(3))
            assert stage.clip(sound).state is ClipState.ARRIVING

        def delivered() -> float:
            before = len(stage.wire.numbers)
            until(lambda: len(stage.wire.numbers) > before, "it is not on its way any more")
            began, row = time.monotonic(), stage.committed()
            until(lambda: row.event_id in {one["id"] for one in stage.wire.of(TOPICS.entries)}, "not delivered")
            return time.monotonic() - began

        took: list[float] = []
        device = stage.device(stage.settings(link.port))
        while_running(device.run(), work)
    assert max(took) < 4, took


def test_behind_a_cut_link_and_kills_on_both_sides_it_goes_on_where_it_was(stage: Stage) -> None:
    """The device is a process of its own, which is killed as by a power cut."""

    def come(more: int) -> None:
        have = stage.store.clips.load_clip(sound)
        already = 0 if have is None else have.have
        until(lambda: stage.clip(sound).have >= already + more, lambda: f"{stage.clip(sound)}")

    key = stage.directory / "office.pem"
    with TcpProxy(stage.broker.port) as link:
        device = delivering(stage.directory / "killed", link.port, key)
        (row,) = until_there(stage.inventory.rows)
        sound = stage.sound(row["event_id"])
        stage.ask(sound)
        come(20)
        link.cut()
        come(20)
        stage.inventory.kill()
        stage.inventory.start()
        come(20)
        device.kill()
        device.wait()
        again = delivering(stage.directory / "killed", link.port, key)
        stage.is_(ClipState.HERE, sound)
        again.kill()
        again.wait()
    assert stage.heard_whole(sound)
    chunks = stage.clip(sound).chunks
    assert chunks > 80
    assert len(stage.wire.numbers) <= chunks + 32, "much was sent again"


def until_there(rows: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    until(lambda: bool(rows()), "no row")
    return rows()


def delivering(state: Path, port: int, key: Path) -> subprocess.Popen[bytes]:
    """A device that has said something for twenty seconds, and delivers until it is killed."""
    return Started([sys.executable, "-m", "tests.integration.test_clips", str(state), str(port), str(key)])


def test_a_recording_that_is_gone_is_said_to_be_and_why(stage: Stage) -> None:
    def work() -> None:
        removed, damaged = (stage.sound(stage.committed()) for _ in range(2))
        until(lambda: stage.executor.run(lambda journal: journal.outbox.count_unsettled()) == 0, "not settled")
        stage.executor.run(lambda journal: journal.retention.remove_recordings([removed.utterance_id]))
        (path,) = (stage.directory / "state" / "evidence").glob(f"*/{damaged.utterance_id}.flac")
        path.write_bytes(path.read_bytes()[:-1])
        for sound, why in ((removed, "removed"), (damaged, "damaged")):
            stage.ask(sound)
            stage.is_(ClipState.GONE, sound)
            assert stage.clip(sound).why == why
        until(lambda: stage.executor.run(lambda journal: journal.clips.load_due(9)) == [], "still owed")
        assert stage.executor.run(lambda journal: journal.clips.latest_listener("op-17")) is None, (
            "nobody heard anything"
        )

    device = stage.device()
    while_running(device.run(), work)


@pytest.mark.parametrize(("clips", "audio", "why"), [("never", True, "never"), ("unclear", False, "no_audio")])
def test_where_the_settings_let_no_sound_out_none_goes_and_it_is_said_why(
    stage: Stage, clips: str, audio: bool, why: str
) -> None:
    def work() -> None:
        parked(stage)
        sound = stage.sound(stage.committed())
        stage.ask(sound)
        stage.is_(ClipState.GONE, sound)
        assert stage.clip(sound).why == why
        time.sleep(1.2)  # longer than it takes to look for what is unclear
        assert {said["state"] for said in stage.wire.of(TOPICS.clips)} == {"noted", "gone"}

    while_running(stage.device(stage.settings(clips=clips, audio=audio)).run(), work)


def parked(stage: Stage) -> str:
    """Something that waits for a person."""
    said = utterance()

    def work(journal: Journal) -> str:
        journal.store_utterance(said)
        journal.put_under_review(said.utterance_id, READ, ASK, "unanswered")
        return said.utterance_id

    return stage.executor.run(work)


def test_what_is_unclear_comes_unasked_where_the_site_wants_that_and_a_listener_is_noted(stage: Stage) -> None:
    def work() -> None:
        stage.committed()
        utterance_id = parked(stage)
        until(lambda: bool(stage.store.clips.find_sounds(utterance_id)), "the review is not in the inventory")
        (sound,) = stage.store.clips.find_sounds(utterance_id)
        until(lambda: stage.store.clips.load_clip(sound) is not None, "it does not come")
        stage.is_(ClipState.HERE, sound)
        assert stage.heard_whole(sound)
        assert [one.utterance_id for one in stage.store.clips.load_clips()] == [utterance_id], (
            "an entry's sound came unasked"
        )
        clip = stage.clip(sound)
        stage.wire.has_all(clip)
        stage.ask(sound)
        until(lambda: noted(stage.store.clips.load_requests(sound)), "not noted")
        assert len(stage.wire.numbers) == clip.chunks

    while_running(stage.device(stage.settings(clips="unclear")).run(), work)


def noted(asked: list[ListeningRequest]) -> bool:
    return bool(asked) and all(one.noted_at is not None for one in asked)


def deliver_until_killed(state: Path, port: int, key: Path) -> None:
    mqtt = Mqtt(host="127.0.0.1", port=port)
    deliver = Deliver(receipt_timeout_s=1, decisions_key=key, mqtt=mqtt)
    with JournalThread(state) as executor:
        if executor.run(lambda journal: journal.outbox.last_event()) is None:
            executor.run(partial(dictated, samples=20 * SECOND))
        settings = Settings(site="hall", device="dock-1", deliver=deliver)
        asyncio.run(Delivery(settings, executor, lambda _: None).run())


if __name__ == "__main__":
    deliver_until_killed(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
