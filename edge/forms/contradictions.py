"""Faults between the parts of a form's file: words claimed twice, limits that leave nothing, unknown placeholders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from string import Formatter
from typing import Any

from edge.forms import subset
from edge.forms.shape import Shape
from edge.forms.spoken.english import ENGLISH
from edge.forms.spoken.kinds import Spoken
from edge.forms.spoken.language import Language, phrase
from edge.forms.spoken.languages import language_named
from edge.forms.spoken.sayable import CHARACTERS
from edge.forms.spoken.words import RESERVED


def contradictions(schema: Mapping[str, Any], expected: str) -> Iterator[str]:
    """Faults between parts of a document that is in the subset; `expected` is the name that its file gives it."""
    name = schema["x-voice"]["name"]
    if name != expected:
        yield f"#/x-voice/name: found {name!r}, but the file is named for {expected!r}; make them the same"
    fields = schema["properties"]
    for missing in [field for field in schema["required"] if field not in fields]:
        yield f"#/required: {missing!r} is no field; fields: {', '.join(fields)}"
    yield from _unreadable(schema["x-voice"]["readback"], set(fields), "#/x-voice/readback")
    yield from _words_shared(fields)
    for field, keywords in fields.items():
        yield from _field_contradictions(keywords, subset.pointer("properties", field))


def _words_shared(fields: Mapping[str, Any]) -> Iterator[str]:
    """Words that open two fields, or that a language needs for numbers, letters or fillers."""
    languages = {code for keywords in fields.values() for code in keywords.get("x-languages", {})}
    for code in sorted({ENGLISH.code, *languages}):
        yield from _words_shared_in(language_named(code), fields)


def _words_shared_in(language: Language, fields: Mapping[str, Any]) -> Iterator[str]:
    owner: dict[str, str] = {}
    for field, keywords in fields.items():
        for where, words in _words_in(language.code, field, keywords):
            if words in owner:
                yield f"{where}: {words!r} already belongs to {owner[words]!r}"
            owner.setdefault(words, field)
            for word in filter(partial(_reserved, language), phrase(words)):
                yield f"{where}: {words!r} cannot open a field: {word!r} is a number, a letter or a filler"


def _words_in(code: str, field: str, keywords: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The words of a field in a language, each with the place in the file where it stands."""
    if code == ENGLISH.code:
        voice = keywords["x-voice"]
        units = voice.get("units", {})
        for words in dict.fromkeys([*voice["labels"], *units.keys(), *units.values()]):
            yield subset.pointer("properties", field, "x-voice"), words
    wording = keywords.get("x-languages", {}).get(code, {})
    for words in [*wording.get("labels", ()), *wording.get("units", ()), *wording.get("values", {}).values()]:
        yield subset.pointer("properties", field, "x-languages", code), words


def _reserved(language: Language, word: str) -> bool:
    if language is ENGLISH:
        return word in RESERVED
    cues = {word for cue in language.cues for word in cue if len(cue) == 1}
    return word in language.hesitations | cues or language.tells(word)


def _field_contradictions(keywords: Mapping[str, Any], where: str) -> Iterator[str]:
    voice = keywords["x-voice"]
    units = {"unit"} if voice.get("units") else set()
    yield from _unreadable(voice["readback"], {"value"} | units, f"{where}/x-voice/readback")
    yield from _upside_down(keywords, where)
    yield from _upside_down(voice.get("usual", {}), f"{where}/x-voice/usual")
    if "usual" in voice and voice["spoken"] in {Spoken.LETTER, Spoken.ENUM}:
        yield f"{where}/x-voice/usual: is for what is spoken as digits or alphanumeric, not as {voice['spoken']}"
    for limit in {"pattern", "minLength", "maxLength"} & keywords.keys() if "enum" in keywords else ():
        yield f"{where}/{limit}: stands beside 'enum', which says already which values there are; remove one"
    if voice["spoken"] == Spoken.ENUM and "enum" not in keywords and "catalogue" not in voice:
        yield f"{where}: has no way to be spoken: give its values in 'enum' or name a 'catalogue'"
    if "last_digits" in voice and "catalogue" not in voice:
        yield f"{where}/x-voice/last_digits: needs a 'catalogue', whose values it says by their last digits"
    if "check_digit" in voice and voice["spoken"] != Spoken.DIGITS:
        yield f"{where}/x-voice/check_digit: a GS1 key is spoken as {Spoken.DIGITS}, not as {voice['spoken']}"
    if voice.get("exception") and "enum" not in keywords:
        yield f"{where}/x-voice/exception: needs an 'enum', whose values are said by themselves"
    yield from _unknown_values(keywords, f"{where}/x-languages")
    if "pattern" in keywords:
        yield from _pattern_faults(keywords["pattern"], voice["spoken"], f"{where}/pattern")


def _unknown_values(keywords: Mapping[str, Any], where: str) -> Iterator[str]:
    for code, wording in keywords.get("x-languages", {}).items():
        for unknown in [value for value in wording.get("values", ()) if value not in keywords.get("enum", ())]:
            yield f"{where}/{code}/values: {unknown!r} is none of the field's values in 'enum'"


def _upside_down(limits: Mapping[str, Any], where: str) -> Iterator[str]:
    for lower, upper in (("minLength", "maxLength"), ("minimum", "maximum")):
        if lower in limits and upper in limits and limits[lower] > limits[upper]:
            yield f"{where}/{lower}: {limits[lower]} is above {upper} {limits[upper]}: nothing would be valid"


def _pattern_faults(pattern: str, spoken: str, where: str) -> Iterator[str]:
    try:
        shape = Shape.read(pattern)
    except ValueError as fault:
        yield f"{where}: {fault}"
        return
    possible = CHARACTERS.get(Spoken(spoken), shape.characters)
    if unsaid := "".join(sorted(shape.characters - possible)):
        yield f"{where}: allows {unsaid!r}, which cannot be said as {spoken}"
    if spoken == Spoken.LETTER and (shape.least, shape.most) != (1, 1):
        yield f"{where}: a field spoken as letter holds exactly one"


def placeholders(template: str) -> list[str]:
    """The names in braces of a readback, in order."""
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]


def _unreadable(template: str, known: set[str], where: str) -> Iterator[str]:
    """Placeholders nobody can fill; a placeholder is a bare name, so that no template can reach into a value."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as fault:
        yield f"{where}: {fault}"
        return
    for _, name, form, conversion in parts:
        if name is not None and (name not in known or form or conversion):
            yield f"{where}: {{{name}}} stands for nothing; allowed: {', '.join(f'{{{n}}}' for n in sorted(known))}"
