"""From settings to transcribers: one row of a table for each way a service wants to be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from edge.config import Settings, TranscriberKind, TranscriberSettings
from edge.errors import Misconfigured
from edge.forms.form import Form
from edge.ports import Transcriber
from edge.understand.service.clients import Client
from edge.understand.transcribers.azure_wire import AzureWire
from edge.understand.transcribers.cloud_transcriber import CloudTranscriber
from edge.understand.transcribers.google_wire import GoogleWire
from edge.understand.transcribers.openai_wire import OpenAiWire
from edge.understand.transcribers.scribe_wire import ScribeWire
from edge.understand.transcribers.whisper_cpp_wire import WhisperCppWire
from edge.understand.transcribers.wire import Expected, Wire, hints

Maker = Callable[[TranscriberSettings, Client, str, Expected], Wire]
"""Makes a wire from the settings, the client, the model's name and what is expected to be spoken."""


def _openai(settings: TranscriberSettings, client: Client, model: str, expected: Expected) -> Wire:
    return OpenAiWire(client.openai_path("audio/transcriptions", model), model, expected, settings.detail)


def _google(_: TranscriberSettings, client: Client, model: str, expected: Expected) -> Wire:
    project, region = client.settings.project, client.settings.region
    if project is None or region is None:
        raise Misconfigured(
            f"understand.clients.{client.name}: project or region is not set; Google's path names both; set them"
        )
    return GoogleWire(project, region, model, expected)


WIRES: Mapping[TranscriberKind, Maker] = {
    TranscriberKind.OPENAI: _openai,
    TranscriberKind.WHISPER_CPP: lambda _settings, _client, model, expected: WhisperCppWire(model, expected),
    TranscriberKind.GOOGLE: _google,
    TranscriberKind.AZURE: lambda _settings, _client, model, expected: AzureWire(model, expected),
    TranscriberKind.SCRIBE: lambda _settings, _client, model, expected: ScribeWire(model, expected),
}


def transcriber(name: str, settings: Settings, form: Form, clients: Mapping[str, Client], language: str) -> Transcriber:
    """The transcriber that the settings call `name`, for `language`. Raises Misconfigured for another name."""
    known = settings.understand.transcribers
    if name not in known:
        told = ", ".join(known) or "none"
        raise Misconfigured(f"no transcriber is called {name!r}; known: {told}; add [understand.transcribers.{name}]")
    wanted = known[name]
    expected = Expected(language)
    if wanted.hints:
        expected = replace(expected, prompt=hints(form, expected.short))
    client = clients[wanted.client]
    wire = WIRES[wanted.kind](wanted, client, wanted.model or wanted.kind, expected)
    return CloudTranscriber(wanted, client, wire)
