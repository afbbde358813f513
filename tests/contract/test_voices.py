"""What every voice promises, asked of the offline one, and of each in the cloud with the stand-in in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Unavailable
from edge.config import Settings
from edge.ports import Voice
from edge.records import SAMPLE_RATE
from edge.speak.voices import Connection, EspeakVoice, azure_voice, elevenlabs_voice, openai_voice
from edge.understand.remote.client import Clients
from tests.standin import KEY, RunningStandin

TEXT = "Pallet 7 4 2, 12 units, dock B & dock C."

IN_TIME_S = 30.0  # For a machine that is busy with other tests.


@dataclass(frozen=True)
class Row:
    """One service: its client's table, how a voice is made of the connection, and where it speaks."""

    client: str
    voice: Callable[[Connection], Voice]
    path: str


CLOUD = {
    "openai": Row('kind = "openai"', lambda c: openai_voice(c, "gpt-4o-mini-tts", "alloy"), "/v1/audio/speech"),
    "self-hosted": Row('kind = "self-hosted"', lambda c: openai_voice(c, "tts-1", "shimmer"), "/v1/audio/speech"),
    "azure openai": Row(
        'kind = "azure-openai"',
        lambda c: openai_voice(c, "tts-1", "echo", "/openai/v1/audio/speech"),
        "/openai/v1/audio/speech",
    ),
    "elevenlabs": Row(
        'kind = "elevenlabs"', lambda c: elevenlabs_voice(c, "eleven_flash_v2_5", "Rachel"), "/v1/text-to-speech/Rachel"
    ),
    "azure speech": Row(
        'kind = "azure-speech"', lambda c: azure_voice(c, "en-US-AvaMultilingualNeural"), "/cognitiveservices/v1"
    ),
}


async def said(voice: Voice, text: str, within_s: float) -> list[bytes]:
    return [piece async for piece in voice.say(text, "en", within_s)]


class Speaking:
    """A voice in the cloud, talking to the stand-in."""

    def __init__(self, row: Row, standin: RunningStandin, directory: Path) -> None:
        self.row = row
        self._standin = standin
        self._directory = directory

    def pieces(self, text: str = TEXT, *, within_s: float = IN_TIME_S, key: str = KEY) -> list[bytes]:
        path = self._directory / "edge.toml"
        table = f'[understand.clients.v]\n{self.row.client}\nurl = "{self._standin.url}"\nkey = "{key}"\n'
        path.write_text(table, encoding="utf-8")
        settings = load_settings(Settings, path)

        async def spoken() -> list[bytes]:
            async with Clients(settings.understand.clients) as clients:
                return await said(self.row.voice(clients["v"]), text, within_s)

        return asyncio.run(spoken())


@pytest.fixture(params=CLOUD)
def speaking(request: pytest.FixtureRequest, standin: RunningStandin, tmp_path: Path) -> Speaking:
    return Speaking(CLOUD[request.param], standin, tmp_path)


def assert_is_speech(pieces: list[bytes]) -> None:
    assert all(piece and len(piece) % 2 == 0 for piece in pieces)
    samples = np.frombuffer(b"".join(pieces), dtype="<i2").astype(np.float64)
    assert 2.0 < len(samples) / SAMPLE_RATE < 8.0
    assert np.sqrt((samples**2).mean()) > 500


@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_service_that_refuses_leaves_the_operator_to_another_voice(
    speaking: Speaking, standin: RunningStandin, status: int
) -> None:
    standin.behave(path=speaking.row.path, status=status)
    with pytest.raises(Unavailable):
        speaking.pieces(within_s=0.3)


@pytest.mark.parametrize("cut", ["before_headers", "half_body"])
def test_sound_that_breaks_off_is_not_played(speaking: Speaking, standin: RunningStandin, cut: str) -> None:
    standin.behave(path=speaking.row.path, cut=cut)
    with pytest.raises(Unavailable):
        speaking.pieces(within_s=0.3)


def test_a_slow_service_is_given_up_in_time(speaking: Speaking, standin: RunningStandin) -> None:
    standin.behave(path=speaking.row.path, delay_ms=20_000)
    with pytest.raises(Unavailable):
        speaking.pieces(within_s=0.2)


def test_what_is_no_bare_sound_is_never_played(speaking: Speaking, standin: RunningStandin) -> None:
    for body, content_type in (
        ("", "audio/pcm"),
        ("odd", "audio/pcm"),
        ('{"error": "no"}', "application/json"),
        ("<html></html>", "text/html"),
        ("RIFF", "audio/x-wav"),
        ("ID3.", "audio/mpeg"),
    ):
        standin.behave(path=speaking.row.path, body=body, content_type=content_type, status=200, times=1)
        with pytest.raises(Unavailable):
            speaking.pieces()


def test_a_wrong_key_is_refused_and_not_told(speaking: Speaking) -> None:
    with pytest.raises(Unavailable) as refused:
        speaking.pieces(key="wrong-key")
    assert "wrong-key" not in str(refused.value)


def test_a_readback_is_spoken(speaking: Speaking, standin: RunningStandin) -> None:
    pieces = speaking.pieces()
    assert_is_speech(pieces)
    assert len(pieces) > 10  # the operator's barge-in is heeded between any two
    assert len(standin.requests()) == 1


def test_the_offline_voice_speaks_the_same() -> None:
    assert_is_speech(asyncio.run(said(EspeakVoice(), TEXT, IN_TIME_S)))
