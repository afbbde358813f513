"""Cloud voices: text to speech of OpenAI, Azure and ElevenLabs over a client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import soxr

from edge.errors import Unavailable
from edge.ports import Voice
from edge.records import SAMPLE_BYTES, SAMPLE_RATE

CONTAINERS = (b"RIFF", b"ID3", b"OggS", b"fLaC")
"""How files of sound begin, and bare sound never does but by the rarest chance."""

PIECE = SAMPLE_RATE // 10 * SAMPLE_BYTES  # Bytes handed on at a time: 100 ms, so that a barge-in never waits for more.


class Reply(Protocol):
    """What a service answered."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in small letters."""
        ...

    @property
    def body(self) -> bytes:
        """All of it."""
        ...


class Connection(Protocol):
    """An authenticated connection to a service."""

    name: str

    async def post(
        self,
        path: str,
        *,
        within_s: float,
        about: str = "",
        json: Any = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask, and return a good answer. Raises Unavailable, or a kind of it, when there is none in time."""
        ...


def spoken(reply: Reply, service: str, rate: int) -> Iterator[bytes]:
    """The sound in a reply, which is bare PCM of `rate` samples a second, in pieces of 16 kHz.

    Raises Unavailable where the reply holds no such sound: played as it is, anything else would be a loud noise.
    """
    kind = reply.headers.get("content-type", "").split(";")[0].strip()
    # Azure calls bare sound audio/x-wav: only what is in it tells.
    if kind.startswith("text/") or kind.endswith(("json", "xml", "html", "mpeg")) or reply.body.startswith(CONTAINERS):
        raise Unavailable(f"{service}: answered with {kind} instead of bare sound; check the voice's model and url")
    if not reply.body or len(reply.body) % SAMPLE_BYTES:
        raise Unavailable(f"{service}: answered with {len(reply.body)} bytes, no whole samples; try again")
    samples = np.frombuffer(reply.body, dtype="<i2")
    pcm = soxr.resample(samples, rate, SAMPLE_RATE).astype("<i2").tobytes() if rate != SAMPLE_RATE else reply.body
    for at in range(0, len(pcm), PIECE):
        yield pcm[at : at + PIECE]


PATH = "/cognitiveservices/v1"
FORMAT = "raw-16khz-16bit-mono-pcm"


class AzureVoice(Voice):
    """One voice, for example `en-US-AvaMultilingualNeural`, which is bound to the languages that its name promises."""

    def __init__(self, connection: Connection, voice: str) -> None:
        """The connection's address is that of the region's text to speech: not the one that listens."""
        self.name = f"{connection.name}/{voice}"
        self._connection = connection
        self._voice = voice

    async def say(self, text: str, language: str, within_s: float) -> AsyncIterator[bytes]:
        """The text as sound, in pieces."""
        reply = await self._connection.post(
            PATH,
            content=_ssml(text, language, self._voice).encode(),
            headers={
                "content-type": "application/ssml+xml",
                "x-microsoft-outputformat": FORMAT,
                "user-agent": "dockvoice",  # Azure refuses a request without one
            },
            within_s=within_s,
            about=self._voice,
        )
        for piece in spoken(reply, self.name, SAMPLE_RATE):
            yield piece


def _ssml(text: str, language: str, voice: str) -> str:
    """The text, which may hold any character, as SSML 1.0."""
    return (
        f'<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang={quoteattr(language)}>'
        f"<voice name={quoteattr(voice)}>{escape(text)}</voice></speak>"
    )


class ElevenLabsVoice(Voice):
    """One voice, by the id ElevenLabs gives it, through one model, for example `eleven_flash_v2_5`."""

    def __init__(self, connection: Connection, model: str, voice: str) -> None:
        """The connection carries the key as `xi-api-key`."""
        self.name = f"{connection.name}/{model}/{voice}"
        self._connection = connection
        self._model = model
        self._path = f"/v1/text-to-speech/{quote(voice, safe='')}"

    async def say(self, text: str, language: str, within_s: float) -> AsyncIterator[bytes]:
        """The text as sound, in pieces."""
        reply = await self._connection.post(
            self._path,
            json={"text": text, "model_id": self._model, "language_code": language[:2].lower()},
            params={"output_format": f"pcm_{SAMPLE_RATE}"},
            within_s=within_s,
            about=self._model,
        )
        for piece in spoken(reply, self.name, SAMPLE_RATE):
            yield piece


RATE = 24_000  # Samples a second of `response_format = "pcm"`: 16 bits, mono, without a header.


class OpenAiVoice(Voice):
    """One voice of one model, for example `alloy` of `gpt-4o-mini-tts`. It speaks the language that the text is in."""

    def __init__(self, connection: Connection, model: str, voice: str, path: str = "/v1/audio/speech") -> None:
        """`path` is where the server speaks, from the connection's own address; on Azure it names the deployment."""
        self.name = f"{connection.name}/{model}/{voice}"
        self._connection = connection
        self._model = model
        self._voice = voice
        self._path = path

    async def say(self, text: str, language: str, within_s: float) -> AsyncIterator[bytes]:
        """The text as sound, in pieces."""
        asked = {"model": self._model, "voice": self._voice, "input": text, "response_format": "pcm"}
        reply = await self._connection.post(self._path, json=asked, within_s=within_s, about=self._model)
        for piece in spoken(reply, self.name, RATE):
            yield piece
