"""Adds a site's published words to the fields of a form.

The words are validated as those of the form's file are, and also against existing meanings: a known value, a command, a
word by which the language corrects, denies, asks or doubts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dockvoice_protocol.errors import ManyFaults, Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import form_from_schema
from dockvoice_protocol.forms.model import OWN_LANGUAGE, Form
from dockvoice_protocol.forms.spoken import check_speakable
from dockvoice_protocol.forms.spoken.commands import parse_command
from dockvoice_protocol.forms.spoken.folding import phrase
from dockvoice_protocol.forms.spoken.grammar.lexicon import Role
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.reader import cached_lexicon
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import Word
from dockvoice_protocol.records.master import UNIT, WORDS, Cells

_OF_LANGUAGE = frozenset(
    {
        Role.CUE,
        Role.CONTRAST,
        Role.CHOICE,
        Role.RANGE,
        Role.HEDGE_BEFORE,
        Role.HEDGE_BEHIND,
        Role.QUESTION,
        Role.TAKEN_BACK,
        Role.NOT_THIS_PLACE,
    }
)
"""Roles of a language's phrases that a form's word must not replace: without them records would be wrong."""

_STRANGERS = "strangers"  # The one mood that a form's word may replace: "truck" is other talk only by a guess.


class WordAlreadyKnown(Misconfigured):
    """The form's file has the same word with the same meaning."""


def add_published_words(form: Form, words: Iterable[Cells], catalogue: Catalogue) -> Form:
    """The form with the words published for it; the form itself where there are none.

    Raises ManyFaults with the faults of each word.
    """
    own = [one for one in words if one.get("form") == form.name]
    if not own:
        return form
    schema = json.loads(json.dumps(dict(form.schema)))
    faults: list[str] = []
    for one in own:
        try:
            add_word(schema, one)
            faults += _collisions(form, catalogue, one)
        except WordAlreadyKnown:  # this device's form file has the same word by now
            continue
        except Misconfigured as fault:
            faults.append(str(fault))
    if faults:
        raise ManyFaults(f"form {form.name!r}: {'; '.join(faults)}", faults)
    return form_from_schema(schema, form.name, f"form {form.name!r} with the words published")


def add_catalogue_words(forms: Iterable[Form], catalogue: Catalogue) -> tuple[Form, ...]:
    """The forms, each with the catalogue's words for it, checked against the catalogue's values.

    Raises Misconfigured.
    """
    learned = tuple(add_published_words(form, catalogue.words, catalogue) for form in forms)
    for form in learned:
        check_speakable(form, catalogue)
    return learned


def add_word(schema: dict[str, Any], row: Cells) -> None:
    """Insert one word into a form's schema, in place. Raises AlreadyKnown, or Misconfigured for an invalid row."""
    _, name, sort, means, word, code = (row.get(column, "") for column in WORDS)
    said, fields = " ".join(word.casefold().split()), schema.get("properties", {})
    if name not in fields:
        raise Misconfigured(f"{said!r}: {name!r}: the form has no such field; it has {', '.join(fields)}")
    if code not in LANGUAGES:
        raise Misconfigured(f"{said!r}: language {code!r} is not read here; allowed: {', '.join(LANGUAGES)}")
    written = fields[name].get("x-languages", {})
    if code != OWN_LANGUAGE and code not in written:
        there = ", ".join(dict.fromkeys((OWN_LANGUAGE, *written)))
        raise Misconfigured(f"{said!r}: field {name!r} has no words in {code!r}; it has some in {there}")
    known = _known_words(fields[name], sort, code)
    if said in known and known[said] in {means, None}:
        raise WordAlreadyKnown(f"{said!r}: is a {sort} of {name!r} already")
    wording = fields[name].setdefault("x-languages", {}).setdefault(code, {})
    if sort == UNIT:
        _add_unit(schema, name, wording, means, said)
    else:
        wording.setdefault("labels", []).append(said)


def _known_words(field: Mapping[str, Any], sort: str, language: str) -> dict[str, str | None]:
    """The field's existing words of a sort (label, unit) in a language, to their codes; None for words without one."""
    own = field.get("x-voice", {}) if language == OWN_LANGUAGE else {}
    wording = field.get("x-languages", {}).get(language, {})
    written = wording.get(f"{sort}s", ())
    found: dict[str, str | None] = dict(written) if isinstance(written, dict) else dict.fromkeys(written)
    given = own.get(f"{sort}s", ())
    if not isinstance(given, dict):
        return {**dict.fromkeys(given), **found}
    are_codes = any(one != one.lower() for one in given.values())
    return {**(given if are_codes else dict.fromkeys([*given, *given.values()])), **found}


def _add_unit(schema: Mapping[str, Any], name: str, wording: dict[str, Any], means: str, said: str) -> None:
    fields = schema["properties"]
    if "units" not in fields[name].get("x-voice", {}):
        raise Misconfigured(f"{said!r}: the field {name!r} counts nothing, so it has no units; make it a label")
    holds = [one for one in fields.values() if one.get("x-voice", {}).get("of") == name]
    if not holds:
        if means:
            raise Misconfigured(f"{said!r}: no field of the form holds the unit of {name!r}; leave 'means' empty")
        wording.setdefault("units", []).append(said)
        return
    if means not in (codes := holds[0].get("enum", ())):
        raise Misconfigured(f"{said!r}: as a unit of {name!r} it means one of {', '.join(codes)}; found {means!r}")
    wording.setdefault("units", {})[said] = means


def _collisions(form: Form, catalogue: Catalogue, row: Cells) -> Iterator[str]:
    """Existing meanings of the word that `form_from_schema` does not check."""
    said, language = phrase(row["word"]), language_named(row["language"])
    for use in cached_lexicon(form, catalogue, language).uses(said):
        if use.role is Role.VALUE:
            yield f"{row['word']!r}: says {use.value!r} of {use.field!r} already"
        elif use.role in _OF_LANGUAGE or (use.role is Role.MOOD and use.value != _STRANGERS):
            yield f"{row['word']!r}: is a word by which the language corrects, denies, asks or doubts; choose another"
    if parse_command(_to_words(said), language) is not None:
        yield f"{row['word']!r}: is a command to the device; choose another"


def _to_words(said: Sequence[str]) -> list[Word]:
    return [Word(one, at, at + 1.0, 1.0) for at, one in enumerate(said)]
