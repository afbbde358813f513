"""OpenAI's text to speech, and servers of its shape (`POST /v1/audio/speech`, as in the published OpenAPI document)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from edge.agree.voices.connection import Connection, spoken
from edge.ports import Voice

RATE = 24_000
"""Samples a second of `response_format = "pcm"`: 16 bits, mono, without a header."""


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
