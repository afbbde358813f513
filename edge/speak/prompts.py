"""Prompt texts with slots, and codes in words: one file per language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from edge.agree.dialogue.orders import Prompt

LANGUAGES = ("en", "de", "fr", "es", "it")  # Those in which the device speaks: a file of prompts each.


@cache
def prompts(language: str) -> Mapping[Prompt, str]:
    """Every prompt in one of LANGUAGES; raises KeyError where its file lacks one."""
    table = _table(language)
    return MappingProxyType({prompt: table[prompt.value] for prompt in Prompt})


@cache
def codes(table: str, language: str) -> Mapping[str, str]:
    """What codes are called in one of LANGUAGES: `faults`, what is said when they are `mended`, and `reasons`."""
    return MappingProxyType(_table(language)[table])


def _table(language: str) -> dict[str, Any]:
    return tomllib.loads((files("edge.speak") / "prompts" / f"{language}.toml").read_text(encoding="utf-8"))
