"""The voices: espeak-ng inside this process; text to speech of OpenAI, Azure and ElevenLabs over a client.

Espeak-ng is always there, needs no network and is never late. The library and its data come inside the wheel of
`espeakng-loader`. Its functions are declared in `speak_lib.h` of espeak-ng 1.52; a sentence of four seconds takes it
some ten milliseconds.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import cache
from threading import Lock
from typing import Any, Protocol
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import soxr

from dockvoice_protocol.errors import Misconfigured, Unavailable
from dockvoice_protocol.languages import LANGUAGES, load_table
from edge.ports import Voice
from edge.records import SAMPLE_BYTES, SAMPLE_RATE

_SLOWEST, _FASTEST = 80, 450  # What espeak-ng takes for a speed (`speak_lib.h`, `espeakRATE`).

_SYNCHRONOUS = 2
"""AUDIO_OUTPUT_SYNCHRONOUS: samples come to the callback within the call, and no sound card is touched.

AUDIO_OUTPUT_RETRIEVAL does the same from a thread of the library's own, whose queue hangs now and then on a busy
machine (espeak-ng issue 996): the voice would be silent for ever. It took three times as long besides.
"""
_DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT: without it, missing data ends the whole process
_RATE = 1  # espeakRATE
_CHARACTERS = 1  # POS_CHARACTER
_UTF8 = 1  # espeakCHARS_UTF8
_OK = 0  # EE_OK

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def usual_words_per_minute(language: str) -> int:
    """The usual pace of a language, in words as espeak-ng counts them."""
    return int(load_table(language, "voices")["words_per_minute"])


class EspeakVoice(Voice):
    """Speaks the languages of `LANGUAGES`. Any number of these may exist; the library itself is one and takes turns."""

    name = "espeak-ng"

    def __init__(self, pace: float = 1.0, variant: str = "") -> None:
        """Load the library, some 10 ms the first time. `pace` is times the usual one, within what espeak-ng takes.

        `variant` is the name of one of espeak-ng's other speakers (`f2`, `m3`), for whoever needs more than one.
        Raises Misconfigured where the library or its data cannot be loaded.
        """
        self._pace = pace
        self._variant = f"+{variant}" if variant else ""
        self._library = _load_library()

    async def say(self, text: str, language: str, within_s: float) -> AsyncIterator[bytes]:
        """The text as one piece of PCM at 16 kHz; none if it has no word.

        Raises Misconfigured for a language that espeak-ng does not speak, Unavailable after `within_s` seconds.
        """
        code = language.replace("_", "-").split("-")[0].lower()
        if code not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise Misconfigured(f"{self.name}: found the language {language!r}; it speaks {known}; choose one of these")
        voice = str(load_table(code, "voices")["espeak"])
        words_per_minute = min(max(round(usual_words_per_minute(code) * self._pace), _SLOWEST), _FASTEST)
        try:
            async with asyncio.timeout(within_s):
                pcm = await asyncio.to_thread(self._library.speak, text, voice + self._variant, words_per_minute)
        except TimeoutError:
            raise Unavailable(
                f"{self.name}: no sound within {within_s:g} s; the machine is too busy, try again"
            ) from None
        if pcm:
            yield pcm


class _Library:
    """This process's espeak-ng: voice and speed are global, so one text is spoken at a time."""

    def __init__(self, path: str, data_path: str) -> None:
        self._espeak = ctypes.CDLL(path)
        data = data_path.encode()
        self._rate = self._espeak.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT)
        if self._rate <= 0:
            raise Misconfigured(f"espeak-ng: its data in {data.decode()} cannot be read; install espeakng-loader again")
        self._turn = Lock()

    def speak(self, text: str, voice: str, words_per_minute: int) -> bytes:
        """Synthesise the text as PCM at 16 kHz; empty for a text without a word."""
        pieces: list[bytes] = []
        taken = _Callback(_make_appending_callback(pieces))
        with self._turn:
            self._espeak.espeak_SetSynthCallback(taken)
            self._call("espeak_SetVoiceByName", voice.encode())
            self._call("espeak_SetParameter", _RATE, words_per_minute, 0)
            said = text.encode() + b"\0"
            self._call("espeak_Synth", said, ctypes.c_size_t(len(said)), 0, _CHARACTERS, 0, _UTF8, None, None)
        return self._resampled(b"".join(pieces))

    def _call(self, function: str, *arguments: Any) -> None:
        if (status := self._espeak[function](*arguments)) != _OK:
            raise Unavailable(f"espeak-ng: {function} answered {status}; try again, or install espeakng-loader again")

    def _resampled(self, pcm: bytes) -> bytes:
        samples = np.frombuffer(pcm, dtype=np.int16)
        return bytes(soxr.resample(samples, self._rate, SAMPLE_RATE).tobytes()) if len(samples) else b""


def _make_appending_callback(pieces: list[bytes]) -> Callable[..., int]:
    def on_samples(samples: Any, count: int, _events: int | None) -> int:
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, count * ctypes.sizeof(ctypes.c_short)))
        return 0  # go on

    return on_samples


@cache
def _load_library() -> _Library:
    try:
        import espeakng_loader  # noqa: PLC0415 - an extra: the library in it is under the GPL
    except ImportError:
        raise Misconfigured("espeak-ng: espeakng-loader is missing; pip install 'dockvoice[voice]'") from None
    try:
        return _Library(espeakng_loader.get_library_path(), espeakng_loader.get_data_path())
    except (OSError, RuntimeError) as fault:  # RuntimeError: the wheel came without its data
        raise Misconfigured(f"espeak-ng: cannot be loaded ({fault}); install espeakng-loader again") from None


_CONTAINERS = (b"RIFF", b"ID3", b"OggS", b"fLaC")  # Magic bytes of sound files, which raw PCM hardly ever begins with.

_PIECE = SAMPLE_RATE // 10 * SAMPLE_BYTES  # Bytes handed on at a time: 100 ms, so that a barge-in never waits for more.


class _Reply(Protocol):
    """A service's answer."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Values by lower-case name."""
        ...

    @property
    def body(self) -> bytes:
        """The whole body."""
        ...


class Connection(Protocol):
    """An authenticated connection to a service."""

    name: str

    async def post(self, path: str, *, within_s: float, about: str = "", **sent: Any) -> _Reply:
        """Post, and return a successful answer. Raises Unavailable, or a subclass, when there is none in time."""
        ...


def _split_reply_into_pcm(reply: _Reply, service: str, rate: int) -> Iterator[bytes]:
    """Split a reply of raw PCM at `rate` into pieces of PCM at 16 kHz.

    Raises Unavailable for any other content, which would be loud noise.
    """
    kind = reply.headers.get("content-type", "").split(";")[0].strip()
    # Azure calls bare sound audio/x-wav: only what is in it tells.
    if kind.startswith("text/") or kind.endswith(("json", "xml", "html", "mpeg")) or reply.body.startswith(_CONTAINERS):
        raise Unavailable(f"{service}: answered with {kind} instead of bare sound; check the voice's model and url")
    if not reply.body or len(reply.body) % SAMPLE_BYTES:
        raise Unavailable(f"{service}: answered with {len(reply.body)} bytes, no whole samples; try again")
    samples = np.frombuffer(reply.body, dtype="<i2")
    pcm = soxr.resample(samples, rate, SAMPLE_RATE).astype("<i2").tobytes() if rate != SAMPLE_RATE else reply.body
    for at in range(0, len(pcm), _PIECE):
        yield pcm[at : at + _PIECE]


_Asked = tuple[str, dict[str, Any]]  # A path, and what is posted to it.

_OPENAI_RATE = 24_000  # Samples a second of `response_format = "pcm"`: 16 bits, mono, without a header.


class _CloudVoice(Voice):
    """One voice of one service."""

    def __init__(
        self, name: str, connection: Connection, about: str, ask: Callable[[str, str], _Asked], rate: int = SAMPLE_RATE
    ) -> None:
        """`about`: the model, or the voice where that implies it. `ask` makes the request for a text and its language.

        `rate`: samples per second of the answer.
        """
        self.name = name
        self._connection = connection
        self._about = about
        self._ask = ask
        self._rate = rate

    async def say(self, text: str, language: str, within_s: float) -> AsyncIterator[bytes]:
        """The text as PCM at 16 kHz, in pieces of up to 100 ms. Raises Unavailable without an answer in time."""
        path, sent = self._ask(text, language)
        reply = await self._connection.post(path, within_s=within_s, about=self._about, **sent)
        for piece in _split_reply_into_pcm(reply, self.name, self._rate):
            yield piece


def azure_voice(connection: Connection, voice: str) -> Voice:
    """A voice of Azure, for example `en-US-AvaMultilingualNeural`, bound to the languages that its name lists.

    The connection's address is that of the region's text to speech, not of its speech to text.
    """
    headers = {
        "content-type": "application/ssml+xml",
        "x-microsoft-outputformat": "raw-16khz-16bit-mono-pcm",
        "user-agent": "dockvoice",  # Azure refuses a request without one
    }

    def ask(text: str, language: str) -> _Asked:
        return "/cognitiveservices/v1", {"content": _to_ssml(text, language, voice).encode(), "headers": headers}

    return _CloudVoice(f"{connection.name}/{voice}", connection, voice, ask)


def _to_ssml(text: str, language: str, voice: str) -> str:
    """The text, which may hold any character, as SSML 1.0."""
    return (
        f'<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang={quoteattr(language)}>'
        f"<voice name={quoteattr(voice)}>{escape(text)}</voice></speak>"
    )


def elevenlabs_voice(connection: Connection, model: str, voice: str) -> Voice:
    """A voice of ElevenLabs by its id, through one model; the connection carries the key as `xi-api-key`."""
    path, params = f"/v1/text-to-speech/{quote(voice, safe='')}", {"output_format": f"pcm_{SAMPLE_RATE}"}

    def ask(text: str, language: str) -> _Asked:
        body = {"text": text, "model_id": model, "language_code": language[:2].lower()}
        return path, {"json": body, "params": params}

    return _CloudVoice(f"{connection.name}/{model}/{voice}", connection, model, ask)


def openai_voice(connection: Connection, model: str, voice: str, path: str = "/v1/audio/speech") -> Voice:
    """A voice of OpenAI's API, for example `alloy` of `gpt-4o-mini-tts`; it speaks the text's own language.

    `path` is relative to the connection's address; on Azure it names the deployment.
    """

    def ask(text: str, _: str) -> _Asked:
        return path, {"json": {"model": model, "voice": voice, "input": text, "response_format": "pcm"}}

    return _CloudVoice(f"{connection.name}/{model}/{voice}", connection, model, ask, _OPENAI_RATE)
