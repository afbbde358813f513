"""On-device recognisers made of the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import command_phrases, further, work_phrases
from dockvoice_protocol.forms.spoken.language import ENGLISH, Language, language_named
from dockvoice_protocol.records.master import Cells
from edge.config import Engine, Settings
from edge.ports import Interpreter
from edge.understand.local.confidence import curves_for
from edge.understand.local.grammar_cache import sentences
from edge.understand.local.incremental import Awaited, whole_entries
from edge.understand.local.pocketsphinx import NAME, PocketsphinxInterpreter, is_here
from edge.understand.local.pocketsphinx import knowing as pocketsphinx_knows
from edge.understand.local.vosk import UnmeasuredVosk, VoskInterpreter
from edge.understand.local.vosk import knowing as vosk_knows
from edge.understand.local.weights import Model, located, named
from edge.understand.local.weights import catalogue as known_models

NO_WHEEL = "; pocketsphinx, which could stand in, is not installed, and has no wheel for this Python"


def recogniser(
    settings: Settings,
    form: Form,
    catalogue: Catalogue,
    *,
    converses: bool = False,
    awaited: Awaited = whole_entries,
    at_hand: Sequence[Form] = (),
    names: Sequence[str] = (),
    language: Language | None = None,
) -> Interpreter:
    """The recogniser for a form: with `engine = "auto"`, vosk where its weights are, else pocketsphinx.

    `language` is that which is spoken; None: the device's own. Of another, `weights_of` must find weights.

    With `converses` it expects commands, answers and corrections besides whole sentences; `awaited` tells what it is
    to wait for; `at_hand` are the forms whose names it is to hear, where there are several, `names` what operators
    sign on with.
    Raises Misconfigured where the weights asked for are unknown or not here, or a word of the form cannot be heard.
    """
    wanted = settings.understand
    works = work_phrases(at_hand) if converses and at_hand else ()

    def pocketsphinx() -> Interpreter:
        called = _recognisable(names, pocketsphinx_knows)
        commands = (*command_phrases(called, trailers=bool(form.places_received)), *works) if converses else ()
        return PocketsphinxInterpreter(form, catalogue, commands, awaited=awaited)

    spoken = own_language(settings) if language is None else language
    if wanted.engine is Engine.POCKETSPHINX and spoken is ENGLISH:
        return pocketsphinx()
    weights = weights_of(settings, spoken)
    if weights is not None and spoken is not ENGLISH:
        told = {"names": names, "works": work_phrases(at_hand, spoken)} if converses and at_hand else {}
        return UnmeasuredVosk(weights, form, catalogue, spoken, **told, converses=converses, awaited=awaited)
    if weights is not None:
        called = _recognisable(names, partial(vosk_knows, weights)) if converses else None
        expected = sentences(settings.cache / "grammars", form, catalogue, called, works)
        beside = (*ENGLISH.remarks(), *further(form, catalogue))
        hearing = partial(VoskInterpreter, weights, form, catalogue, expected, beside)
        return hearing(converses=converses, awaited=awaited, curves=curves_for(weights.name, wanted.calibration))
    if wanted.engine == "auto" and spoken is ENGLISH:
        return pocketsphinx()
    raise _lacking(settings, spoken)


def _lacking(settings: Settings, spoken: Language) -> Misconfigured:
    model, otherwise = settings.understand.model, ""
    if spoken is ENGLISH:
        otherwise = ", or set understand.engine to 'auto' or 'pocketsphinx'" if is_here() else NO_WHEEL
    return Misconfigured(
        f"understand.model = {model!r}: its weights are not in {settings.models}; "
        f"run `dockvoice models get {model}`{otherwise}"
    )


def ears(settings: Settings) -> str:
    """The name of the recogniser that is made of the settings, which is not loaded for it.

    Raises Misconfigured where what it takes is not here, saying how to get it.
    """
    wanted, spoken = settings.understand, own_language(settings)
    if wanted.engine is not Engine.POCKETSPHINX and (weights := weights_of(settings, spoken)) is not None:
        return f"{Engine.VOSK}/{weights.name}"
    if wanted.engine is Engine.VOSK or spoken is not ENGLISH or not is_here():
        raise _lacking(settings, spoken)
    return NAME


def unheard(settings: Settings, words: Iterable[Cells]) -> tuple[str, ...]:
    """Those of the words published that the device's own recogniser does not hear, in the language that it hears."""
    own = own_language(settings)
    said = tuple(dict.fromkeys(one["word"] for one in words if one["language"] == own.code))
    weights = None if settings.understand.engine is Engine.POCKETSPHINX else weights_of(settings, own)
    if weights is None:  # what stands in hears the words of the form's file alone
        return said
    knows = vosk_knows(weights) if said else all
    return tuple(one for one in said if not knows(one))


def own_language(settings: Settings) -> Language:
    """The language that the device's own recogniser hears: that of its weights. Raises Misconfigured."""
    if settings.understand.engine is Engine.POCKETSPHINX:
        return ENGLISH
    model = _vosk_model(settings.understand.model)
    try:
        return language_named(model.languages[0])
    except ValueError as fault:
        raise Misconfigured(f"understand.model = {model.name!r}: {fault}; its words are still to be written") from None


def weights_of(settings: Settings, language: Language) -> Path | None:
    """Vosk's weights for a language: those that the settings name, else any that are here. None where none are."""
    listed = [model for model in known_models() if model.engine is Engine.VOSK and model.hears(language.code)]
    listed.sort(key=lambda model: model.name != settings.understand.model)
    if listed and listed[0].name == settings.understand.model:
        listed = listed[:1]
    return next((place for model in listed if (place := located(model, settings.models)) is not None), None)


def _recognisable(names: Sequence[str], knowing: Callable[[], Callable[[str], bool]]) -> tuple[str, ...]:
    """The names that the recogniser can hear: numbers, and those whose words are in the weights' vocabulary."""
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
