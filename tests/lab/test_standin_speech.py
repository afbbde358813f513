"""The stand-in's transcribers and voices that no client library is tried against: in the vendors' documented shapes.

Their shapes are written down here as JSON Schema, from the vendors' reference pages, with no field allowed besides.
"""

from __future__ import annotations

import base64
import io
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from jsonschema import Draft202012Validator

from tests.standin import KEY, RunningStandin

DEMO = Path(__file__).parent.parent / "data" / "speech" / "demo"
CLEAR = "01-pallet-5451-four-cases-dock-alpha.flac"

TEXT = {"type": "string"}
SURE = {"type": "number", "minimum": 0, "maximum": 1}
SECONDS = {"type": "string", "pattern": r"^\d+(\.\d+)?s$"}


def _only(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    properties = {**required, **optional}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


GOOGLE_WORD = _only({"startOffset": SECONDS, "endOffset": SECONDS, "word": TEXT, "confidence": SURE})
GOOGLE_BEST = _only({"transcript": TEXT, "confidence": SURE}, words={"type": "array", "items": GOOGLE_WORD})
GOOGLE_RESULT = _only(
    {
        "alternatives": {"type": "array", "items": GOOGLE_BEST, "minItems": 1},
        "resultEndOffset": SECONDS,
        "languageCode": TEXT,
    }
)
GOOGLE = _only(
    {"metadata": _only({"totalBilledDuration": SECONDS, "requestId": TEXT})},
    results={"type": "array", "items": GOOGLE_RESULT},
)
AZURE_BEST = _only({"Confidence": SURE, "Lexical": TEXT, "ITN": TEXT, "MaskedITN": TEXT, "Display": TEXT})
TICKS = {"type": "integer", "minimum": 0}
AZURE = _only(
    {"RecognitionStatus": {"enum": ["Success", "InitialSilenceTimeout"]}, "Offset": TICKS, "Duration": TICKS},
    DisplayText=TEXT,
    NBest={"type": "array", "items": AZURE_BEST, "minItems": 1},
)
ELEVENLABS_WORD = _only(
    {"text": TEXT, "start": {"type": "number"}, "end": {"type": "number"}, "type": {"enum": ["word"]}},
    logprob={"type": "number", "maximum": 0},
)
ELEVENLABS = _only(
    {"language_code": TEXT, "language_probability": SURE, "text": TEXT, "transcription_id": TEXT},
    words={"type": "array", "items": ELEVENLABS_WORD},
)


@cache
def sound(name: str) -> bytes:
    samples, rate = soundfile.read(DEMO / name, dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV")
    return file.getvalue()


class Recogniser:
    """One of them: how it is asked, what its answer must look like, and where in it the words are."""

    def __init__(self, standin: RunningStandin) -> None:
        self.standin = standin

    def google(self, content: bytes, location: str = "europe-west4", **more: Any) -> httpx.Response:
        config = {
            "model": "chirp_2", "languageCodes": ["en-US"], "autoDecodingConfig": {},
            "features": {"enableWordTimeOffsets": True}, **more,
        }  # fmt: skip
        body = {"config": config, "content": base64.b64encode(content).decode()}
        url = f"{self.standin.url}/v2/projects/p/locations/{location}/recognizers/_:recognize"
        return httpx.post(url, json=body, headers={"authorization": f"Bearer {KEY}"}, timeout=60)

    def azure(self, content: bytes, **query: str) -> httpx.Response:
        url = f"{self.standin.url}/speech/recognition/conversation/cognitiveservices/v1"
        query = query or {"language": "en-US", "format": "detailed"}
        headers = {"ocp-apim-subscription-key": KEY, "content-type": "audio/wav"}
        return httpx.post(url, params=query, content=content, headers=headers, timeout=60)

    def elevenlabs(self, content: bytes, model: str = "scribe_v2") -> httpx.Response:
        url = f"{self.standin.url}/v1/speech-to-text"
        return httpx.post(
            url, files={"file": ("a.wav", content)}, data={"model_id": model}, headers={"xi-api-key": KEY}, timeout=60
        )


@pytest.fixture
def ask(standin: RunningStandin) -> Recogniser:
    return Recogniser(standin)


def told(answer: httpx.Response, schema: dict[str, Any]) -> Any:
    assert answer.status_code == 200, answer.text
    Draft202012Validator(schema).validate(answer.json())
    return answer.json()


def plain(text: str) -> str:
    return " ".join(text.lower().replace(",", "").replace(".", "").split())


SAID = "five four five one four cases dock alpha"


def test_google_transcribes_with_words_and_confidence(ask: Recogniser) -> None:
    (result,) = told(ask.google(sound(CLEAR)), GOOGLE)["results"]
    assert plain(result["alternatives"][0]["transcript"]).endswith(SAID)
    assert len(result["alternatives"][0]["words"]) == 9


def test_azure_transcribes_in_detail_and_simply(ask: Recogniser) -> None:
    detailed = told(ask.azure(sound(CLEAR)), AZURE)
    assert plain(detailed["NBest"][0]["Lexical"]).endswith(SAID)
    simple = told(ask.azure(sound(CLEAR), language="en-US"), AZURE)
    assert "NBest" not in simple
    assert simple["DisplayText"] == detailed["DisplayText"]


def test_elevenlabs_transcribes(ask: Recogniser) -> None:
    answer = told(ask.elevenlabs(sound(CLEAR)), ELEVENLABS)
    assert plain(answer["text"]).endswith(SAID)
    assert " ".join(word["text"] for word in answer["words"]) == answer["text"]
    assert answer["words"][0]["start"] < answer["words"][-1]["end"]


def test_elevenlabs_refuses_in_its_own_shape(ask: Recogniser, standin: RunningStandin) -> None:
    assert set(ask.elevenlabs(sound(CLEAR), "scribe_0").json()["detail"]) == {"status", "message"}
    assert httpx.post(f"{standin.url}/v1/speech-to-text").status_code == 401


@pytest.mark.parametrize("shape", ["json", "text", "verbose_json"])
def test_whisper_cpp_needs_no_key(standin: RunningStandin, shape: str) -> None:
    files = {"file": ("a.wav", sound(CLEAR))}
    answer = httpx.post(f"{standin.url}/inference", files=files, data={"response_format": shape}, timeout=60)
    text = answer.text if shape == "text" else answer.json()["text"]
    assert plain(text).endswith(SAID)


IS_SSML = {"content-type": "application/ssml+xml"}
SSML = """<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">
<voice name="en-US-JennyNeural">Which <emphasis>dock</emphasis>?</voice></speak>"""


@pytest.mark.parametrize(
    ("container", "rate"),
    [
        ("riff-24khz-16bit-mono-pcm", 24_000),
        ("riff-16khz-16bit-mono-pcm", 16_000),
        ("audio-16khz-32kbitrate-mono-mp3", 16_000),
    ],
)
def test_azure_speaks(standin: RunningStandin, container: str, rate: int) -> None:
    headers = {"ocp-apim-subscription-key": KEY, "x-microsoft-outputformat": container, **IS_SSML}
    answer = httpx.post(f"{standin.url}/cognitiveservices/v1", content=SSML, headers=headers, timeout=60)
    samples, told_rate = soundfile.read(io.BytesIO(answer.content), dtype="int16")
    assert told_rate == rate
    assert 0.3 < len(samples) / rate < 3
    assert np.abs(samples).max() > 1000


@pytest.mark.parametrize("way", ["", "/stream"])
def test_elevenlabs_speaks(standin: RunningStandin, way: str) -> None:
    answer = httpx.post(
        f"{standin.url}/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM{way}",
        params={"output_format": "pcm_16000"},
        json={"text": "Which dock?", "model_id": "eleven_flash_v2_5"},
        headers={"xi-api-key": KEY},
        timeout=60,
    )
    samples = np.frombuffer(answer.content, np.int16)
    assert 0.3 < len(samples) / 16_000 < 3
    assert np.abs(samples).max() > 1000
