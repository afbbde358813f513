"""The loader of forms: one JSON Schema file each, checked as a whole, every fault told at once.

A form's file is JSON Schema 2020-12 in a stated subset (`metaschema.py`, told to authors in `schemas/README.md`):

- the form: `$schema`, `$id`, `title`, `description`, `$comment`, `type: object`, `properties`, `required`,
  `additionalProperties: false`, `x-voice` (`name`, `spoken_name`, `readback`, `terminator`);
- a string field: `type`, `title`, `description`, `$comment`, `pattern` (`pattern.py`), `minLength`, `maxLength`,
  `enum`, `x-voice` (`labels`, `spoken`, `ask`, `readback`, `identifier`, `catalogue`, `check_digit`, `last_digits`,
  `exception`, `usual`), `x-languages` (as below, and `values`: what those of `enum` are called);
- an integer field: `type`, `title`, `description`, `$comment`, `minimum`, `maximum`, `x-voice` (`labels`, `spoken`,
  `ask`, `readback`, `units`, `usual`), `x-languages` (language to `labels` and `units`, for transcripts, and `ask`).

Any other keyword is refused by name and JSON pointer. What the parts of a file say of each other must agree as well:
no word claimed twice, no limits that leave nothing, no placeholder that stands for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Any

from edge.errors import Misconfigured, plainly
from edge.forms import metaschema
from edge.forms.model import OWN_LANGUAGE, Form, FormField, Gs1, Spoken, Wording
from edge.forms.pattern import Shape
from edge.forms.spoken.english import ENGLISH
from edge.forms.spoken.language import Language, phrase
from edge.forms.spoken.languages import language_named
from edge.forms.spoken.sayable import CHARACTERS
from edge.forms.spoken.words import RESERVED
from edge.records.strict_json import DuplicateKey, NotJson, NotStrict, strict

SUFFIX = ".schema.json"  # How the name of a form's file ends; what stands before it is the form's name.


def forms_in(directory: Path) -> Mapping[str, Form]:
    """Every form of a directory by name. Raises Misconfigured with the faults of all files at once."""
    paths = sorted(directory.glob(f"*{SUFFIX}"))
    if not paths:
        raise Misconfigured(f"{directory}: no form here; expected files named NAME{SUFFIX}")
    forms: dict[str, Form] = {}
    faults: list[str] = []
    for path in paths:
        try:
            form = load_form(path)
            forms[form.name] = form
        except Misconfigured as fault:
            faults.append(str(fault))
    if faults:
        raise Misconfigured("; ".join(faults))
    return MappingProxyType(forms)


def load_form(path: Path) -> Form:
    """Read one form's file. Raises Misconfigured naming the file and every fault in it."""
    schema = _json(path)
    faults = list(metaschema.faults(schema)) or list(_contradictions(schema, path.name.removesuffix(SUFFIX)))
    if faults:
        raise Misconfigured(f"{path}: {'; '.join(faults)} (how to write a form: schemas/README.md)")
    voice = schema["x-voice"]
    return Form(
        name=voice["name"],
        title=schema["title"],
        description=schema.get("description", schema["title"]),
        spoken_name=voice["spoken_name"],
        fields=tuple(_field(name, keywords, schema) for name, keywords in schema["properties"].items()),
        terminator=voice.get("terminator"),
        template=voice["readback"],
        schema=MappingProxyType(schema),
    )


def _json(path: Path) -> Any:
    try:
        return strict(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(f"{path}: no such file; a form is a file named NAME{SUFFIX}") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise Misconfigured(f"{path}: cannot be read ({plainly(fault)}); it must be a readable UTF-8 file") from None
    except DuplicateKey as fault:
        raise Misconfigured(f"{path}: {fault.key!r} stands twice in one object; keep one of them") from None
    except NotJson as fault:
        where = f"line {fault.line}, column {fault.column}"
        raise Misconfigured(f"{path}: is not JSON at {where}: {fault.what}; mend that line") from None
    except NotStrict as fault:
        raise Misconfigured(f"{path}: cannot be read: {fault}; mend that") from None


def _field(name: str, keywords: Mapping[str, Any], schema: Mapping[str, Any]) -> FormField:
    voice = keywords["x-voice"]
    least, most = ("minLength", "maxLength") if keywords["type"] == "string" else ("minimum", "maximum")
    return FormField(
        name=name,
        title=keywords.get("title", name),
        description=keywords.get("description", keywords.get("title", name)),
        kind=keywords["type"],
        labels=tuple(voice["labels"]),
        spoken=Spoken(voice["spoken"]),
        units=MappingProxyType(voice.get("units", {})),
        identifier=voice.get("identifier", False),
        catalogue=voice.get("catalogue"),
        check_digit=Gs1(voice["check_digit"]) if "check_digit" in voice else None,
        last_digits=voice.get("last_digits"),
        languages=MappingProxyType(
            {code: _wording(wording) for code, wording in keywords.get("x-languages", {}).items()}
        ),
        ask=voice["ask"],
        readback=voice["readback"],
        required=name in schema["required"],
        pattern=keywords.get("pattern"),
        exception=voice.get("exception", False),
        choices=tuple(keywords.get("enum", ())),
        least=keywords.get(least),
        most=keywords.get(most),
        usual=range(voice["usual"][least], voice["usual"][most] + 1) if "usual" in voice else None,
    )


def _wording(given: Mapping[str, Any]) -> Wording:
    values = MappingProxyType(given.get("values", {}))
    return Wording(tuple(given.get("labels", ())), tuple(given.get("units", ())), given.get("ask"), values)


def _contradictions(schema: Mapping[str, Any], expected: str) -> Iterator[str]:
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
        yield from _field_contradictions(keywords, metaschema.pointer("properties", field))


def _words_shared(fields: Mapping[str, Any]) -> Iterator[str]:
    """Words that open two fields, or that a language needs for numbers, letters or fillers."""
    languages = {code for keywords in fields.values() for code in keywords.get("x-languages", {})}
    for code in sorted({OWN_LANGUAGE, *languages}):
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
    if code == OWN_LANGUAGE:
        voice = keywords["x-voice"]
        units = voice.get("units", {})
        for words in dict.fromkeys([*voice["labels"], *units.keys(), *units.values()]):
            yield metaschema.pointer("properties", field, "x-voice"), words
    wording = keywords.get("x-languages", {}).get(code, {})
    for words in [*wording.get("labels", ()), *wording.get("units", ()), *wording.get("values", {}).values()]:
        yield metaschema.pointer("properties", field, "x-languages", code), words


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
