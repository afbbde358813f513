"""Recorded answers of models, most of them broken on purpose: each makes the reading it should, or none by name."""

from __future__ import annotations

import asyncio
import re
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

from dockvoice_protocol.records import Reading
from edge.config import ClientSettings, InterpreterSettings
from edge.records import SAMPLE_RATE
from edge.understand.llm.interpreter import ModelReader
from edge.understand.remote.client import Client
from edge.understand.remote.failures import Garbled
from tests.rows import each_of, every
from tests.shipped import catalogue, form
from tests.tiers import sized

ROOT = Path(__file__).parent.parent.parent
ANSWERS = ROOT / "tests" / "data" / "answers"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((ANSWERS / "expected.toml").read_text(encoding="utf-8"))
SOUND = b"\x01\x00" * SAMPLE_RATE * 3


def read(wire: str, body: bytes) -> Reading:
    """What comes of a body with status 200, from a service in that shape."""
    google, streaming = wire.startswith("gemini"), wire.endswith("-stream")
    settings = ClientSettings(kind="gemini" if google else "openai", key="key-of-the-tests")
    model = InterpreterSettings(kind="gemini" if google else "chat-audio", model="any", streaming=streaming)
    kind = "text/event-stream" if streaming else "application/json"
    headers = {"content-type": kind, "x-request-id": "req_17"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body, headers=headers))

    async def reading() -> Reading:
        client = Client("service", settings, transport=transport)
        try:
            return await ModelReader(model, client, form(), catalogue()).read(SOUND, within_s=10)
        finally:
            await client.aclose()

    return asyncio.run(reading())


def recorded(path: str) -> bytes:
    return (ANSWERS / path).read_bytes()


def refused(path: str) -> Garbled:
    with pytest.raises(Garbled) as caught:
        read(path.partition("/")[0], recorded(path))
    return caught.value


FAULTS = [path for path, expected in EXPECTED.items() if "fault" in expected]
READINGS = [path for path in EXPECTED if path not in FAULTS]


def test_every_recorded_answer_has_an_expectation() -> None:
    files = {str(file.relative_to(ANSWERS)) for file in ANSWERS.glob("*/*")}
    assert files == set(EXPECTED)
    assert len(FAULTS) >= 40
    assert len(READINGS) >= 40


def test_a_broken_answer_is_refused_by_name() -> None:
    every(FAULTS, is_refused_by_name)


def is_refused_by_name(path: str) -> None:
    failure = refused(path)
    assert failure.fault == EXPECTED[path]["fault"]
    assert failure.client == "service"
    assert failure.request_id == "req_17"
    assert failure.usage is not None
    told = str(failure)  # one line that repeats nothing that was said
    assert "\n" not in told
    assert not [word for word in ("742", "seven", "twelve", "key-of-the-tests") if word in told]


def test_an_answer_is_read_as_its_words_say() -> None:
    every(READINGS, is_read_as_its_words_say)


def is_read_as_its_words_say(path: str) -> None:
    expected = EXPECTED[path]
    reading = read(path.partition("/")[0], recorded(path))
    assert {name: field.value for name, field in reading.fields.items() if field.value is not None} == expected.get(
        "fields", {}
    )
    assert sorted(name for name, field in reading.fields.items() if field.value is None) == sorted(
        expected.get("unsure", [])
    )
    assert not any(field.rivals for field in reading.fields.values())
    assert reading.not_understood == expected.get("not_understood")
    assert reading.act == expected.get("act", "record")
    assert reading.command == expected.get("command")
    assert reading.form == "pallet-move"
    assert reading.usage is not None
    # "any" was asked for: on record is the one that answered, where the answer names it.
    assert (reading.usage.model == "any") == (re.search(rb'"model(Version)?":', recorded(path)) is None)
    assert reading.interpreter == f"service/{reading.usage.model}"
    for name, field in reading.fields.items():
        assert field.value is None or type(field.value) is (int if name == "quantity" else str)
        assert all(word.isprintable() for word in field.words)


def test_the_words_of_a_reading_are_those_of_its_fields_once() -> None:
    reading = read("openai", recorded("openai/the-whole-sentence-for-each-field.json"))
    assert reading.transcript == "pallet seven four two twelve units dock b"
    assert reading.words[-1].end <= len(SOUND) / 2 / SAMPLE_RATE


@each_of("path", ["openai/clean.json", "openai-stream/clean.sse", "gemini/clean.json", "gemini-stream/clean.sse"])
def test_an_answer_cut_off_anywhere_never_makes_another_record(path: str) -> None:
    def makes_no_other(cut: int) -> None:
        try:
            reading = read(path.partition("/")[0], recorded(path)[:cut])
        except Garbled:
            return
        assert {name: field.value for name, field in reading.fields.items()} == EXPECTED[path]["fields"]

    every(range(0, 900, sized(quick=150, test=74, nightly=37)), makes_no_other)
