"""Languages: a folder for each, with all that the device needs to listen, to read and to answer in it.

`grammar.toml` has the words around dictation, numbers and letters; `prompts.toml` the spoken texts; `voices.toml` how
it sounds, and what services call it; `captions.toml` what transcribing models write for silence; `misspellings.toml`
what Whisper writes for words. To add a language: docs/recipes.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import tomli

OWN = "en"  # The language of the forms' own words; it comes first wherever languages are listed.

_DIRECTORY = files(__package__)

LANGUAGES = (
    OWN,
    *sorted(one.name for one in _DIRECTORY.iterdir() if (one / "grammar.toml").is_file() and one.name != OWN),
)
"""The codes of the languages that have a folder, ISO 639-1."""


@cache
def load_table(code: str, file: str) -> Mapping[str, Any]:
    """A parsed file of a language: its `grammar`, `prompts`, `voices`, `captions` or `misspellings`."""
    return tomli.loads((_DIRECTORY / code / f"{file}.toml").read_text(encoding="utf-8"))
