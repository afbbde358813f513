"""What vendors are sent is what their own clients know: each request goes through the types that they publish.

How such a request is made, and what its answer means, stands in the unit tests of each service; those need no vendor's
client. Each takes long to import, so that only the process that runs these tests does.
"""

from __future__ import annotations

import inspect
from functools import cache
from pkgutil import resolve_name
from typing import Any, get_type_hints

import pytest
from pydantic import TypeAdapter

from dockvoice_protocol.forms.model import Form
from edge.config import ClientKind, InterpreterSettings
from edge.understand.llm.gemini import GeminiWire
from edge.understand.llm.openai_chat import ChatWire
from edge.understand.llm.tool import build_tools
from edge.understand.llm.wire import ModelQuestion
from edge.understand.stt.openai import MistralWire, OpenAiWire
from edge.understand.stt.services import DeepgramWire, ScribeWire
from edge.understand.stt.transcriber import Hints
from tests import shipped
from tests.rows import each_of

PCM = bytes(range(256)) * 125
SAID = pytest.mark.parametrize("said", [PCM, "pallet seven four two"], ids=["sound", "text"])
OPENAI_CHAT = "openai.types.chat.completion_create_params:CompletionCreateParams"
OPENAI_TRANSCRIPTION = "openai.types.audio.transcription_create_params:TranscriptionCreateParamsNonStreaming"
MISTRAL = "mistralai.client.models"
GOOGLE = "google.genai:types"
DEEPGRAM = "deepgram.listen.v1.media.client:MediaClient.transcribe_file"
ELEVENLABS = "elevenlabs.speech_to_text.client:SpeechToTextClient.convert"
"""What the vendors publish, by module and name."""

ENGLISH = Hints("en", "pallet, units, dock")


@pytest.fixture(params=["pallet-move", "stock-count"])
def form(request: pytest.FixtureRequest) -> Form:
    return shipped.form(request.param)


# ---- models that hear and call a function ----


def chat(**settings: Any) -> ChatWire:
    return ChatWire(InterpreterSettings(**({"kind": "chat-audio", "model": "gpt-audio-mini"} | settings)))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"streaming": True},
        {"voice": "shimmer"},
        {"streaming": True, "voice": "alloy"},
        {"system_prompt": False},
        {"thinking": "minimal", "max_tokens": 900},
    ],
    ids=str,
)
@SAID
def test_each_request_is_one_that_openai_documents(settings: dict[str, Any], said: bytes | str, form: Form) -> None:
    body = chat(**settings).body(ModelQuestion("Listen.", build_tools(form), said))
    refuse_undocumented(body, f"{OPENAI_CHAT}{'Streaming' if 'stream' in body else 'NonStreaming'}")


@cache
def adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def refuse_undocumented(body: dict[str, Any], published: str) -> None:
    """Raise where a request is not what the vendor's own types allow."""
    shape = resolve_name(published)
    checked = adapter(shape).validate_python(body)
    assert set(body) <= shape.__required_keys__ | shape.__optional_keys__
    for message in checked["messages"]:  # iterables are looked at only when they are used
        content = message["content"]
        assert isinstance(content, str) or list(content)
    assert len(list(checked["tools"])) == len(body["tools"])


@each_of(
    "wrong",
    [
        {"response_fromat": "json"},
        {"tool_choice": "sometimes"},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"format": "wav"}}]}]},
        {"tools": [{"type": "function"}]},
    ],
)
def test_what_openai_does_not_document_would_be_found(wrong: dict[str, Any]) -> None:
    body = chat().body(ModelQuestion("Listen.", [], PCM)) | wrong
    with pytest.raises((ValueError, AssertionError)):
        refuse_undocumented(body, f"{OPENAI_CHAT}NonStreaming")


def test_what_mistral_is_asked_its_own_types_know() -> None:
    limited = InterpreterSettings(kind="chat-audio", model="m", thinking="low", max_tokens=900, streaming=True)
    body = ChatWire(limited, ClientKind.MISTRAL).body(ModelQuestion("Listen.", [], PCM))
    request = resolve_name(f"{MISTRAL}:ChatCompletionRequest").model_validate({**body, "tools": None})
    assert body.keys() - request.model_dump().keys() - {"tools"} == set()  # what they do not know they leave out


LIMITED = {"thinking": "low", "max_tokens": 500}


@pytest.mark.parametrize("settings", [{}, {"streaming": True}, {"system_prompt": False}, LIMITED], ids=str)
@SAID
def test_each_request_is_one_that_google_documents(settings: dict[str, Any], said: bytes | str, form: Form) -> None:
    gemini = GeminiWire(InterpreterSettings(**({"kind": "gemini", "model": "gemini-2.5-flash"} | settings)))
    body = gemini.body(ModelQuestion("Listen.", build_tools(form), said))
    types = resolve_name(GOOGLE)
    assert set(body) <= {"contents", "tools", "toolConfig", "systemInstruction", "generationConfig"}
    types.GenerationConfig.model_validate(body.get("generationConfig", {}))
    # Google's own types refuse keys they do not know.
    for content in [*body["contents"], *([body["systemInstruction"]] if "systemInstruction" in body else [])]:
        types.Content.model_validate(content)
    for tool in body["tools"]:
        types.Tool.model_validate(tool)
    types.ToolConfig.model_validate(body["toolConfig"])


def test_what_google_does_not_document_would_be_found() -> None:
    with pytest.raises(ValueError, match="inlineDate"):
        resolve_name(GOOGLE).Content.model_validate({"parts": [{"inlineDate": {}}]})


# ---- transcribing services ----


@each_of("model", ["whisper-1", "gpt-4o-transcribe", "parakeet", "gpt-transcribe"])
def test_requests_for_a_transcript_are_those_of_openais_own_client(model: str) -> None:
    asked = OpenAiWire("/v1/audio/transcriptions", model, ENGLISH).request(PCM)
    # Lists are named with brackets in a form, and a form knows text only.
    given: dict[str, Any] = {key.removesuffix("[]"): value for key, value in (asked.data or {}).items()}
    if "temperature" in given:
        given["temperature"] = float(given["temperature"])
    known = get_type_hints(resolve_name(OPENAI_TRANSCRIPTION))
    assert {"file", "model"} <= known.keys()
    for key, value in given.items():
        TypeAdapter(known[key]).validate_python(value)


def test_what_is_sent_to_mistral_deepgram_and_elevenlabs_is_what_their_own_clients_send() -> None:
    expected = Hints("en", "pallet, purchase order")
    data = dict(MistralWire("voxtral-mini-transcribe-3-0", expected).request(PCM).data or {})
    request = resolve_name(f"{MISTRAL}:AudioTranscriptionRequest")
    assert set(data) <= set(request.model_fields)
    request.model_validate({**data, "temperature": float(str(data["temperature"]))})
    known = inspect.signature(resolve_name(DEEPGRAM)).parameters
    assert set(DeepgramWire("nova-3", ENGLISH).request(PCM).params or {}) <= set(known)
    known = inspect.signature(resolve_name(ELEVENLABS)).parameters
    assert {*(ScribeWire("scribe_v2", ENGLISH).request(PCM).data or {}), "file"} <= set(known)
