"""The baseline ("floor"): the same recogniser with a grammar of the form, a plain parser, and no confidence threshold.

One pass, the first hypothesis only; every complete reading becomes an entry. It is the obvious implementation; the
product is worth its distance from it, in right and in wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import vosk

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form, FormField
from dockvoice_protocol.forms.spoken.language import CODE_WORDS, ENGLISH
from dockvoice_protocol.records import FieldValue, Word
from edge.config import RecogniserKind, Settings
from edge.ports import Source
from edge.records import SAMPLE_RATE
from edge.understand.local.factory import load_sentences
from edge.understand.local.vosk import load_model
from edge.understand.local.weights import find_model, locate
from edge.understand.reading_builder import UNKNOWN

_Words = Sequence[str]


class BaselineRecogniser:
    """Recognises clips of one form with the baseline."""

    def __init__(self, settings: Settings, form: Form, catalogue: Catalogue) -> None:
        """Load the vosk weights. Raises Misconfigured if they are missing."""
        if (found := find_vosk_weights(settings)) is None:
            raise Misconfigured(
                f"--floor: vosk hears it, but {settings.understand.model!r} (understand.model) is none of its, or not "
                f"in {settings.models}; run `dockvoice models get`, or give --no-floor"
            )
        self._form = form
        self._catalogue = catalogue
        self._model = load_model(found)
        expected = load_sentences(settings.cache / "grammars", form, catalogue, None)
        self._grammar = json.dumps([*expected, UNKNOWN])

    def recognise_entry(self, source: Source) -> Mapping[str, FieldValue] | None:
        """Recognise a whole source; return the entry, or None if a required field has no value."""
        return parse_words([word.text for word in self.recognise_words(source)], self._form, self._catalogue)

    def make_recogniser(self) -> Any:
        """A new recogniser with the form's grammar."""
        kaldi: Any = vosk.KaldiRecognizer(self._model, SAMPLE_RATE, self._grammar)
        kaldi.SetWords(True)
        return kaldi

    def recognise_words(self, source: Source) -> tuple[Word, ...]:
        """Recognise a whole source; return its words."""
        kaldi = self.make_recogniser()
        found = [json.loads(kaldi.Result()) for frame in source.frames() if kaldi.AcceptWaveform(frame.pcm)]
        said = [one for part in (*found, json.loads(kaldi.FinalResult())) for one in part.get("result", ())]
        return tuple(Word(one["word"], one["start"], one["end"], one["conf"]) for one in said)


def find_vosk_weights(settings: Settings) -> Path | None:
    """Folder of the product's weights if its recogniser is vosk; else None."""
    model = find_model(settings.understand.model)
    return locate(model, settings.models) if model.engine is RecogniserKind.VOSK else None


def parse_words(words: _Words, form: Form, catalogue: Catalogue) -> Mapping[str, FieldValue] | None:
    """Take the value after each label and before each unit, the last one winning; None if a required one is missing."""
    values: dict[str, FieldValue] = {}
    starts = list(_find_labels(words, form))
    ends = [begin for begin, _, _ in starts[1:]] + [len(words)]
    first = starts[0][0] if starts else len(words)
    pieces: list[tuple[_Words, FormField | None]] = [(words[:first], None)]
    pieces += [(words[begin:end], field) for (_, begin, field), end in zip(starts, ends, strict=False)]
    for piece, field in pieces:
        rest = piece
        for begin, count, counted in _find_numbers_with_units(piece, form):
            values[counted.name] = count
            rest = rest[:begin]
        if field is not None and (value := _parse_value(rest, field, catalogue)) is not None:
            values[field.name] = value
    whole = form.required_fields <= values.keys()
    return values if whole and not form.faults(values) else None


def _find_labels(words: _Words, form: Form) -> Iterator[tuple[int, int, FormField]]:
    """Begin, end and field of each label in the words; the longest label at a word wins."""
    named = sorted(
        ((label.split(), field) for field in form.fields for label in field.labels), key=lambda one: -len(one[0])
    )
    for at in range(len(words)):
        for label, field in named:
            if list(words[at : at + len(label)]) == label:
                yield at, at + len(label), field
                break


def _find_numbers_with_units(words: _Words, form: Form) -> Iterator[tuple[int, int, FormField]]:
    """Yield begin, value and field of the longest number of no parsing cost before each unit."""
    for unit, word in enumerate(words):
        for field in form.fields:
            if word in field.units or word in field.units.values():
                found = (
                    (begin, one.value, field)
                    for begin in range(unit)
                    for one in ENGLISH.numerals.counts(words[:unit], begin)
                    if one.end == unit and not one.cost
                )
                yield from islice(found, 1)


def _parse_value(words: _Words, field: FormField, catalogue: Catalogue) -> FieldValue | None:
    """The catalogue's value named last, the first number, or all digits and letters joined; None if there is none."""
    if field.catalogue is not None:
        return _last_named_value(words, catalogue.values(field.catalogue), catalogue.value_by_spoken(field.catalogue))
    if field.kind == "integer":
        counts = (ENGLISH.numerals.counts(words, at) for at in range(len(words)))
        return next((max(found, key=lambda one: one.end).value for found in counts if found), None)
    digits, at = "", 0
    while at < len(words):
        group = max(ENGLISH.numerals.groups(words, at), key=lambda one: (-one.cost, one.end), default=None)
        digits += "" if group is None else group.text
        at = at + 1 if group is None else group.end
    return digits or None


def _last_named_value(words: _Words, values: Sequence[str], spoken: Mapping[str, str]) -> str | None:
    """The last value named in the words: as written, by a spoken alternative, or by its code word."""
    ways = {**{value.lower(): value for value in values}, **{way.lower(): value for way, value in spoken.items()}}
    codes = {" ".join(code): ways[letter] for code, letter in CODE_WORDS.items() if letter in ways}
    text = f" {' '.join(words)} "
    said = [(text.rfind(f" {way} "), value) for way, value in {**ways, **codes}.items() if f" {way} " in text]
    return max(said)[1] if said else None
