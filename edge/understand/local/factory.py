"""Makes on-device recognisers from the settings, and caches the sentences for their language models.

A cache file's name is a hash of all inputs of its sentences: form, catalogue, the operators' names, the sampling code,
and the version of Python, whose `random` it uses. Without a usable file the sentences are sampled again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from dockvoice_protocol import forms, languages
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import (
    command_phrases,
    form_choice_phrases,
    sample_sentences,
    sentences_with_further_words,
)
from dockvoice_protocol.forms.spoken.language import ENGLISH, Language, language_named
from dockvoice_protocol.forms.spoken.rough import surrounding_phrases
from dockvoice_protocol.forms.spoken.sentences import sample_replies
from dockvoice_protocol.records.master import Cells
from edge.config import RecogniserKind, Settings
from edge.understand.local import whisper
from edge.understand.local.confidence import calibration_curves
from edge.understand.local.incremental import Awaited, OnDeviceInterpreter, await_no_fields
from edge.understand.local.pocketsphinx import NAME, PocketsphinxInterpreter, is_installed
from edge.understand.local.pocketsphinx import make_vocabulary_test as pocketsphinx_knows
from edge.understand.local.vosk import UnmeasuredVosk, VoskInterpreter
from edge.understand.local.vosk import make_vocabulary_test as vosk_knows
from edge.understand.local.weights import Model, find_model, locate
from edge.understand.local.weights import load_catalogue as known_models
from edge.understand.local.whisper import WhisperInterpreter

_NO_WHEEL = "; pocketsphinx, which could stand in, is not installed, and has no wheel for this Python"


def make_recogniser(
    settings: Settings,
    form: Form,
    catalogue: Catalogue,
    *,
    converses: bool = False,
    awaited: Awaited = await_no_fields,
    at_hand: Sequence[Form] = (),
    names: Sequence[str] = (),
    language: Language | None = None,
) -> OnDeviceInterpreter:
    """The recogniser for a form: with `engine = "auto"`, vosk where its weights are installed, else whisper.

    In English it is vosk, else pocketsphinx.

    `language` is the spoken one; None: the device's own. For another, `find_weights` must find weights.

    With `converses` it expects commands, answers and corrections besides whole sentences; `awaited` returns the fields
    to wait for; `at_hand` are the forms whose names it must know, if several; `names` are the operators' for signing
    on. Raises Misconfigured where the weights are unknown or not installed, or do not know a word of the form.
    """
    wanted = settings.understand
    works = form_choice_phrases(at_hand) if converses and at_hand else ()

    def pocketsphinx() -> OnDeviceInterpreter:
        called = _select_known_names(names, pocketsphinx_knows)
        commands = (*command_phrases(called, trailers=bool(form.trailer_and_door_fields)), *works) if converses else ()
        return PocketsphinxInterpreter(form, catalogue, commands, awaited=awaited)

    spoken = recogniser_language(settings) if language is None else language
    if wanted.engine is RecogniserKind.POCKETSPHINX and spoken is ENGLISH:
        return pocketsphinx()
    weights = find_weights(settings, spoken)
    if spoken is not ENGLISH and (place := weights or find_whisper_weights(settings, spoken)) is not None:
        expected_phrases = (
            {"names": names, "works": form_choice_phrases(at_hand, spoken)} if converses and at_hand else {}
        )
        hearer = WhisperInterpreter if weights is None else UnmeasuredVosk
        return hearer(place, form, catalogue, spoken, **expected_phrases, converses=converses, awaited=awaited)
    if weights is not None:
        called = _select_known_names(names, partial(vosk_knows, weights)) if converses else None
        known_catalogue = catalogue.with_known_ways(vosk_knows(weights))
        expected = load_sentences(settings.cache / "grammars", form, known_catalogue, called, works)
        beside = (*sorted(surrounding_phrases(ENGLISH)), *sentences_with_further_words(form, known_catalogue))
        hearing = partial(VoskInterpreter, weights, form, catalogue, expected, beside)
        return hearing(
            converses=converses, awaited=awaited, curves=calibration_curves(weights.name, wanted.calibration)
        )
    if wanted.engine == "auto" and spoken is ENGLISH:
        return pocketsphinx()
    raise _missing_weights_error(settings, spoken)


def _missing_weights_error(settings: Settings, spoken: Language) -> Misconfigured:
    model, otherwise = settings.understand.model, ""
    if spoken is ENGLISH:
        otherwise = ", or set understand.engine to 'auto' or 'pocketsphinx'" if is_installed() else _NO_WHEEL
    elif _models_of(RecogniserKind.WHISPER, spoken):
        otherwise = ", or `dockvoice models get whisper-base` and `pip install 'dockvoice[whisper]'`"
    return Misconfigured(
        f"understand.model = {model!r}: its weights are not in {settings.models}; "
        f"run `dockvoice models get {model}`{otherwise}"
    )


def find_recogniser_name(settings: Settings) -> str:
    """The name of the settings' recogniser, without loading it.

    Raises Misconfigured, with the remedy, where its weights or package are not installed.
    """
    wanted, spoken = settings.understand, recogniser_language(settings)
    if wanted.engine is not RecogniserKind.POCKETSPHINX and (name := find_recogniser_name_of(settings, spoken)):
        return name
    if wanted.engine is RecogniserKind.VOSK or spoken is not ENGLISH or not is_installed():
        raise _missing_weights_error(settings, spoken)
    return NAME


def find_recogniser_name_of(settings: Settings, language: Language) -> str | None:
    """The name of the recogniser that has weights for a language; None without any."""
    if (weights := find_weights(settings, language)) is not None:
        return f"{RecogniserKind.VOSK}/{weights.name}"
    weights = find_whisper_weights(settings, language)
    return None if weights is None else f"{RecogniserKind.WHISPER}/{weights.name}"


def find_unknown_words(settings: Settings, words: Iterable[Cells]) -> tuple[str, ...]:
    """The published words in the device's language that are not in its recogniser's vocabulary."""
    own = recogniser_language(settings)
    said = tuple(dict.fromkeys(one["word"] for one in words if one["language"] == own.code))
    weights = None if settings.understand.engine is RecogniserKind.POCKETSPHINX else find_weights(settings, own)
    if weights is None:  # pocketsphinx knows only the words of the form's file
        return said
    knows = vosk_knows(weights) if said else all
    return tuple(one for one in said if not knows(one))


def recogniser_language(settings: Settings) -> Language:
    """The language of the device's own recogniser, by its weights. Raises Misconfigured."""
    if settings.understand.engine is RecogniserKind.POCKETSPHINX:
        return ENGLISH
    model = _vosk_model(settings.understand.model)
    try:
        return language_named(model.languages[0])
    except ValueError as fault:
        raise Misconfigured(f"understand.model = {model.name!r}: {fault}; its words are still to be written") from None


def find_weights(settings: Settings, language: Language) -> Path | None:
    """Vosk's weights for a language: those in the settings, else any installed ones; None without any."""
    if settings.understand.engine is RecogniserKind.WHISPER:
        return None
    listed = _models_of(RecogniserKind.VOSK, language)
    listed.sort(key=lambda model: model.name != settings.understand.model)
    if listed and listed[0].name == settings.understand.model:
        listed = listed[:1]
    return next((place for model in listed if (place := locate(model, settings.models)) is not None), None)


def find_whisper_weights(settings: Settings, language: Language) -> Path | None:
    """Whisper's installed weights that hear a language; None without any, or without the packages that decode."""
    if language is ENGLISH or settings.understand.engine is RecogniserKind.VOSK or not whisper.is_installed():
        return None
    listed = _models_of(RecogniserKind.WHISPER, language)
    return next((place for model in listed if (place := locate(model, settings.models)) is not None), None)


def find_scoring_weights(settings: Settings) -> Path | None:
    """Whisper's installed weights, which score how well a letter fits; None without any, or without its packages."""
    if not whisper.is_installed():
        return None
    listed = [model for model in known_models() if model.engine is RecogniserKind.WHISPER]
    return next((place for model in listed if (place := locate(model, settings.models)) is not None), None)


def _models_of(engine: RecogniserKind, language: Language) -> list[Model]:
    return [model for model in known_models() if model.engine is engine and model.supports_language(language.code)]


def _select_known_names(names: Sequence[str], knowing: Callable[[], Callable[[str], bool]]) -> tuple[str, ...]:
    """The names that the recogniser can know: numbers, and those whose words are in the vocabulary."""
    lower = [name.lower() for name in names]
    if all(map(str.isdecimal, lower)):
        return tuple(lower)
    knows = knowing()
    return tuple(name for name in lower if name.isdecimal() or all(map(knows, name.split())))


def locate_vosk_weights(settings: Settings) -> Path:
    """The directory of vosk's weights. Raises Misconfigured where they are not installed."""
    model = _vosk_model(settings.understand.model)
    weights = locate(model, settings.models)
    if weights is None:
        raise Misconfigured(
            f'hear.mode = "wake-phrase": needs vosk, whose weights {model.name} are not in {settings.models}; '
            f"run `dockvoice models get {model.name}`"
        )
    return weights


def _vosk_model(name: str) -> Model:
    model = find_model(name)
    if model.engine is not RecogniserKind.VOSK:
        raise Misconfigured(f"understand.model = {name!r}: is for {model.engine}; name one for vosk, or set the engine")
    return model


_KEPT = 32  # Limit of files, half a megabyte each: for all devices of a machine, and for forms under development.

logger = logging.getLogger(__name__)


def load_sentences(
    directory: Path, form: Form, catalogue: Catalogue, names: Sequence[str] | None, works: Sequence[str] = ()
) -> tuple[str, ...]:
    """The sentences that a recogniser expects for a form; with the operators' `names`, also those of the dialogue.

    `works` are the phrases that name the loaded forms.

    Cached in `directory`. Raises Misconfigured where the form or its catalogue has a value that cannot be spoken.
    """
    kept = directory / _cache_name(form, catalogue, names, works)
    if (found := _read_cached_sentences(kept)) is not None:
        return found
    made = (
        *sample_sentences(form, catalogue),
        *(() if names is None else sample_replies(form, catalogue, names, works)),
    )
    _write_cached(kept, made)
    return made


def _cache_name(*ingredients: object) -> str:
    digest = hashlib.sha256(f"{sys.version}\n{ingredients!r}".encode())
    sources = [path for room in (forms, languages) for path in sorted(Path(room.__path__[0]).rglob("*"))]
    for source in (Path(__file__), *(path for path in sources if path.suffix in {".py", ".toml"})):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()


def _read_cached_sentences(path: Path) -> tuple[str, ...] | None:
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as fault:
        logger.info("%s: cannot be read (%s); its sentences are sampled anew", path, fault.strerror)
        return None
    if hashlib.sha256(content).hexdigest().encode() != digest:
        logger.info("%s: is damaged; its sentences are sampled anew", path)
        return None
    with suppress(OSError):
        os.utime(path)  # the least recently used files are removed first
    return tuple(json.loads(content))


def _write_cached(path: Path, made: Sequence[str]) -> None:
    """Write the file atomically, and remove old ones. Readable by its owner only: it has names and catalogue values."""
    content = json.dumps(made).encode()
    part = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "wb", opener=partial(os.open, mode=0o600)) as file:
                file.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        for old in sorted(path.parent.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)[_KEPT:]:
            old.unlink(missing_ok=True)
    except OSError as fault:
        logger.info("%s: cannot be kept (%s); its sentences are sampled at each start", path, fault.strerror)
