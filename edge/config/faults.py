"""How what is wrong with settings is told: where it stands, what was found, what is allowed, and what may be meant."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

Key = tuple[str, ...]
"""The way to a key through the tables that hold it: `("deliver", "mqtt", "port")`."""

SHOWN = 60
"""Characters of a wrong value that are repeated: enough to find it, and the message stays one line."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a person must correct."""

    origin: str
    """What to open: a file, `environment`, `credentials` or `command line`."""
    told: str


@dataclass(frozen=True, slots=True)
class Origins:
    """Which source gave which key, so that a message names the one to mend."""

    file: str
    overrides: Mapping[str, Any]
    prefix: str
    """What the name of every variable begins with, in upper case."""
    variables: Mapping[str, str]
    """The variables that are set: upper-case name to the name as it was given."""
    credentials: Mapping[str, str]
    """The credentials that are there, in the same way."""

    def variable(self, key: Key) -> str:
        """The name of the variable for `key`."""
        return self.prefix + "__".join(key).upper()

    def fault(self, key: Key, words: str) -> Fault:
        """What is wrong with `key`, placed where its value came from."""
        name = self.variable(key)
        if _holds(self.overrides, key):
            return Fault("command line", f"{'.'.join(key)}: {words}")
        if name in self.variables:
            return Fault("environment", f"{self.variables[name]}: {words}")
        if name in self.credentials:
            return Fault("credentials", f"{self.credentials[name]}: {words}")
        return Fault(self.file, f"{'.'.join(key)}: {words}")


def named(table: Key, layers: Iterable[Mapping[str, Any]], origins: Origins) -> list[str]:
    """The names of the tables below `table` that any source gives: `[understand.clients.openai]` gives "openai"."""
    beginning = origins.variable(table) + "__"
    variables = [name for name in (*origins.variables, *origins.credentials) if name.startswith(beginning)]
    names = {name.removeprefix(beginning).split("__")[0].lower() for name in variables}
    return sorted(names.union(*(_below(layer, table) for layer in layers)))


def strays(keys: Collection[Key], origins: Origins) -> list[Fault]:
    """Variables and credentials that begin as ours do and name no key, and so would do nothing, unseen."""
    known = {origins.variable(key) for key in keys}
    given = [("environment", origins.variables), ("credentials", origins.credentials)]
    return [
        Fault(origin, f"{as_given}: {_stray(name, known)}")
        for origin, names in given
        for name, as_given in names.items()
        if name not in known
    ]


def told(error: ValidationError, keys: Mapping[Key, bool], origins: Origins) -> list[Fault]:
    """The faults that validation found, each key once. `keys` says of every key whether it is a secret."""
    by_key: dict[Key, list[Any]] = {}
    for detail in error.errors(include_url=False):
        by_key.setdefault(_key(detail, keys), []).append(detail)
    return [
        origins.fault(key, _words(key, details, keys))
        for key, details in by_key.items()
        # A variable that names no key is told as a stray.
        if not (_unknown(details) and origins.fault(key, "").origin in {"environment", "credentials"})
    ]


def line(faults: Iterable[Fault]) -> str:
    """All faults as one line, those of one origin together."""
    by_origin: dict[str, list[str]] = {}
    for fault in faults:
        by_origin.setdefault(fault.origin, []).append(fault.told)
    return "; ".join(f"{origin}: {'; '.join(found)}" for origin, found in by_origin.items())


def _key(detail: Any, keys: Mapping[Key, bool]) -> Key:
    # Behind the key, pydantic names the member of a union that was tried: hear.device.int.
    place = tuple(str(part) for part in detail["loc"] if part != "[key]")  # a table's name, not what it holds
    return next((place[:length] for length in range(1, len(place)) if place[:length] in keys), place)


def _unknown(details: list[Any]) -> bool:
    return bool(details[0]["type"] == "extra_forbidden")


def _words(key: Key, details: list[Any], keys: Mapping[Key, bool]) -> str:
    if _unknown(details):
        return f"no such key{_meant(key, keys)}"
    if details[0]["type"] == "missing":
        return "must be given"
    if details[0]["type"] == "model_type":
        return f"should be a table: a line [{'.'.join(key)}] with its keys below"
    first, *others = dict.fromkeys(_plain(detail["msg"]) for detail in details)
    allowed = " or ".join([first, *(other.removeprefix("should be ") for other in others)])
    return allowed + (f", found {_shown(details[0]['input'])}" if keys.get(key) is False else "")


def _plain(message: str) -> str:
    """Pydantic's message without its own noun in front: the key stands there already."""
    for noun in ("Input ", "String ", "Value error, ", "Value "):
        message = message.removeprefix(noun)
    return message


def _shown(found: object) -> str:
    text = json.dumps(found, ensure_ascii=False) if isinstance(found, str | bool | int | float) else str(type(found))
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _meant(key: Key, keys: Collection[Key]) -> str:
    """A key of the same name in another table, or one that is spelt nearly so."""
    dotted = {".".join(known) for known in keys} | {".".join(known[:-1]) for known in keys if len(known) > 1}
    elsewhere = [".".join(known) for known in keys if known[-1] == key[-1]]
    near = elsewhere or get_close_matches(".".join(key), dotted, n=1)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _stray(name: str, known: Collection[str]) -> str:
    if inside := sorted(variable for variable in known if variable.startswith(f"{name}__")):
        return f"is a whole table; set its keys one by one, such as {inside[0]}"
    near = get_close_matches(name, known, n=1)
    return f"names no key{f'; did you mean {near[0]}?' if near else ''}"


def _below(tree: Any, key: Key) -> list[str]:
    for part in key:
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return [str(name) for name in tree] if isinstance(tree, Mapping) else []


def _holds(tree: Any, key: Key) -> bool:
    for part in key:
        if not isinstance(tree, Mapping) or part not in tree:
            return False
        tree = tree[part]
    return True
