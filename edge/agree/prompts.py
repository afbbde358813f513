"""What the device says, by prompt: texts with slots, kept in one file per language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

LANGUAGES = ("en", "de", "fr", "es", "it")
"""Those in which the device speaks: a file of prompts each."""


class Prompt(StrEnum):
    """The prompts. Slots: `entry` and `field` are read back as the form says, the others are text."""

    READBACK = "readback"
    READBACK_AMENDED = "readback_amended"
    ASK_FIELD = "ask_field"
    CHOOSE = "choose"
    CONFIRM_FIELD = "confirm_field"
    CONFIRM_ENTRY = "confirm_entry"
    CONFIRM_CANCEL = "confirm_cancel"
    CONFIRM_INSTEAD = "confirm_instead"
    RESTORED = "restored"
    PROVE = "prove"
    PROVE_SET = "prove_set"
    CHECK_WRONG = "check_wrong"
    WHAT_IS_WRONG = "what_is_wrong"
    REPEAT = "repeat"
    DROPPED = "dropped"
    CANCELLED = "cancelled"
    KEPT_AS_IT_IS = "kept_as_it_is"
    NOTHING_TO_CANCEL = "nothing_to_cancel"
    NOTHING_TO_CORRECT = "nothing_to_correct"
    NOTHING_SAID = "nothing_said"
    WAITING_NONE = "waiting_none"
    WAITING = "waiting"
    WAITING_REFUSED = "waiting_refused"
    LAST_ENTRY = "last_entry"
    LAST_REFUSED = "last_refused"
    NO_ENTRY = "no_entry"
    HELP = "help"
    HELP_HELD = "help_held"
    HELP_ASKING = "help_asking"
    HELP_CHOOSING = "help_choosing"
    HELP_CONFIRMING = "help_confirming"
    HELP_PROVING = "help_proving"
    HELP_PAUSED = "help_paused"
    HELP_SIGNED_OFF = "help_signed_off"
    PAUSED = "paused"
    RESUMED = "resumed"
    LISTENING = "listening"
    LOUDER = "louder"
    SOFTER = "softer"
    FASTER = "faster"
    SLOWER = "slower"
    SIGNED_ON = "signed_on"
    SIGNED_OFF = "signed_off"
    SIGN_ON_FIRST = "sign_on_first"
    UNKNOWN_OPERATOR = "unknown_operator"
    PARKED = "parked"
    DEFERRED = "deferred"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    TROUBLE = "trouble"
    DELIVERING = "delivering"
    FAULT = "fault"
    HEALED = "healed"


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
    return tomllib.loads((files("edge.agree") / "prompts" / f"{language}.toml").read_text(encoding="utf-8"))
