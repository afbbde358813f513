"""What every transcriber promises, asked of each over real HTTP, with the stand-in in the vendor's place.

A new service is one wire, one case of `factory` and one row here.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.records import HallucinationKind, Transcript
from edge.config import Settings
from edge.ports import Transcriber
from edge.records import SAMPLE_RATE, Utterance
from edge.understand.factory import make_transcriber
from edge.understand.remote.client import Clients
from edge.understand.remote.failures import AccessDenied, Failure, Garbled, Rejected, TryLater
from edge.understand.stt.transcript_reader import TranscriptParser
from tests.sayings import recorded, spoken
from tests.shipped import catalogue, form
from tests.standin import FORBIDDEN, KEY, RunningStandin

CLEAR = "01-pallet-5451-four-cases-dock-alpha.flac"
SAYS = {"pallet_id": "5451", "quantity": 4, "dock": "A"}
SILENCE = "10-silence.flac"

IN_TIME_S = 30.0  # For a machine that is busy with other tests.


@dataclass(frozen=True)
class Row:
    """One service: its tables of the settings file, `{}` standing for where the stand-in is, and what it answers."""

    client: str
    transcriber: str
    path: str
    answer: str = '{{"text": {}}}'  # A good answer, `{}` standing for the text as JSON.

    def settings(self, url: str, key: str) -> str:
        return (
            f'[understand.clients.c]\n{self.client.format(url)}\nkey = "{key}"\n'
            f'[understand.transcribers.t]\nclient = "c"\nminute_usd = 0.006\n{self.transcriber}\n'
        )


OPENAI = 'kind = "openai"\nurl = "{}"'
AZURE = 'kind = "azure-openai"\nurl = "{}"\nregion = "swedencentral"'
OWN = 'kind = "self-hosted"\nurl = "{}/v1"'
GOOGLE = 'kind = "google-speech"\nurl = "{}"\nregion = "europe-west4"\nproject = "warehouse"'
SPEECH = 'kind = "azure-speech"\nurl = "{}"\nregion = "swedencentral"'
ELEVENLABS = 'kind = "elevenlabs"\nurl = "{}"'

MISTRAL = 'kind = "mistral"\nurl = "{}"'
DEEPGRAM = 'kind = "deepgram"\nurl = "{}"'

ROWS = {
    "gpt-transcribe": Row(OPENAI, 'kind = "openai"\nmodel = "gpt-transcribe"', "/v1/audio/transcriptions"),
    "mistral": Row(
        MISTRAL,
        'kind = "mistral"\nmodel = "voxtral-mini-transcribe-3-0"',
        "/v1/audio/transcriptions",
        '{{"model": "voxtral-mini-transcribe-3-0", "text": {}}}',
    ),
    "deepgram": Row(
        DEEPGRAM,
        'kind = "deepgram"\nmodel = "nova-3"',
        "/v1/listen",
        '{{"results": {{"channels": [{{"alternatives": [{{"transcript": {}}}]}}]}}}}',
    ),
    "whisper-1": Row(OPENAI, 'kind = "openai"\nmodel = "whisper-1"', "/v1/audio/transcriptions"),
    "gpt-4o-transcribe": Row(OPENAI, 'kind = "openai"\nmodel = "gpt-4o-transcribe"', "/v1/audio/transcriptions"),
    "azure deployment": Row(
        AZURE + '\napi_version = "2025-03-01-preview"',
        'kind = "openai"\nmodel = "gpt-4o-transcribe"',
        "/openai/deployments/gpt-4o-transcribe/audio/transcriptions",
    ),
    "azure v1": Row(AZURE, 'kind = "openai"\nmodel = "whisper-1"', "/openai/v1/audio/transcriptions"),
    "speaches": Row(OWN, 'kind = "openai"\nmodel = "Systran/faster-whisper-large-v3"', "/v1/audio/transcriptions"),
    # Any server of OpenAI's shape, as parakeet-api: it takes any model's name, and answers with the text alone.
    "text alone": Row(
        OWN, 'kind = "openai"\nmodel = "Systran/faster-whisper-large-v3"\ndetail = "text"', "/v1/audio/transcriptions"
    ),
    "whisper.cpp": Row(OWN, 'kind = "whisper-cpp"\nmodel = "large-v3"', "/inference"),
    "google": Row(
        GOOGLE,
        'kind = "google"\nmodel = "chirp_2"',
        "/v2/projects/warehouse/locations/europe-west4/recognizers/_:recognize",
        '{{"results": [{{"alternatives": [{{"transcript": {}}}]}}]}}',
    ),
    "azure speech": Row(
        SPEECH,
        'kind = "azure"',
        "/speech/recognition/conversation/cognitiveservices/v1",
        '{{"RecognitionStatus": "Success", "NBest": [{{"Confidence": 0.9, "Lexical": {}}}]}}',
    ),
    "scribe": Row(ELEVENLABS, 'kind = "scribe"\nmodel = "scribe_v2"', "/v1/speech-to-text"),
}


class Asking:
    """One service's transcriber, talking to the stand-in."""

    def __init__(self, row: Row, standin: RunningStandin, directory: Path) -> None:
        self.row = row
        self._standin = standin
        self._directory = directory

    def ask(
        self, pcm: bytes | None = None, *, within_s: float = IN_TIME_S, key: str = KEY, also: str = ""
    ) -> Transcript:
        (outcome,) = self.ask_often(1, pcm, within_s=within_s, key=key, also=also)
        if isinstance(outcome, Failure):
            raise outcome
        return outcome

    def ask_often(
        self, times: int, pcm: bytes | None = None, *, within_s: float = IN_TIME_S, key: str = KEY, also: str = ""
    ) -> list[Transcript | Failure]:
        """Ask over one connection, so that what it learns of the first answer would show in the next one."""
        path = self._directory / "edge.toml"
        path.write_text(self.row.settings(self._standin.url, key) + also, encoding="utf-8")
        settings = load_settings(Settings, path)
        said = spoken(recorded(CLEAR) if pcm is None else pcm)

        async def asked() -> list[Transcript | Failure]:
            async with Clients(settings.understand.clients) as clients:
                writer = make_transcriber("t", settings, form(), clients, "en")
                return [await _outcome(writer, said, within_s) for _ in range(times)]

        return asyncio.run(asked())


async def _outcome(writer: Transcriber, said: Utterance, within_s: float) -> Transcript | Failure:
    try:
        return await writer.transcribe(said, within_s)
    except Failure as failure:
        return failure


@pytest.fixture(params=ROWS)
def asking(request: pytest.FixtureRequest, standin: RunningStandin, tmp_path: Path) -> Asking:
    return Asking(ROWS[request.param], standin, tmp_path)


KEYED = [name for name, row in ROWS.items() if "whisper-cpp" not in row.transcriber]
"""whisper.cpp's server takes no key."""


# ---- Failures ----


@pytest.mark.parametrize("status", [429, 500])
def test_a_busy_service_is_asked_again_in_the_time_there_is(
    asking: Asking, standin: RunningStandin, status: int
) -> None:
    standin.behave(path=asking.row.path, times=1, status=status)
    assert asking.ask().text
    assert len([asked for asked in standin.requests() if asked.path == asking.row.path]) == 2


def test_a_service_that_stays_busy_is_to_be_tried_later(asking: Asking, standin: RunningStandin) -> None:
    standin.behave(path=asking.row.path, status=429, headers={"retry-after": "60"})
    with pytest.raises(TryLater):
        asking.ask()


@pytest.mark.parametrize("cut", ["before_headers", "half_body"])
def test_a_broken_connection_is_to_be_tried_later(asking: Asking, standin: RunningStandin, cut: str) -> None:
    standin.behave(path=asking.row.path, cut=cut)
    with pytest.raises(TryLater):
        asking.ask(within_s=0.3)


def test_a_slow_service_is_given_up_in_time(asking: Asking, standin: RunningStandin) -> None:
    standin.behave(path=asking.row.path, delay_ms=20_000)
    with pytest.raises(TryLater, match="no answer within"):
        asking.ask(within_s=0.3)


@pytest.mark.parametrize("asking", KEYED, indirect=True)
@pytest.mark.parametrize("key", ["wrong-key", FORBIDDEN])
def test_a_refused_key_bars_and_is_not_told(asking: Asking, key: str) -> None:
    with pytest.raises(AccessDenied) as barred:
        asking.ask(key=key)
    assert key not in str(barred.value)


def test_a_request_that_is_not_taken_is_our_fault(asking: Asking, standin: RunningStandin) -> None:
    standin.behave(path=asking.row.path, status=400)
    with pytest.raises(Rejected):
        asking.ask()


NO_ANSWERS = [
    "",
    "Pallet 742",
    "null",
    "[]",
    "{}",
    '{"text": 742}',
    '{"text": null}',
    '{"text": "Pallet',
    '{"text": "Pallet 742", "text": "Pallet 743"}',
    '{"error": {"message": "Pallet 742"}}',
    "<html>",
]


def test_an_answer_that_is_none_is_garbled_and_not_repeated(asking: Asking, standin: RunningStandin) -> None:
    for body in NO_ANSWERS:
        standin.behave(path=asking.row.path, body=body, status=200, times=1)
    outcomes = asking.ask_often(len(NO_ANSWERS))
    assert [type(outcome) for outcome in outcomes] == [Garbled] * len(NO_ANSWERS)
    assert not any("Pallet" in str(outcome) for outcome in outcomes)


def test_a_text_from_another_world_costs_what_it_cost(asking: Asking, standin: RunningStandin) -> None:
    standin.behave(path=asking.row.path, body='{"text": []}', status=200)
    with pytest.raises(Failure) as failure:
        asking.ask()
    assert failure.value.usage is not None
    assert failure.value.usage.cost_usd == pytest.approx(len(recorded(CLEAR)) / 2 / SAMPLE_RATE / 60 * 0.006)


# ---- What is not believed ----


MADE_UP = {
    "  ": None,
    "Thank you.": HallucinationKind.STOCK_PHRASE,
    "Thanks for watching!": HallucinationKind.STOCK_PHRASE,
    "dock B is " * 30: HallucinationKind.LOOP,
}


def test_what_transcribers_make_up_is_set_aside_and_the_reason_kept(asking: Asking, standin: RunningStandin) -> None:
    for text in MADE_UP:
        standin.behave(path=asking.row.path, body=asking.row.answer.format(json.dumps(text)), status=200, times=1)
    told = [
        (heard.text, heard.words, heard.hallucination)
        for heard in asking.ask_often(len(MADE_UP))
        if isinstance(heard, Transcript)
    ]
    assert told == [("", (), why) for why in MADE_UP.values()]


def test_silence_holds_nothing_and_digital_silence_is_not_even_sent(asking: Asking, standin: RunningStandin) -> None:
    assert asking.ask(bytes(SAMPLE_RATE * 2)).text == ""
    assert asking.ask(b"").text == ""
    assert not [asked for asked in standin.requests() if asked.path == asking.row.path]
    assert asking.ask(recorded(SILENCE)).text == ""


# ---- What is ----


def test_clear_speech_is_written_down_with_who_wrote_it_and_what_it_took(
    asking: Asking, standin: RunningStandin
) -> None:
    transcript, again = asking.ask_often(2)
    assert isinstance(transcript, Transcript)
    assert isinstance(again, Transcript)
    assert (transcript.text, transcript.words, transcript.confidence) == (again.text, again.words, again.confidence)
    read = TranscriptParser(form(), catalogue(), "en").read(transcript, 1.0, 4.0)
    assert {name: field.value for name, field in read.fields.items()} == SAYS
    assert transcript.hallucination is None
    assert all(0 <= one <= 1 for one in (transcript.confidence or 0, *(word.confidence for word in transcript.words)))
    assert [word.start for word in transcript.words] == sorted(word.start for word in transcript.words)
    assert transcript.transcriber.startswith("c/")
    assert transcript.usage is not None
    seconds = len(recorded(CLEAR)) / 2 / SAMPLE_RATE
    assert transcript.usage.audio_seconds == pytest.approx(seconds)
    assert transcript.usage.cost_usd == pytest.approx(seconds / 60 * 0.006)
    posted: Any = next(asked for asked in standin.requests() if asked.path == asking.row.path)
    prompt = posted.form.get("prompt", "")
    assert not any(character.isdigit() for character in prompt), "a prompt holds no value"
    assert not set(prompt.lower().split()) & {value.lower() for value in catalogue().values("docks")}


def test_long_speech_goes_in_pieces_at_its_times(asking: Asking, standin: RunningStandin) -> None:
    twice = recorded(CLEAR) + bytes(SAMPLE_RATE * 2) + recorded(CLEAR)
    transcript = asking.ask(twice, also="max_seconds = 6\n")
    posted = [asked for asked in standin.requests() if asked.path == asking.row.path]
    assert len(posted) > 1
    assert transcript.text.lower().count("alpha") == 2
    starts = [word.start for word in transcript.words]
    assert starts == sorted(starts)
    assert not starts or starts[-1] > 6
