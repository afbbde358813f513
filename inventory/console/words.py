"""What the pages say, in the language of whoever reads them: a folder for each language, a file for each subject."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from starlette.datastructures import Headers

FOLDER = Path(__file__).with_name("words")

LANGUAGES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "it": "Italiano"}
"""As each calls itself, so that whoever reads no other finds his own."""


@cache
def words_of(language: str) -> Mapping[str, str]:
    """Every word of a language: `reviews.title` is `title` in its reviews.toml."""
    return {
        f"{file.stem}.{key}": words
        for file in sorted((FOLDER / language).glob("*.toml"))
        for key, words in tomllib.loads(file.read_text(encoding="utf-8")).items()
    }


def word(language: str, key: str, values: Mapping[str, object]) -> str:
    """One of them, with what stands in it."""
    found = words_of(language)[key]
    return found.format(**values) if values else found


def word_or(language: str, key: str, otherwise: str) -> str:
    """One of them; where there is none, as for a code of a later version of the devices, something else."""
    return words_of(language).get(key, otherwise)


def chosen(cookie: str | None, headers: Headers, otherwise: str) -> str:
    """The language for a browser: the one chosen here, else the first it asks for that we have."""
    if cookie in LANGUAGES:
        return str(cookie)
    wanted = [part.partition(";")[0].strip().lower()[:2] for part in headers.get("accept-language", "").split(",")]
    return next((language for language in wanted if language in LANGUAGES), otherwise)
