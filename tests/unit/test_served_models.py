"""Which model answered, and when a model ends."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from edge.config import ClientKind, ClientSettings, Settings
from edge.ports import Interpreter, UtteranceListener
from edge.understand.factory import InterpreterArguments, make_panel
from edge.understand.remote.client import Client, Clients
from edge.understand.remote.served_models import (
    ModelAvailability,
    RecordedModelName,
    find_retirement,
    load_vendors,
    model_family,
    query_model,
)
from tests.rows import each_of
from tests.shipped import catalogue, form

ENDS = re.compile(r"((?:\"[\w.-]+\",?\s*)+):\s*Announced\s+shutdown\s+date:\s*(\d{4}-\d{2}-\d{2})")


@each_of(
    ("model", "its_family"),
    [
        ("gpt-audio-mini-2025-12-15", "gpt-audio-mini"),
        ("models/gemini-2.0-flash-001", "gemini-2.0-flash"),
        ("voxtral-mini-2602", "voxtral-mini"),
        ("voxtral-mini-transcribe-latest", "voxtral-mini-transcribe"),
        ("gemini-2.5-flash-lite", "gemini-2.5-flash-lite"),
        ("gpt-audio-1.5", "gpt-audio-1.5"),
        ("whisper-1", "whisper-1"),
        ("gpt-4o", "gpt-4o"),
    ],
)
def test_releases_of_a_model_are_one_family(model: str, its_family: str) -> None:
    assert model_family(model) == its_family


def test_another_model_than_the_one_asked_for_is_told_once_and_goes_on_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    answerer = RecordedModelName("google", ClientKind.GEMINI, "gemini-2.5-flash")
    assert answerer.name(None) == answerer.name("gemini-2.5-flash-001") == "google/gemini-2.5-flash"
    assert not caplog.records
    for _ in range(3):
        assert answerer.name("gemini-3.5-flash-lite") == "google/gemini-3.5-flash-lite"
    assert answerer.model("gemini-3.5-flash-lite") == "gemini-3.5-flash-lite"
    (told,) = [record.message for record in caplog.records]
    assert "'gemini-2.5-flash' was asked for, and 'gemini-3.5-flash-lite' answered" in told


def test_a_release_ends_with_its_model() -> None:
    found = find_retirement(ClientKind.OPENAI, "gpt-audio-mini-2025-12-15")
    assert found is not None
    assert found[0].ends == date(2027, 1, 20)
    assert find_retirement(ClientKind.OPENAI, "gpt-99") is None
    assert find_retirement(ClientKind.SELF_HOSTED, "gpt-audio-mini") is None


def test_every_vendor_has_a_page_that_was_read() -> None:
    keyless = {
        ClientKind.SELF_HOSTED,
        ClientKind.AZURE_SPEECH,
    }  # which models there are, the site or the region settles
    assert set(load_vendors()) == set(ClientKind) - keyless
    assert all(
        vendor.page.startswith("https://") and vendor.read >= date(2026, 11, 21) for vendor in load_vendors().values()
    )


def test_the_ends_of_openais_models_are_those_that_its_own_client_names() -> None:
    client = find_spec("openai")  # its files are read, and it is not imported, which takes a second
    assert client is not None
    assert client.origin is not None
    types = Path(client.origin).parent / "types"
    told: dict[str, date] = {}
    for file in ("shared/chat_model.py", "audio/speech_model.py", "audio/transcription_create_params.py"):
        for names, day in ENDS.findall((types / file).read_text(encoding="utf-8")):
            told |= dict.fromkeys(re.findall(r"[\w.-]+", names), date.fromisoformat(day))
    ours = {name: model.ends for name, model in load_vendors()[ClientKind.OPENAI].models.items()}
    assert len(told) > 30
    # gpt-audio is not among the models of the client's types; its end is quoted from the page.
    assert {name: ends for name, ends in ours.items() if ends is not None and name != "gpt-audio"} == {
        name: told[name] for name in ours if name in told
    }


DAY = int(datetime(2027, 3, 1, tzinfo=UTC).timestamp())
AZURE = {"kind": "azure-openai", "url": "https://r.openai.azure.com", "key": "k"}


@each_of(
    ("settings", "listed", "model", "is_there", "ends"),
    [
        (
            {"kind": "mistral", "key": "k"},
            {"id": "voxtral-small-2507", "aliases": ["voxtral-small"], "deprecation": "2027-03-01T12:00:00Z"},
            "voxtral-small", True, date(2027, 3, 1),
        ),
        ({"kind": "mistral", "key": "k"}, {"id": "voxtral-small-2507"}, "voxtral-large", False, None),
        ({"kind": "openai", "key": "k"}, {"id": "gpt", "shutdown_date": "2027-03-01"}, "gpt", True, date(2027, 3, 1)),
        (AZURE, {"id": "gpt-audio-2025-08-28", "deprecation": {"inference": DAY}}, "gpt-audio", None, date(2027, 3, 1)),
        (AZURE, {"id": "gpt-audio-2025-08-28", "deprecation": {"inference": DAY}}, "our-ears", None, None),
        ({"kind": "elevenlabs", "key": "k"}, {"id": "eleven_flash_v2_5"}, "scribe_v2", None, None),
    ],
)  # fmt: skip
def test_each_service_tells_of_an_end_in_its_own_way(
    settings: dict[str, Any], listed: dict[str, Any], model: str, is_there: bool | None, ends: date | None
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": [listed, {"id": "another"}]} if request.method == "GET" else {})

    async def asked() -> ModelAvailability:
        client = Client("service", ClientSettings.model_validate(settings), transport=httpx.MockTransport(answer))
        try:
            return await query_model(client, model, 5)
        finally:
            await client.aclose()

    found = asyncio.run(asked())
    assert (found.is_there, found.ends) == (is_there, ends)


def seated(second: str, client: str) -> None:
    """A panel of OpenAI's audio model, and another one beside it."""
    understand = {
        "mode": "panel",
        "first": "one",
        "second": "two",
        "clients": {
            "openai": {"kind": "openai", "key": "k"},
            "azure": {"kind": "azure-openai", "url": "https://r.openai.azure.com", "key": "k"},
            "own": {"kind": "self-hosted", "url": "http://gpu:8000"},
        },
        "transcribers": {"writes": {"kind": "openai", "client": "openai", "model": "gpt-audio-1.5"}},
        "interpreters": {
            "one": {"kind": "chat-audio", "client": "openai", "model": "gpt-audio-1.5"},
            "two": {"kind": "cascade", "transcriber": "writes"}
            if client == "cascade"
            else {"kind": "chat-audio", "client": client, "model": second},
        },
    }
    settings = load_settings(Settings, None, understand=understand)
    arguments = InterpreterArguments(settings, form(), catalogue(), Clients(settings.understand.clients))
    make_panel(arguments, Silent("vosk/small-en-us"), 0.9)


@dataclass
class Silent(Interpreter):
    """The device's own recogniser, which nobody asks here."""

    name: str

    def listen(self) -> UtteranceListener:
        raise NotImplementedError


@each_of(("second", "client"), [("gpt-audio-1.5-2026-02-23", "openai"), ("gpt-audio-1.5", "own"), ("", "cascade")])
def test_a_second_reader_that_is_the_same_model_is_refused_through_whichever_client(second: str, client: str) -> None:
    with pytest.raises(Misconfigured, match="two readings of one model are one opinion"):
        seated(second, client)
