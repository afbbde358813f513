"""ElevenLabs' text to speech (`POST /v1/text-to-speech/{voice_id}`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

from edge.agree.voices.connection import Connection, spoken
from edge.ports import Voice
from edge.records import SAMPLE_RATE


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
