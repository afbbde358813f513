"""Loads forms, one JSON Schema file each, and reports all faults of a file at once.

A form's file is JSON Schema 2020-12 in a stated subset (`metaschema.py`, documented in `schemas/README.md`); any other
keyword is refused by name and JSON pointer. The parts of a file must also agree with each other: no word belongs to two
fields, no limits exclude every value, no placeholder is unknown. A fault in one field hides no fault of another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Any

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import ManyFaults, Misconfigured, describe_os_error
from dockvoice_protocol.field_roles import fields_by_role, role_faults, uses_expected_lists
from dockvoice_protocol.forms import metaschema
from dockvoice_protocol.forms.model import (
    KILOGRAM,
    NET_WEIGHT,
    OWN_LANGUAGE,
    DayOrder,
    Form,
    FormField,
    Gs1,
    MonthAlone,
    UsualRange,
    Wording,
)
from dockvoice_protocol.forms.pattern import SEPARATORS, PatternShape
from dockvoice_protocol.forms.spoken.commands import parse_command
from dockvoice_protocol.forms.spoken.folding import Phrase, phrase
from dockvoice_protocol.forms.spoken.kinds import KINDS
from dockvoice_protocol.forms.spoken.kinds.kind import FieldKind
from dockvoice_protocol.forms.spoken.language import CODE_WORDS, Language, language_named
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import DECIMAL_DIGITS, Word, to_decimal
from dockvoice_protocol.strict_json import DuplicateKey, NotJson, NotStrict, ParserLimits, parse_strict

_LIMITS = ParserLimits(depth=50, integer=50, fraction=50)
"""A form has eight levels; thousands would exhaust the recursion limit."""

SUFFIX = ".schema.json"  # Suffix of a form's file; the rest of the file name is the form's name.


def form_files_by_name(directory: Path) -> Mapping[str, Path]:
    """The files of a directory by the names of their forms, in order. Raises Misconfigured where there is none."""
    paths = sorted(directory.glob(f"*{SUFFIX}"))
    if not paths:
        keys = "forms.directory of a device, forms_directory of the inventory"
        raise Misconfigured(f"{directory}: no form here; expected files named NAME{SUFFIX}; the directory is {keys}")
    return {path.name.removesuffix(SUFFIX): path for path in paths}


def load_forms(directory: Path) -> Mapping[str, Form]:
    """Every form of a directory by name. Raises Misconfigured with the faults of all files at once."""
    forms: dict[str, Form] = {}
    faults: list[str] = []
    for name, path in form_files_by_name(directory).items():
        try:
            forms[name] = load_form(path)
        except Misconfigured as fault:
            faults.append(str(fault))
    if faults:
        raise Misconfigured("; ".join(faults))
    return MappingProxyType(forms)


def load_closing_form(directory: Path) -> Form | None:
    """The form of a directory that closes trailers, or None. Files without "closes" are not parsed."""
    named = (path for path in form_files_by_name(directory).values() if '"closes"' in _read_text(path))
    return next((form for form in map(load_form, named) if form.closes is not None), None)


def load_form(path: Path) -> Form:
    """Read one form's file. Raises Misconfigured naming the file and every fault in it."""
    return _parse_form(path, _read_text(path))


def _parse_form(path: Path, text: str) -> Form:
    """Parse the text of the form's file at `path`."""
    return form_from_schema(_parse_json(path, text), path.name.removesuffix(SUFFIX), str(path))


def form_from_schema(schema: Any, name: str, where: str) -> Form:
    """Make the form of a parsed schema, whose name must be `name`; `where` prefixes its faults. Raises ManyFaults."""
    broken = list(metaschema.find_schema_faults(schema))
    contradictions = _contradictions(_faultless_fields(schema, broken), schema, name)
    faults = [*map(str, broken), *(contradictions if isinstance(schema, dict) else ())]
    if faults:
        raise ManyFaults(f"{where}: {'; '.join(faults)} (how to write a form: schemas/README.md)", faults)
    voice, roles = schema["x-voice"], fields_by_role(schema)
    return Form(
        name=voice["name"],
        title=schema["title"],
        description=schema.get("description", schema["title"]),
        spoken_name=voice["spoken_name"],
        fields=tuple(_make_field(name, keywords, schema) for name, keywords in schema["properties"].items()),
        terminator=voice.get("terminator"),
        template=voice["readback"],
        schema=MappingProxyType(schema),
        identifies=_identifying_fields(schema),
        context=tuple(voice.get("context", ())),
        closes=voice.get("closes"),
        roles=MappingProxyType(roles),
        expects=MappingProxyType(roles if uses_expected_lists(schema) else {}),
        called=MappingProxyType(dict(_keyword_by_language("called", schema))),
        undone=MappingProxyType(dict(_keyword_by_language("undone", schema))),
        openings=MappingProxyType(dict(_keyword_by_language("openings", schema))),
        deed=voice.get("deed"),
    )


def _identifying_fields(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The identifying fields: the form's `identifies`, else its required identifiers."""
    named = [name for name, one in schema["properties"].items() if one["x-voice"].get("identifier")]
    return tuple(schema["x-voice"].get("identifies", [name for name in named if name in schema["required"]]))


def _keyword_by_language(name: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """One keyword of the form (`called`, `undone`, `openings`) by language."""
    yield OWN_LANGUAGE, tuple(schema["x-voice"].get(name, ()))
    yield from ((code, tuple(given.get(name, ()))) for code, given in schema.get("x-languages", {}).items())


def _read_text(path: Path) -> str:
    try:
        return plain_file.read_regular_file(path).decode("utf-8")
    except FileNotFoundError:
        raise Misconfigured(f"{path}: no such file; a form is a file named NAME{SUFFIX}") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise Misconfigured(
            f"{path}: cannot be read ({describe_os_error(fault)}); it must be a readable UTF-8 file"
        ) from None


def _parse_json(path: Path, text: str) -> Any:
    try:
        return parse_strict(text, _LIMITS)
    except DuplicateKey as fault:
        raise Misconfigured(f"{path}: {fault.key!r} stands twice in one object; keep one of them") from None
    except NotJson as fault:
        where = f"line {fault.line}, column {fault.column}"
        raise Misconfigured(f"{path}: is not JSON at {where}: {fault.what}; mend that line") from None
    except NotStrict as fault:
        raise Misconfigured(f"{path}: cannot be read: {fault}; mend that") from None


def _make_field(name: str, keywords: Mapping[str, Any], schema: Mapping[str, Any]) -> FormField:
    voice = keywords["x-voice"]
    least, most = ("minimum", "maximum") if keywords["type"] in {"integer", "number"} else ("minLength", "maxLength")
    single = keywords.get("items", keywords)
    unit = _unit_of(name, schema["properties"])
    codes = voice.get("units", {}) if unit is not None else {}
    languages = {code: _make_wording(wording) for code, wording in keywords.get("x-languages", {}).items()}
    if unit is not None:
        named = {OWN_LANGUAGE: Wording((), ()), **languages}
        languages = {
            code: _with_units(one, code, unit["enum"], codes if code == OWN_LANGUAGE else {})
            for code, one in named.items()
        }
    return FormField(
        name=name,
        title=keywords.get("title", name),
        description=keywords.get("description", keywords.get("title", name)),
        kind=keywords["type"],
        labels=tuple(voice["labels"]),
        spoken=KINDS[voice["spoken"]],
        units=MappingProxyType(_plural_to_singular(codes) if codes else voice.get("units", {})),
        identifier=voice.get("identifier", False),
        catalogue=voice.get("catalogue"),
        check_digit=Gs1(voice["check_digit"]) if "check_digit" in voice else None,
        last_digits=voice.get("last_digits"),
        languages=MappingProxyType(languages),
        ask=voice["ask"],
        readback=voice["readback"],
        required=name in schema["required"],
        pattern=single.get("pattern"),
        exception=voice.get("exception", False),
        choices=tuple(keywords.get("enum", ())),
        least=single.get(least),
        most=single.get(most),
        usual=UsualRange(voice["usual"][least], voice["usual"][most]) if "usual" in voice else None,
        step=to_decimal(keywords["multipleOf"]) if "multipleOf" in keywords else None,
        order=DayOrder(voice["order"]) if "order" in voice else None,
        month_alone=MonthAlone(voice.get("partial", MonthAlone.NONE)),
        unit_of=voice.get("of"),
        codes=MappingProxyType(codes),
        factors_by=voice.get("item"),
        bare=voice.get("bare", False),
        unlabelled=voice.get("unlabelled", False),
        source=voice.get("source", False),
        many=range(keywords["minItems"], keywords["maxItems"] + 1) if keywords["type"] == "array" else None,
        distinct=keywords.get("uniqueItems", False),
        scan=tuple(keywords.get("x-scan", ())),
        ask_beside=MappingProxyType(voice.get("ask_beside", {})),
    )


def _plural_to_singular(codes: Mapping[str, str]) -> dict[str, str]:
    """Plural to singular unit words: the first two words of each code, or its only word for both."""
    words = {code: [word for word, meant in codes.items() if meant == code] for code in codes.values()}
    pairs = {of[0]: of[1] if len(of) > 1 else of[0] for of in words.values()}
    return pairs | {more: more for of in words.values() for more in of[2:]}


def _value_names(called: str | list[str]) -> tuple[str, ...]:
    """The names of a value, given as one string or a list."""
    return (called,) if isinstance(called, str) else tuple(called)


def _make_wording(given: Mapping[str, Any]) -> Wording:
    units, zero = given.get("units", ()), given.get("zero", ())
    return Wording(
        labels=tuple(given.get("labels", ())),
        units=tuple(units),
        ask=given.get("ask"),
        ask_beside=MappingProxyType(given.get("ask_beside", {})),
        readback=given.get("readback"),
        values=MappingProxyType({value: _value_names(called) for value, called in given.get("values", {}).items()}),
        verbs=MappingProxyType({value: _value_names(called) for value, called in given.get("verbs", {}).items()}),
        codes=MappingProxyType(units if isinstance(units, dict) else {}),
        true=tuple(given.get("true", ())),
        false=tuple(given.get("false", ())),
        counted=tuple(given.get("counted", ())),
        zero=MappingProxyType(zero if isinstance(zero, dict) else dict.fromkeys(zero, "")),
    )


def _with_units(wording: Wording, language: str, codes: Sequence[str], own: Mapping[str, str]) -> Wording:
    """The wording of a count with the language's shared unit words for codes that the form has no words for.

    `own`: further unit words of the form in this language, to codes. A word that the form defines keeps its meaning.
    """
    said, shared = {**own, **wording.codes}, language_named(language).units
    unsaid = [code for code in codes if code not in said.values()]
    more = {word: code for code in unsaid for word in shared.get(code, ()) if word not in said}
    return replace(wording, units=(*wording.units, *more), codes=MappingProxyType({**wording.codes, **more}))


def _faultless_fields(schema: Any, broken: Sequence[metaschema.Fault]) -> dict[str, Any]:
    """The fields without faults, which can be compared with one another."""
    fields = schema.get("properties") if isinstance(schema, dict) else None
    hurt = {fault.field for fault in broken}
    whole = fields if isinstance(fields, dict) else {}
    return {name: keywords for name, keywords in whole.items() if name not in hurt}


def _contradictions(fields: Mapping[str, Any], schema: Mapping[str, Any], expected: str) -> Iterator[str]:
    """Contradictions between the valid `fields` of a document and its form; `expected`: the name of its file."""
    yield from _form_contradictions(schema, expected)
    yield from role_faults(schema)
    yield from _no_identifier_faults(fields, schema)
    yield from _shared_word_faults(fields)
    yield from _ambiguous_opening_faults(fields, schema)
    yield from _shared_bare_word_faults(fields)
    yield from _scan_faults(fields)
    for field, keywords in fields.items():
        where = metaschema.format_json_pointer("properties", field)
        yield from _field_contradictions(keywords, where, spells=_may_hold_letters(fields))
        yield from _unit_contradictions(field, keywords, fields, schema["properties"])
        yield from _ask_beside_faults(keywords, schema["properties"], where)


def _form_contradictions(schema: Mapping[str, Any], expected: str) -> Iterator[str]:
    """Contradictions of the form itself; parts of a wrong type are skipped."""
    known = schema["properties"] if isinstance(schema.get("properties"), dict) else {}
    required = schema["required"] if isinstance(schema.get("required"), list) else []
    voice = schema["x-voice"] if isinstance(schema.get("x-voice"), dict) else {}
    if isinstance(name := voice.get("name"), str) and name != expected:
        yield f"#/x-voice/name: found {name!r}, but the file is named for {expected!r}; make them the same"
    for missing in [field for field in required if field not in known]:
        yield f"#/required: {missing!r} is no field; fields: {', '.join(known)}"
    if isinstance(readback := voice.get("readback"), str):
        yield from _placeholder_faults(readback, set(known), "#/x-voice/readback")
    lists = {part: voice[part] for part in ("identifies", "context") if isinstance(voice.get(part), list)}
    named = [(part, one) for part, listed in lists.items() for one in listed]
    closes = voice.get("closes")
    named += [("closes", closes)] if isinstance(closes, str) else []
    if isinstance(closes, str) and closes in known and required != [closes]:
        yield (
            f"#/required: found {', '.join(map(str, required)) or 'nothing'}, must be {closes}, which "
            "#/x-voice/closes names, and no other: nothing else is known when a trailer is closed"
        )
    for where, missing in [(where, field) for where, field in named if field not in known]:
        yield f"#/x-voice/{where}: {missing!r} is no field; fields: {', '.join(known)}"


def _no_identifier_faults(fields: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """The fault that no field identifies an entry, in which case the next entry would look like a correction."""
    known, required, voice = schema.get("properties"), schema.get("required"), schema.get("x-voice")
    if not (isinstance(known, dict) and isinstance(required, list) and isinstance(voice, dict)):
        return
    if len(fields) < len(known) or "identifies" in voice:  # an invalid field may be the identifying one
        return
    if not any(name in required for name, one in fields.items() if one["x-voice"].get("identifier")):
        yield (
            "#/x-voice/identifies: found nothing, and no required field is an 'identifier'; allowed: one or more of "
            f"{', '.join(known)}; name those by which one entry is told from the next: "
            f'"identifies": ["{next(iter(known))}"]'
        )


def _unit_of(name: str, fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The keywords of the field that holds the unit of field `name`."""
    return next((keywords for keywords in fields.values() if keywords["x-voice"].get("of") == name), None)


def _unit_contradictions(
    name: str, keywords: Mapping[str, Any], fields: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[str]:
    """Contradictions between a count and the field that holds its unit."""
    where, voice = metaschema.format_json_pointer("properties", name, "x-voice"), keywords["x-voice"]
    if KINDS[voice["spoken"]].by_unit:
        of = voice["of"]
        if of not in known or (of in fields and "units" not in fields[of]["x-voice"]):
            counted = [one for one, others in fields.items() if "units" in others["x-voice"]]
            yield f"{where}/of: {of!r} is no field that has 'units'; fields that have: {', '.join(counted) or 'none'}"
        by = voice.get("item", of)
        if "item" in voice and (by not in known or (by in fields and "catalogue" not in fields[by]["x-voice"])):
            named = [one for one, others in fields.items() if "catalogue" in others["x-voice"]]
            yield f"{where}/item: {by!r} is no field with a 'catalogue'; fields that have: {', '.join(named) or 'none'}"
        twins = [one for one, others in fields.items() if others["x-voice"].get("of") == of]
        if twins[0] != name:
            yield f"{where}/of: {of!r} has its unit in {twins[0]!r} already; keep one of the two"
    unit = _unit_of(name, fields)
    listed = [("x-voice/units", voice.get("units", {}))] + [
        (f"x-languages/{code}/{part}", wording[part])
        for code, wording in keywords.get("x-languages", {}).items()
        for part in ("units", "zero")
        if part in wording and not (part == "zero" and isinstance(wording[part], list))  # "none good" of no unit
    ]
    claimed = any(name == _counted_field(others) for one, others in known.items() if one not in fields)
    for place, units in () if claimed else listed:  # an invalid field may be the one that holds the unit
        yield from _unit_code_faults(units, unit, metaschema.format_json_pointer("properties", name) + f"/{place}")
    if unit is not None:
        said = {code for _, units in listed if isinstance(units, dict) for code in units.values()}
        said |= language_named(OWN_LANGUAGE).units.keys()
        for code in [code for code in unit["enum"] if code not in said]:
            yield f'{where}/units: no word says the code {code!r}; add one: "cases": "CS"'


def _ask_beside_faults(keywords: Mapping[str, Any], known: Mapping[str, Any], where: str) -> Iterator[str]:
    """Unknown fields in `ask_beside`: their questions would never be asked."""
    wordings = {"x-voice": keywords["x-voice"]}
    wordings |= {f"x-languages/{code}": wording for code, wording in keywords.get("x-languages", {}).items()}
    for place, words in wordings.items():
        for other in [name for name in words.get("ask_beside", {}) if name not in known]:
            yield f"{where}/{place}/ask_beside: {other!r} is no field; fields: {', '.join(known)}"


def _counted_field(keywords: Any) -> Any:
    """The name in a field's x-voice keyword `of`: the count whose unit it holds. Tolerates malformed keywords."""
    voice = keywords.get("x-voice") if isinstance(keywords, dict) else None
    return voice.get("of") if isinstance(voice, dict) else None


def _unit_code_faults(units: Any, unit: Mapping[str, Any] | None, where: str) -> Iterator[str]:
    if unit is None:
        strange = [meant for meant in units.values() if meant != meant.lower()] if isinstance(units, dict) else []
        if strange:
            yield f'{where}: found the code {strange[0]!r}, but no field holds the unit; write the word for one: "case"'
        elif isinstance(units, dict) and "x-languages" in where:
            yield f"{where}: found words with codes, but no field holds the unit; write a list of words"
        return
    if not isinstance(units, dict):
        yield f'{where}: found a list; a field holds the unit, so give each word its code: {{"kisten": "CS"}}'
        return
    for word, code in units.items():
        if code not in unit["enum"]:
            yield f"{where}: {word!r} stands for {code!r}; allowed: {', '.join(unit['enum'])}"


def _shared_bare_word_faults(fields: Mapping[str, Any]) -> Iterator[str]:
    """Words of a value without a label that are also a value of another field."""
    codes = {code for keywords in fields.values() for code in keywords.get("x-languages", {})}
    for code in sorted({OWN_LANGUAGE, *codes}):
        said = {name: list(_value_words_without_label(keywords, code)) for name, keywords in fields.items()}
        for name, keywords in fields.items():
            if not _is_bare(keywords):
                continue
            where = metaschema.format_json_pointer("properties", name)
            for other in [other for other in fields if other != name]:
                once = not _is_bare(fields[other]) or list(fields).index(other) > list(fields).index(name)
                for words in [words for words in said[name] if words in said[other]] if once else ():
                    yield (
                        f"{where}: {words!r} is said without a label and would be a value of {other!r} too; "
                        "rename one of them, or let it be said with its label (remove 'bare')"
                    )


def _scan_faults(fields: Mapping[str, Any]) -> Iterator[str]:
    """Application identifiers claimed by two fields, and net weights of a field whose unit excludes kilograms."""
    owner: dict[str, str] = {}
    for name, keywords in fields.items():
        where = metaschema.format_json_pointer("properties", name, "x-scan")
        for identifier in keywords.get("x-scan", ()):
            if owner.setdefault(identifier, name) != name:
                yield f"{where}: {identifier!r} already fills {owner[identifier]!r}; remove one of the two"
        unit = _unit_of(name, fields)
        if NET_WEIGHT in keywords.get("x-scan", ()) and unit is not None and KILOGRAM not in unit["enum"]:
            yield (
                f"{where}: {NET_WEIGHT!r} is in kilograms, and the field's unit allows {', '.join(unit['enum'])}; "
                f"add {KILOGRAM!r} to it"
            )


def _is_bare(keywords: Mapping[str, Any]) -> bool:
    return bool(keywords["x-voice"].get("bare") or keywords["type"] == "boolean")


def _value_words_without_label(keywords: Mapping[str, Any], code: str) -> Iterator[str]:
    """The words for a field's values in a language, without its label."""
    wording = keywords.get("x-languages", {}).get(code, {})
    if KINDS[keywords["x-voice"]["spoken"]].listed:
        named = wording.get("values", {})
        for choice in keywords.get("enum", ()):
            yield from {
                " ".join(phrase(one.replace("-", " "))) for one in (choice, *_value_names(named.get(choice, choice)))
            }
    for words in (*wording.get("true", ()), *wording.get("false", ())):
        yield " ".join(phrase(words))


def _shared_word_faults(fields: Mapping[str, Any]) -> Iterator[str]:
    """Words claimed by two fields, or reserved by a language for numbers, letters or fillers."""
    languages = {code for keywords in fields.values() for code in keywords.get("x-languages", {})}
    for code in sorted({OWN_LANGUAGE, *languages}):
        yield from _shared_word_faults_in(language_named(code), fields)


def _shared_word_faults_in(language: Language, fields: Mapping[str, Any]) -> Iterator[str]:
    owner: dict[str, str] = {}
    spells = _may_hold_letters(fields)
    for field, keywords in fields.items():
        for said in _words_of_field(language.code, field, keywords):
            if said.words in owner and (owner[said.words] != field or not said.may_be_label):
                yield f"{said.where}: {said.words!r} already belongs to {owner[said.words]!r}"
            owner.setdefault(said.words, field)
            for word in said.reserved_words(language, spells=spells):
                yield f"{said.where}: {said.words!r} cannot open a field: {word!r} is a number, a letter or a filler"


@dataclass(frozen=True, slots=True)
class _FieldWords:
    """Words of a field, with their JSON pointer."""

    where: str
    words: str
    is_unit: bool = False
    is_value: bool = False
    may_be_label: bool = False
    """True for words for "true" and for units, which may also be the label: "sealed: yes", "two short", "short two"."""

    def reserved_words(self, language: Language, *, spells: bool) -> list[str]:
        """The reserved words among these, if they make them unusable; `spells`: values may hold letters."""
        said = phrase(self.words)
        taken = [word for word in said if _is_reserved(language, word, spells=spells)]
        if self.is_value:  # "no milk": its other words distinguish it
            return taken if len(taken) == len(said) else []
        # Behind a number "kilo" is no letter.
        return [word for word in taken if not (self.is_unit and said == (word,) and said in CODE_WORDS)]


def _words_of_field(code: str, field: str, keywords: Mapping[str, Any]) -> Iterator[_FieldWords]:
    """A field's words in a language, each kind with its JSON pointer."""
    if code == OWN_LANGUAGE:
        voice = keywords["x-voice"]
        where = metaschema.format_json_pointer("properties", field, "x-voice")
        units = voice.get("units", {})
        yield from (_FieldWords(where, words) for words in voice["labels"])
        singular = [one for one in units.values() if one == one.lower()]  # no codes of units
        yield from _unit_words(where, dict.fromkeys([*units.keys(), *singular]), voice["labels"])
    where = metaschema.format_json_pointer("properties", field, "x-languages", code)
    wording = keywords.get("x-languages", {}).get(code, {})
    yield from (_FieldWords(where, words) for words in wording.get("labels", ()))
    yield from _unit_words(where, wording.get("units", ()), wording.get("labels", ()))
    yield from (_FieldWords(f"{where}/counted", words, is_unit=True) for words in wording.get("counted", ()))
    yield from (_FieldWords(f"{where}/zero", words, is_value=True) for words in wording.get("zero", ()))
    for called in wording.get("values", {}).values():
        yield from (_FieldWords(where, words, is_value=True) for words in _value_names(called))
    yield from (
        _FieldWords(f"{where}/true", words, is_value=True, may_be_label=True) for words in wording.get("true", ())
    )
    yield from (_FieldWords(f"{where}/false", words, is_value=True) for words in wording.get("false", ()))


def _unit_words(where: str, units: Iterable[str], labels: Collection[str]) -> Iterator[_FieldWords]:
    yield from (_FieldWords(where, words, is_unit=True, may_be_label=words in labels) for words in units)


def _may_hold_letters(fields: Mapping[str, Any]) -> bool:
    """Whether values of the form may hold letters, for which spelling alphabets reserve words."""
    return any(KINDS[one["x-voice"]["spoken"]].may_have_letters for one in fields.values())


def _is_reserved(language: Language, word: str, *, spells: bool) -> bool:
    """Whether the language reserves a word.

    Words that only spell a letter ("sugar") are free. Those of the NATO alphabet, the usual one, are reserved where the
    form `may_have_letters`.
    """
    if language.spells(word):
        return spells and any(word in code for code in CODE_WORDS)
    return word in language.hesitations or (word,) in language.cues or language.may_be_in_identifier(word)


def _ambiguous_opening_faults(fields: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Faults of the form's openings: of each that holds words with another meaning, or is a command."""
    voice, others = schema.get("x-voice"), schema.get("x-languages")
    listed = {OWN_LANGUAGE: ("#/x-voice/openings", voice)}
    for code, wording in others.items() if isinstance(others, dict) else ():
        if code in LANGUAGES:
            listed[code] = (f"#/x-languages/{code}/openings", wording)
    for code, (where, wording) in listed.items():
        openings = wording.get("openings") if isinstance(wording, dict) else None
        words = _words_by_field(code, fields) if openings else {}
        for opening in openings if isinstance(openings, list) else ():
            if isinstance(opening, str):
                fault = _opening_fault(phrase(opening), words, language_named(code))
                yield from () if fault is None else (f"{where}: {opening!r} {fault}",)


def _words_by_field(code: str, fields: Mapping[str, Any]) -> dict[str, set[Phrase]]:
    """All words of each field in a language, those of its values without a label among them."""
    return {
        field: {phrase(one.words) for one in _words_of_field(code, field, keywords)}
        | {tuple(words.split()) for words in _value_words_without_label(keywords, code)}
        for field, keywords in fields.items()
    }


def _opening_fault(opening: Phrase, words: Mapping[str, set[Phrase]], language: Language) -> str | None:
    said = {opening[at:end] for end in range(1, len(opening) + 1) for at in range(end)}
    for field, own in words.items():
        if held := own & said:
            return f"holds {' '.join(min(held))!r}, which belongs to {field!r}; leave that out"
    for word in opening:
        if _is_reserved(language, word, spells=True):
            return f"holds {word!r}, which is a number, a letter, a filler or a correction; leave that out"
    if len(opening) == 1 and any(
        opening in phrases for phrases in (*language.words.values(), *language.not_a_record.values())
    ):
        return "is said in talk too; add the word behind it"
    ends = ((at, end) for at in range(len(opening)) for end in language.not_a_record["denials"].ends(opening, at))
    if denials := [opening[at:end] for at, end in ends]:
        return f"holds {' '.join(min(denials))!r}, which says that something is not so; name another"
    if parse_command([Word(word, at, at + 1.0, 1.0) for at, word in enumerate(opening)], language) is not None:
        return "is a command to the device; name another"
    return None


def _field_contradictions(keywords: Mapping[str, Any], where: str, *, spells: bool) -> Iterator[str]:
    voice = keywords["x-voice"]
    single = keywords.get("items", keywords)
    units = {"unit"} if voice.get("units") else set()
    yield from _placeholder_faults(voice["readback"], {"value"} | units, f"{where}/x-voice/readback")
    for code, wording in keywords.get("x-languages", {}).items():
        if "readback" in wording:
            yield from _placeholder_faults(
                wording["readback"], {"value"} | units, f"{where}/x-languages/{code}/readback"
            )
    yield from _limit_order_faults(keywords, where)
    if "items" in keywords:
        yield from _limit_order_faults(single, f"{where}/items")
    if keywords["type"] == "number":
        yield from _step_and_digit_faults(keywords, where)
    yield from _limit_order_faults(voice.get("usual", {}), f"{where}/x-voice/usual")
    yield from _voice_contradictions(keywords, where, spells=spells)
    yield from _unknown_value_faults(keywords, f"{where}/x-languages")
    if "pattern" in single:
        of = f"{where}/items" if "items" in keywords else where
        yield from _pattern_faults(single["pattern"], KINDS[voice["spoken"]], f"{of}/pattern")


def _voice_contradictions(keywords: Mapping[str, Any], where: str, *, spells: bool) -> Iterator[str]:
    """Contradictions between a field's kind and its values."""
    voice = keywords["x-voice"]
    kind = KINDS[voice["spoken"]]
    if "usual" in voice and kind.is_said_by_name:
        yield f"{where}/x-voice/usual: is for what is spoken as digits or alphanumeric, not as {kind}"
    for limit in {"pattern", "minLength", "maxLength"} & keywords.keys() if "enum" in keywords else ():
        yield f"{where}/{limit}: stands beside 'enum', which says already which values there are; remove one"
    if kind.listed and "enum" not in keywords and "catalogue" not in voice:
        yield f"{where}: has no way to be spoken: give its values in 'enum' or name a 'catalogue'"
    if "last_digits" in voice and "catalogue" not in voice:
        yield f"{where}/x-voice/last_digits: needs a 'catalogue', whose values it says by their last digits"
    if voice.get("unlabelled") and ("catalogue" not in voice or not kind.is_code):
        yield f"{where}/x-voice/unlabelled: needs a 'catalogue' and is for what is spoken as alphanumeric"
    if "check_digit" in voice and not kind.is_digits:
        yield f"{where}/x-voice/check_digit: a GS1 key is spoken as digits, not as {kind}"
    if voice.get("exception") and "enum" not in keywords:
        yield f"{where}/x-voice/exception: needs an 'enum', whose values are said by themselves"
    yield from _bare_faults(keywords, f"{where}/x-voice/bare", spells=spells)


def _bare_faults(keywords: Mapping[str, Any], where: str, *, spells: bool) -> Iterator[str]:
    voice = keywords["x-voice"]
    if not voice.get("bare"):
        return
    if not KINDS[voice["spoken"]].listed:
        yield f"{where}: is for what is spoken as enum, not as {voice['spoken']}; remove it"
    elif "enum" not in keywords:
        yield f"{where}: needs an 'enum', whose values are said without a label"
    if voice.get("exception"):
        yield f"{where}: stands beside 'exception', whose values are said without a label too; remove one"
    for words in _value_words_without_label(keywords, OWN_LANGUAGE):
        if words and all(_is_reserved(language_named(OWN_LANGUAGE), word, spells=spells) for word in words.split()):
            yield (
                f"{where}: {words!r} cannot be said without a label: it is nothing but numbers, letters or fillers; "
                "rename it, or remove 'bare'"
            )


def _step_and_digit_faults(keywords: Mapping[str, Any], where: str) -> Iterator[str]:
    """Limits that are no multiples of the step, or that have more than `DECIMAL_DIGITS` digits."""
    step = to_decimal(keywords["multipleOf"])
    for limit in ("minimum", "maximum"):
        bound = to_decimal(keywords[limit])
        if bound % step:
            yield f"{where}/{limit}: {keywords[limit]} is no multiple of multipleOf {step}; no value can be equal to it"
        places = max(0, -int(step.as_tuple().exponent))
        if len(f"{abs(bound):.{places}f}".replace(".", "").lstrip("0")) > DECIMAL_DIGITS:
            yield f"{where}/{limit}: needs more than the {DECIMAL_DIGITS} digits that are kept exactly; make it smaller"


def _unknown_value_faults(keywords: Mapping[str, Any], where: str) -> Iterator[str]:
    for code, wording in keywords.get("x-languages", {}).items():
        for unknown in [value for value in wording.get("values", ()) if value not in keywords.get("enum", ())]:
            yield f"{where}/{code}/values: {unknown!r} is none of the field's values in 'enum'"


def _limit_order_faults(limits: Mapping[str, Any], where: str) -> Iterator[str]:
    for lower, upper in (("minLength", "maxLength"), ("minimum", "maximum"), ("minItems", "maxItems")):
        if lower in limits and upper in limits and limits[lower] > limits[upper]:
            yield f"{where}/{lower}: {limits[lower]} is above {upper} {limits[upper]}: nothing would be valid"


def _pattern_faults(pattern: str, spoken: FieldKind, where: str) -> Iterator[str]:
    try:
        shape = PatternShape.parse(pattern)
    except ValueError as fault:
        yield f"{where}: {fault}"
        return
    possible = frozenset(spoken.characters) or shape.spoken_characters
    if unsaid := "".join(sorted(shape.spoken_characters - possible)):
        hint = "; a separator stands by itself, not in [...]" if SEPARATORS & set(unsaid) else ""
        yield f"{where}: allows {unsaid!r}, which cannot be said as {spoken}{hint}"
    if spoken.is_single_letter and (shape.min_length, shape.max_length) != (1, 1):
        yield f"{where}: a field spoken as letter holds exactly one"


def _placeholder_faults(template: str, known: set[str], where: str) -> Iterator[str]:
    """Unknown placeholders, and those with a format or attribute: a template must not reach into a value."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as fault:
        yield f"{where}: {fault}"
        return
    for _, name, form, conversion in parts:
        if name is not None and (name not in known or form or conversion):
            yield f"{where}: {{{name}}} stands for nothing; allowed: {', '.join(f'{{{n}}}' for n in sorted(known))}"
