"""From settings to interpreters: one row of a table for each kind there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge.config import InterpreterKind, InterpreterSettings, Settings
from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.ports import Interpreter
from edge.understand.asking.audio_llm import AudioLlm
from edge.understand.asking.context import Context, Situation
from edge.understand.asking.model_reader import ModelReader, Spoken, nowhere
from edge.understand.moonshine_interpreter import MoonshineInterpreter
from edge.understand.service.clients import Client
from edge.understand.transcribers.cascade import Cascade, Terms
from edge.understand.transcribers.configured import transcriber


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an interpreter is made for, and with."""

    settings: Settings
    form: Form
    catalogue: Catalogue
    clients: Mapping[str, Client]
    """The connections; each is shared by all that name it."""
    context: Situation = Context
    """Tells the state of the conversation at the moment an utterance is read."""
    spoken: Spoken = nowhere
    """Is given each spoken reply, where one is asked for."""


def interpreter(name: str, surroundings: Surroundings) -> Interpreter:
    """The interpreter that the settings call `name`. Raises Misconfigured where it, or what it needs, is not set up."""
    known = surroundings.settings.understand.interpreters
    if name not in known:
        told = ", ".join(known) or "none"
        raise Misconfigured(f"no interpreter is called {name!r}; known: {told}; add [understand.interpreters.{name}]")
    if missing := known[name].missing:
        raise Misconfigured(f"understand.interpreters.{name}: {' and '.join(missing)} must be given; see edge.toml")
    return _MAKERS[known[name].kind](known[name], surroundings)


def _audio_llm(wanted: InterpreterSettings, surroundings: Surroundings) -> Interpreter:
    return AudioLlm(wanted, _reader(wanted, surroundings))


def _cascade(wanted: InterpreterSettings, surroundings: Surroundings) -> Interpreter:
    settings, form = surroundings.settings, surroundings.form
    writer = transcriber(str(wanted.transcriber), settings, form, surroundings.clients, wanted.language)
    reader = None if wanted.client is None and wanted.model is None else _reader(wanted, surroundings)
    terms = Terms(wanted.language, wanted.confidence, wanted.within_s, wanted.parser, wanted)
    return Cascade(writer, reader, form, surroundings.catalogue, terms)


def _moonshine(_: InterpreterSettings, surroundings: Surroundings) -> Interpreter:
    return MoonshineInterpreter(surroundings.form, surroundings.catalogue)


def _reader(wanted: InterpreterSettings, surroundings: Surroundings) -> ModelReader:
    return ModelReader(
        wanted,
        surroundings.clients[str(wanted.client)],
        surroundings.form,
        surroundings.catalogue,
        context=surroundings.context,
        spoken=surroundings.spoken,
    )


Maker = Callable[[InterpreterSettings, Surroundings], Interpreter]

_MAKERS: Mapping[InterpreterKind, Maker] = {
    InterpreterKind.CHAT_AUDIO: _audio_llm,
    InterpreterKind.GEMINI: _audio_llm,
    InterpreterKind.CASCADE: _cascade,
    InterpreterKind.MOONSHINE: _moonshine,
}
