"""Plays: typed conversations given as JSON lines, each run in a fresh session and answered with its results.

For a site that tests its own wording before use, and for programs that drive conversations: `dockvoice talk --plays
FILE`.
"""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.strict_json import NotJson, NotStrict, parse_strict
from edge.agent.dialogue_driver import Render
from edge.agree.dialogue.session import DialogueSettings
from edge.keep.journal import Journal
from lab.rehearsal import Play, Rehearsal, WrongStep, parse_expected_list, parse_operators

_JsonLine = dict[str, Any]

_KEYS: dict[str, tuple[type, str]] = {
    "form": (str, "the name of a form"),
    "hand": (list, "a list of names of forms"),
    "language": (str, 'a language, such as "en"'),
    "list": (list, 'a list of strings such as "trailer 5501: 742 24 CS A100"'),
    "operators": (str, 'a string such as "471 ana = op-17"'),
}
"""The settings that a conversation may give: the type of each, and its description in error messages."""

_OBJECT = 'allowed is an object such as {"lines": ["pallet 742", "/wait"]}'

_SWIFT = Path("/dev/shm")  # noqa: S108 - a directory in memory, where there is one: a play's journal is thrown away
"""Memory file system for journals: a flush to disk at each step would take some milliseconds."""


class _WrongPlay(ValueError):
    """Invalid JSON line of a play; the message gives the value found and the values allowed."""


def run_json_plays(
    lines: Iterable[bytes], default_rules: Play, forms: Mapping[str, Form], render: Render, settings: DialogueSettings
) -> Iterator[_JsonLine]:
    """Run each JSON line as a play; yield its result, or an object with `error` for an invalid line.

    `{"lines": [...]}` is a whole play. `{"begin": {...}}`, `{"line": ...}` and `{"end": true}` run one step by step.
    `default_rules` gives the defaults of a line.
    """
    with _empty_journal_directories() as fresh:
        gc.freeze()  # as the agent does once it is ready
        stage = _PlaySession(default_rules, forms, lambda play: Rehearsal(play, fresh(), render, settings))
        for number, line in enumerate(lines, start=1):
            try:
                yield stage.run_line(line)
            except (_WrongPlay, WrongStep) as fault:
                yield {"error": f"line {number}: {fault}"}
        stage.close()


class _PlaySession:
    """Runs the plays of successive JSON lines, at most one conversation open at a time."""

    def __init__(self, usual: Play, forms: Mapping[str, Form], rehearsal: Callable[[Play], Rehearsal]) -> None:
        self._usual = usual
        self._forms = forms
        self._made = rehearsal
        self._held: Rehearsal | None = None

    def run_line(self, typed: bytes) -> _JsonLine:
        """Execute one JSON line; return its result. Raises _WrongPlay, WrongStep."""
        match row := _parse_line(typed):
            case {"begin": dict(keys)}:
                self.close()
                self._held = self._made(_parse_play(keys, self._usual, self._forms))
                return self._held.begin()
            case {"line": str(line)}:
                return self._open_rehearsal.step(line.strip())
            case {"end": True}:
                result = self._open_rehearsal.result()
                self.close()
                return result
            case {"lines": list(lines), **given} if all(isinstance(one, str) for one in lines):
                return self._run_play([one.strip() for one in lines], given)
            case {"lines": found}:
                raise _WrongPlay(f"lines: found {found!r:.60}, allowed is a list of strings")
            case _:
                allowed = '{"lines": [...]}, {"begin": {...}}, {"line": "..."} or {"end": true}'
                raise _WrongPlay(f"found {', '.join(map(repr, row)) or 'nothing'}, allowed is {allowed}")

    def close(self) -> None:
        """Close the open conversation, if any, and delete its journal."""
        if self._held is not None:
            self._held.close()
            shutil.rmtree(self._held.directory)
        self._held = None

    @property
    def _open_rehearsal(self) -> Rehearsal:
        if self._held is None:
            raise _WrongPlay('found a step, and no conversation is held; allowed is {"begin": {...}} before it')
        return self._held

    def _run_play(self, lines: list[str], given: _JsonLine) -> _JsonLine:
        self.close()
        self._held = held = self._made(_parse_play(given, self._usual, self._forms))
        try:
            turns = [held.begin(), *(held.step(one) for one in lines)]
            return {**held.result(), "turns": turns}
        finally:
            self.close()


@contextmanager
def _empty_journal_directories() -> Iterator[Callable[[], Path]]:
    """Yield a function that makes a directory with an empty journal by copying a template."""
    within = _SWIFT if _SWIFT.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="dockvoice-plays-", dir=within) as directory:
        empty = Path(directory) / "empty"
        Journal.open(empty).close()

        def fresh() -> Path:
            return Path(shutil.copytree(empty, Path(directory) / "play"))

        yield fresh


def _parse_line(line: bytes) -> _JsonLine:
    try:
        row = parse_strict(line)
    except NotStrict as fault:
        where = f": {fault.what}, column {fault.column}" if isinstance(fault, NotJson) else ""
        raise _WrongPlay(f"{fault}{where}; {_OBJECT}") from fault
    if not isinstance(row, dict):
        raise _WrongPlay(f"found {type(row).__name__}, {_OBJECT}")
    return row


def _check_keys(given: _JsonLine) -> None:
    if unknown := sorted(given.keys() - set(_KEYS)):
        raise _WrongPlay(f"found the key {unknown[0]!r}, allowed are lines, {', '.join(_KEYS)}")
    for key, value in given.items():
        wanted, allowed = _KEYS[key]
        if not isinstance(value, wanted) or (
            isinstance(value, list) and not all(isinstance(one, str) for one in value)
        ):
            raise _WrongPlay(f"{key}: found {value!r:.60}, allowed is {allowed}")


def _parse_play(given: _JsonLine, usual: Play, forms: Mapping[str, Form]) -> Play:
    _check_keys(given)
    hand = given.get("hand", [])
    name = given.get("form", hand[0] if hand else usual.rules.form.name)
    language = given.get("language", usual.language)
    if language not in LANGUAGES:
        raise _WrongPlay(f"language: found {language!r:.60}, allowed are {', '.join(LANGUAGES)}")
    for one in (name, *hand):
        if one not in forms:
            raise _WrongPlay(f"form: found {one!r:.60}, allowed are {', '.join(sorted(forms))}")
    at_hand = tuple(forms[one] for one in hand)
    if not at_hand and name == usual.rules.form.name:
        at_hand = usual.at_hand
    rules = replace(usual.rules, form=forms[name], language=language_named(language))
    try:
        lists = tuple(map(parse_expected_list, given.get("list", ())))
        operators = parse_operators(given["operators"]) if "operators" in given else usual.operators
    except ValueError as fault:
        raise _WrongPlay(str(fault)) from fault
    return Play(rules, language, usual.sending, at_hand, operators, lists)
