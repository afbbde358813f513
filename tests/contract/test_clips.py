"""Recordings in the inventory's tables and folder, on SQLite and PostgreSQL: full disks, retention, lies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dockvoice_protocol.errors import Unavailable, UnreadableInput
from dockvoice_protocol.events import (
    CLIP_CHUNK_BYTES,
    ClipChunk,
    ClipMessage,
    ClipOffered,
    ClipUnavailable,
    ClipUnsentReason,
    MalformedMessage,
    Topics,
    count_chunks,
    format_clip_message,
)
from inventory.clips.clip_receiver import ClipReceiver
from inventory.clips.clips import ClipFolder, ClipState, NoSound, SignedSound
from inventory.clips.listening import load_sound, request_clip
from inventory.repository import Store
from inventory.settings import ClipSettings
from inventory.store.outbox import HELD_BACK_FOR
from tests.dictated import KEY, recorded
from tests.store import Read, drained

SENDER = Topics("dockvoice", "north", "dock-3")
DATA = bytes(range(256)) * 100
SHA = hashlib.sha256(DATA).hexdigest()
CHUNKS = count_chunks(len(DATA))
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Office:
    """The inventory's side of it, at a time that a test sets."""

    def __init__(self, url: str, folder: Path, event: Read) -> None:
        self.now = NOON
        self.store = Store.open(url, now=lambda: self.now)
        self.folder = ClipFolder(folder)
        self.settings = ClipSettings(days=30, budget_mb=1, free_mb=0)
        self._event = event

    @property
    def receiver(self) -> ClipReceiver:
        return ClipReceiver(self.store.clips, self.folder, self.settings, lambda: self.now)

    def entered(self, number: int = 1) -> SignedSound:
        """The recording of an entry of the device, which it has signed."""
        event = recorded(number)
        event["data"]["utterance"]["audio_sha256"] = SHA
        self.store.apply(self._event(event))
        (sound,) = self.store.clips.find_sounds(event["id"])
        return sound

    def said(self, said: ClipMessage, sender: Topics = SENDER) -> str | None:
        """What is answered to it, with how many chunks are here."""
        answer = self.receiver.handle_message(format_clip_message(said, sender.source), sender)
        told = None if answer is None else json.loads(answer)
        return told and f"{told['answer']} {told.get('have', '')}".strip()

    def asked(self, sound: SignedSound, who: str = "ana") -> bool:
        """Ask to hear it; whether the device is to send it."""
        request_clip(self.store.clips, None, KEY, "dockvoice", sound, who, "pallet 742", lambda: self.now)
        return bool(json.loads(drained(self.store)[-1].body)["sound"])

    def come(self, sound: SignedSound, upto: int = CHUNKS) -> str | None:
        """Offered, and its chunks up to this one; what the last of them was answered."""
        answer = self.said(offer(sound))
        for number in range(1, upto + 1):
            answer = self.said(chunk(sound, number))
        return answer

    def state(self, sound: SignedSound) -> str:
        clip = self.store.clips.load_clip(sound)
        return "unknown" if clip is None else f"{clip.state} {clip.why or ''}".strip()


def offer(sound: SignedSound, size: int = len(DATA)) -> ClipOffered:
    return ClipOffered(sound.utterance_id, sound.audio_sha256, size, count_chunks(size))


def chunk(sound: SignedSound, number: int, data: bytes = DATA) -> ClipChunk:
    piece = data[(number - 1) * CLIP_CHUNK_BYTES : number * CLIP_CHUNK_BYTES]
    return ClipChunk(sound.utterance_id, sound.audio_sha256, CHUNKS, number, piece)


@pytest.fixture
def office(url: str, tmp_path: Path, event: Read) -> Iterator[Office]:
    made = Office(url, tmp_path / "clips", event)
    with closing(made.store):
        yield made


def test_chunks_are_kept_once_and_in_order_over_restarts_and_half_written_ones(office: Office) -> None:
    sound = office.entered()
    assert office.asked(sound)
    assert office.said(chunk(sound, 1)) == "later", "before it was offered"
    assert office.come(sound, 2) == "wanted 2"
    assert [office.said(chunk(sound, number)) for number in (1, 2, 4)] == ["wanted 2"] * 3
    (file,) = office.folder.folder.iterdir()
    file.write_bytes(file.read_bytes() + b"half of a chunk that was cut off")
    assert office.said(offer(sound)) == "wanted 2"
    assert office.come(sound) == "here"
    assert load_sound(office.store.clips, office.folder, sound) == DATA
    assert office.said(offer(sound)) == office.said(chunk(sound, 1)) == "here"
    assert not office.asked(sound, "ben"), "it would be sent twice"


def test_a_folder_that_was_emptied_makes_it_begin_anew_and_what_was_here_is_asked_for_again(office: Office) -> None:
    sound = office.entered()
    office.asked(sound)
    office.come(sound, 3)
    for file in office.folder.folder.iterdir():
        file.unlink()
    assert office.said(chunk(sound, 4)) == "wanted 0"
    assert office.come(sound) == "here"
    (file,) = office.folder.folder.iterdir()
    file.write_bytes(DATA[:-1])
    with pytest.raises(NoSound, match="is not what the device sent"):
        load_sound(office.store.clips, office.folder, sound)
    assert office.state(sound) == "removed lost"
    assert office.asked(sound)
    assert office.come(sound) == "here"


def test_a_disk_that_refuses_costs_it_its_turn_and_nothing_else(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = office.entered()
    office.asked(sound)
    office.come(sound, 2)

    def full(*_: object) -> bool:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(ClipFolder, "append_unless_shorter", full)
        assert office.said(chunk(sound, 3)) == "later"
    assert office.said(offer(sound)) == "wanted 2"
    assert office.come(sound) == "here"


def test_where_room_is_wanting_the_oldest_go_and_where_that_is_not_enough_it_waits(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = [office.entered(number) for number in (1, 2, 3)]
    for sound in sounds[:2]:
        office.now += timedelta(minutes=1)
        office.asked(sound)
        office.come(sound)
    lacks = [0, 10]

    def lacking(*_: object) -> int:
        return lacks.pop() if lacks else 0

    monkeypatch.setattr(ClipFolder, "bytes_to_free", lacking)
    office.now += timedelta(minutes=1)
    office.asked(sounds[2])
    assert office.said(offer(sounds[2])) == "wanted 0"
    assert [office.state(one) for one in sounds] == ["removed made_room", "here", "arriving"]
    monkeypatch.setattr(ClipFolder, "bytes_to_free", lambda *_: 10**9)
    assert office.said(chunk(sounds[2], 1)) == "later"
    assert office.state(sounds[1]) == "here"


def test_recordings_are_kept_for_their_time_and_within_their_room(office: Office) -> None:
    office.settings = ClipSettings(days=2, budget_mb=1, free_mb=0)
    sounds = [office.entered(number) for number in (1, 2)]
    for sound in sounds:
        office.asked(sound)
        office.come(sound)
        office.now += timedelta(days=1, minutes=1)
    office.receiver.expire_due_clips()
    assert [office.state(one) for one in sounds] == ["removed outlived", "here"]
    assert len(list(office.folder.folder.iterdir())) == 1
    (office.folder.folder / "left-by-a-crash.flac").write_bytes(b"x")
    office.receiver.expire_due_clips()
    assert len(list(office.folder.folder.iterdir())) == 1
    assert office.said(offer(sounds[0])) == "unwanted"
    assert office.asked(sounds[0])


@pytest.mark.parametrize(
    ("lie", "answer"),
    [
        (lambda sound: replace(chunk(sound, CHUNKS), data=b"x" * len(chunk(sound, CHUNKS).data)), "rejected"),
        (lambda sound: replace(chunk(sound, CHUNKS), data=b"x" * CLIP_CHUNK_BYTES), "rejected"),
        (lambda sound: replace(chunk(sound, CHUNKS), audio_sha256="1" * 64), "rejected"),
        (lambda sound: replace(offer(sound), audio_sha256="1" * 64), "rejected"),
        (lambda sound: replace(chunk(sound, CHUNKS), chunks=CHUNKS + 1), "later"),
    ],
)
def test_what_is_not_what_was_signed_is_never_taken_for_it(
    office: Office, lie: Callable[[SignedSound], ClipMessage], answer: str
) -> None:
    sound = office.entered()
    office.asked(sound)
    office.come(sound, CHUNKS - 1)
    assert office.said(lie(sound)) == answer
    assert office.state(sound) == ("rejected hash_differs" if answer == "rejected" else "arriving")
    with pytest.raises(NoSound):
        load_sound(office.store.clips, office.folder, sound)
    assert list(office.folder.folder.iterdir()) == [] or answer == "later"


def test_nothing_is_taken_of_what_no_device_has_signed_nor_from_another_device(office: Office) -> None:
    sound = office.entered()
    other = Topics("dockvoice", "north", "dock-4")
    unknown = replace(sound, utterance_id="01999f2e-6a10-7c44-8e21-5d7f9b3c1a08")
    assert office.said(offer(unknown)) == "later"
    assert office.said(offer(sound), other) == "later"
    assert office.said(replace(offer(sound), audio_sha256="1" * 64)) == "rejected"
    with pytest.raises(MalformedMessage, match="/source: names another device"):
        office.receiver.handle_message(format_clip_message(offer(sound), other.source), SENDER)


def test_why_none_comes_is_kept_and_what_is_here_stays(office: Office) -> None:
    here, gone = office.entered(1), office.entered(2)
    office.asked(here)
    office.come(here)
    office.asked(gone)
    assert [office.said(ClipUnavailable(one.utterance_id, ClipUnsentReason.REMOVED)) for one in (here, gone)] == [
        "noted",
        "noted",
    ]
    assert [office.state(one) for one in (here, gone)] == ["here", "gone removed"]
    assert office.asked(gone), "a recording may be put back from a copy"


def test_a_request_that_no_broker_took_goes_out_later_and_one_that_nobody_noted_again(office: Office) -> None:
    def away(*_: object) -> None:
        raise Unavailable("the broker is away")

    sound = office.entered()
    request_clip(office.store.clips, away, KEY, "dockvoice", sound, "ana", "pallet 742", lambda: office.now)
    assert drained(office.store) == [], "the command may be publishing it"
    office.now += HELD_BACK_FOR
    (unsent,) = drained(office.store)
    assert unsent.topic == SENDER.clip_requests
    assert drained(office.store) == []
    office.store.outbox.handle_connect()
    assert [one.id for one in drained(office.store)] == [unsent.id]
    (asked,) = office.store.clips.load_requests(sound)
    office.store.clips.mark_request_noted("north", "dock-4", asked.request)
    office.store.outbox.handle_connect()
    assert [one.id for one in drained(office.store)] == [unsent.id], "another device cannot say so"
    office.store.clips.mark_request_noted("north", "dock-3", asked.request)
    office.store.outbox.handle_connect()
    assert drained(office.store) == []
    office.now += timedelta(minutes=11)
    assert office.asked(sound, "ben"), "the device may have sent it to tables that were lost since"


@pytest.mark.parametrize("said", ["", " ", "x" * 201, "ana\nben", "ana\u202e"])
def test_who_cannot_be_told_to_the_operator_asks_for_nothing(office: Office, said: str) -> None:
    sound = office.entered()
    for who, reason in ((said, "pallet 742"), ("ana", said)):
        with pytest.raises(UnreadableInput, match="allowed is one line of 1 to 200"):
            request_clip(office.store.clips, None, KEY, "dockvoice", sound, who, reason)
    assert office.state(sound) == "unknown"
    assert office.store.clips.load_requests(sound) == []
    assert office.store.clips.load_clips(ClipState.ASKED) == []
