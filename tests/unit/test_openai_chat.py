from __future__ import annotations

import io
import json
from typing import Any

import pytest
import soundfile

from edge.config import ClientKind, InterpreterSettings
from edge.understand.llm.openai_chat import ChatWire
from edge.understand.llm.wire import InvalidAnswer, ModelQuestion, Tokens
from edge.understand.remote.client import ServiceAnswer
from edge.understand.remote.failures import AnswerFault
from tests.rows import each_of

PCM = bytes(range(256)) * 125


def wire(**settings: Any) -> ChatWire:
    return ChatWire(InterpreterSettings(**({"kind": "chat-audio", "model": "gpt-audio-mini"} | settings)))


def answered(body: Any) -> ServiceAnswer:
    return ServiceAnswer("service", {}, json.dumps(body).encode(), None, 0.1)


def streamed(*events: Any) -> ServiceAnswer:
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return ServiceAnswer("service", {}, f"{body}data: [DONE]\n\n".encode(), None, 0.1)


def completion(**message: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}]}


def called(arguments: Any, name: str = "answer") -> dict[str, Any]:
    return completion(tool_calls=[{"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}])


# ---- what is asked ----


def test_each_vendor_is_told_in_its_own_words() -> None:
    limited = InterpreterSettings(kind="chat-audio", model="m", thinking="low", max_tokens=900, streaming=True)
    asked = {kind: ChatWire(limited, kind).body(ModelQuestion("Listen.", [], PCM)) for kind in ClientKind}
    assert asked[ClientKind.OPENAI]["max_completion_tokens"] == 900
    assert asked[ClientKind.SELF_HOSTED]["max_tokens"] == 900  # which older servers of the shape know alone
    assert {body["reasoning_effort"] for body in asked.values()} == {"low"}
    bare = asked[ClientKind.MISTRAL]
    assert "stream_options" not in bare
    assert isinstance(bare["messages"][1]["content"][0]["input_audio"], str)


def test_a_question_shows_neither_speech_nor_prompt() -> None:
    assert repr(ModelQuestion("Listen.", [], "pallet seven")) == "ModelQuestion()"


# ---- what comes back ----


@each_of("parts", [("AAAB", "AA=="), ("AAA=", "AQA="), ("AA", "ABAA==")])
def test_a_streamed_reply_is_put_together(parts: tuple[str, ...]) -> None:
    pieces = [{"choices": [{"index": 0, "delta": {"audio": {"data": part}}}]} for part in parts]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    returned, tokens = wire(streaming=True, voice="echo").parse(streamed(*pieces, end))
    samples, rate = soundfile.read(io.BytesIO(returned.spoken), dtype="int16")
    assert (samples.tolist(), rate) == ([0, 1], 24_000)
    assert tokens == Tokens()


def test_a_stream_of_servers_that_give_whole_objects_is_understood() -> None:
    call = {"index": 0, "id": "1", "function": {"name": "answer", "arguments": {"answer": "yes", "heard": "yes"}}}
    events = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}]
    returned, _ = wire(streaming=True).parse(streamed(*events))
    assert returned.calls == (("answer", {"answer": "yes", "heard": "yes"}),)


def test_tokens_are_counted_apart() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"audio_tokens": 40}}
    assert wire().parse(answered(called("{}") | {"usage": usage}))[1] == Tokens(60, 40, 7)
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": None}
    assert wire().parse(answered(called("{}") | {"usage": usage}))[1] == Tokens(100, 0, 7)
    assert wire().parse(answered(called("{}")))[1] == Tokens()


@each_of("usage", [{"prompt_tokens": "many"}, [], 7])
def test_a_count_that_is_none_is_refused(usage: Any) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        wire().parse(answered(called("{}") | {"usage": usage}))
    assert caught.value.fault is AnswerFault.WRONG_SHAPE
