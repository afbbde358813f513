"""On-device recognisers made of the settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.config import Engine, Settings
from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue
from edge.forms.model import Form
from edge.forms.spoken import command_phrases, work_phrases
from edge.forms.spoken.language import ENGLISH
from edge.ports import Interpreter
from edge.understand.local.grammar_cache import sentences
from edge.understand.local.incremental import Awaited, whole_entries
from edge.understand.local.pocketsphinx import PocketsphinxInterpreter
from edge.understand.local.vosk import VoskInterpreter
from edge.understand.local.weights import Model, located, named


def recogniser(
    settings: Settings,
    form: Form,
    catalogue: Catalogue,
    *,
    converses: bool = False,
    awaited: Awaited = whole_entries,
    at_hand: Sequence[Form] = (),
) -> Interpreter:
    """The recogniser for a form: with `engine = "auto"`, vosk where its weights are, else pocketsphinx.

    With `converses` it expects commands, answers and corrections besides whole sentences; `awaited` tells what it is
    to wait for; `at_hand` are the forms whose names it is to hear, where there are several.
    Raises Misconfigured where the weights asked for are unknown or not here, or a word of the form cannot be heard.
    """
    wanted = settings.understand
    names = tuple(settings.agree.operators)
    works = work_phrases(at_hand) if converses and at_hand else ()
    commands = (*command_phrases(names, trailers=bool(form.places_received)), *works) if converses else ()
    if wanted.engine is Engine.POCKETSPHINX:
        return PocketsphinxInterpreter(form, catalogue, commands, awaited=awaited)
    model = _vosk_model(wanted.model)
    weights = located(model, settings.models)
    if weights is not None:
        expected = sentences(settings.cache / "grammars", form, catalogue, names if converses else None, works)
        return VoskInterpreter(
            weights, form, catalogue, expected, ENGLISH.remarks(), converses=converses, awaited=awaited
        )
    if wanted.engine == "auto":
        return PocketsphinxInterpreter(form, catalogue, commands, awaited=awaited)
    raise Misconfigured(
        f"understand.model = {model.name!r}: its weights are not in {settings.models}; "
        f"run `dockvoice models get {model.name}`, or set understand.engine to 'auto' or 'pocketsphinx'"
    )


def vosk_weights(settings: Settings) -> Path:
    """Where vosk's weights are. Raises Misconfigured where they are not here."""
    model = _vosk_model(settings.understand.model)
    weights = located(model, settings.models)
    if weights is None:
        raise Misconfigured(
            f'hear.mode = "wake-phrase": needs vosk, whose weights {model.name} are not in {settings.models}; '
            f"run `dockvoice models get {model.name}`"
        )
    return weights


def _vosk_model(name: str) -> Model:
    model = named(name)
    if model.engine is not Engine.VOSK:
        raise Misconfigured(f"understand.model = {name!r}: is for {model.engine}; name one for vosk, or set the engine")
    return model
