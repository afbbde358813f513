"""The stand-in is as strict as the vendors: held against their own clients, and refusing in their own shapes."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Iterator
from typing import Any, get_type_hints

import httpx
import openai
import pytest
from deepgram.listen.v1.media.client import MediaClient
from deepgram.types.listen_v1response import ListenV1Response
from elevenlabs.speech_to_text.client import SpeechToTextClient
from elevenlabs.text_to_speech.client import TextToSpeechClient
from google.genai import types
from mistralai.client import Mistral
from mistralai.client.models import AudioTranscriptionRequest, ChatCompletionRequest, TranscriptionResponse
from openai.types.audio.speech_create_params import SpeechCreateParams
from openai.types.audio.transcription_create_params import TranscriptionCreateParamsStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from lab.standin import documented
from tests.rows import each_of
from tests.shipped import ROOT
from tests.standin import KEY, RunningStandin

CLEAR = (ROOT / "tests/data/speech/demo/01-pallet-5451-four-cases-dock-alpha.flac").read_bytes()
BEARER = {"authorization": f"Bearer {KEY}"}
OURS = {"self", "request", "request_options", "enable_logging", "token", "voice_id", "output_format"}
"""Of a method's parameters those that are no field of the request's body or query."""
OLD = {"optimize_streaming_latency"}


def parameters(method: Any) -> set[str]:
    return set(inspect.signature(method).parameters) - OURS - OLD


@each_of(
    ("table", "theirs"),
    [
        (documented.CHAT, get_type_hints(CompletionCreateParamsStreaming)),
        (documented.TRANSCRIPTION, get_type_hints(TranscriptionCreateParamsStreaming)),
        (documented.SPEECH, get_type_hints(SpeechCreateParams)),
        (documented.MISTRAL_CHAT, ChatCompletionRequest.model_fields),
        (documented.MISTRAL_TRANSCRIPTION, AudioTranscriptionRequest.model_fields),
        (documented.SCRIBE, parameters(SpeechToTextClient.convert)),
        (documented.SPEAKING, parameters(TextToSpeechClient.convert)),
        (documented.LISTEN, parameters(MediaClient.transcribe_file)),
    ],
    ids=["chat", "transcription", "speech", "mistral", "mistral transcription", "scribe", "speaking", "deepgram"],
)
def test_what_it_knows_is_what_the_vendor_s_own_client_sends(table: dict[str, str], theirs: Any) -> None:
    assert set(table) == set(theirs)


def test_what_it_knows_of_gemini_is_what_google_s_own_client_sends() -> None:
    theirs = {field.alias for field in types.GenerationConfig.model_fields.values()}
    assert {*documented.GENERATION, "thinkingConfig"} <= theirs


CHAT = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "pallet"}]}
VOXTRAL = {"model": "mistral-small-latest", "messages": [{"role": "user", "content": "pallet"}]}
SOUND = {"type": "input_audio", "input_audio": {"data": base64.b64encode(CLEAR).decode(), "format": "wav"}}
HEARD = {"model": "voxtral-small-latest", "messages": [{"role": "user", "content": [SOUND]}]}
BARE = {"type": "input_audio", "input_audio": "AAAA"}
GEMINI = "/v1beta/models/gemini-3.5-flash:generateContent"
AZURE = "/openai/deployments/gpt-audio-1.5/chat/completions?api-version=2024-10-01-preview"
CONTENTS: dict[str, Any] = {"contents": [{"parts": [{"text": "x"}]}]}


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/v1/chat/completions", {**CHAT, "maximum": 3}, 400, "unknown_parameter"),
        ("/v1/chat/completions", {**CHAT, "temperature": "warm"}, 400, "invalid_type"),
        ("/v1/chat/completions", {**CHAT, "parallel_tool_calls": 1}, 400, "invalid_type"),
        ("/v1/chat/completions", {"model": "gpt-6-luna"}, 400, "missing_required_parameter"),
        ("/v1/chat/completions", {**CHAT, "messages": [{"role": "boss", "content": "x"}]}, 400, "invalid_value"),
        ("/v1/chat/completions", {**CHAT, "messages": ["pallet"]}, 400, "invalid_type"),
        ("/v1/chat/completions", {**CHAT, "tools": ["x"]}, 400, "missing_required_parameter"),
        ("/v1/chat/completions", {**CHAT, "model": "gpt-4o-mini", "reasoning_effort": "low"}, 400, "unsupported_param"),
        ("/v1/chat/completions", {**CHAT, "messages": [{"role": "user", "content": [BARE]}]}, 400, "expected object"),
        ("/v1/chat/completions", {**VOXTRAL, "stream_options": {"include_usage": True}}, 422, "extra_forbidden"),
        ("/v1/chat/completions", {**VOXTRAL, "max_tokens": "many"}, 422, "integer_type"),
        ("/v1/chat/completions", HEARD, 422, "string_type"),
        (AZURE, {"messages": [{"role": "user", "content": [SOUND]}]}, 400, "input_audio"),
        (GEMINI, {**CONTENTS, "toolConfigs": {}}, 400, "Cannot find field"),
        (GEMINI, {**CONTENTS, "generationConfig": {"maxTokens": 3}}, 400, "at 'generation_config'"),
        (GEMINI, {**CONTENTS, "generationConfig": {"maxOutputTokens": "3"}}, 400, "Invalid value"),
        ("/v1/audio/speech", {"model": "tts-1", "input": "x", "emotion": "glad"}, 400, "unknown_parameter"),
        ("/v1/text-to-speech/v", {"text": "x", "speed_": 1}, 422, "extra_forbidden"),
    ],
)  # fmt: skip
def test_what_no_vendor_documents_is_refused_in_the_vendor_s_words(
    standin: RunningStandin, path: str, body: dict[str, Any], status: int, told: str
) -> None:
    headers = {**BEARER, "xi-api-key": KEY, "api-key": KEY}
    answer = httpx.post(standin.url + path, json=body, headers=headers)
    assert (answer.status_code, told in answer.text) == (status, True), answer.text


FORM = {"model": "whisper-1"}


@pytest.mark.parametrize(
    ("path", "data", "status", "told"),
    [
        ("/v1/audio/transcriptions", {**FORM, "langage": "en"}, 400, "unknown_parameter"),
        ("/v1/audio/transcriptions", {**FORM, "temperature": "warm"}, 400, "invalid_type"),
        ("/v1/audio/transcriptions", {**FORM, "temperature": "3"}, 400, "between 0 and 1"),
        ("/v1/audio/transcriptions", {**FORM, "languages[]": "en"}, 400, "unsupported_parameter"),
        ("/v1/audio/transcriptions", {"model": "gpt-transcribe", "include[]": "logprobs"}, 400, "unsupported_para"),
        ("/v1/audio/transcriptions", {"model": "voxtral-mini-2602", "prompt": "x"}, 422, "extra_forbidden"),
        ("/v1/audio/transcriptions", {"model": "voxtral-mini-2602", "context_bias": "two words"}, 422, "context_bias"),
        (
            "/v1/audio/transcriptions",
            {"model": "voxtral-mini-transcribe-3-0", "timestamp_granularities": "word"}, 400, "Word timestamps",
        ),
        ("/v1/speech-to-text", {}, 422, "missing"),
        ("/v1/speech-to-text", {"model_id": "scribe_v2", "prompt": "x"}, 422, "extra_forbidden"),
        ("/v1/speech-to-text", {"model_id": "scribe_v2", "keyterms": "a b c d e f"}, 422, "keyterms"),
    ],
)  # fmt: skip
def test_forms_are_held_to_the_same(
    standin: RunningStandin, path: str, data: dict[str, Any], status: int, told: str
) -> None:
    headers = {**BEARER, "xi-api-key": KEY}
    answer = httpx.post(standin.url + path, data=data, files={"file": ("x.flac", CLEAR)}, headers=headers, timeout=60)
    assert (answer.status_code, told in answer.text) == (status, True), answer.text


@pytest.fixture
def client(standin: RunningStandin) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{standin.url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


def test_openai_gives_likelihoods_of_tokens_and_streams(client: openai.OpenAI) -> None:
    ask = {"file": ("x.flac", CLEAR), "model": "gpt-4o-transcribe"}
    whole = client.audio.transcriptions.create(**ask, response_format="json", include=["logprobs"])
    assert "".join(one.token for one in whole.logprobs) == whole.text
    events = list(client.audio.transcriptions.create(**ask, stream=True))
    assert "".join(one.delta for one in events if one.type == "transcript.text.delta") == whole.text
    assert (events[-1].type, events[-1].text) == ("transcript.text.done", whole.text)


def test_mistral_s_own_client_hears_and_is_heard(standin: RunningStandin) -> None:
    with Mistral(api_key=KEY, server_url=standin.url) as mistral:
        told = mistral.audio.transcriptions.complete(
            model="voxtral-mini-transcribe-3-0", file={"content": CLEAR, "file_name": "x.flac"}, context_bias=["pallet"]
        )
        assert isinstance(told, TranscriptionResponse)
        assert (told.model, "dock" in told.text.lower()) == ("voxtral-mini-transcribe-3-0", True)
        sound = {"type": "input_audio", "input_audio": base64.b64encode(CLEAR).decode()}
        messages: Any = [{"role": "user", "content": [sound]}]
        assert mistral.chat.complete(model="voxtral-small-latest", messages=messages).choices


def test_deepgram_s_answer_is_of_its_own_client_s_type(standin: RunningStandin) -> None:
    url = f"{standin.url}/v1/listen?model=nova-3&language=en&keyterm=pallet&keyterm=dock"
    headers = {"authorization": f"Token {KEY}", "content-type": "audio/flac"}
    answer = httpx.post(url, content=CLEAR, headers=headers, timeout=60)
    read = ListenV1Response.model_validate(answer.json())
    alternatives = read.results.channels[0].alternatives
    assert alternatives
    best = alternatives[0]
    assert best.words
    assert "five four five one four cases dock alpha" in str(best.transcript)
    refused = httpx.post(url.replace("nova-3", "nova-2"), content=CLEAR, headers=headers)
    assert (refused.status_code, set(refused.json())) == (400, {"err_code", "err_msg", "request_id"})
    assert httpx.post(url + "&keyword=x", content=CLEAR, headers=headers).status_code == 400
    assert (
        httpx.post(url, content=CLEAR, headers={**headers, "authorization": KEY}).json()["err_code"] == "INVALID_AUTH"
    )
