"""On-device recognisers made of the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from edge.config import Engine, Settings
from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue
from edge.forms.model import Form
from edge.forms.spoken import command_phrases, further, work_phrases
from edge.forms.spoken.language import ENGLISH
from edge.ports import Interpreter
from edge.understand.local.grammar_cache import sentences
from edge.understand.local.incremental import Awaited, whole_entries
from edge.understand.local.pocketsphinx import PocketsphinxInterpreter
from edge.understand.local.pocketsphinx import knowing as pocketsphinx_knows
from edge.understand.local.vosk import VoskInterpreter
from edge.understand.local.vosk import knowing as vosk_knows
from edge.understand.local.weights import Model, located, named


def recogniser(
    settings: Settings,
    form: Form,
    catalogue: Catalogue,
    *,
    converses: bool = False,
    awaited: Awaited = whole_entries,
    at_hand: Sequence[Form] = (),
    names: Sequence[str] = (),
) -> Interpreter:
    """The recogniser for a form: with `engine = "auto"`, vosk where its weights are, else pocketsphinx.

    With `converses` it expects commands, answers and corrections besides whole sentences; `awaited` tells what it is
    to wait for; `at_hand` are the forms whose names it is to hear, where there are several, `names` what operators
    sign on with.
    Raises Misconfigured where the weights asked for are unknown or not here, or a word of the form cannot be heard.
    """
    wanted = settings.understand
    works = work_phrases(at_hand) if converses and at_hand else ()

    def pocketsphinx() -> Interpreter:
        called = _heard(names, pocketsphinx_knows)
        commands = (*command_phrases(called, trailers=bool(form.places_received)), *works) if converses else ()
        return PocketsphinxInterpreter(form, catalogue, commands, awaited=awaited)

    if wanted.engine is Engine.POCKETSPHINX:
        return pocketsphinx()
    model = _vosk_model(wanted.model)
    weights = located(model, settings.models)
    if weights is not None:
        called = _heard(names, partial(vosk_knows, weights)) if converses else None
        expected = sentences(settings.cache / "grammars", form, catalogue, called, works)
        beside = (*ENGLISH.remarks(), *further(form, catalogue))
        return VoskInterpreter(weights, form, catalogue, expected, beside, converses=converses, awaited=awaited)
    if wanted.engine == "auto":
        return pocketsphinx()
    raise Misconfigured(
        f"understand.model = {model.name!r}: its weights are not in {settings.models}; "
        f"run `dockvoice models get {model.name}`, or set understand.engine to 'auto' or 'pocketsphinx'"
    )


def _heard(names: Sequence[str], knowing: Callable[[], Callable[[str], bool]]) -> tuple[str, ...]:
    """Those that can be heard: numbers, and names of words that the weights know. The doctor tells of the others."""
    lower = [name.lower() for name in names]
    if all(map(str.isdecimal, lower)):
        return tuple(lower)
    knows = knowing()
    return tuple(name for name in lower if name.isdecimal() or all(map(knows, name.split())))


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
