"""Where sound goes, as the sound server lists it. `pactl` is a script here that prints a file, or fails."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edge.audio import sound_server
from edge.audio.sound_server import NULL_SINK, PlaybackSink, snapshot_playback_devices


def listing(*sinks: str, into: str | None) -> bytes:
    numbered = dict(enumerate(sinks))
    ours = [
        {"sink": number, "properties": {"application.process.id": str(os.getpid())}}
        for number, name in numbered.items()
        if name == into
    ]
    other = {"sink": 0, "properties": {"application.process.id": "1"}}
    told = {"sinks": [{"index": n, "name": name} for n, name in numbered.items()], "sink_inputs": [other, *ours]}
    return json.dumps(told).encode()


class Server:
    """What `pactl` will say."""

    def __init__(self, directory: Path) -> None:
        self._says = directory / "says"
        script = directory / "pactl"
        script.write_text(f"#!/bin/sh\nexec cat {self._says}\n", encoding="utf-8")
        script.chmod(0o755)

    def says(self, listed: bytes) -> None:
        self._says.write_bytes(listed)

    def is_silent(self) -> None:
        self._says.unlink()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return Server(tmp_path)


@pytest.mark.parametrize("listed", [b"", b"no json", b"[]", b"{}", b'{"sinks": [], "sink_inputs": [{}]}'])
def test_a_listing_that_cannot_be_read_is_told_once_and_nothing_is_gone(
    server: Server, listed: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server.says(listed)
    sink = PlaybackSink()
    assert [sink.is_gone() for _ in range(3)] == [False] * 3
    assert len(caplog.records) == 1


def test_a_sink_that_vanished_is_gone_wherever_sound_goes_now(server: Server) -> None:
    server.says(listing("earpiece", "hall", into="earpiece"))
    sink = PlaybackSink()
    assert not sink.is_gone()
    server.says(listing("hall", into="hall"))
    assert sink.is_gone()


def test_a_stream_that_somebody_moved_stays_there_and_that_sink_counts_from_then_on(server: Server) -> None:
    sink = PlaybackSink()
    for into in ("earpiece", "hall"):
        server.says(listing("earpiece", "hall", into=into))
        assert not sink.is_gone()
    server.says(listing("hall", into="hall"))
    assert not sink.is_gone()
    server.says(listing("earpiece", into="earpiece"))
    assert sink.is_gone()


def test_a_sink_that_stands_in_for_a_speaker_leads_nowhere_until_sound_goes_elsewhere(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_server, "_FRESH_S", 0.0)
    server.says(listing(NULL_SINK, into=NULL_SINK))
    sink = PlaybackSink()
    assert sink.is_null_sink()
    server.says(listing("earpiece", into="earpiece"))
    assert not sink.is_null_sink()
    server.is_silent()
    assert not sink.is_null_sink()


def test_what_sound_can_go_into_is_the_cards_and_the_sinks_however_they_fare(server: Server, tmp_path: Path) -> None:
    cards = tmp_path / "pcm"
    cards.write_text("00-00: USB Audio : USB Audio : playback 1 : capture 1\n01-00: Webcam : : capture 1\n")
    server.says(b"1\tearpiece\tmodule-null-sink.c\ts16le\tRUNNING\n")
    there = snapshot_playback_devices(cards)
    assert len(there) == 2
    server.says(b"1\tearpiece\tmodule-null-sink.c\ts16le\tSUSPENDED\n")
    assert snapshot_playback_devices(cards) == there
    server.says(b"")
    assert snapshot_playback_devices(cards) < there
    cards.unlink()
    assert snapshot_playback_devices(cards) == frozenset()
