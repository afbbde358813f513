"""The stand-in speaks the vendors' shapes: their own clients talk to it, their own types hold each of its answers."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import openai
import pydantic
import pytest
import soundfile
from google import genai
from google.genai import types
from openai.types import Model
from openai.types.audio import Transcription
from openai.types.chat import ChatCompletion

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.loader import load_forms
from edge.config import Settings
from edge.understand.llm.tool import not_understood_tool, tool_definition
from lab.standin.behaviour import WrongAnswerKind
from tests.standin import FORBIDDEN, KEY, RunningStandin

DEMO = Path(__file__).parent.parent / "data" / "speech" / "demo"
CLEAR = "01-pallet-5451-four-cases-dock-alpha.flac"
SAYS = {"pallet_id": "5451", "quantity": 4, "dock": "A"}
CHATTER = "09-chatter-where-did-you-put-the-tape-gun.flac"
SILENCE = "10-silence.flac"

TOLERATED = {"content_filter_results", "prompt_filter_results"}
"""What Azure adds to OpenAI's shapes; its own published ones have it."""


@cache
def sound(name: str, container: str = "WAV") -> bytes:
    samples, rate = soundfile.read(DEMO / name, dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container)
    return file.getvalue()


@cache
def tools() -> Any:
    form = load_forms(load_settings(Settings, None).forms_directory)["pallet-move"]
    return [tool_definition(form), not_understood_tool()]


def heard(name: str, container: str = "wav") -> Any:
    data = base64.b64encode(sound(name, container.upper())).decode()
    return [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": data, "format": container}}]}]


def values(arguments: str | Mapping[str, Any]) -> dict[str, Any]:
    read = json.loads(arguments) if isinstance(arguments, str) else arguments
    return {name: field["value"] for name, field in read.items()}


def strays(told: object) -> Iterator[str]:
    """The fields of an answer, however deep, that the vendor's type does not know."""
    if isinstance(told, pydantic.BaseModel):
        yield from (name for name in told.model_extra or {} if name not in TOLERATED)
        for name in type(told).model_fields:
            yield from strays(getattr(told, name))
    elif isinstance(told, list):
        for inner in told:
            yield from strays(inner)


def assert_is(kind: type[pydantic.BaseModel], told: Any) -> None:
    """Valid in full: every field of the type's own type, none beside them."""
    assert list(strays(kind.model_validate(told, strict=True))) == []


@pytest.fixture
def client(standin: RunningStandin) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=KEY, base_url=f"{standin.url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
def azure(standin: RunningStandin) -> Iterator[openai.AzureOpenAI]:
    version = "2025-01-01-preview"
    with openai.AzureOpenAI(api_key=KEY, azure_endpoint=standin.url, api_version=version, max_retries=0) as client:
        yield client


@pytest.fixture
def gemini(standin: RunningStandin) -> Iterator[genai.Client]:
    with genai.Client(
        api_key=KEY, http_options=types.HttpOptions(base_url=standin.url, api_version="v1beta")
    ) as client:
        yield client


def chat(client: openai.OpenAI, name: str = CLEAR, model: str = "gpt-audio-mini", **more: Any) -> ChatCompletion:
    asked = {"messages": heard(name), "tools": tools(), "tool_choice": "required", **more}
    raw = client.chat.completions.with_raw_response.create(model=model, **asked)
    assert_is(ChatCompletion, json.loads(raw.text))
    assert raw.headers["x-request-id"].startswith("req_")
    return cast(ChatCompletion, raw.parse())


def called(answer: ChatCompletion) -> tuple[str, str]:
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    (call,) = calls
    assert call.type == "function"
    return call.function.name, call.function.arguments


@pytest.mark.parametrize("container", ["wav", "mp3"])
def test_openai_hears_a_clear_sentence_and_calls_the_form_s_tool(client: openai.OpenAI, container: str) -> None:
    answer = chat(client, messages=heard(CLEAR, container))
    name, arguments = called(answer)
    assert name == "record_pallet_move"
    assert values(arguments) == SAYS
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(("name", "reason"), [(CHATTER, "not_dictation"), (SILENCE, "no_words")])
def test_what_is_no_dictation_is_declined(client: openai.OpenAI, name: str, reason: str) -> None:
    tool, arguments = called(chat(client, name))
    assert tool == "not_understood"
    assert json.loads(arguments)["reason"] == reason


@pytest.mark.parametrize("how", WrongAnswerKind)
def test_even_its_lies_have_the_vendor_s_shape(
    standin: RunningStandin, client: openai.OpenAI, how: WrongAnswerKind
) -> None:
    standin.behave(answer=how)
    message = chat(client).choices[0].message
    honest = how not in {WrongAnswerKind.PROSE, WrongAnswerKind.LEAKED_PROMPT, WrongAnswerKind.EMPTY}
    assert bool(message.tool_calls) == honest
    assert message.content is None or how in {WrongAnswerKind.PROSE, WrongAnswerKind.LEAKED_PROMPT}


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "gpt-4o-mini-transcribe", "whisper-1"])
@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_openai_transcribes(client: openai.OpenAI, model: str, container: str) -> None:
    file = (f"a.{container.lower()}", sound(CLEAR, container))
    raw = client.audio.transcriptions.with_raw_response.create(file=file, model=model)
    assert_is(Transcription, json.loads(raw.text))
    assert "five four five one" in " ".join(raw.parse().text.lower().replace(",", "").split())


def test_openai_tells_its_models_and_when_they_end(client: openai.OpenAI) -> None:
    for model in client.models.list():
        assert_is(Model, model.to_dict())
    assert client.models.retrieve("gpt-audio-mini").shutdown_date == "2027-01-20"
    assert client.models.retrieve("gpt-audio-1.5").shutdown_date is None


REFUSED: dict[str, tuple[dict[str, Any], type[openai.APIStatusError]]] = {
    "no sound for an audio model": ({"messages": [{"role": "user", "content": "hello"}]}, openai.BadRequestError),
    "structured output": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}},
        openai.BadRequestError,
    ),
    "a model that is none": ({"model": "gpt-nothing"}, openai.NotFoundError),
    "a model that has ended": ({"model": "gpt-4o-audio-preview-2024-12-17"}, openai.NotFoundError),
    "sound for a text model": ({"model": "gpt-4o-mini"}, openai.BadRequestError),
    "a transcriber": ({"model": "whisper-1"}, openai.BadRequestError),
    "a system prompt for Voxtral": ({"model": "mistralai/Voxtral-Mini-3B-2507"}, openai.BadRequestError),
    "required without tools": ({"tools": openai.omit}, openai.BadRequestError),
    "a tool that is not there": (
        {"tool_choice": {"type": "function", "function": {"name": "other"}}},
        openai.BadRequestError,
    ),
    "an unknown voice": (
        {"modalities": ["text", "audio"], "audio": {"voice": "nobody", "format": "wav"}},
        openai.BadRequestError,
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_openai_refuses_what_the_vendor_refuses(client: openai.OpenAI, what: str) -> None:
    more, kind = REFUSED[what]
    messages = [{"role": "system", "content": "Listen."}, *heard(CLEAR)]
    with pytest.raises(kind) as refused:
        chat(client, **{"messages": messages, **more})
    error = cast(dict[str, Any], refused.value.body)
    assert set(error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("data", "container"),
    [(sound(CLEAR, "FLAC"), "flac"), (sound(CLEAR, "FLAC"), "wav"), (b"RIFF", "wav"), (b"", "wav"), ("%", "wav")],
)
def test_openai_refuses_sound_in_other_formats(client: openai.OpenAI, data: bytes | str, container: str) -> None:
    content = data if isinstance(data, str) else base64.b64encode(data).decode()
    part = {"type": "input_audio", "input_audio": {"data": content, "format": container}}
    with pytest.raises(openai.BadRequestError):
        chat(client, messages=[{"role": "user", "content": [part]}])


@pytest.mark.parametrize(
    ("key", "kind"), [("other", openai.AuthenticationError), (FORBIDDEN, openai.PermissionDeniedError)]
)
def test_only_its_key_opens_openai_and_azure(
    client: openai.OpenAI, azure: openai.AzureOpenAI, key: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        client.with_options(api_key=key).models.list()
    with pytest.raises(kind):
        chat(azure.with_options(api_key=key))


def test_azure_takes_deployments_and_ends_retired_ones_with_410(azure: openai.AzureOpenAI) -> None:
    assert values(called(chat(azure))[1]) == SAYS
    with pytest.raises(openai.APIStatusError) as refused:
        chat(azure, model="gpt-4o-mini-audio-preview")
    assert refused.value.status_code == 410
    with pytest.raises(openai.NotFoundError):
        chat(azure, model="nobody-deployed-this")


def declared() -> Any:
    functions = [tool["function"] for tool in tools()]
    declarations = [
        types.FunctionDeclaration(
            name=function["name"], description=function["description"], parameters_json_schema=function["parameters"]
        )
        for function in functions
    ]
    calling = types.FunctionCallingConfig(
        mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=[function["name"] for function in functions]
    )
    return types.GenerateContentConfig(
        system_instruction="Listen.",
        tools=[types.Tool(function_declarations=declarations)],
        tool_config=types.ToolConfig(function_calling_config=calling),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def part(name: str) -> types.Part:
    return types.Part.from_bytes(data=sound(name), mime_type="audio/wav")


def test_gemini_calls_a_function(gemini: genai.Client) -> None:
    answer = gemini.models.generate_content(model="gemini-2.5-flash", contents=part(CLEAR), config=declared())
    assert answer.function_calls is not None
    (call,) = answer.function_calls
    assert call.name == "record_pallet_move"
    assert values(call.args or {}) == SAYS
    assert answer.usage_metadata is not None
    counted = {detail.modality: detail.token_count for detail in answer.usage_metadata.prompt_tokens_details or ()}
    assert counted[types.MediaModality.AUDIO] == 150  # 32 a second


def test_gemini_s_answers_are_of_the_vendor_s_types_and_no_more(standin: RunningStandin) -> None:
    data = base64.b64encode(sound(CLEAR)).decode()
    request = {
        "contents": [{"parts": [{"inline_data": {"mime_type": "audio/wav", "data": data}}]}],
        "tools": [{"functionDeclarations": [_gemini(tool["function"]) for tool in tools()]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
    }
    told = standin.post("/v1beta/models/gemini-2.5-flash:generateContent", request, {"x-goog-api-key": KEY})
    types.GenerateContentResponse.model_validate(told)  # these types forbid what they do not know
    streamed = standin.post("/v1beta/models/gemini-2.5-flash:streamGenerateContent", request, {"x-goog-api-key": KEY})
    for piece in streamed:
        types.GenerateContentResponse.model_validate(piece)


def _gemini(function: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": function["name"], "parametersJsonSchema": function["parameters"]}


@pytest.mark.parametrize(
    ("key", "model", "status"),
    [(KEY, "gemini-0", 404), ("other", "gemini-2.5-flash", 400), (FORBIDDEN, "gemini-2.5-flash", 403)],
)
def test_gemini_refuses_in_google_s_shape(standin: RunningStandin, key: str, model: str, status: int) -> None:
    options = types.HttpOptions(base_url=standin.url)
    with genai.Client(api_key=key, http_options=options) as client, pytest.raises(genai.errors.ClientError) as refused:
        client.models.generate_content(model=model, contents=part(CLEAR), config=declared())
    assert refused.value.code == status
    assert refused.value.status in {"NOT_FOUND", "INVALID_ARGUMENT", "PERMISSION_DENIED"}
