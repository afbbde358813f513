from __future__ import annotations

import json
from typing import Any

import pytest

from dockvoice_protocol.forms.model import Form
from edge.config import ClientSettings, InterpreterSettings
from edge.understand.llm.gemini import GeminiWire
from edge.understand.llm.tool import build_tools
from edge.understand.llm.wire import EndReason, ModelQuestion, Tokens
from edge.understand.remote.client import Client, ServiceAnswer
from tests import shipped
from tests.rows import each_of

PCM = bytes(3200)


@pytest.fixture(params=["pallet-move", "stock-count"])
def form(request: pytest.FixtureRequest) -> Form:
    return shipped.form(request.param)


def wire(**settings: Any) -> GeminiWire:
    return GeminiWire(InterpreterSettings(**({"kind": "gemini", "model": "gemini-2.5-flash"} | settings)))


def answered(body: Any) -> ServiceAnswer:
    return ServiceAnswer("service", {}, json.dumps(body).encode(), None, 0.1)


def test_the_model_must_call_one_of_our_functions(form: Form) -> None:
    body = wire().body(ModelQuestion("Listen.", build_tools(form), PCM))
    functions = body["tools"][0]["functionDeclarations"]
    calling = body["toolConfig"]["functionCallingConfig"]
    assert calling["mode"] == "ANY"
    assert calling["allowedFunctionNames"] == [function["name"] for function in functions]
    assert functions[0]["parametersJsonSchema"] == build_tools(form)[0]["function"]["parameters"]


@each_of(
    ("model", "wanted", "told"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "medium", {"thinkingBudget": 8192}),
        ("gemini-3.5-flash-lite", "minimal", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.8-flash", "none", {"thinkingLevel": "MINIMAL"}),
    ],
)
def test_thinking_and_the_length_of_the_answer_are_limited(model: str, wanted: str, told: dict[str, Any]) -> None:
    body = wire(model=model, thinking=wanted, max_tokens=900).body(ModelQuestion("Listen.", [], "seven"))
    assert body["generationConfig"] == {"thinkingConfig": told, "maxOutputTokens": 900}
    assert "generationConfig" not in wire(model=model).body(ModelQuestion("Listen.", [], "seven"))


def test_without_system_prompt_it_goes_before_the_sound() -> None:
    body = wire(system_prompt=False).body(ModelQuestion("Listen.", [], "seven"))
    assert "systemInstruction" not in body
    prompt, said = body["contents"][0]["parts"]
    assert prompt == {"text": "Listen."}
    assert said["text"].endswith("as a transcript:\nseven")


@each_of(("streaming", "method"), [(False, "generateContent"), (True, "streamGenerateContent?alt=sse")])
def test_where_it_is_asked(streaming: bool, method: str) -> None:
    client = Client("google", ClientSettings(kind="gemini", key="k"))
    assert wire(streaming=streaming).path(client) == f"/v1beta/models/gemini-2.5-flash:{method}"


def test_tokens_are_counted_apart_and_thoughts_with_the_answer() -> None:
    usage = {
        "promptTokenCount": 100,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 30,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 64}, {"modality": "TEXT", "tokenCount": 36}],
    }
    candidates = [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}]
    assert wire().parse(answered({"candidates": candidates, "usageMetadata": usage}))[1] == Tokens(36, 64, 37)
    assert wire().parse(answered({"candidates": candidates}))[1] == Tokens()


@each_of(
    ("reason", "ending"),
    [
        ("STOP", EndReason.WHOLE),
        ("MAX_TOKENS", EndReason.TRUNCATED),
        ("SAFETY", EndReason.FILTERED),
        ("NEW", EndReason.FILTERED),
    ],
)
def test_how_it_ended(reason: str, ending: EndReason) -> None:
    found, _ = wire().parse(answered({"candidates": [{"content": {"parts": []}, "finishReason": reason}]}))
    assert found.ending is ending
