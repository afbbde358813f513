from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.records import Act, NotUnderstoodReason, Reading
from edge.config import ClientSettings, InterpreterSettings, Settings, Understand
from edge.records import SAMPLE_RATE, ClosedBy, Segment, Utterance
from edge.understand.factory import InterpreterArguments, make_interpreter
from edge.understand.llm.interpreter import AudioLlm, ModelReader
from edge.understand.llm.prompt import Context
from edge.understand.remote.client import Client, Clients
from edge.understand.remote.failures import Garbled
from tests.rows import each_of
from tests.shipped import catalogue, form

Answering = Callable[[int, dict[str, Any]], httpx.Response]


def speech(seconds: float) -> bytes:
    samples = np.random.default_rng(7).integers(-9000, 9000, int(seconds * SAMPLE_RATE))
    return samples.astype("<i2").tobytes()


def utterance(pcm: bytes) -> Utterance:
    samples = len(pcm) // 2
    return Utterance(
        "u",
        "pallet-move",
        "microphone",
        datetime(2026, 11, 20, tzinfo=UTC),
        Segment(0, 0, samples, samples, ClosedBy.PAUSE, pcm),
    )


def call(tool: str = "record_pallet_move", **fields: Any) -> httpx.Response:
    arguments = {name: {"value": value, "heard": heard} for name, (value, heard) in fields.items()}
    return made(tool, arguments)


def made(tool: str, arguments: dict[str, Any]) -> httpx.Response:
    function = {"name": tool, "arguments": json.dumps(arguments)}
    message = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": function}]}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"audio_tokens": 40}}
    choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    return httpx.Response(200, json={"choices": choices, "usage": usage})


class Model:
    """A service that answers each request by its number; knows what it was asked."""

    def __init__(self, answering: Answering) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answering = answering

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content))
        return self._answering(len(self.asked) - 1, self.asked[-1])


def read(model: Model, pcm: bytes, context: Context | None = None, **settings: Any) -> Reading:
    wanted = InterpreterSettings(**({"kind": "chat-audio", "model": "gpt-audio"} | settings))

    async def reading() -> Reading:
        client = Client("service", ClientSettings(kind="openai", key="k"), transport=httpx.MockTransport(model))
        try:
            reader = ModelReader(wanted, client, form(), catalogue(), get_context=lambda: context or Context())
            attention = AudioLlm(wanted, reader).listen()
            attention.hear(pcm)
            return await attention.finish(utterance(pcm))
        finally:
            await client.aclose()

    return asyncio.run(reading())


PALLET: dict[str, Any] = {"pallet_id": ("742", "pallet seven four two")}
QUANTITY: dict[str, Any] = {"quantity": (12, "twelve units")}
DOCK: dict[str, Any] = {"dock": ("B", "dock b")}


# ---- what is not sent ----


@each_of("pcm", [b"", bytes(2), bytes(SAMPLE_RATE * 10), speech(0.09)], ids=len)
def test_silence_and_less_than_a_word_are_not_sent(pcm: bytes) -> None:
    model = Model(lambda _number, _body: call(**PALLET))
    reading = read(model, pcm)
    assert reading.not_understood is NotUnderstoodReason.NO_WORDS
    assert model.asked == []


# ---- failures ----


def test_one_piece_without_a_reading_leaves_the_whole_without() -> None:
    def answering(number: int, _: dict[str, Any]) -> httpx.Response:
        return httpx.Response(200, json={"choices": []}) if number == 1 else call(**PALLET)

    with pytest.raises(Garbled):
        read(Model(answering), speech(14), max_seconds=5)


# ---- sound that is too long ----


def test_long_sound_is_read_in_pieces_and_the_reading_says_so() -> None:
    answers = [call(**PALLET), call(**QUANTITY), call(**DOCK)]
    reading = read(Model(lambda number, _: answers[number]), speech(9) + bytes(32_000) + speech(1), max_seconds=5)
    assert {name: field.value for name, field in reading.fields.items()} == {
        "pallet_id": "742",
        "quantity": 12,
        "dock": "B",
    }
    assert reading.interpreter == "service/gpt-audio"
    numbered = [f"service/gpt-audio (piece {number} of 3)" for number in (1, 2, 3)]
    assert [opinion.interpreter for opinion in reading.opinions] == numbered
    assert reading.transcript == "pallet seven four two twelve units dock b"
    starts = [word.start for word in reading.words]
    assert starts == sorted(starts)
    assert starts[-1] > 5
    assert reading.usage is not None
    assert (reading.usage.text_tokens_in, reading.usage.audio_tokens_in, reading.usage.tokens_out) == (180, 120, 30)


def test_pieces_that_differ_are_rivals_and_one_unsure_makes_it_unsure() -> None:
    answers = [
        call(**PALLET, **QUANTITY),
        call(pallet_id=("743", "pallet seven four three"), quantity=(12, "fifteen units")),
    ]
    reading = read(Model(lambda number, _: answers[number]), speech(7), max_seconds=5)
    assert reading.fields["pallet_id"].value == "742"
    assert reading.fields["pallet_id"].rivals == ("743",)
    assert reading.fields["quantity"].value is None


@each_of("other", ["cancel_entry", "not_understood"])
def test_a_long_speech_that_is_not_dictation_all_through_is_not_understood(other: str) -> None:
    second = made(other, {"heard": "scratch that", "reason": "not_dictation"})
    answers = [call(**PALLET, **QUANTITY, **DOCK), second]
    reading = read(Model(lambda number, _: answers[number]), speech(7), max_seconds=5)
    assert reading.not_understood is NotUnderstoodReason.NOT_DICTATION
    assert reading.act is Act.RECORD
    assert not reading.fields


def test_a_silent_piece_changes_nothing() -> None:
    answers = [call(**PALLET), made("not_understood", {"reason": "no_words", "heard": None})]
    reading = read(Model(lambda number, _: answers[number]), speech(7), max_seconds=5)
    assert reading.fields["pallet_id"].value == "742"
    assert reading.not_understood is None
    nothing = made("not_understood", {"reason": "no_words", "heard": None})
    assert (
        read(Model(lambda _number, _body: nothing), speech(7), max_seconds=5).not_understood
        is NotUnderstoodReason.NO_WORDS
    )


# ---- what goes along ----


def test_the_state_of_the_conversation_goes_along() -> None:
    model = Model(lambda _number, _body: call(**DOCK))
    read(model, speech(1), Context(pending=("pallet_id",), asked="dock"))
    assert "The device has just asked for: dock." in model.asked[0]["messages"][0]["content"]


# ---- from settings ----


def arguments(**understand: Any) -> InterpreterArguments:
    settings = load_settings(Settings, None, understand=understand)
    return InterpreterArguments(settings, form(), catalogue(), Clients(settings.understand.clients))


def test_an_interpreter_that_is_not_set_up_is_told() -> None:
    with pytest.raises(
        Misconfigured, match=r"no interpreter is called 'x'; known: none; add \[understand.interpreters.x\]"
    ):
        make_interpreter("x", arguments())


def test_an_interpreter_without_client_or_model_is_told() -> None:
    with pytest.raises(
        Misconfigured, match=r"understand.interpreters.a.client: must be given .*a.model: must be given"
    ):
        arguments(interpreters={"a": {"kind": "chat-audio"}})
    settings = Settings(understand=Understand(interpreters={"a": InterpreterSettings(kind="cascade", client="x")}))
    unchecked = InterpreterArguments(settings, form(), catalogue(), {})
    with pytest.raises(Misconfigured, match=r"understand.interpreters.a: transcriber and model must be given"):
        make_interpreter("a", unchecked)


@each_of(("kind", "service"), [("gemini", "openai"), ("chat-audio", "gemini")])
def test_a_model_that_is_asked_in_the_way_of_another_service_is_told(kind: str, service: str) -> None:
    reader = {"kind": kind, "client": "service", "model": "m"}
    told = rf"interpreters.a.kind: is {kind}, but client 'service' is of kind {service}; change one"
    with pytest.raises(Misconfigured, match=told):
        arguments(clients={"service": {"kind": service}}, interpreters={"a": reader})
