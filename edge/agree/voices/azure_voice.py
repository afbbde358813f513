"""Azure AI Speech's text to speech (`POST /cognitiveservices/v1` with SSML, at `REGION.tts.speech.microsoft.com`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from xml.sax.saxutils import escape, quoteattr

from edge.agree.voices.connection import Connection, spoken
from edge.ports import Voice
from edge.records import SAMPLE_RATE

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
