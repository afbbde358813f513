"""Makes interpreters, transcribers and the panel from the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from edge.config import InterpreterKind, InterpreterSettings, Settings, TranscriberKind, TranscriberSettings, Understand
from edge.ports import Interpreter, Transcriber
from edge.understand.llm.interpreter import AudioLlm, ModelReader, ReplySink, discard_reply
from edge.understand.llm.prompt import Context, ContextSource
from edge.understand.local.moonshine import MoonshineInterpreter
from edge.understand.panel import Member, Panel, PanelSettings
from edge.understand.remote.client import Client
from edge.understand.remote.served_models import OWN_NAMES, model_family
from edge.understand.stt.cascade import Cascade
from edge.understand.stt.openai import MistralWire, OpenAiWire, WhisperCppWire
from edge.understand.stt.services import AzureWire, DeepgramWire, GoogleWire, ScribeWire
from edge.understand.stt.transcriber import CloudTranscriber, Hints, TranscriberWire, label_hints

_T = TypeVar("_T")

_BY_MODEL: Mapping[TranscriberKind, Callable[[str, Hints], TranscriberWire]] = {
    TranscriberKind.WHISPER_CPP: WhisperCppWire,
    TranscriberKind.AZURE: AzureWire,
    TranscriberKind.SCRIBE: ScribeWire,
    TranscriberKind.MISTRAL: MistralWire,
    TranscriberKind.DEEPGRAM: DeepgramWire,
}
"""The wires that need only the model's name and the expectations, nothing of the client."""


def _make_wire(wanted: TranscriberSettings, client: Client, expected: Hints) -> TranscriberWire:
    model = wanted.model or wanted.kind
    if wanted.kind is TranscriberKind.OPENAI:
        return OpenAiWire(client.openai_path("audio/transcriptions", model), model, expected, wanted.detail)
    if wanted.kind is TranscriberKind.GOOGLE:
        project, region = client.settings.project, client.settings.region
        if project is None or region is None:
            raise Misconfigured(
                f"understand.clients.{client.name}: project or region is not set; Google's path names both; set them"
            )
        return GoogleWire(project, region, model, expected)
    return _BY_MODEL[wanted.kind](model, expected)


def make_transcriber(
    name: str, settings: Settings, form: Form, clients: Mapping[str, Client], language: str
) -> Transcriber:
    """The transcriber of this name in the settings, for `language`. Raises Misconfigured for an unknown name."""
    wanted = _find_settings("transcriber", name, settings.understand.transcribers)
    expected = Hints(language)
    if wanted.hints:
        expected = replace(expected, prompt=label_hints(form, expected.language_code))
    client = clients[wanted.client]
    return CloudTranscriber(wanted, client, _make_wire(wanted, client, expected))


def _find_settings(kind: str, name: str, known: Mapping[str, _T]) -> _T:
    if name not in known:
        names = ", ".join(known) or "none"
        raise Misconfigured(f"no {kind} is called {name!r}; known: {names}; add [understand.{kind}s.{name}]")
    return known[name]


@dataclass(frozen=True, slots=True)
class InterpreterArguments:
    """The arguments that all interpreters share."""

    settings: Settings
    form: Form
    catalogue: Catalogue
    clients: Mapping[str, Client]  # The connections by name, shared by all interpreters.
    get_context: ContextSource = Context  # Returns the dialogue's state when an utterance is read.
    on_spoken_reply: ReplySink = discard_reply  # Called with each spoken reply, where the settings request one.


def make_interpreter(name: str, arguments: InterpreterArguments) -> Interpreter:
    """The interpreter of this name in the settings. Raises Misconfigured where it, or a setting of it, is missing."""
    settings, form, catalogue = arguments.settings, arguments.form, arguments.catalogue
    wanted = _find_settings("interpreter", name, settings.understand.interpreters)
    if missing := wanted.unset_keys:
        raise Misconfigured(f"understand.interpreters.{name}: {' and '.join(missing)} must be given; see edge.toml")
    match wanted.kind:
        case InterpreterKind.CHAT_AUDIO | InterpreterKind.GEMINI:
            return AudioLlm(wanted, _make_model_reader(wanted, arguments))
        case InterpreterKind.CASCADE:
            writer = make_transcriber(str(wanted.transcriber), settings, form, arguments.clients, wanted.language)
            reader = None if wanted.client is None and wanted.model is None else _make_model_reader(wanted, arguments)
            return Cascade(writer, reader, form, catalogue, wanted)
        case InterpreterKind.MOONSHINE:
            return MoonshineInterpreter(form, catalogue)


def _make_model_reader(wanted: InterpreterSettings, arguments: InterpreterArguments) -> ModelReader:
    return ModelReader(
        wanted,
        arguments.clients[str(wanted.client)],
        arguments.form,
        arguments.catalogue,
        get_context=arguments.get_context,
        on_spoken_reply=arguments.on_spoken_reply,
    )


def _find_hearing_model_name(wanted: Understand, name: str) -> str:
    """The model that hears the sound; for a cascade the transcriber's."""
    one = wanted.interpreters[name]
    writer = wanted.transcribers.get(str(one.transcriber))
    client = one.client if writer is None else writer.client
    model = one.model if writer is None else writer.model or writer.kind
    kind = wanted.clients[client].kind if client in wanted.clients else None
    # An Azure deployment's name does not identify its model; the same name twice is the same model.
    return f"{client}/{model}" if kind in OWN_NAMES or model is None else model_family(model)


def make_panel(arguments: InterpreterArguments, on_device: Interpreter, sure_from: float) -> Panel:
    """The panel for a form. Raises Misconfigured where an interpreter lacks a setting, or the second repeats a model.

    `sure_from` (0 to 1) is the confidence from which a dissenting opinion counts against two that agree.
    """
    wanted = arguments.settings.understand

    def member(name: str) -> Member:
        reads = make_interpreter(name, arguments)
        kind = wanted.interpreters[name]
        return Member(reads, kind, is_remote=kind.kind is not InterpreterKind.MOONSHINE)

    asked = [] if wanted.first is None else [wanted.first, *wanted.fallback]
    second = None if wanted.second is None else member(wanted.second)
    first = [member(name) for name in asked]
    if wanted.second is not None and second is not None:
        models = [_find_hearing_model_name(wanted, name) for name in (wanted.second, *asked)]
        if models[0] in models[1:] or second.interpreter.name == on_device.name:
            raise Misconfigured(
                f"understand.second = {wanted.second!r}: is {second.interpreter.name}, which reads already; name "
                "another model: two readings of one model are one opinion"
            )
    hedge_s = None if wanted.hedge_ms is None else wanted.hedge_ms / 1000
    panel_settings = PanelSettings(wanted.mode, wanted.deadline_ms / 1000, hedge_s, sure_from)
    return Panel(on_device, first, second, panel_settings, arguments.form)
