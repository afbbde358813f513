"""Texts of the console and of dossiers: one folder for each language, in it one TOML file for each subject.

The console is there in each language that has `frame.toml`, dossiers in each that has `dossier.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

WORDS_FOLDER = Path(__file__).parent
_ACTION = "audit_"
"""Prefix of texts for actions in the audit log: they stand in the file of the page that carries them out."""


@cache
def languages(subject: str) -> tuple[str, ...]:
    """The codes of the languages that have this file, sorted."""
    return tuple(sorted(file.parent.name for file in WORDS_FOLDER.glob(f"*/{subject}.toml")))


def check_language(subject: str, code: str) -> str:
    """Validate a language code for pydantic. Raises ValueError."""
    if code not in languages(subject):
        raise ValueError(f"allowed are {', '.join(languages(subject))}")
    return code


def load_texts(language: str, subject: str) -> dict[str, str]:
    """Load the texts of one subject's file in a language."""
    return tomllib.loads((WORDS_FOLDER / language / f"{subject}.toml").read_text(encoding="utf-8"))


@cache
def all_texts(language: str) -> Mapping[str, str]:
    """All texts of a language by subject and key: `reviews.title` is `title` in reviews.toml."""
    return {
        f"action.{key.removeprefix(_ACTION)}" if key.startswith(_ACTION) else f"{file.stem}.{key}": text
        for file in sorted((WORDS_FOLDER / language).glob("*.toml"))
        for key, text in load_texts(language, file.stem).items()
    }
