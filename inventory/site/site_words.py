"""Site words: validates the words that a site adds to its forms, and previews the effect of one more word.

It parses texts with the devices' own grammar, the only part of the inventory that does. No audio is recognised.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from dockvoice_protocol.errors import ManyFaults, Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import form_files_by_name, load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.grammar.tokens import token_texts
from dockvoice_protocol.forms.spoken.language import Language, language_named
from dockvoice_protocol.forms.spoken.reader import FIGURE, make_timed_words, read_fields, unexplained_phrases
from dockvoice_protocol.forms.spoken.sentences import value_faults
from dockvoice_protocol.forms.taught import WordAlreadyKnown, add_published_words, add_word
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import Word
from dockvoice_protocol.records.master import LABEL, OF_RULES, OF_WORDS, UNIT, Cells, Row

WORD_LANGUAGES = LANGUAGES  # Languages of words: the codes of those that devices read.

_CATALOGUES = 8  # Cache size: sites with their values and words.

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """A possible meaning of a word in a form."""

    field: str
    as_: str  # label or unit
    means: str  # For a unit that another field holds, its code.

    @property
    def key(self) -> str:
        """The meaning's key in forms of a page."""
        return f"{self.as_}/{self.field}/{self.means}"


class EffectKind(StrEnum):
    """The effect of a word on an utterance, the worst first."""

    OTHER = "other"  # It would be read as something other than known, or than before.
    WHOLE = "whole"  # All of it would be understood.
    MORE = "more"  # More of it would be understood.


@dataclass(frozen=True, slots=True)
class Transcript:
    """The transcript of an utterance, as far as the inventory has it."""

    about: str  # The caller's key.
    words: str = field(repr=False)
    known: Mapping[str, Any] = field(repr=False)  # Its known values, by field.


@dataclass(frozen=True, slots=True)
class TranscriptChange:
    """The effect of a word on one utterance."""

    said: Transcript
    becomes: EffectKind
    before: Mapping[str, Any] = field(repr=False)
    after: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class WordTrial:
    """The effects of a word."""

    looked_at: int
    changes: tuple[TranscriptChange, ...]


class SpokenForms:
    """The spoken forms of one site, with its current words."""

    def __init__(
        self, directory: Path, lists: Mapping[str, Sequence[Cells]], entered: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        """`lists`: master data by kind. `entered`: values by field, in place of lists that only devices have.

        Raises Misconfigured if there is no form, or if the words do not fit them.
        """
        self.plain = _spoken_forms(directory)
        self._words = tuple(lists.get(OF_WORDS, ()))
        self.catalogue = _parse_catalogue(_lists_as_cache_key(self.plain, lists, entered or {}))
        self._lists = frozenset(lists)
        self.forms = {name: _form_with_words(form, self._words, self.catalogue) for name, form in self.plain.items()}

    def missing_lists(self, form: str) -> list[str]:
        """The lists of a form that the inventory lacks; entered values replace them."""
        return sorted({one.catalogue for one in self.plain[form].fields if one.catalogue} - self._lists)

    def meanings(self, form: str) -> list[_Meaning]:
        """The possible meanings of a word in a form."""
        found = []
        for one in self.plain[form].fields:
            if one.spoken.by_unit:
                continue
            found.append(_Meaning(one.name, LABEL, ""))
            codes = dict.fromkeys(one.codes.values()) if one.codes else {"": None}
            found += [_Meaning(one.name, UNIT, code) for code in codes] if one.units else []
        return found

    def unexplained_words(self, said: str, form: str, language: str) -> frozenset[str]:
        """The words of a sentence, beside numbers, that a form does not use; empty for an unknown form or language."""
        if form not in self.forms or language not in LANGUAGES:
            return frozenset()
        return _find_unexplained(said, self.forms[form], self.catalogue, language)

    def faults_of_word(self, row: Cells) -> list[str]:
        """Reasons not to add a word; empty if it can be added."""
        form = self.plain.get(row.get("form", ""))
        if form is None:
            return [f"{row.get('form', '')!r}: is no form here; there are {', '.join(self.plain)}"]
        try:
            add_word(json.loads(json.dumps(dict(self.forms[form.name].schema))), row)
        except WordAlreadyKnown as fault:
            return [str(fault)]
        except Misconfigured:  # reported below, with all other faults
            pass
        return _find_faults(form, (*self._words, row), self.catalogue)

    def try_word(self, row: Cells, said: Iterable[Transcript]) -> WordTrial:
        """Parse the utterances with and without the word. Raises Misconfigured for a word that cannot be added."""
        before = self.forms[row["form"]]
        after = add_published_words(self.plain[before.name], (*self._words, row), self.catalogue)
        language, looked_at, changes = language_named(row["language"]), 0, list[TranscriptChange]()
        wanted = _normalise_words(row["word"], language)
        # Cached: an utterance such as "twelve" repeats a thousand times.
        holds = lru_cache(lambda words: _contains(_normalise_words(words, language), wanted))
        for one in said:
            looked_at += 1
            if not holds(one.words):
                continue  # without the word it is read as before
            was, would_be = (_parse_fields(one.words, form, self.catalogue, language.code) for form in (before, after))
            if (becomes := _classify_effect(one.known, was, would_be, after)) is not None:
                changes.append(TranscriptChange(one, becomes, was, would_be))
        order = list(EffectKind)
        return WordTrial(looked_at, tuple(sorted(changes, key=lambda change: order.index(change.becomes))))


def find_word_faults(rows: Sequence[Row], directory: Path, lists: Mapping[str, Sequence[Cells]]) -> list[str]:
    """The faults of the spoken words that a site adds, checked against their forms and the values of its lists."""
    forms, words = _spoken_forms(directory), [cells for _, cells in rows]
    there = ", ".join(forms)
    found = [
        f"{where}, column form: found {cells['form']!r}; there are {there}"
        for where, cells in rows
        if cells["form"] not in forms
    ]
    catalogue = _parse_catalogue(_lists_as_cache_key(forms, lists, {}))
    for name in dict.fromkeys(cells["form"] for cells in words):
        found += _find_faults(forms[name], words, catalogue) if name in forms else []
    return found


def find_list_faults(kind: str, rows: Sequence[Row], directory: Path) -> list[str]:
    """Faults of a list's values that no form can be filled with, so that devices would refuse them."""
    where = {cells["value"]: at for at, cells in rows}
    catalogue = _parse_catalogue(json.dumps({kind: [dict(cells) for _, cells in rows]}, sort_keys=True))
    found: dict[tuple[str, str], list[str]] = {}
    for name, form in _spoken_forms(directory).items():
        for one in (its for its in form.fields if its.catalogue == kind):
            for value, fault in value_faults(one, catalogue):
                found.setdefault((value, fault), []).append(name)
    order = {value: at for at, value in enumerate(where)}
    return [
        f"{where[value]}, column value: {fault}: devices that fill {', '.join(forms)} would take none of the list"
        for (value, fault), forms in sorted(found.items(), key=lambda one: order[one[0][0]])
    ]


def _spoken_forms(directory: Path) -> Mapping[str, Form]:
    """The spoken forms of a directory, by name. Raises Misconfigured if there is no form."""
    files = form_files_by_name(directory)
    return _load_forms(tuple((name, path, path.stat().st_mtime_ns) for name, path in files.items()))


def list_filled_fields(directory: Path) -> frozenset[str]:
    """The fields of any form that are filled from a list of the catalogue. Raises Misconfigured."""
    return frozenset(one.name for form in _spoken_forms(directory).values() for one in form.fields if one.catalogue)


@lru_cache(maxsize=2)
def _load_forms(files: tuple[tuple[str, Path, int], ...]) -> Mapping[str, Form]:
    found = {}
    for name, path, _ in files:
        try:
            found[name] = load_form(path)
        except Misconfigured as fault:  # its entries are validated all the same: inventory.forms
            log.warning("no words can be tried for a form: %s", fault)
    return found


def _lists_as_cache_key(
    forms: Mapping[str, Form], lists: Mapping[str, Sequence[Cells]], entered: Mapping[str, Iterable[str]]
) -> str:
    """The lists of values for forms as one text, a cache key."""
    rows = {kind: [dict(one) for one in of] for kind, of in lists.items() if kind not in {OF_RULES, OF_WORDS}}
    for form in forms.values():
        for one in form.fields:
            if one.catalogue is not None and one.catalogue not in lists:
                known = rows.setdefault(one.catalogue, [])
                there = {row["value"] for row in known}
                usable = (value for value in entered.get(one.name, ()) if one.item_field.allows(value))
                known += [{"value": value} for value in usable if value not in there]
    return json.dumps(rows, sort_keys=True)


@lru_cache(maxsize=_CATALOGUES)
def _parse_catalogue(values: str) -> Catalogue:
    return Catalogue.from_rows(json.loads(values))


@lru_cache(maxsize=_CATALOGUES * 16)
def _cached_form_with_words(form: Form, words: str, catalogue: Catalogue) -> Form:
    return add_published_words(form, json.loads(words), catalogue)


def _form_with_words(form: Form, words: Sequence[Cells], catalogue: Catalogue) -> Form:
    return _cached_form_with_words(
        form, json.dumps([dict(one) for one in words if one["form"] == form.name]), catalogue
    )


def _find_faults(form: Form, words: Sequence[Cells], catalogue: Catalogue) -> list[str]:
    try:
        add_published_words(form, words, catalogue)
    except ManyFaults as fault:
        return list(fault.faults)
    except Misconfigured as fault:
        return [str(fault)]
    return []


@lru_cache(maxsize=4096)
def _find_unexplained(said: str, form: Form, catalogue: Catalogue, code: str) -> frozenset[str]:
    language = language_named(code)
    return unexplained_phrases(make_timed_words(said, form, catalogue, language), form, catalogue, language)


def remove_number_placeholders(said: str) -> str:
    """The phrase without its number placeholders: "door" of "door #"."""
    return " ".join(one for one in said.split() if one != FIGURE)


def _normalise_words(said: str, language: Language) -> tuple[str, ...]:
    """The words in the form that the grammar compares."""
    return token_texts([Word(one, 0.0, 0.0, 1.0) for one in said.split()], language)


def _contains(words: Sequence[str], wanted: Sequence[str]) -> bool:
    return any(tuple(words[at : at + len(wanted)]) == tuple(wanted) for at in range(len(words)))


def _parse_fields(said: str, form: Form, catalogue: Catalogue, code: str) -> dict[str, Any]:
    """Parse the words; return each field with one value."""
    language = language_named(code)
    fields = read_fields(make_timed_words(said, form, catalogue, language), form, catalogue, language)
    return {name: _to_json_value(one.value) for name, one in fields.items() if one.value is not None}


def _to_json_value(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _classify_effect(
    known: Mapping[str, Any], was: Mapping[str, Any], would_be: Mapping[str, Any], form: Form
) -> EffectKind | None:
    if was == would_be:
        return None
    stood = {**{name: _to_json_value(value) for name, value in known.items()}, **was}
    lost = was.keys() - would_be.keys()
    if lost or any(name in stood and stood[name] != value for name, value in would_be.items()):
        return EffectKind.OTHER
    whole = form.required_fields <= would_be.keys()
    return EffectKind.WHOLE if whole else EffectKind.MORE
